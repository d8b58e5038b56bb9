//! A tombstone: a delete as a set of series, a time range and a seq.
//!
//! It hides the points of records with a smaller seq; the time at which the delete or the points were written plays no
//! part. Its memory depends on the number of id ranges in the set, not on the number of points that it hides.

use crate::state::rectangle::Rectangle;
use crate::types::series::{SeriesId, SeriesSet};
use crate::types::time_range::TimeRange;

/// Delete that hides every point of `series` in `range` whose record has a smaller seq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// The seq of the delete itself.
    pub(crate) seq: u64,
    pub(crate) series: SeriesSet,
    /// Not empty.
    pub(crate) range: TimeRange,
}

impl Tombstone {
    /// Returns the time range that it hides of one series; `None` if its set does not contain the series.
    pub(crate) fn range_for(&self, series: SeriesId) -> Option<TimeRange> {
        self.series.contains(series).then_some(self.range)
    }

    /// Returns `true` if it can hide a point inside the rectangle. Seqs are not compared.
    pub(crate) fn overlaps(&self, rectangle: &Rectangle) -> bool {
        self.range.overlaps(rectangle.times) && self.series.overlaps(&rectangle.series())
    }

    /// Returns `true` if it contains the whole rectangle, and so hides every older point in it.
    pub(crate) fn covers(&self, rectangle: &Rectangle) -> bool {
        self.range.covers(rectangle.times) && self.series.covers(&rectangle.series())
    }

    /// Returns `true` if its range is all of time, and so it hides every older point of its series.
    pub(crate) fn covers_all_time(&self) -> bool {
        self.range == TimeRange::ALL
    }

    /// Returns its memory in bytes, without the reference counts of a shared pointer.
    pub(crate) fn byte_len(&self) -> usize {
        size_of::<Self>() + self.series.byte_len()
    }
}
