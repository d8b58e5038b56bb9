//! A bitmap of series ids: one bit per id, in an immutable-snapshot vector (`im`) of words.
//!
//! It takes an eighth of a byte for every id up to the greatest one that it ever contained.

use im::Vector;

use crate::types::series::{SeriesId, SeriesSet, SeriesSetBuilder};

const WORD_BITS: usize = 64;

/// A set of series ids. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesBitmap {
    words: Vector<u64>,
    count: usize,
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

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        let (at, bit) = word_and_bit(id);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }

    /// Adds an id. Returns `true` if it was not in the set.
    pub(crate) fn insert(&mut self, id: SeriesId) -> bool {
        let (at, bit) = word_and_bit(id);
        while self.words.len() <= at {
            self.words.push_back(0);
        }
        if self.words[at] & bit != 0 {
            return false;
        }
        self.words[at] |= bit;
        self.count += 1;
        true
    }

    /// Removes an id. Returns `true` if it was in the set.
    pub(crate) fn remove(&mut self, id: SeriesId) -> bool {
        let (at, bit) = word_and_bit(id);
        if self.words.get(at).is_none_or(|word| word & bit == 0) {
            return false;
        }
        self.words[at] &= !bit;
        self.count -= 1;
        true
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
            while self.words.len() <= at {
                self.words.push_back(0);
            }
            let present = self.words[at] | except.words.get(at).copied().unwrap_or_default();
            let missing = mask & !present;
            if missing != 0 {
                self.words[at] |= missing;
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
            let present = self.words.get(at).copied().unwrap_or_default() & mask;
            if present != 0 {
                self.words[at] &= !present;
                self.count -= present.count_ones() as usize;
                ids_of_word(at, present).for_each(|id| removed.push(id));
            }
        }
        removed.to_set()
    }

    /// Returns those of `ids` that are in the set, in the given order, which may be any.
    pub(crate) fn filter_contained(&self, ids: &[SeriesId]) -> Vec<SeriesId> {
        let mut words = self.words.focus();
        let is_in = |id: &&SeriesId| {
            let (at, bit) = word_and_bit(**id);
            words.get(at).is_some_and(|word| word & bit != 0)
        };
        ids.iter().filter(is_in).copied().collect()
    }

    /// Returns the ids of the set below `end`.
    pub(crate) fn below(&self, end: usize) -> Self {
        let mut below = self.clone();
        let words = self.words.iter().enumerate().skip(end / WORD_BITS);
        let above = words.flat_map(|(at, word)| ids_of_word(at, *word)).filter(|id| id.index() >= end);
        above.for_each(|id| _ = below.remove(id));
        below
    }

    pub(crate) fn to_set(&self) -> SeriesSet {
        self.without(&Self::default())
    }

    /// Returns the ids of this set that are not in `others`.
    pub(crate) fn without(&self, others: &Self) -> SeriesSet {
        if self.is_empty() || self.words.ptr_eq(&others.words) {
            return SeriesSet::default();
        }
        let others = others.words.iter().copied().chain(std::iter::repeat(0));
        let pairs = self.words.iter().zip(others).enumerate();
        SeriesSet::from_sorted(pairs.flat_map(|(at, (word, other))| ids_of_word(at, word & !other)))
    }
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

    proptest! {
        #[test]
        fn adding_and_removing_sets_equals_adding_and_removing_each_id(
            steps in prop::collection::vec(
                (any::<bool>(), prop::collection::btree_set(0..400_u32, 0..80), 0..400_u32, 0..200_u32),
                0..8,
            ),
            except in prop::collection::btree_set(0..400_u32, 0..40),
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
                let all: Vec<SeriesId> = (0..600).rev().map(SeriesId::new).collect();
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
}
