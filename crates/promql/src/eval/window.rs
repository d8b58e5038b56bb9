//! Windows of samples that end at the steps of a query.

use super::row::is_present;

/// Times of a query's steps: `start`, `start + step`, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Steps {
    /// Time of the first step, in nanoseconds.
    pub(crate) start: i64,
    /// Time between two steps, in nanoseconds; at least 1.
    pub(crate) step: i64,
    /// Number of steps.
    pub(crate) count: usize,
}

impl Steps {
    /// Returns a single step.
    pub(crate) fn instant(at: i64) -> Self {
        Self { start: at, step: 1, count: 1 }
    }

    /// Returns the time of a step, clamped to the range of times.
    pub(crate) fn at(&self, index: usize) -> i64 {
        let ahead = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(self.step);
        self.start.saturating_add(ahead)
    }

    /// Returns the time of the last step; the first one if there is none.
    pub(crate) fn last(&self) -> i64 {
        self.at(self.count.saturating_sub(1))
    }

    /// Returns the times of all steps.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.count).map(|index| self.at(index))
    }
}

/// Reference times of a selector or subquery: the time of each step, or one time set by `@`, less the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Anchor {
    /// Time set by `@`, in nanoseconds.
    pub(crate) at: Option<i64>,
    /// Offset into the past, in nanoseconds.
    pub(crate) offset: i64,
}

impl Anchor {
    /// Returns the reference time for a step at `time`.
    pub(crate) fn time(&self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }
}

/// Samples of one series in ascending order of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Samples {
    /// Appends a sample, or replaces the last one at the same time: the last written one counts.
    #[inline]
    pub(crate) fn push(&mut self, time: i64, value: f64) {
        match (self.times.last(), self.values.last_mut()) {
            (Some(last), Some(last_value)) if *last == time => *last_value = value,
            _ => {
                self.times.push(time);
                self.values.push(value);
            }
        }
    }

    /// Removes staleness markers.
    pub(crate) fn remove_stale(&mut self) {
        if self.values.iter().all(|value| is_present(*value)) {
            return;
        }
        let mut kept = 0;
        for at in 0..self.values.len() {
            if is_present(self.values[at]) {
                self.values[kept] = self.values[at];
                self.times[kept] = self.times[at];
                kept += 1;
            }
        }
        self.times.truncate(kept);
        self.values.truncate(kept);
    }

    /// Returns the number of samples.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns `true` if there are no samples.
    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

/// Samples of one series in a time range `(start, end]`, which ends at a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    /// Start of the range, exclusive, in nanoseconds.
    pub(crate) start: i64,
    /// End of the range, inclusive, in nanoseconds.
    pub(crate) end: i64,
    /// Time of the step, in nanoseconds; `end` plus the offset.
    pub(crate) step_time: i64,
}

impl Window<'_> {
    /// Length of the range, in nanoseconds.
    pub(crate) fn range(&self) -> i64 {
        self.end.saturating_sub(self.start)
    }
}

/// Extent of the windows of a range selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Extent {
    /// Length of the range, in nanoseconds.
    pub(crate) range: i64,
    /// Further samples before the range (`anchored` and `smoothed`), in nanoseconds.
    pub(crate) before: i64,
    /// Further samples after the range (`smoothed`), in nanoseconds.
    pub(crate) after: i64,
}

/// Calls a function with the window of each step that has a sample.
///
/// The samples must hold no staleness markers. Both ends move forward only, so the cost of finding all windows is that
/// of one pass.
pub(crate) fn for_each_window(
    samples: &Samples,
    steps: &Steps,
    anchor: Anchor,
    extent: Extent,
    mut each: impl FnMut(usize, Window<'_>),
) {
    let (mut first, mut behind) = (0, 0);
    let times = &samples.times[..];
    for index in 0..steps.count {
        let step_time = steps.at(index);
        let end = anchor.time(step_time);
        let start = end.saturating_sub(extent.range);
        let (from, to) = (start.saturating_sub(extent.before), end.saturating_add(extent.after));
        while behind < times.len() && times[behind] <= to {
            behind += 1;
        }
        while first < behind && times[first] <= from {
            first += 1;
        }
        if first < behind {
            let (times, values) = (&times[first..behind], &samples.values[first..behind]);
            each(index, Window { times, values, start, end, step_time });
        }
    }
}

/// Returns the column of an instant selector: at each step the newest sample of at most the lookback.
///
/// `value` makes the result from time and value of the sample.
pub(crate) fn newest_samples(
    samples: &Samples,
    steps: &Steps,
    anchor: Anchor,
    lookback: i64,
    value: impl Fn(i64, f64) -> f64,
) -> Vec<f64> {
    let mut column = Vec::with_capacity(steps.count);
    let mut behind = 0;
    let times = &samples.times[..];
    for index in 0..steps.count {
        let at = anchor.time(steps.at(index));
        while behind < times.len() && times[behind] <= at {
            behind += 1;
        }
        let newest = behind.checked_sub(1).filter(|newest| times[*newest] > at.saturating_sub(lookback));
        column.push(match newest {
            Some(newest) if is_present(samples.values[newest]) => value(times[newest], samples.values[newest]),
            _ => super::row::MISSING,
        });
    }
    column
}

/// Returns the column of a `smoothed` instant selector: at each step the value interpolated between the samples around it.
///
/// Without a later sample within the lookback the earlier value counts.
pub(crate) fn smoothed_samples(samples: &Samples, steps: &Steps, anchor: Anchor, lookback: i64) -> Vec<f64> {
    let extent = Extent { range: 0, before: lookback, after: lookback };
    let mut column = vec![super::row::MISSING; steps.count];
    for_each_window(samples, steps, anchor, extent, |index, window| {
        let next = window.times.partition_point(|time| *time < window.end);
        let Some(slot) = column.get_mut(index) else { return };
        match (next.checked_sub(1), window.times.get(next)) {
            (_, Some(time)) if *time == window.end => *slot = window.values[next],
            (Some(previous), Some(_)) => {
                let (one, other) = (sample(&window, previous), sample(&window, next));
                *slot = interpolate(one, other, window.end, false);
            }
            (Some(previous), None) => *slot = window.values[previous],
            (None, _) => {}
        }
    });
    column
}

fn sample(window: &Window<'_>, at: usize) -> (i64, f64) {
    (window.times[at], window.values[at])
}

/// Returns the value at a time on the line between two samples.
///
/// A counter that was reset between them rises from 0.
pub(crate) fn interpolate(one: (i64, f64), other: (i64, f64), at: i64, is_counter: bool) -> f64 {
    let from = if is_counter && other.1 < one.1 { 0.0 } else { one.1 };
    let (since, between) =
        (super::number::seconds(at.saturating_sub(one.0)), super::number::seconds(other.0.saturating_sub(one.0)));
    from + (other.1 - from) * since / between
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::super::row::MISSING;
    use super::*;

    const LOOKBACK: i64 = 5;

    fn samples(pairs: &[(i64, f64)]) -> Samples {
        let mut samples = Samples::default();
        for (time, value) in pairs {
            samples.push(*time, *value);
        }
        samples
    }

    #[test]
    fn the_newest_sample_counts_for_the_lookback_unless_it_is_stale() {
        let samples = samples(&[(0, 1.0), (2, 2.0), (2, 3.0), (4, MISSING), (10, 7.0)]);
        let steps = Steps { start: -1, step: 1, count: 18 };
        let column = newest_samples(&samples, &steps, Anchor { at: None, offset: 0 }, LOOKBACK, |_, value| value);
        let present: Vec<(usize, f64)> = column.iter().copied().enumerate().filter(|(_, v)| is_present(*v)).collect();
        let expected = [(1, 1.0), (2, 1.0), (3, 3.0), (4, 3.0), (11, 7.0), (12, 7.0), (13, 7.0), (14, 7.0), (15, 7.0)];
        assert_eq!(present, expected);
        let pinned =
            newest_samples(&samples, &steps, Anchor { at: Some(3), offset: 1 }, LOOKBACK, |time, _| time as f64);
        assert!(pinned.iter().all(|value| *value == 2.0));
    }

    #[test]
    fn windows_are_open_at_the_left() {
        let mut data = samples(&[(0, 1.0), (5, 2.0), (7, MISSING), (10, 3.0)]);
        data.remove_stale();
        let mut found = Vec::new();
        let steps = Steps { start: 0, step: 5, count: 5 };
        let extent = Extent { range: 5, before: 0, after: 0 };
        for_each_window(&data, &steps, Anchor { at: None, offset: 0 }, extent, |index, window| {
            found.push((index, window.times.to_vec(), window.range()));
        });
        assert_eq!(found, [(0, vec![0], 5), (1, vec![5], 5), (2, vec![10], 5)]);
    }

    #[test]
    fn smoothed_values_lie_on_the_line_between_samples() {
        let data = samples(&[(0, 0.0), (4, 8.0)]);
        let steps = Steps { start: -1, step: 1, count: 12 };
        let column = smoothed_samples(&data, &steps, Anchor { at: None, offset: 0 }, LOOKBACK);
        let shown: Vec<Option<f64>> = column.iter().map(|value| is_present(*value).then_some(*value)).collect();
        let line = [0.0, 2.0, 4.0, 6.0, 8.0, 8.0, 8.0, 8.0, 8.0].map(Some);
        assert_eq!(shown[1..10], line);
        assert_eq!((shown[0], shown[10]), (None, None));
        assert_eq!(interpolate((0, 9.0), (4, 8.0), 2, true), 4.0);
    }
}
