//! A moment as nanoseconds since the Unix epoch; every i64 is one.
//! Text is RFC 3339 in UTC, with as many digits of the second as the moment needs.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z, from the year 1677 to 2262.
///
/// ```
/// use timestrata::Timestamp;
///
/// let at = Timestamp::from_secs(1_357_000_000);
/// assert_eq!(at.to_string(), "2013-01-01T00:26:40Z");
/// assert_eq!("2013-01-01T01:26:40+01:00".parse::<Timestamp>()?, at);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

macro_rules! units {
    ($($from:ident, $try_from:ident, $unit:literal, $nanos:literal;)*) => {$(
        #[doc = concat!("The moment ", $unit, " after the epoch; beyond the range, its nearest end.")]
        #[must_use]
        pub const fn $from(count: i64) -> Self {
            Self(count.saturating_mul($nanos))
        }

        #[doc = concat!("The moment ", $unit, " after the epoch, or `None` beyond the range.")]
        #[must_use]
        pub const fn $try_from(count: i64) -> Option<Self> {
            match count.checked_mul($nanos) {
                Some(nanos) => Some(Self(nanos)),
                None => None,
            }
        }
    )*};
}

impl Timestamp {
    /// The earliest moment, in the year 1677.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment, in the year 2262.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment so many nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    units! {
        from_secs, try_from_secs, "so many seconds", 1_000_000_000;
        from_millis, try_from_millis, "so many milliseconds", 1_000_000;
        from_micros, try_from_micros, "so many microseconds", 1_000;
    }

    /// The present moment by the system's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one public way to ask the clock")]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded towards the past.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// This moment moved by a signed number of nanoseconds; beyond the range, its nearest end.
    #[must_use]
    pub const fn saturating_add_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

/// A moment beyond the range becomes the range's nearest end.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => Self(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => f.pad(&time.to_string()),
            Err(_) => unreachable!("every i64 of nanoseconds lies within jiff's years -9999 to 9999"),
        }
    }
}

/// Reads RFC 3339 with an offset or `Z`, such as `2013-01-01T00:26:40.5Z`.
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |what: String| Error::InvalidTimestamp { text: text.chars().take(64).collect(), what };
        let time: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| invalid(error.to_string()))?;
        let nanos = i64::try_from(time.as_nanosecond());
        nanos.map(Self).map_err(|_| invalid("outside the years 1677 to 2262".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_at_both_ends() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_nanos(-1), Timestamp::from_nanos(0)] {
            assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        }
        assert!("2300-01-01T00:00:00Z".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn units_saturate_or_tell() {
        assert_eq!(Timestamp::from_secs(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::try_from_micros(i64::MAX), None);
        assert_eq!(Timestamp::try_from_secs(-1), Some(Timestamp::from_nanos(-1_000_000_000)));
    }
}
