//! Calendar times without a zone, their distance from 1970, and leap seconds.

use jiff::civil::DateTime;

pub(crate) const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Date and clock without a zone; the fields are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    /// Days since 1970-01-01. An hour 24 has become the next day.
    pub(crate) days: i64,
    /// Second of the day, below 86,400; a second 60 is 59 here.
    pub(crate) second: i64,
    /// Nanosecond of the second.
    pub(crate) nanos: i64,
    /// `true` if the second was written as 60.
    pub(crate) is_second_sixty: bool,
}

impl Civil {
    /// Returns the nanoseconds since 1970 as if the time were UTC; `None` outside the range of timestamps.
    pub(crate) fn utc_nanos(self) -> Option<i64> {
        let seconds = i128::from(self.days * SECONDS_PER_DAY + self.second);
        i64::try_from(seconds * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos)).ok()
    }

    /// Returns the time as the calendar library represents it; `None` outside its range.
    pub(crate) fn to_date_time(self) -> Option<DateTime> {
        let seconds = self.days * SECONDS_PER_DAY + self.second;
        let at = jiff::Timestamp::new(seconds, i32::try_from(self.nanos).ok()?).ok()?;
        Some(jiff::tz::TimeZone::UTC.to_datetime(at))
    }
}

/// Returns the days since 1970-01-01 of a date of the Gregorian calendar, by Howard Hinnant's `days_from_civil`.
pub(crate) fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns the number of days of a month.
pub(crate) fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Dates in UTC whose last second is a leap second, all of them so far (IERS Bulletin C).
const LEAP_DATES: [(i64, i64, i64); 27] = [
    (1972, 6, 30),
    (1972, 12, 31),
    (1973, 12, 31),
    (1974, 12, 31),
    (1975, 12, 31),
    (1976, 12, 31),
    (1977, 12, 31),
    (1978, 12, 31),
    (1979, 12, 31),
    (1981, 6, 30),
    (1982, 6, 30),
    (1983, 6, 30),
    (1985, 6, 30),
    (1987, 12, 31),
    (1989, 12, 31),
    (1990, 12, 31),
    (1992, 6, 30),
    (1993, 6, 30),
    (1994, 6, 30),
    (1995, 12, 31),
    (1997, 6, 30),
    (1998, 12, 31),
    (2005, 12, 31),
    (2008, 12, 31),
    (2012, 6, 30),
    (2015, 6, 30),
    (2016, 12, 31),
];

/// Returns `true` if a leap second follows this second, which is given in seconds since 1970 in UTC.
pub(crate) fn precedes_leap_second(second: i64) -> bool {
    LEAP_DATES
        .iter()
        .any(|(year, month, day)| (days_from_date(*year, *month, *day) + 1) * SECONDS_PER_DAY == second + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        assert_eq!(days_from_date(1970, 1, 1), 0);
        assert_eq!(days_from_date(2024, 2, 29), 19_782);
        assert_eq!(days_from_date(1677, 9, 22), -106_751);
        assert_eq!((days_of_month(2024, 2), days_of_month(1900, 2), days_of_month(2000, 2)), (29, 28, 29));
    }

    #[test]
    fn leap_seconds_are_those_of_the_list() {
        assert!(precedes_leap_second(1_483_228_799));
        assert!(!precedes_leap_second(1_483_228_800) && !precedes_leap_second(1_704_067_199));
    }
}
