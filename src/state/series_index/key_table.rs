//! Hash table of series ids: open addressing with linear probing.
//!
//! The place of an entry rises with its hash, so that entries are copied to a larger table in one pass over both. The
//! table has a part of each hash and no key: a caller compares the keys of the candidates.

use crate::types::series::{KeyHash, SeriesId};

/// Number of slots of the smallest table.
const MIN_SLOTS: usize = 16;

/// Entry of a table, or a vacant place.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// High half of the hash.
    hash: u32,
    id: SeriesId,
}

impl Slot {
    /// Its id is that of no series.
    const VACANT: Self = Self { hash: 0, id: SeriesId::new(u32::MAX) };

    fn is_vacant(self) -> bool {
        self.id == Self::VACANT.id
    }
}

/// Returns the half of a hash that the tables use: the better mixed one.
fn high_half(KeyHash(hash): KeyHash) -> u32 {
    u32::try_from(hash >> u32::BITS).unwrap_or(u32::MAX)
}

/// Series ids by the hashes of their keys.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyTable {
    /// No slots, or at least a quarter of them vacant.
    slots: Vec<Slot>,
    len: usize,
}

impl KeyTable {
    /// Memory of an entry, in bytes.
    pub(super) const ENTRY_BYTES: usize = size_of::<Slot>();

    /// Creates a table of the entries of other tables whose ids `is_kept` returns `true` for.
    pub(super) fn joined<'a>(
        tables: impl Iterator<Item = &'a Self> + Clone,
        is_kept: impl Fn(SeriesId) -> bool,
    ) -> Self {
        Self::with_room(tables, is_kept, |len| len + len / 2)
    }

    /// Creates a table as [`joined`](Self::joined) does, with so many slots for its number of entries.
    fn with_room<'a>(
        tables: impl Iterator<Item = &'a Self> + Clone,
        is_kept: impl Fn(SeriesId) -> bool,
        slot_count: impl Fn(usize) -> usize,
    ) -> Self {
        let kept = tables.flat_map(|table| &table.slots).filter(|slot| !slot.is_vacant() && is_kept(slot.id));
        let mut created = Self { slots: vec![Slot::VACANT; slot_count(kept.clone().count()).max(MIN_SLOTS)], len: 0 };
        kept.for_each(|slot| created.put(*slot));
        created
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the index of the first slot for a hash; 0 in a table without slots.
    fn home(&self, hash: u32) -> usize {
        let scaled = (u64::from(hash) * self.slots.len() as u64) >> u32::BITS;
        usize::try_from(scaled).unwrap_or(0)
    }

    /// Returns the ids that were inserted under hashes with the same high half.
    pub(super) fn candidates(&self, hash: KeyHash) -> impl Iterator<Item = SeriesId> + '_ {
        let hash = high_half(hash);
        let (before, from) = self.slots.split_at(self.home(hash).min(self.slots.len()));
        let cluster = from.iter().chain(before).take_while(|slot| !slot.is_vacant());
        cluster.filter(move |slot| slot.hash == hash).map(|slot| slot.id)
    }

    /// Adds an entry. If the table is full, entries whose ids `is_kept` returns `false` for leave it.
    pub(super) fn insert(&mut self, hash: KeyHash, id: SeriesId, is_kept: impl Fn(SeriesId) -> bool) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            // Three eighths of the slots are then in use.
            *self = Self::with_room(std::iter::once(&*self), is_kept, |len| len * 8 / 3 + 1);
        }
        self.put(Slot { hash: high_half(hash), id });
    }

    /// Inserts an entry into a table with a vacant slot.
    fn put(&mut self, slot: Slot) {
        let home = self.home(slot.hash);
        let vacant = |slots: &[Slot]| slots.iter().position(|slot| slot.is_vacant());
        let (before, from) = self.slots.split_at(home.min(self.slots.len()));
        let at = vacant(from).map(|at| home + at).or_else(|| vacant(before));
        if let Some(place) = at.and_then(|at| self.slots.get_mut(at)) {
            *place = slot;
            self.len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_entry_is_a_candidate_of_its_hash_also_after_growing_and_joining(
            parts in prop::collection::vec(prop::collection::vec(0..40_u64, 0..200), 1..4),
            spread in prop::sample::select(vec![0_u64, 1, 1 << 26, (1 << 32) / 40]),
        ) {
            // Small spreads put all entries into one cluster, which may reach beyond the last slot.
            let hash = |n: u64| KeyHash((u64::from(u32::MAX) - n * spread) << 32 | n);
            let (mut tables, mut all) = (Vec::new(), Vec::new());
            for part in &parts {
                let mut table = KeyTable::default();
                prop_assert_eq!(table.candidates(hash(0)).count(), 0);
                for n in part {
                    let id = SeriesId::new(u32::try_from(all.len()).unwrap());
                    table.insert(hash(*n), id, |_| true);
                    all.push((*n, id));
                    prop_assert!(table.candidates(hash(*n)).any(|found| found == id));
                }
                prop_assert_eq!(table.len(), part.len());
                tables.push(table);
            }
            let kept = |id: SeriesId| !id.get().is_multiple_of(3);
            let joined = KeyTable::joined(tables.iter(), kept);
            prop_assert_eq!(joined.len(), all.iter().filter(|(_, id)| kept(*id)).count());
            for n in 0..40 {
                let found: BTreeSet<SeriesId> = joined.candidates(hash(n)).collect();
                let same = |(other, _): &&(u64, SeriesId)| hash(*other).0 >> 32 == hash(n).0 >> 32;
                let expected = all.iter().filter(same).map(|(_, id)| *id).filter(|id| kept(*id));
                prop_assert_eq!(found, expected.collect());
            }
        }
    }
}
