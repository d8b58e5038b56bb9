//! Where windows of time begin and end: lengths of nanoseconds, or days, weeks, months and years of a calendar.
//! Every time lies in exactly one window. It knows no points.

use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};

use crate::error::{Error, Result};
use crate::point::Timestamp;

/// How long a window is: a fixed length, or so many days, weeks, months or years of a calendar.
///
/// A [`Duration`] becomes one by itself. Days differ from 24 hours where a [`Zone`] changes its clocks.
///
/// ```
/// use std::time::Duration;
/// use timestrata::Every;
///
/// assert_ne!(Every::days(1), Every::from(Duration::from_secs(86_400)));
/// assert_eq!(Every::years(1), Every::months(12));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Every(Step);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Length(Duration),
    Days(u32),
    Weeks(u32),
    Months(u64),
}

impl Every {
    /// So many days, each from midnight to midnight in the query's zone.
    #[must_use]
    pub const fn days(count: u32) -> Self {
        Self(Step::Days(count))
    }

    /// So many weeks, each from a Monday on unless the query's origin says otherwise.
    #[must_use]
    pub const fn weeks(count: u32) -> Self {
        Self(Step::Weeks(count))
    }

    /// So many months, each from its first day on; 3 are the quarters of a year.
    #[must_use]
    pub const fn months(count: u32) -> Self {
        Self(Step::Months(count as u64))
    }

    /// So many years, each from the first of January on.
    #[must_use]
    pub const fn years(count: u32) -> Self {
        Self(Step::Months(count as u64 * 12))
    }
}

impl From<Duration> for Every {
    fn from(length: Duration) -> Self {
        Self(Step::Length(length))
    }
}

/// The zone whose clocks windows go by: UTC, a fixed distance from it, or one that changes its clocks by rules.
///
/// ```
/// use timestrata::Zone;
///
/// let berlin = Zone::rules("CET-1CEST,M3.5.0,M10.5.0/3")?;
/// assert_ne!(berlin, Zone::offset(3_600)?);
/// assert!(Zone::named("Middle-earth/Shire").is_err());
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// So many seconds ahead of UTC (east of Greenwich), or behind it if negative.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] beyond 25:59:59 hours.
    pub fn offset(seconds: i32) -> Result<Self> {
        let offset = Offset::from_seconds(seconds).map_err(|error| invalid("a zone's offset", &error))?;
        Ok(Self(TimeZone::fixed(offset)))
    }

    /// A zone by its name in the IANA database, like `Europe/Berlin`.
    ///
    /// The database is the operating system's (on Unix usually /usr/share/zoneinfo), so that changes of law arrive with
    /// its updates; where there is none, [`rules`](Self::rules) need none.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a name that the database lacks, or if there is no database.
    pub fn named(name: &str) -> Result<Self> {
        let zone = TimeZone::get(name).map_err(|error| invalid("a zone's name", &error))?;
        Ok(Self(zone))
    }

    /// A zone by its rules as POSIX writes them in `TZ`, like `CET-1CEST,M3.5.0,M10.5.0/3`: the same rules for all years.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a text that is no such rule.
    pub fn rules(text: &str) -> Result<Self> {
        let zone = TimeZone::posix(text).map_err(|error| invalid("a zone's rules", &error))?;
        Ok(Self(zone))
    }

    fn date(&self, at: Timestamp) -> Date {
        self.0.to_datetime(moment(at)).date()
    }

    /// The first moment of a day.
    fn midnight(&self, date: Date) -> i128 {
        let start = date.to_zoned(self.0.clone());
        start.map_or(if date.year() < 1970 { i128::MIN } else { i128::MAX }, |start| start.timestamp().as_nanosecond())
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

fn invalid(of: &str, error: &jiff::Error) -> Error {
    Error::InvalidQuery { what: format!("{of}: {error}") }
}

fn moment(at: Timestamp) -> jiff::Timestamp {
    // The years 1677 to 2262 are well within what a calendar knows.
    jiff::Timestamp::from_nanosecond(at.as_nanos().into()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// How a range is cut into windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cut {
    /// One window, which starts here or, if the range is open below, at the first point.
    Whole { start: Option<Timestamp> },
    /// Windows of so many nanoseconds, above 0, of which one begins at `phase`, less than that.
    Length { nanos: i64, phase: i64 },
    /// Windows of a calendar.
    Calendar(Calendar),
}

/// So many days or months, counted from a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    zone: Zone,
    count: i64,
    is_months: bool,
    origin: Date,
}

impl Cut {
    /// Windows of a length, of which one begins at the origin; without one, at midnight 1970-01-01 in the zone (a
    /// Monday for weeks).
    pub(super) fn new(every: Every, origin: Option<Timestamp>, zone: &Zone) -> Result<Self> {
        let (count, is_months) = match every.0 {
            Step::Length(length) => return Self::of_length(length, origin, zone),
            Step::Days(count) => (i64::from(count), false),
            Step::Weeks(count) => (i64::from(count) * 7, false),
            Step::Months(count) => (i64::try_from(count).unwrap_or(i64::MAX), true),
        };
        if count == 0 {
            return Err(Error::InvalidQuery { what: "windows of 0 days or months: use 1 or more".to_owned() });
        }
        // The years of all timestamps are fewer than a thousand.
        if count > 400_000 {
            return Err(Error::InvalidQuery { what: format!("windows of {count} days or months: use at most 400000") });
        }
        let epoch = if matches!(every.0, Step::Weeks(_)) {
            jiff::civil::date(1969, 12, 29)
        } else {
            Date::constant(1970, 1, 1)
        };
        debug_assert!(epoch.weekday() == Weekday::Monday || !matches!(every.0, Step::Weeks(_)));
        let origin = origin.map_or(epoch, |origin| zone.date(origin));
        Ok(Self::Calendar(Calendar { zone: zone.clone(), count, is_months, origin }))
    }

    fn of_length(length: Duration, origin: Option<Timestamp>, zone: &Zone) -> Result<Self> {
        let nanos = match i64::try_from(length.as_nanos()) {
            Ok(0) => Err(Error::InvalidQuery { what: "windows of 0 ns: use 1 ns or more".to_owned() }),
            Ok(nanos) => Ok(nanos),
            Err(_) => {
                let what = format!("windows of {length:?}: use at most {} ns, some 292 years", i64::MAX);
                Err(Error::InvalidQuery { what })
            }
        }?;
        // Local midnight comes earlier in UTC where clocks are ahead.
        let ahead = || i128::from(zone.0.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds()) * 1_000_000_000;
        let begin = origin.map_or_else(|| -ahead(), |origin| origin.as_nanos().into());
        let phase = begin.rem_euclid(nanos.into());
        Ok(Self::Length { nanos, phase: i64::try_from(phase).unwrap_or(0) })
    }

    /// The start of the window that holds a time, and the last time it holds, both cut to the range of i64.
    #[inline]
    pub(super) fn window(&self, at: Timestamp) -> (Timestamp, i64) {
        match self {
            Self::Whole { start } => (start.unwrap_or(at), i64::MAX),
            Self::Length { nanos, phase } => {
                let within = at.as_nanos().rem_euclid(*nanos);
                let into = if within >= *phase { within - phase } else { within - phase + nanos };
                let start = at.as_nanos().saturating_sub(into);
                // `into` is less than the length, so what remains of the window is at least 0.
                (Timestamp::from_nanos(start), at.as_nanos().saturating_add(nanos - 1 - into))
            }
            Self::Calendar(calendar) => calendar.window(at),
        }
    }

    /// The same for a time behind the last one of a window; quicker where it lies in the next window.
    #[inline]
    pub(super) fn window_after(&self, last: i64, at: Timestamp) -> (Timestamp, i64) {
        if let Self::Length { nanos, .. } = self
            && let Some(end) = last.checked_add(*nanos)
            && at.as_nanos() <= end
        {
            return (Timestamp::from_nanos(last + 1), end);
        }
        self.window(at)
    }
}

impl Calendar {
    fn window(&self, at: Timestamp) -> (Timestamp, i64) {
        let date = self.zone.date(at);
        let mut steps = self.position(date).div_euclid(self.count);
        // Where a clock is set back over midnight it shows yesterday again: that is of the window that has begun by then.
        while self.begin(steps + 1) <= i128::from(at.as_nanos()) {
            steps += 1;
        }
        let (start, end) = (self.begin(steps), self.begin(steps + 1));
        let start = i64::try_from(start).unwrap_or(i64::MIN).min(at.as_nanos());
        let last = i64::try_from(end.saturating_sub(1)).unwrap_or(i64::MAX).max(at.as_nanos());
        (Timestamp::from_nanos(start), last)
    }

    /// Days or months from the origin to a date.
    fn position(&self, date: Date) -> i64 {
        if self.is_months { months(date) - months(self.origin) } else { days(date) - days(self.origin) }
    }

    /// When a window begins, counted from the origin's.
    fn begin(&self, steps: i64) -> i128 {
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
        date.map_or(if offset < 0 { i128::MIN } else { i128::MAX }, |date| self.zone.midnight(date))
    }
}

fn months(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// Days since 1970-01-01.
fn days(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests;
