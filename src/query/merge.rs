//! Many sources of one series as one sequence of column chunks, by time, then age of the source, then arrival.
//! It hands a source's run on whole wherever no other can interfere, holds one run a source that has begun and not
//! ended, and never touches a source whose bound says that its turn has not come.

use super::range::TimeRange;
use super::source::BoxSource;
use crate::error::{Error, Result};
use crate::point::{Point, Timestamp};

/// Points gathered from short runs before they are handed on: their columns stay in the processor's first cache.
const GATHERED_POINTS: usize = 1024;
/// A run of this many points is worth a chunk of its own, even if what was gathered before it is short.
const LONG_RUN_POINTS: usize = 256;

/// Two columns of one length.
#[derive(Debug)]
pub(super) struct ColumnBuffer<T> {
    timestamps: Vec<Timestamp>,
    values: Vec<T>,
    /// Points at the front that were given away or lie before the range.
    start: usize,
}

impl<T: Copy> ColumnBuffer<T> {
    const fn new() -> Self {
        Self { timestamps: Vec::new(), values: Vec::new(), start: 0 }
    }

    /// The points that remain.
    pub(super) fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps[self.start..]
    }

    /// Their values.
    pub(super) fn values(&self) -> &[T] {
        &self.values[self.start..]
    }

    /// Gives the first of them away.
    #[inline]
    fn pop(&mut self) -> Option<Point<T>> {
        let (timestamp, value) = (*self.timestamps.get(self.start)?, *self.values.get(self.start)?);
        self.start += 1;
        Some(Point { timestamp, value })
    }

    fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.start = 0;
    }

    fn is_empty(&self) -> bool {
        self.start == self.timestamps.len()
    }

    /// Moves the first `count` remaining points to the end of `other`.
    fn move_to(&mut self, other: &mut Self, count: usize) {
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

    /// Leaves the points inside the range, which is not empty; whether some lay past its end.
    fn clip(&mut self, range: TimeRange) -> bool {
        let before = |first: i64| move |at: &Timestamp| at.as_nanos() < first;
        if self.timestamps.first().is_some_and(before(range.first())) {
            self.start = self.timestamps.partition_point(before(range.first()));
        }
        let ended = self.timestamps.last().is_some_and(|at| at.as_nanos() > range.last());
        if ended {
            let end = self.timestamps.partition_point(|at| at.as_nanos() <= range.last());
            self.timestamps.truncate(end);
            self.values.truncate(end);
            // The same if the points are in order; if not, what remains is wrong but still a slice.
            self.start = self.start.min(end);
        }
        ended
    }
}

/// A source and what was read of it and not yet given away.
struct Lane<T> {
    source: BoxSource<T>,
    run: ColumnBuffer<T>,
    /// Nothing past the run is of interest.
    ended: bool,
}

impl<T: Copy> Lane<T> {
    /// The time of its next point, or a bound of it while none is read; `None` when there is none inside the range.
    fn turn(&self, range: TimeRange) -> Option<i64> {
        if let Some(at) = self.run.timestamps().first() {
            return Some(at.as_nanos());
        }
        let bound = if self.ended { None } else { self.source.bound() };
        bound.filter(|bound| *bound <= range.last()).map(|bound| bound.max(range.first()))
    }

    /// Reads until a point inside the range is there, or none can come.
    fn refill(&mut self, range: TimeRange) -> Result<()> {
        while !self.ended && self.run.is_empty() {
            self.run.clear();
            let more = self.source.fill(&mut self.run.timestamps, &mut self.run.values)?;
            debug_assert_eq!(self.run.timestamps.len(), self.run.values.len(), "columns have one length");
            debug_assert!(self.run.timestamps.is_sorted(), "a source gives its points in time order");
            self.ended = self.run.clip(range) || !more;
        }
        Ok(())
    }

    /// How many points of the run come before another lane's turn.
    fn points_before(&self, own: Turn, other: Option<Turn>) -> usize {
        let run = self.run.timestamps();
        let Some(other) = other else { return run.len() };
        let precedes = |at: &Timestamp| Turn { time: at.as_nanos(), age: own.age } < other;
        match run {
            // The first has its turn. Where sources interleave point by point, the second settles it.
            [_, second, ..] if !precedes(second) => 1,
            [.., last] if precedes(last) => run.len(),
            _ => partition_near(run, precedes),
        }
    }
}

/// When a lane comes: by time, and of equal times the older lane first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    time: i64,
    age: usize,
}

/// The merge of a series' sources inside a range: a lending iterator over its chunks.
pub(super) struct Merge<T> {
    /// Oldest first; `None` once nothing more comes of it, so that its file and buffers are let go at once.
    lanes: Vec<Option<Lane<T>>>,
    /// Latest first, so that who comes next stands last and usually returns there without moving another.
    turns: Vec<Turn>,
    range: TimeRange,
    chunk: ColumnBuffer<T>,
    /// The buffers of the lane that ended last, for the next one that begins.
    spare: ColumnBuffer<T>,
    failed: Option<Error>,
}

impl<T: Copy> Merge<T> {
    /// Merges sources given oldest first.
    pub(super) fn new(range: TimeRange, sources: Vec<BoxSource<T>>) -> Self {
        let sources = if range.is_empty() { Vec::new() } else { sources };
        let lane = |source| Lane { source, run: ColumnBuffer::new(), ended: false };
        let mut lanes: Vec<_> = sources.into_iter().map(|source| Some(lane(source))).collect();
        let mut turns = Vec::with_capacity(lanes.len());
        for (age, slot) in lanes.iter_mut().enumerate() {
            match slot.as_ref().and_then(|lane| lane.turn(range)) {
                Some(time) => turns.push(Turn { time, age }),
                None => *slot = None,
            }
        }
        turns.sort_unstable_by(|a, b| b.cmp(a));
        Self { lanes, turns, range, chunk: ColumnBuffer::new(), spare: ColumnBuffer::new(), failed: None }
    }

    /// A merge whose first chunk is an error.
    pub(super) fn failed(error: Error) -> Self {
        Self { failed: Some(error), ..Self::new(TimeRange::EMPTY, Vec::new()) }
    }

    /// The chunk that [`advance`](Self::advance) made.
    pub(super) fn chunk(&self) -> &ColumnBuffer<T> {
        &self.chunk
    }

    /// The next point, out of the chunk or the next one; for readers that take points one by one.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Result<Point<T>>> {
        self.chunk.pop().map_or_else(|| self.first_of_next(), |point| Some(Ok(point)))
    }

    #[cold]
    fn first_of_next(&mut self) -> Option<Result<Point<T>>> {
        // A chunk holds at least one point, and none is left after the last.
        self.advance().map(|_| self.chunk.pop()).transpose()
    }

    /// The next point of the chunk.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Point<T>> {
        self.chunk.pop()
    }

    /// Makes the next chunk; false at the end. After an error nothing more comes.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.chunk.clear();
        let made = self.failed.take().map_or_else(|| self.gather(), Err);
        if made.is_err() {
            self.chunk.clear();
            self.turns.clear();
            self.lanes.clear();
        }
        made
    }

    fn gather(&mut self) -> Result<bool> {
        while let Some(turn) = self.turns.last().copied() {
            let Some(lane) = &mut self.lanes[turn.age] else {
                self.turns.pop();
                continue;
            };
            if lane.run.is_empty() {
                if lane.run.timestamps.capacity() == 0 {
                    std::mem::swap(&mut lane.run, &mut self.spare);
                }
                lane.refill(self.range)?;
                self.requeue(turn.age);
                continue;
            }
            let other = self.turns.len().checked_sub(2).map(|second| self.turns[second]);
            let count = lane.points_before(turn, other);
            if count >= LONG_RUN_POINTS && !self.chunk.is_empty() {
                return Ok(true);
            }
            if self.chunk.is_empty() && count == lane.run.timestamps().len() {
                // The lane takes the chunk's old buffers for its next run: nothing is copied or allocated.
                std::mem::swap(&mut lane.run, &mut self.chunk);
            } else {
                lane.run.move_to(&mut self.chunk, count);
            }
            self.requeue(turn.age);
            if count >= LONG_RUN_POINTS || self.chunk.timestamps.len() >= GATHERED_POINTS {
                return Ok(true);
            }
        }
        Ok(!self.chunk.is_empty())
    }

    /// Puts the lane whose turn it was in its new place, or lets it go.
    fn requeue(&mut self, age: usize) {
        let slot = &mut self.lanes[age];
        let Some(time) = slot.as_ref().and_then(|lane| lane.turn(self.range)) else {
            self.turns.pop();
            if let Some(lane) = slot.take() {
                self.spare = lane.run;
                self.spare.clear();
            }
            return;
        };
        let turn = Turn { time, age };
        let mut place = self.turns.len() - 1;
        while place > 0 && self.turns[place - 1] < turn {
            self.turns[place] = self.turns[place - 1];
            place -= 1;
        }
        self.turns[place] = turn;
    }
}

/// `partition_point` for an answer that is likely near the front: steps double until one passes it.
pub(super) fn partition_near<T>(sorted: &[T], precedes: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    while step < sorted.len() && precedes(&sorted[step]) {
        step *= 2;
    }
    let from = step / 2;
    from + sorted[from..step.min(sorted.len())].partition_point(precedes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::testing::{Runs, points, ranges, runs, sorted_points};

    /// Every point of the merge, chunk by chunk.
    fn merged(range: TimeRange, sources: &[Runs<i64>]) -> Result<Vec<Point<i64>>> {
        let mut merge = Merge::new(range, sources.iter().map(|runs| runs.clone().boxed()).collect());
        let mut points = Vec::new();
        while merge.advance()? {
            let (timestamps, values) = (merge.chunk().timestamps(), merge.chunk().values());
            assert!(!timestamps.is_empty() && timestamps.len() == values.len());
            points.extend(
                timestamps.iter().zip(values).map(|(timestamp, value)| Point { timestamp: *timestamp, value: *value }),
            );
        }
        assert!(merge.lanes.iter().all(Option::is_none), "every source was let go");
        assert!(!merge.advance()?, "the end stays the end");
        Ok(points)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_merge_is_a_stable_sort_by_time(sources in prop::collection::vec(runs(), 0..6), range in ranges()) {
            prop_assert_eq!(merged(range, &sources).unwrap(), sorted_points(&sources, range));
        }
    }

    #[test]
    fn long_overlapping_runs_are_cut_where_the_other_begins() {
        let evens: Vec<_> = (0..5_000).map(|n| (n * 2, n)).collect();
        let block: Vec<_> = (0..3_000).map(|n| (4_001, n)).collect();
        let tail: Vec<_> = (9_000..20_000).map(|n| (n, -n)).collect();
        let sources =
            [Runs::new(vec![points(&evens)]), Runs::new(vec![points(&block)]), Runs::new(vec![points(&tail)])];
        for (first, last) in [(i64::MIN, i64::MAX), (4_001, 4_001), (3_999, 9_500), (20_000, 20_001)] {
            let range = TimeRange::new(&(Timestamp::from_nanos(first)..=Timestamp::from_nanos(last)));
            assert_eq!(merged(range, &sources).unwrap(), sorted_points(&sources, range));
        }
    }

    #[test]
    fn a_source_whose_turn_never_comes_is_not_touched() {
        let sources = [
            Runs::new(vec![points(&[(1, 1), (2, 2)]), points(&[(3, 3)]), points(&[(50, 4)])]),
            Runs::new(vec![points(&[(10, 5)])]),
            Runs::new(vec![points(&[(11, 6)])]),
        ];
        let touched = || sources.iter().map(|runs| runs.touches().get()).collect::<Vec<_>>();
        let range = TimeRange::new(&(Timestamp::from_nanos(2)..=Timestamp::from_nanos(10)));
        let mut merge = Merge::new(range, sources.iter().map(|runs| runs.clone().boxed()).collect());
        assert_eq!(touched(), [0, 0, 0], "making a merge reads nothing");
        assert!(merge.advance().unwrap());
        assert_eq!(merge.chunk().timestamps().len(), 3);
        assert!(!merge.advance().unwrap());
        assert_eq!(touched(), [2, 1, 0], "no run past the range is read");
    }

    #[test]
    fn short_runs_are_gathered_and_long_ones_handed_on_as_they_are() {
        let all: Vec<_> = (0..9_000).map(|n| (n, n)).collect();
        let shorts = all[..3_000].chunks(100).map(points).collect();
        let mut merge =
            Merge::new(TimeRange::ALL, vec![Runs::new(vec![points(&all[3_000..])]).boxed(), Runs::new(shorts).boxed()]);
        let mut lengths = Vec::new();
        while merge.advance().unwrap() {
            lengths.push(merge.chunk().timestamps().len());
        }
        assert_eq!(lengths, [1_100, 1_100, 800, 6_000]);
    }

    #[test]
    fn a_source_that_passed_the_range_is_not_read_on_however_loose_its_bound() {
        let source = Runs::new(vec![points(&[(1, 1), (20, 2)]), points(&[(21, 3)])]).loose_by(100);
        let range = TimeRange::new(&(..Timestamp::from_nanos(10)));
        assert_eq!(merged(range, std::slice::from_ref(&source)).unwrap(), points(&[(1, 1)]));
        assert_eq!(source.touches().get(), 1);
    }

    #[test]
    fn a_later_source_is_opened_only_when_the_earlier_is_used_up() {
        let block = |from: i64| points(&(from..from + 300).map(|n| (n, n)).collect::<Vec<_>>());
        let sources = [Runs::new(vec![block(0), block(300)]), Runs::new(vec![block(600)])];
        let mut merge = Merge::new(TimeRange::ALL, sources.iter().map(|runs| runs.clone().boxed()).collect());
        for expected in [[1, 0], [2, 0], [2, 1]] {
            assert!(merge.advance().unwrap());
            assert_eq!(merge.chunk().timestamps().len(), 300);
            assert_eq!(sources.each_ref().map(|runs| runs.touches().get()), expected);
        }
        assert!(!merge.advance().unwrap());
    }

    #[test]
    fn an_empty_range_reads_nothing_and_an_error_is_the_last_word() {
        let sources = [Runs::new(vec![points(&[(1, 1)])])];
        assert_eq!(merged(TimeRange::EMPTY, &sources).unwrap(), []);
        assert_eq!(sources[0].touches().get(), 0);

        let broken = Runs::new(vec![points(&[(1, 1)]), points(&[(5, 1)])]).failing_at(1);
        let mut merge = Merge::new(TimeRange::ALL, vec![broken.boxed()]);
        assert!(matches!(merge.advance(), Err(Error::Poisoned)), "no points pass for a whole beside a failure");
        assert!(!merge.advance().unwrap());
        let mut merge = Merge::<i64>::failed(Error::Closed);
        assert!(matches!(merge.advance(), Err(Error::Closed)));
        assert!(!merge.advance().unwrap());
    }

    #[test]
    fn the_near_partition_point_is_the_partition_point() {
        for len in 0..70 {
            let sorted: Vec<_> = (0..len).collect();
            for at in 0..=len {
                assert_eq!(partition_near(&sorted, |n| *n < at), sorted.partition_point(|n| *n < at), "{at} of {len}");
            }
        }
    }
}
