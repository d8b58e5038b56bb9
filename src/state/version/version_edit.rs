//! A version edit: the difference between two versions, stored as one record of the manifest.
//!
//! A crash leaves the record complete or without effect. The sum of all edits is the
//! [`DurableState`](super::DurableState).

use super::cutoffs::EncodedSelector;
use super::retention_progress::RetentionProgress;
use super::sst::SstMeta;
use crate::state::file_id::FileId;
use crate::state::metric_metadata::MetadataChange;
use crate::state::series_index::empty_series::EmptySeriesDelta;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;

/// File of the series log, and its valid length in bytes. Both are 0 until an opening or a backup creates the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SeriesLogEnd {
    pub(crate) file: FileId,
    pub(crate) len: u64,
}

/// One step from a durable state to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct VersionEdit {
    pub(crate) added_ssts: Vec<SstMeta>,
    pub(crate) removed_ssts: Vec<FileId>,
    /// Every record up to this seq is in SSTs; replay skips these records.
    pub(crate) flushed_seq: u64,
    /// The first WAL segment that is still needed.
    /// It moves in the edit that adds the SSTs with the records of the older segments: if it moved earlier, a crash
    /// could lose these records.
    pub(crate) wal_floor: FileId,
    /// File and valid length of the series log: the definitions up to `flushed_seq` that were not dropped lie below it.
    pub(crate) series_log: SeriesLogEnd,
    /// An id above every series id that was assigned before the edit. Ids of dropped definitions are not used again.
    pub(crate) next_series_id: u32,
    /// An id above every id that was allocated before the edit.
    pub(crate) next_file_id: FileId,
    /// Deletes that became durable with `flushed_seq` and may overlap an older source, in the order
    /// of their seqs.
    ///
    /// An edit that drops definitions takes them from the tombstones: it removes the first tombstone that names one and
    /// all later ones, and adds what is left of them.
    pub(crate) added_tombstones: Vec<Arc<Tombstone>>,
    /// Seqs of durable tombstones that overlap no older source any more, or that are added again with fewer series.
    pub(crate) removed_tombstones: Vec<u64>,
    /// New global cutoff in nanoseconds since the Unix epoch, which hides nothing if it is `i64::MIN`.
    ///
    /// `None` if it did not move. An edit that takes a cutoff back follows the WAL record of a delete, which hides what
    /// the cutoff hid.
    pub(crate) cutoff: Option<i64>,
    /// New cutoffs of the rules whose cutoff moved, each with the selector of its rule; `i64::MIN` hides nothing.
    pub(crate) rule_cutoffs: Vec<(EncodedSelector, i64)>,
    /// Progress of retention, which replaces the former one; `None` leaves it.
    pub(crate) retention: Option<RetentionProgress>,
    /// Duplicate policy of new series that choose none; `None` if it did not change.
    pub(crate) duplicates: Option<DuplicatePolicy>,
    pub(crate) empty_series: EmptySeriesDelta,
    /// Changes of the metadata of metrics by the records that became flushed, sorted by metric, each metric once.
    pub(crate) metadata: Vec<MetadataChange>,
    /// UUIDs of other databases that wrote SSTs of this one, even if none of these SSTs is left.
    /// A backup starts with such SSTs. The origins of `added_ssts` need not be listed.
    pub(crate) origins: Vec<u128>,
}

impl VersionEdit {
    /// Returns `true` if the edit moves a cutoff.
    pub(crate) fn moves_cutoffs(&self) -> bool {
        self.cutoff.is_some() || !self.rule_cutoffs.is_empty()
    }

    /// Returns `true` if the edit moves a cutoff but not the WAL floor, which is `floor` before it.
    ///
    /// It may release no file, so nothing would reveal its loss.
    pub(crate) fn moves_cutoffs_alone(&self, floor: FileId) -> bool {
        self.moves_cutoffs() && self.wal_floor == floor
    }
}
