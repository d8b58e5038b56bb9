//! Windows of samples that end at the steps of a query.

use timestrata::{Timestamp, ValueSlice};

use super::column::is_present;

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

    /// Appends samples in ascending order of time; see [`push`](Self::push). Integers become the nearest float.
    pub(crate) fn extend(&mut self, times: &[Timestamp], values: ValueSlice<'_>) {
        let follows = match (self.times.last(), times.first()) {
            (Some(last), Some(first)) => *last < first.as_nanos(),
            _ => true,
        };
        // Most blocks have no two points at one time, and are copied as a whole.
        if follows && times.is_sorted_by(|one, other| one < other) {
            self.times.extend(times.iter().map(|time| time.as_nanos()));
            match values {
                ValueSlice::F64(values) => self.values.extend_from_slice(values),
                values => values.for_each_f64(|value| self.values.push(value)),
            }
            return;
        }
        let mut times = times.iter();
        values.for_each_f64(|value| {
            if let Some(time) = times.next() {
                self.push(time.as_nanos(), value);
            }
        });
    }

    /// Removes all samples, and keeps the memory for others.
    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }

    /// Removes staleness markers.
    pub(crate) fn remove_stale(&mut self) {
        // A count has no branches.
        if self.values.iter().filter(|value| !is_present(**value)).count() == 0 {
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
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use super::super::column::MISSING;
    use super::*;

    #[test]
    fn of_samples_at_one_time_the_last_counts_and_markers_can_be_removed() {
        let mut samples = Samples::default();
        samples.push(0, 1.0);
        samples.push(2, 2.0);
        let times = |nanos: &[i64]| nanos.iter().map(|nanos| Timestamp::from_nanos(*nanos)).collect::<Vec<_>>();
        samples.extend(&times(&[2, 3, 4]), ValueSlice::F64(&[3.0, MISSING, 5.0]));
        samples.extend(&times(&[5, 6]), ValueSlice::I64(&[6, 7]));
        samples.extend(&times(&[6, 6]), ValueSlice::U64(&[8, 9]));
        samples.remove_stale();
        assert_eq!((&samples.times[..], &samples.values[..]), (&[0, 2, 4, 5, 6][..], &[1.0, 3.0, 5.0, 6.0, 9.0][..]));
        samples.clear();
        assert!(samples.is_empty());
    }

    #[test]
    fn a_reset_counter_rises_from_zero() {
        assert_eq!(interpolate((0, 9.0), (4, 8.0), 2, true), 4.0);
        assert_eq!(interpolate((0, 0.0), (4, 8.0), 2, false), 4.0);
    }
}
