//! Bounds of windows: fixed lengths, or days, weeks, months and years of a calendar.
//!
//! Every time lies in exactly one window. The module is independent of points.

use std::time::Duration;

use jiff::civil::Date;

use super::period::{Period, PeriodUnit};
use super::zone::Zone;
use crate::types::error::{Error, Result};
use crate::types::point::Timestamp;

/// Division of the time axis into windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WindowGrid {
    /// One window. It starts at `start` or, if the range has no start, at the first point.
    Whole { start: Option<Timestamp> },
    /// Windows of `nanos` nanoseconds, at least 1.
    ///
    /// One window starts at `phase`, which is from 0 to `nanos - 1`.
    Fixed { nanos: i64, phase: i64 },
    /// Windows of a calendar.
    Calendar(CalendarGrid),
    /// Panes of overlapping windows: one starts at `phase`, the next one `rest` later, and so on every `step`.
    ///
    /// `rest` is from 1 to `step - 1`, `phase` from 0 to `step - 1`.
    Panes { step: i64, phase: i64, rest: i64 },
    /// Windows that contain their end instead of their start. Their starts are those of the inner grid.
    ClosedEnd(Box<WindowGrid>),
}

/// Windows of `count` days or months, counted from a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CalendarGrid {
    zone: Zone,
    count: i64,
    is_months: bool,
    origin: Date,
}

impl WindowGrid {
    /// Creates the grid for a period; one window starts at the origin.
    ///
    /// Default origin: midnight of 1970-01-01 in the zone; for weeks, of Monday 1969-12-29. For days and weeks only the
    /// date of the origin counts, for months and years only its month.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a period of 0, of more than 400,000 days or months, or of more than `i64::MAX` ns.
    pub(super) fn new(every: Period, origin: Option<Timestamp>, zone: &Zone) -> Result<Self> {
        let (count, is_months) = match every.0 {
            PeriodUnit::Length(length) => return Self::of_length(length, origin, zone),
            PeriodUnit::Days(count) => (i64::from(count), false),
            PeriodUnit::Weeks(count) => (i64::from(count) * 7, false),
            PeriodUnit::Months(count) => (i64::try_from(count).unwrap_or(i64::MAX), true),
        };
        if count == 0 {
            return Err(Error::InvalidQuery { detail: "windows of 0 days or months, at least 1 is needed".to_owned() });
        }
        // All timestamps together span 585 years, which are less than 400,000 days.
        if count > 400_000 {
            return Err(Error::InvalidQuery {
                detail: format!("windows of {count} days or months, at most 400000 are allowed"),
            });
        }
        let is_weeks = matches!(every.0, PeriodUnit::Weeks(_));
        // 1969-12-29 is a Monday.
        let epoch = if is_weeks { Date::constant(1969, 12, 29) } else { Date::constant(1970, 1, 1) };
        let origin = origin.map_or(epoch, |origin| zone.date(origin));
        Ok(Self::Calendar(CalendarGrid { zone: zone.clone(), count, is_months, origin }))
    }

    fn of_length(length: Duration, origin: Option<Timestamp>, zone: &Zone) -> Result<Self> {
        let nanos = match i64::try_from(length.as_nanos()) {
            Ok(0) => Err(Error::InvalidQuery { detail: "windows of 0 ns, at least 1 ns is needed".to_owned() }),
            Ok(nanos) => Ok(nanos),
            Err(_) => {
                let detail = format!("windows of {length:?}, at most {} ns (292 years) are allowed", i64::MAX);
                Err(Error::InvalidQuery { detail })
            }
        }?;
        // In a zone ahead of UTC, local midnight is earlier than midnight in UTC.
        let begin = origin.map_or_else(|| -zone.nanos_ahead_at_epoch(), |origin| origin.as_nanos().into());
        let phase = begin.rem_euclid(nanos.into());
        Ok(Self::Fixed { nanos, phase: i64::try_from(phase).unwrap_or(0) })
    }

    /// Returns the start and the last time of the window that contains a time.
    ///
    /// Both are limited to the range of `i64`.
    #[inline]
    pub(super) fn window_at(&self, at: Timestamp) -> (Timestamp, i64) {
        match self {
            Self::Whole { start } => (start.unwrap_or(at), i64::MAX),
            Self::Fixed { nanos, phase } => {
                let within = at.as_nanos().rem_euclid(*nanos);
                let into = if within >= *phase { within - phase } else { within - phase + nanos };
                let start = at.as_nanos().saturating_sub(into);
                // `into` is less than the length, so the rest of the window is not negative.
                (Timestamp::from_nanos(start), at.as_nanos().saturating_add(nanos - 1 - into))
            }
            Self::Calendar(calendar) => calendar.window(at),
            Self::Panes { step, phase, rest } => {
                let into = (i128::from(at.as_nanos()) - i128::from(*phase)).rem_euclid(i128::from(*step));
                let into = i64::try_from(into).unwrap_or(0);
                let (begin, end) = if into < *rest { (0, *rest) } else { (*rest, *step) };
                let start = at.as_nanos().saturating_sub(into - begin);
                (Timestamp::from_nanos(start), at.as_nanos().saturating_add(end - 1 - into))
            }
            Self::ClosedEnd(inner) => {
                let (start, last) = inner.window_at(at.saturating_add_nanos(-1));
                (start, last.saturating_add(1))
            }
        }
    }

    /// Returns the start of the window after the one with a start; `None` if there is none.
    pub(super) fn next_start(&self, start: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Whole { .. } => None,
            Self::ClosedEnd(inner) => inner.next_start(start),
            _ => self.window_at(start).1.checked_add(1).map(Timestamp::from_nanos),
        }
    }

    /// Returns the number of a window by its start: numbers of consecutive windows differ by 1.
    pub(super) fn number_of(&self, start: Timestamp) -> i128 {
        let since = |phase: i64| i128::from(start.as_nanos()) - i128::from(phase);
        match self {
            Self::Whole { .. } => 0,
            Self::Fixed { nanos, phase } => since(*phase).div_euclid(i128::from(*nanos)),
            Self::Panes { step, phase, .. } => since(*phase).div_euclid(i128::from(*step)),
            Self::Calendar(calendar) => i128::from(calendar.number_at(start)),
            Self::ClosedEnd(inner) => inner.number_of(start),
        }
    }

    /// Returns the length of each window in nanoseconds, if all have one length.
    pub(super) fn fixed_nanos(&self) -> Option<i64> {
        if let Self::Fixed { nanos, .. } = self { Some(*nanos) } else { None }
    }

    /// Returns the window of a time after `last`, the last time of a window.
    ///
    /// This is faster than [`window_at`](Self::window_at) if the time lies in the next window.
    #[inline]
    pub(super) fn next_window(&self, last: i64, at: Timestamp) -> (Timestamp, i64) {
        if let Self::Fixed { nanos, .. } = self
            && let Some(end) = last.checked_add(*nanos)
            && at.as_nanos() <= end
        {
            return (Timestamp::from_nanos(last + 1), end);
        }
        if let Self::ClosedEnd(inner) = self {
            let (start, end) = inner.next_window(last.saturating_sub(1), at.saturating_add_nanos(-1));
            return (start, end.saturating_add(1));
        }
        self.window_at(at)
    }
}

impl CalendarGrid {
    fn window(&self, at: Timestamp) -> (Timestamp, i64) {
        let steps = self.number_at(at);
        let (start, end) = (self.start_of(steps), self.start_of(steps + 1));
        let start = i64::try_from(start).unwrap_or(i64::MIN).min(at.as_nanos());
        let last = i64::try_from(end.saturating_sub(1)).unwrap_or(i64::MAX).max(at.as_nanos());
        (Timestamp::from_nanos(start), last)
    }

    /// Returns the number of the window that contains a time; window 0 starts at the origin.
    fn number_at(&self, at: Timestamp) -> i64 {
        let date = self.zone.date(at);
        let mut steps = self.index_of(date).div_euclid(self.count);
        // A clock that is set back across midnight shows the previous date again. Such a time belongs to the window
        // that has already started.
        while self.start_of(steps + 1) <= i128::from(at.as_nanos()) {
            steps += 1;
        }
        steps
    }

    /// Returns the number of days or months from the origin to a date.
    fn index_of(&self, date: Date) -> i64 {
        if self.is_months { months(date) - months(self.origin) } else { days(date) - days(self.origin) }
    }

    /// Returns the start of a window in nanoseconds since the epoch; window 0 starts at the origin.
    ///
    /// Starts outside the calendar are `i128::MIN` or `i128::MAX`.
    fn start_of(&self, steps: i64) -> i128 {
        let offset = steps.saturating_mul(self.count);
        let date = if self.is_months {
            let month = months(self.origin).saturating_add(offset);
            let parts = (i16::try_from(month.div_euclid(12)), i8::try_from(month.rem_euclid(12) + 1));
            match parts {
                (Ok(year), Ok(month)) => Date::new(year, month, 1).ok(),
                _ => None,
            }
        } else {
            self.origin.checked_add(jiff::SignedDuration::from_hours(offset.saturating_mul(24))).ok()
        };
        date.map_or(if offset < 0 { i128::MIN } else { i128::MAX }, |date| self.zone.first_moment(date))
    }
}

fn months(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// Returns the number of days since 1970-01-01.
fn days(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests;
