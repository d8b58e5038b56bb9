//! What a query asks of a snapshot: which series match, and where the points of one lie.
//! The snapshot implements it over its version; queries know nothing else of it, so that they are tested on vectors.

use std::fmt;

use super::explain::{Census, Work};
use super::select::Select;
use crate::error::Result;
use crate::merge::{BoxSource, Merge, TimeRange, latest};
use crate::options::Duplicates;
use crate::point::{Point, ValueType};
use crate::series::{SeriesId, SeriesKey};
use crate::sync::Arc;
use crate::version::Hidden;

/// A series as a snapshot lists it.
///
/// ```text
/// for series in snapshot.series(&Select::metric("temp")) {
///     println!("{} holds {}", series.key, series.value_type);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesInfo {
    /// Its number in this database, never reused.
    pub id: SeriesId,
    /// Its metric name and tags.
    pub key: SeriesKey,
    /// The type of its values, kept for good.
    pub value_type: ValueType,
    /// What becomes of several of its points at one timestamp, for good.
    pub duplicates: Duplicates,
}

/// The series' key as text.
impl fmt::Display for SeriesInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// Where the points of one series lie, and which of them count.
pub(crate) struct Sources<T> {
    /// Oldest first, each with what is hidden of it.
    pub(crate) lanes: Vec<(BoxSource<T>, Hidden)>,
    /// The series' own.
    pub(crate) duplicates: Duplicates,
}

impl<T: Copy> Sources<T> {
    /// All that they hold counts.
    #[cfg(test)]
    pub(super) fn plain(sources: Vec<BoxSource<T>>) -> Self {
        Self { lanes: crate::merge::testing::plain(sources), duplicates: Duplicates::KeepAll }
    }

    /// Their points inside a range.
    pub(super) fn merge(self, range: TimeRange) -> Merge<T> {
        Merge::new(range, self.lanes, self.duplicates)
    }

    /// The newest point of all.
    pub(super) fn latest(self) -> Result<Option<Point<T>>> {
        latest(self.lanes, self.duplicates)
    }
}

/// The sources of one series, with the type of its values.
pub(crate) enum AnySources {
    F64(Sources<f64>),
    I64(Sources<i64>),
    U64(Sources<u64>),
    Bool(Sources<bool>),
}

/// What a query can ask of a snapshot.
pub(crate) trait Catalog: Send + Sync {
    /// The series that match, sorted by key.
    fn select(&self, select: &Select) -> Vec<Arc<SeriesInfo>>;

    /// The sources that may hold visible points of the series inside the range; what they do is counted. They may give points
    /// outside of it, which the merge cuts off; the series' own type decides the variant.
    ///
    /// # Errors
    /// Whatever naming them met; opening and reading come later.
    fn sources(&self, series: &SeriesInfo, range: TimeRange, work: Option<&Arc<Work>>) -> Result<AnySources>;

    /// About how many points a series has in a range: for who decides whether threads pay.
    fn expected_points(&self, _range: TimeRange) -> u64 {
        0
    }

    /// What pruning by series and time leaves of all files, for `explain`.
    fn census(&self, _selected: &[SeriesId], _range: TimeRange) -> Census {
        Census::default()
    }
}
