//! Interface between a query and a snapshot: matching series, and the sources of their points.
//!
//! The snapshot implements the interface over its version; tests implement it over vectors.

use std::fmt;

use super::explain::{PruningCounts, ReadCounters};
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{BoxPointSource, MergeIterator, newest_point};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::{Point, ValueType};
use crate::types::selector::Selector;
use crate::types::series::{SeriesId, SeriesKey};
use crate::types::time_range::TimeRange;
use std::sync::Arc;

/// Key, id and fixed properties of a series; see [`Snapshot::list_series`](crate::Snapshot::list_series).
///
/// `Display` writes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SeriesInfo {
    /// Id of the series in this database, never reused.
    pub id: SeriesId,
    /// Metric name and tags.
    pub key: SeriesKey,
    /// Type of the values, fixed at creation.
    pub value_type: ValueType,
    /// Rule for several points at one timestamp, fixed at creation.
    pub duplicates: DuplicatePolicy,
}

/// Writes the key of the series.
impl fmt::Display for SeriesInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

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

/// Sources of one series of any type.
pub(crate) enum AnySeriesSources {
    F64(SeriesSources<f64>),
    I64(SeriesSources<i64>),
    U64(SeriesSources<u64>),
    Bool(SeriesSources<bool>),
}

/// Series and point sources of a snapshot, as a query reads them.
pub(crate) trait Catalog: Send + Sync {
    /// Returns `ForkedHandle` in a process other than the one that opened the database.
    fn check_readable(&self) -> Result<()> {
        Ok(())
    }

    /// Returns the listed series that match, sorted by key.
    fn select(&self, selector: &Selector) -> Vec<Arc<SeriesInfo>>;

    /// Returns the sources that may hold visible points of a series inside a range.
    ///
    /// `counters` count the reads of the sources. The sources may yield points outside the range, which the merge
    /// drops. The variant is the type of the series.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed) if the files can no longer be read. The sources open and read files
    /// later.
    fn sources(
        &self,
        series: &SeriesInfo,
        range: TimeRange,
        counters: Option<&Arc<ReadCounters>>,
    ) -> Result<AnySeriesSources>;

    /// Estimates the number of points per series in a range; a query starts more threads if it is large.
    fn expected_points(&self, _range: TimeRange) -> u64 {
        0
    }

    /// Counts the files and blocks that are pruned by series and by time, for `explain`.
    fn pruning_counts(&self, _selected: &[SeriesId], _range: TimeRange) -> PruningCounts {
        PruningCounts::default()
    }
}
