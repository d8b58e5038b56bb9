//! Clocks and zones behind a date.

use jiff::tz::TimeZone;

use super::auto::{AutoError, TimeForm};
use super::scanner::{Clock, Scanner, ZoneText};
use super::zone::time_zone;

impl Scanner<'_> {
    /// Reads a clock; `None` if a zone or a year follows at once.
    pub(super) fn clock(&mut self, form: &mut TimeForm, is_compact: bool) -> Result<Option<Clock>, AutoError> {
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
    pub(super) fn fraction(&mut self, form: &mut TimeForm) -> Result<i64, AutoError> {
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

    pub(super) fn is_am_pm(&self) -> bool {
        let rest = self.text[self.at..].trim_start();
        matches!(rest.as_bytes(), [b'A' | b'a' | b'P' | b'p', b'.' | b'M' | b'm', ..])
    }

    /// Reads AM or PM if it is there, and returns the hour of the day.
    pub(super) fn am_pm(&mut self, hour: i64, form: &mut TimeForm) -> Result<i64, AutoError> {
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
    pub(super) fn zone(&mut self) -> Result<Option<ZoneText>, AutoError> {
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
    pub(super) fn zone_comment(&mut self) {
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
    pub(super) fn bracket(&mut self) -> Result<Option<TimeZone>, AutoError> {
        let start = self.at;
        self.spaces();
        if self.peek() != Some(b'[') {
            self.at = start;
            return Ok(None);
        }
        let rest = &self.text[self.at + 1..];
        let end = rest.find(']').ok_or(AutoError::NoTime)?;
        let name = rest[..end].strip_prefix('!').unwrap_or(&rest[..end]);
        self.at += end + 2;
        time_zone(name).map(Some).map_err(AutoError::Other)
    }

    /// Reads `+01`, `+0100`, `+01:00` or `+01:00:00` to seconds.
    pub(super) fn offset(&mut self) -> Result<i32, AutoError> {
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
