//! The delete mask: the deletes of a view, reduced to one series.
//!
//! A point is deleted if its time lies in the range of a delete of its series with a greater epoch.

use std::collections::BTreeMap;

use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// The deletes of a view, each with its epoch, oldest first.
pub(super) type MemtableDeletes = im::Vector<(u32, Arc<Tombstone>)>;

/// Returns the bytes of a delete: its entry, and the shared tombstone with its reference counts.
pub(super) fn delete_bytes(tombstone: &Tombstone) -> usize {
    size_of::<(u32, Arc<Tombstone>)>() + 2 * size_of::<usize>() + tombstone.byte_len()
}

/// Map from each time to the newest delete of one series that contains this time.
///
/// At one time an older delete hides only points that the newest one hides, too. So one lookup decides whether a point
/// is deleted, however many deletes there are.
#[derive(Debug, Default)]
pub(crate) struct DeleteMask {
    /// Ascending and disjoint.
    ranges: Vec<MaskedRange>,
}

/// Times at which one delete is the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MaskedRange {
    range: TimeRange,
    /// Epoch of that delete; points in the range with a smaller epoch are deleted.
    epoch: u32,
}

impl DeleteMask {
    pub(super) fn of(series: SeriesId, deletes: &MemtableDeletes) -> Self {
        let mut builder = MaskBuilder::new();
        for (epoch, tombstone) in deletes {
            if let Some(range) = tombstone.range_for(series) {
                overlay(&mut builder, range, *epoch);
            }
        }
        let masked = |(first, (last, epoch))| MaskedRange { range: TimeRange::new(first, last), epoch };
        Self { ranges: builder.into_iter().map(masked).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns `true` if a point of this time and epoch is deleted.
    pub(super) fn deletes(&self, timestamp: i64, epoch: u32) -> bool {
        let masked = self.first_ending_at_or_after(timestamp);
        masked.is_some_and(|masked| masked.range.first() <= timestamp && epoch < masked.epoch)
    }

    /// Returns `true` if a delete contains a time of the range, which must not be empty.
    pub(super) fn overlaps(&self, range: TimeRange) -> bool {
        self.first_ending_at_or_after(range.first()).is_some_and(|masked| masked.range.first() <= range.last())
    }

    fn first_ending_at_or_after(&self, time: i64) -> Option<&MaskedRange> {
        let at = self.ranges.partition_point(|masked| masked.range.last() < time);
        self.ranges.get(at)
    }
}

/// Disjoint ranges under construction: a map from first time to last time and epoch.
type MaskBuilder = BTreeMap<i64, (i64, u32)>;

/// Adds the range of a delete that is newer than all others; it replaces them at its times.
fn overlay(builder: &mut MaskBuilder, range: TimeRange, epoch: u32) {
    if range.is_empty() {
        return;
    }
    let (first, last) = (range.first(), range.last());
    let straddling = builder.range(..first).next_back().map(|(first, older)| (*first, *older));
    if let Some((start, (end, older))) = straddling.filter(|(_, (end, _))| *end >= first) {
        builder.insert(start, (first - 1, older));
        if end > last {
            builder.insert(last + 1, (end, older));
        }
    }
    while let Some((start, (end, older))) = builder.range(first..=last).next().map(|(first, older)| (*first, *older)) {
        builder.remove(&start);
        if end > last {
            builder.insert(last + 1, (end, older));
        }
    }
    builder.insert(first, (last, epoch));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::series::SeriesSet;

    const SERIES: SeriesId = SeriesId::new(7);

    fn time() -> impl Strategy<Value = i64> {
        prop_oneof![9 => -12..12_i64, 1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX])]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_point_is_deleted_by_any_later_delete_that_contains_its_time(
            ranges in prop::collection::vec((time(), time(), any::<bool>()), 0..12),
            times in prop::collection::vec(time(), 8),
        ) {
            let mut deletes = MemtableDeletes::new();
            for (epoch, (first, last, own)) in (1_u32..).zip(&ranges) {
                let series = SeriesSet::from_sorted([if *own { SERIES } else { SeriesId::new(8) }]);
                let range = TimeRange::new(*first.min(last), *first.max(last));
                deletes.push_back((2 * epoch, Arc::new(Tombstone { seq: u64::from(epoch), series, range })));
            }
            let mask = DeleteMask::of(SERIES, &deletes);
            prop_assert!(mask.ranges.windows(2).all(|pair| pair[0].range.last() < pair[1].range.first()));
            for (at, epoch) in times.iter().flat_map(|at| (0..14).map(move |epoch| (*at, 2 * epoch + 1))) {
                let expected = deletes.iter().any(|(own, tombstone)| {
                    *own > epoch && tombstone.range_for(SERIES).is_some_and(|range| range.contains(at))
                });
                prop_assert_eq!(mask.deletes(at, epoch), expected, "{} at epoch {}", at, epoch);
                prop_assert!(!expected || mask.overlaps(TimeRange::at(at)));
            }
        }
    }

    #[test]
    fn an_empty_range_deletes_nothing() {
        let mut builder = MaskBuilder::new();
        overlay(&mut builder, TimeRange::new(5, 4), 1);
        assert!(builder.is_empty());
    }
}
