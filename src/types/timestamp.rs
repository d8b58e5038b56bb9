//! Timestamps: nanoseconds since the Unix epoch as an `i64`; every `i64` is a valid timestamp.
//! The text form is RFC 3339 in UTC, with as many digits of the second as the timestamp needs.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NANOS_PER_SEC: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

/// Point in time: nanoseconds since 1970-01-01T00:00:00Z, from the year 1677 to the year 2262.
///
/// # Arithmetic
/// `+` and `-` with a [`Duration`] stop at [`MIN`](Self::MIN) and [`MAX`](Self::MAX); they never panic.
/// [`checked_add`](Self::checked_add) and [`checked_sub`](Self::checked_sub) return `None` instead. `a - b` is the
/// [`Duration`] from `b` to `a`, or zero if `b` is later, as for [`std::time::Instant`].
///
/// # Text
/// [`Display`](fmt::Display) writes RFC 3339 in UTC, exact to the nanosecond; [`FromStr`](std::str::FromStr) reads
/// RFC 3339 with `Z` or an offset.
///
/// ```
/// use std::time::Duration;
/// use timestrata::Timestamp;
///
/// let start = Timestamp::from_secs(1_357_000_000);
/// assert_eq!(start.to_string(), "2013-01-01T00:26:40Z");
/// assert_eq!("2013-01-01T01:26:40+01:00".parse::<Timestamp>()?, start);
///
/// let end = start + Duration::from_millis(1_500);
/// assert_eq!(end.as_millis(), 1_357_000_001_500);
/// assert_eq!(end - start, Duration::from_millis(1_500));
/// assert_eq!(start - end, Duration::ZERO);
/// assert_eq!(Timestamp::MAX.checked_add(Duration::from_nanos(1)), None);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

macro_rules! timestamp_units {
    ($($from:ident, $checked_from:ident, $as:ident, $unit:literal, $nanos:ident;)*) => {$(
        #[doc = concat!("Returns the timestamp `count` ", $unit, " after the epoch.")]
        ///
        /// Outside the range the result is [`MIN`](Self::MIN) or [`MAX`](Self::MAX).
        #[must_use]
        pub const fn $from(count: i64) -> Self {
            Self(count.saturating_mul($nanos))
        }

        #[doc = concat!("Returns the timestamp `count` ", $unit, " after the epoch; `None` outside the range.")]
        #[must_use]
        pub const fn $checked_from(count: i64) -> Option<Self> {
            match count.checked_mul($nanos) {
                Some(nanos) => Some(Self(nanos)),
                None => None,
            }
        }

        #[doc = concat!("Returns the whole ", $unit, " since the epoch, rounded towards the past.")]
        #[must_use]
        pub const fn $as(self) -> i64 {
            self.0.div_euclid($nanos)
        }
    )*};
}

impl Timestamp {
    /// The earliest timestamp, 1677-09-21T00:12:43.145224192Z.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest timestamp, 2262-04-11T23:47:16.854775807Z.
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// Returns the timestamp `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    timestamp_units! {
        from_secs, checked_from_secs, as_secs, "seconds", NANOS_PER_SEC;
        from_millis, checked_from_millis, as_millis, "milliseconds", NANOS_PER_MILLI;
        from_micros, checked_from_micros, as_micros, "microseconds", NANOS_PER_MICRO;
    }

    /// Returns the seconds since the epoch as `f64`, precise to about a microsecond.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the documented precision")]
    pub fn as_secs_f64(self) -> f64 {
        // The whole seconds are exact in an `f64`; the number of nanoseconds since the epoch may not be.
        self.as_secs() as f64 + self.0.rem_euclid(NANOS_PER_SEC) as f64 / NANOS_PER_SEC as f64
    }

    /// Returns the current time of the system clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one public function that reads the clock")]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Returns this timestamp plus a duration; `None` if the result is after [`MAX`](Self::MAX).
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        match duration_nanos(duration) {
            Some(nanos) => Self::from_optional_nanos(self.0.checked_add_unsigned(nanos)),
            None => None,
        }
    }

    /// Returns this timestamp minus a duration; `None` if the result is before [`MIN`](Self::MIN).
    #[must_use]
    pub const fn checked_sub(self, duration: Duration) -> Option<Self> {
        match duration_nanos(duration) {
            Some(nanos) => Self::from_optional_nanos(self.0.checked_sub_unsigned(nanos)),
            None => None,
        }
    }

    /// Returns this timestamp shifted by a signed number of nanoseconds; `None` outside the range.
    #[must_use]
    pub const fn checked_add_nanos(self, nanos: i64) -> Option<Self> {
        Self::from_optional_nanos(self.0.checked_add(nanos))
    }

    /// Returns this timestamp shifted by a signed number of nanoseconds, limited to the range.
    #[must_use]
    pub const fn saturating_add_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Returns the time from `earlier` to this timestamp; zero if `earlier` is later.
    #[must_use]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        match self.checked_duration_since(earlier) {
            Some(duration) => duration,
            None => Duration::ZERO,
        }
    }

    /// Returns the time from `earlier` to this timestamp; `None` if `earlier` is later.
    #[must_use]
    pub const fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        if self.0 >= earlier.0 { Some(self.abs_diff(earlier)) } else { None }
    }

    /// Returns the time between two timestamps in either order. The difference of any two timestamps fits.
    #[must_use]
    pub const fn abs_diff(self, other: Self) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }

    const fn from_optional_nanos(nanos: Option<i64>) -> Option<Self> {
        match nanos {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }
}

/// Returns the nanoseconds of a duration; `None` above the greatest distance of two timestamps.
const fn duration_nanos(duration: Duration) -> Option<u64> {
    let nanos = duration.as_nanos();
    #[expect(clippy::cast_possible_truncation, reason = "compared with the bound before")]
    if nanos <= u64::MAX as u128 { Some(nanos as u64) } else { None }
}

/// Adds a duration; the result is at most [`Timestamp::MAX`].
impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// Subtracts a duration; the result is at least [`Timestamp::MIN`].
impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        self.checked_sub(duration).unwrap_or(Self::MIN)
    }
}

impl SubAssign<Duration> for Timestamp {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

/// Returns the time from `earlier` to this timestamp, as [`Timestamp::duration_since`].
impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

/// Converts a system time; outside the range the result is [`Timestamp::MIN`] or [`Timestamp::MAX`].
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH + after,
            Err(before) => Self::UNIX_EPOCH - before.duration(),
        }
    }
}

/// Converts to a system time, exact if the operating system's clock has nanoseconds.
impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        let distance = timestamp.abs_diff(Timestamp::UNIX_EPOCH);
        if timestamp < Timestamp::UNIX_EPOCH { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}

/// Writes RFC 3339 in UTC, such as `2013-01-01T00:26:40.5Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => f.pad(&time.to_string()),
            Err(_) => unreachable!("every i64 of nanoseconds lies within jiff's years -9999 to 9999"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_round_trips_at_both_ends() {
        for timestamp in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_nanos(-1), Timestamp::UNIX_EPOCH] {
            assert_eq!(timestamp.to_string().parse::<Timestamp>().unwrap(), timestamp);
        }
        assert!("2300-01-01T00:00:00Z".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn conversions_from_units_saturate_or_return_none() {
        assert_eq!(Timestamp::from_secs(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::checked_from_micros(i64::MAX), None);
        assert_eq!(Timestamp::checked_from_secs(-1), Some(Timestamp::from_nanos(-1_000_000_000)));
    }

    #[test]
    fn conversions_to_units_round_towards_the_past() {
        let before = Timestamp::from_nanos(-1);
        assert_eq!((before.as_secs(), before.as_millis(), before.as_micros()), (-1, -1, -1));
        let after = Timestamp::from_nanos(1_999_999_999);
        assert_eq!((after.as_secs(), after.as_millis(), after.as_micros()), (1, 1_999, 1_999_999));
        assert!((Timestamp::from_millis(-1_500).as_secs_f64() - -1.5).abs() < f64::EPSILON);
        assert!(Timestamp::MAX.as_secs_f64() > 9.223e9);
    }

    #[test]
    fn operators_saturate_and_checked_functions_return_none() {
        let second = Duration::from_secs(1);
        assert_eq!(Timestamp::MAX + second, Timestamp::MAX);
        assert_eq!(Timestamp::MIN - second, Timestamp::MIN);
        assert_eq!(Timestamp::MIN + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::MAX - Duration::MAX, Timestamp::MIN);
        assert_eq!(Timestamp::MAX.checked_add(second), None);
        assert_eq!(Timestamp::MIN.checked_sub(second), None);
        assert_eq!(Timestamp::MIN.checked_add_nanos(-1), None);
        assert_eq!(Timestamp::MAX - Timestamp::MIN, Duration::from_nanos(u64::MAX));
        assert_eq!(Timestamp::MIN + (Timestamp::MAX - Timestamp::MIN), Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Timestamp::MAX, Duration::ZERO);
        assert_eq!(Timestamp::MIN.checked_duration_since(Timestamp::MAX), None);
        let mut timestamp = Timestamp::UNIX_EPOCH;
        timestamp += second;
        timestamp -= Duration::from_millis(250);
        assert_eq!(timestamp.as_millis(), 750);
    }

    proptest! {
        #[test]
        fn sums_and_differences_agree_with_exact_arithmetic(nanos: i64, secs: u64, subsec in 0..1_000_000_000_u32) {
            let (timestamp, duration) = (Timestamp::from_nanos(nanos), Duration::new(secs % (1 << 36), subsec));
            let length = i128::try_from(duration.as_nanos()).unwrap();
            let exact = |nanos: i128| i64::try_from(nanos).ok().map(Timestamp::from_nanos);
            prop_assert_eq!(timestamp.checked_add(duration), exact(i128::from(nanos) + length));
            prop_assert_eq!(timestamp.checked_sub(duration), exact(i128::from(nanos) - length));
        }

        #[test]
        fn system_times_round_trip(nanos: i64) {
            let timestamp = Timestamp::from_nanos(nanos);
            prop_assert_eq!(Timestamp::from(SystemTime::from(timestamp)), timestamp);
        }
    }
}
