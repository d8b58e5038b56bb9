//! Interface between a query and a snapshot: matching series, and a cursor over their points.
//!
//! The snapshot implements the interface over its version; tests implement it over vectors.

use std::sync::Arc;

use super::explain::{PruningCounts, ReadCounters};
use super::limits::QueryBudget;
use super::runtime::Runtime;
use crate::format::sst::Columns;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{BoxPointSource, MergeIterator, PointSource, RunSummary, newest_point};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::{Point, Timestamp};
use crate::types::selector::Selector;
use crate::types::series::{SeriesId, SeriesInfo};
use crate::types::time_range::TimeRange;

/// Sources of the points of one series.
pub(crate) struct SeriesSources<T> {
    /// Inputs of the merge, oldest first, each with its hidden ranges.
    pub(crate) inputs: Vec<(BoxPointSource<T>, HiddenRanges)>,
    /// Duplicate policy of the series.
    pub(crate) duplicates: DuplicatePolicy,
}

impl<T: Copy> SeriesSources<T> {
    /// Wraps sources without hidden ranges.
    #[cfg(test)]
    pub(super) fn without_hidden_ranges(sources: Vec<BoxPointSource<T>>) -> Self {
        Self { inputs: crate::testing::merge::plain(sources), duplicates: DuplicatePolicy::KeepAll }
    }

    /// Merges the points inside a range.
    pub(super) fn merge(self, range: TimeRange) -> MergeIterator<T> {
        MergeIterator::new(range, self.inputs, self.duplicates)
    }

    /// Returns the newest point.
    pub(super) fn newest_point(self) -> Result<Option<Point<T>>> {
        newest_point(self.inputs, self.duplicates)
    }
}

/// What a cursor reads.
#[derive(Debug, Clone)]
pub(crate) struct CursorOptions {
    pub(crate) range: TimeRange,
    pub(crate) columns: Columns,
    /// Counters of the query; `None` if the reads are not counted.
    pub(crate) counters: Option<Arc<ReadCounters>>,
}

/// Cursor over the points of several series, one series after the other.
///
/// The points of a series are merged, deduplicated and free of deleted points. Values are 64 bits each, as in
/// `Scalar::to_bits`. After an error the cursor must not be used again.
pub(crate) trait SeriesCursor: Send {
    /// Moves to a series. It is fastest if the ids of successive series ascend.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed) if the files can no longer be read; errors of opening and reading files.
    fn start(&mut self, series: &SeriesInfo) -> Result<()>;

    /// Returns `false` if no source has a run of the series in the range. Reads nothing.
    fn may_have_points(&self) -> bool;

    /// Returns the summary of the next run if `accepts` returns `true` for it, and skips the run.
    ///
    /// See [`MergeIterator::next_summary`].
    fn next_summary(&mut self, accepts: &dyn Fn(&RunSummary<u64>) -> bool) -> Result<Option<RunSummary<u64>>>;

    /// Builds the next chunk of the series. Returns `false` at the end of the series.
    fn next_chunk(&mut self) -> Result<bool>;

    /// Returns the timestamps of the chunk.
    fn timestamps(&self) -> &[Timestamp];

    /// Returns the values of the chunk, as many as there are timestamps.
    fn value_bits(&self) -> &[u64];
}

/// Cursor whose points come from one merge, which each series restarts.
pub(super) trait MergeCursor: Send {
    /// Source of the merge.
    type Source: PointSource<u64>;

    /// Restarts the merge with the sources of a series; see [`SeriesCursor::start`].
    fn start_series(&mut self, series: &SeriesInfo) -> Result<()>;

    fn merge(&self) -> &MergeIterator<u64, Self::Source>;

    fn merge_mut(&mut self) -> &mut MergeIterator<u64, Self::Source>;
}

impl<C: MergeCursor> SeriesCursor for C {
    fn start(&mut self, series: &SeriesInfo) -> Result<()> {
        self.start_series(series)
    }

    fn may_have_points(&self) -> bool {
        self.merge().has_sources()
    }

    fn next_summary(&mut self, accepts: &dyn Fn(&RunSummary<u64>) -> bool) -> Result<Option<RunSummary<u64>>> {
        self.merge_mut().next_summary(accepts)
    }

    fn next_chunk(&mut self) -> Result<bool> {
        self.merge_mut().next_chunk()
    }

    fn timestamps(&self) -> &[Timestamp] {
        self.merge().current_chunk().timestamps()
    }

    fn value_bits(&self) -> &[u64] {
        self.merge().current_chunk().values()
    }
}

/// Series and points of a snapshot, as a query reads them.
pub(crate) trait Catalog: Send + Sync {
    /// Returns `ForkedHandle` in a process other than the one that opened the database.
    fn check_readable(&self) -> Result<()> {
        Ok(())
    }

    /// Returns the runtime of the queries.
    fn runtime(&self) -> Runtime {
        Runtime::default()
    }

    /// Returns the listed series that match, in ascending order of their ids.
    fn select(&self, selector: &Selector) -> Vec<Arc<SeriesInfo>>;

    /// Creates a cursor. No file is opened here.
    fn cursor(&self, options: CursorOptions) -> Box<dyn SeriesCursor>;

    /// Returns time and bits of the latest point in a range of each series, whose ids ascend.
    ///
    /// If the query was cancelled or has failed, points may be missing.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded), [`Error::Closed`](crate::Error::Closed); errors of
    /// opening and reading files.
    fn latest_points(
        &self,
        series: &[Arc<SeriesInfo>],
        range: TimeRange,
        budget: &QueryBudget<'_>,
    ) -> Result<Vec<Option<(Timestamp, u64)>>>;

    /// Estimates the number of points of some of the series in a range; a query starts more threads if it is large.
    fn expected_points(&self, _range: TimeRange, _series: usize) -> u64 {
        0
    }

    /// Counts the files and blocks that are pruned by series and by time, for `explain`.
    fn pruning_counts(&self, _selected: &[SeriesId], _range: TimeRange) -> PruningCounts {
        PruningCounts::default()
    }
}
