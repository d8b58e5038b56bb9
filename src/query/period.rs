//! Lengths of windows: fixed durations, and days, weeks, months and years of a calendar.

use std::time::Duration;

/// Length of a query's windows: a fixed duration, or days, weeks, months or years of a calendar.
///
/// A [`Duration`] converts to a period, so [`Query::every`](crate::Query::every) takes both. A calendar day is not
/// always 24 hours long: it is longer or shorter when the clocks of the query's [`Zone`](crate::Zone) change.
///
/// ```
/// use std::time::Duration;
/// use timestrata::Period;
///
/// assert_ne!(Period::days(1), Period::from(Duration::from_secs(86_400)));
/// assert_eq!(Period::years(1), Period::months(12));
/// assert_eq!(Period::days(1).as_duration(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period(pub(super) PeriodUnit);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PeriodUnit {
    Length(Duration),
    Days(u32),
    Weeks(u32),
    Months(u64),
}

impl Period {
    /// Returns a period of `count` days, each from midnight to midnight in the query's zone.
    ///
    /// A day whose midnight lies in a clock gap begins at the end of the gap.
    #[must_use]
    pub const fn days(count: u32) -> Self {
        Self(PeriodUnit::Days(count))
    }

    /// Returns a period of `count` weeks, each from Monday unless the query's origin is another day.
    #[must_use]
    pub const fn weeks(count: u32) -> Self {
        Self(PeriodUnit::Weeks(count))
    }

    /// Returns a period of `count` months, each from its first day. Three months are a quarter of a year.
    #[must_use]
    pub const fn months(count: u32) -> Self {
        Self(PeriodUnit::Months(count as u64))
    }

    /// Returns the fixed length; `None` for days, weeks, months and years of a calendar.
    #[must_use]
    pub const fn as_duration(&self) -> Option<Duration> {
        match self.0 {
            PeriodUnit::Length(length) => Some(length),
            _ => None,
        }
    }

    /// Returns a period of `count` years, each from January 1.
    #[must_use]
    pub const fn years(count: u32) -> Self {
        Self(PeriodUnit::Months(count as u64 * 12))
    }
}

impl From<Duration> for Period {
    fn from(length: Duration) -> Self {
        Self(PeriodUnit::Length(length))
    }
}
