//! Persistent sets of SSTs: the files of a version, and those that the manifest names.
//!
//! A copy shares its nodes with the original. A change copies the nodes on one path, and a comparison of two sets
//! visits no node that they share, so an install costs what changed and not what there is.

use std::cmp::Reverse;

use im::OrdMap;
use im::ordmap::DiffItem;

use super::SstMeta;
use crate::state::file_id::FileId;
use crate::sync::Arc;

/// Place of an SST in the merge order: level from the base to L0, then generation.
///
/// Files with the same level and generation do not overlap; the id only makes the place unique.
type MergePlace = (Reverse<u8>, u64, FileId);

fn merge_place(sst: &SstMeta) -> MergePlace {
    (Reverse(sst.level), sst.generation, sst.id)
}

/// SSTs of a version in merge order: oldest first, by level from the base to L0, then by generation.
#[derive(Debug, Clone, Default)]
pub(crate) struct SstSet {
    in_merge_order: OrdMap<MergePlace, Arc<SstMeta>>,
    places: OrdMap<FileId, MergePlace>,
}

/// SSTs that differ between two sets.
#[derive(Debug, Default)]
pub(crate) struct SstChanges {
    pub(crate) added: Vec<Arc<SstMeta>>,
    pub(crate) removed: Vec<Arc<SstMeta>>,
}

impl SstSet {
    /// Returns the number of SSTs.
    pub(crate) fn len(&self) -> usize {
        self.in_merge_order.len()
    }

    /// Returns the SSTs in merge order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<SstMeta>> {
        self.in_merge_order.values()
    }

    /// Returns the SSTs in merge order, as a list.
    pub(crate) fn to_vec(&self) -> Vec<Arc<SstMeta>> {
        self.iter().cloned().collect()
    }

    /// Returns the SST with this id; `None` if there is none.
    pub(crate) fn get(&self, id: FileId) -> Option<&Arc<SstMeta>> {
        self.places.get(&id).and_then(|place| self.in_merge_order.get(place))
    }

    /// Adds an SST, or replaces the one with the same id.
    pub(crate) fn insert(&mut self, sst: Arc<SstMeta>) {
        let place = merge_place(&sst);
        if let Some(before) = self.places.insert(sst.id, place).filter(|before| *before != place) {
            self.in_merge_order.remove(&before);
        }
        self.in_merge_order.insert(place, sst);
    }

    /// Removes the SST with this id. Returns `false` if there is none.
    pub(crate) fn remove(&mut self, id: FileId) -> bool {
        self.places.remove(&id).is_some_and(|place| self.in_merge_order.remove(&place).is_some())
    }

    /// Returns the SSTs that `next` has and this set has not, and the reverse, each in the order of their ids.
    pub(crate) fn changes_to(&self, next: &Self) -> SstChanges {
        let mut changes = SstChanges::default();
        for difference in self.places.diff(&next.places) {
            match difference {
                DiffItem::Add(_, place) => changes.added.extend(next.in_merge_order.get(place).cloned()),
                DiffItem::Remove(_, place) => changes.removed.extend(self.in_merge_order.get(place).cloned()),
                // An id is that of one file for ever.
                DiffItem::Update { .. } => {}
            }
        }
        changes
    }
}

impl FromIterator<Arc<SstMeta>> for SstSet {
    fn from_iter<I: IntoIterator<Item = Arc<SstMeta>>>(ssts: I) -> Self {
        let mut set = Self::default();
        set.extend(ssts);
        set
    }
}

impl Extend<Arc<SstMeta>> for SstSet {
    fn extend<I: IntoIterator<Item = Arc<SstMeta>>>(&mut self, ssts: I) {
        for sst in ssts {
            self.insert(sst);
        }
    }
}

/// SSTs that the manifest names, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NamedSsts(OrdMap<FileId, SstMeta>);

impl NamedSsts {
    /// Returns the number of SSTs.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SstMeta> {
        self.0.values()
    }

    pub(crate) fn contains(&self, id: FileId) -> bool {
        self.0.contains_key(&id)
    }

    /// Adds an SST. Returns `false`, and changes nothing, if one has its id.
    pub(super) fn insert(&mut self, sst: SstMeta) -> bool {
        let is_new = !self.contains(sst.id);
        if is_new {
            self.0.insert(sst.id, sst);
        }
        is_new
    }

    /// Removes the SST with this id. Returns `false` if there is none.
    pub(super) fn remove(&mut self, id: FileId) -> bool {
        self.0.remove(&id).is_some()
    }
}

impl FromIterator<SstMeta> for NamedSsts {
    fn from_iter<I: IntoIterator<Item = SstMeta>>(ssts: I) -> Self {
        Self(ssts.into_iter().map(|sst| (sst.id, sst)).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::rectangle::Rectangle;
    use crate::state::version::{BASE, DyadicBox, L0};
    use crate::types::series::SeriesId;
    use crate::types::time_range::TimeRange;

    fn sst(number: u64) -> Arc<SstMeta> {
        let at = i64::try_from(number).unwrap();
        let rectangle = Rectangle::of_series(SeriesId::new(0), TimeRange::at(at));
        Arc::new(SstMeta {
            id: FileId::new(number),
            file_len: 100,
            footer_crc: 0,
            rectangle,
            min_seq: number,
            max_seq: number,
            points: 1,
            blocks: 1,
            series: 1,
            level: if number.is_multiple_of(3) { BASE } else { L0 },
            generation: number / 2,
            partition: DyadicBox::enclosing(&rectangle),
            origin: 0,
        })
    }

    fn ids(ssts: &[Arc<SstMeta>]) -> Vec<u64> {
        ssts.iter().map(|sst| sst.id.get()).collect()
    }

    /// Each copied entry is a further reference to its SST.
    fn copied_entries(files: u64) -> usize {
        let ssts: Vec<Arc<SstMeta>> = (1..=files).map(sst).collect();
        let before: SstSet = ssts.iter().cloned().collect();
        let references: Vec<usize> = ssts.iter().map(Arc::strong_count).collect();
        let mut after = before.clone();
        after.insert(sst(files + 1));
        assert!(after.remove(FileId::new(files / 2)));
        let changes = before.changes_to(&after);
        assert_eq!((ids(&changes.added), ids(&changes.removed)), (vec![files + 1], vec![files / 2]));
        drop(changes);
        ssts.iter().zip(references).filter(|(sst, before)| Arc::strong_count(sst) > *before).count()
    }

    #[test]
    fn a_step_copies_no_more_entries_of_ten_thousand_files_than_of_a_hundred() {
        let (few, many) = (copied_entries(100), copied_entries(10_000));
        assert!(few > 0 && many <= 2 * few && many < 100, "{few} of 100, {many} of 10,000");
    }

    proptest! {
        #[test]
        fn changes_lead_from_one_set_to_the_other_and_the_order_is_that_of_the_merge(
            first in prop::collection::btree_set(1..200_u64, 0..100),
            second in prop::collection::btree_set(1..200_u64, 0..100),
            is_derived in any::<bool>(),
        ) {
            let before: SstSet = first.iter().map(|number| sst(*number)).collect();
            let mut after = if is_derived { before.clone() } else { SstSet::default() };
            for number in &first {
                after.remove(FileId::new(*number));
            }
            after.extend(second.iter().rev().map(|number| sst(*number)));
            let changes = before.changes_to(&after);
            let expected = (second.difference(&first).copied().collect(), first.difference(&second).copied().collect());
            prop_assert_eq!((ids(&changes.added), ids(&changes.removed)), expected);
            prop_assert!(after.iter().is_sorted_by_key(|sst| (Reverse(sst.level), sst.generation)));
            prop_assert_eq!(after.to_vec().len(), second.len());
            prop_assert_eq!(after.len(), second.len());
            for number in 1..200 {
                let found = after.get(FileId::new(number)).map(|sst| sst.id.get());
                prop_assert_eq!(found, second.contains(&number).then_some(number));
            }
        }
    }
}
