//! Times in any form that can be read in one way only.
//!
//! A date is `2024-01-31`, `2024/1/31`, `31.01.2024`, `31/12/2024` or `12/31/2024` (the order of day and month comes from
//! the data), `1 Jan 2024`, `Jan 1, 2024`, or `20240131T`. A clock, an offset or a zone may follow. What could be read in
//! two ways is [`AutoError::DayOrMonth`], and a bare number is no time.

use jiff::tz::TimeZone;
use timestrata::Timestamp;

use super::TimeFormat;
use super::civil::{Civil, days_from_date, days_of_month};
use super::moment::Moment;
use super::zone::{at_offset, time_zone};

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

/// Clock of a day: second of the day, nanoseconds, and two marks.
struct Clock {
    second: i64,
    nanos: i64,
    is_second_sixty: bool,
    is_next_day: bool,
}

/// Zone behind a clock.
enum ZoneText {
    Offset(i32),
    Named(TimeZone),
    /// An offset, and the zone that must have it at that time.
    OffsetIn(i32, TimeZone),
}

/// Reads a text from its start.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// Date as read: year, month, day.
type Date = (i64, i64, i64);

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn is_at_end(&self) -> bool {
        self.rest().iter().all(|byte| *byte == b' ')
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Skips spaces and returns their number.
    fn spaces(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| **byte == b' ').count();
        self.at += count;
        count
    }

    /// Reads a number of at most nine digits and returns it with the number of digits.
    fn number(&mut self) -> Option<(i64, usize)> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return None;
        }
        let number = self.rest()[..count].iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0'));
        self.at += count;
        Some((number, count))
    }

    /// Reads ASCII letters.
    fn word(&mut self) -> &'a str {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = &self.text[self.at..self.at + count];
        self.at += count;
        word
    }

    fn time(&mut self, order: DateOrder, allow_compact: bool) -> Result<ParsedTime, AutoError> {
        let mut form = TimeForm::default();
        self.spaces();
        self.weekday();
        let mut date = self.date(order, allow_compact, &mut form)?;
        let is_compact_clock = self.after_date();
        let clock = if self.is_at_end() { None } else { self.clock(&mut form, is_compact_clock)? };
        let mut zone = self.zone()?;
        if date.0 == YEAR_FOLLOWS {
            // As `date` and `ctime` write: Mon Jan  1 00:00:00 UTC 2024.
            self.spaces();
            match self.number() {
                Some((year, 4)) => date.0 = year,
                _ => return Err(AutoError::NoTime),
            }
            zone = match zone {
                Some(zone) => Some(zone),
                None => self.zone()?,
            };
        }
        if !self.is_at_end() {
            return Err(AutoError::NoTime);
        }
        form.has_zone = zone.is_some();
        let local = civil(date, clock)?;
        let moment = match zone {
            None => Moment::Local(local),
            Some(ZoneText::Named(zone)) => Moment::LocalIn(local, zone),
            Some(ZoneText::Offset(offset)) => Moment::At(self.at_offset(local, offset)?),
            Some(ZoneText::OffsetIn(offset, zone)) => {
                let at = self.at_offset(local, offset)?;
                let in_zone =
                    jiff::Timestamp::from_nanosecond(at.as_nanos().into()).map(|at| zone.to_offset(at).seconds());
                if in_zone.is_ok_and(|of_zone| of_zone != offset) {
                    return Err(AutoError::Other("has an offset that its zone does not have at that time".to_owned()));
                }
                Moment::At(at)
            }
        };
        Ok(ParsedTime { moment, form })
    }

    fn at_offset(&self, local: Civil, offset: i32) -> Result<Timestamp, AutoError> {
        at_offset(local, offset, self.text).map_err(|reason| {
            let text = format!("{:?} ", self.text);
            AutoError::Other(reason.strip_prefix(&text).unwrap_or(&reason).to_owned())
        })
    }

    /// Skips a weekday with the comma and spaces behind it.
    fn weekday(&mut self) {
        let start = self.at;
        let word = self.word().to_ascii_lowercase();
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        if word.len() >= 3 && days.iter().any(|day| day.starts_with(&word)) {
            self.eat(b'.');
            self.eat(b',');
            self.spaces();
        } else {
            self.at = start;
        }
    }

    fn month_name(&mut self) -> Option<i64> {
        let start = self.at;
        let word = self.word().to_ascii_lowercase();
        let months = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let found = months.iter().position(|month| (word.len() >= 3 && month.starts_with(&word)) || word == "sept");
        let found = if word == "sept" { Some(8) } else { found };
        if found.is_none() {
            self.at = start;
        } else {
            self.eat(b'.');
        }
        found.and_then(|at| i64::try_from(at + 1).ok())
    }

    fn date(&mut self, order: DateOrder, allow_compact: bool, form: &mut TimeForm) -> Result<Date, AutoError> {
        if let Some(month) = self.month_name() {
            return self.month_first_date(month);
        }
        let (first, digits) = self.number().ok_or(AutoError::NoTime)?;
        match digits {
            4 => self.year_first_date(first),
            8 if allow_compact || matches!(self.peek(), Some(b'T')) => {
                Ok((first / 10_000, first / 100 % 100, first % 100))
            }
            1 | 2 => self.day_or_month_first(first, order, form),
            _ => Err(AutoError::NoTime),
        }
    }

    /// Reads the rest of `Jan 1, 2024`, or of `Jan 1 00:00:00 2024`.
    fn month_first_date(&mut self, month: i64) -> Result<Date, AutoError> {
        self.spaces();
        let (day, digits) = self.number().ok_or(AutoError::NoTime)?;
        if digits > 2 {
            return Err(AutoError::NoTime);
        }
        let is_comma = self.eat(b',');
        let spaces = self.spaces();
        let start = self.at;
        if let Some((year, 4)) = self.number()
            && self.peek() != Some(b':')
            && (is_comma || spaces > 0)
        {
            return Ok((year, month, day));
        }
        self.at = start;
        Ok((YEAR_FOLLOWS, month, day))
    }

    /// Reads the rest of `2024-01-31`, `2024/1/31`, `2024.01.31`, `2024-Jan-31` or `2024-01`.
    fn year_first_date(&mut self, year: i64) -> Result<Date, AutoError> {
        let separator =
            self.peek().filter(|byte| matches!(byte, b'-' | b'/' | b'.' | b' ')).ok_or(AutoError::NoTime)?;
        self.at += 1;
        let month = match self.month_name() {
            Some(month) => month,
            // A space separates a year from the name of a month only.
            None if separator == b' ' => return Err(AutoError::NoTime),
            None => self.number().filter(|(_, digits)| *digits <= 2).ok_or(AutoError::NoTime)?.0,
        };
        if !self.eat(separator) {
            let is_month = self.is_at_end() && matches!(separator, b'-' | b'/');
            return if is_month { Ok((year, month, 1)) } else { Err(AutoError::NoTime) };
        }
        let day = self.number().filter(|(_, digits)| *digits <= 2).ok_or(AutoError::NoTime)?.0;
        Ok((year, month, day))
    }

    /// Reads the rest of `31/12/2024`, `12/31/2024`, `31.12.2024`, `31-Dec-2024` or `31 December 2024`.
    fn day_or_month_first(&mut self, first: i64, order: DateOrder, form: &mut TimeForm) -> Result<Date, AutoError> {
        let separator =
            self.peek().filter(|byte| matches!(byte, b'-' | b'/' | b'.' | b' ')).ok_or(AutoError::NoTime)?;
        self.at += 1;
        self.spaces();
        if let Some(month) = self.month_name() {
            self.eat(b',');
            if !self.eat(separator) && self.spaces() == 0 {
                return Err(AutoError::NoTime);
            }
            self.spaces();
            return Ok((self.year()?, month, first));
        }
        let (second, digits) = self.number().ok_or(AutoError::NoTime)?;
        if digits > 2 || separator == b' ' || !self.eat(separator) {
            return Err(AutoError::NoTime);
        }
        self.spaces();
        let year = self.year()?;
        form.day_month_separator = Some(separator.into());
        form.order = match (first, second) {
            // No country writes the month first with dots.
            _ if separator == b'.' => DateOrder::DayFirst,
            (13.., 1..=12) => DateOrder::DayFirst,
            (1..=12, 13..) => DateOrder::MonthFirst,
            _ => DateOrder::Undecided,
        };
        let order = if separator == b'.' { DateOrder::DayFirst } else { order };
        match (order, form.order) {
            (DateOrder::Undecided, DateOrder::Undecided) if first != second => {
                // The form is complete only with the clock.
                self.after_date();
                Err(AutoError::DayOrMonth)
            }
            (DateOrder::DayFirst, DateOrder::MonthFirst) => Err(AutoError::Other(format!("has no month {second}"))),
            (DateOrder::MonthFirst, DateOrder::DayFirst) => Err(AutoError::Other(format!("has no month {first}"))),
            (DateOrder::MonthFirst, _) | (DateOrder::Undecided, DateOrder::MonthFirst) => Ok((year, first, second)),
            _ => Ok((year, second, first)),
        }
    }

    fn year(&mut self) -> Result<i64, AutoError> {
        match self.number() {
            Some((year, 4)) => Ok(year),
            Some((_, 2)) => Err(AutoError::Other("has a year of two digits: give the pattern of the times".to_owned())),
            _ => Err(AutoError::NoTime),
        }
    }

    /// Skips what separates a date from its clock; returns `true` if the clock may have no colons.
    fn after_date(&mut self) -> bool {
        if self.eat(b'T') || self.eat(b't') {
            return true;
        }
        self.eat(b',');
        if self.spaces() == 0 && self.peek() == Some(b':') {
            self.at += 1;
        }
        self.peek() == Some(b'T') && self.eat(b'T')
    }

    /// Reads a clock; `None` if a zone or a year follows at once.
    fn clock(&mut self, form: &mut TimeForm, is_compact: bool) -> Result<Option<Clock>, AutoError> {
        let Some((mut hour, digits)) = self.number() else { return Ok(None) };
        let (mut minute, mut second, mut nanos) = (0, 0, 0);
        if is_compact && matches!(digits, 4 | 6) {
            let number = hour;
            hour = if digits == 4 { number / 100 } else { number / 10_000 };
            minute = if digits == 4 { number % 100 } else { number / 100 % 100 };
            second = if digits == 6 { number % 100 } else { 0 };
            form.has_seconds = digits == 6;
            nanos = self.fraction(form)?;
        } else if digits > 2 {
            return Err(AutoError::NoTime);
        } else if self.eat(b':') {
            minute = self.number().filter(|(_, digits)| *digits <= 2).ok_or(AutoError::NoTime)?.0;
            if self.eat(b':') {
                second = self.number().filter(|(_, digits)| *digits <= 2).ok_or(AutoError::NoTime)?.0;
                form.has_seconds = true;
                nanos = self.fraction(form)?;
            }
        } else if digits != 2 && !self.is_am_pm() {
            return Err(AutoError::NoTime);
        }
        form.has_clock = true;
        hour = self.am_pm(hour, form)?;
        let is_next_day = hour == 24 && (minute, second, nanos) == (0, 0, 0);
        if (hour > 23 && !is_next_day) || minute > 59 || second > 60 {
            return Err(AutoError::NoTime);
        }
        let is_second_sixty = second == 60;
        let hour = if is_next_day { 0 } else { hour };
        let second = hour * 3_600 + minute * 60 + second.min(59);
        Ok(Some(Clock { second, nanos, is_second_sixty, is_next_day }))
    }

    /// Reads the fraction of a second to nanoseconds.
    fn fraction(&mut self, form: &mut TimeForm) -> Result<i64, AutoError> {
        let is_fraction = matches!(self.rest(), [b'.' | b',', digit, ..] if digit.is_ascii_digit());
        if !is_fraction {
            return Ok(0);
        }
        self.at += 1;
        form.has_fraction = true;
        let (mut nanos, mut unit) = (0, 100_000_000);
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if unit == 0 && digit != b'0' {
                return Err(AutoError::Other("has more than nine digits behind the second".to_owned()));
            }
            nanos += unit * i64::from(digit - b'0');
            unit /= 10;
            self.at += 1;
        }
        Ok(nanos)
    }

    fn is_am_pm(&self) -> bool {
        let rest = self.text[self.at..].trim_start();
        matches!(rest.as_bytes(), [b'A' | b'a' | b'P' | b'p', b'.' | b'M' | b'm', ..])
    }

    /// Reads AM or PM if it is there, and returns the hour of the day.
    fn am_pm(&mut self, hour: i64, form: &mut TimeForm) -> Result<i64, AutoError> {
        if !self.is_am_pm() {
            return Ok(hour);
        }
        self.spaces();
        let is_pm = matches!(self.peek(), Some(b'P' | b'p'));
        self.at += 1;
        self.eat(b'.');
        if !self.eat(b'M') && !self.eat(b'm') {
            return Err(AutoError::NoTime);
        }
        self.eat(b'.');
        form.has_am_pm = true;
        match (hour, is_pm) {
            (12, false) => Ok(0),
            (12, true) => Ok(12),
            (1..=11, true) => Ok(hour + 12),
            (1..=11, false) => Ok(hour),
            _ => Err(AutoError::NoTime),
        }
    }

    /// Reads `Z`, `UTC`, `GMT`, an offset, or a zone in brackets.
    fn zone(&mut self) -> Result<Option<ZoneText>, AutoError> {
        let start = self.at;
        self.spaces();
        let zone = match self.peek() {
            Some(b'+' | b'-') => Some(ZoneText::Offset(self.offset()?)),
            Some(byte) if byte.is_ascii_alphabetic() => {
                let word = self.word();
                match word {
                    "UTC" | "GMT" | "utc" | "gmt" if matches!(self.peek(), Some(b'+' | b'-')) => {
                        Some(ZoneText::Offset(self.offset()?))
                    }
                    "Z" | "z" | "UTC" | "GMT" | "utc" | "gmt" => Some(ZoneText::Offset(0)),
                    word if word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                        let reason = format!("has the zone {word}, which is not the name of one zone alone");
                        return Err(AutoError::Other(reason));
                    }
                    _ => return Err(AutoError::NoTime),
                }
            }
            _ => None,
        };
        if let Some(ZoneText::Offset(_)) = zone {
            self.zone_comment();
        }
        let bracket = self.bracket()?;
        Ok(match (zone, bracket) {
            // An offset decides also where the clocks are put back. `Z` says nothing about the zone.
            (Some(ZoneText::Offset(offset)), Some(named)) if offset != 0 => Some(ZoneText::OffsetIn(offset, named)),
            (Some(zone), _) => Some(zone),
            (None, Some(named)) => Some(ZoneText::Named(named)),
            (None, None) => {
                self.at = start;
                None
            }
        })
    }

    /// Skips ` UTC` or ` (Central European Time)` behind an offset.
    fn zone_comment(&mut self) {
        let start = self.at;
        self.spaces();
        if matches!(self.word(), "UTC" | "GMT") {
            return;
        }
        self.at = start;
        self.spaces();
        match self.text[self.at..].find(')') {
            Some(end) if self.peek() == Some(b'(') => self.at += end + 1,
            _ => self.at = start,
        }
    }

    /// Reads a zone in brackets, as of RFC 9557.
    fn bracket(&mut self) -> Result<Option<TimeZone>, AutoError> {
        if self.peek() != Some(b'[') {
            return Ok(None);
        }
        let rest = &self.text[self.at + 1..];
        let end = rest.find(']').ok_or(AutoError::NoTime)?;
        let name = rest[..end].strip_prefix('!').unwrap_or(&rest[..end]);
        self.at += end + 2;
        time_zone(name).map(Some).map_err(AutoError::Other)
    }

    /// Reads `+01`, `+0100`, `+01:00` or `+01:00:00` to seconds.
    fn offset(&mut self) -> Result<i32, AutoError> {
        let is_negative = self.peek() == Some(b'-');
        self.at += 1;
        let (number, digits) = self.number().ok_or(AutoError::NoTime)?;
        let (hours, mut minutes, mut seconds) = match digits {
            1 | 2 => (number, 0, 0),
            4 => (number / 100, number % 100, 0),
            _ => return Err(AutoError::NoTime),
        };
        if digits <= 2 && self.eat(b':') {
            minutes = self.number().filter(|(_, digits)| *digits == 2).ok_or(AutoError::NoTime)?.0;
            if self.eat(b':') {
                seconds = self.number().filter(|(_, digits)| *digits == 2).ok_or(AutoError::NoTime)?.0;
            }
        }
        if hours > 23 || minutes > 59 || seconds > 59 {
            return Err(AutoError::NoTime);
        }
        let total = hours * 3_600 + minutes * 60 + seconds;
        i32::try_from(if is_negative { -total } else { total }).map_err(|_| AutoError::NoTime)
    }
}

/// Stands for the year of a date whose year follows the clock.
const YEAR_FOLLOWS: i64 = i64::MIN;

fn civil((year, month, day): Date, clock: Option<Clock>) -> Result<Civil, AutoError> {
    if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return Err(AutoError::Other("is no date of the calendar".to_owned()));
    }
    if !(1_600..=2_300).contains(&year) {
        return Err(AutoError::Other("is outside the years 1677 to 2262".to_owned()));
    }
    let clock = clock.unwrap_or(Clock { second: 0, nanos: 0, is_second_sixty: false, is_next_day: false });
    Ok(Civil {
        days: days_from_date(year, month, day) + i64::from(clock.is_next_day),
        second: clock.second,
        nanos: clock.nanos,
        is_second_sixty: clock.is_second_sixty,
    })
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
            ("Mon Jan  1 00:00:00 2024", "2024-01-01T00:00:00Z"),
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
            "Mar",
        ] {
            assert!(utc(text, DateOrder::Undecided).is_err(), "{text}");
        }
        assert!(utc("31/12/2013", DateOrder::MonthFirst).is_err());
    }

    #[test]
    fn a_clock_alone_is_no_time_but_is_told_apart() {
        assert!(is_clock("00:15") && is_clock("11:00 PM") && is_clock("24:00") && is_clock("1:02:03.5"));
        assert!(!is_clock("15") && !is_clock("2024-01-01 00:15") && !is_clock("a:b") && !is_clock("00:61"));
    }
}
