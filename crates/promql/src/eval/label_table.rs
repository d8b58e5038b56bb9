//! Ids of label sets within one query.
//!
//! A query compares and groups label sets often, and changes them seldom. So each set is stored once and the rows of a
//! result hold a 4-byte id.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::labels::{Labels, compare, hash_pairs, is_in_signature};

/// Id of a label set within one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LabelId(u32);

impl LabelId {
    /// Id of the empty label set.
    pub(crate) const EMPTY: Self = Self(0);
}

/// Label sets of a query, each stored once.
#[derive(Debug)]
pub(crate) struct LabelTable {
    sets: Vec<InternedLabels>,
    /// The last set of each hash, by the hash.
    by_hash: HashMap<u64, LabelId, KnownHash>,
    hashing: TextHashing,
}

/// Label set of a [`LabelTable`].
#[derive(Debug)]
struct InternedLabels {
    labels: Labels,
    /// Set before this one that has the same hash.
    same_hash: Option<LabelId>,
    /// Id without metric name, type and unit; `None` until asked for.
    without_metadata: Option<LabelId>,
}

impl Default for LabelTable {
    fn default() -> Self {
        let (by_hash, hashing) = (HashMap::with_hasher(KnownHash), TextHashing::new());
        let mut table = Self { sets: Vec::new(), by_hash, hashing };
        table.intern(Labels::default());
        table
    }
}

impl LabelTable {
    /// Makes room for more label sets.
    pub(crate) fn reserve(&mut self, sets: usize) {
        self.sets.reserve(sets);
        self.by_hash.reserve(sets);
    }

    /// Returns the id of a label set.
    ///
    /// Beyond 2^32 sets the id of the last one is returned; a query reaches its limit on series long before.
    pub(crate) fn intern(&mut self, labels: Labels) -> LabelId {
        let hash = self.hash(labels.pairs());
        self.find(hash, |known| *known == labels).unwrap_or_else(|| self.push(hash, labels))
    }

    /// Returns the id of the labels of a set by which vectors match, or rows are grouped; see [`Labels::signature`].
    pub(crate) fn signature(&mut self, id: LabelId, names: &[String], is_listed: bool) -> LabelId {
        let labels = self.get(id);
        let kept = || labels.pairs().filter(|(name, _)| is_in_signature(name, names, is_listed));
        let hash = self.hash(kept());
        if let Some(known) = self.find(hash, |known| compare(known.pairs(), kept()).is_eq()) {
            return known;
        }
        let signature = labels.signature(names, is_listed);
        self.push(hash, signature)
    }

    fn hash<'a>(&self, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
        let mut hasher = self.hashing.build_hasher();
        hash_pairs(pairs, &mut hasher);
        hasher.finish()
    }

    fn find(&self, hash: u64, is_sought: impl Fn(&Labels) -> bool) -> Option<LabelId> {
        let mut next = self.by_hash.get(&hash).copied();
        while let Some(id) = next {
            let set = self.sets.get(id.0 as usize)?;
            if is_sought(&set.labels) {
                return Some(id);
            }
            next = set.same_hash;
        }
        None
    }

    fn push(&mut self, hash: u64, labels: Labels) -> LabelId {
        let id = LabelId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        let same_hash = self.by_hash.insert(hash, id);
        self.sets.push(InternedLabels { labels, same_hash, without_metadata: None });
        id
    }

    /// Returns the labels of an id.
    pub(crate) fn get(&self, id: LabelId) -> &Labels {
        static EMPTY: std::sync::OnceLock<Labels> = std::sync::OnceLock::new();
        self.sets.get(id.0 as usize).map_or_else(|| EMPTY.get_or_init(Labels::default), |set| &set.labels)
    }

    /// Returns the id of the labels without metric name, type and unit.
    pub(crate) fn without_metadata(&mut self, id: LabelId) -> LabelId {
        if let Some(known) = self.sets.get(id.0 as usize).and_then(|set| set.without_metadata) {
            return known;
        }
        let labels = self.get(id).without_metadata();
        let without = self.intern(labels);
        if let Some(set) = self.sets.get_mut(id.0 as usize) {
            set.without_metadata = Some(without);
        }
        without
    }
}

/// Hashing of a number that is a hash already.
#[derive(Debug, Clone, Copy, Default)]
struct KnownHash;

impl BuildHasher for KnownHash {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(0)
    }
}

struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Only numbers are hashed.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Hashing of label sets with a random key: eight bytes at a time, by multiplication and rotation.
#[derive(Debug, Clone)]
struct TextHashing(u64);

impl TextHashing {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0_u64))
    }
}

impl BuildHasher for TextHashing {
    type Hasher = TextHasher;

    fn build_hasher(&self) -> TextHasher {
        TextHasher { key: self.0 | 1, state: self.0 }
    }
}

struct TextHasher {
    key: u64,
    state: u64,
}

impl TextHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.key ^ 0x9e37_79b9_7f4a_7c15);
        let [low, high] = [product & u128::from(u64::MAX), product >> 64].map(|half| u64::try_from(half).unwrap_or(0));
        self.state = low ^ high.rotate_left(23) ^ self.key;
    }
}

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.mix(u64::from_le_bytes(last) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u8(&mut self, _: u8) {
        // The end of a text: its length is mixed in already.
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn label_sets_are_stored_once() {
        let mut table = LabelTable::default();
        let up = table.intern(labels(&[("job", "a"), ("__name__", "up")]));
        assert_eq!(table.intern(labels(&[("__name__", "up"), ("job", "a"), ("empty", "")])), up);
        let without = table.without_metadata(up);
        assert_eq!(table.get(without).to_string(), r#"{job="a"}"#);
        assert_eq!((table.without_metadata(up), table.without_metadata(without)), (without, without));
        assert_eq!(table.intern(Labels::default()), LabelId::EMPTY);
        assert_eq!(table.sets.len(), 3);
    }

    #[test]
    fn sets_of_one_hash_stay_apart() {
        let mut table = LabelTable::default();
        let [one, other] = [("a", "1"), ("a", "2")].map(|pair| labels(&[pair]));
        let first = table.push(7, one.clone());
        let second = table.push(7, other.clone());
        assert_eq!(
            (table.find(7, |known| *known == one), table.find(7, |known| *known == other)),
            (Some(first), Some(second))
        );
        assert_eq!(table.find(7, Labels::is_empty), None);
    }

    #[test]
    fn a_signature_is_stored_once() {
        let mut table = LabelTable::default();
        let series = table.intern(labels(&[("__name__", "up"), ("host", "b"), ("job", "a")]));
        let names = ["job".to_owned()];
        let by_job = table.signature(series, &names, true);
        assert_eq!((table.signature(series, &names, true), table.intern(labels(&[("job", "a")]))), (by_job, by_job));
        let without = table.signature(series, &names, false);
        assert_eq!(table.get(without).to_string(), r#"{host="b"}"#);
        assert_eq!(table.signature(series, &[], true), LabelId::EMPTY);
    }
}
