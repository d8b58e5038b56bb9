//! A buffer of two columns of equal length, timestamps and values, from which points are removed.
//!
//! Removal of a prefix or a suffix moves no point. Removal in the middle moves only points after the removed ones.

use std::ops::Range;

use crate::state::hidden_ranges::HiddenRanges;
use crate::types::point::{Point, Timestamp};
use crate::types::time_range::TimeRange;

/// Buffer of points of one series in time order.
#[derive(Debug)]
pub(crate) struct ColumnBuffer<T> {
    pub(super) timestamps: Vec<Timestamp>,
    pub(super) values: Vec<T>,
    /// Index of the first remaining point.
    /// The points before it were removed: returned, moved, hidden or out of range.
    start: usize,
}

impl<T: Copy> ColumnBuffer<T> {
    pub(super) const fn new() -> Self {
        Self { timestamps: Vec::new(), values: Vec::new(), start: 0 }
    }

    /// Returns the timestamps of the remaining points.
    pub(crate) fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps[self.start..]
    }

    /// Returns the values of the remaining points.
    pub(crate) fn values(&self) -> &[T] {
        &self.values[self.start..]
    }

    /// Removes and returns the first remaining point.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Point<T>> {
        let (timestamp, value) = (*self.timestamps.get(self.start)?, *self.values.get(self.start)?);
        self.start += 1;
        Some(Point { timestamp, value })
    }

    pub(super) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.start = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.timestamps.len()
    }

    /// Moves the first `count` remaining points to the end of `other`.
    pub(super) fn move_to(&mut self, other: &mut Self, count: usize) {
        // If sources interleave point by point, two calls to copy memory would cost more than the merge.
        if count == 1 {
            if let Some(point) = self.pop() {
                other.timestamps.push(point.timestamp);
                other.values.push(point.value);
            }
            return;
        }
        let run = self.start..self.start + count;
        other.timestamps.extend_from_slice(&self.timestamps[run.clone()]);
        other.values.extend_from_slice(&self.values[run.clone()]);
        self.start = run.end;
    }

    /// Removes the first `count` remaining points, which must exist.
    pub(super) fn remove_front(&mut self, count: usize) {
        self.start += count;
    }

    /// Removes the first `count` remaining points.
    ///
    /// The value of the last of them replaces the last value of `other`.
    pub(super) fn supersede(&mut self, other: &mut Self, count: usize) {
        self.start = (self.start + count).min(self.values.len());
        let newer = self.start.checked_sub(1).and_then(|at| self.values.get(at));
        if let (Some(newer), Some(place)) = (newer, other.values.last_mut()) {
            *place = *newer;
        }
    }

    /// Keeps the points inside the range, which must not be empty.
    ///
    /// Returns `true` if any point was after its end.
    pub(super) fn clip(&mut self, range: TimeRange) -> bool {
        let before = |first: i64| move |at: &Timestamp| at.as_nanos() < first;
        if self.timestamps.first().is_some_and(before(range.first())) {
            self.start = self.timestamps.partition_point(before(range.first()));
        }
        let ended = self.timestamps.last().is_some_and(|at| at.as_nanos() > range.last());
        if ended {
            let end = self.timestamps.partition_point(|at| at.as_nanos() <= range.last());
            // No effect if the points are in order. If they are not, the result is wrong, but still a valid slice.
            self.start = self.start.min(end);
            self.truncate(end);
        }
        ended
    }

    /// Removes the hidden points.
    pub(super) fn remove_hidden(&mut self, hidden: &HiddenRanges) {
        let (first, last) = match self.timestamps() {
            [first, .., last] => (first.as_nanos(), last.as_nanos()),
            [only] => (only.as_nanos(), only.as_nanos()),
            [] => return,
        };
        let own = TimeRange::new(first, last);
        if !hidden.overlaps(own) {
            return;
        }
        if hidden.covers(own) {
            self.start = self.timestamps.len();
            return;
        }
        let (mut from, mut end) = (self.start, self.start);
        let ranges = hidden.ranges();
        let at = ranges.partition_point(|range| range.last() < first);
        for range in ranges[at..].iter().take_while(|range| range.first() <= last) {
            let until = from + partition_point_galloping(&self.timestamps[from..], |at| at.as_nanos() < range.first());
            end = self.keep(from..until, end);
            from = until + partition_point_galloping(&self.timestamps[until..], |at| at.as_nanos() <= range.last());
        }
        end = self.keep(from..self.timestamps.len(), end);
        self.truncate(end);
    }

    /// Keeps the points of `run`: moves them directly after the points kept so far, which end at `end`.
    ///
    /// Returns the new end.
    fn keep(&mut self, run: Range<usize>, end: usize) -> usize {
        if end == self.start {
            // Nothing was kept so far: the points stay where they are.
            self.start = run.start;
            return run.end;
        }
        self.timestamps.copy_within(run.clone(), end);
        self.values.copy_within(run.clone(), end);
        end + run.len()
    }

    /// Keeps one point per timestamp: the last one if `keep_last`, else the first.
    pub(super) fn dedup(&mut self, keep_last: bool) {
        let is_duplicate = |pair: &[Timestamp]| pair[0] == pair[1];
        let Some(at) = self.timestamps().windows(2).position(is_duplicate) else { return };
        let mut end = self.start + at;
        for at in end + 1..self.timestamps.len() {
            if self.timestamps[at] != self.timestamps[end] {
                end += 1;
                self.timestamps[end] = self.timestamps[at];
                self.values[end] = self.values[at];
            } else if keep_last {
                self.values[end] = self.values[at];
            }
        }
        self.truncate(end + 1);
    }

    /// Removes the points at the front up to and including a time.
    pub(super) fn drop_until(&mut self, time: Timestamp) {
        if self.timestamps().first().is_some_and(|at| *at <= time) {
            self.start += partition_point_galloping(self.timestamps(), |at| *at <= time);
        }
    }

    fn truncate(&mut self, end: usize) {
        self.timestamps.truncate(end);
        self.values.truncate(end);
    }
}

/// Returns the partition point of a slice by a galloping search, fast if it is near the front.
pub(crate) fn partition_point_galloping<T>(sorted: &[T], precedes: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    while step < sorted.len() && precedes(&sorted[step]) {
        step *= 2;
    }
    let from = step / 2;
    from + sorted[from..step.min(sorted.len())].partition_point(precedes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_galloping_search_equals_partition_point() {
        for len in 0..70 {
            let sorted: Vec<_> = (0..len).collect();
            for at in 0..=len {
                let expected = sorted.partition_point(|n| *n < at);
                assert_eq!(partition_point_galloping(&sorted, |n| *n < at), expected, "{at} of {len}");
            }
        }
    }

    fn buffer(times: &[i64]) -> ColumnBuffer<i64> {
        let timestamps = times.iter().copied().map(Timestamp::from_nanos).collect();
        ColumnBuffer { timestamps, values: (0..).take(times.len()).collect(), start: 0 }
    }

    #[test]
    fn points_before_the_first_hidden_one_are_not_copied() {
        let all: Vec<i64> = (0..1_000).collect();
        let range = TimeRange::new;
        for (ranges, left) in [
            (vec![range(-9, -1), range(1_000, i64::MAX)], 0..1_000),
            (vec![range(i64::MIN, 99)], 100..1_000),
            (vec![range(900, 999)], 0..900),
            (vec![range(-5, 9), range(20, 20), range(990, 2_000)], 10..989),
        ] {
            let mut buffer = buffer(&all);
            let address = buffer.timestamps.as_ptr();
            buffer.remove_hidden(&HiddenRanges::new(ranges));
            let (first, count) = (left.start, left.count());
            assert_eq!((buffer.values().first(), buffer.values().len()), (Some(&first), count));
            assert_eq!(buffer.timestamps.as_ptr(), address, "nothing was allocated");
            assert_eq!(buffer.timestamps().len(), buffer.values().len());
        }
        let mut hidden_whole = buffer(&all);
        hidden_whole.remove_hidden(&HiddenRanges::new(vec![range(0, 999)]));
        assert!(hidden_whole.is_empty() && hidden_whole.timestamps.len() == 1_000, "nothing was moved");
    }
}
