//! Map from series keys to series ids, by a hash of the key.
//!
//! The map is log-structured: new entries enter a small table, which becomes an immutable one and is joined with those
//! of its size. Versions share the immutable tables.
//!
//! ```text
//!   tables:   [ 512,000 entries | 130,000 | 9,000 ]     each at most half as large as the one before it
//!   newest:                                     [ 300 ] copied by the next insert if a version shares it
//! ```
//!
//! An entry is not removed on its own. A search passes over the id of a dropped definition, and over one whose key has a
//! newer definition: over a **burnt** id. Tables are joined without burnt ids, and once half of all entries are such, all
//! tables are joined.

use super::key_table::KeyTable;
use crate::sync::Arc;
use crate::types::series::{HashedKey, KeyHash, SeriesId, SeriesInfo};

/// Number of entries up to which the newest table is copied for a version that adds entries: 8 KiB, in less than the
/// time of a write.
const MAX_COPIED: usize = 512;
/// Number of entries by which the tables may exceed twice the defined series before they are compacted.
const COMPACTION_SLACK: usize = 1024;

/// Series ids by the hashes of their keys. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct KeyIndex {
    /// Immutable tables, oldest first.
    tables: Arc<Vec<Arc<KeyTable>>>,
    newest: Arc<KeyTable>,
}

impl KeyIndex {
    /// Memory of an entry in a full table, in bytes.
    pub(super) const ENTRY_BYTES: usize = KeyTable::ENTRY_BYTES;

    /// Finds the series of a key. `get` must return the definition of an id, and `None` if the id is burnt.
    pub(super) fn find<'a>(
        &self,
        HashedKey { key, hash }: HashedKey<'_>,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesInfo>>,
    ) -> Option<&'a Arc<SeriesInfo>> {
        let find_in = |table: &KeyTable| {
            table.candidates(hash).filter_map(&get).find(|def: &&'a Arc<SeriesInfo>| def.key == *key)
        };
        self.tables.iter().find_map(|table| find_in(table)).or_else(|| find_in(&self.newest))
    }

    /// Returns the number of entries of all tables.
    fn len(&self) -> usize {
        self.tables.iter().chain([&self.newest]).map(|table| table.len()).sum()
    }

    /// Adds the entry of a new series. Its key must have no definition, except those of burnt ids.
    ///
    /// Entries of burnt ids leave the tables that are joined, or that grow: a key that is defined again and again has one
    /// hash for all its ids, which a search would pass over one by one.
    pub(super) fn insert(&mut self, hash: KeyHash, id: SeriesId, is_burnt: impl Fn(SeriesId) -> bool) {
        let is_kept = |id| !is_burnt(id);
        if self.newest.len() >= MAX_COPIED && Arc::get_mut(&mut self.newest).is_none() {
            self.end_newest(is_kept);
        }
        Arc::make_mut(&mut self.newest).insert(hash, id, is_kept);
    }

    /// Makes the newest table an immutable one, joined with the last ones that are not twice as large as what they join.
    fn end_newest(&mut self, is_kept: impl Fn(SeriesId) -> bool) {
        let newest = std::mem::take(&mut self.newest);
        let tables = Arc::make_mut(&mut self.tables);
        let (mut kept, mut len) = (tables.len(), newest.len());
        while let Some(table) =
            kept.checked_sub(1).and_then(|last| tables.get(last)).filter(|table| table.len() < 2 * len)
        {
            (kept, len) = (kept - 1, len + table.len());
        }
        let last = tables.split_off(kept);
        if last.is_empty() {
            tables.push(newest);
        } else {
            let joined = last.iter().chain([&newest]).map(|table| &**table);
            tables.push(Arc::new(KeyTable::joined(joined, is_kept)));
        }
    }

    /// Joins all tables without burnt ids if they have more than `2 * defined + COMPACTION_SLACK` entries.
    ///
    /// `defined` must be at least the number of ids that are not burnt.
    pub(super) fn compact(&mut self, defined: usize, is_burnt: impl Fn(SeriesId) -> bool) {
        if self.len() <= 2 * defined + COMPACTION_SLACK {
            return;
        }
        let tables = self.tables.iter().chain([&self.newest]).map(|table| &**table);
        let joined = KeyTable::joined(tables, |id| !is_burnt(id));
        (self.tables, self.newest) = (Arc::new(vec![Arc::new(joined)]), Arc::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;
    use crate::types::series::SeriesKey;

    const HASH: KeyHash = KeyHash(7 << 40);

    fn def(id: u32) -> Arc<SeriesInfo> {
        let (value_type, duplicates) = (ValueType::F64, DuplicatePolicy::KeepAll);
        Arc::new(SeriesInfo {
            id: SeriesId::new(id),
            key: SeriesKey::new(format!("m{id}")),
            value_type,
            duplicates,
            seq: 1,
        })
    }

    #[test]
    fn keys_with_equal_hashes_are_distinguished() {
        let defs: Vec<_> = (0..4).map(def).collect();
        let mut keys = KeyIndex::default();
        (0..3).for_each(|id| keys.insert(HASH, SeriesId::new(id), |_| false));
        let with_hash = |key| HashedKey { key, hash: HASH };
        let find = |key| keys.find(with_hash(key), |id| defs.get(id.index())).map(|def| def.id.get());
        assert_eq!(defs.iter().map(|def| find(&def.key)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
        assert!(
            keys.find((&defs[0].key).into(), |id| defs.get(id.index())).is_none(),
            "its real hash differs from the one it was inserted under"
        );
        let live = |id: SeriesId| defs.get(id.index()).filter(|def| def.id.get() != 1);
        assert!(
            keys.find(with_hash(&defs[1].key), live).is_none(),
            "the caller knows that its key is no longer in use"
        );
        assert!(keys.find(with_hash(&defs[2].key), live).is_some());
    }

    #[test]
    fn versions_share_tables_of_which_there_are_few() {
        let defs: Vec<_> = (0..20_000).map(def).collect();
        let get = |id: SeriesId| defs.get(id.index());
        let mut keys = KeyIndex::default();
        let mut versions = Vec::new();
        for (at, def) in defs.iter().enumerate() {
            keys.insert(KeyHash::of(&def.key), def.id, |_| false);
            // A version after each series, and later after each hundred.
            if at < 2_000 || at % 100 == 0 {
                versions.push((at, keys.clone()));
            }
        }
        assert!(keys.tables.len() <= 6, "{}", keys.tables.len());
        let halve = keys.tables.iter().zip(keys.tables.iter().skip(1)).all(|(one, next)| one.len() >= 2 * next.len());
        assert!(halve && keys.newest.len() < MAX_COPIED + 100);
        for (at, version) in versions.iter().step_by(97) {
            let found = |at: usize| version.find((&defs[at].key).into(), get).map(|def| def.id.index());
            assert_eq!((found(0), found(*at), found(at + 1)), (Some(0), Some(*at), None));
        }
        assert!(defs.iter().all(|def| keys.find((&def.key).into(), get).is_some_and(|found| found.id == def.id)));
    }

    #[test]
    fn a_key_that_is_defined_again_and_again_keeps_few_entries() {
        // With a version after each definition, and without, as when a log is read.
        for keeps_versions in [true, false] {
            let (mut keys, mut version) = (KeyIndex::default(), KeyIndex::default());
            for id in 0..20_000 {
                keys.insert(HASH, SeriesId::new(id), |burnt| burnt.get() < id);
                if keeps_versions {
                    version = keys.clone();
                }
            }
            assert!(keys.len() <= 3 * MAX_COPIED, "{} entries, {keeps_versions}", keys.len());
            assert!(version.len() <= 3 * MAX_COPIED);
            let newest = def(19_999);
            let find = HashedKey { key: &newest.key, hash: HASH };
            let found = keys.find(find, |id| Some(&newest).filter(|_| id == newest.id));
            assert_eq!(found.map(|def| def.id), Some(newest.id));
        }
    }

    #[test]
    fn entries_of_burnt_ids_leave_once_they_are_more_than_half() {
        let defs: Vec<_> = (0..5_000).map(def).collect();
        let mut keys = KeyIndex::default();
        for def in &defs {
            keys.insert(KeyHash::of(&def.key), def.id, |_| false);
        }
        let before = keys.clone();
        keys.compact(2_000, |id| id.get() >= 2_000);
        assert_eq!(keys.len(), 5_000, "no more than twice as many as are defined, and some");
        keys.compact(1_900, |id| id.get() >= 1_900);
        assert_eq!((keys.len(), before.len()), (1_900, 5_000));
        let find = |keys: &KeyIndex, at: usize| keys.find((&defs[at].key).into(), |id| defs.get(id.index())).is_some();
        assert!(find(&keys, 1_899) && !find(&keys, 1_900) && find(&before, 1_900));
        keys.insert(KeyHash::of(&defs[4_000].key), SeriesId::new(4_000), |_| false);
        assert!(find(&keys, 4_000) && find(&keys, 0));
    }
}
