//! A point whose timestamp is too far from the clock, and the bound that it exceeds.

use std::fmt;
use std::sync::Arc;

use crate::types::timestamp::Timestamp;

/// Point whose timestamp is outside the bounds set at opening; its whole batch is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedPoint {
    /// Index of the point in the batch, from 0.
    pub index: usize,
    /// Key of the series as text; points of one series share it.
    pub series: Arc<str>,
    /// Timestamp of the point.
    pub timestamp: Timestamp,
    /// Bound that the timestamp exceeds.
    pub reason: RejectReason,
}

/// Bound that a rejected timestamp exceeds, with its value when the batch was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The timestamp is further ahead of the clock than
    /// [`reject_ahead_of_clock`](crate::DbBuilder::reject_ahead_of_clock) allows.
    AheadOfClock {
        /// Latest timestamp that was accepted when the batch was checked.
        latest: Timestamp,
    },
    /// The timestamp is further behind the clock than
    /// [`reject_behind_clock`](crate::DbBuilder::reject_behind_clock) allows.
    BehindClock {
        /// Earliest timestamp that was accepted when the batch was checked.
        earliest: Timestamp,
    },
    /// The timestamp is before the retention cutoff of its series, see
    /// [`reject_behind_cutoff`](crate::DbBuilder::reject_behind_cutoff).
    BehindCutoff {
        /// Time before which retention hides the points of the series.
        cutoff: Timestamp,
    },
}

impl fmt::Display for RejectedPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, series, timestamp, reason } = self;
        write!(f, "point {index} of {series} at {timestamp} {reason}")
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AheadOfClock { latest } => write!(f, "is later than {latest}"),
            Self::BehindClock { earliest } => write!(f, "is older than {earliest}"),
            Self::BehindCutoff { cutoff } => write!(f, "is before the retention cutoff {cutoff}"),
        }
    }
}
