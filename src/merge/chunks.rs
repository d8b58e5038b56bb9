//! Many sources of one series as one sequence of column chunks, by time, then age of the source, then arrival.
//! It hands a source's run on whole wherever no other can interfere, holds one run a source that has begun and not
//! ended, and never touches a source whose bound says that its turn has not come, or that is hidden from there on.

use super::column::{ColumnBuffer, partition_near};
use super::range::TimeRange;
use super::source::BoxSource;
use super::summary::Summary;
use crate::error::{Error, Result};
use crate::options::Duplicates;
use crate::point::{Point, Timestamp};
use crate::version::Hidden;

/// Points gathered from short runs before they are handed on: their columns stay in the processor's first cache.
const GATHERED_POINTS: usize = 1024;
/// A run of this many points is worth a chunk of its own, even if what was gathered before it is short.
const LONG_RUN_POINTS: usize = 256;

/// A source and what was read of it and not yet given away.
struct Lane<T> {
    source: BoxSource<T>,
    /// Which of its points are not to be seen. None of them is ever in the run.
    hidden: Hidden,
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
        let mut bound = bound?.max(range.first());
        if let Some((_, last)) = self.hidden.range_at(bound) {
            // Ranges do not adjoin, so what follows one is not hidden.
            bound = last.checked_add(1)?;
            if self.source.end()? < bound {
                return None;
            }
        }
        (bound <= range.last()).then_some(bound)
    }

    /// Reads one run, which may hold no visible point, or passes over some that cannot.
    fn refill(&mut self, range: TimeRange) -> Result<()> {
        if !self.hidden.is_empty() && self.source.pass_over(&self.hidden)? {
            // What comes now may have to wait for others.
            return Ok(());
        }
        self.run.clear();
        let more = self.source.fill(&mut self.run.timestamps, &mut self.run.values)?;
        debug_assert_eq!(self.run.timestamps.len(), self.run.values.len(), "columns have one length");
        debug_assert!(self.run.timestamps.is_sorted(), "a source gives its points in time order");
        self.ended = self.run.clip(range) || !more;
        if !self.hidden.is_empty() {
            self.run.hide(&self.hidden);
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
pub(crate) struct Merge<T> {
    /// Oldest first; `None` once nothing more comes of it, so that its file and buffers are let go at once.
    lanes: Vec<Option<Lane<T>>>,
    /// Latest first, so that who comes next stands last and usually returns there without moving another.
    turns: Vec<Turn>,
    range: TimeRange,
    duplicates: Duplicates,
    /// The newest time of which a point was given; kept up where only the first one counts.
    given: Option<Timestamp>,
    /// Whether a chunk ends where another run would have to be read for it: that run's summary may do.
    stepwise: bool,
    chunk: ColumnBuffer<T>,
    /// The buffers of the lane that ended last, for the next one that begins.
    spare: ColumnBuffer<T>,
    failed: Option<Error>,
}

impl<T: Copy> Merge<T> {
    /// Merges sources given oldest first, each with what is hidden of it.
    pub(crate) fn new(range: TimeRange, lanes: Vec<(BoxSource<T>, Hidden)>, duplicates: Duplicates) -> Self {
        let lanes = if range.is_empty() { Vec::new() } else { lanes };
        let lane = |(source, hidden)| Lane { source, hidden, run: ColumnBuffer::new(), ended: false };
        let mut lanes: Vec<_> = lanes.into_iter().map(|of| Some(lane(of))).collect();
        let mut turns = Vec::with_capacity(lanes.len());
        for (age, slot) in lanes.iter_mut().enumerate() {
            match slot.as_ref().and_then(|lane| lane.turn(range)) {
                Some(time) => turns.push(Turn { time, age }),
                None => *slot = None,
            }
        }
        turns.sort_unstable_by(|a, b| b.cmp(a));
        let (chunk, spare) = (ColumnBuffer::new(), ColumnBuffer::new());
        Self { lanes, turns, range, duplicates, given: None, stepwise: false, chunk, spare, failed: None }
    }

    /// A merge whose first chunk is an error.
    pub(crate) fn failed(error: Error) -> Self {
        Self { failed: Some(error), ..Self::new(TimeRange::EMPTY, Vec::new(), Duplicates::KeepAll) }
    }

    /// The chunk that [`advance`](Self::advance) made.
    pub(crate) fn chunk(&self) -> &ColumnBuffer<T> {
        &self.chunk
    }

    /// The next point, out of the chunk or the next one; for readers that take points one by one.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Result<Point<T>>> {
        self.chunk.pop().map_or_else(|| self.first_of_next(), |point| Some(Ok(point)))
    }

    #[cold]
    fn first_of_next(&mut self) -> Option<Result<Point<T>>> {
        // A chunk holds at least one point, and none is left after the last.
        self.advance().map(|_| self.chunk.pop()).transpose()
    }

    /// The next point of the chunk.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Point<T>> {
        self.chunk.pop()
    }

    /// Makes the next chunk; false at the end. After an error nothing more comes.
    ///
    /// Its length is at least 1. No two chunks share a timestamp of which only one point is kept.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        self.chunk.clear();
        let made = self.failed.take().map_or_else(|| self.make(), Err);
        if made.is_err() {
            self.chunk.clear();
            self.turns.clear();
            self.lanes.clear();
        }
        made
    }

    /// The summary of the run that comes next, which then counts as given, if `takes` agrees: only where the run is known
    /// without reading it, lies in the range, and nothing hidden and no other source meets its time. To be asked before
    /// each [`advance`](Self::advance), until there is none.
    pub(crate) fn summary(&mut self, takes: impl Fn(&Summary<T>) -> bool) -> Result<Option<Summary<T>>> {
        self.stepwise = true;
        let found = if self.failed.is_some() { Ok(None) } else { self.find_summary(takes) };
        if found.is_err() {
            self.turns.clear();
            self.lanes.clear();
        }
        found
    }

    fn find_summary(&mut self, takes: impl Fn(&Summary<T>) -> bool) -> Result<Option<Summary<T>>> {
        while let Some(turn) = self.turns.last().copied() {
            let Some(lane) = &mut self.lanes[turn.age] else {
                self.turns.pop();
                continue;
            };
            if !lane.run.is_empty() {
                return Ok(None);
            }
            if !lane.hidden.is_empty() && lane.source.pass_over(&lane.hidden)? {
                self.requeue(turn.age);
                continue;
            }
            let summary = lane.source.peek()?;
            if lane.turn(self.range) != Some(turn.time) {
                // Its bound was loose: another may come before it.
                self.requeue(turn.age);
                continue;
            }
            let Some(summary) = summary else { return Ok(None) };
            let (first, last) = (summary.first_time, summary.last_time);
            let is_inside = self.range.first() <= first && last <= self.range.last();
            let is_new = self.given.is_none_or(|given| given.as_nanos() < first);
            if !is_inside || !is_new || lane.hidden.meets(first, last) || !takes(&summary) {
                return Ok(None);
            }
            match self.turns.len().checked_sub(2).map(|second| self.turns[second]) {
                Some(other) if other.time <= last => {
                    if !self.sharpen(other)? {
                        return Ok(None);
                    }
                }
                _ => return Ok(Some(self.take_summary(turn.age, summary))),
            }
        }
        Ok(None)
    }

    fn take_summary(&mut self, age: usize, summary: Summary<T>) -> Summary<T> {
        if let Some(lane) = &mut self.lanes[age] {
            lane.source.skip();
        }
        if self.duplicates == Duplicates::KeepFirst {
            self.given = Some(Timestamp::from_nanos(summary.last_time));
        }
        self.requeue(age);
        summary
    }

    /// Whether the second to come moves back once its bound is exact; it does not if it truly has a point there.
    fn sharpen(&mut self, other: Turn) -> Result<bool> {
        let slot = &mut self.lanes[other.age];
        let mut turn = None;
        if let Some(lane) = slot {
            if lane.run.is_empty() {
                lane.source.peek()?;
            }
            turn = lane.turn(self.range);
        }
        if turn == Some(other.time) {
            return Ok(false);
        }
        self.turns.retain(|kept| kept.age != other.age);
        match turn {
            Some(time) => {
                let moved = Turn { time, age: other.age };
                let place = self.turns.partition_point(|kept| *kept > moved);
                self.turns.insert(place, moved);
            }
            None => *slot = None,
        }
        Ok(true)
    }

    fn make(&mut self) -> Result<bool> {
        while self.gather()? {
            match self.duplicates {
                Duplicates::KeepAll => return Ok(true),
                Duplicates::KeepLast => {
                    self.chunk.keep_one(true);
                    self.supersede_last()?;
                    return Ok(true);
                }
                Duplicates::KeepFirst => {
                    if let Some(given) = self.given {
                        self.chunk.drop_until(given);
                    }
                    self.chunk.keep_one(false);
                    self.given = self.chunk.timestamps().last().copied().or(self.given);
                    if !self.chunk.is_empty() {
                        return Ok(true);
                    }
                    self.chunk.clear();
                }
            }
        }
        Ok(false)
    }

    /// Lets later arrivals at the time of the chunk's last point take its place. They are looked for here, in runs that
    /// are read a little early: a point held back for the next chunk would have to be put before a run handed on whole.
    fn supersede_last(&mut self) -> Result<()> {
        let Some(last) = self.chunk.timestamps().last().copied() else { return Ok(()) };
        while let Some(turn) = self.turns.last().copied().filter(|turn| turn.time <= last.as_nanos()) {
            let Some(lane) = &mut self.lanes[turn.age] else {
                self.turns.pop();
                continue;
            };
            if lane.run.is_empty() {
                self.refill(turn.age)?;
                continue;
            }
            let count = partition_near(lane.run.timestamps(), |at| *at <= last);
            // At least one, so that a source that broke its order cannot keep this going.
            lane.run.supersede(&mut self.chunk, count.max(1));
            self.requeue(turn.age);
        }
        Ok(())
    }

    fn gather(&mut self) -> Result<bool> {
        while let Some(turn) = self.turns.last().copied() {
            let Some(lane) = &mut self.lanes[turn.age] else {
                self.turns.pop();
                continue;
            };
            if lane.run.is_empty() {
                if self.stepwise && !self.chunk.is_empty() {
                    return Ok(true);
                }
                self.refill(turn.age)?;
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

    /// Reads on in the lane whose turn it is.
    fn refill(&mut self, age: usize) -> Result<()> {
        if let Some(lane) = &mut self.lanes[age] {
            if lane.run.timestamps.capacity() == 0 {
                std::mem::swap(&mut lane.run, &mut self.spare);
            }
            lane.refill(self.range)?;
        }
        self.requeue(age);
        Ok(())
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

#[cfg(test)]
mod tests;
