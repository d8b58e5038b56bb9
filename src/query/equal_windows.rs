//! Consecutive windows with the same number of points each: the windows of a regular series.
//!
//! Windows of a few points cost more than their points when each is opened and closed on its own. Here the times of a block
//! of windows are compared without a branch for each, and the values are added in a loop over windows of a constant size.

use super::accumulator::value_of_points;
use super::aggregate::Aggregate;
use super::kernels::AggregateScalar;
use crate::types::point::{Timestamp, Value};

/// Windows of one length that follow a finished window, each with the same number of points.
pub(super) struct EqualWindows {
    /// Points of each window.
    pub(super) points: usize,
    /// Length of each window in nanoseconds.
    pub(super) nanos: i64,
    /// Inclusive end of the window before the first one.
    pub(super) previous_last: i64,
}

impl EqualWindows {
    /// Number of windows whose times are compared before the first branch.
    const BLOCK: usize = 32;

    /// Returns how many of the first windows have exactly `points` points each. The timestamps must be sorted.
    ///
    /// A window counts only if a later timestamp follows it in the slice, because otherwise it may get more points.
    pub(super) fn count(&self, timestamps: &[Timestamp]) -> usize {
        let limit = timestamps.len().saturating_sub(1).checked_div(self.points).unwrap_or(0);
        let mut count = 0;
        while count < limit {
            let block = Self::BLOCK.min(limit - count);
            if self.are_filled(timestamps, count, block) {
                count += block;
            } else if let Some(filled) = (0..block).position(|at| !self.are_filled(timestamps, count + at, 1)) {
                return count + filled;
            } else {
                // Unreachable: a block is filled if each of its windows is.
                return count;
            }
        }
        count
    }

    /// Returns `true` if each of `count` windows, from the one at index `first`, has its points and no others.
    #[inline]
    fn are_filled(&self, timestamps: &[Timestamp], first: usize, count: usize) -> bool {
        let (Some(begin), Some(_)) = (self.start_of(first), self.start_of(first + count)) else { return false };
        let times = &timestamps[first * self.points..];
        let (windows, behind) = times.split_at(count * self.points);
        let mut start = begin;
        let mut are_inside = true;
        for window in windows.chunks_exact(self.points) {
            let end = start + self.nanos;
            are_inside &= window[0].as_nanos() >= start && window[self.points - 1].as_nanos() < end;
            start = end;
        }
        are_inside && behind.first().is_some_and(|next| next.as_nanos() >= start)
    }

    /// Returns the starts of the windows, without an end.
    pub(super) fn starts(&self) -> impl Iterator<Item = Timestamp> {
        let (begin, nanos) = (self.previous_last.wrapping_add(1), self.nanos);
        (0_i64..).map(move |at| Timestamp::from_nanos(begin.wrapping_add(at.wrapping_mul(nanos))))
    }

    /// Returns the inclusive end of the last one of `count` windows, as [`count`](Self::count) returns it.
    pub(super) fn last_of(&self, count: usize) -> i64 {
        self.start_of(count).map_or(self.previous_last, |next| next - 1)
    }

    /// Returns the start of a window by its index; `None` if it is no timestamp.
    fn start_of(&self, index: usize) -> Option<i64> {
        let into = self.nanos.checked_mul(i64::try_from(index).ok()?)?;
        self.previous_last.checked_add(1)?.checked_add(into)
    }

    /// Appends the value of each window. The aggregate must need only count and sum, and must return doubles.
    pub(super) fn push_doubles<T: AggregateScalar>(&self, aggregate: Aggregate, values: &[T], doubles: &mut Vec<f64>) {
        match self.points {
            1 => push_windows::<1, T>(aggregate, values, doubles),
            2 => push_windows::<2, T>(aggregate, values, doubles),
            3 => push_windows::<3, T>(aggregate, values, doubles),
            4 => push_windows::<4, T>(aggregate, values, doubles),
            5 => push_windows::<5, T>(aggregate, values, doubles),
            6 => push_windows::<6, T>(aggregate, values, doubles),
            7 => push_windows::<7, T>(aggregate, values, doubles),
            points => doubles.extend(values.chunks_exact(points).map(|window| double_of(aggregate, window))),
        }
    }
}

/// Appends the value of each window of `N` points.
fn push_windows<const N: usize, T: AggregateScalar>(aggregate: Aggregate, values: &[T], doubles: &mut Vec<f64>) {
    let (windows, _) = values.as_chunks::<N>();
    // The sum of doubles and the sum as a double are one. With a constant aggregate the loop has no branch for it.
    if aggregate == Aggregate::Mean {
        doubles.extend(windows.iter().map(|window| double_of(Aggregate::Mean, window)));
    } else {
        doubles.extend(windows.iter().map(|window| double_of(Aggregate::SumAsF64, window)));
    }
}

/// Returns the value of a window as a double.
#[inline]
fn double_of<T: AggregateScalar>(aggregate: Aggregate, values: &[T]) -> f64 {
    match value_of_points(aggregate, values) {
        Value::F64(value) => value,
        other => other.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: i64 = 60;

    fn times(nanos: impl IntoIterator<Item = i64>) -> Vec<Timestamp> {
        nanos.into_iter().map(Timestamp::from_nanos).collect()
    }

    fn windows(points: usize, previous_last: i64) -> EqualWindows {
        EqualWindows { points, nanos: LENGTH, previous_last }
    }

    /// Counts window by window.
    fn naive_count(windows: &EqualWindows, timestamps: &[Timestamp]) -> usize {
        let in_window = |index: i64| {
            let start = windows.previous_last + 1 + index * windows.nanos;
            timestamps.iter().filter(|at| (start..start + windows.nanos).contains(&at.as_nanos())).count()
        };
        let last = timestamps.last().map_or(i64::MIN, |at| at.as_nanos());
        let is_closed = |index: i64| last > windows.previous_last + (index + 1) * windows.nanos;
        let starts_inside = timestamps.first().is_none_or(|at| at.as_nanos() > windows.previous_last);
        (0..1_000).take_while(|index| starts_inside && in_window(*index) == windows.points && is_closed(*index)).count()
    }

    #[test]
    fn regular_times_fill_all_windows_but_the_last_one() {
        let timestamps = times((0..600).map(|at| at * 10));
        assert_eq!(windows(6, -1).count(&timestamps), 99);
        assert_eq!(windows(5, -1).count(&timestamps), 0);
        assert_eq!(windows(7, -1).count(&timestamps), 0);
        assert_eq!(windows(0, -1).count(&timestamps), 0);
        assert_eq!(windows(6, -1).count(&[]), 0);
        assert_eq!(windows(6, -1).count(&timestamps[..6]), 0, "no later time shows that the window is complete");
        assert_eq!(windows(6, -1).count(&timestamps[..7]), 1);
    }

    #[test]
    fn windows_at_the_end_of_time_are_left_to_the_general_path() {
        let first = i64::MAX - 100;
        let timestamps = times((0..10).map(|at| first + at * 10));
        assert_eq!(windows(6, first - 1).count(&timestamps), 1);
        assert_eq!(windows(6, i64::MAX).count(&timestamps), 0);
        assert_eq!(windows(6, first - 1).last_of(1), first + LENGTH - 1);
    }

    #[test]
    fn values_are_those_of_single_windows() {
        let values: Vec<f64> = (0..60_u32).map(|at| f64::from(at).sin()).collect();
        for points in 1..=9 {
            let values = &values[..values.len() / points * points];
            for aggregate in [Aggregate::Mean, Aggregate::Sum, Aggregate::SumAsF64] {
                let mut doubles = Vec::new();
                windows(points, -1).push_doubles(aggregate, values, &mut doubles);
                let single = values.chunks(points).map(|window| value_of_points(aggregate, window).to_bits());
                assert!(single.eq(doubles.iter().map(|value| value.to_bits())), "{aggregate:?} of {points} points");
            }
        }
    }

    proptest! {
        #[test]
        fn the_count_is_that_of_a_check_window_by_window(
            points in 1_usize..8,
            changed in prop::collection::vec((0_usize..400, -70_i64..70), 0..3),
            len in 0_usize..400,
            shift in -3_i64..3,
        ) {
            let step = LENGTH / i64::try_from(points).unwrap();
            let position = |at: usize| {
                let (window, within) = (at / points, at % points);
                i64::try_from(window).unwrap() * LENGTH + i64::try_from(within).unwrap() * step
            };
            let mut nanos: Vec<i64> = (0..len).map(position).collect();
            for (at, by) in changed {
                if let Some(time) = nanos.get_mut(at) {
                    *time += by;
                }
            }
            nanos.sort_unstable();
            let timestamps = times(nanos);
            let windows = windows(points, -1 + shift);
            prop_assert_eq!(windows.count(&timestamps), naive_count(&windows, &timestamps));
            let starts: Vec<_> = windows.starts().take(2).map(Timestamp::as_nanos).collect();
            prop_assert_eq!(starts, vec![shift, shift + LENGTH]);
        }
    }
}
