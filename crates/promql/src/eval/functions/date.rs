//! Parts of the date and time, in UTC, of a number of seconds since the Unix epoch.

use super::super::number;
use crate::ast::Function;

const DAY: i64 = 86_400;

/// Part of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Minute,
    Hour,
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
    DaysInMonth,
    Month,
    Year,
}

impl DatePart {
    /// Returns the part that a function returns; `None` if it is another function.
    pub(crate) fn of_function(function: Function) -> Option<Self> {
        Some(match function {
            Function::Minute => Self::Minute,
            Function::Hour => Self::Hour,
            Function::DayOfWeek => Self::DayOfWeek,
            Function::DayOfMonth => Self::DayOfMonth,
            Function::DayOfYear => Self::DayOfYear,
            Function::DaysInMonth => Self::DaysInMonth,
            Function::Month => Self::Month,
            Function::Year => Self::Year,
            _ => return None,
        })
    }

    /// Returns the part of a time in seconds; the fraction of a second is ignored.
    pub(crate) fn of(self, seconds: f64) -> f64 {
        let seconds = number::whole(seconds);
        let (day, in_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let part = match self {
            Self::Minute => in_day / 60 % 60,
            Self::Hour => in_day / 3600,
            Self::DayOfWeek => (day.rem_euclid(7) + 4) % 7,
            _ => {
                let date = Date::of_day(day);
                match self {
                    Self::DayOfMonth => date.day,
                    Self::DayOfYear => day - first_of(date.year, 1) + 1,
                    Self::DaysInMonth if date.month == 12 => 31,
                    Self::DaysInMonth => first_of(date.year, date.month + 1) - first_of(date.year, date.month),
                    Self::Month => date.month,
                    _ => date.year,
                }
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a year has at most 12 digits")]
        let part = part as f64;
        part
    }
}

/// Date of the proleptic Gregorian calendar.
struct Date {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
}

impl Date {
    /// Returns the date of a day since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    fn of_day(day: i64) -> Self {
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        }
    }
}

/// Returns the day since 1970-01-01 of the first of a month; the same source.
fn first_of(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn parts_of_dates_follow_the_calendar() {
        use DatePart::{DayOfMonth, DayOfWeek, DayOfYear, DaysInMonth, Hour, Minute, Month, Year};
        let table = [
            (0.0, [1970.0, 1.0, 1.0, 4.0, 1.0, 31.0, 0.0, 0.0]),
            (1_136_239_445.0, [2006.0, 1.0, 2.0, 1.0, 2.0, 31.0, 22.0, 4.0]),
            (951_868_800.5, [2000.0, 3.0, 1.0, 3.0, 61.0, 31.0, 0.0, 0.0]),
            (951_782_400.0, [2000.0, 2.0, 29.0, 2.0, 60.0, 29.0, 0.0, 0.0]),
            (1_230_767_999.0, [2008.0, 12.0, 31.0, 3.0, 366.0, 31.0, 23.0, 59.0]),
            (-1.0, [1969.0, 12.0, 31.0, 3.0, 365.0, 31.0, 23.0, 59.0]),
        ];
        let parts = [Year, Month, DayOfMonth, DayOfWeek, DayOfYear, DaysInMonth, Hour, Minute];
        for (seconds, expected) in table {
            assert_eq!(parts.map(|part| part.of(seconds)), expected, "{seconds}");
        }
        // No number of seconds overflows.
        assert!(parts.iter().all(|part| part.of(f64::MAX).is_finite() && part.of(f64::MIN).is_finite()));
        assert_eq!(DatePart::of_function(Function::DayOfYear), Some(DayOfYear));
    }
}
