//! The version: one immutable state of the database, and the pure steps from one version to the next.
//!
//! ```text
//!                  after_commit, with_tombstones, after_freeze, after_flush, after_compaction,
//!   Version n  --  after_retention, after_empty_series_check, after_drop  -->  Version n+1
//!                                     |
//!                                     +-- edit_to --> VersionEdit --> the manifest --> DurableState
//! ```
//!
//! - `transitions`: the steps from one version to the next, and the edit between two versions.
//! - `sst_set`: the SSTs of a version, whose changes an edit contains.
//! - `retention_progress`: which moves of a cutoff are explained, and which wait.
//! - [`pick`]: which files are compacted next, and where output files are split.
//! - `recovery`: which files of a directory an opening uses, replays or removes.
//!
//! No code here does I/O, awaits, or reads a clock, so every decision can be tested and model-checked.

mod cutoffs;
mod durable_state;
mod dyadic_box;
mod job_counters;
pub(crate) mod pick;
mod recovery;
mod retention_progress;
mod sst;
mod sst_set;
mod transitions;
mod version_edit;

pub(crate) use cutoffs::{Cutoffs, EncodedSelector, RetentionRule};
pub(crate) use durable_state::DurableState;
pub(crate) use dyadic_box::DyadicBox;
pub(crate) use job_counters::{JobCounters, MaintenanceCounters};
pub(crate) use recovery::{
    ManifestState, RecoveryInput, RecoveryPlan, RecoveryRefusal, ReplayEnd, SegmentSummary, plan_recovery,
};
pub(crate) use retention_progress::{
    AgeLimit, AgeProgress, CLOCK_BEHIND_WAIT, Observation, PendingAge, PendingTime, RetentionProgress, UNLIMITED_AGE,
    age_nanos, shortest_age,
};
#[cfg(test)]
pub(crate) use sst::LAST_TIER;
pub(crate) use sst::{BASE, L0, SstMeta};
pub(crate) use sst_set::SstSet;
pub(crate) use version_edit::{SeriesLogEnd, VersionEdit};

use im::Vector;

use crate::state::file_id::FileId;
use crate::state::memtable::{FrozenMemtable, MemtableView};
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;

/// One state of the database.
///
/// It is replaced as a whole and never changed, so a reader that holds one sees no change.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// Seq of the newest visible record.
    pub(crate) seq: u64,
    pub(crate) series: SeriesIndex,
    /// Metadata of metrics after record `seq`.
    pub(crate) metadata: MetadataMap,
    /// Metadata of metrics after record `flushed_seq`: those that the manifest has.
    pub(crate) flushed_metadata: MetadataMap,
    pub(crate) active: MemtableView,
    /// Memtables that wait to be flushed, oldest first.
    pub(crate) frozen: Vec<Arc<FrozenMemtable>>,
    /// Oldest first: by level from the base to L0, then by generation.
    pub(crate) ssts: SstSet,
    /// Every record up to this seq is in SSTs.
    pub(crate) flushed_seq: u64,
    /// The first WAL segment that is still needed.
    pub(crate) wal_floor: FileId,
    /// Deletes that may hide points of an older SST or frozen memtable, in the order of their seqs.
    /// Those up to `flushed_seq` are in the manifest, the others in the WAL.
    pub(crate) tombstones: Vector<Arc<Tombstone>>,
    pub(crate) cutoffs: Cutoffs,
    /// Cutoffs that were taken back, and the seq of the delete that hides what they hid; see `flushed_cutoffs`.
    pub(crate) earlier_cutoffs: Option<(u64, Cutoffs)>,
    /// Seq of the newest delete of everything up to a time that an opening replayed into memory; 0 if there is none.
    ///
    /// A cutoff may have been taken back behind it, and the opening does not know which.
    pub(crate) replayed_delete_seq: u64,
    /// Progress of retention as of the last edit of the manifest, or of the opening.
    pub(crate) retention: Arc<RetentionProgress>,
    /// Counters of flushes, compactions and dropped files since the opening.
    pub(crate) counters: MaintenanceCounters,
}
