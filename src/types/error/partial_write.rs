//! Parts of a batch: pieces that were written, and points that were left out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Error;
use crate::types::timestamp::Timestamp;

/// Piece of a batch that was acknowledged: all of its points or, after a crash before the acknowledgement, none.
///
/// See [`WriteOptions::split`](crate::WriteOptions::split).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrittenPiece {
    /// Indices of the points in the batch, from 0. Those that were left out are among them, but are not written.
    pub points: Range<usize>,
    /// Sequence number of the piece in the total order.
    pub seq: u64,
}

/// Point that a write left out, and why.
///
/// See [`WriteOptions::skip_rejected`](crate::WriteOptions::skip_rejected).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SkippedPoint {
    /// Index of the point in the batch, from 0.
    pub index: usize,
    /// Key of the series as text; `#` and the id if the handle of the series is stale.
    pub series: Arc<str>,
    /// Timestamp of the point.
    pub timestamp: Timestamp,
    /// Error that a write of this point alone returns.
    pub error: Error,
}

impl fmt::Display for SkippedPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, series, timestamp, error } = self;
        write!(f, "point {index} of {series} at {timestamp}: {}", error.summary())
    }
}
