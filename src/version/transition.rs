//! The steps from one version to the next. Each yields a whole new value, to be published in one store.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use im::Vector;

use super::pick::broken_base;
use super::tally::{Tally, Work};
use super::{Cutoffs, Durable, Edit, FileId, Hidden, SeriesIndex, SstMeta, Tombstone, Version};
use crate::memtable::{Frozen, View};
use crate::series::{SeriesDef, SeriesSet};
use crate::sync::Arc;

impl Version {
    /// The version of a database whose durable state is known and whose memtable is empty.
    pub(crate) fn opened(series: SeriesIndex, durable: &Durable, cutoffs: Cutoffs) -> Self {
        Self {
            seq: durable.flushed_seq,
            series,
            active: View::empty(),
            frozen: Vec::new(),
            ssts: oldest_first(durable.ssts.iter().cloned().map(Arc::new)),
            flushed_seq: durable.flushed_seq,
            floor: durable.floor,
            tombstones: durable.tombstones.iter().cloned().collect(),
            cutoffs,
            tally: Tally::default(),
        }
    }

    /// After a group of records: the points and the series they made become visible together.
    pub(crate) fn appended(&self, seq: u64, series: SeriesIndex, active: View) -> Self {
        debug_assert!(seq >= self.seq, "the order never goes back");
        Self { seq, series, active, ..self.clone() }
    }

    /// The same with a group's deletes, in the order of their seqs: of those that nothing older meets nothing is kept.
    pub(crate) fn with_deletes(mut self, deletes: impl IntoIterator<Item = Arc<Tombstone>>) -> Self {
        for tombstone in deletes {
            if self.needs(&tombstone) {
                self.tombstones.push_back(tombstone);
            }
        }
        self
    }

    /// Whether anything that was made before a delete may hold what it hides. Once it is not so, it never is again.
    fn needs(&self, tombstone: &Tombstone) -> bool {
        let frozen = self.frozen.iter().filter(|frozen| frozen.max_seq < tombstone.seq);
        #[cfg(feature = "mutant_tombstone_spares_what_is_in_flight")]
        let frozen = frozen.take(0);
        let mut times = frozen.filter_map(|frozen| frozen.view.times());
        times.any(|(first, last)| first <= tombstone.last_time && tombstone.first_time <= last)
            || self.ssts.iter().any(|sst| sst.max_seq < tombstone.seq && tombstone.meets(&sst.rectangle))
    }

    /// What is hidden of a series in a source that holds what records up to `max_seq` came to.
    pub(crate) fn hidden(&self, def: &SeriesDef, max_seq: u64) -> Hidden {
        #[cfg(feature = "mutant_tombstone_hides_what_comes_later")]
        let max_seq = max_seq.min(0);
        let newer = self.tombstones.iter().rev().take_while(|tombstone| tombstone.seq > max_seq);
        let deleted = newer.filter_map(|tombstone| tombstone.hides(def.id));
        Hidden::new(deleted.chain(self.cutoffs.hidden(def)).collect())
    }

    /// After a freeze: the active memtable is empty and its points are in the newest frozen one, in the same value.
    pub(crate) fn after_freeze(&self, frozen: Arc<Frozen>) -> Self {
        debug_assert!(self.frozen.last().is_none_or(|last| last.max_seq < frozen.min_seq));
        let mut next = Self { active: View::empty(), ..self.clone() };
        next.frozen.push(frozen);
        next
    }

    /// The durable numbers once the oldest frozen memtable is flushed: up to which seq, and the floor.
    fn flush_moves_to(&self) -> Option<(u64, FileId)> {
        #[cfg(feature = "mutant_wal_cut_to_newest_segment")]
        return self.frozen.first().zip(self.frozen.last()).map(|(first, last)| (first.max_seq, last.next_segment));
        #[cfg(not(feature = "mutant_wal_cut_to_newest_segment"))]
        self.frozen.first().map(|frozen| (frozen.max_seq, frozen.next_segment))
    }

    /// After an installed flush: the oldest frozen memtable is gone and its SSTs are there, in the same value.
    ///
    /// `None` if `generation` is not the oldest: such a report is not acted on.
    pub(crate) fn after_flush(&self, generation: u64, ssts: Vec<Arc<SstMeta>>, work: &Work) -> Option<Self> {
        let (oldest, rest) = self.frozen.split_first()?;
        if oldest.generation != generation {
            return None;
        }
        let (flushed_seq, floor) = self.flush_moves_to()?;
        let mut next = Self {
            frozen: rest.to_vec(),
            ssts: oldest_first(self.ssts.iter().cloned().chain(ssts)),
            flushed_seq,
            floor,
            ..self.clone()
        };
        next.tally.flushes.add(work);
        Some(next.settled())
    }

    /// After an installed compaction: its inputs are gone, by id, and its outputs there, in the same value.
    ///
    /// `None` if an input is not in this version: such a report is not acted on.
    pub(crate) fn after_compaction(&self, inputs: &[FileId], outputs: Vec<Arc<SstMeta>>, work: &Work) -> Option<Self> {
        let mut gone: BTreeSet<FileId> = inputs.iter().copied().collect();
        let kept: Vec<Arc<SstMeta>> = self.ssts.iter().filter(|sst| !gone.remove(&sst.id)).cloned().collect();
        #[cfg(feature = "mutant_stale_plan_is_installed")]
        gone.clear();
        if !gone.is_empty() {
            return None;
        }
        #[cfg(feature = "mutant_compaction_replaces_all_ssts")]
        let kept = kept[kept.len()..].to_vec();
        let mut next = Self { ssts: oldest_first(kept.into_iter().chain(outputs)), ..self.clone() };
        next.tally.compactions.add(work);
        Some(next.settled())
    }

    /// With later cutoffs, and without the files that they or a durable delete hide whole, those aside that are `busy`.
    pub(crate) fn after_retention(&self, cutoffs: Cutoffs, busy: &[FileId]) -> Self {
        let all = cutoffs.all();
        let hidden_whole = |sst: &SstMeta| {
            all.is_some_and(|cutoff| sst.rectangle.last_time < cutoff)
                || self
                    .durable_tombstones()
                    .any(|tombstone| tombstone.seq > sst.max_seq && tombstone.covers(&sst.rectangle))
        };
        let stays = |sst: &&Arc<SstMeta>| busy.contains(&sst.id) || !hidden_whole(sst);
        let kept: Vec<Arc<SstMeta>> = self.ssts.iter().filter(stays).cloned().collect();
        let dropped = self.ssts.len() - kept.len();
        let mut next = Self { cutoffs, ..self.clone() };
        if dropped == 0 {
            // Looked for again and again: what is settled by now waits for the next edit.
            return next;
        }
        next.tally.files_dropped += dropped as u64;
        next.ssts = kept.into();
        next.settled()
    }

    /// After a look at the suspects that are `cleared`: in the version of `seq` it found no point of those that are `gone`,
    /// and none was written since.
    pub(crate) fn after_census(&self, seq: u64, cleared: &SeriesSet, gone: &SeriesSet) -> Self {
        let mut next = self.clone();
        next.series.clear(cleared);
        // The manifest hears of it once that record is in SSTs: what hid the points may come from it.
        next.series.found_gone(seq, gone);
        next.settled()
    }

    /// Before an edit: without what nothing needs any more, and with all that the manifest may hear by now.
    fn settled(mut self) -> Self {
        self.series = self.series.settled(self.flushed_seq);
        let needless = self.tombstones.iter().any(|tombstone| !self.needs(tombstone));
        if needless {
            let needed: Vector<_> = self.tombstones.iter().filter(|tombstone| self.needs(tombstone)).cloned().collect();
            self.tombstones = needed;
        }
        self
    }

    /// Those that are in the manifest: what a merge carries out must not vanish in a power loss.
    pub(crate) fn durable_tombstones(&self) -> impl Iterator<Item = &Arc<Tombstone>> {
        self.tombstones.iter().take_while(|tombstone| tombstone.seq <= self.flushed_seq)
    }

    /// The edit that makes the step from this version to a later one durable.
    pub(crate) fn edit_to(&self, next: &Self) -> Edit {
        let ids = |version: &Self| version.ssts.iter().map(|sst| sst.id).collect::<BTreeSet<_>>();
        let (before, after) = (ids(self), ids(next));
        let kept: BTreeSet<u64> = next.durable_tombstones().map(|tombstone| tombstone.seq).collect();
        let rules = next.cutoffs.rules().iter().zip(self.cutoffs.rules());
        Edit {
            added: next.ssts.iter().filter(|sst| !before.contains(&sst.id)).map(|sst| (**sst).clone()).collect(),
            removed: before.difference(&after).copied().collect(),
            flushed_seq: next.flushed_seq,
            floor: next.floor,
            // With the floor that passes their WAL records.
            #[cfg(feature = "mutant_tombstone_goes_with_its_segment")]
            buried: Vec::new(),
            #[cfg(not(feature = "mutant_tombstone_goes_with_its_segment"))]
            buried: next.durable_tombstones().filter(|tombstone| tombstone.seq > self.flushed_seq).cloned().collect(),
            forgotten: self
                .durable_tombstones()
                .map(|tombstone| tombstone.seq)
                .filter(|seq| !kept.contains(seq))
                .collect(),
            cutoff: next.cutoffs.all().filter(|all| Some(*all) > self.cutoffs.all()).unwrap_or(i64::MIN),
            cutoffs: rules
                .filter(|(rule, before)| rule.cutoff > before.cutoff)
                .filter_map(|(rule, _)| Some((rule.select.clone(), rule.cutoff?)))
                .collect(),
            gone: self.series.gone().step_to(next.series.gone()),
            ..Edit::default()
        }
    }

    /// The newest timestamp of anything that is here.
    pub(crate) fn newest_time(&self) -> Option<i64> {
        let frozen = self.frozen.iter().map(|frozen| &frozen.view);
        let memory = frozen.chain([&self.active]).filter_map(View::times).map(|(_, last)| last);
        memory.chain(self.newest_flushed_time()).max()
    }

    /// The same of the SSTs alone.
    pub(crate) fn newest_flushed_time(&self) -> Option<i64> {
        self.ssts.iter().map(|sst| sst.rectangle.last_time).max()
    }

    /// Points that readers of this version can meet.
    pub(crate) fn points(&self) -> u64 {
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.view.points()).sum();
        let flushed: u64 = self.ssts.iter().map(|sst| sst.points).sum();
        self.active.points() + frozen + flushed
    }

    /// The rules that hold between its parts at every moment; the first that does not.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let rules = [
            (self.flushed_seq <= self.seq, "flushed_seq lies behind the newest record"),
            (
                self.frozen.iter().all(|frozen| frozen.min_seq > self.flushed_seq),
                "a frozen memtable is already flushed",
            ),
            (self.frozen.windows(2).all(|pair| pair[0].max_seq < pair[1].min_seq), "frozen memtables overlap in seq"),
            (self.ssts.iter().all(|sst| sst.max_seq <= self.flushed_seq), "an SST holds what is not flushed"),
            (self.ssts.is_sorted_by_key(|sst| order(sst)), "SSTs are out of order"),
            (self.tombstones.iter().is_sorted_by_key(|tombstone| tombstone.seq), "tombstones are out of order"),
            (!broken_base(&self.ssts), "two files of the base overlap"),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| *rule)
    }
}

/// The order in which sources are merged: by level from the base up, then by age.
fn order(sst: &SstMeta) -> (Reverse<u8>, u64) {
    (Reverse(sst.level), sst.age)
}

fn oldest_first(ssts: impl Iterator<Item = Arc<SstMeta>>) -> Arc<[Arc<SstMeta>]> {
    let mut ssts: Vec<_> = ssts.collect();
    ssts.sort_by_key(|sst| order(sst));
    ssts.into()
}
