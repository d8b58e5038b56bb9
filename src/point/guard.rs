//! Guards: points whose timestamps lie too far from the clock are named one by one and refused, before anything is written.
//! It knows timestamps and limits; the clock is read elsewhere, once a batch.

use std::fmt;
use std::sync::Arc;

use super::Timestamp;

/// A point that a guard did not let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedPoint {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Its series' key; points of one series share the text.
    pub series: Arc<str>,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// What is wrong with that.
    pub reason: RefusedFor,
}

/// Which guard refused a point, and where that guard stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedFor {
    /// It is later than the clock by more than
    /// [`Builder::refuse_ahead_of_clock`](crate::Builder::refuse_ahead_of_clock) allows.
    TooFarAhead {
        /// The latest timestamp that was taken at that moment.
        latest: Timestamp,
    },
    /// It is older than the clock by more than
    /// [`Builder::refuse_behind_clock`](crate::Builder::refuse_behind_clock) allows.
    TooOld {
        /// The earliest timestamp that was taken at that moment.
        earliest: Timestamp,
    },
}

impl fmt::Display for RefusedPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, series, timestamp, reason } = self;
        write!(f, "point {index} of {series} at {timestamp} {reason}")
    }
}

impl fmt::Display for RefusedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFarAhead { latest } => write!(f, "is later than {latest}"),
            Self::TooOld { earliest } => write!(f, "is older than {earliest}"),
        }
    }
}

/// The timestamps that are taken at one moment, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
}

impl Guard {
    /// Whether there is nothing to refuse. Least and greatest alone: a batch that passes costs one walk over a column.
    pub(crate) fn admits_all(&self, timestamps: &[i64]) -> bool {
        let ends = timestamps.iter().fold((i64::MAX, i64::MIN), |(first, last), at| (first.min(*at), last.max(*at)));
        timestamps.is_empty() || (self.earliest <= ends.0 && ends.1 <= self.latest)
    }

    /// Why a timestamp is refused, if it is.
    pub(crate) fn refuses(&self, timestamp: i64) -> Option<RefusedFor> {
        if timestamp > self.latest {
            Some(RefusedFor::TooFarAhead { latest: Timestamp::from_nanos(self.latest) })
        } else if timestamp < self.earliest {
            Some(RefusedFor::TooOld { earliest: Timestamp::from_nanos(self.earliest) })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_pass_and_their_neighbours_do_not() {
        let guard = Guard { earliest: -5, latest: 7 };
        assert!(guard.admits_all(&[-5, 0, 7]) && guard.admits_all(&[]));
        assert!(!guard.admits_all(&[0, 8]) && !guard.admits_all(&[-6, 0]));
        assert_eq!((guard.refuses(-5), guard.refuses(7)), (None, None));
        assert_eq!(guard.refuses(-6), Some(RefusedFor::TooOld { earliest: Timestamp::from_nanos(-5) }));
        assert_eq!(guard.refuses(8), Some(RefusedFor::TooFarAhead { latest: Timestamp::from_nanos(7) }));
        let all = Guard { earliest: i64::MIN, latest: i64::MAX };
        assert!(all.admits_all(&[i64::MIN, i64::MAX]));
    }
}
