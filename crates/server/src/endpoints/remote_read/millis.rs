//! Samples of whole milliseconds.

use timestrata::Timestamp;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Makes samples of milliseconds from points of nanoseconds, in the order of time.
///
/// A time is rounded down. Of several points in one millisecond the last is the sample; the others are counted.
#[derive(Debug, Default)]
pub(super) struct MilliSamples {
    last: Option<(i64, f64)>,
    merged: u64,
}

impl MilliSamples {
    /// Takes a point. Returns the sample before it, if it is complete.
    pub(super) fn push(&mut self, time: Timestamp, value: f64) -> Option<(i64, f64)> {
        let millis = time.as_nanos().div_euclid(NANOS_PER_MILLI);
        let before = self.last.replace((millis, value))?;
        if before.0 == millis {
            self.merged += 1;
            return None;
        }
        Some(before)
    }

    /// Returns the last sample, and resets the state.
    pub(super) fn finish(&mut self) -> Option<(i64, f64)> {
        self.last.take()
    }

    /// Returns the number of merged points, and resets it.
    pub(super) fn take_merged(&mut self) -> u64 {
        std::mem::take(&mut self.merged)
    }
}

/// Returns the points of a range of milliseconds, both inclusive; times that the store does not have are cut off.
pub(super) fn range_of_millis(start: i64, end: i64) -> std::ops::RangeInclusive<Timestamp> {
    let first = start.saturating_mul(NANOS_PER_MILLI);
    let last = end.saturating_mul(NANOS_PER_MILLI).saturating_add(NANOS_PER_MILLI - 1);
    Timestamp::from_nanos(first)..=Timestamp::from_nanos(last)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_last_point_of_a_millisecond_is_its_sample() {
        let mut samples = MilliSamples::default();
        let points = [(-1, 1.0), (0, 2.0), (999_999, 3.0), (1_000_000, 4.0)];
        let mut found: Vec<_> =
            points.iter().filter_map(|(nanos, value)| samples.push(Timestamp::from_nanos(*nanos), *value)).collect();
        found.extend(samples.finish());
        assert_eq!(found, [(-1, 1.0), (0, 3.0), (1, 4.0)]);
        assert_eq!((samples.take_merged(), samples.take_merged()), (1, 0));
    }

    #[test]
    fn a_range_has_all_points_of_its_milliseconds() {
        let range = range_of_millis(-1, 2);
        assert_eq!((range.start().as_nanos(), range.end().as_nanos()), (-1_000_000, 2_999_999));
        let all = range_of_millis(i64::MIN, i64::MAX);
        assert_eq!((*all.start(), *all.end()), (Timestamp::MIN, Timestamp::MAX));
    }
}
