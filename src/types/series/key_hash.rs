//! Hash of a series key: computed once and carried from the batch to the series index.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher, RandomState};

use super::SeriesKey;

/// Hash of a series key; equal for equal keys in all databases of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyHash(pub(crate) u64);

impl KeyHash {
    pub(crate) fn of(key: &SeriesKey) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Series key with its hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashedKey<'a> {
    pub(crate) key: &'a SeriesKey,
    pub(crate) hash: KeyHash,
}

impl<'a> From<&'a SeriesKey> for HashedKey<'a> {
    fn from(key: &'a SeriesKey) -> Self {
        Self { key, hash: KeyHash::of(key) }
    }
}

/// Hasher for values that are hashes already.
#[derive(Debug, Default)]
pub(crate) struct IdentityHasher(u64);

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

/// Builds hashers that return their value unchanged.
pub(crate) type IdentityBuild = BuildHasherDefault<IdentityHasher>;

/// Builds hashers that mix a [`KeyHash`] with a random seed of the process, for a hash table.
///
/// The hash of a key has no secret, so a sender could choose keys whose hashes share their low bits, which place an
/// entry in the table.
#[derive(Debug, Clone)]
pub(crate) struct SeededBuild(u64);

impl Default for SeededBuild {
    fn default() -> Self {
        Self(RandomState::new().hash_one(()))
    }
}

impl BuildHasher for SeededBuild {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        SeededHasher(self.0)
    }
}

/// See [`SeededBuild`].
#[derive(Debug)]
pub(crate) struct SeededHasher(u64);

impl Hasher for SeededHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        // A folded multiplication: each bit of the hash and of the seed changes the low bits.
        let product = u128::from(self.0 ^ hash) * 0x9E37_79B9_7F4A_7C15;
        let [low, high] = [product, product >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        self.0 = low ^ high;
    }
}

/// Index of keys that are stored elsewhere, by their hashes.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyPositions {
    first: HashMap<KeyHash, u32, SeededBuild>,
    /// Positions of keys with the hash of an earlier key: in practice none.
    others: Vec<u32>,
}

impl KeyPositions {
    /// Returns the position of a key. `is_at` returns `true` if the key at a position is the searched one.
    pub(crate) fn find(&self, hash: KeyHash, is_at: impl Fn(usize) -> bool) -> Option<usize> {
        let first = *self.first.get(&hash)? as usize;
        if is_at(first) {
            return Some(first);
        }
        self.others.iter().map(|at| *at as usize).find(|at| is_at(*at))
    }

    /// Adds a key that the index does not have.
    pub(crate) fn insert(&mut self, hash: KeyHash, position: u32) {
        if *self.first.entry(hash).or_insert(position) != position {
            self.others.push(position);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.first.clear();
        self.others.clear();
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_equal_hashes_are_distinguished() {
        let mut positions = KeyPositions::default();
        for position in 0..3 {
            positions.insert(KeyHash(7), position);
        }
        positions.insert(KeyHash(8), 3);
        for searched in 0..4_usize {
            let hash = KeyHash(if searched == 3 { 8 } else { 7 });
            assert_eq!(positions.find(hash, |at| at == searched), Some(searched));
        }
        assert_eq!(positions.find(KeyHash(7), |at| at == 3), None);
        assert_eq!(positions.find(KeyHash(9), |_| true), None);
        positions.clear();
        assert!(positions.is_empty() && positions.find(KeyHash(7), |_| true).is_none());
    }

    #[test]
    fn hashes_with_equal_low_bits_are_spread() {
        let build = SeededBuild::default();
        let low: std::collections::BTreeSet<u64> =
            (0..1_000_u64).map(|n| build.hash_one(KeyHash(n << 40)) % (1 << 20)).collect();
        assert!(low.len() > 900, "{}", low.len());
    }
}
