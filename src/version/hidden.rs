//! Ranges of time in which one source's points of one series are not to be seen: what tombstones and cutoff add up to.

/// Ranges of time, both ends included, ascending, disjoint and not adjoining.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Hidden {
    ranges: Vec<(i64, i64)>,
}

impl Hidden {
    /// Nothing is hidden.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { ranges: Vec::new() };

    /// What these ranges hide together, in whatever order and overlap they come.
    pub(crate) fn new(mut ranges: Vec<(i64, i64)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn ranges(&self) -> &[(i64, i64)] {
        &self.ranges
    }

    /// The range that hides this time, if one does.
    pub(crate) fn range_at(&self, time: i64) -> Option<(i64, i64)> {
        let at = self.ranges.partition_point(|(_, last)| *last < time);
        self.ranges.get(at).copied().filter(|(first, _)| *first <= time)
    }

    /// Whether any time between these two, both included, is hidden.
    pub(crate) fn meets(&self, first: i64, last: i64) -> bool {
        let at = self.ranges.partition_point(|(_, end)| *end < first);
        self.ranges.get(at).is_some_and(|(start, _)| *start <= last)
    }

    /// Whether every time between these two, both included, is hidden.
    pub(crate) fn covers(&self, first: i64, last: i64) -> bool {
        self.range_at(first).is_some_and(|(_, end)| last <= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_or_adjoin_become_one() {
        let hidden =
            Hidden::new(vec![(10, 20), (i64::MAX, i64::MAX), (5, 9), (30, 29), (25, 26), (i64::MIN, -7), (12, 14)]);
        assert_eq!(hidden.ranges(), [(i64::MIN, -7), (5, 20), (25, 26), (i64::MAX, i64::MAX)]);
        assert!(hidden.meets(-7, 0) && !hidden.meets(-6, 4) && hidden.meets(21, i64::MAX) && hidden.covers(5, 20));
        assert!(!hidden.covers(5, 21) && hidden.range_at(21).is_none() && hidden.range_at(i64::MAX).is_some());
        assert!(Hidden::NONE.is_empty() && !Hidden::NONE.meets(i64::MIN, i64::MAX));
    }
}
