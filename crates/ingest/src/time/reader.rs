//! Reads the time of a row by the format that was decided for its columns.

use timestrata::Timestamp;

use super::civil::{Civil, days_from_date, days_of_month};
use super::{AutoError, DateOrder, Moment, TimeForm, elapsed, epoch, excel, parse_auto, parse_joined, pattern};

/// Part of a time in a column of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimePart {
    Year,
    /// Year of every row, by an option; it takes no text.
    GivenYear(i64),
    /// Quarter of the year, from 1 to 4; the first day counts.
    Quarter,
    Month,
    Day,
    /// Day of the year; the first is 1.
    DayOfYear,
    Hour,
    Minute,
    Second,
    /// Millisecond of a whole second.
    Millisecond,
    /// Hour and minute as one number, such as 2300.
    HourMinute,
    /// Hour, minute and second as one number, such as 230000.
    HourMinuteSecond,
    /// Seconds since midnight, with a fraction.
    SecondOfDay,
}

/// How the text of the time columns is read. Several columns are joined with one space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeReader {
    /// Any form that can be read in one way only.
    Auto { order: DateOrder, is_joined: bool },
    /// As `Auto`, but an offset or `Z` must be there.
    Rfc3339,
    /// Units of `10^power` nanoseconds since 1970.
    Epoch { power: i32 },
    /// Elapsed time since the origin; bare numbers are units of `10^power` nanoseconds.
    Elapsed { power: i32, origin: Timestamp },
    /// Serial days of a spreadsheet.
    Excel,
    /// Two times with a slash between them, of which one counts.
    Period { is_end: bool },
    /// Pattern of `strftime`.
    Pattern(String),
    /// Pattern of `strftime` for times without a year, and the year of all of them.
    YearPattern { pattern: String, year: i64 },
    /// Every column is a number.
    Parts(Vec<TimePart>),
    /// The first column is a date, and every other one a number.
    DateAndParts { order: DateOrder, parts: Vec<TimePart> },
}

impl TimeReader {
    /// Returns the name of the format, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Auto { .. } => "auto".to_owned(),
            Self::Rfc3339 => "rfc3339".to_owned(),
            Self::Epoch { power } => format!("{} since 1970", epoch::unit_name(*power)),
            Self::Elapsed { power, origin } => format!("{} since {origin}", epoch::unit_name(*power)),
            Self::Excel => "excel".to_owned(),
            Self::Period { is_end: false } => "start of a period".to_owned(),
            Self::Period { is_end: true } => "end of a period".to_owned(),
            Self::Pattern(pattern) => pattern.clone(),
            Self::YearPattern { pattern, year } => format!("{pattern} of {year}"),
            Self::Parts(parts) => format!("{parts:?}"),
            Self::DateAndParts { parts, .. } => format!("a date and {parts:?}"),
        }
    }

    /// Parses a text that is not empty. The error is the reason why it is invalid.
    pub(crate) fn parse(&self, text: &str) -> Result<Moment, String> {
        match self {
            Self::Auto { order, is_joined } => {
                let parsed = if *is_joined { parse_joined(text, *order) } else { parse_auto(text, *order, false) };
                parsed.map(|parsed| parsed.moment).map_err(|error| error.reason(text))
            }
            Self::Rfc3339 => match parse_auto(text, DateOrder::Undecided, false) {
                Ok(parsed) if parsed.form.has_zone => Ok(parsed.moment),
                _ => Err(format!("{text:?} is not RFC 3339, such as 2013-01-01T06:00:00Z")),
            },
            Self::Epoch { power } => epoch::parse(text, *power).map(Timestamp::from_nanos).map(Moment::At),
            Self::Elapsed { power, origin } => {
                let at = origin.checked_add_nanos(elapsed::parse(text, *power)?);
                at.map(Moment::At).ok_or_else(|| epoch::out_of_range(text))
            }
            Self::Excel => excel::parse(text).map(Moment::Local),
            Self::Period { is_end } => {
                let (start, end) = text.split_once('/').ok_or_else(|| format!("{text:?} is no period start/end"))?;
                let read = |text: &str| {
                    let parsed = parse_auto(text, DateOrder::Undecided, false);
                    parsed.map(|parsed| parsed.moment).map_err(|error| error.reason(text))
                };
                let (start, end) = (read(start)?, read(end)?);
                Ok(if *is_end { end } else { start })
            }
            Self::Pattern(pattern) => pattern::parse(text, pattern),
            Self::YearPattern { pattern, year } => {
                let read = pattern::parse(&format!("{year:04} {text}"), &format!("%Y {pattern}"));
                read.map_err(|_| format!("{text:?} does not match {pattern:?} in the year {year}"))
            }
            Self::Parts(parts) => {
                let mut fields = Fields::default();
                fields.read(parts, text)?;
                fields.moment(text)
            }
            Self::DateAndParts { order, parts } => {
                let mut texts = text.rsplitn(parts.len() + 1, ' ');
                let clock: Vec<&str> = texts.by_ref().take(parts.len()).collect();
                let date = texts.next().unwrap_or_default();
                let parsed = parse_auto(date, *order, true).or_else(|error| match compact_date(date) {
                    Some(local) => Ok(super::ParsedTime { moment: Moment::Local(local), form: TimeForm::default() }),
                    None => Err(error),
                });
                let Moment::Local(day) = parsed.map_err(|error: AutoError| error.reason(date))?.moment else {
                    return Err(format!("{date:?} has a zone, and is not a date alone"));
                };
                let mut fields = Fields::default();
                let clock: Vec<&str> = clock.into_iter().rev().collect();
                fields.read(parts, &clock.join(" "))?;
                fields.clock(day, parts, text)
            }
        }
    }
}

/// Returns `true` for two times with a slash between them.
pub(crate) fn is_period(text: &str) -> bool {
    TimeReader::Period { is_end: false }.parse(text).is_ok()
}

/// Returns the day of a date of eight digits.
fn compact_date(text: &str) -> Option<Civil> {
    let number: i64 = text.parse().ok().filter(|_| text.len() == 8)?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let is_date =
        (1_677..=2_262).contains(&year) && (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
    is_date.then(|| Civil { days: days_from_date(year, month, day), second: 0, nanos: 0, is_second_sixty: false })
}

/// Returns the number of a clock such as 093000 or 93000.
fn hour_minute_second(text: &str) -> Option<i64> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    digits.parse().ok().filter(|number| (0..=240_000).contains(number) && number % 100 < 60)
}

/// Numbers of the parts; absent ones are the first of their kind.
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    /// Second in nanoseconds.
    second: i64,
    millisecond: i64,
}

impl Default for Fields {
    fn default() -> Self {
        Self { year: 1970, month: None, day: None, day_of_year: None, hour: 0, minute: 0, second: 0, millisecond: 0 }
    }
}

impl Fields {
    fn read(&mut self, parts: &[TimePart], text: &str) -> Result<(), String> {
        let mut texts = text.split(' ').filter(|text| !text.is_empty());
        for part in parts {
            if let TimePart::GivenYear(year) = part {
                self.year = *year;
                continue;
            }
            let text = texts.next().ok_or_else(|| format!("{text:?} has fewer numbers than there are time columns"))?;
            let number = || {
                let digits = text.strip_suffix(".0").unwrap_or(text);
                digits.parse::<i64>().ok().filter(|number| (0..=9_999).contains(number))
            };
            let whole = || number().ok_or_else(|| format!("{text:?} is not a whole number of {part:?}"));
            match part {
                TimePart::Year => self.year = whole()?,
                TimePart::GivenYear(year) => self.year = *year,
                TimePart::Quarter => {
                    let quarter = whole()?;
                    if !(1..=4).contains(&quarter) {
                        return Err(format!("{text:?} is no quarter from 1 to 4"));
                    }
                    self.month = Some(quarter * 3 - 2);
                }
                TimePart::Month => self.month = Some(whole()?),
                TimePart::Day => self.day = Some(whole()?),
                TimePart::DayOfYear => self.day_of_year = Some(whole()?),
                TimePart::Hour => self.hour = whole()?,
                TimePart::Minute => self.minute = whole()?,
                TimePart::Second if epoch::is_below_nanosecond(text, 9) => {
                    return Err(format!("{text:?} has digits below a nanosecond"));
                }
                TimePart::Second => self.second = epoch::parse(text, 9)?,
                TimePart::Millisecond => self.millisecond = whole()?,
                TimePart::HourMinute => {
                    let number = whole()?;
                    (self.hour, self.minute) = (number / 100, number % 100);
                }
                TimePart::HourMinuteSecond => {
                    let number = hour_minute_second(text).ok_or_else(|| format!("{text:?} is no clock hhmmss"))?;
                    (self.hour, self.minute) = (number / 10_000, number / 100 % 100);
                    self.second = number % 100 * super::civil::NANOS_PER_SECOND;
                }
                TimePart::SecondOfDay => {
                    const NANOS_PER_MINUTE: i64 = 60 * super::civil::NANOS_PER_SECOND;
                    let nanos = epoch::parse(text, 9)?;
                    if nanos < 0 {
                        return Err(format!("{text:?} is no second of the day"));
                    }
                    (self.hour, self.minute) = (nanos / NANOS_PER_MINUTE / 60, nanos / NANOS_PER_MINUTE % 60);
                    self.second = nanos % NANOS_PER_MINUTE;
                }
            }
        }
        Ok(())
    }

    fn moment(&self, text: &str) -> Result<Moment, String> {
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let is_date = (1_677..=2_262).contains(&self.year)
            && (1..=12).contains(&month)
            && (1..=days_of_month(self.year, month)).contains(&day);
        if !is_date {
            return Err(format!("{text:?} is no date of the calendar between 1677 and 2262"));
        }
        let mut days = days_from_date(self.year, month, day);
        if let Some(day_of_year) = self.day_of_year {
            let by_day = days_from_date(self.year, 1, 1) + day_of_year - 1;
            // Columns of the month and the day must mean the same day.
            let last = match (self.month, self.day) {
                (_, Some(_)) => days,
                (Some(_), None) => days + days_of_month(self.year, month) - 1,
                (None, None) => days_from_date(self.year, 12, 31),
            };
            if !(days..=last).contains(&by_day) {
                return Err(format!("{text:?} has no such day of the year"));
            }
            days = by_day;
        }
        self.clock(Civil { days, second: 0, nanos: 0, is_second_sixty: false }, &[], text)
    }

    /// Adds the clock to a day, whose own clock must be midnight. The hour 24 is the next midnight.
    fn clock(&self, day: Civil, parts: &[TimePart], text: &str) -> Result<Moment, String> {
        const NANOS: i64 = super::civil::NANOS_PER_SECOND;
        // A date with a clock may have its milliseconds in a column of their own.
        if parts == [TimePart::Millisecond] && day.nanos == 0 && (0..=999).contains(&self.millisecond) {
            return Ok(Moment::Local(Civil { nanos: self.millisecond * 1_000_000, ..day }));
        }
        if day.second != 0 || day.nanos != 0 || day.is_second_sixty {
            return Err(format!("{text:?} has two clocks: one behind its date, and one in columns of its own"));
        }
        if self.millisecond > 999 || (self.millisecond > 0 && self.second % NANOS != 0) {
            return Err(format!("{text:?} has no such millisecond beside its second"));
        }
        let second = self.second + self.millisecond * 1_000_000;
        let is_next_day = self.hour == 24 && self.minute == 0 && second == 0;
        if (self.hour > 23 && !is_next_day) || self.minute > 59 || !(0..61 * NANOS).contains(&second) {
            return Err(format!("{text:?} has no such clock"));
        }
        let hour = if is_next_day { 0 } else { self.hour };
        let (second, nanos) = (second / NANOS, second % NANOS);
        Ok(Moment::Local(Civil {
            days: day.days + i64::from(is_next_day),
            second: hour * 3_600 + self.minute * 60 + second.min(59),
            nanos,
            is_second_sixty: second == 60,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{RowOrder, SeriesClock, ZoneResolver};

    fn utc(reader: &TimeReader, text: &str) -> Result<String, String> {
        let moment = reader.parse(text)?;
        let at = ZoneResolver::new(None, RowOrder::Ascending).resolve(&moment, &SeriesClock::default(), text)?;
        Ok(at.to_string())
    }

    #[test]
    fn parts_of_a_time_are_put_together() {
        use TimePart::{Day, Hour, HourMinute, Month, Year};
        let parts = TimeReader::Parts(vec![Year, Month, Day, Hour]);
        assert_eq!(utc(&parts, "2024 1 1 24").as_deref(), Ok("2024-01-02T00:00:00Z"));
        assert!(
            utc(&parts, "2024 1 32 0").is_err() && utc(&parts, "2024 1 1").is_err() && utc(&parts, "x 1 1 1").is_err()
        );
        let days = TimeReader::Parts(vec![Year, TimePart::DayOfYear, HourMinute]);
        assert_eq!(utc(&days, "2018 291 5").as_deref(), Ok("2018-10-18T00:05:00Z"));
        assert_eq!(utc(&days, "2016 366 2359").as_deref(), Ok("2016-12-31T23:59:00Z"));
        assert!(utc(&days, "2018 366 0").is_err() && utc(&days, "2018 0 0").is_err());
        let given = TimeReader::Parts(vec![TimePart::GivenYear(2020), TimePart::DayOfYear, Hour]);
        assert_eq!(utc(&given, "366 24").as_deref(), Ok("2021-01-01T00:00:00Z"));
        let both = TimeReader::Parts(vec![Year, TimePart::DayOfYear, Month, Day]);
        assert_eq!(utc(&both, "2019 56 2 25").as_deref(), Ok("2019-02-25T00:00:00Z"));
        assert!(utc(&both, "2019 56 2 26").is_err() && utc(&both, "2019 200 1 1").is_err());
        let month = TimeReader::Parts(vec![Year, TimePart::DayOfYear, Month]);
        assert_eq!(utc(&month, "2019 56 2").as_deref(), Ok("2019-02-25T00:00:00Z"));
        assert!(utc(&month, "2019 56 1").is_err() && utc(&month, "2019 56 3").is_err());
        assert_eq!(utc(&TimeReader::Parts(vec![Year]), "1950.0").as_deref(), Ok("1950-01-01T00:00:00Z"));
        let clock = [TimePart::Minute, TimePart::Second, TimePart::Millisecond];
        let milliseconds = TimeReader::Parts([vec![Year, Month, Day, Hour], clock.to_vec()].concat());
        assert_eq!(utc(&milliseconds, "2014 4 10 0 0 05 238").as_deref(), Ok("2014-04-10T00:00:05.238Z"));
        assert!(
            utc(&milliseconds, "2014 4 10 0 0 5.5 238").is_err() && utc(&milliseconds, "2014 4 10 0 0 5 1000").is_err()
        );
        assert_eq!(utc(&milliseconds, "2014 4 10 0 0 5.25 0").as_deref(), Ok("2014-04-10T00:00:05.25Z"));
        assert!(utc(&milliseconds, "2014 4 10 0 0 5.99999999999 0").is_err());
        let quarters = TimeReader::Parts(vec![Year, TimePart::Quarter]);
        assert_eq!(utc(&quarters, "1959 2").as_deref(), Ok("1959-04-01T00:00:00Z"));
        assert!(utc(&quarters, "1959 5").is_err() && utc(&quarters, "1959 0").is_err());
        let date = |part| TimeReader::DateAndParts { order: DateOrder::Undecided, parts: vec![part] };
        assert_eq!(utc(&date(Hour), "2024-01-01 23").as_deref(), Ok("2024-01-01T23:00:00Z"));
        assert_eq!(utc(&date(HourMinute), "20240101 1530").as_deref(), Ok("2024-01-01T15:30:00Z"));
        assert!(utc(&date(Hour), "2024-01-01 25").is_err());
        assert_eq!(utc(&date(Hour), "2024-01-01 00:00:00 5").as_deref(), Ok("2024-01-01T05:00:00Z"));
        for date_with_clock in ["2024-01-01 10:00", "2024-01-01 00:00:00.25", "2016-12-31 23:59:60"] {
            assert!(utc(&date(Hour), &format!("{date_with_clock} 5")).is_err(), "{date_with_clock}");
        }
    }

    #[test]
    fn a_period_counts_at_its_start_or_its_end() {
        let text = "2020-06-01T12:00:00.0/2020-06-01T12:01:00.0";
        assert_eq!(utc(&TimeReader::Period { is_end: false }, text).as_deref(), Ok("2020-06-01T12:00:00Z"));
        assert_eq!(utc(&TimeReader::Period { is_end: true }, text).as_deref(), Ok("2020-06-01T12:01:00Z"));
        for text in ["2020-06-01", "a/b", "2020-06-01/b", "01/02/2024"] {
            assert!(utc(&TimeReader::Period { is_end: false }, text).is_err(), "{text}");
        }
    }

    #[test]
    fn rfc_3339_needs_a_zone() {
        assert!(utc(&TimeReader::Rfc3339, "2024-01-01T00:00:00").is_err());
        assert!(utc(&TimeReader::Rfc3339, "2024-01-01T00:00:00Z").is_ok());
    }
}
