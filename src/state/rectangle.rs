//! Rectangles of series ids and time, such as the area that a file or a part of a file covers.

use std::ops::RangeInclusive;

use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// A range of series ids and a time range. The first and the last series are both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub(crate) first_series: SeriesId,
    pub(crate) last_series: SeriesId,
    /// Not empty.
    pub(crate) times: TimeRange,
}

impl Rectangle {
    /// Creates the rectangle of one series.
    pub(crate) const fn of_series(series: SeriesId, times: TimeRange) -> Self {
        Self { first_series: series, last_series: series, times }
    }

    /// Returns the series ids, first and last included.
    pub(crate) fn series(&self) -> RangeInclusive<SeriesId> {
        self.first_series..=self.last_series
    }

    /// Returns `true` if the two rectangles have a series id and a time in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.first_series <= other.last_series
            && other.first_series <= self.last_series
            && self.times.overlaps(other.times)
    }

    /// Returns `true` if all of `other` lies inside this rectangle.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.first_series <= other.first_series
            && other.last_series <= self.last_series
            && self.times.covers(other.times)
    }

    /// Returns the smallest rectangle that contains both.
    pub(crate) fn union(&self, other: &Self) -> Self {
        Self {
            first_series: self.first_series.min(other.first_series),
            last_series: self.last_series.max(other.last_series),
            times: self.times.union(other.times),
        }
    }

    /// Returns `true` if the rectangle contains the series and overlaps the time range.
    pub(crate) fn contains_any(&self, series: SeriesId, times: TimeRange) -> bool {
        self.first_series <= series && series <= self.last_series && self.times.overlaps(times)
    }
}
