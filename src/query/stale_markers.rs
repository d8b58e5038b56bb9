//! Removal of stale markers from the points that windows aggregate.
//!
//! A stale marker says that a series ended; as a value it would make a mean NaN. Windows are those of the same points
//! without the markers. The statistics of a block do not say which NaN it has, so a block with any NaN is read point by
//! point.

use super::kernels::AggregateScalar;
use crate::types::point::Timestamp;

/// Buffers for the points of a chunk that has stale markers.
pub(super) struct StaleMarkerFilter<T> {
    timestamps: Vec<Timestamp>,
    values: Vec<T>,
}

impl<T> Default for StaleMarkerFilter<T> {
    fn default() -> Self {
        Self { timestamps: Vec::new(), values: Vec::new() }
    }
}

impl<T: AggregateScalar> StaleMarkerFilter<T> {
    /// Returns the points of a chunk without its stale markers. Both slices have the same length.
    ///
    /// Nothing is copied if there is none.
    pub(super) fn filter<'a>(&'a mut self, timestamps: &'a [Timestamp], values: &'a [T]) -> (&'a [Timestamp], &'a [T]) {
        // A count has no branches.
        if values.iter().filter(|value| value.is_stale_marker()).count() == 0 {
            return (timestamps, values);
        }
        self.timestamps.clear();
        self.values.clear();
        for (timestamp, value) in timestamps.iter().zip(values).filter(|(_, value)| !value.is_stale_marker()) {
            self.timestamps.push(*timestamp);
            self.values.push(*value);
        }
        (&self.timestamps, &self.values)
    }
}
