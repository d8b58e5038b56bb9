//! A set of series ids that versions share: a bit an id, in a persistent vector of words.
//! It costs an eighth of a byte for every id up to its greatest, whatever is in it, and a clone costs nothing.

use im::Vector;

use crate::series::{SeriesId, SeriesRuns, SeriesSet};

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

    /// Puts ids in, those aside that are among the others; whoever was not there. It costs a word what it costs an id: a delete
    /// of a million series is one step of the writer.
    pub(crate) fn insert_all(&mut self, ids: &SeriesSet, but: &Self) -> SeriesSet {
        let mut new = SeriesRuns::default();
        for (at, mask) in masks(ids) {
            while self.words.len() <= at {
                self.words.push_back(0);
            }
            let there = self.words[at] | but.words.get(at).copied().unwrap_or_default();
            let missing = mask & !there;
            if missing != 0 {
                self.words[at] |= missing;
                self.count += missing.count_ones() as usize;
                bits(at, missing).for_each(|id| new.push(id));
            }
        }
        new.to_set()
    }

    /// Takes ids out; whoever was there.
    pub(crate) fn remove_all(&mut self, ids: &SeriesSet) -> SeriesSet {
        let mut old = SeriesRuns::default();
        for (at, mask) in masks(ids) {
            let there = self.words.get(at).copied().unwrap_or_default() & mask;
            if there != 0 {
                self.words[at] &= !there;
                self.count -= there.count_ones() as usize;
                bits(at, there).for_each(|id| old.push(id));
            }
        }
        old.to_set()
    }

    /// Those of some ids, in any order, that are in it.
    pub(crate) fn among(&self, ids: &[SeriesId]) -> Vec<SeriesId> {
        let mut words = self.words.focus();
        let is_in = |id: &&SeriesId| {
            let (at, bit) = place(**id);
            words.get(at).is_some_and(|word| word & bit != 0)
        };
        ids.iter().filter(is_in).copied().collect()
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

/// The words of a set, in ascending order, each with its bits, none without.
fn masks(ids: &SeriesSet) -> impl Iterator<Item = (usize, u64)> {
    let mut runs = ids.runs().iter().map(|(first, last)| (first.index(), last.index())).peekable();
    // What is left of a run that goes on in the next word.
    let mut left: Option<(usize, usize)> = None;
    std::iter::from_fn(move || {
        let mut next = left.take().or_else(|| runs.next())?;
        let at = next.0 / WORD_BITS;
        let mut mask = 0;
        loop {
            let end = next.1.min(at * WORD_BITS + WORD_BITS - 1);
            mask |= (u64::MAX >> (WORD_BITS - 1 - (end - next.0))) << (next.0 % WORD_BITS);
            if end < next.1 {
                left = Some((end + 1, next.1));
                return Some((at, mask));
            }
            match runs.next_if(|(first, _)| first / WORD_BITS == at) {
                Some(run) => next = run,
                None => return Some((at, mask)),
            }
        }
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

    proptest! {
        #[test]
        fn sets_go_in_and_out_as_their_ids_do_one_by_one(
            steps in prop::collection::vec((any::<bool>(), prop::collection::btree_set(0..400_u32, 0..80), 0..400_u32, 0..200_u32), 0..8),
            but in prop::collection::btree_set(0..400_u32, 0..40),
        ) {
            let one_by_one = |ids: &BTreeSet<u32>| {
                let mut bits = IdBits::default();
                for id in ids {
                    bits.insert(SeriesId::new(*id));
                }
                bits
            };
            let (mut found, mut expected, others) = (IdBits::default(), BTreeSet::new(), one_by_one(&but));
            for (insert, mut ids, first, len) in steps {
                ids.extend(first..first + len);
                let set = SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new));
                let (changed, is_new): (SeriesSet, BTreeSet<u32>) = if insert {
                    (found.insert_all(&set, &others), ids.difference(&but).copied().filter(|id| expected.insert(*id)).collect())
                } else {
                    (found.remove_all(&set), ids.iter().copied().filter(|id| expected.remove(id)).collect())
                };
                prop_assert!(changed.iter().map(SeriesId::get).eq(is_new));
                prop_assert_eq!(found.len(), expected.len());
                prop_assert!(found.to_set().iter().map(SeriesId::get).eq(expected.iter().copied()));
                let all: Vec<SeriesId> = (0..600).rev().map(SeriesId::new).collect();
                prop_assert!(found.among(&all).into_iter().map(SeriesId::get).eq(expected.iter().rev().copied()));
            }
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
