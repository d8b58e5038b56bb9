//! A change of what is durable outside the WAL: one manifest record, applied whole or not at all.
//! `Durable` is what all edits so far add up to.

use std::collections::{BTreeMap, BTreeSet};

use super::gone::GoneStep;
use super::sst::{FileId, SstMeta};
use super::tombstone::Tombstone;
use crate::options::Duplicates;
use crate::series::SeriesSet;
use crate::sync::Arc;

/// One step from a durable state to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) added: Vec<SstMeta>,
    /// By id, never by position.
    pub(crate) removed: Vec<FileId>,
    /// Everything up to this seq is in SSTs: replay skips it.
    pub(crate) flushed_seq: u64,
    /// The first WAL segment not yet deletable. It moves in the same edit as the SST that makes it movable; else
    /// replay would double its points.
    pub(crate) floor: FileId,
    /// The valid length of the series log: definitions up to `flushed_seq` lie below it.
    pub(crate) series_log_len: u64,
    /// The id above every id given so far.
    pub(crate) next_file: FileId,
    /// Deletes whose WAL record the floor passes, and which something older than they may still need.
    pub(crate) buried: Vec<Arc<Tombstone>>,
    /// Tombstones, by seq, that nothing older meets any more.
    pub(crate) forgotten: Vec<u64>,
    /// Time before which retention hides everything; `i64::MIN` hides nothing.
    pub(crate) cutoff: i64,
    /// The same for the series that a selector names, by the selector's text.
    pub(crate) cutoffs: Vec<(String, i64)>,
    /// What series do with duplicates unless they say otherwise; `None` leaves it as it was.
    pub(crate) duplicates: Option<Duplicates>,
    pub(crate) gone: GoneStep,
    /// Databases whose SSTs this one was made of, whether it still has any of them; those of `added` go without saying.
    pub(crate) origins: Vec<u128>,
}

impl Default for Edit {
    fn default() -> Self {
        Self {
            added: Vec::new(),
            removed: Vec::new(),
            flushed_seq: 0,
            floor: FileId::default(),
            series_log_len: 0,
            next_file: FileId::default(),
            buried: Vec::new(),
            forgotten: Vec::new(),
            cutoff: i64::MIN,
            cutoffs: Vec::new(),
            duplicates: None,
            gone: GoneStep::default(),
            origins: Vec::new(),
        }
    }
}

impl Edit {
    /// Whether it hides more than was hidden before.
    pub(crate) fn moves_cutoffs(&self) -> bool {
        self.cutoff > i64::MIN || !self.cutoffs.is_empty()
    }
}

/// The sum of all edits: what the manifest's full record holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Durable {
    /// In the order of their install.
    pub(crate) ssts: Vec<SstMeta>,
    pub(crate) flushed_seq: u64,
    pub(crate) floor: FileId,
    pub(crate) series_log_len: u64,
    pub(crate) next_file: FileId,
    /// In the order of their seqs.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    /// `None`: nothing is hidden.
    pub(crate) cutoff: Option<i64>,
    pub(crate) cutoffs: BTreeMap<String, i64>,
    pub(crate) duplicates: Duplicates,
    /// Series of which no point is left up to `flushed_seq`.
    pub(crate) gone: SeriesSet,
    /// Series of which someone must look whether it is so.
    pub(crate) suspects: SeriesSet,
    /// Never fewer: an SST of theirs that no edit names any more is this database's garbage, not a stranger.
    pub(crate) origins: BTreeSet<u128>,
}

impl Durable {
    /// The state after one more edit.
    ///
    /// # Errors
    /// The rule that the edit breaks; the caller names file and offset.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<(), String> {
        if edit.flushed_seq < self.flushed_seq {
            return Err(format!("flushed_seq goes back from {} to {}", self.flushed_seq, edit.flushed_seq));
        }
        if edit.floor < self.floor {
            return Err(format!("the floor goes back from {} to {}", self.floor.get(), edit.floor.get()));
        }
        if edit.series_log_len < self.series_log_len {
            return Err("the series log shrinks".to_owned());
        }
        for id in &edit.removed {
            let at = self.ssts.iter().position(|sst| sst.id == *id);
            let at = at.ok_or_else(|| format!("SST {} is removed and was not there", id.get()))?;
            self.ssts.remove(at);
        }
        for sst in &edit.added {
            if self.ssts.iter().any(|other| other.id == sst.id) {
                return Err(format!("SST {} is added twice", sst.id.get()));
            }
            self.ssts.push(sst.clone());
        }
        let foreign = edit.added.iter().map(|sst| sst.origin).filter(|origin| *origin != 0);
        self.origins.extend(foreign.chain(edit.origins.iter().copied()));
        for seq in &edit.forgotten {
            let at = self.tombstones.iter().position(|tombstone| tombstone.seq == *seq);
            let at = at.ok_or_else(|| format!("the delete of record {seq} is forgotten and was not there"))?;
            self.tombstones.remove(at);
        }
        for tombstone in &edit.buried {
            if tombstone.seq > edit.flushed_seq || self.tombstones.last().is_some_and(|last| last.seq >= tombstone.seq)
            {
                return Err(format!("the delete of record {} is out of order", tombstone.seq));
            }
            self.tombstones.push(Arc::clone(tombstone));
        }
        if edit.cutoff > i64::MIN {
            self.cutoff = self.cutoff.max(Some(edit.cutoff));
        }
        for (select, cutoff) in &edit.cutoffs {
            let known = self.cutoffs.entry(select.clone()).or_insert(*cutoff);
            *known = (*known).max(*cutoff);
        }
        self.duplicates = edit.duplicates.unwrap_or(self.duplicates);
        if !edit.gone.is_empty() {
            let GoneStep { gone, back, suspected, cleared } = &edit.gone;
            self.gone = self.gone.moved(gone, back);
            self.suspects = self.suspects.moved(suspected, cleared);
        }
        self.flushed_seq = edit.flushed_seq;
        self.floor = edit.floor;
        self.series_log_len = edit.series_log_len;
        self.next_file = self.next_file.max(edit.next_file);
        Ok(())
    }

    /// The edit that leads from nothing to this state: a rewritten manifest's one full record.
    pub(crate) fn as_edit(&self) -> Edit {
        Edit {
            added: self.ssts.clone(),
            removed: Vec::new(),
            flushed_seq: self.flushed_seq,
            floor: self.floor,
            series_log_len: self.series_log_len,
            next_file: self.next_file,
            buried: self.tombstones.clone(),
            forgotten: Vec::new(),
            cutoff: self.cutoff.unwrap_or(i64::MIN),
            cutoffs: self.cutoffs.iter().map(|(select, cutoff)| (select.clone(), *cutoff)).collect(),
            duplicates: Some(self.duplicates),
            gone: GoneStep { gone: self.gone.clone(), suspected: self.suspects.clone(), ..GoneStep::default() },
            origins: self.origins.iter().copied().collect(),
        }
    }
}
