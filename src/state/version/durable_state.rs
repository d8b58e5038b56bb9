//! The durable state: the sum of all version edits. The full record of a manifest contains it.

use std::collections::{BTreeMap, BTreeSet};

use super::cutoffs::EncodedSelector;
use super::retention_progress::RetentionProgress;
use super::sst_set::NamedSsts;
use super::version_edit::{SeriesLogEnd, VersionEdit};
use crate::state::file_id::FileId;
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::empty_series::{EmptySeriesDelta, ManifestSeriesSets};
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;

/// Sum of all edits. Fields without a comment have the meaning that they have in [`VersionEdit`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DurableState {
    pub(crate) ssts: NamedSsts,
    pub(crate) flushed_seq: u64,
    pub(crate) wal_floor: FileId,
    pub(crate) series_log: SeriesLogEnd,
    pub(crate) next_series_id: u32,
    pub(crate) next_file_id: FileId,
    /// Durable tombstones in the order of their seqs.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    /// Global cutoff in nanoseconds since the Unix epoch; `None` if it hides nothing.
    pub(crate) cutoff: Option<i64>,
    /// Cutoffs of rules, by selector.
    pub(crate) rule_cutoffs: BTreeMap<EncodedSelector, i64>,
    pub(crate) retention: RetentionProgress,
    pub(crate) duplicates: DuplicatePolicy,
    pub(crate) series_sets: ManifestSeriesSets,
    /// Metadata of metrics after the records up to `flushed_seq`.
    pub(crate) metadata: MetadataMap,
    /// UUIDs of other databases that wrote SSTs of this one.
    /// None is ever removed: an unnamed SST whose header has one of these UUIDs is garbage of this database and not a
    /// foreign file.
    pub(crate) origins: BTreeSet<u128>,
}

impl DurableState {
    /// Applies one more edit. After an error the state is partly changed and must be discarded.
    ///
    /// # Errors
    /// The rule that the edit violates, as text; the caller adds file and offset.
    pub(crate) fn apply(&mut self, edit: &VersionEdit) -> Result<(), String> {
        self.check_monotonic(edit)?;
        self.apply_ssts(edit)?;
        self.apply_tombstones(edit)?;
        if let Some(cutoff) = edit.cutoff {
            self.cutoff = Some(cutoff).filter(|cutoff| *cutoff > i64::MIN);
        }
        for (selector, cutoff) in &edit.rule_cutoffs {
            if *cutoff > i64::MIN {
                self.rule_cutoffs.insert(selector.clone(), *cutoff);
            } else {
                self.rule_cutoffs.remove(selector);
            }
        }
        if let Some(retention) = &edit.retention {
            self.retention.clone_from(retention);
        }
        self.duplicates = edit.duplicates.unwrap_or(self.duplicates);
        if !edit.empty_series.is_empty() {
            let delta = &edit.empty_series;
            let ManifestSeriesSets { empty, candidates, unwritten } = &mut self.series_sets;
            *empty = empty.with_and_without(&delta.emptied, &delta.revived);
            *candidates = candidates.with_and_without(&delta.candidates_added, &delta.candidates_removed);
            *unwritten = unwritten.with_and_without(&delta.unwritten_added, &delta.unwritten_removed);
        }
        edit.metadata.iter().for_each(|change| self.metadata.apply(change));
        self.flushed_seq = edit.flushed_seq;
        self.wal_floor = edit.wal_floor;
        self.series_log = edit.series_log;
        self.next_series_id = self.next_series_id.max(edit.next_series_id);
        self.next_file_id = self.next_file_id.max(edit.next_file_id);
        Ok(())
    }

    fn check_monotonic(&self, edit: &VersionEdit) -> Result<(), String> {
        if edit.flushed_seq < self.flushed_seq {
            return Err(format!("flushed_seq moves back from {} to {}", self.flushed_seq, edit.flushed_seq));
        }
        if edit.wal_floor < self.wal_floor {
            let (from, to) = (self.wal_floor.get(), edit.wal_floor.get());
            return Err(format!("the WAL floor moves back from {from} to {to}"));
        }
        let (before, after) = (self.series_log, edit.series_log);
        if after.file < before.file {
            return Err(format!("the series log moves back from {} to {}", before.file.get(), after.file.get()));
        }
        if after.file == before.file && after.len < before.len {
            return Err("the length of the series log decreases".to_owned());
        }
        Ok(())
    }

    fn apply_ssts(&mut self, edit: &VersionEdit) -> Result<(), String> {
        for id in &edit.removed_ssts {
            if !self.ssts.remove(*id) {
                return Err(format!("SST {} is removed and does not exist", id.get()));
            }
        }
        for sst in &edit.added_ssts {
            if !self.ssts.insert(sst.clone()) {
                return Err(format!("SST {} is added twice", sst.id.get()));
            }
        }
        let foreign = edit.added_ssts.iter().map(|sst| sst.origin).filter(|origin| *origin != 0);
        self.origins.extend(foreign.chain(edit.origins.iter().copied()));
        Ok(())
    }

    fn apply_tombstones(&mut self, edit: &VersionEdit) -> Result<(), String> {
        for seq in &edit.removed_tombstones {
            let at = self.tombstones.iter().position(|tombstone| tombstone.seq == *seq);
            let at = at.ok_or_else(|| format!("the tombstone of record {seq} is removed and does not exist"))?;
            self.tombstones.remove(at);
        }
        for tombstone in &edit.added_tombstones {
            let is_after = self.tombstones.last().is_none_or(|last| last.seq < tombstone.seq);
            if tombstone.seq > edit.flushed_seq || !is_after {
                return Err(format!("the tombstone of record {} is out of order", tombstone.seq));
            }
            self.tombstones.push(Arc::clone(tombstone));
        }
        Ok(())
    }

    /// Drops the deletes that no SST needs: none that is older can have points that they hide.
    ///
    /// Valid only if every record is in SSTs. Without it a compaction would wait for such a delete to be applied, which
    /// no compaction can do.
    pub(crate) fn without_unneeded_tombstones(mut self) -> Self {
        let ssts = &self.ssts;
        let is_needed = |tombstone: &Arc<Tombstone>| {
            ssts.iter().any(|sst| sst.max_seq < tombstone.seq && tombstone.overlaps(&sst.rectangle))
        };
        self.tombstones.retain(is_needed);
        self
    }

    /// Returns the edit from the empty state to this one: the one full record of a rewritten manifest.
    pub(crate) fn as_edit(&self) -> VersionEdit {
        VersionEdit {
            added_ssts: self.ssts.iter().cloned().collect(),
            removed_ssts: Vec::new(),
            flushed_seq: self.flushed_seq,
            wal_floor: self.wal_floor,
            series_log: self.series_log,
            next_series_id: self.next_series_id,
            next_file_id: self.next_file_id,
            added_tombstones: self.tombstones.clone(),
            removed_tombstones: Vec::new(),
            cutoff: self.cutoff,
            rule_cutoffs: self.rule_cutoffs.iter().map(|(selector, cutoff)| (selector.clone(), *cutoff)).collect(),
            retention: (self.retention != RetentionProgress::default()).then(|| self.retention.clone()),
            duplicates: Some(self.duplicates),
            empty_series: EmptySeriesDelta {
                emptied: self.series_sets.empty.clone(),
                candidates_added: self.series_sets.candidates.clone(),
                unwritten_added: self.series_sets.unwritten.clone(),
                ..EmptySeriesDelta::default()
            },
            metadata: MetadataMap::default().changes_to(&self.metadata),
            origins: self.origins.iter().copied().collect(),
        }
    }
}
