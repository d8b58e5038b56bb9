//! A range of time as its first and last nanosecond, both included, or empty.
//!
//! With inclusive ends a range can contain `i64::MAX`. No bound, however extreme, causes an overflow.

use std::ops::{Bound, RangeBounds};

use crate::types::timestamp::Timestamp;

/// Range of times from `first` to `last` in nanoseconds, both included; empty if `first > last`.
///
/// Every empty range is [`EMPTY`](Self::EMPTY), so that equal ranges compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TimeRange {
    first: i64,
    last: i64,
}

impl TimeRange {
    /// All of time.
    pub(crate) const ALL: Self = Self { first: i64::MIN, last: i64::MAX };
    /// The empty range.
    pub(crate) const EMPTY: Self = Self { first: i64::MAX, last: i64::MIN };

    /// Returns the range from `first` to `last`, both included; the empty range if they are reversed.
    pub(crate) const fn new(first: i64, last: i64) -> Self {
        if first <= last { Self { first, last } } else { Self::EMPTY }
    }

    /// Returns the range of one nanosecond.
    pub(crate) const fn at(time: i64) -> Self {
        Self { first: time, last: time }
    }

    /// Returns the range of all times up to `last`, which is included.
    pub(crate) const fn until(last: i64) -> Self {
        Self { first: i64::MIN, last }
    }

    /// Returns the times inside `bounds`.
    ///
    /// The range is empty if the bounds are reversed, if `i64::MAX` is an excluded start, or if `i64::MIN` is an
    /// excluded end.
    pub(crate) fn from_bounds(bounds: &impl RangeBounds<Timestamp>) -> Self {
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
            (Some(first), Some(last)) => Self::new(first, last),
            _ => Self::EMPTY,
        }
    }

    /// Returns the first time; `i64::MAX` if the range is empty.
    pub(crate) const fn first(self) -> i64 {
        self.first
    }

    /// Returns the last time; `i64::MIN` if the range is empty.
    pub(crate) const fn last(self) -> i64 {
        self.last
    }

    /// Returns `true` if the range contains no time.
    pub(crate) const fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// Returns `true` if `time` lies in the range.
    pub(crate) const fn contains(self, time: i64) -> bool {
        self.first <= time && time <= self.last
    }

    /// Returns `true` if the two ranges share a time.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Returns `true` if all of `other` lies in this range.
    pub(crate) const fn covers(self, other: Self) -> bool {
        other.is_empty() || self.first <= other.first && other.last <= self.last
    }

    /// Returns the smallest range that covers both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// Returns the times that both ranges contain.
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self::new(self.first.max(other.first), self.last.min(other.last))
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
            (TimeRange::from_bounds(&..), full(MIN, MAX)),
            (TimeRange::from_bounds(&(at(3)..)), full(3, MAX)),
            (TimeRange::from_bounds(&(..at(3))), full(MIN, 2)),
            (TimeRange::from_bounds(&(..=at(3))), full(MIN, 3)),
            (TimeRange::from_bounds(&(at(3)..at(5))), full(3, 4)),
            (TimeRange::from_bounds(&(at(3)..=at(5))), full(3, 5)),
            (TimeRange::from_bounds(&(at(3)..at(3))), None),
            (TimeRange::from_bounds(&(at(3)..=at(3))), full(3, 3)),
            (TimeRange::from_bounds(&(Excluded(at(3)), Excluded(at(5)))), full(4, 4)),
            (TimeRange::from_bounds(&(Excluded(at(3)), Excluded(at(4)))), None),
            (TimeRange::from_bounds(&(Excluded(at(3)), Unbounded)), full(4, MAX)),
            (TimeRange::from_bounds(&(at(MAX)..=at(MAX))), full(MAX, MAX)),
            (TimeRange::from_bounds(&(at(MIN)..=at(MIN))), full(MIN, MIN)),
            (TimeRange::from_bounds(&(at(MIN)..at(MAX))), full(MIN, MAX - 1)),
            (TimeRange::from_bounds(&(..at(MIN))), None),
            (TimeRange::from_bounds(&(Excluded(at(MAX)), Unbounded)), None),
            (TimeRange::from_bounds(&(Excluded(at(MIN)), Included(at(MIN)))), None),
            (TimeRange::from_bounds(&(Included(at(5)), Included(at(3)))), None),
            (TimeRange::from_bounds(&(Included(at(MAX)), Included(at(MIN)))), None),
        ];
        for (row, (range, expected)) in table.into_iter().enumerate() {
            assert_eq!(meant(range), expected, "row {row}");
        }
        assert_eq!(TimeRange::from_bounds(&..), TimeRange::ALL);
    }

    #[test]
    fn ranges_are_compared_by_the_times_that_they_hold() {
        let range = TimeRange::new(3, 5);
        assert!(range.contains(3) && range.contains(5) && !range.contains(2) && !range.contains(6));
        assert!(range.overlaps(TimeRange::at(5)) && !range.overlaps(TimeRange::new(6, MAX)));
        assert!(range.covers(TimeRange::new(4, 5)) && !range.covers(TimeRange::new(4, 6)));
        assert!(range.covers(TimeRange::EMPTY) && !range.overlaps(TimeRange::EMPTY));
        assert_eq!(TimeRange::new(5, 4), TimeRange::EMPTY);
        assert_eq!(range.intersection(TimeRange::until(2)), TimeRange::EMPTY);
        assert_eq!(range.intersection(TimeRange::until(4)), TimeRange::new(3, 4));
        assert_eq!(TimeRange::EMPTY.union(TimeRange::at(7)), TimeRange::at(7));
    }
}
