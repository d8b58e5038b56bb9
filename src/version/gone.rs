//! Series whose points are all gone: they leave listings and the cap, and come back with their next point. And those of
//! which that may be so, until someone has looked.
//! Promises that what the manifest says of them never runs ahead of the records that it covers: a delete that a power loss
//! takes back would else leave points that no listing leads to.

use im::Vector;

use super::id_bits::IdBits;
use crate::series::{SeriesId, SeriesSet};
use crate::sync::Arc;

/// The series that are gone in one version. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Gone {
    ids: IdBits,
    /// By the record after which they had no point left, in the order of these: those that the manifest must not name
    /// before that record is in SSTs. Some may be back by now.
    since: Vector<Left>,
    /// Of these a delete or a cutoff may have been all there was.
    suspects: IdBits,
    /// What the manifest says of the gone ones, and of the suspects.
    durable: (IdBits, IdBits),
}

/// Who had no point left once a record was in.
#[derive(Debug, Clone)]
struct Left {
    seq: u64,
    series: Arc<SeriesSet>,
    /// Somebody had to look: until the manifest says that they are gone it says that they may be, since no record does.
    looked: bool,
}

/// What the manifest must hear on the way from one version to a later one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct GoneStep {
    /// Of these no point is left, and would not be if every record behind `flushed_seq` were lost.
    pub(crate) gone: SeriesSet,
    /// Of these it is so no longer.
    pub(crate) back: SeriesSet,
    /// Of these it may be so.
    pub(crate) suspected: SeriesSet,
    /// Of these someone has looked.
    pub(crate) cleared: SeriesSet,
}

impl GoneStep {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Gone {
    /// As the manifest has them.
    pub(crate) fn restored(gone: &SeriesSet, suspects: &SeriesSet) -> Self {
        let bits = |set: &SeriesSet| {
            let mut bits = IdBits::default();
            bits.insert_all(set, &IdBits::default());
            bits
        };
        let (ids, suspects) = (bits(gone), bits(suspects));
        Self { durable: (ids.clone(), suspects.clone()), ids, suspects, since: Vector::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is nothing that the manifest must hear of, or has heard of.
    pub(crate) fn is_quiet(&self) -> bool {
        let Self { ids, suspects, durable: (gone, suspected), .. } = self;
        ids.is_empty() && suspects.is_empty() && gone.is_empty() && suspected.is_empty()
    }

    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        self.ids.contains(id)
    }

    /// The record `seq` itself says that no point of these is left.
    pub(crate) fn left(&mut self, seq: u64, series: &SeriesSet) {
        self.take_out(seq, series, false);
    }

    /// No point of these was found to be left once the record `seq` was in.
    pub(crate) fn found_gone(&mut self, seq: u64, series: &SeriesSet) {
        self.take_out(seq, series, true);
    }

    fn take_out(&mut self, seq: u64, series: &SeriesSet, looked: bool) {
        let new = self.ids.insert_all(series, &IdBits::default());
        if !new.is_empty() {
            // Who was found so in an older version waits with the last: later is never wrong.
            let seq = self.since.last().map_or(seq, |last| seq.max(last.seq));
            self.since.push_back(Left { seq, series: Arc::new(new), looked });
        }
    }

    /// Perhaps no point of these is left.
    pub(crate) fn suspect(&mut self, series: &SeriesSet) {
        self.suspects.insert_all(series, &self.ids);
    }

    pub(crate) fn suspects(&self) -> &IdBits {
        &self.suspects
    }

    /// Someone has looked.
    pub(crate) fn clear(&mut self, series: &SeriesSet) {
        self.suspects.remove_all(series);
    }

    /// Those of some series that are gone.
    pub(crate) fn among(&self, series: &[SeriesId]) -> Vec<SeriesId> {
        if self.ids.is_empty() { Vec::new() } else { self.ids.among(series) }
    }

    /// A point of it was written; whether it had been gone.
    pub(crate) fn came_back(&mut self, id: SeriesId) -> bool {
        self.ids.remove(id)
    }

    /// Once everything up to `flushed_seq` is in SSTs, the first `logged` series with it, and the manifest says so.
    pub(crate) fn settled(&self, flushed_seq: u64, logged: usize) -> Self {
        let (mut durable, mut since) = (self.ids.clone(), self.since.clone());
        let mut suspects = self.suspects.clone();
        #[cfg(feature = "planted")]
        let flushed_seq = if crate::planted::is("gone_before_its_delete_is_durable") { u64::MAX } else { flushed_seq };
        while since.front().is_some_and(|left| left.seq <= flushed_seq) {
            since.pop_front();
        }
        for left in &since {
            let waiting = durable.remove_all(&left.series);
            if left.looked {
                suspects.insert_all(&waiting, &IdBits::default());
            }
        }
        Self { since, durable: (durable, suspects.below(logged)), ..self.clone() }
    }

    /// What the manifest must hear on the way from these to later ones.
    pub(crate) fn step_to(&self, next: &Self) -> GoneStep {
        let ((gone, suspects), (next_gone, next_suspects)) = (&self.durable, &next.durable);
        GoneStep {
            gone: next_gone.without(gone),
            back: gone.without(next_gone),
            suspected: next_suspects.without(suspects),
            cleared: suspects.without(next_suspects),
        }
    }

    /// What the manifest says: the gone ones, and the suspects.
    pub(crate) fn durable(&self) -> (SeriesSet, SeriesSet) {
        (self.durable.0.to_set(), self.durable.1.to_set())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u32]) -> Vec<SeriesId> {
        ids.iter().copied().map(SeriesId::new).collect()
    }

    fn set(of: &[u32]) -> SeriesSet {
        SeriesSet::from_sorted(ids(of))
    }

    #[test]
    fn the_manifest_hears_of_a_series_once_its_delete_is_flushed() {
        let mut gone = Gone::default();
        gone.left(5, &set(&[1, 2, 3]));
        gone.left(8, &set(&[2, 4]));
        assert!(gone.contains(SeriesId::new(4)) && !gone.contains(SeriesId::new(0)) && gone.len() == 4);
        let first = gone.settled(6, 9);
        assert_eq!(gone.step_to(&first), GoneStep { gone: set(&[1, 2, 3]), ..GoneStep::default() });
        assert_eq!(first.settled(8, 9).durable().0, set(&[1, 2, 3, 4]));
    }

    #[test]
    fn who_was_looked_at_stays_a_suspect_of_the_manifest_until_it_says_gone() {
        let mut gone = Gone::restored(&set(&[]), &set(&[1, 2, 3]));
        gone.clear(&set(&[1, 2, 3]));
        gone.found_gone(7, &set(&[1, 2]));
        let first = gone.settled(6, 9);
        assert_eq!(gone.step_to(&first), GoneStep { cleared: set(&[3]), ..GoneStep::default() });
        let mut back = first.clone();
        back.came_back(SeriesId::new(2));
        assert_eq!(back.settled(6, 9).durable(), (set(&[]), set(&[1])));
        assert_eq!(first.settled(7, 9).durable(), (set(&[1, 2]), set(&[])));
    }

    #[test]
    fn a_series_that_is_back_leaves_the_manifest_with_the_next_edit() {
        let mut gone = Gone::restored(&set(&[1, 2]), &set(&[]));
        assert!(gone.came_back(SeriesId::new(1)) && !gone.came_back(SeriesId::new(1)));
        assert_eq!(gone.durable().0, set(&[1, 2]), "until then its record says so");
        let next = gone.settled(9, 9);
        assert_eq!(gone.step_to(&next), GoneStep { back: set(&[1]), ..GoneStep::default() });
    }

    #[test]
    fn a_series_that_came_back_and_left_again_waits_for_its_last_delete() {
        let mut gone = Gone::restored(&set(&[1]), &set(&[]));
        gone.came_back(SeriesId::new(1));
        gone.left(20, &set(&[1]));
        assert_eq!(gone.settled(19, 9).durable().0, set(&[]), "it had points at 19");
        assert_eq!(gone.settled(20, 9).durable().0, set(&[1]));
    }

    #[test]
    fn the_manifest_hears_of_no_series_before_it_is_in_their_log() {
        let mut gone = Gone::default();
        gone.suspect(&set(&[1, 5]));
        assert_eq!(gone.settled(3, 5).durable().1, set(&[1]));
        assert_eq!(gone.settled(3, 6).durable().1, set(&[1, 5]));
    }

    #[test]
    fn a_suspect_stays_one_over_a_reopening_until_someone_has_looked() {
        let mut gone = Gone::restored(&set(&[3]), &set(&[1]));
        gone.suspect(&set(&[2, 3]));
        let next = gone.settled(1, 9);
        assert_eq!(gone.step_to(&next), GoneStep { suspected: set(&[2]), ..GoneStep::default() }, "3 is gone");
        let mut gone = Gone::restored(&next.durable().0, &next.durable().1);
        assert_eq!(gone.suspects().to_set(), set(&[1, 2]));
        gone.clear(&set(&[1]));
        assert_eq!(gone.step_to(&gone.settled(1, 9)), GoneStep { cleared: set(&[1]), ..GoneStep::default() });
    }
}
