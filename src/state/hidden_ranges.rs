//! Hidden ranges: the time ranges that tombstones and cutoffs hide of one series in one source.

use crate::types::time_range::TimeRange;

/// Ascending hidden time ranges with at least one visible nanosecond between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HiddenRanges {
    ranges: Vec<TimeRange>,
}

impl HiddenRanges {
    /// No hidden range.
    pub(crate) const NONE: Self = Self { ranges: Vec::new() };

    /// Creates the union of ranges, which may be empty, may overlap and come in any order.
    pub(crate) fn new(mut ranges: Vec<TimeRange>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.first());
        let mut merged: Vec<TimeRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(before) if range.first() <= before.last().saturating_add(1) => *before = before.union(range),
                _ => merged.push(range),
            }
        }
        Self { ranges: merged }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn ranges(&self) -> &[TimeRange] {
        &self.ranges
    }

    /// Returns the range that hides `time`; `None` if `time` is visible.
    pub(crate) fn range_containing(&self, time: i64) -> Option<TimeRange> {
        self.first_ending_at_or_after(time).filter(|range| range.first() <= time)
    }

    /// Returns `true` if any time of `range` is hidden. The range must not be empty.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        self.first_ending_at_or_after(range.first()).is_some_and(|hidden| hidden.first() <= range.last())
    }

    /// Returns `true` if every time of `range` is hidden. The range must not be empty.
    pub(crate) fn covers(&self, range: TimeRange) -> bool {
        self.range_containing(range.first()).is_some_and(|hidden| range.last() <= hidden.last())
    }

    fn first_ending_at_or_after(&self, time: i64) -> Option<TimeRange> {
        let at = self.ranges.partition_point(|range| range.last() < time);
        self.ranges.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = i64::MIN;
    const MAX: i64 = i64::MAX;

    #[test]
    fn ranges_that_overlap_or_adjoin_become_one() {
        let range = TimeRange::new;
        let hidden = HiddenRanges::new(vec![
            range(10, 20),
            range(MAX, MAX),
            range(5, 9),
            range(30, 29),
            range(25, 26),
            range(MIN, -7),
            range(12, 14),
        ]);
        assert_eq!(hidden.ranges(), [range(MIN, -7), range(5, 20), range(25, 26), range(MAX, MAX)]);
        assert!(hidden.overlaps(range(-7, 0)) && !hidden.overlaps(range(-6, 4)) && hidden.overlaps(range(21, MAX)));
        assert!(hidden.covers(range(5, 20)) && !hidden.covers(range(5, 21)));
        assert!(hidden.range_containing(21).is_none() && hidden.range_containing(MAX).is_some());
        assert!(HiddenRanges::NONE.is_empty() && !HiddenRanges::NONE.overlaps(TimeRange::ALL));
    }
}
