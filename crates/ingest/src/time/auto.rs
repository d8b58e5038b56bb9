//! Times in any form that can be read in one way only.
//!
//! A date is `2024-01-31`, `2024/1/31`, `31.01.2024`, `31/12/2024` or `12/31/2024` (the order of day and month comes from
//! the data), `1974Q1`, `1 Jan 2024`, `Jan 1, 2024`, or `20240131T`. A clock, an offset or a zone may follow. What could be read in
//! two ways is [`AutoError::DayOrMonth`], and a bare number is no time.

use timestrata::Timestamp;

use super::TimeFormat;
use super::civil::{Civil, days_from_date};
use super::moment::Moment;
use super::scanner::Scanner;

/// Order of day and month in dates such as `01/02/2024`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DateOrder {
    /// Only dates that decide it themselves are accepted.
    #[default]
    Undecided,
    DayFirst,
    MonthFirst,
}

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AutoError {
    /// Day and month could change places.
    DayOrMonth,
    /// The text is a bare number.
    Number,
    /// The reason, as a sentence about the text.
    Other(String),
    /// The text has no form of a time.
    NoTime,
}

/// Properties of the form of a time.
#[expect(clippy::struct_excessive_bools, reason = "independent properties of a text")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TimeForm {
    /// Separator of a date of day, month and year in numbers.
    pub(crate) day_month_separator: Option<char>,
    /// Order that this text decides.
    pub(crate) order: DateOrder,
    pub(crate) has_clock: bool,
    pub(crate) has_seconds: bool,
    pub(crate) has_fraction: bool,
    pub(crate) has_am_pm: bool,
    pub(crate) has_zone: bool,
    /// Pattern of the offset behind the clock.
    pub(crate) offset_pattern: Option<&'static str>,
}

impl TimeForm {
    /// Returns the pattern of `strftime` for a date of day, month and year in numbers.
    pub(crate) fn pattern(&self, order: DateOrder) -> String {
        let separator = self.day_month_separator.unwrap_or('/');
        let (first, second) = if order == DateOrder::MonthFirst { ('m', 'd') } else { ('d', 'm') };
        let mut pattern = format!("%{first}{separator}%{second}{separator}%Y");
        if self.has_clock {
            pattern.push_str(if self.has_am_pm { " %I:%M" } else { " %H:%M" });
            pattern.push_str(if self.has_seconds { ":%S" } else { "" });
            pattern.push_str(if self.has_fraction { "%.f" } else { "" });
            pattern.push_str(if self.has_am_pm { " %p" } else { "" });
            pattern.push_str(self.offset_pattern.unwrap_or_default());
        }
        pattern
    }
}

/// A time and its form.
#[derive(Debug, Clone)]
pub(crate) struct ParsedTime {
    pub(crate) moment: Moment,
    pub(crate) form: TimeForm,
}

impl AutoError {
    /// Returns the reason for a message about `text`.
    pub(crate) fn reason(&self, text: &str) -> String {
        match self {
            Self::DayOrMonth => format!("{text:?} may be day/month or month/day"),
            Self::Number => match TimeFormat::of_number(text) {
                Some(unit) => format!("{text:?} is a number: give its unit with the time format {unit}"),
                None => format!("{text:?} is a number, and not a time"),
            },
            Self::Other(reason) => format!("{text:?} {reason}"),
            Self::NoTime => format!("{text:?} is not a time such as 2013-01-01T06:00:00Z or 2013-01-01 06:00"),
        }
    }
}

/// Returns `true` if the text is a clock without a date, such as `00:15` or `11:00 PM`.
pub(crate) fn is_clock(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    let mut form = TimeForm::default();
    text.contains(':') && scanner.clock(&mut form, false).is_ok_and(|clock| clock.is_some()) && scanner.is_at_end()
}

/// Parses a text. `allow_compact` accepts `20240131` as the date before a clock.
pub(crate) fn parse_auto(text: &str, order: DateOrder, allow_compact: bool) -> Result<ParsedTime, AutoError> {
    if let Some(parsed) = parse_common(text.as_bytes()) {
        return Ok(parsed);
    }
    if !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
    {
        return Err(AutoError::Number);
    }
    if text.len() > 100 {
        return Err(AutoError::NoTime);
    }
    Scanner::new(text).time(order, allow_compact)
}

/// Parses the commonest forms fast: `2024-01-31 00:00:00`, with `T`, a fraction and `Z`.
fn parse_common(text: &[u8]) -> Option<ParsedTime> {
    let digits = |at: usize, count: usize| {
        text.get(at..at + count)?
            .iter()
            .try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
    let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
    let separators = [text[4], text[7], text[10], text[13], text[16]];
    if !matches!(separators, [b'-', b'-', b'T' | b' ', b':', b':'])
        || !(1..=12).contains(&month)
        || !(1..=28).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let (mut at, mut nanos) = (19, 0);
    let has_fraction = text.get(19) == Some(&b'.');
    if has_fraction {
        at += 1;
        let mut unit = 100_000_000;
        while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
            nanos += unit * i64::from(digit - b'0');
            (at, unit) = (at + 1, unit / 10);
        }
        if !(21..=29).contains(&at) {
            return None;
        }
    }
    let has_zone = match &text[at..] {
        [] => false,
        b"Z" => true,
        _ => return None,
    };
    let days = days_from_date(year, month, day);
    let local = Civil { days, second: hour * 3_600 + minute * 60 + second, nanos, is_second_sixty: false };
    let moment = if has_zone { Moment::At(Timestamp::from_nanos(local.utc_nanos()?)) } else { Moment::Local(local) };
    let form = TimeForm { has_clock: true, has_seconds: true, has_fraction, has_zone, ..TimeForm::default() };
    Some(ParsedTime { moment, form })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{RowOrder, SeriesClock, ZoneResolver};

    fn utc(text: &str, order: DateOrder) -> Result<String, AutoError> {
        let parsed = parse_auto(text, order, false)?;
        let mut resolver = ZoneResolver::new(None, RowOrder::Ascending);
        resolver
            .resolve(&parsed.moment, &SeriesClock::default(), text)
            .map(|at| at.to_string())
            .map_err(AutoError::Other)
    }

    #[test]
    fn every_form_that_can_be_read_in_one_way_is_read() {
        for (text, expected) in [
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
            ("2024-01-01t00:00:00z", "2024-01-01T00:00:00Z"),
            ("2024-01-31 23:59:59.5", "2024-01-31T23:59:59.5Z"),
            ("2024/1/1 0:15", "2024-01-01T00:15:00Z"),
            ("2017-6-30 09:48:00", "2017-06-30T09:48:00Z"),
            ("2024-01-01 00:00:00 UTC", "2024-01-01T00:00:00Z"),
            ("2024-01-01 00:00:00 +02:00", "2023-12-31T22:00:00Z"),
            ("2024-01-01 00:00:00 +0100", "2023-12-31T23:00:00Z"),
            ("2024-01-01 00:00:00+01", "2023-12-31T23:00:00Z"),
            ("2024-01-01 00:00:00 +0000 UTC", "2024-01-01T00:00:00Z"),
            ("Mon, 01 Jan 2024 00:00:00 +0000", "2024-01-01T00:00:00Z"),
            ("Mon, 1 Jan 2024 00:00:00 GMT", "2024-01-01T00:00:00Z"),
            ("1 Jan 2024", "2024-01-01T00:00:00Z"),
            ("01-Jan-2024 10:00", "2024-01-01T10:00:00Z"),
            ("Jan 1, 2024 3:04 PM", "2024-01-01T15:04:00Z"),
            ("Jan-1-1995", "1995-01-01T00:00:00Z"),
            ("Dec/31/1995 10:00", "1995-12-31T10:00:00Z"),
            ("1974Q1", "1974-01-01T00:00:00Z"),
            ("1974-Q4", "1974-10-01T00:00:00Z"),
            ("1974 q2", "1974-04-01T00:00:00Z"),
            ("Mon Jan  1 00:00:00 2024", "2024-01-01T00:00:00Z"),
            ("Sunday, 31 Dec 2023 24:00", "2024-01-01T00:00:00Z"),
            ("Thu. 1 Jan 1970", "1970-01-01T00:00:00Z"),
            ("Wed 31 Dec 1969 23:00 -0500", "1970-01-01T04:00:00Z"),
            ("Mon Jan  1 00:00:00 UTC 2024", "2024-01-01T00:00:00Z"),
            ("Mon Jan 01 2024 00:00:00 GMT+0100 (Central European Time)", "2023-12-31T23:00:00Z"),
            ("01/Jan/2024:00:00:00 +0100", "2023-12-31T23:00:00Z"),
            ("31/12/2013 23:00", "2013-12-31T23:00:00Z"),
            ("12/31/2013 11:00 PM", "2013-12-31T23:00:00Z"),
            ("5/5/2024", "2024-05-05T00:00:00Z"),
            ("01.02.2024 10:00", "2024-02-01T10:00:00Z"),
            ("1/31/2024, 12:00:00 AM", "2024-01-31T00:00:00Z"),
            ("20240131T235959Z", "2024-01-31T23:59:59Z"),
            ("2024-01-31 24:00", "2024-02-01T00:00:00Z"),
            ("2024-12-31T24:00:00Z", "2025-01-01T00:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2017-01-01T00:59:60+01:00", "2016-12-31T23:59:59Z"),
            ("2024-01", "2024-01-01T00:00:00Z"),
            ("2024-01-01T00:00:00,123", "2024-01-01T00:00:00.123Z"),
            ("2024-01-01T00:00:00[America/New_York]", "2024-01-01T05:00:00Z"),
            ("2024-07-01T00:00:00-04:00[America/New_York]", "2024-07-01T04:00:00Z"),
        ] {
            assert_eq!(utc(text, DateOrder::Undecided).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_wrong_is_refused() {
        assert_eq!(utc("01/02/2024", DateOrder::Undecided), Err(AutoError::DayOrMonth));
        assert_eq!(utc("01/02/2024", DateOrder::DayFirst).as_deref(), Ok("2024-02-01T00:00:00Z"));
        assert_eq!(utc("01/02/2024", DateOrder::MonthFirst).as_deref(), Ok("2024-01-02T00:00:00Z"));
        for text in ["45292", "45292.5", "20240101", "-1", "1e9"] {
            assert_eq!(utc(text, DateOrder::Undecided), Err(AutoError::Number), "{text}");
        }
        for text in [
            "",
            "x",
            "2024-13-01",
            "2024-02-30",
            "2024-01-01 25:00",
            "2024-01-01 24:01",
            "2024-01-01 00:00:60",
            "00:15",
            "1/2/24",
            "2024-01-01 00:00 CET",
            "9999-01-01",
            "2024-01-01 13:00 PM",
            "2024-01-01[Nowhere/City]",
            "2024-07-01T00:00:00-05:00[America/New_York]",
            "2024-01-01x",
            "31/12/2013 x",
            "\u{e9}\u{e9}\u{e9}\u{e9}",
            "2024 1 1",
            "192.168.1.1",
            "1.2.3",
            "10-20",
            "1974Q5",
            "1974Q1 10:00",
            "1974Q",
            "1974M1",
            "Jan-1-95",
            "Jan-1995",
            "Mar",
        ] {
            assert!(utc(text, DateOrder::Undecided).is_err(), "{text}");
        }
        assert!(utc("31/12/2013", DateOrder::MonthFirst).is_err());
        for text in ["Tue, 01 Jan 2024 00:00:00 +0000", "Tue Jan  1 00:00:00 UTC 2024", "tuesday 2024-01-01"] {
            let reason = AutoError::Other("names a Tuesday, and its date is a Monday".to_owned());
            assert_eq!(utc(text, DateOrder::Undecided), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_clock_alone_is_no_time_but_is_recognised() {
        assert!(is_clock("00:15") && is_clock("11:00 PM") && is_clock("24:00") && is_clock("1:02:03.5"));
        assert!(!is_clock("15") && !is_clock("2024-01-01 00:15") && !is_clock("a:b") && !is_clock("00:61"));
    }
}
