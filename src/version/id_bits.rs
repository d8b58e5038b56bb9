//! A set of series ids that versions share: a bit an id, in a persistent vector of words.
//! It costs an eighth of a byte for every id up to its greatest, whatever is in it, and a clone costs nothing.

use im::Vector;

use crate::series::{SeriesId, SeriesSet};

const WORD_BITS: usize = 64;

/// Series ids. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct IdBits {
    words: Vector<u64>,
    count: usize,
}

/// Where an id's bit lies.
fn place(id: SeriesId) -> (usize, u64) {
    (id.index() / WORD_BITS, 1 << (id.index() % WORD_BITS))
}

impl IdBits {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        let (at, bit) = place(id);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }

    /// Puts an id in; whether it was not there.
    pub(crate) fn insert(&mut self, id: SeriesId) -> bool {
        let (at, bit) = place(id);
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

    /// Puts in those of a set that are not among others, a word at a time: a delete may name a million in one run.
    pub(crate) fn add(&mut self, set: &SeriesSet, except: &Self) {
        for (at, mask) in words(set) {
            while self.words.len() <= at {
                self.words.push_back(0);
            }
            let new = mask & !self.words[at] & !except.words.get(at).copied().unwrap_or_default();
            if new != 0 {
                self.words[at] |= new;
                self.count += new.count_ones() as usize;
            }
        }
    }

    /// Takes out those of a set.
    pub(crate) fn take(&mut self, set: &SeriesSet) {
        for (at, mask) in words(set) {
            let there = mask & self.words.get(at).copied().unwrap_or_default();
            if there != 0 {
                self.words[at] &= !there;
                self.count -= there.count_ones() as usize;
            }
        }
    }

    /// Takes an id out; whether it was there.
    pub(crate) fn remove(&mut self, id: SeriesId) -> bool {
        let (at, bit) = place(id);
        if self.words.get(at).is_none_or(|word| word & bit == 0) {
            return false;
        }
        self.words[at] &= !bit;
        self.count -= 1;
        true
    }

    /// Those of them below an id.
    pub(crate) fn below(&self, end: usize) -> Self {
        let mut below = self.clone();
        let first = end / WORD_BITS;
        let from = self.words.iter().enumerate().skip(first);
        let gone = from.flat_map(|(at, word)| bits(at, *word)).filter(|id| id.index() >= end);
        gone.for_each(|id| _ = below.remove(id));
        below
    }

    pub(crate) fn to_set(&self) -> SeriesSet {
        self.without(&Self::default())
    }

    /// Those of these ids that are not among the others.
    pub(crate) fn without(&self, others: &Self) -> SeriesSet {
        if self.is_empty() || self.words.ptr_eq(&others.words) {
            return SeriesSet::default();
        }
        let others = others.words.iter().copied().chain(std::iter::repeat(0));
        let left = self.words.iter().zip(others).enumerate();
        SeriesSet::from_sorted(left.flat_map(|(at, (word, other))| bits(at, word & !other)))
    }
}

/// The words of a set, each with its place; one may come in parts.
fn words(set: &SeriesSet) -> impl Iterator<Item = (usize, u64)> + '_ {
    set.runs().iter().flat_map(|(first, last)| {
        let ((from, low), (to, high)) = (place(*first), place(*last));
        // From the first bit on, and up to the last one.
        let (low, high) = (low.wrapping_neg(), high | (high - 1));
        (from..=to)
            .map(move |at| (at, if at == from { low } else { u64::MAX } & if at == to { high } else { u64::MAX }))
    })
}

/// The ids of a word, in ascending order.
fn bits(at: usize, word: u64) -> impl Iterator<Item = SeriesId> {
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

    fn set(ids: &BTreeSet<u32>) -> SeriesSet {
        SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new))
    }

    proptest! {
        #[test]
        fn whole_sets_go_in_and_out(
            own in prop::collection::btree_set(0..300_u32, 0..200),
            more in prop::collection::btree_set(0..400_u32, 0..300),
            except in prop::collection::btree_set(0..400_u32, 0..100),
            fewer in prop::collection::btree_set(0..400_u32, 0..300),
        ) {
            let (mut bits, mut others) = (IdBits::default(), IdBits::default());
            bits.add(&set(&own), &IdBits::default());
            others.add(&set(&except), &IdBits::default());
            prop_assert_eq!(bits.to_set(), set(&own));
            bits.add(&set(&more), &others);
            let expected: BTreeSet<u32> = own.union(&more.difference(&except).copied().collect()).copied().collect();
            prop_assert_eq!(bits.to_set(), set(&expected));
            prop_assert_eq!(bits.len(), expected.len());
            bits.take(&set(&fewer));
            let expected: BTreeSet<u32> = expected.difference(&fewer).copied().collect();
            prop_assert_eq!(bits.to_set(), set(&expected));
            prop_assert_eq!(bits.len(), expected.len());
        }

        #[test]
        fn it_does_as_a_set_of_std(steps in prop::collection::vec((any::<bool>(), 0..400_u32), 0..200)) {
            let (mut found, mut before) = (IdBits::default(), IdBits::default());
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
            prop_assert!((0..400).all(|id| found.contains(SeriesId::new(id)) == expected.contains(&SeriesId::new(id))));
        }
    }
}
