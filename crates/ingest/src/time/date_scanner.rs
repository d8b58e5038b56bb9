//! Dates: the forms that [`super::auto`] lists.

use super::auto::{AutoError, DateOrder, TimeForm};
use super::scanner::{Date, Scanner, YEAR_FOLLOWS};

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Weekday before a date, counted from Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weekday(usize);

impl Weekday {
    /// Returns the weekday of a day, counted from 1970-01-01, a Thursday.
    fn of_day(days: i64) -> Self {
        Self(usize::try_from((days + 3).rem_euclid(7)).unwrap_or_default())
    }

    /// Refuses a day that is another weekday.
    pub(super) fn check(self, days: i64) -> Result<(), AutoError> {
        let found = Self::of_day(days);
        if self == found {
            return Ok(());
        }
        let (said, is) = (WEEKDAYS[self.0 % 7], WEEKDAYS[found.0 % 7]);
        Err(AutoError::Other(format!("names a {said}, and its date is a {is}")))
    }
}

impl Scanner<'_> {
    /// Reads a weekday with the comma and spaces behind it.
    pub(super) fn weekday(&mut self) -> Option<Weekday> {
        let start = self.at;
        let word = self.word().to_ascii_lowercase();
        let is_day = |day: &&str| word.len() >= 3 && day.to_ascii_lowercase().starts_with(&word);
        let Some(at) = WEEKDAYS.iter().position(is_day) else {
            self.at = start;
            return None;
        };
        self.eat(b'.');
        self.eat(b',');
        self.spaces();
        Some(Weekday(at))
    }

    pub(super) fn month_name(&mut self) -> Option<i64> {
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

    pub(super) fn date(
        &mut self,
        order: DateOrder,
        allow_compact: bool,
        form: &mut TimeForm,
    ) -> Result<Date, AutoError> {
        if let Some(month) = self.month_name() {
            return self.month_first_date(month);
        }
        let (first, digits) = self.number().ok_or(AutoError::NoTime)?;
        match digits {
            4 if matches!(self.peek(), Some(b'Q' | b'q')) => self.quarter(first),
            4 => self.year_first_date(first, allow_compact),
            8 if allow_compact || matches!(self.peek(), Some(b'T')) => {
                Ok((first / 10_000, first / 100 % 100, first % 100))
            }
            1 | 2 => self.day_or_month_first(first, order, form),
            _ => Err(AutoError::NoTime),
        }
    }

    /// Reads the rest of `Jan 1, 2024`, of `Jan-1-2024`, or of `Jan 1 00:00:00 2024`.
    pub(super) fn month_first_date(&mut self, month: i64) -> Result<Date, AutoError> {
        if let Some(separator) = self.peek().filter(|byte| matches!(byte, b'-' | b'/')) {
            self.at += 1;
            let day = self.number().filter(|(_, digits)| *digits <= 2).ok_or(AutoError::NoTime)?.0;
            return if self.eat(separator) { Ok((self.year()?, month, day)) } else { Err(AutoError::NoTime) };
        }
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
    ///
    /// Parts that are joined may be `2024 M01`, too.
    pub(super) fn year_first_date(&mut self, year: i64, is_joined: bool) -> Result<Date, AutoError> {
        let separator =
            self.peek().filter(|byte| matches!(byte, b'-' | b'/' | b'.' | b' ')).ok_or(AutoError::NoTime)?;
        self.at += 1;
        if matches!(self.peek(), Some(b'Q' | b'q')) && matches!(separator, b'-' | b' ') {
            return self.quarter(year);
        }
        if is_joined && separator == b' ' && self.eat(b'M') {
            let month = self.number().filter(|(_, digits)| *digits <= 2).ok_or(AutoError::NoTime)?.0;
            return if self.is_at_end() { Ok((year, month, 1)) } else { Err(AutoError::NoTime) };
        }
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

    /// Reads the rest of `2024Q1`, of which the first day counts.
    fn quarter(&mut self, year: i64) -> Result<Date, AutoError> {
        self.at += 1;
        match self.number() {
            Some((quarter @ 1..=4, 1 | 2)) if self.is_at_end() => Ok((year, quarter * 3 - 2, 1)),
            Some((_, 1 | 2)) if self.is_at_end() => Err(AutoError::Other("has no such quarter of a year".to_owned())),
            _ => Err(AutoError::NoTime),
        }
    }

    /// Reads the rest of `31/12/2024`, `12/31/2024`, `31.12.2024`, `31-Dec-2024` or `31 December 2024`.
    pub(super) fn day_or_month_first(
        &mut self,
        first: i64,
        order: DateOrder,
        form: &mut TimeForm,
    ) -> Result<Date, AutoError> {
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

    pub(super) fn year(&mut self) -> Result<i64, AutoError> {
        match self.number() {
            Some((year, 4)) => Ok(year),
            Some((_, 2)) => Err(AutoError::Other("has a year of two digits: give the pattern of the times".to_owned())),
            _ => Err(AutoError::NoTime),
        }
    }

    /// Skips what separates a date from its clock; returns `true` if the clock may have no colons.
    pub(super) fn after_date(&mut self) -> bool {
        if self.eat(b'T') || self.eat(b't') {
            return true;
        }
        self.eat(b',');
        if self.spaces() == 0 && self.peek() == Some(b':') {
            self.at += 1;
        }
        self.peek() == Some(b'T') && self.eat(b'T')
    }
}
