//! Time zones of calendar windows.

use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::types::error::{Error, Result};
use crate::types::point::Timestamp;

/// Time zone whose midnight starts calendar windows.
///
/// A zone is UTC, a fixed offset, a zone of the IANA database, or a set of POSIX rules.
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

    /// Returns the zone `seconds` ahead of UTC (east of Greenwich), or behind it if negative.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for more than 25:59:59 hours in either direction.
    pub fn offset(seconds: i32) -> Result<Self> {
        let offset = Offset::from_seconds(seconds).map_err(|error| invalid("offset of a zone", &error))?;
        Ok(Self(TimeZone::fixed(offset)))
    }

    /// Returns a zone by its name in the IANA database, such as `Europe/Berlin`.
    ///
    /// The function uses the database of the operating system, on Unix usually /usr/share/zoneinfo, and therefore its
    /// updates. On a system without a database, use [`rules`](Self::rules).
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a name that the database lacks, or if there is no database.
    pub fn named(name: &str) -> Result<Self> {
        let zone = TimeZone::get(name).map_err(|error| invalid("name of a zone", &error))?;
        Ok(Self(zone))
    }

    /// Returns a zone with rules in the POSIX format of the variable `TZ`.
    ///
    /// An example is `CET-1CEST,M3.5.0,M10.5.0/3`. The rules are the same for all years.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a text that is not in this format.
    pub fn rules(text: &str) -> Result<Self> {
        let zone = TimeZone::posix(text).map_err(|error| invalid("rules of a zone", &error))?;
        Ok(Self(zone))
    }

    /// Returns the local date at a time.
    pub(super) fn date(&self, timestamp: Timestamp) -> Date {
        // The years 1677 to 2262 are within the calendar's range.
        let time = jiff::Timestamp::from_nanosecond(timestamp.as_nanos().into());
        self.0.to_datetime(time.unwrap_or(jiff::Timestamp::UNIX_EPOCH)).date()
    }

    /// Returns the first moment of a day, in nanoseconds since the epoch.
    ///
    /// It is midnight, or the end of the clock gap that contains midnight. Of two midnights it is the earlier one.
    pub(super) fn first_moment(&self, date: Date) -> i128 {
        let start = self.try_first_moment(date);
        start.map_or(if date.year() < 1970 { i128::MIN } else { i128::MAX }, jiff::Timestamp::as_nanosecond)
    }

    fn try_first_moment(&self, date: Date) -> Result<jiff::Timestamp, jiff::Error> {
        let midnight = date.to_datetime(Time::midnight());
        let ambiguous = self.0.to_ambiguous_timestamp(midnight);
        let AmbiguousOffset::Gap { before, .. } = ambiguous.offset() else { return ambiguous.compatible() };
        // With the clocks of before the gap, midnight follows the transition, and no other transition is in between.
        let after = before.to_timestamp(midnight)?;
        let until = after.checked_add(SignedDuration::from_nanos(1))?;
        Ok(self.0.preceding(until).next().map_or(after, |transition| transition.timestamp()))
    }

    /// Returns how far the clocks of the zone were ahead of UTC at the epoch, in nanoseconds.
    pub(super) fn nanos_ahead_at_epoch(&self) -> i128 {
        i128::from(self.0.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds()) * 1_000_000_000
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

fn invalid(field: &str, error: &jiff::Error) -> Error {
    Error::InvalidQuery { detail: format!("{field}: {error}") }
}
