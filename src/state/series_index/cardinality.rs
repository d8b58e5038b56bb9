//! Numbers of series by metric, tag key and tag: where the series of a database come from.
//!
//! The counts of all postings segments are merged in the order of the names, so that no more than the largest ones are in
//! memory.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use roaring::RoaringBitmap;

use super::names::MergedNames;
use super::postings_segment::PostingsSegment;
use super::{NameKind, SeriesIndex};

/// Largest counts of the listed series, and sums over all names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CardinalityCounts<'a> {
    pub(crate) metrics: NameCounts<'a>,
    /// For each tag key, the number of its values and the bytes of these values in all series.
    pub(crate) tag_keys: Vec<TagKeyCounts<'a>>,
    pub(crate) tag_key_count: u64,
    /// Key, value and number of series of the tags that most series have.
    pub(crate) tags: Vec<(&'a str, &'a str, u64)>,
    pub(crate) tag_count: u64,
    /// Number of postings that were counted, a measure of the work.
    pub(crate) visited: u64,
}

/// Names with the largest counts, and sums over all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NameCounts<'a> {
    /// Name and number of series.
    pub(crate) largest: Vec<(&'a str, u64)>,
    /// Number of all names.
    pub(crate) count: u64,
    /// Length of the names, summed over all series, in bytes.
    pub(crate) bytes: u64,
}

/// Counts of one tag key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TagKeyCounts<'a> {
    /// Number of values.
    pub(crate) values: u64,
    pub(crate) key: Reverse<&'a str>,
    /// Length of the values, summed over all series, in bytes.
    pub(crate) bytes: u64,
}

/// The largest of many items.
struct Largest<T> {
    items: BinaryHeap<Reverse<T>>,
    limit: usize,
}

impl<T: Ord> Largest<T> {
    fn new(limit: usize) -> Self {
        Self { items: BinaryHeap::new(), limit }
    }

    fn push(&mut self, item: T) {
        if self.items.len() < self.limit {
            self.items.push(Reverse(item));
        } else if let Some(mut least) = self.items.peek_mut().filter(|least| least.0 < item) {
            *least = Reverse(item);
        }
    }

    /// Returns the items, the largest first.
    fn into_vec(self) -> Vec<T> {
        self.items.into_sorted_vec().into_iter().map(|Reverse(item)| item).collect()
    }
}

/// A segment, and the positions of its series that are not listed.
type CountedSegment<'a> = (&'a PostingsSegment, RoaringBitmap);

impl SeriesIndex {
    /// Counts the listed series by metric, tag key and tag. Each list has at most `limit` entries, the largest first;
    /// of equal ones, the first by name.
    pub(crate) fn cardinality(&self, limit: usize) -> CardinalityCounts<'_> {
        let segments: Vec<CountedSegment<'_>> = self
            .postings
            .segments()
            .map(|segment| (segment, segment.positions_where(|def| !self.is_listed(def))))
            .collect();
        let visited = Cell::new(0);
        let merged = |kind| self.merged_counts(&segments, kind, &visited);
        let mut counts = CardinalityCounts::default();
        let mut metrics = Largest::new(limit);
        for (metric, series) in merged(NameKind::Metric) {
            counts.metrics.count += 1;
            counts.metrics.bytes += metric.len() as u64 * series;
            metrics.push((series, Reverse(metric)));
        }
        counts.metrics.largest =
            metrics.into_vec().into_iter().map(|(series, Reverse(metric))| (metric, series)).collect();
        let (mut keys, mut tags) = (Largest::new(limit), Largest::new(limit));
        for (key, _) in merged(NameKind::TagKey) {
            let mut of_key = TagKeyCounts { values: 0, key: Reverse(key), bytes: 0 };
            for (value, series) in merged(NameKind::TagValue(key)) {
                of_key.values += 1;
                of_key.bytes += value.len() as u64 * series;
                tags.push((series, Reverse((key, value))));
            }
            // A tag that has only the empty value, which earlier releases stored, is no tag.
            if of_key.values > 0 {
                counts.tag_key_count += 1;
                counts.tag_count += of_key.values;
                keys.push(of_key);
            }
        }
        counts.tag_keys = keys.into_vec();
        counts.tags = tags.into_vec().into_iter().map(|(series, Reverse((key, value)))| (key, value, series)).collect();
        counts.visited = visited.get();
        counts
    }

    /// Returns the names of a kind in ascending order, each with the number of listed series that have it.
    fn merged_counts<'a, 's>(
        &'a self,
        segments: &'s [CountedSegment<'a>],
        kind: NameKind<'_>,
        visited: &'s Cell<u64>,
    ) -> impl Iterator<Item = (&'a str, u64)> + use<'a, 's> {
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for name in self.newest_listed().flat_map(|def| kind.names(&def.key)) {
            *newest.entry(name).or_default() += 1;
        }
        let sealed = segments.iter().map(|(segment, unlisted)| {
            let counts = segment.names(kind, None).map(|name| (segment.text(name), name.count_except(unlisted)));
            Box::new(counts.inspect(|_| visited.set(visited.get() + 1))) as Box<dyn Iterator<Item = _> + 's>
        });
        let newest: Box<dyn Iterator<Item = _> + 's> = Box::new(newest.into_iter());
        MergedNames::new(sealed.chain([newest])).filter(|(_, series)| *series > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_items_are_kept_in_order() {
        let mut largest = Largest::new(3);
        for item in [5, 1, 9, 7, 7, 2] {
            largest.push(item);
        }
        assert_eq!(largest.into_vec(), [9, 7, 7]);
        let mut none = Largest::new(0);
        none.push(1);
        assert!(none.into_vec().is_empty());
    }
}
