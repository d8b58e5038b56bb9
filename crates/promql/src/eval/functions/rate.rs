//! `rate`, `increase`, `delta`, `irate`, `idelta`, `changes` and `resets`.

use super::super::number::{self, seconds};
use super::super::window::{Window, interpolate};

/// How much further than the mean distance of samples the first or last one may be from the end of the range for an
/// extrapolation to that end.
const EXTRAPOLATION_THRESHOLD: f64 = 1.1;

/// Which change a function computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Change {
    /// `true` if a lower value is the reset of a counter.
    pub(crate) is_counter: bool,
    /// `true` if the result is per second.
    pub(crate) is_rate: bool,
}

/// Seconds of the last duration that was converted: windows at a regular distance have the same ones.
#[derive(Debug, Default)]
struct KnownSeconds {
    nanos: i64,
    seconds: f64,
}

impl KnownSeconds {
    #[inline]
    fn of(&mut self, nanos: i64) -> f64 {
        if nanos != self.nanos {
            *self = Self { nanos, seconds: seconds(nanos) };
        }
        self.seconds
    }
}

/// Durations within the last window.
#[derive(Debug, Default)]
pub(crate) struct KnownDurations {
    to_start: KnownSeconds,
    to_end: KnownSeconds,
    sampled: KnownSeconds,
    range: KnownSeconds,
}

/// Returns the change within a window, extrapolated to its ends; `None` for fewer than two samples.
///
/// The first and the last sample are rarely at the ends of the range. If they are close to it, the change is
/// extrapolated to the end, else by half the mean distance of samples. A counter is not extrapolated below zero. `before_resets`
/// are the values before the resets of a counter, in order of time.
pub(crate) fn extrapolated(
    window: &Window<'_>,
    change: Change,
    before_resets: impl Iterator<Item = f64>,
    known: &mut KnownDurations,
) -> Option<f64> {
    let values = window.values;
    let (first, last) = (*values.first()?, *values.last()?);
    let (first_time, last_time) = (*window.times.first()?, *window.times.last()?);
    if values.len() < 2 {
        return None;
    }
    let difference = before_resets.fold(last - first, |difference, value| difference + value);
    let mut to_start = known.to_start.of(first_time.saturating_sub(window.start));
    let mut to_end = known.to_end.of(window.end.saturating_sub(last_time));
    let sampled = known.sampled.of(last_time.saturating_sub(first_time));
    let mean_distance = sampled / number::count(values.len() - 1);
    let threshold = mean_distance * EXTRAPOLATION_THRESHOLD;
    if to_start >= threshold {
        to_start = mean_distance / 2.0;
    }
    if change.is_counter && difference > 0.0 && first >= 0.0 {
        let to_zero = sampled * (first / difference);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    if to_end >= threshold {
        to_end = mean_distance / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if change.is_rate {
        factor /= known.range.of(window.range());
    }
    Some(difference * factor)
}

/// Returns the change between the ends of the range for an `anchored` or `smoothed` selector.
///
/// The window also holds samples beside the range. `anchored` takes the value of the last sample at or before each end,
/// `smoothed` the value on the line between the samples around it.
pub(crate) fn extended(window: &Window<'_>, change: Change, is_smoothed: bool) -> Option<f64> {
    let Window { times, values, start, end, .. } = *window;
    let mut last = times.len().checked_sub(1)?;
    let mut first = times[..last].partition_point(|time| *time <= start).saturating_sub(1);
    if is_smoothed {
        last = times[..last].partition_point(|time| *time < end);
    }
    // All samples are before the range, or all are after it.
    if times[last] <= start || times[first] > end {
        return None;
    }
    let at = |index: usize| (times[index], values[index]);
    let left = if is_smoothed && times[first] < start && first + 1 < times.len() {
        interpolate(at(first), at(first + 1), start, change.is_counter)
    } else {
        values[first]
    };
    let right = if is_smoothed && last > 0 && times[last] > end {
        interpolate(at(last - 1), at(last), end, change.is_counter)
    } else {
        values[last]
    };
    let mut difference = right - left;
    if change.is_counter {
        if times[first] <= start {
            first += 1;
        }
        let behind = if times[last] >= end { last } else { last + 1 };
        difference += reset_correction(left, right, values.get(first..behind).unwrap_or(&[]));
    }
    Some(if change.is_rate { difference / seconds(window.range()) } else { difference })
}

/// Returns what a counter had counted before its resets between two values.
fn reset_correction(left: f64, right: f64, between: &[f64]) -> f64 {
    let (mut correction, mut previous) = (0.0, left);
    for value in between.iter().copied().chain([right]) {
        if value < previous {
            correction += previous;
        }
        previous = value;
    }
    correction
}

/// Returns the change between the last two samples.
pub(crate) fn instant(window: &Window<'_>, is_rate: bool) -> Option<f64> {
    let (before, last) = (window.values.len().checked_sub(2)?, window.values.len() - 1);
    let (one, other) = (window.values[before], window.values[last]);
    let elapsed = window.times[last].saturating_sub(window.times[before]);
    if elapsed == 0 {
        return None;
    }
    let difference = if is_rate && other < one { other } else { other - one };
    Some(if is_rate { difference / seconds(elapsed) } else { difference })
}

/// Returns the values from the last sample at or before the start of the range on, for an `anchored` selector.
///
/// `None` if no sample is in the range.
pub(crate) fn anchored_values<'a>(window: &Window<'a>) -> Option<&'a [f64]> {
    let last = window.times.len().checked_sub(1)?;
    if window.times[last] <= window.start {
        return None;
    }
    let first = window.times[..last].partition_point(|time| *time <= window.start).saturating_sub(1);
    window.values.get(first..)
}

/// Returns `true` if a value is less than the one before it.
#[inline]
pub(crate) fn is_reset(before: f64, value: f64) -> bool {
    value < before
}

/// Returns `true` if a value differs from the one before it; NaN equals NaN.
#[inline]
#[expect(clippy::float_cmp, reason = "a change is any difference")]
pub(crate) fn is_change(before: f64, value: f64) -> bool {
    value != before && !(value.is_nan() && before.is_nan())
}

/// Returns how often a value is less than the one before it.
pub(crate) fn resets(values: &[f64]) -> f64 {
    number::count(values.windows(2).filter(|pair| is_reset(pair[0], pair[1])).count())
}

/// Returns how often a value differs from the one before it; NaN equals NaN.
pub(crate) fn changes(values: &[f64]) -> f64 {
    number::count(values.windows(2).filter(|pair| is_change(pair[0], pair[1])).count())
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::super::super::number::SECOND;
    use super::*;

    const INCREASE: Change = Change { is_counter: true, is_rate: false };
    const RATE: Change = Change { is_counter: true, is_rate: true };
    const DELTA: Change = Change { is_counter: false, is_rate: false };

    fn with<R>(secs: &[i64], values: &[f64], start: i64, end: i64, check: impl Fn(&Window<'_>) -> R) -> R {
        let times: Vec<i64> = secs.iter().map(|secs| secs * SECOND).collect();
        let (start, end) = (start * SECOND, end * SECOND);
        check(&Window { times: &times, values, start, end, step_time: end })
    }

    fn alone(window: &Window<'_>, change: Change) -> Option<f64> {
        let resets = window.values.windows(2).filter(|pair| change.is_counter && is_reset(pair[0], pair[1]));
        extrapolated(window, change, resets.map(|pair| pair[0]), &mut KnownDurations::default())
    }

    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{found:?} is not {expected}");
    }

    #[test]
    fn an_increase_is_extrapolated_and_resets_are_added() {
        with(&[0, 10, 20, 30], &[0.0, 10.0, 20.0, 30.0], -5, 35, |window| {
            // To the start only as far as the counter is above zero.
            close(alone(window, INCREASE), 35.0);
            close(alone(window, DELTA), 40.0);
            close(alone(window, RATE), 35.0 / 40.0);
        });
        with(&[0, 10, 20], &[5.0, 8.0, 2.0], 0, 20, |window| {
            close(alone(window, INCREASE), 5.0);
            close(alone(window, DELTA), -3.0);
        });
        assert_eq!(with(&[1], &[1.0], 0, 20, |window| alone(window, RATE)), None);
    }

    #[test]
    fn an_anchored_change_is_that_between_the_ends_of_the_range() {
        let (secs, values) = ([0, 15, 30, 45, 60, 75], [1.0, 2.0, 3.0, 4.0, 5.0, 1.0]);
        with(&secs, &values, 20, 80, |window| {
            close(extended(window, INCREASE, false), 4.0);
            close(extended(window, DELTA, false), -1.0);
        });
        with(&secs[..5], &values[..5], 20, 50, |window| {
            close(extended(window, INCREASE, true), 2.0);
            close(extended(window, RATE, true), 2.0 / 30.0);
        });
        assert_eq!(with(&[0], &[1.0], 0, 20, |window| extended(window, INCREASE, true)), None);
        assert!(with(&[0], &[1.0], 0, 20, |window| anchored_values(window).is_none()));
    }

    #[test]
    fn the_last_two_samples_make_the_instant_rate() {
        with(&[0, 10, 20], &[0.0, 9.0, 4.0], 0, 20, |window| {
            close(instant(window, true), 0.4);
            close(instant(window, false), -5.0);
        });
        assert_eq!(with(&[1], &[1.0], 0, 20, |window| instant(window, true)), None);
    }

    #[test]
    fn changes_and_resets_compare_neighbours() {
        let values = [1.0, 1.0, 2.0, f64::NAN, f64::NAN, 0.0];
        assert_eq!((changes(&values), resets(&values), resets(&[3.0, 2.0, 1.0])), (3.0, 0.0, 2.0));
    }
}
