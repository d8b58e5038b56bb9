//! Bounds on timestamps: a batch with a point too far from the clock is rejected before it is queued.
//! This module only compares timestamps with the bounds; the caller reads the clock, once for each batch.

use crate::types::rejected_point::RejectReason;
use crate::types::time_range::TimeRange;
use crate::types::timestamp::Timestamp;

/// Range of the timestamps that are accepted at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimestampGuard {
    pub(crate) accepted: TimeRange,
}

impl TimestampGuard {
    /// Returns `true` if no timestamp is rejected.
    ///
    /// Finds the minimum and the maximum in one pass over the column, and compares only these two with the bounds.
    pub(crate) fn accepts_all(&self, timestamps: &[i64]) -> bool {
        let (first, last) =
            timestamps.iter().fold((i64::MAX, i64::MIN), |(first, last), nanos| (first.min(*nanos), last.max(*nanos)));
        timestamps.is_empty() || (self.accepted.first() <= first && last <= self.accepted.last())
    }

    /// Returns the bound that a timestamp exceeds; `None` if it is accepted.
    pub(crate) fn reject_reason(&self, timestamp: i64) -> Option<RejectReason> {
        if timestamp > self.accepted.last() {
            Some(RejectReason::AheadOfClock { latest: Timestamp::from_nanos(self.accepted.last()) })
        } else if timestamp < self.accepted.first() {
            Some(RejectReason::BehindClock { earliest: Timestamp::from_nanos(self.accepted.first()) })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_are_accepted_and_their_neighbours_are_not() {
        let guard = TimestampGuard { accepted: TimeRange::new(-5, 7) };
        assert!(guard.accepts_all(&[-5, 0, 7]) && guard.accepts_all(&[]));
        assert!(!guard.accepts_all(&[0, 8]) && !guard.accepts_all(&[-6, 0]));
        assert_eq!((guard.reject_reason(-5), guard.reject_reason(7)), (None, None));
        assert_eq!(guard.reject_reason(-6), Some(RejectReason::BehindClock { earliest: Timestamp::from_nanos(-5) }));
        assert_eq!(guard.reject_reason(8), Some(RejectReason::AheadOfClock { latest: Timestamp::from_nanos(7) }));
        let all = TimestampGuard { accepted: TimeRange::ALL };
        assert!(all.accepts_all(&[i64::MIN, i64::MAX]));
    }
}
