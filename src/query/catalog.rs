//! What a query asks of a snapshot: which series match, and where the points of one lie.
//! The snapshot implements it over its version; queries know nothing else of it, so that they are tested on vectors.

use std::fmt;

use super::range::TimeRange;
use super::select::Select;
use super::source::AnySources;
use crate::error::Result;
use crate::options::Duplicates;
use crate::point::ValueType;
use crate::series::{SeriesId, SeriesKey};
use crate::sync::Arc;

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

/// What a query can ask of a snapshot.
pub(crate) trait Catalog: Send + Sync {
    /// The series that match, sorted by key.
    fn select(&self, select: &Select) -> Vec<Arc<SeriesInfo>>;

    /// The sources, oldest first, that may hold visible points of the series inside the range. They may give points
    /// outside of it, which the merge cuts off; the series' own type decides the variant.
    ///
    /// # Errors
    /// Whatever naming them met; opening and reading come later.
    fn sources(&self, series: &SeriesInfo, range: TimeRange) -> Result<AnySources>;
}
