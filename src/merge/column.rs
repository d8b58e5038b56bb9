//! Two columns of one length, timestamps and values, and how points leave them: given away, cut off, hidden, superseded.
//! Whatever it drops, it copies no point that no dropped one stands before.

use std::ops::Range;

use super::range::TimeRange;
use crate::point::{Point, Timestamp};
use crate::version::Hidden;

/// Points of one series in time order.
#[derive(Debug)]
pub(crate) struct ColumnBuffer<T> {
    pub(super) timestamps: Vec<Timestamp>,
    pub(super) values: Vec<T>,
    /// Points at the front that were given away, are hidden, or lie before the range.
    start: usize,
}

impl<T: Copy> ColumnBuffer<T> {
    pub(super) const fn new() -> Self {
        Self { timestamps: Vec::new(), values: Vec::new(), start: 0 }
    }

    /// The points that remain.
    pub(crate) fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps[self.start..]
    }

    /// Their values.
    pub(crate) fn values(&self) -> &[T] {
        &self.values[self.start..]
    }

    /// Gives the first of them away.
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
        // Where sources interleave point by point, two calls to copy memory would cost more than the merge.
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

    /// Gives the first `count` remaining points away for one: the value of the last of them takes the place of the last
    /// value of `other`.
    pub(super) fn supersede(&mut self, other: &mut Self, count: usize) {
        self.start = (self.start + count).min(self.values.len());
        let newer = self.start.checked_sub(1).and_then(|at| self.values.get(at));
        if let (Some(newer), Some(place)) = (newer, other.values.last_mut()) {
            *place = *newer;
        }
    }

    /// Leaves the points inside the range, which is not empty; whether some lay past its end.
    pub(super) fn clip(&mut self, range: TimeRange) -> bool {
        let before = |first: i64| move |at: &Timestamp| at.as_nanos() < first;
        if self.timestamps.first().is_some_and(before(range.first())) {
            self.start = self.timestamps.partition_point(before(range.first()));
        }
        let ended = self.timestamps.last().is_some_and(|at| at.as_nanos() > range.last());
        if ended {
            let end = self.timestamps.partition_point(|at| at.as_nanos() <= range.last());
            // The same if the points are in order; if not, what remains is wrong but still a slice.
            self.start = self.start.min(end);
            self.truncate(end);
        }
        ended
    }

    /// Leaves the points that are not hidden.
    pub(super) fn hide(&mut self, hidden: &Hidden) {
        let (first, last) = match self.timestamps() {
            [first, .., last] => (first.as_nanos(), last.as_nanos()),
            [only] => (only.as_nanos(), only.as_nanos()),
            [] => return,
        };
        if !hidden.meets(first, last) {
            return;
        }
        if hidden.covers(first, last) {
            self.start = self.timestamps.len();
            return;
        }
        let (mut from, mut end) = (self.start, self.start);
        let ranges = hidden.ranges();
        let met = ranges.partition_point(|(_, end)| *end < first);
        for (first, last) in ranges[met..].iter().take_while(|(start, _)| *start <= last) {
            let until = from + partition_near(&self.timestamps[from..], |at| at.as_nanos() < *first);
            end = self.keep(from..until, end);
            from = until + partition_near(&self.timestamps[until..], |at| at.as_nanos() <= *last);
        }
        end = self.keep(from..self.timestamps.len(), end);
        self.truncate(end);
    }

    /// Moves points that stay up to those that stay before them, which end at `end`; where they end then.
    fn keep(&mut self, run: Range<usize>, end: usize) -> usize {
        if end == self.start {
            // The first that stay: they stay where they are.
            self.start = run.start;
            return run.end;
        }
        self.timestamps.copy_within(run.clone(), end);
        self.values.copy_within(run.clone(), end);
        end + run.len()
    }

    /// Leaves one point of each timestamp, the first or the last.
    pub(super) fn keep_one(&mut self, last: bool) {
        let twins = |pair: &[Timestamp]| pair[0] == pair[1];
        let Some(place) = self.timestamps().windows(2).position(twins) else { return };
        let mut end = self.start + place;
        for at in end + 1..self.timestamps.len() {
            if self.timestamps[at] != self.timestamps[end] {
                end += 1;
                self.timestamps[end] = self.timestamps[at];
                self.values[end] = self.values[at];
            } else if last {
                self.values[end] = self.values[at];
            }
        }
        self.truncate(end + 1);
    }

    /// Drops the points at the front up to a time, itself included.
    pub(super) fn drop_until(&mut self, time: Timestamp) {
        if self.timestamps().first().is_some_and(|at| *at <= time) {
            self.start += partition_near(self.timestamps(), |at| *at <= time);
        }
    }

    fn truncate(&mut self, end: usize) {
        self.timestamps.truncate(end);
        self.values.truncate(end);
    }
}

/// `partition_point` for an answer that is likely near the front: steps double until one passes it.
pub(crate) fn partition_near<T>(sorted: &[T], precedes: impl Fn(&T) -> bool) -> usize {
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
    fn the_near_partition_point_is_the_partition_point() {
        for len in 0..70 {
            let sorted: Vec<_> = (0..len).collect();
            for at in 0..=len {
                assert_eq!(partition_near(&sorted, |n| *n < at), sorted.partition_point(|n| *n < at), "{at} of {len}");
            }
        }
    }

    fn buffer(times: &[i64]) -> ColumnBuffer<i64> {
        let timestamps = times.iter().copied().map(Timestamp::from_nanos).collect();
        ColumnBuffer { timestamps, values: (0..).take(times.len()).collect(), start: 0 }
    }

    #[test]
    fn what_nothing_hides_stays_where_it_is() {
        let all: Vec<i64> = (0..1_000).collect();
        for (ranges, left) in [
            (vec![(-9, -1), (1_000, i64::MAX)], 0..1_000),
            (vec![(i64::MIN, 99)], 100..1_000),
            (vec![(900, 999)], 0..900),
            (vec![(-5, 9), (20, 20), (990, 2_000)], 10..989),
        ] {
            let mut buffer = buffer(&all);
            let place = buffer.timestamps.as_ptr();
            buffer.hide(&Hidden::new(ranges));
            let (first, count) = (left.start, left.count());
            assert_eq!((buffer.values().first(), buffer.values().len()), (Some(&first), count));
            assert_eq!(buffer.timestamps.as_ptr(), place, "nothing was allocated");
            assert_eq!(buffer.timestamps().len(), buffer.values().len());
        }
        let mut whole = buffer(&all);
        whole.hide(&Hidden::new(vec![(0, 999)]));
        assert!(whole.is_empty() && whole.timestamps.len() == 1_000, "nothing was moved");
    }
}
