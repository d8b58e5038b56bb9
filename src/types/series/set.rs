//! Immutable sets of series ids, stored as ranges of ids.
//!
//! A delete may concern any number of series. A range of consecutive ids takes 8 bytes, instead of 4 for each id.

use std::ops::RangeInclusive;

use super::SeriesId;

/// Set of series ids: ascending, disjoint ranges that are not adjacent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SeriesSet {
    /// First and last id of each range, both included.
    ranges: Box<[(SeriesId, SeriesId)]>,
    /// Number of ids; stored, because a delete of many series is compared with every file.
    count: u64,
}

impl SeriesSet {
    /// Creates the set of these ids, which must ascend; repeated ids count once.
    pub(crate) fn from_sorted(ids: impl IntoIterator<Item = SeriesId>) -> Self {
        let mut ranges = SeriesSetBuilder::default();
        ids.into_iter().for_each(|id| ranges.push(id));
        Self::from_ranges_unchecked(ranges.0.into())
    }

    /// Creates the set of these ranges, each with its first and last id.
    ///
    /// `None` if the ranges do not ascend, or if two of them overlap or are adjacent.
    pub(crate) fn from_ranges(ranges: Vec<(SeriesId, SeriesId)>) -> Option<Self> {
        let ordered = ranges.iter().all(|(first, last)| first <= last);
        let disjoint =
            ranges.windows(2).all(|pair| pair[0].1.get() < u32::MAX && pair[0].1.get() + 1 < pair[1].0.get());
        (ordered && disjoint).then(|| Self::from_ranges_unchecked(ranges.into()))
    }

    fn from_ranges_unchecked(ranges: Box<[(SeriesId, SeriesId)]>) -> Self {
        let count = ranges.iter().map(|(first, last)| u64::from(last.get() - first.get()) + 1).sum();
        Self { ranges, count }
    }

    /// Returns this set with the ids of `added`, and then without those of `removed`.
    pub(crate) fn with_and_without(&self, added: &Self, removed: &Self) -> Self {
        let (mut own, mut added) = (self.iter().peekable(), added.iter().peekable());
        let both = std::iter::from_fn(|| match (own.peek(), added.peek()) {
            (Some(id), Some(other)) if other < id => added.next(),
            (Some(_), _) => own.next(),
            (None, _) => added.next(),
        });
        Self::from_sorted(both.filter(|id| !removed.contains(*id)))
    }

    /// Returns this set without the ids of `removed`. Takes time in proportion to the ranges of both.
    pub(crate) fn without(&self, removed: &Self) -> Self {
        let mut left = Vec::with_capacity(self.ranges.len());
        let mut gaps = removed.ranges.iter().peekable();
        for (first, last) in &self.ranges {
            let mut next = first.get();
            while gaps.next_if(|(_, gap_last)| gap_last.get() < next).is_some() {}
            // A gap that goes beyond this range may also meet the next one, so it stays.
            while let Some((gap_first, gap_last)) = gaps.peek().filter(|(gap_first, _)| gap_first <= last) {
                if next < gap_first.get() {
                    left.push((SeriesId::new(next), SeriesId::new(gap_first.get() - 1)));
                }
                next = gap_last.get().saturating_add(1);
                if gap_last >= last {
                    break;
                }
                gaps.next();
            }
            let is_gone = gaps.peek().is_some_and(|(gap_first, gap_last)| gap_first <= last && gap_last >= last);
            if !is_gone {
                left.push((SeriesId::new(next), *last));
            }
        }
        Self::from_ranges_unchecked(left.into())
    }

    /// Returns `true` if the two sets have an id in common.
    pub(crate) fn intersects(&self, other: &Self) -> bool {
        let (few, many) = if self.ranges.len() < other.ranges.len() { (self, other) } else { (other, self) };
        few.ranges.iter().any(|(first, last)| many.overlaps(&(*first..=*last)))
    }

    /// Returns the first and the last id of each range.
    pub(crate) fn ranges(&self) -> &[(SeriesId, SeriesId)] {
        &self.ranges
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns the first and the last id; `None` if the set is empty.
    pub(crate) fn bounds(&self) -> Option<RangeInclusive<SeriesId>> {
        Some(self.ranges.first()?.0..=self.ranges.last()?.1)
    }

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        self.overlaps(&(id..=id))
    }

    /// Returns `true` if the set has an id in this range.
    pub(crate) fn overlaps(&self, ids: &RangeInclusive<SeriesId>) -> bool {
        let at = self.ranges.partition_point(|(_, last)| last < ids.start());
        self.ranges.get(at).is_some_and(|(first, _)| first <= ids.end())
    }

    /// Returns `true` if the set has every id in this range.
    pub(crate) fn covers(&self, ids: &RangeInclusive<SeriesId>) -> bool {
        let at = self.ranges.partition_point(|(_, last)| last < ids.start());
        self.ranges.get(at).is_some_and(|(first, last)| first <= ids.start() && ids.end() <= last)
    }

    /// Returns the number of ids of the set in this range.
    pub(crate) fn count_within(&self, ids: &RangeInclusive<SeriesId>) -> u64 {
        if self.bounds().is_some_and(|own| ids.start() <= own.start() && own.end() <= ids.end()) {
            return self.count;
        }
        let at = self.ranges.partition_point(|(_, last)| last < ids.start());
        let overlapping = self.ranges[at..].iter().take_while(|(first, _)| first <= ids.end());
        let within = |(first, last): &(SeriesId, SeriesId)| {
            u64::from((*last).min(*ids.end()).get() - (*first).max(*ids.start()).get()) + 1
        };
        overlapping.map(within).sum()
    }

    /// Returns the number of ids.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.ranges.iter().flat_map(|(first, last)| (first.get()..=last.get()).map(SeriesId::new))
    }

    /// Returns the memory of the ranges in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        size_of_val::<[_]>(&self.ranges)
    }
}

/// Builder of a set from ids in ascending order.
#[derive(Debug, Default)]
pub(crate) struct SeriesSetBuilder(Vec<(SeriesId, SeriesId)>);

impl SeriesSetBuilder {
    pub(crate) fn push(&mut self, id: SeriesId) {
        match self.0.last_mut() {
            Some((_, last)) if id.get() <= last.get().saturating_add(1) => *last = id.max(*last),
            _ => self.0.push((id, id)),
        }
    }

    /// Returns the set of the ids that were pushed so far.
    pub(crate) fn to_set(&self) -> SeriesSet {
        SeriesSet::from_ranges_unchecked(self.0.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u32]) -> SeriesSet {
        SeriesSet::from_sorted(ids.iter().map(|id| SeriesId::new(*id)))
    }

    #[test]
    fn adjacent_ids_share_a_range() {
        let some = set(&[0, 1, 1, 2, 7, 9, 10]);
        let ranges: Vec<_> = some.ranges().iter().map(|(first, last)| (first.get(), last.get())).collect();
        assert_eq!(ranges, [(0, 2), (7, 7), (9, 10)]);
        assert_eq!(SeriesSet::from_ranges(some.ranges().to_vec()), Some(some.clone()));
        assert_eq!(some.iter().map(SeriesId::get).collect::<Vec<_>>(), [0, 1, 2, 7, 9, 10]);
        assert_eq!(
            SeriesSet::from_ranges(vec![(SeriesId::new(1), SeriesId::new(2)), (SeriesId::new(3), SeriesId::new(3))]),
            None
        );
        let ends = set(&[u32::MAX - 1, u32::MAX]);
        assert!(ends.contains(SeriesId::new(u32::MAX)) && ends.iter().count() == 2);
    }

    #[test]
    fn ids_are_added_and_then_removed() {
        let changed = set(&[1, 2, 3, 9]).with_and_without(&set(&[0, 2, 4, 11]), &set(&[3, 11, 20]));
        assert_eq!(changed, set(&[0, 1, 2, 4, 9]));
        assert_eq!(set(&[]).with_and_without(&set(&[7]), &set(&[])), set(&[7]));
    }

    #[test]
    fn a_difference_has_exactly_the_ids_of_one_set_alone() {
        // Every pair of sets of the ids 0 to 5, and the greatest ids.
        let of_bits = |bits: u32, first: u32| {
            SeriesSet::from_sorted((0..6).filter(|bit| bits >> bit & 1 == 1).map(|bit| SeriesId::new(first + bit)))
        };
        for first in [0, u32::MAX - 5] {
            for (own, removed) in (0..64).flat_map(|own| (0..64).map(move |removed| (own, removed))) {
                let (a, b) = (of_bits(own, first), of_bits(removed, first));
                assert_eq!(a.without(&b), of_bits(own & !removed, first), "{own:b} without {removed:b}");
                assert_eq!(a.intersects(&b), own & removed != 0, "{own:b} and {removed:b}");
            }
        }
    }

    #[test]
    fn overlaps_and_covers_consider_the_gaps() {
        let some = set(&[2, 3, 4, 8]);
        let ids = |first, last| SeriesId::new(first)..=SeriesId::new(last);
        assert!(some.overlaps(&ids(0, 2)) && some.overlaps(&ids(4, 7)) && some.overlaps(&ids(5, 9)));
        assert!(!some.overlaps(&ids(0, 1)) && !some.overlaps(&ids(5, 7)) && !some.overlaps(&ids(9, 20)));
        assert!(
            some.covers(&ids(2, 4)) && some.covers(&ids(3, 3)) && !some.covers(&ids(4, 8)) && !some.covers(&ids(1, 2))
        );
        assert!(!set(&[]).overlaps(&ids(0, u32::MAX)) && set(&[]).bounds().is_none());
    }
}
