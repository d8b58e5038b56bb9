//! From a key to its series, by a hash of the key: numbers alone, so that a version's copy of a node counts no references, and
//! the millionth series costs what the tenth does.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use im::shared_ptr::DefaultSharedPtr;
use im::{GenericHashMap, Vector};

use crate::series::{SeriesDef, SeriesId, SeriesKey};
use crate::sync::Arc;

/// Series by their keys' hashes. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    by_hash: GenericHashMap<u64, SeriesId, BuildHasherDefault<Hashed>, DefaultSharedPtr>,
    /// Those whose hash another key had before: of a million keys there is one in 30 million databases.
    twins: Vector<SeriesId>,
}

/// A hash is its own hash.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
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

impl Keys {
    /// The series of a key, among those that `get` knows by their ids.
    pub(super) fn find<'a>(
        &self,
        key: &SeriesKey,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesDef>>,
    ) -> Option<&'a Arc<SeriesDef>> {
        self.find_hashed(hash(key), key, get)
    }

    fn find_hashed<'a>(
        &self,
        hash: u64,
        key: &SeriesKey,
        get: impl Fn(SeriesId) -> Option<&'a Arc<SeriesDef>>,
    ) -> Option<&'a Arc<SeriesDef>> {
        let first = get(*self.by_hash.get(&hash)?)?;
        if first.key == *key {
            return Some(first);
        }
        self.twins.iter().filter_map(|id| get(*id)).find(|def| def.key == *key)
    }

    /// Takes a key that is not there yet.
    pub(super) fn insert(&mut self, key: &SeriesKey, id: SeriesId) {
        self.insert_hashed(hash(key), id);
    }

    fn insert_hashed(&mut self, hash: u64, id: SeriesId) {
        if let Some(first) = self.by_hash.insert(hash, id) {
            self.by_hash.insert(hash, first);
            self.twins.push_back(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Duplicates;
    use crate::point::ValueType;

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let (ty, duplicates) = (ValueType::F64, Duplicates::KeepAll);
        let def = |id| {
            Arc::new(SeriesDef { id: SeriesId::new(id), key: SeriesKey::new(format!("m{id}")), ty, duplicates, seq: 1 })
        };
        let defs: Vec<_> = (0..4).map(def).collect();
        let mut keys = Keys::default();
        (0..3).for_each(|id| keys.insert_hashed(7, SeriesId::new(id)));
        let find = |key: &SeriesKey| keys.find_hashed(7, key, |id| defs.get(id.index())).map(|def| def.id.get());
        assert_eq!(defs.iter().map(|def| find(&def.key)).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
        assert!(keys.find(&defs[0].key, |id| defs.get(id.index())).is_none(), "it has another hash in truth");
    }
}
