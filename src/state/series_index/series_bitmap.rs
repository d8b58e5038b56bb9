//! A bitmap of series ids: one bit per id, in an immutable-snapshot vector (`im`) of chunks of words.
//!
//! A chunk whose bits are all equal takes no memory of its own, so that ids that are not used any more cost four bytes
//! per thousand. Mixed chunks take an eighth of a byte per id.

// Chunks are plain data, so that it has no effect when one is dropped.
use std::sync::Arc;

use im::Vector;

use crate::types::series::{SeriesId, SeriesSet, SeriesSetBuilder};

const WORD_BITS: usize = 64;
const CHUNK_WORDS: usize = 64;

/// A set of series ids. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesBitmap {
    chunks: Vector<IdChunk>,
    count: usize,
}

/// Words of 4,096 ids.
#[derive(Debug, Clone)]
enum IdChunk {
    /// All bits are 0.
    Empty,
    /// All bits are 1.
    Full,
    Mixed(Arc<[u64; CHUNK_WORDS]>),
}

impl IdChunk {
    fn word(&self, at: usize) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Full => u64::MAX,
            Self::Mixed(words) => words[at],
        }
    }

    fn set_word(&mut self, at: usize, word: u64) {
        let before = self.word(at);
        if before == word {
            return;
        }
        if !matches!(self, Self::Mixed(_)) {
            *self = Self::Mixed(Arc::new([before; CHUNK_WORDS]));
        }
        let Self::Mixed(words) = self else { return };
        Arc::make_mut(words)[at] = word;
        if (word == 0 || word == u64::MAX) && words.iter().all(|other| *other == word) {
            *self = if word == 0 { Self::Empty } else { Self::Full };
        }
    }

    /// Returns `true` if it is certain, without a look at the words, that `other` has all ids of this chunk.
    fn is_covered_by(&self, other: Option<&Self>) -> bool {
        match (self, other) {
            (Self::Empty, _) | (_, Some(Self::Full)) => true,
            (Self::Mixed(own), Some(Self::Mixed(other))) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}

/// Returns the index of the word of an id, and the bit of the id in it.
fn word_and_bit(id: SeriesId) -> (usize, u64) {
    (id.index() / WORD_BITS, 1 << (id.index() % WORD_BITS))
}

impl SeriesBitmap {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn word(&self, at: usize) -> u64 {
        self.chunks.get(at / CHUNK_WORDS).map_or(0, |chunk| chunk.word(at % CHUNK_WORDS))
    }

    fn set_word(&mut self, at: usize, word: u64) {
        while self.chunks.len() <= at / CHUNK_WORDS {
            self.chunks.push_back(IdChunk::Empty);
        }
        self.chunks[at / CHUNK_WORDS].set_word(at % CHUNK_WORDS, word);
    }

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        let (at, bit) = word_and_bit(id);
        self.word(at) & bit != 0
    }

    /// Adds an id. Returns `true` if it was not in the set.
    pub(crate) fn insert(&mut self, id: SeriesId) -> bool {
        let (at, bit) = word_and_bit(id);
        let word = self.word(at);
        if word & bit != 0 {
            return false;
        }
        self.set_word(at, word | bit);
        self.count += 1;
        true
    }

    /// Removes an id. Returns `true` if it was in the set.
    pub(crate) fn remove(&mut self, id: SeriesId) -> bool {
        let (at, bit) = word_and_bit(id);
        let word = self.word(at);
        if word & bit == 0 {
            return false;
        }
        self.set_word(at, word & !bit);
        self.count -= 1;
        true
    }

    /// Removes ids, in any order. The vector is accessed once for neighbouring ids of one word.
    pub(crate) fn remove_each(&mut self, ids: &[SeriesId]) {
        for same_word in ids.chunk_by(|one, next| word_and_bit(*one).0 == word_and_bit(*next).0) {
            let Some((at, _)) = same_word.first().map(|id| word_and_bit(*id)) else { continue };
            let word = self.word(at);
            let present = word & same_word.iter().fold(0, |mask, id| mask | word_and_bit(*id).1);
            if present != 0 {
                self.set_word(at, word & !present);
                self.count -= present.count_ones() as usize;
            }
        }
    }

    /// Adds ids, and returns those that were not in the set.
    pub(crate) fn insert_all(&mut self, ids: &SeriesSet) -> SeriesSet {
        self.insert_all_except(ids, &Self::default())
    }

    /// Adds the ids that are not in `except`, and returns those that were not in the set.
    ///
    /// The vector is accessed once per word of 64 ids and not per id, so that a delete of a million series is fast.
    pub(crate) fn insert_all_except(&mut self, ids: &SeriesSet, except: &Self) -> SeriesSet {
        let mut new = SeriesSetBuilder::default();
        for (at, mask) in word_masks(ids) {
            let word = self.word(at);
            let missing = mask & !(word | except.word(at));
            if missing != 0 {
                self.set_word(at, word | missing);
                self.count += missing.count_ones() as usize;
                ids_of_word(at, missing).for_each(|id| new.push(id));
            }
        }
        new.to_set()
    }

    /// Removes ids, and returns those that were in the set.
    pub(crate) fn remove_all(&mut self, ids: &SeriesSet) -> SeriesSet {
        let mut removed = SeriesSetBuilder::default();
        for (at, mask) in word_masks(ids) {
            let word = self.word(at);
            let present = word & mask;
            if present != 0 {
                self.set_word(at, word & !present);
                self.count -= present.count_ones() as usize;
                ids_of_word(at, present).for_each(|id| removed.push(id));
            }
        }
        removed.to_set()
    }

    /// Returns those of `ids` that are in the set, in the given order, which may be any.
    pub(crate) fn filter_contained(&self, ids: &[SeriesId]) -> Vec<SeriesId> {
        // The last word that was read: neighbouring points often have neighbouring ids.
        let mut last = (0, self.word(0));
        let is_in = |id: &&SeriesId| {
            let (at, bit) = word_and_bit(**id);
            if last.0 != at {
                last = (at, self.word(at));
            }
            last.1 & bit != 0
        };
        ids.iter().filter(is_in).copied().collect()
    }

    /// Returns the ids of the set below `end`.
    pub(crate) fn below(&self, end: usize) -> Self {
        let mut below = self.clone();
        let first = end / (WORD_BITS * CHUNK_WORDS);
        let above = self.chunks.iter().enumerate().skip(first).flat_map(|(at, chunk)| ids_of_chunk(at, chunk, None));
        below.remove_all(&SeriesSet::from_sorted(above.filter(|id| id.index() >= end)));
        below
    }

    /// Returns the first `most` ids of the set from `first` on.
    pub(crate) fn ids_from(&self, first: SeriesId, most: usize) -> SeriesSet {
        let chunk = first.index() / (WORD_BITS * CHUNK_WORDS);
        let ids = self.chunks.iter().enumerate().skip(chunk).flat_map(|(at, chunk)| ids_of_chunk(at, chunk, None));
        SeriesSet::from_sorted(ids.skip_while(|id| *id < first).take(most))
    }

    pub(crate) fn to_set(&self) -> SeriesSet {
        self.without(&Self::default())
    }

    /// Returns the ids of this set that are not in `others`.
    pub(crate) fn without(&self, others: &Self) -> SeriesSet {
        if self.is_empty() || self.chunks.ptr_eq(&others.chunks) {
            return SeriesSet::default();
        }
        let others = others.chunks.iter().map(Some).chain(std::iter::repeat(None));
        let pairs = self.chunks.iter().zip(others).enumerate();
        let differing = pairs.filter(|(_, (own, other))| !own.is_covered_by(*other));
        SeriesSet::from_sorted(differing.flat_map(|(at, (own, other))| ids_of_chunk(at, own, other)))
    }
}

/// Returns the ids of the chunk at index `at` that are not in `other`, in ascending order.
fn ids_of_chunk<'a>(at: usize, own: &'a IdChunk, other: Option<&'a IdChunk>) -> impl Iterator<Item = SeriesId> + 'a {
    (0..CHUNK_WORDS).flat_map(move |word| {
        let excluded = other.map_or(0, |other| other.word(word));
        ids_of_word(at * CHUNK_WORDS + word, own.word(word) & !excluded)
    })
}

/// Returns the indices of the words in which a set has bits, in ascending order, each with these bits.
fn word_masks(ids: &SeriesSet) -> impl Iterator<Item = (usize, u64)> {
    let mut runs = ids.ranges().iter().map(|(first, last)| (first.index(), last.index())).peekable();
    // The rest of a run of ids that continues in the next word.
    let mut rest: Option<(usize, usize)> = None;
    std::iter::from_fn(move || {
        let mut next = rest.take().or_else(|| runs.next())?;
        let at = next.0 / WORD_BITS;
        let mut mask = 0;
        loop {
            let end = next.1.min(at * WORD_BITS + WORD_BITS - 1);
            mask |= (u64::MAX >> (WORD_BITS - 1 - (end - next.0))) << (next.0 % WORD_BITS);
            if end < next.1 {
                rest = Some((end + 1, next.1));
                return Some((at, mask));
            }
            match runs.next_if(|(first, _)| first / WORD_BITS == at) {
                Some(run) => next = run,
                None => return Some((at, mask)),
            }
        }
    })
}

/// Returns the ids whose bits are set in the word at index `at`, in ascending order.
fn ids_of_word(at: usize, word: u64) -> impl Iterator<Item = SeriesId> {
    let ones =
        std::iter::successors(Some(word), |word| Some(word & word.wrapping_sub(1))).take_while(|word| *word != 0);
    ones.filter_map(move |word| u32::try_from(at * WORD_BITS).ok().map(|first| first + word.trailing_zeros()))
        .map(SeriesId::new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_of_equal_bits_take_no_memory() {
        let ids = |first, last| SeriesSet::from_ranges(vec![(SeriesId::new(first), SeriesId::new(last))]).unwrap();
        let mut bitmap = SeriesBitmap::default();
        bitmap.insert_all(&ids(5, 1_000_000));
        let mixed =
            |bitmap: &SeriesBitmap| bitmap.chunks.iter().filter(|chunk| matches!(chunk, IdChunk::Mixed(_))).count();
        assert_eq!((mixed(&bitmap), bitmap.len()), (2, 999_996), "both ends are mixed");
        bitmap.remove_all(&ids(0, 999_000));
        assert_eq!((mixed(&bitmap), bitmap.len()), (2, 1_000));
        bitmap.remove_all(&ids(0, 2_000_000));
        assert_eq!((mixed(&bitmap), bitmap.len(), bitmap.to_set()), (0, 0, SeriesSet::default()));
    }

    proptest! {
        #[test]
        fn adding_and_removing_sets_equals_adding_and_removing_each_id(
            steps in prop::collection::vec(
                (any::<bool>(), prop::collection::btree_set(0..9_000_u32, 0..80), 0..9_000_u32, 0..9_000_u32),
                0..8,
            ),
            except in prop::collection::btree_set(0..9_000_u32, 0..40),
        ) {
            let one_by_one = |ids: &BTreeSet<u32>| {
                let mut bitmap = SeriesBitmap::default();
                for id in ids {
                    bitmap.insert(SeriesId::new(*id));
                }
                bitmap
            };
            let (mut found, mut expected, others) = (SeriesBitmap::default(), BTreeSet::new(), one_by_one(&except));
            for (insert, mut ids, first, len) in steps {
                ids.extend(first..first + len);
                let set = SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new));
                let (changed, expected_change): (SeriesSet, BTreeSet<u32>) = if insert {
                    let new = ids.difference(&except).copied().filter(|id| expected.insert(*id)).collect();
                    (found.insert_all_except(&set, &others), new)
                } else {
                    (found.remove_all(&set), ids.iter().copied().filter(|id| expected.remove(id)).collect())
                };
                prop_assert!(changed.iter().map(SeriesId::get).eq(expected_change));
                prop_assert_eq!(found.len(), expected.len());
                prop_assert!(found.to_set().iter().map(SeriesId::get).eq(expected.iter().copied()));
                let all: Vec<SeriesId> = (0..20_000).rev().map(SeriesId::new).collect();
                let contained = found.filter_contained(&all);
                prop_assert!(contained.into_iter().map(SeriesId::get).eq(expected.iter().rev().copied()));
            }
        }

        #[test]
        fn the_bitmap_behaves_as_the_set_of_std(steps in prop::collection::vec((any::<bool>(), 0..400_u32), 0..200)) {
            let (mut found, mut before) = (SeriesBitmap::default(), SeriesBitmap::default());
            let (mut expected, mut expected_before) = (BTreeSet::new(), BTreeSet::new());
            for (at, (insert, id)) in steps.iter().enumerate() {
                let series = SeriesId::new(*id);
                if *insert {
                    prop_assert_eq!(found.insert(series), expected.insert(series));
                } else {
                    prop_assert_eq!(found.remove(series), expected.remove(&series));
                }
                if at == steps.len() / 2 {
                    before = found.clone();
                    expected_before = expected.clone();
                }
            }
            prop_assert_eq!(found.len(), expected.len());
            let below = found.below(200);
            prop_assert!(below.to_set().iter().eq(expected.range(..SeriesId::new(200)).copied()));
            prop_assert_eq!(below.len(), below.to_set().iter().count());
            prop_assert!(found.to_set().iter().eq(expected.iter().copied()));
            let more: Vec<SeriesId> = found.without(&before).iter().collect();
            prop_assert_eq!(more, expected.difference(&expected_before).copied().collect::<Vec<_>>());
            let fewer: Vec<SeriesId> = before.without(&found).iter().collect();
            prop_assert_eq!(fewer, expected_before.difference(&expected).copied().collect::<Vec<_>>());
            let contains = |id| found.contains(SeriesId::new(id)) == expected.contains(&SeriesId::new(id));
            prop_assert!((0..400).all(contains));
        }
    }

    #[test]
    fn a_part_of_the_ids_begins_anywhere() {
        let mut bitmap = SeriesBitmap::default();
        let ids = |ids: &[u32]| SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new));
        bitmap.insert_all(&ids(&[1, 5, 4_095, 4_096, 9_000]));
        assert_eq!(bitmap.ids_from(SeriesId::new(0), 2), ids(&[1, 5]));
        assert_eq!(bitmap.ids_from(SeriesId::new(2), 3), ids(&[5, 4_095, 4_096]));
        assert_eq!(bitmap.ids_from(SeriesId::new(4_096), 9), ids(&[4_096, 9_000]));
        assert_eq!(bitmap.ids_from(SeriesId::new(9_001), 9), ids(&[]));
        assert_eq!(bitmap.ids_from(SeriesId::new(1_000_000), 9), ids(&[]));
    }
}
