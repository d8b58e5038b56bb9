//! Hash of a series key: computed once and carried from the batch to the series index.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::LazyLock;

use super::SeriesKey;

/// Hash of a series key; equal for equal keys in all databases of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyHash(pub(crate) u64);

impl KeyHash {
    pub(crate) fn of(key: &SeriesKey) -> Self {
        static TEXTS: LazyLock<TextHasher> = LazyLock::new(TextHasher::default);
        // Equal keys, and no others, have equal encodings.
        Self(TEXTS.extend(0, key.encoded()))
    }
}

/// Hash function for sequences of texts, with a random secret.
///
/// Texts are hashed by folded multiplication, eight bytes a step. A sender that does not know the secret
/// cannot choose texts whose hashes collide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextHasher {
    start: u64,
    multiplier: u64,
}

impl Default for TextHasher {
    fn default() -> Self {
        let random = RandomState::new();
        // An odd factor loses no bit.
        Self { start: random.hash_one(0), multiplier: random.hash_one(1) | 1 }
    }
}

impl TextHasher {
    /// Returns the hash of a sequence of texts: that of the texts before, and one more text.
    pub(crate) fn extend(&self, before: u64, text: &str) -> u64 {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        let state = words
            .iter()
            .fold(before ^ self.start, |state, word| fold(state ^ u64::from_le_bytes(*word), self.multiplier));
        // The length makes the end of a text unambiguous. It is even here, so that the factor stays odd.
        fold(state ^ short_word(rest), self.multiplier.wrapping_add(2 * text.len() as u64))
    }
}

/// Returns a number that differs for all texts of one length below 8.
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    let at = |at: usize| bytes.get(at).map_or(0, |byte| u64::from(*byte));
    at(0) | at(1) << 8 | at(2) << 16
}

/// Returns both halves of a product of 128 bits as one number: each bit of the state changes the low bits.
fn fold(state: u64, factor: u64) -> u64 {
    let product = u128::from(state) * u128::from(factor);
    let [low, high] = [product, product >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    low ^ high
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
/// The low bits of the hash place an entry in the table; the seed spreads keys whose hashes share them, should the secret of
/// the hash become known.
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
        self.0 = fold(self.0 ^ hash, 0x9E37_79B9_7F4A_7C15);
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
    fn texts_of_all_lengths_have_hashes_of_their_own() {
        let texts = TextHasher::default();
        let mut hashes = std::collections::HashSet::new();
        let long = "abcdefghijklmnopqrstuvwxyz";
        for (start, end) in (0..long.len()).flat_map(|start| (start..long.len()).map(move |end| (start, end))) {
            if start < end || start == 0 {
                assert!(hashes.insert(texts.extend(0, &long[start..end])), "{}", &long[start..end]);
            }
        }
        // The borders of the texts of a sequence count.
        for pair in [["ab", "c"], ["a", "bc"], ["", "abc"], ["abc", ""], ["\0", ""], ["", "\0"], ["", ""], ["\0", "\0"]]
        {
            assert!(hashes.insert(texts.extend(texts.extend(0, pair[0]), pair[1])), "{pair:?}");
        }
        for low in [0_u32, 40] {
            let parts = (0..20_000).map(|n| texts.extend(0, &format!("host-{n}")) >> low & 0xF_FFFF);
            let distinct = parts.collect::<std::collections::HashSet<u64>>().len();
            assert!((19_700..19_920).contains(&distinct), "20,000 of a million values, about 190 twice: {distinct}");
        }
    }

    #[test]
    fn hashes_with_equal_low_bits_are_spread() {
        let build = SeededBuild::default();
        let low: std::collections::BTreeSet<u64> =
            (0..1_000_u64).map(|n| build.hash_one(KeyHash(n << 40)) % (1 << 20)).collect();
        assert!(low.len() > 900, "{}", low.len());
    }
}
