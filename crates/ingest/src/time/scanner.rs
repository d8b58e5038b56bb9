//! Reads a text as a time from its start: a date, then a clock, then a zone.

use jiff::tz::TimeZone;
use timestrata::Timestamp;

use super::auto::{AutoError, DateOrder, ParsedTime, TimeForm};
use super::civil::{Civil, days_from_date, days_of_month};
use super::moment::Moment;
use super::zone::at_offset;

/// Clock of a day: second of the day, nanoseconds, and two marks.
pub(super) struct Clock {
    pub(super) second: i64,
    pub(super) nanos: i64,
    pub(super) is_second_sixty: bool,
    pub(super) is_next_day: bool,
}

/// Zone behind a clock.
pub(super) enum ZoneText {
    Offset(i32),
    Named(TimeZone),
    /// An offset, and the zone that must have it at that time.
    OffsetIn(i32, TimeZone),
}

/// Reads a text from its start.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// Date as read: year, month, day.
pub(super) type Date = (i64, i64, i64);

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().iter().all(|byte| *byte == b' ')
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Skips spaces and returns their number.
    pub(super) fn spaces(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| **byte == b' ').count();
        self.at += count;
        count
    }

    /// Reads a number of at most nine digits and returns it with the number of digits.
    pub(super) fn number(&mut self) -> Option<(i64, usize)> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return None;
        }
        let number = self.rest()[..count].iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0'));
        self.at += count;
        Some((number, count))
    }

    /// Reads ASCII letters.
    pub(super) fn word(&mut self) -> &'a str {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let word = &self.text[self.at..self.at + count];
        self.at += count;
        word
    }

    pub(super) fn time(&mut self, order: DateOrder, allow_compact: bool) -> Result<ParsedTime, AutoError> {
        let mut form = TimeForm::default();
        self.spaces();
        let weekday = self.weekday();
        let mut date = self.date(order, allow_compact, &mut form)?;
        let is_compact_clock = self.after_date();
        let clock = if self.is_at_end() { None } else { self.clock(&mut form, is_compact_clock)? };
        let zone_at = self.at;
        let mut zone = self.zone()?;
        form.offset_pattern = offset_pattern(&self.text[zone_at..self.at]);
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
        // The hour 24 belongs to the day before.
        let days_later = clock.as_ref().map_or(0, |clock| i64::from(clock.is_next_day));
        let local = civil(date, clock)?;
        weekday.map_or(Ok(()), |weekday| weekday.check(local.days - days_later))?;
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

    pub(super) fn at_offset(&self, local: Civil, offset: i32) -> Result<Timestamp, AutoError> {
        at_offset(local, offset, self.text).map_err(|reason| {
            let text = format!("{:?} ", self.text);
            AutoError::Other(reason.strip_prefix(&text).unwrap_or(&reason).to_owned())
        })
    }
}

/// Returns the pattern of an offset of hours and minutes, with the space before it.
fn offset_pattern(text: &str) -> Option<&'static str> {
    let is_spaced = text.starts_with(' ');
    let digits = text.trim_start_matches(' ').strip_prefix(['+', '-'])?;
    let is_number = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    match digits.split_once(':') {
        Some((hours, minutes)) if is_number(hours, 2) && is_number(minutes, 2) => {
            Some(if is_spaced { " %:z" } else { "%:z" })
        }
        None if is_number(digits, 4) => Some(if is_spaced { " %z" } else { "%z" }),
        _ => None,
    }
}

/// Placeholder year of a date whose year comes after the clock.
pub(super) const YEAR_FOLLOWS: i64 = i64::MIN;

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
