//! The steps from one version to the next.
//!
//! Each step yields a whole new value, to be published in one store.

use std::collections::BTreeMap;
use std::time::Duration;

use im::Vector;

use super::pick::base_files_overlap;
use super::{
    Cutoffs, DurableState, JobCounters, MaintenanceCounters, Observation, RetentionProgress, SstMeta, Version,
    VersionEdit,
};
use crate::state::file_id::FileId;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::memtable::{FrozenMemtable, MemtableView};
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::series::{SeriesId, SeriesInfo, SeriesSet};
use crate::types::time_range::TimeRange;

impl Version {
    /// Creates the version of a database with this durable state and an empty memtable.
    pub(crate) fn from_durable(series: SeriesIndex, durable: &DurableState, cutoffs: Cutoffs) -> Self {
        Self {
            seq: durable.flushed_seq,
            series,
            metadata: durable.metadata.clone(),
            flushed_metadata: durable.metadata.clone(),
            active: MemtableView::empty(),
            frozen: Vec::new(),
            ssts: durable.ssts.iter().cloned().map(Arc::new).collect(),
            flushed_seq: durable.flushed_seq,
            wal_floor: durable.wal_floor,
            tombstones: durable.tombstones.iter().cloned().collect(),
            cutoffs,
            earlier_cutoffs: None,
            replayed_delete_seq: 0,
            retention: Arc::new(durable.retention.clone()),
            counters: MaintenanceCounters::default(),
        }
    }

    /// Returns the version of an opening whose replayed records, up to those of the last memtable, stay in memory.
    pub(crate) fn with_replayed_memtables(
        self,
        frozen: Vec<Arc<FrozenMemtable>>,
        deletes: impl IntoIterator<Item = Arc<Tombstone>>,
    ) -> Self {
        let newest = frozen.last().map(|last| (last.max_seq, last.metadata.clone()));
        let (seq, metadata) = newest.unwrap_or_else(|| (self.seq, self.metadata.clone()));
        let deletes: Vec<Arc<Tombstone>> = deletes.into_iter().collect();
        let hides_all_before = |delete: &&Arc<Tombstone>| delete.range.first() == i64::MIN;
        let replayed_delete_seq = deletes.iter().filter(hides_all_before).map(|delete| delete.seq).max();
        let replayed_delete_seq = replayed_delete_seq.unwrap_or_default();
        Self { seq, metadata, frozen, replayed_delete_seq, ..self }.with_tombstones(deletes)
    }

    /// Returns the version after a commit group, whose points, new series and metadata become visible together.
    pub(crate) fn after_commit(
        &self,
        seq: u64,
        series: SeriesIndex,
        metadata: MetadataMap,
        active: MemtableView,
    ) -> Self {
        debug_assert!(seq >= self.seq, "seqs never decrease");
        Self { seq, series, metadata, active, ..self.clone() }
    }

    /// Adds the deletes of a group, which come in the order of their seqs.
    ///
    /// A delete that overlaps no older SST or frozen memtable is left out. The active memtable applies its deletes
    /// itself.
    pub(crate) fn with_tombstones(mut self, deletes: impl IntoIterator<Item = Arc<Tombstone>>) -> Self {
        for tombstone in deletes {
            if self.needs_tombstone(&tombstone) {
                self.tombstones.push_back(tombstone);
            }
        }
        self
    }

    /// Returns `true` if an older SST or frozen memtable can contain points that the delete hides.
    ///
    /// The test compares rectangles only. Once it is `false`, later versions have no such points in older sources
    /// either, so the delete can be dropped.
    fn needs_tombstone(&self, tombstone: &Tombstone) -> bool {
        let frozen = self.frozen.iter().filter(|frozen| frozen.max_seq < tombstone.seq);
        let mut ranges = frozen.filter_map(|frozen| frozen.view.time_range());
        ranges.any(|range| range.overlaps(tombstone.range))
            || self.ssts.iter().any(|sst| sst.max_seq < tombstone.seq && tombstone.overlaps(&sst.rectangle))
    }

    /// Returns the hidden ranges of a series in a source that applied all deletes up to `max_seq`.
    ///
    /// They come from the newer tombstones and from the cutoff of the series.
    pub(crate) fn hidden_ranges(&self, def: &SeriesInfo, max_seq: u64) -> HiddenRanges {
        let cutoff = self.cutoffs.hidden_range(def);
        // A scan of many series asks for each of them in each file.
        if cutoff.is_none() && self.tombstones.is_empty() {
            return HiddenRanges::NONE;
        }
        let newer = self.tombstones.iter().rev().take_while(|tombstone| tombstone.seq > max_seq);
        let deleted = newer.filter_map(|tombstone| tombstone.range_for(def.id));
        HiddenRanges::new(deleted.chain(cutoff).collect())
    }

    /// Returns the version after a freeze: `frozen` is the newest frozen memtable, the active is empty.
    pub(crate) fn after_freeze(&self, frozen: Arc<FrozenMemtable>) -> Self {
        debug_assert!(self.frozen.last().is_none_or(|last| last.max_seq < frozen.min_seq));
        let mut next = Self { active: MemtableView::empty(), ..self.clone() };
        next.frozen.push(frozen);
        next
    }

    /// Returns `flushed_seq` and `wal_floor` after a flush of the oldest frozen memtable, if there is one.
    fn flush_targets(&self) -> Option<(u64, FileId)> {
        self.frozen.first().map(|frozen| (frozen.max_seq, frozen.next_wal_segment))
    }

    /// Returns the version after a flush: the SSTs replace the oldest frozen memtable.
    ///
    /// `None` if `generation` is not that of the oldest frozen memtable: such an output is not installed.
    pub(crate) fn after_flush(&self, generation: u64, ssts: Vec<Arc<SstMeta>>, counters: &JobCounters) -> Option<Self> {
        let (oldest, rest) = self.frozen.split_first()?;
        if oldest.generation != generation {
            return None;
        }
        let (flushed_seq, wal_floor) = self.flush_targets()?;
        let (flushed, flushed_metadata) = (oldest.series.clone(), oldest.metadata.clone());
        let mut next = Self { frozen: rest.to_vec(), flushed_seq, flushed_metadata, wal_floor, ..self.clone() };
        next.ssts.extend(ssts);
        next.counters.flushes.add(counters);
        Some(next.pruned(Some(&flushed)))
    }

    /// Returns the version after a compaction: the outputs replace the inputs, which are found by id.
    ///
    /// `None` if an input is not in this version: such an output is not installed.
    pub(crate) fn after_compaction(
        &self,
        inputs: &[FileId],
        outputs: Vec<Arc<SstMeta>>,
        counters: &JobCounters,
    ) -> Option<Self> {
        let mut next = self.clone();
        if !inputs.iter().all(|id| next.ssts.remove(*id)) {
            return None;
        }
        next.ssts.extend(outputs);
        next.counters.compactions.add(counters);
        Some(next.pruned(None))
    }

    /// Returns the version with later cutoffs, without the files that are hidden completely.
    ///
    /// A file is hidden completely if it lies before the global cutoff or if one tombstone up to `synced_seq` covers
    /// it; the cutoffs of rules drop no file. Files that are inputs of a `running` compaction stay.
    ///
    /// Every record up to `synced_seq` must be durable. A tombstone above `flushed_seq` need not be in the manifest for
    /// this: its record is in a segment that the next opening replays, so the points stay hidden, with or without the
    /// files.
    pub(crate) fn after_retention(&self, cutoffs: Cutoffs, running: &[FileId], synced_seq: u64) -> Self {
        let global = cutoffs.global();
        let synced = || self.tombstones.iter().take_while(|tombstone| tombstone.seq <= synced_seq);
        let is_hidden_whole = |sst: &SstMeta| {
            global.is_some_and(|cutoff| sst.rectangle.times.last() < cutoff)
                || synced().any(|tombstone| tombstone.seq > sst.max_seq && tombstone.covers(&sst.rectangle))
        };
        let goes = |sst: &&Arc<SstMeta>| !running.contains(&sst.id) && is_hidden_whole(sst);
        let dropped: Vec<FileId> = self.ssts.iter().filter(goes).map(|sst| sst.id).collect();
        let mut next = Self { cutoffs, ..self.clone() };
        if dropped.is_empty() {
            // Retention runs often: if no file is dropped, pruning is left to a later step.
            return next;
        }
        next.counters.files_dropped += dropped.len() as u64;
        for id in dropped {
            next.ssts.remove(id);
        }
        next.pruned(None)
    }

    /// Returns the version with cutoffs that were taken back.
    ///
    /// The points that the present cutoffs hide are deleted by records up to `seq`, the newest of which is in the WAL.
    pub(crate) fn after_cutoffs_taken_back(&self, cutoffs: Cutoffs) -> Self {
        Self { earlier_cutoffs: Some((self.seq, self.flushed_cutoffs())), cutoffs, ..self.clone() }
    }

    /// Returns the cutoffs of the records up to `flushed_seq`, without the deletes behind it.
    ///
    /// A backup has only these records. Without the delete that allowed to take a cutoff back, the points that the
    /// cutoff hid would return.
    pub(crate) fn flushed_cutoffs(&self) -> Cutoffs {
        match &self.earlier_cutoffs {
            Some((seq, earlier)) if *seq > self.flushed_seq => self.cutoffs.later_of_each(earlier),
            _ => self.cutoffs.clone(),
        }
    }

    /// Returns `true` if [`flushed_cutoffs`](Self::flushed_cutoffs) are those of the records up to `flushed_seq`.
    ///
    /// After an opening that left its records in memory they may lack a cutoff that was taken back.
    pub(crate) fn knows_flushed_cutoffs(&self) -> bool {
        self.replayed_delete_seq <= self.flushed_seq
    }

    /// Returns the version after an empty-series check of the candidates `checked`.
    ///
    /// The series in `empty` had no visible point in the version of record `seq`, and were not written since.
    pub(crate) fn after_empty_series_check(&self, seq: u64, checked: &SeriesSet, empty: &SeriesSet) -> Self {
        let mut next = self.clone();
        next.series.remove_candidates(checked);
        // The manifest names the series as empty only once record `seq` is in SSTs: the delete that hid their last
        // points may be this record or one shortly before it, and a power loss may take it back until then.
        next.series.mark_empty_by_check(seq, empty);
        next.pruned(None)
    }

    /// Returns those of `series` whose definitions nothing but SSTs and durable tombstones can still name.
    ///
    /// They are empty, also if every record after `flushed_seq` is lost, and have had a point. No memtable, and so no
    /// record that a replay would read, has a point of them or a delete that names them. A durable tombstone may name
    /// them: it loses them in the edit of the drop, see [`after_drop`](Self::after_drop).
    pub(crate) fn droppable_among(&self, series: &SeriesSet) -> SeriesSet {
        let mut found = self.series.droppable_among(series);
        let views = || self.frozen.iter().map(|frozen| &frozen.view).chain([&self.active]);
        let unflushed = self.tombstones.iter().rev().take_while(|tombstone| tombstone.seq > self.flushed_seq);
        for tombstone in unflushed.chain(views().flat_map(MemtableView::deletes)) {
            found.remove_all(&tombstone.series);
        }
        let is_named = |id: &SeriesId| views().any(|view| view.has_series(*id));
        SeriesSet::from_sorted(found.to_set().iter().filter(|id| !is_named(id)))
    }

    /// Returns the version without the definitions of `series`, which nothing but durable tombstones names any more.
    ///
    /// These tombstones lose the series: no source has a point of them, so there is nothing to hide. The manifest
    /// forgets all of it in the edit that names a series log without the definitions.
    pub(crate) fn after_drop(&self, series: &SeriesSet) -> Self {
        let mut next = self.clone();
        next.series.drop_definitions(series);
        if self.tombstones.iter().any(|tombstone| tombstone.series.intersects(series)) {
            next.tombstones =
                self.tombstones.iter().filter_map(|tombstone| self.after_drop_of(tombstone, series)).collect();
        }
        next
    }

    /// Returns a tombstone without series whose definitions are dropped; `None` if no source needs the rest.
    fn after_drop_of(&self, tombstone: &Arc<Tombstone>, dropped: &SeriesSet) -> Option<Arc<Tombstone>> {
        if !tombstone.series.intersects(dropped) {
            return Some(Arc::clone(tombstone));
        }
        let rest = Tombstone { series: tombstone.series.without(dropped), ..(**tombstone).clone() };
        (!rest.series.is_empty() && self.needs_tombstone(&rest)).then(|| Arc::new(rest))
    }

    /// Drops the tombstones that no source needs, and updates the sets of series that the manifest stores.
    ///
    /// `flushed` is the index after the records that were flushed; `None` if none were.
    fn pruned(mut self, flushed: Option<&SeriesIndex>) -> Self {
        self.series = self.series.after_flush(self.flushed_seq, flushed);
        let has_unneeded = self.tombstones.iter().any(|tombstone| !self.needs_tombstone(tombstone));
        if has_unneeded {
            let needed = self.tombstones.iter().filter(|tombstone| self.needs_tombstone(tombstone));
            let needed: Vector<_> = needed.cloned().collect();
            self.tombstones = needed;
        }
        self
    }

    /// Returns the tombstones that are in the manifest, in the order of their seqs.
    ///
    /// A compaction applies only these. If it applied a delete that is only in the WAL, a power loss could take back
    /// the delete, but not its effect.
    pub(crate) fn durable_tombstones(&self) -> impl Iterator<Item = &Arc<Tombstone>> {
        self.tombstones.iter().take_while(|tombstone| tombstone.seq <= self.flushed_seq)
    }

    /// Returns the edit that makes the step from this version to a later one durable.
    ///
    /// Only what differs is visited: the two versions share the rest of their sets.
    ///
    /// Storage sets `series_log` and `next_file_id`, which are 0 here.
    pub(crate) fn edit_to(&self, next: &Self) -> VersionEdit {
        let ssts = self.ssts.changes_to(&next.ssts);
        let rules = next.cutoffs.rules().iter().zip(self.cutoffs.rules());
        let (added_tombstones, removed_tombstones) = self.tombstone_changes_to(next);
        // Those of the flushed records alone: a power loss may take back later records, which only the WAL has.
        let metadata = self.flushed_metadata.changes_to(&next.flushed_metadata);
        VersionEdit {
            added_ssts: ssts.added.iter().map(|sst| (**sst).clone()).collect(),
            removed_ssts: ssts.removed.iter().map(|sst| sst.id).collect(),
            flushed_seq: next.flushed_seq,
            wal_floor: next.wal_floor,
            // In the same edit that moves the floor past the WAL records of these tombstones.
            added_tombstones,
            removed_tombstones,
            cutoff: (next.cutoffs.global() != self.cutoffs.global()).then(|| next.cutoffs.global().unwrap_or(i64::MIN)),
            rule_cutoffs: rules
                .filter(|(rule, before)| rule.cutoff != before.cutoff)
                .map(|(rule, _)| (rule.selector.clone(), rule.cutoff.unwrap_or(i64::MIN)))
                .collect(),
            // Every edit has it, so that the grace that was served becomes durable without an edit of its own.
            retention: (*next.retention != RetentionProgress::default()).then(|| (*next.retention).clone()),
            metadata,
            next_series_id: next.series.next_id(),
            empty_series: self.series.empty_series().delta_to(next.series.empty_series()),
            ..VersionEdit::default()
        }
    }

    /// Returns the durable tombstones that the edit to a later version adds, and the seqs of those that it removes.
    fn tombstone_changes_to(&self, next: &Self) -> (Vec<Arc<Tombstone>>, Vec<u64>) {
        if self.tombstones.ptr_eq(&next.tombstones) {
            let newest_first = next.tombstones.iter().rev().skip_while(|tombstone| tombstone.seq > next.flushed_seq);
            let added = newest_first.take_while(|tombstone| tombstone.seq > self.flushed_seq);
            let mut added: Vec<_> = added.cloned().collect();
            added.reverse();
            return (added, Vec::new());
        }
        let kept: BTreeMap<u64, &SeriesSet> =
            next.durable_tombstones().map(|tombstone| (tombstone.seq, &tombstone.series)).collect();
        // A drop of definitions takes series from tombstones. From the first of these on, all are removed and added
        // again, since an edit adds tombstones in the order of their seqs.
        let is_smaller = |tombstone: &&Arc<Tombstone>| {
            kept.get(&tombstone.seq).is_some_and(|series| series.count() < tombstone.series.count())
        };
        let added_again_from = self.durable_tombstones().find(is_smaller).map_or(u64::MAX, |tombstone| tombstone.seq);
        let is_added = |seq: u64| seq > self.flushed_seq || seq >= added_again_from;
        let is_removed = |seq: &u64| *seq >= added_again_from || !kept.contains_key(seq);
        (
            next.durable_tombstones().filter(|tombstone| is_added(tombstone.seq)).cloned().collect(),
            self.durable_tombstones().map(|tombstone| tombstone.seq).filter(is_removed).collect(),
        )
    }

    /// Returns the newest timestamp in memtables and SSTs, hidden points included; `None` without points.
    pub(crate) fn newest_time(&self) -> Option<i64> {
        let frozen = self.frozen.iter().map(|frozen| &frozen.view);
        let memory = frozen.chain([&self.active]).filter_map(MemtableView::time_range).map(TimeRange::last);
        memory.chain(self.newest_flushed_time()).max()
    }

    /// Returns the time that retention may count ages from: the newest timestamp, or the wall clock if it is older.
    ///
    /// Neither a jump of the clock nor a point in the future alone moves it. `None` without points.
    pub(crate) fn claimed_time(&self, wall_clock_nanos: i64) -> Option<i64> {
        self.newest_time().map(|newest| newest.min(wall_clock_nanos))
    }

    /// Returns what retention observes at this wall clock, `elapsed` after its last observation.
    pub(crate) fn observation(&self, wall_clock_nanos: i64, elapsed: Duration, grace: Option<Duration>) -> Observation {
        Observation { claimed_time: self.claimed_time(wall_clock_nanos), wall_clock_nanos, elapsed, grace }
    }

    /// Returns the newest timestamp in SSTs, hidden points included; `None` without SSTs.
    pub(crate) fn newest_flushed_time(&self) -> Option<i64> {
        self.ssts.iter().map(|sst| sst.rectangle.times.last()).max()
    }

    /// Returns the number of points that are stored, hidden ones included.
    pub(crate) fn points(&self) -> u64 {
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.view.points()).sum();
        let flushed: u64 = self.ssts.iter().map(|sst| sst.points).sum();
        self.active.points() + frozen + flushed
    }

    /// Returns the first invariant between the parts of the version that is violated; `None` if all hold.
    pub(crate) fn violated_invariant(&self) -> Option<&'static str> {
        let rules = [
            (self.flushed_seq <= self.seq, "flushed_seq is greater than the newest seq"),
            (
                self.frozen.iter().all(|frozen| frozen.min_seq > self.flushed_seq),
                "a frozen memtable is already flushed",
            ),
            (self.frozen.windows(2).all(|pair| pair[0].max_seq < pair[1].min_seq), "frozen memtables overlap in seq"),
            (self.ssts.iter().all(|sst| sst.max_seq <= self.flushed_seq), "an SST has records after flushed_seq"),
            (self.tombstones.iter().is_sorted_by_key(|tombstone| tombstone.seq), "tombstones are out of order"),
            (!base_files_overlap(self.ssts.iter()), "two files of the base overlap"),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| *rule)
    }
}
