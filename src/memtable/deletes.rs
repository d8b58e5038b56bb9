//! What a view's deletes mean to one series: a point is erased by every delete that came after it and holds its time.

use std::collections::BTreeMap;

use crate::series::SeriesId;
use crate::sync::Arc;
use crate::version::Tombstone;

/// A view's deletes, each with its epoch, in the order in which they came.
pub(super) type Deletes = im::Vector<(u32, Arc<Tombstone>)>;

/// What an entry takes: itself, and the shared tombstone behind its counters.
pub(super) fn delete_bytes(tombstone: &Tombstone) -> usize {
    size_of::<(u32, Arc<Tombstone>)>() + 2 * size_of::<usize>() + tombstone.byte_len()
}

/// For every time the newest of the deletes of one series that hold it: an older one erases nothing that this one does
/// not, so that a point is settled by one look, however many deletes there are.
#[derive(Debug, Default)]
pub(crate) struct Erased {
    /// Ascending and disjoint.
    ranges: Vec<ErasedRange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ErasedRange {
    first: i64,
    last: i64,
    /// Points of a smaller epoch are erased.
    epoch: u32,
}

impl Erased {
    pub(super) fn of(series: SeriesId, deletes: &Deletes) -> Self {
        let mut newest = BTreeMap::new();
        for (epoch, tombstone) in deletes {
            if let Some((first, last)) = tombstone.hides(series) {
                paint(&mut newest, first, last, *epoch);
            }
        }
        let range = |(first, (last, epoch))| ErasedRange { first, last, epoch };
        Self { ranges: newest.into_iter().map(range).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether a point of this time and epoch is erased.
    pub(super) fn holds(&self, timestamp: i64, epoch: u32) -> bool {
        let at = self.ranges.partition_point(|range| range.last < timestamp);
        self.ranges.get(at).is_some_and(|range| range.first <= timestamp && epoch < range.epoch)
    }

    /// Whether a point between these two times, both included, could be erased.
    pub(super) fn meets(&self, first: i64, last: i64) -> bool {
        let at = self.ranges.partition_point(|range| range.last < first);
        self.ranges.get(at).is_some_and(|range| range.first <= last)
    }
}

/// First time of each range to its last one and its epoch.
type Painting = BTreeMap<i64, (i64, u32)>;

/// Lays a newer range over all others: what they held of its times is its own from now on.
fn paint(newest: &mut Painting, first: i64, last: i64, epoch: u32) {
    if first > last {
        return;
    }
    let straddling = newest.range(..first).next_back().map(|(first, range)| (*first, *range));
    if let Some((start, (end, older))) = straddling.filter(|(_, (end, _))| *end >= first) {
        newest.insert(start, (first - 1, older));
        if end > last {
            newest.insert(last + 1, (end, older));
        }
    }
    while let Some((start, (end, older))) = newest.range(first..=last).next().map(|(first, range)| (*first, *range)) {
        newest.remove(&start);
        if end > last {
            newest.insert(last + 1, (end, older));
        }
    }
    newest.insert(first, (last, epoch));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::series::SeriesSet;

    const SERIES: SeriesId = SeriesId::new(7);

    fn time() -> impl Strategy<Value = i64> {
        prop_oneof![9 => -12..12_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX])]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_point_is_erased_by_any_later_delete_that_holds_its_time(
            ranges in prop::collection::vec((time(), time(), any::<bool>()), 0..12),
            times in prop::collection::vec(time(), 8),
        ) {
            let mut deletes = Deletes::new();
            for (epoch, (first, last, own)) in (1_u32..).zip(&ranges) {
                let series = if *own { SERIES } else { SeriesId::new(8) };
                let (first_time, last_time) = (*first.min(last), *first.max(last));
                let series = SeriesSet::from_sorted([series]);
                deletes.push_back((2 * epoch, Arc::new(Tombstone { seq: u64::from(epoch), series, first_time, last_time })));
            }
            let erased = Erased::of(SERIES, &deletes);
            prop_assert!(erased.ranges.windows(2).all(|pair| pair[0].last < pair[1].first));
            for (at, epoch) in times.iter().flat_map(|at| (0..14).map(move |epoch| (*at, 2 * epoch + 1))) {
                let expected = deletes.iter().any(|(own, tombstone)| {
                    *own > epoch && tombstone.hides(SERIES).is_some() && (tombstone.first_time..=tombstone.last_time).contains(&at)
                });
                prop_assert_eq!(erased.holds(at, epoch), expected, "{} at epoch {}", at, epoch);
                prop_assert!(!expected || erased.meets(at, at));
            }
        }
    }

    #[test]
    fn a_reversed_range_erases_nothing() {
        let mut newest = Painting::new();
        paint(&mut newest, 5, 4, 1);
        assert!(newest.is_empty());
    }
}
