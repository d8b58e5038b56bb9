//! Map from series keys to series ids, by a hash of the key.
//!
//! The map has only numbers. When a change copies a node that an older version shares, it changes no reference counts
//! of keys, so that the cost of a new series hardly grows with the number of series.

use im::shared_ptr::DefaultSharedPtr;
use im::{GenericHashMap, Vector};

use crate::sync::Arc;
use crate::types::series::{HashedKey, IdentityBuild, KeyHash, SeriesId, SeriesInfo, SeriesKey};

/// Series ids by the hashes of their keys. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct KeyIndex {
    by_hash: GenericHashMap<KeyHash, SeriesId, IdentityBuild, DefaultSharedPtr>,
    /// Series whose key has the same hash as an earlier key.
    /// With a million keys, about one database in 37 million has such a series.
    collisions: Vector<SeriesId>,
}

impl KeyIndex {
    /// Finds the series of a key. `get` must return the definition of an id.
    pub(super) fn find<'a>(
        &self,
        HashedKey { key, hash }: HashedKey<'_>,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesInfo>>,
    ) -> Option<&'a Arc<SeriesInfo>> {
        let first = get(*self.by_hash.get(&hash)?)?;
        if first.key == *key {
            return Some(first);
        }
        self.collisions.iter().filter_map(|id| get(*id)).find(|def| def.key == *key)
    }

    /// Adds a key that is not in the map.
    pub(super) fn insert(&mut self, hash: KeyHash, id: SeriesId) {
        if let Some(first) = self.by_hash.insert(hash, id) {
            self.by_hash.insert(hash, first);
            self.collisions.push_back(id);
        }
    }

    /// Removes a key, unless the map has it for another series. `get` must return the definition of each id in the map.
    pub(super) fn remove<'a>(
        &mut self,
        key: &SeriesKey,
        id: SeriesId,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesInfo>>,
    ) {
        self.remove_hashed(KeyHash::of(key), id, |other| get(other).map(|def| KeyHash::of(&def.key)));
    }

    fn remove_hashed(&mut self, hash: KeyHash, id: SeriesId, hash_of: impl Fn(SeriesId) -> Option<KeyHash>) {
        let at = self.collisions.iter().position(|other| *other == id);
        if self.by_hash.get(&hash) != Some(&id) {
            if let Some(at) = at {
                self.collisions.remove(at);
            }
            return;
        }
        match self.collisions.iter().position(|other| hash_of(*other) == Some(hash)) {
            Some(heir) => {
                let heir = self.collisions.remove(heir);
                self.by_hash.insert(hash, heir);
            }
            None => drop(self.by_hash.remove(&hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;

    const HASH: KeyHash = KeyHash(7);

    #[test]
    fn keys_with_equal_hashes_are_distinguished() {
        let (ty, duplicates) = (ValueType::F64, DuplicatePolicy::KeepAll);
        let def = |id| {
            Arc::new(SeriesInfo {
                id: SeriesId::new(id),
                key: SeriesKey::new(format!("m{id}")),
                value_type: ty,
                duplicates,
                seq: 1,
            })
        };
        let defs: Vec<_> = (0..4).map(def).collect();
        let mut keys = KeyIndex::default();
        (0..3).for_each(|id| keys.insert(HASH, SeriesId::new(id)));
        let with_hash = |key| HashedKey { key, hash: HASH };
        let find = |key| keys.find(with_hash(key), |id| defs.get(id.index())).map(|def| def.id.get());
        assert_eq!(defs.iter().map(|def| find(&def.key)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
        assert!(
            keys.find((&defs[0].key).into(), |id| defs.get(id.index())).is_none(),
            "its real hash differs from the one it was inserted under"
        );
        let hash_of = |id: SeriesId| (id.get() < 3).then_some(HASH);
        keys.remove_hashed(HASH, SeriesId::new(0), hash_of);
        let find = |keys: &KeyIndex, key| keys.find(with_hash(key), |id| defs.get(id.index())).map(|def| def.id.get());
        let found = |keys: &KeyIndex| defs.iter().map(|def| find(keys, &def.key)).collect::<Vec<_>>();
        assert_eq!(found(&keys), [None, Some(1), Some(2), None], "another key takes its place");
        keys.remove_hashed(HASH, SeriesId::new(2), hash_of);
        assert_eq!(found(&keys), [None, Some(1), None, None]);
        keys.remove_hashed(HASH, SeriesId::new(2), hash_of);
        keys.remove_hashed(HASH, SeriesId::new(1), hash_of);
        assert_eq!(found(&keys), [None; 4]);
    }
}
