//! The merge iterator: merges sorted sources of one series into column chunks.
//!
//! The algorithm is described in [`merge`](super).

use super::column_buffer::{ColumnBuffer, partition_point_galloping};
use super::interleave::interleave;
use super::merge_lane::{MergeKey, MergeLane};
use super::run_summary::RunSummary;
use super::source::{BoxPointSource, PointSource};
use crate::state::hidden_ranges::HiddenRanges;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::{Point, Timestamp};
use crate::types::time_range::TimeRange;

/// Number of points at which a chunk of short runs is returned: its columns fit in the L1 cache.
const TARGET_CHUNK_POINTS: usize = 1024;
/// Number of consecutive points of a run that become a chunk of their own.
///
/// They do so even if the chunk before them is short.
const MIN_DIRECT_RUN_POINTS: usize = 256;
/// Greatest number of consecutive points of a run that are merged point by point with those of the next lane.
const MAX_INTERLEAVED_POINTS: usize = 4;

/// Merge of the sources of a series inside a range: a lending iterator over chunks.
pub(crate) struct MergeIterator<T, S = BoxPointSource<T>> {
    /// Oldest first; `None` once a source has no more points, so that its file is released at once.
    lanes: Vec<Option<MergeLane<T, S>>>,
    /// Keys in descending order: the head of the queue is the last one.
    /// While a lane stays at the head, no other key moves.
    queue: Vec<MergeKey>,
    range: TimeRange,
    duplicates: DuplicatePolicy,
    /// Newest timestamp of which a point was returned; not maintained under `KeepLast`, which removes its duplicates from
    /// the runs.
    last_returned: Option<Timestamp>,
    /// `true` once a summary was requested.
    /// A chunk then ends before each run that is not read yet, since the summary of this run may replace it.
    stop_at_unread_run: bool,
    /// The current chunk, without the points that were popped.
    chunk: ColumnBuffer<T>,
    /// Buffers of lanes that ended, for the next lanes that start.
    spare_buffers: Vec<ColumnBuffer<T>>,
    /// Sources that have no more points and can be used for another series; `None` if such sources are dropped.
    ended_sources: Option<Vec<S>>,
    /// Error that the next call of [`next_chunk`](Self::next_chunk) returns.
    failed: Option<Error>,
}

impl<T: Copy, S: PointSource<T>> MergeIterator<T, S> {
    /// Creates the merge of sources given oldest first, each with its hidden ranges.
    pub(crate) fn new(range: TimeRange, sources: Vec<(S, HiddenRanges)>, duplicates: DuplicatePolicy) -> Self {
        let sources = if range.is_empty() { Vec::new() } else { sources };
        let mut merge = Self {
            lanes: Vec::with_capacity(sources.len()),
            queue: Vec::with_capacity(sources.len()),
            range,
            duplicates,
            last_returned: None,
            stop_at_unread_run: false,
            chunk: ColumnBuffer::new(),
            spare_buffers: Vec::new(),
            ended_sources: None,
            failed: None,
        };
        for (source, hidden) in sources {
            merge.add_source(source, hidden);
        }
        merge
    }

    /// Creates a merge without sources that can be used for one series after the other.
    ///
    /// [`take_sources`](Self::take_sources) returns its sources, and [`restart`](Self::restart) begins the next series.
    pub(crate) fn reusable(range: TimeRange) -> Self {
        let merge = Self::new(range, Vec::new(), DuplicatePolicy::KeepAll);
        Self { ended_sources: Some(Vec::new()), ..merge }
    }

    /// Removes all sources, and yields those of a reusable merge; no source is left after an error.
    pub(crate) fn take_sources(&mut self) -> impl Iterator<Item = S> {
        self.queue.clear();
        let Self { lanes, spare_buffers, ended_sources, .. } = self;
        let unfinished = lanes.drain(..).flatten().map(|lane| {
            keep_buffer(spare_buffers, lane.run);
            lane.source
        });
        unfinished.chain(ended_sources.iter_mut().flat_map(|ended| ended.drain(..)))
    }

    /// Begins the next series, whose sources are then added. There must be no source left.
    pub(crate) fn restart(&mut self, duplicates: DuplicatePolicy) {
        debug_assert!(self.lanes.is_empty(), "the sources of the series before were taken");
        self.chunk.clear();
        self.duplicates = duplicates;
        self.last_returned = None;
        self.stop_at_unread_run = false;
    }

    /// Adds a source that is newer than those added before. No chunk may have been read.
    pub(crate) fn add_source(&mut self, source: S, hidden: HiddenRanges) {
        let lane = MergeLane { source, hidden, run: ColumnBuffer::new(), ended: false };
        let Some(time) = lane.next_time(self.range) else { return self.end_source(lane.source) };
        let key = MergeKey { time, source: self.lanes.len() };
        self.lanes.push(Some(lane));
        self.enqueue(key);
    }

    /// Returns `true` if a source has a run in the range.
    pub(crate) fn has_sources(&self) -> bool {
        !self.lanes.is_empty()
    }

    fn end_source(&mut self, source: S) {
        if let Some(ended) = &mut self.ended_sources {
            ended.push(source);
        }
    }

    /// Creates a merge whose first chunk is an error.
    pub(crate) fn failed(error: Error) -> Self {
        Self { failed: Some(error), ..Self::new(TimeRange::EMPTY, Vec::new(), DuplicatePolicy::KeepAll) }
    }

    /// Returns the chunk that [`next_chunk`](Self::next_chunk) built, without the points that were popped.
    pub(crate) fn current_chunk(&self) -> &ColumnBuffer<T> {
        &self.chunk
    }

    /// Returns the next point, from this chunk or the next one, or an error; `None` at the end.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Result<Point<T>>> {
        self.chunk.pop().map_or_else(|| self.pop_from_next_chunk(), |point| Some(Ok(point)))
    }

    #[cold]
    fn pop_from_next_chunk(&mut self) -> Option<Result<Point<T>>> {
        // A chunk has at least one point; at the end `pop` returns `None`.
        self.next_chunk().map(|_| self.chunk.pop()).transpose()
    }

    /// Removes and returns the first remaining point of the chunk.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Point<T>> {
        self.chunk.pop()
    }

    /// Builds the next chunk. Returns `false` at the end, and after an error.
    ///
    /// A chunk has at least one point. If only one point per timestamp is kept, no two chunks share a timestamp.
    pub(crate) fn next_chunk(&mut self) -> Result<bool> {
        self.chunk.clear();
        let built = self.failed.take().map_or_else(|| self.build_chunk(), Err);
        if built.is_err() {
            self.chunk.clear();
            self.queue.clear();
            self.lanes.clear();
        }
        built
    }

    /// Returns the summary of the next run if `accepts` returns `true` for it, and skips the run.
    ///
    /// A summary is returned only if it is known without reading the run, the run lies in the range, and no hidden
    /// range and no other source overlaps its times. This method must be called before each
    /// [`next_chunk`](Self::next_chunk) until it returns `None`. From the first call on, a chunk ends before each run
    /// that is not read yet.
    pub(crate) fn next_summary(&mut self, accepts: impl Fn(&RunSummary<T>) -> bool) -> Result<Option<RunSummary<T>>> {
        self.stop_at_unread_run = true;
        let found = if self.failed.is_some() { Ok(None) } else { self.find_summary(accepts) };
        if found.is_err() {
            self.queue.clear();
            self.lanes.clear();
        }
        found
    }

    fn find_summary(&mut self, accepts: impl Fn(&RunSummary<T>) -> bool) -> Result<Option<RunSummary<T>>> {
        while let Some(key) = self.queue.last().copied() {
            let Some(lane) = &mut self.lanes[key.source] else {
                self.queue.pop();
                continue;
            };
            if !lane.run.is_empty() {
                return Ok(None);
            }
            if !lane.hidden.is_empty() && lane.source.skip_hidden_runs(&lane.hidden)? {
                self.reposition(key.source);
                continue;
            }
            let summary = lane.source.peek_summary()?;
            if lane.next_time(self.range) != Some(key.time) {
                // The lower bound was earlier than the next point: another lane may come first.
                self.reposition(key.source);
                continue;
            }
            let Some(mut summary) = summary else { return Ok(None) };
            let is_inside = self.range.covers(summary.range);
            let is_distinct = self.last_returned.is_none_or(|returned| returned.as_nanos() < summary.range.first());
            let keeps_all = self.duplicates == DuplicatePolicy::KeepAll;
            // No other source has a point of the run's times that is still to come.
            summary.has_distinct_times = is_distinct && (summary.has_distinct_times || !keeps_all);
            let is_new = is_distinct || keeps_all;
            if !is_inside || !is_new || lane.hidden.overlaps(summary.range) || !accepts(&summary) {
                return Ok(None);
            }
            match self.second_key() {
                Some(other) if other.time <= summary.range.last() => {
                    if !self.refine_bound(other)? {
                        return Ok(None);
                    }
                }
                _ => return self.take_summary(key.source, summary).map(Some),
            }
        }
        Ok(None)
    }

    /// Returns the second key of the queue.
    fn second_key(&self) -> Option<MergeKey> {
        self.queue.len().checked_sub(2).map(|second| self.queue[second])
    }

    fn take_summary(&mut self, source: usize, summary: RunSummary<T>) -> Result<RunSummary<T>> {
        if let Some(lane) = &mut self.lanes[source] {
            lane.source.skip_run()?;
        }
        if self.duplicates != DuplicatePolicy::KeepLast {
            self.last_returned = Some(Timestamp::from_nanos(summary.range.last()));
        }
        self.reposition(source);
        Ok(summary)
    }

    /// Makes the bound of the second lane exact and moves the lane.
    ///
    /// Returns `false` if the bound did not change.
    fn refine_bound(&mut self, other: MergeKey) -> Result<bool> {
        let mut next_time = None;
        if let Some(lane) = &mut self.lanes[other.source] {
            if lane.run.is_empty() {
                lane.source.peek_summary()?;
            }
            next_time = lane.next_time(self.range);
        }
        if next_time == Some(other.time) {
            return Ok(false);
        }
        self.queue.retain(|kept| kept.source != other.source);
        match next_time {
            Some(time) => self.enqueue(MergeKey { time, source: other.source }),
            None => self.end_lane(other.source),
        }
        Ok(true)
    }

    fn build_chunk(&mut self) -> Result<bool> {
        while self.fill_chunk()? {
            match self.duplicates {
                DuplicatePolicy::KeepAll => {
                    self.last_returned = self.chunk.timestamps().last().copied().or(self.last_returned);
                    return Ok(true);
                }
                DuplicatePolicy::KeepLast => {
                    self.chunk.dedup(true);
                    self.supersede_last()?;
                    return Ok(true);
                }
                DuplicatePolicy::KeepFirst => {
                    if let Some(returned) = self.last_returned {
                        self.chunk.drop_until(returned);
                    }
                    self.chunk.dedup(false);
                    self.last_returned = self.chunk.timestamps().last().copied().or(self.last_returned);
                    if !self.chunk.is_empty() {
                        return Ok(true);
                    }
                    self.chunk.clear();
                }
            }
        }
        Ok(false)
    }

    /// Replaces the value of the last point of the chunk by that of its newest duplicate.
    ///
    /// All points up to this timestamp are removed from the runs, some of which are read earlier for this. If the last
    /// point were moved to the next chunk instead, it would precede a run that can otherwise be returned whole.
    fn supersede_last(&mut self) -> Result<()> {
        let Some(last) = self.chunk.timestamps().last().copied() else { return Ok(()) };
        while let Some(key) = self.queue.last().copied().filter(|key| key.time <= last.as_nanos()) {
            let Some(lane) = &mut self.lanes[key.source] else {
                self.queue.pop();
                continue;
            };
            if lane.run.is_empty() {
                self.refill(key.source)?;
                continue;
            }
            let count = partition_point_galloping(lane.run.timestamps(), |at| *at <= last);
            // At least one point, so that a source with points out of order cannot cause an endless loop.
            lane.run.supersede(&mut self.chunk, count.max(1));
            self.reposition(key.source);
        }
        Ok(())
    }

    fn fill_chunk(&mut self) -> Result<bool> {
        while let Some(key) = self.queue.last().copied() {
            let second = self.second_key();
            let Some(lane) = &mut self.lanes[key.source] else {
                self.queue.pop();
                continue;
            };
            if lane.run.is_empty() {
                if self.stop_at_unread_run && !self.chunk.is_empty() {
                    return Ok(true);
                }
                self.refill(key.source)?;
                continue;
            }
            let count = lane.run_len_before(key, second);
            if count <= MAX_INTERLEAVED_POINTS
                && let Some(second) = second
                && self.interleave(key.source, second.source)
            {
                if self.chunk.timestamps.len() >= TARGET_CHUNK_POINTS {
                    return Ok(true);
                }
                continue;
            }
            let Some(lane) = &mut self.lanes[key.source] else { continue };
            if count >= MIN_DIRECT_RUN_POINTS && !self.chunk.is_empty() {
                return Ok(true);
            }
            if self.chunk.is_empty() && count == lane.run.timestamps().len() {
                // The lane takes the chunk's old buffers for its next run: nothing is copied or allocated.
                std::mem::swap(&mut lane.run, &mut self.chunk);
            } else {
                lane.run.move_to(&mut self.chunk, count);
            }
            self.reposition(key.source);
            if count >= MIN_DIRECT_RUN_POINTS || self.chunk.timestamps.len() >= TARGET_CHUNK_POINTS {
                return Ok(true);
            }
        }
        Ok(!self.chunk.is_empty())
    }

    /// Merges the buffered runs of the first two lanes of the queue point by point, up to the time of the third lane.
    ///
    /// Returns `false`, and moves no point, if the second lane has no buffered run.
    fn interleave(&mut self, first: usize, second: usize) -> bool {
        let limit = self.queue.len().checked_sub(3).map(|third| self.queue[third].time);
        let max = TARGET_CHUNK_POINTS.saturating_sub(self.chunk.timestamps.len());
        let Ok([Some(older), Some(newer)]) = self.lanes.get_disjoint_mut([first.min(second), first.max(second)]) else {
            return false;
        };
        if older.run.is_empty() || newer.run.is_empty() || limit == Some(self.queue[self.queue.len() - 1].time) {
            return false;
        }
        interleave(&mut older.run, &mut newer.run, limit, max, &mut self.chunk);
        self.queue.truncate(self.queue.len() - 2);
        for source in [first, second] {
            match self.lanes[source].as_ref().and_then(|lane| lane.next_time(self.range)) {
                Some(time) => self.enqueue(MergeKey { time, source }),
                None => self.end_lane(source),
            }
        }
        true
    }

    /// Adds the key of a lane that has none in the queue.
    fn enqueue(&mut self, key: MergeKey) {
        let at = self.queue.partition_point(|other| *other > key);
        self.queue.insert(at, key);
    }

    /// Reads the next run of the lane at the head of the queue, or skips hidden runs, and moves the lane.
    fn refill(&mut self, source: usize) -> Result<()> {
        if let Some(lane) = &mut self.lanes[source] {
            if lane.run.timestamps.capacity() == 0 {
                lane.run = self.spare_buffers.pop().unwrap_or_else(ColumnBuffer::new);
            }
            lane.refill(self.range)?;
        }
        self.reposition(source);
        Ok(())
    }

    /// Moves the lane at the head of the queue to its new position, or drops it at its end.
    fn reposition(&mut self, source: usize) {
        let Some(time) = self.lanes[source].as_ref().and_then(|lane| lane.next_time(self.range)) else {
            self.queue.pop();
            return self.end_lane(source);
        };
        let key = MergeKey { time, source };
        let mut at = self.queue.len() - 1;
        while at > 0 && self.queue[at - 1] < key {
            self.queue[at] = self.queue[at - 1];
            at -= 1;
        }
        self.queue[at] = key;
    }

    /// Ends a lane that has no more points: drops its source, and with it its file, or keeps it for the next series.
    fn end_lane(&mut self, source: usize) {
        if let Some(lane) = self.lanes[source].take() {
            keep_buffer(&mut self.spare_buffers, lane.run);
            self.end_source(lane.source);
        }
    }
}

/// Keeps the memory of a buffer for a lane that starts later.
fn keep_buffer<T: Copy>(spare_buffers: &mut Vec<ColumnBuffer<T>>, mut buffer: ColumnBuffer<T>) {
    if buffer.timestamps.capacity() > 0 {
        buffer.clear();
        spare_buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests;
