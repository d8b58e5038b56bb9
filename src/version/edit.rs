//! A change of what is durable outside the WAL: one manifest record, applied whole or not at all.
//! `Durable` is what all edits so far add up to.

use super::sst::{FileId, SstMeta};

/// One step from a durable state to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
        }
    }
}
