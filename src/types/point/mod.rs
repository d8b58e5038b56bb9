//! Points, their timestamps and values, and batches of points.

mod batch;
mod batch_series;
mod parse_timestamp;
mod timestamp_guard;
mod value;

pub use batch::{Batch, MAX_BATCH_BYTES, MAX_BATCH_POINTS};
pub(crate) use batch::{BatchKeyIndex, PieceCutter, SeriesRejection};
pub(crate) use batch_series::{BatchSeries, CachedSeriesLookup, SeriesRef};
pub(crate) use timestamp_guard::TimestampGuard;
pub use value::{STALE_MARKER_BITS, Scalar, Value};

pub use crate::types::rejected_point::{RejectReason, RejectedPoint};
pub use crate::types::timestamp::Timestamp;
pub use crate::types::value_type::ValueType;

use crate::types::series::SeriesId;

/// One value of one series at one timestamp.
///
/// Several points of one series may have the same timestamp. The [`DuplicatePolicy`](crate::DuplicatePolicy) of the
/// series decides which of them are read; by default all are, in the order of their arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<T> {
    /// Time of the measurement.
    pub timestamp: Timestamp,
    /// Measured value.
    pub value: T,
}

/// Points of one batch as columns of equal length, in order of arrival, for the WAL and the memtable.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PointColumns<'a> {
    pub(crate) series: &'a [SeriesId],
    pub(crate) timestamps: &'a [i64],
    /// Values as 64 bits each.
    pub(crate) bits: &'a [u64],
}

impl PointColumns<'_> {
    pub(crate) fn len(&self) -> usize {
        debug_assert!(self.series.len() == self.timestamps.len() && self.series.len() == self.bits.len());
        self.series.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeriesId, i64, u64)> {
        self.series
            .iter()
            .zip(self.timestamps)
            .zip(self.bits)
            .map(|((series, timestamp), bits)| (*series, *timestamp, *bits))
    }
}
