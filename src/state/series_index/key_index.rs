//! Map from series keys to series ids, by a hash of the key.
//!
//! The map has only numbers. When a change copies a node that an older version shares, it changes no reference counts
//! of keys, so that the cost of a new series hardly grows with the number of series.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use im::shared_ptr::DefaultSharedPtr;
use im::{GenericHashMap, Vector};

use crate::sync::Arc;
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};

/// Series ids by the hashes of their keys. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct KeyIndex {
    by_hash: GenericHashMap<u64, SeriesId, BuildHasherDefault<IdentityHasher>, DefaultSharedPtr>,
    /// Series whose key has the same hash as an earlier key.
    /// With a million keys, about one database in 37 million has such a series.
    collisions: Vector<SeriesId>,
}

/// Hasher for keys that are hashes already.
#[derive(Debug, Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn hash(key: &SeriesKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl KeyIndex {
    /// Finds the series of a key. `get` must return the definition of an id.
    pub(super) fn find<'a>(
        &self,
        key: &SeriesKey,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesInfo>>,
    ) -> Option<&'a Arc<SeriesInfo>> {
        self.find_hashed(hash(key), key, get)
    }

    fn find_hashed<'a>(
        &self,
        hash: u64,
        key: &SeriesKey,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesInfo>>,
    ) -> Option<&'a Arc<SeriesInfo>> {
        let first = get(*self.by_hash.get(&hash)?)?;
        if first.key == *key {
            return Some(first);
        }
        self.collisions.iter().filter_map(|id| get(*id)).find(|def| def.key == *key)
    }

    /// Adds a key that is not in the map.
    pub(super) fn insert(&mut self, key: &SeriesKey, id: SeriesId) {
        self.insert_hashed(hash(key), id);
    }

    /// Removes a key, unless the map has it for another series. `get` must return the definition of each id in the map.
    pub(super) fn remove<'a>(
        &mut self,
        key: &SeriesKey,
        id: SeriesId,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesInfo>>,
    ) {
        self.remove_hashed(hash(key), id, |other| get(other).map(|def| hash(&def.key)));
    }

    fn remove_hashed(&mut self, hash: u64, id: SeriesId, hash_of: impl Fn(SeriesId) -> Option<u64>) {
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

    fn insert_hashed(&mut self, hash: u64, id: SeriesId) {
        if let Some(first) = self.by_hash.insert(hash, id) {
            self.by_hash.insert(hash, first);
            self.collisions.push_back(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;

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
        (0..3).for_each(|id| keys.insert_hashed(7, SeriesId::new(id)));
        let find = |key: &SeriesKey| keys.find_hashed(7, key, |id| defs.get(id.index())).map(|def| def.id.get());
        assert_eq!(defs.iter().map(|def| find(&def.key)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
        assert!(
            keys.find(&defs[0].key, |id| defs.get(id.index())).is_none(),
            "its real hash differs from the one it was inserted under"
        );
        let hash_of = |id: SeriesId| (id.get() < 3).then_some(7);
        keys.remove_hashed(7, SeriesId::new(0), hash_of);
        let find = |keys: &KeyIndex, key| keys.find_hashed(7, key, |id| defs.get(id.index())).map(|def| def.id.get());
        let found = |keys: &KeyIndex| defs.iter().map(|def| find(keys, &def.key)).collect::<Vec<_>>();
        assert_eq!(found(&keys), [None, Some(1), Some(2), None], "another key takes its place");
        keys.remove_hashed(7, SeriesId::new(2), hash_of);
        assert_eq!(found(&keys), [None, Some(1), None, None]);
        keys.remove_hashed(7, SeriesId::new(2), hash_of);
        keys.remove_hashed(7, SeriesId::new(1), hash_of);
        assert_eq!(found(&keys), [None; 4]);
    }
}
