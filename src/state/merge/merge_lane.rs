//! A lane of the merge: a source with its hidden ranges and its buffered run, and the key of the lane in the queue.

use super::column_buffer::{ColumnBuffer, partition_point_galloping};
use super::source::PointSource;
use crate::state::hidden_ranges::HiddenRanges;
use crate::types::error::Result;
use crate::types::point::Timestamp;
use crate::types::time_range::TimeRange;

/// A source with its hidden ranges and its buffered run.
pub(super) struct MergeLane<T, S> {
    pub(super) source: S,
    /// The hidden times of this source. Points in them are never in the run.
    pub(super) hidden: HiddenRanges,
    /// Points that were read and not yet returned.
    pub(super) run: ColumnBuffer<T>,
    /// `true` if no point of the range can come after the run.
    pub(super) ended: bool,
}

impl<T: Copy, S: PointSource<T>> MergeLane<T, S> {
    /// Returns the time of the next point, or a lower bound of it while no run is buffered.
    ///
    /// `None` if no visible point in the range is left.
    pub(super) fn next_time(&self, range: TimeRange) -> Option<i64> {
        if let Some(at) = self.run.timestamps().first() {
            return Some(at.as_nanos());
        }
        let bound = if self.ended { None } else { self.source.lower_bound() };
        let mut bound = bound?.max(range.first());
        if let Some(hiding) = self.hidden.range_containing(bound) {
            // Hidden ranges are not adjacent, so the nanosecond after one is visible.
            bound = hiding.last().checked_add(1)?;
            if self.source.upper_bound()? < bound {
                return None;
            }
        }
        (bound <= range.last()).then_some(bound)
    }

    /// Skips the next runs that are hidden completely; if there are none, reads one run.
    ///
    /// The run that it reads may have no visible point, too.
    pub(super) fn refill(&mut self, range: TimeRange) -> Result<()> {
        if !self.hidden.is_empty() && self.source.skip_hidden_runs(&self.hidden)? {
            // The run that is next now may have to wait for other sources.
            return Ok(());
        }
        self.run.clear();
        let more = self.source.read_run(&mut self.run.timestamps, &mut self.run.values)?;
        debug_assert_eq!(self.run.timestamps.len(), self.run.values.len(), "columns have equal length");
        debug_assert!(self.run.timestamps.is_sorted(), "a source yields its points in time order");
        self.ended = self.run.clip(range) || !more;
        if !self.hidden.is_empty() {
            self.run.remove_hidden(&self.hidden);
        }
        Ok(())
    }

    /// Returns the number of points of the run that come before the key of another lane.
    pub(super) fn run_len_before(&self, own: MergeKey, other: Option<MergeKey>) -> usize {
        let run = self.run.timestamps();
        let Some(other) = other else { return run.len() };
        let precedes = |at: &Timestamp| MergeKey { time: at.as_nanos(), source: own.source } < other;
        match run {
            // The first point always counts, since this lane is at the head. If sources interleave point by point, the
            // second point does not.
            [_, second, ..] if !precedes(second) => 1,
            [.., last] if precedes(last) => run.len(),
            _ => partition_point_galloping(run, precedes),
        }
    }
}

/// Key of a lane in the queue: orders lanes by time, and at equal times the older source first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MergeKey {
    pub(super) time: i64,
    /// Index of the source; sources are sorted oldest first.
    pub(super) source: usize,
}
