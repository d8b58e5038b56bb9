//! A version edit: the difference between two versions, stored as one record of the manifest.
//!
//! A crash leaves the record complete or without effect. The sum of all edits is the
//! [`DurableState`](super::DurableState).

use super::cutoffs::EncodedSelector;
use super::retention_progress::RetentionProgress;
use super::sst::SstMeta;
use crate::state::file_id::FileId;
use crate::state::series_index::empty_series::EmptySeriesDelta;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;

/// One step from a durable state to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionEdit {
    pub(crate) added_ssts: Vec<SstMeta>,
    pub(crate) removed_ssts: Vec<FileId>,
    /// Every record up to this seq is in SSTs; replay skips these records.
    pub(crate) flushed_seq: u64,
    /// The first WAL segment that is still needed.
    /// It moves in the edit that adds the SSTs with the records of the older segments: if it moved earlier, a crash
    /// could lose these records.
    pub(crate) wal_floor: FileId,
    /// Valid length of the series log in bytes: the definitions up to `flushed_seq` lie below it.
    pub(crate) series_log_len: u64,
    /// An id above every id that was allocated before the edit.
    pub(crate) next_file_id: FileId,
    /// Deletes that became durable with `flushed_seq` and may overlap an older source, in the order
    /// of their seqs.
    pub(crate) added_tombstones: Vec<Arc<Tombstone>>,
    /// Seqs of durable tombstones that overlap no older source any more.
    pub(crate) removed_tombstones: Vec<u64>,
    /// New global cutoff in nanoseconds since the Unix epoch; `i64::MIN` if it did not move.
    pub(crate) cutoff: i64,
    /// New cutoffs of the rules whose cutoff moved, each with the selector of its rule.
    pub(crate) rule_cutoffs: Vec<(EncodedSelector, i64)>,
    /// New progress of retention; `None` if it did not change.
    pub(crate) retention: Option<RetentionProgress>,
    /// Duplicate policy of new series that choose none; `None` if it did not change.
    pub(crate) duplicates: Option<DuplicatePolicy>,
    pub(crate) empty_series: EmptySeriesDelta,
    /// UUIDs of other databases that wrote SSTs of this one, even if none of these SSTs is left.
    /// A backup starts with such SSTs. The origins of `added_ssts` need not be listed.
    pub(crate) origins: Vec<u128>,
}

impl Default for VersionEdit {
    fn default() -> Self {
        Self {
            added_ssts: Vec::new(),
            removed_ssts: Vec::new(),
            flushed_seq: 0,
            wal_floor: FileId::default(),
            series_log_len: 0,
            next_file_id: FileId::default(),
            added_tombstones: Vec::new(),
            removed_tombstones: Vec::new(),
            cutoff: i64::MIN,
            rule_cutoffs: Vec::new(),
            retention: None,
            duplicates: None,
            empty_series: EmptySeriesDelta::default(),
            origins: Vec::new(),
        }
    }
}

impl VersionEdit {
    /// Returns `true` if the edit moves a cutoff.
    pub(crate) fn moves_cutoffs(&self) -> bool {
        self.cutoff > i64::MIN || !self.rule_cutoffs.is_empty()
    }
}
