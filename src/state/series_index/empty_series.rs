//! The empty-series set: the series without any visible point, and the candidates for a check.
//!
//! An empty series leaves the listings and the `max_series` count. It keeps its id, type and policy until its
//! definition is dropped, and returns with its next point. A series becomes empty in one of two ways:
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
//! A series that was created and never had a point is *unwritten*. No check makes it empty, so retention never drops its
//! definition. A delete of all time makes it empty like any other series, and ends its being unwritten.
//!
//! A delete of part of the time of a series may have hidden its last point, and so may a cutoff. Only a scan of the
//! series can decide this, so the series first becomes a *candidate*. Later the compactor scans the candidates of one
//! version (the empty-series check). The writer then marks as empty those that had no visible point in this version and
//! were not written since.
//!
//! # Content of the manifest
//!
//! The manifest stores these sets, so that an opening needs no scan. The sets in memory are ahead of the manifest: they
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
//! - The manifest names as unwritten exactly the series that had no point in the records up to `flushed_seq`: the set
//!   of the version in which the flushed memtable was frozen. The set in memory may be smaller, by records that a power
//!   loss may take back.
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
    /// Series that never had a point.
    unwritten: SeriesBitmap,
    /// The sets as the manifest stores them, or will store them with the edit of this version.
    in_manifest: ManifestSets,
}

/// Empty, candidate and unwritten series that the manifest stores.
#[derive(Debug, Clone, Default)]
struct ManifestSets {
    empty: SeriesBitmap,
    candidates: SeriesBitmap,
    unwritten: SeriesBitmap,
}

/// Sets of series of a durable state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ManifestSeriesSets {
    /// Series without a visible point among the records up to `flushed_seq`.
    pub(crate) empty: SeriesSet,
    /// Series that may be empty and await a check.
    pub(crate) candidates: SeriesSet,
    /// Series that had no point in any record up to `flushed_seq`.
    pub(crate) unwritten: SeriesSet,
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

/// Change of the manifest sets between two versions; part of a version edit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EmptySeriesDelta {
    /// Series that are now empty, even if every record after `flushed_seq` is lost.
    pub(crate) emptied: SeriesSet,
    /// Series that are no longer empty, or whose definitions were dropped.
    pub(crate) revived: SeriesSet,
    /// Series that may be empty and await a check.
    pub(crate) candidates_added: SeriesSet,
    /// Series that were checked, or that the manifest now names as empty.
    pub(crate) candidates_removed: SeriesSet,
    /// Series that were created and have no point.
    pub(crate) unwritten_added: SeriesSet,
    /// Series that got their first point, that were deleted, or whose key was defined again.
    pub(crate) unwritten_removed: SeriesSet,
}

impl EmptySeriesDelta {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl EmptySeries {
    /// Creates the state from the sets in the manifest.
    pub(crate) fn from_manifest(sets: &ManifestSeriesSets) -> Self {
        let bitmap = |set: &SeriesSet| {
            let mut bitmap = SeriesBitmap::default();
            bitmap.insert_all(set);
            bitmap
        };
        let in_manifest = ManifestSets {
            empty: bitmap(&sets.empty),
            candidates: bitmap(&sets.candidates),
            unwritten: bitmap(&sets.unwritten),
        };
        let ManifestSets { empty, candidates, unwritten } = in_manifest.clone();
        Self { in_manifest, empty, candidates, unwritten, pending: Vector::new() }
    }

    /// Returns the number of empty series.
    pub(crate) fn len(&self) -> usize {
        self.empty.len()
    }

    /// Returns `true` if a flush changes no set: all are empty in the manifest, and the first two in memory.
    pub(crate) fn has_no_state(&self) -> bool {
        let Self { empty, candidates, in_manifest, .. } = self;
        let ManifestSets { empty: durable, candidates: awaiting, unwritten } = in_manifest;
        [empty, candidates, durable, awaiting, unwritten].into_iter().all(SeriesBitmap::is_empty)
    }

    /// Returns the number of series that the manifest names as empty.
    pub(crate) fn durable_count(&self) -> usize {
        self.in_manifest.empty.len()
    }

    /// Returns the first `most` series from `first` on that the manifest names as empty.
    pub(crate) fn durable_from(&self, first: SeriesId, most: usize) -> SeriesSet {
        self.in_manifest.empty.ids_from(first, most)
    }

    /// Returns `true` if the series is empty, also in the manifest, and not unwritten in either.
    pub(crate) fn is_durably_empty(&self, id: SeriesId) -> bool {
        let Self { empty, unwritten, in_manifest, .. } = self;
        let is_written = !unwritten.contains(id) && !in_manifest.unwritten.contains(id);
        is_written && empty.contains(id) && in_manifest.empty.contains(id)
    }

    /// Returns the series that never had a point.
    pub(crate) fn unwritten(&self) -> &SeriesBitmap {
        &self.unwritten
    }

    /// Adds a series that was created.
    pub(crate) fn add_unwritten(&mut self, id: SeriesId) {
        self.unwritten.insert(id);
    }

    /// Removes series of which points are written from those that never had one.
    pub(crate) fn mark_written(&mut self, series: &[SeriesId]) {
        if !self.unwritten.is_empty() {
            self.unwritten.remove_each(series);
        }
    }

    /// Marks a series as empty whose key gets a new definition by record `seq`. No point of it is written any more.
    pub(crate) fn mark_superseded(&mut self, seq: u64, id: SeriesId) {
        let series = SeriesSet::from_sorted([id]);
        self.mark(seq, &series, false);
        self.candidates.remove(id);
        self.unwritten.remove(id);
    }

    /// Removes series whose definitions are dropped from all sets.
    pub(crate) fn forget(&mut self, series: &SeriesSet) {
        let ManifestSets { empty, candidates, unwritten } = &mut self.in_manifest;
        let own = [&mut self.empty, &mut self.candidates, &mut self.unwritten];
        for set in own.into_iter().chain([empty, candidates, unwritten]) {
            set.remove_all(series);
        }
    }

    /// Returns `true` if the series is empty.
    pub(crate) fn contains(&self, id: SeriesId) -> bool {
        self.empty.contains(id)
    }

    /// Marks series as empty because of the delete of record `seq`, which hides all of their time.
    ///
    /// Those that never had a point are no longer kept for their first one: the delete is a wish to be rid of them.
    pub(crate) fn mark_by_delete(&mut self, seq: u64, series: &SeriesSet) {
        self.mark(seq, series, false);
        if !self.unwritten.is_empty() {
            self.unwritten.remove_all(series);
        }
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

    /// Adds series that may have become empty, except those marked as empty and those that never had a point.
    pub(crate) fn add_candidates(&mut self, series: &SeriesSet) {
        let new = self.candidates.insert_all_except(series, &self.empty);
        if !self.unwritten.is_empty() {
            let unwritten = new.iter().filter(|id| self.unwritten.contains(*id));
            self.candidates.remove_all(&SeriesSet::from_sorted(unwritten));
        }
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
    /// The definitions of series with ids below `logged_end` are then in the series log. `unwritten` are the series
    /// that had no point in the records of this flush or before; `None` if the edit flushes nothing.
    pub(crate) fn after_flush(&self, flushed_seq: u64, logged_end: usize, unwritten: Option<&SeriesBitmap>) -> Self {
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
        let unwritten = unwritten.unwrap_or(&self.in_manifest.unwritten).clone();
        let in_manifest = ManifestSets { empty, candidates: candidates.below(logged_end), unwritten };
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
            unwritten_added: after.unwritten.without(&before.unwritten),
            unwritten_removed: before.unwritten.without(&after.unwritten),
        }
    }

    /// Returns the sets that the manifest names.
    pub(crate) fn manifest_sets(&self) -> ManifestSeriesSets {
        let ManifestSets { empty, candidates, unwritten } = &self.in_manifest;
        ManifestSeriesSets { empty: empty.to_set(), candidates: candidates.to_set(), unwritten: unwritten.to_set() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u32]) -> SeriesSet {
        SeriesSet::from_sorted(ids.iter().copied().map(SeriesId::new))
    }

    fn sets(empty: &[u32], candidates: &[u32]) -> ManifestSeriesSets {
        ManifestSeriesSets { empty: set(empty), candidates: set(candidates), unwritten: set(&[]) }
    }

    fn opened(empty: &[u32], candidates: &[u32]) -> EmptySeries {
        EmptySeries::from_manifest(&sets(empty, candidates))
    }

    #[test]
    fn the_manifest_names_a_series_as_empty_once_its_delete_is_flushed() {
        let mut state = EmptySeries::default();
        state.mark_by_delete(5, &set(&[1, 2, 3]));
        state.mark_by_delete(8, &set(&[2, 4]));
        assert!(state.contains(SeriesId::new(4)) && !state.contains(SeriesId::new(0)) && state.len() == 4);
        let first = state.after_flush(6, 9, None);
        let expected = EmptySeriesDelta { emptied: set(&[1, 2, 3]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&first), expected);
        assert_eq!(first.after_flush(8, 9, None).manifest_sets().empty, set(&[1, 2, 3, 4]));
    }

    #[test]
    fn a_checked_series_stays_a_candidate_of_the_manifest_until_it_is_named_as_empty() {
        let mut state = opened(&[], &[1, 2, 3]);
        state.remove_candidates(&set(&[1, 2, 3]));
        state.mark_by_check(7, &set(&[1, 2]));
        let first = state.after_flush(6, 9, None);
        let expected = EmptySeriesDelta { candidates_removed: set(&[3]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&first), expected);
        let mut revived = first.clone();
        revived.revive(SeriesId::new(2));
        assert_eq!(revived.after_flush(6, 9, None).manifest_sets(), sets(&[], &[1]));
        assert_eq!(first.after_flush(7, 9, None).manifest_sets(), sets(&[1, 2], &[]));
    }

    #[test]
    fn a_revived_series_leaves_the_manifest_with_the_next_edit() {
        let mut state = opened(&[1, 2], &[]);
        assert!(state.revive(SeriesId::new(1)) && !state.revive(SeriesId::new(1)));
        assert_eq!(state.manifest_sets().empty, set(&[1, 2]), "until then the WAL says so");
        let next = state.after_flush(9, 9, None);
        let expected = EmptySeriesDelta { revived: set(&[1]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&next), expected);
    }

    #[test]
    fn a_series_that_was_revived_and_emptied_again_waits_for_its_last_delete() {
        let mut state = opened(&[1], &[]);
        state.revive(SeriesId::new(1));
        state.mark_by_delete(20, &set(&[1]));
        assert_eq!(state.after_flush(19, 9, None).manifest_sets().empty, set(&[]), "it had points at 19");
        assert_eq!(state.after_flush(20, 9, None).manifest_sets().empty, set(&[1]));
    }

    #[test]
    fn the_manifest_names_no_candidate_before_the_series_log_defines_it() {
        let mut state = EmptySeries::default();
        state.add_candidates(&set(&[1, 5]));
        assert_eq!(state.after_flush(3, 5, None).manifest_sets().candidates, set(&[1]));
        assert_eq!(state.after_flush(3, 6, None).manifest_sets().candidates, set(&[1, 5]));
    }

    #[test]
    fn a_candidate_survives_a_reopening_until_it_is_checked() {
        let mut state = opened(&[3], &[1]);
        state.add_candidates(&set(&[2, 3]));
        let next = state.after_flush(1, 9, None);
        let expected = EmptySeriesDelta { candidates_added: set(&[2]), ..EmptySeriesDelta::default() };
        assert_eq!(state.delta_to(&next), expected, "3 is known to be empty");
        let mut reopened = EmptySeries::from_manifest(&next.manifest_sets());
        assert_eq!(reopened.candidates().to_set(), set(&[1, 2]));
        reopened.remove_candidates(&set(&[1]));
        let expected = EmptySeriesDelta { candidates_removed: set(&[1]), ..EmptySeriesDelta::default() };
        assert_eq!(reopened.delta_to(&reopened.after_flush(1, 9, None)), expected);
    }

    #[test]
    fn the_manifest_names_the_series_that_had_no_point_when_the_flushed_memtable_was_frozen() {
        let mut state = EmptySeries::default();
        [1, 2, 3].map(SeriesId::new).into_iter().for_each(|id| state.add_unwritten(id));
        state.mark_written(&[SeriesId::new(2)]);
        let frozen = state.clone();
        state.mark_written(&[SeriesId::new(3), SeriesId::new(3)]);
        let flushed = state.after_flush(9, 9, Some(frozen.unwritten()));
        assert_eq!(flushed.manifest_sets().unwritten, set(&[1, 3]), "the point of 3 may be lost");
        assert_eq!(flushed.unwritten().to_set(), set(&[1]));
        let later = flushed.after_flush(9, 9, None);
        assert_eq!(flushed.delta_to(&later), EmptySeriesDelta::default());
        let next = later.after_flush(10, 9, Some(&later.unwritten));
        assert_eq!(later.delta_to(&next).unwritten_removed, set(&[3]));
    }

    #[test]
    fn a_series_that_never_had_a_point_is_no_candidate_and_is_dropped_only_after_a_delete() {
        let mut state = EmptySeries::default();
        [1, 2, 3].map(SeriesId::new).into_iter().for_each(|id| state.add_unwritten(id));
        state.mark_written(&[SeriesId::new(2)]);
        state.add_candidates(&set(&[1, 2, 3]));
        assert_eq!(state.candidates().to_set(), set(&[2]));
        state = state.after_flush(3, 9, Some(&state.unwritten));
        state.mark_by_delete(4, &set(&[1, 2]));
        let durable = |state: &EmptySeries| [1, 2, 3].map(|id| state.is_durably_empty(SeriesId::new(id)));
        assert_eq!(durable(&state), [false, false, false], "a power loss may take the delete back");
        let state = state.after_flush(4, 9, Some(&state.unwritten));
        assert_eq!(durable(&state), [true, true, false]);
    }

    #[test]
    fn a_dropped_series_leaves_every_set() {
        let mut state = opened(&[1, 2, 5], &[3]);
        state.forget(&set(&[1, 2, 3]));
        assert_eq!((state.manifest_sets(), state.len()), (sets(&[5], &[]), 1));
        assert_eq!(opened(&[1, 5], &[]).delta_to(&state).revived, set(&[1]));
    }
}
