//! A range of time as its first and last nanosecond, both included, or empty.
//! Inclusive ends name `i64::MAX` too; it promises that no bound, however extreme, overflows. It knows no points.

use std::ops::{Bound, RangeBounds, RangeInclusive};

use crate::point::Timestamp;

/// The times from `first` to `last`, both included; empty if and only if `first > last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    first: i64,
    last: i64,
}

impl TimeRange {
    /// Every time there is.
    pub(crate) const ALL: Self = Self { first: i64::MIN, last: i64::MAX };
    /// No time at all: the one form that every empty range takes, so that equal ranges compare equal.
    pub(crate) const EMPTY: Self = Self { first: i64::MAX, last: i64::MIN };

    /// What the bounds mean: reversed ones, and those excluded at the very end of time, leave nothing.
    pub(crate) fn new(bounds: &impl RangeBounds<Timestamp>) -> Self {
        let first = match bounds.start_bound() {
            Bound::Included(at) => Some(at.as_nanos()),
            Bound::Excluded(at) => at.as_nanos().checked_add(1),
            Bound::Unbounded => Some(i64::MIN),
        };
        let last = match bounds.end_bound() {
            Bound::Included(at) => Some(at.as_nanos()),
            Bound::Excluded(at) => at.as_nanos().checked_sub(1),
            Bound::Unbounded => Some(i64::MAX),
        };
        match (first, last) {
            (Some(first), Some(last)) if first <= last => Self { first, last },
            _ => Self::EMPTY,
        }
    }

    /// The first time; meaningless if empty.
    pub(crate) const fn first(self) -> i64 {
        self.first
    }

    /// The last time; meaningless if empty.
    pub(crate) const fn last(self) -> i64 {
        self.last
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// Both ends as the version's rectangles take them; an empty range gives an empty one, which meets nothing.
    pub(crate) const fn as_inclusive(self) -> RangeInclusive<i64> {
        self.first..=self.last
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::{Excluded, Included, Unbounded};

    use super::*;

    const MIN: i64 = i64::MIN;
    const MAX: i64 = i64::MAX;

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn every_form_of_range_means_its_first_and_last_time() {
        let full = |first, last| Some((first, last));
        let meant = |range: TimeRange| (!range.is_empty()).then(|| (range.first(), range.last()));
        let table = [
            (TimeRange::new(&..), full(MIN, MAX)),
            (TimeRange::new(&(at(3)..)), full(3, MAX)),
            (TimeRange::new(&(..at(3))), full(MIN, 2)),
            (TimeRange::new(&(..=at(3))), full(MIN, 3)),
            (TimeRange::new(&(at(3)..at(5))), full(3, 4)),
            (TimeRange::new(&(at(3)..=at(5))), full(3, 5)),
            (TimeRange::new(&(at(3)..at(3))), None),
            (TimeRange::new(&(at(3)..=at(3))), full(3, 3)),
            (TimeRange::new(&(Excluded(at(3)), Excluded(at(5)))), full(4, 4)),
            (TimeRange::new(&(Excluded(at(3)), Excluded(at(4)))), None),
            (TimeRange::new(&(Excluded(at(3)), Unbounded)), full(4, MAX)),
            (TimeRange::new(&(at(MAX)..=at(MAX))), full(MAX, MAX)),
            (TimeRange::new(&(at(MIN)..=at(MIN))), full(MIN, MIN)),
            (TimeRange::new(&(at(MIN)..at(MAX))), full(MIN, MAX - 1)),
            (TimeRange::new(&(..at(MIN))), None),
            (TimeRange::new(&(Excluded(at(MAX)), Unbounded)), None),
            (TimeRange::new(&(Excluded(at(MIN)), Included(at(MIN)))), None),
            (TimeRange::new(&(Included(at(5)), Included(at(3)))), None),
            (TimeRange::new(&(Included(at(MAX)), Included(at(MIN)))), None),
        ];
        for (row, (range, expected)) in table.into_iter().enumerate() {
            assert_eq!(meant(range), expected, "row {row}");
        }
        assert!(TimeRange::EMPTY.as_inclusive().is_empty());
        assert_eq!(TimeRange::new(&..), TimeRange::ALL);
    }
}
