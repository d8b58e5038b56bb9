//! The empty-series set: the series without any visible point, and the candidates for a check.
//!
//! An empty series leaves the listings and the `max_series` count. It keeps its id, type and policy, and returns with
//! its next point. A series becomes empty in one of two ways:
//!
//! ```text
//!   delete of all its time ------------------------------------------+
//!                                                                    v
//!   delete of part of its time --+                               +-------+   next point    +--------+
//!                                +--> candidate --check: none--> | empty | --------------> | listed |
//!   cutoff moved forward --------+        |                      +-------+                 +--------+
//!                                         +------check: a point is visible----------------------^
//! ```
//!
//! A delete of part of the time of a series may have hidden its last point, and so may a cutoff. Only a scan of the
//! series can decide this, so the series first becomes a *candidate*. Later the compactor scans the candidates of one
//! version (the empty-series check). The writer then marks as empty those that had no visible point in this version and
//! were not written since.
//!
//! # Content of the manifest
//!
//! The manifest stores both sets, so that an opening needs no scan. The sets in memory are ahead of the manifest: they
//! include records that are only in the WAL and that a power loss may take back. If the manifest named a series as
//! empty because of a delete that is then lost, its points would be visible again, but the series would not be listed.
//! Hence every marking has the seq of a record after which the series was empty (`pending`), and enters the manifest
//! only once this record is in SSTs:
//!
//! ```text
//!   mark(seq 20)     pending: [20]          manifest: -           a crash loses no marking: replay applies the delete
//!   flush up to 19   pending: [20]          manifest: -
//!   flush up to 25   pending: []            manifest: empty       the edit that makes the delete durable names it
//! ```
//!
//! # Invariants
//!
//! - The manifest names no series as empty before the record that emptied it is in SSTs.
//! - A series that a *check* marked as empty stays a candidate in the manifest until the manifest names it as empty: no
//!   record of the WAL marks it, so after a crash the check must run again.
//! - A revived series may stay in the manifest's set of empty series until the next flush. Until then the record that
//!   revived it is in the WAL.
//! - The manifest names no candidate whose definition is not yet in the series log.
//! - `pending` is ordered by seq. A marking with an older seq than the last entry takes the seq of that entry: it is
//!   always correct to write a marking to the manifest later.

use im::Vector;

use super::series_bitmap::SeriesBitmap;
use crate::sync::Arc;
use crate::types::series::{SeriesId, SeriesSet};

/// The empty series and the candidates of one version. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct EmptySeries {
    /// Empty series, with the effect of records that are only in the WAL.
    empty: SeriesBitmap,
    /// Markings that the manifest must not contain yet, in the order of their seqs.
    /// Some of their series may have been revived since.
    pending: Vector<PendingEmpty>,
    /// Series that a delete or a cutoff may have emptied.
    candidates: SeriesBitmap,
    /// Both sets as the manifest stores them, or will store them with the edit of this version.
    in_manifest: ManifestSets,
}

/// Empty series and candidates that the manifest stores.
#[derive(Debug, Clone, Default)]
struct ManifestSets {
    empty: SeriesBitmap,
    candidates: SeriesBitmap,
}

/// Series that were empty once the record `seq` was applied.
#[derive(Debug, Clone)]
struct PendingEmpty {
    seq: u64,
    series: Arc<SeriesSet>,
    /// `true` if a check found the series.
    /// They are candidates in the manifest until it names them as empty, since no record of the WAL marks them.
    by_check: bool,
}

/// Change of both manifest sets between two versions; part of a version edit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EmptySeriesDelta {
    /// Series that are now empty, even if every record after `flushed_seq` is lost.
    pub(crate) emptied: SeriesSet,
    /// Series that are no longer empty.
    pub(crate) revived: SeriesSet,
    /// Series that may be empty and await a check.
    pub(crate) candidates_added: SeriesSet,
    /// Series that were checked, or that the manifest now names as empty.
    pub(crate) candidates_removed: SeriesSet,
}

impl EmptySeriesDelta {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl EmptySeries {
    /// Creates the state from the sets in the manifest.
    pub(crate) fn from_manifest(empty: &SeriesSet, candidates: &SeriesSet) -> Self {
        let bitmap = |set: &SeriesSet| {
            let mut bitmap = SeriesBitmap::default();
            bitmap.insert_all(set);
            bitmap
        };
        let (empty, candidates) = (bitmap(empty), bitmap(candidates));
        let in_manifest = ManifestSets { empty: empty.clone(), candidates: candidates.clone() };
        Self { in_manifest, empty, candidates, pending: Vector::new() }
    }

    /// Returns the number of empty series.
    pub(crate) fn len(&self) -> usize {
        self.empty.len()
    }

    /// Returns `true` if both sets are empty, in memory and in the manifest.
    pub(crate) fn has_no_state(&self) -> bool {
        let Self { empty, candidates, in_manifest, .. } = self;
        empty.is_empty() && candidates.is_empty() && in_manifest.empty.is_empty() && in_manifest.candidates.is_empty()
    }

    /// Returns `true` if the series is empty.
    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        self.empty.contains(id)
    }

    /// Marks series as empty because of the delete of record `seq`, which hides all of their time.
    pub(crate) fn mark_by_delete(&mut self, seq: u64, series: &SeriesSet) {
        self.mark(seq, series, false);
    }

    /// Marks series as empty in which a check found no visible point in the version of record `seq`.
    pub(crate) fn mark_by_check(&mut self, seq: u64, series: &SeriesSet) {
        self.mark(seq, series, true);
    }

    fn mark(&mut self, seq: u64, series: &SeriesSet, by_check: bool) {
        let new = self.empty.insert_all(series);
        if !new.is_empty() {
            // A check of an older version takes the seq of the last marking: a later seq is always correct.
            let seq = self.pending.last().map_or(seq, |last| seq.max(last.seq));
            self.pending.push_back(PendingEmpty { seq, series: Arc::new(new), by_check });
        }
    }

    /// Adds series that may have become empty, except those marked as empty.
    pub(crate) fn add_candidates(&mut self, series: &SeriesSet) {
        self.candidates.insert_all_except(series, &self.empty);
    }

    /// Returns the series that await a check.
    pub(crate) fn candidates(&self) -> &SeriesBitmap {
        &self.candidates
    }

    /// Removes series that were checked from the candidates.
    pub(crate) fn remove_candidates(&mut self, series: &SeriesSet) {
        self.candidates.remove_all(series);
    }

    /// Returns the empty ones of `series`, in the given order.
    pub(crate) fn filter_contained(&self, series: &[SeriesId]) -> Vec<SeriesId> {
        if self.empty.is_empty() { Vec::new() } else { self.empty.filter_contained(series) }
    }

    /// Unmarks a series of which a point was written. Returns `true` if it was empty.
    pub(crate) fn revive(&mut self, id: SeriesId) -> bool {
        self.empty.remove(id)
    }

    /// Returns the state with the manifest sets for an edit with this `flushed_seq`.
    ///
    /// `logged_len` is the number of series whose definitions are then in the series log.
    pub(crate) fn after_flush(&self, flushed_seq: u64, logged_len: usize) -> Self {
        let (mut empty, mut pending) = (self.empty.clone(), self.pending.clone());
        let mut candidates = self.candidates.clone();
        while pending.front().is_some_and(|first| first.seq <= flushed_seq) {
            pending.pop_front();
        }
        for marked in &pending {
            let withheld = empty.remove_all(&marked.series);
            if marked.by_check {
                candidates.insert_all(&withheld);
            }
        }
        let in_manifest = ManifestSets { empty, candidates: candidates.below(logged_len) };
        Self { pending, in_manifest, ..self.clone() }
    }

    /// Returns the change of the manifest sets from this state to a later one.
    pub(crate) fn delta_to(&self, next: &Self) -> EmptySeriesDelta {
        let (before, after) = (&self.in_manifest, &next.in_manifest);
        EmptySeriesDelta {
            emptied: after.empty.without(&before.empty),
            revived: before.empty.without(&after.empty),
            candidates_added: after.candidates.without(&before.candidates),
            candidates_removed: before.candidates.without(&after.candidates),
        }
    }

    /// Returns the empty series and the candidates that the manifest names.
    pub(crate) fn manifest_sets(&self) -> (SeriesSet, SeriesSet) {
        (self.in_manifest.empty.to_set(), self.in_manifest.candidates.to_set())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u32]) -> SeriesSet {
        SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new))
    }

    #[test]
    fn the_manifest_names_a_series_as_empty_once_its_delete_is_flushed() {
        let mut state = EmptySeries::default();
        state.mark_by_delete(5, &set(&[1, 2, 3]));
        state.mark_by_delete(8, &set(&[2, 4]));
        assert!(state.contains(SeriesId::new(4)) && !state.contains(SeriesId::new(0)) && state.len() == 4);
        let first = state.after_flush(6, 9);
        let expected = EmptySeriesDelta { emptied: set(&[1, 2, 3]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&first), expected);
        assert_eq!(first.after_flush(8, 9).manifest_sets().0, set(&[1, 2, 3, 4]));
    }

    #[test]
    fn a_checked_series_stays_a_candidate_of_the_manifest_until_it_is_named_as_empty() {
        let mut state = EmptySeries::from_manifest(&set(&[]), &set(&[1, 2, 3]));
        state.remove_candidates(&set(&[1, 2, 3]));
        state.mark_by_check(7, &set(&[1, 2]));
        let first = state.after_flush(6, 9);
        let expected = EmptySeriesDelta { candidates_removed: set(&[3]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&first), expected);
        let mut revived = first.clone();
        revived.revive(SeriesId::new(2));
        assert_eq!(revived.after_flush(6, 9).manifest_sets(), (set(&[]), set(&[1])));
        assert_eq!(first.after_flush(7, 9).manifest_sets(), (set(&[1, 2]), set(&[])));
    }

    #[test]
    fn a_revived_series_leaves_the_manifest_with_the_next_edit() {
        let mut state = EmptySeries::from_manifest(&set(&[1, 2]), &set(&[]));
        assert!(state.revive(SeriesId::new(1)) && !state.revive(SeriesId::new(1)));
        assert_eq!(state.manifest_sets().0, set(&[1, 2]), "until then the WAL says so");
        let next = state.after_flush(9, 9);
        let expected = EmptySeriesDelta { revived: set(&[1]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&next), expected);
    }

    #[test]
    fn a_series_that_was_revived_and_emptied_again_waits_for_its_last_delete() {
        let mut state = EmptySeries::from_manifest(&set(&[1]), &set(&[]));
        state.revive(SeriesId::new(1));
        state.mark_by_delete(20, &set(&[1]));
        assert_eq!(state.after_flush(19, 9).manifest_sets().0, set(&[]), "it had points at 19");
        assert_eq!(state.after_flush(20, 9).manifest_sets().0, set(&[1]));
    }

    #[test]
    fn the_manifest_names_no_candidate_before_the_series_log_defines_it() {
        let mut state = EmptySeries::default();
        state.add_candidates(&set(&[1, 5]));
        assert_eq!(state.after_flush(3, 5).manifest_sets().1, set(&[1]));
        assert_eq!(state.after_flush(3, 6).manifest_sets().1, set(&[1, 5]));
    }

    #[test]
    fn a_candidate_survives_a_reopening_until_it_is_checked() {
        let mut state = EmptySeries::from_manifest(&set(&[3]), &set(&[1]));
        state.add_candidates(&set(&[2, 3]));
        let next = state.after_flush(1, 9);
        let expected = EmptySeriesDelta { candidates_added: set(&[2]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&next), expected, "3 is known to be empty");
        let (empty, candidates) = next.manifest_sets();
        let mut reopened = EmptySeries::from_manifest(&empty, &candidates);
        assert_eq!(reopened.candidates().to_set(), set(&[1, 2]));
        reopened.remove_candidates(&set(&[1]));
        let expected = EmptySeriesDelta { candidates_removed: set(&[1]), ..EmptySeriesDelta::default() };
        assert_eq!(reopened.delta_to(&reopened.after_flush(1, 9)), expected);
    }
}
