//! What readers see, as one immutable value, and the pure rules that lead from one value to the next.
//! Nothing here does I/O, awaits, or reads a clock, so that every decision can be tested and model-checked.

mod cutoffs;
mod dyadic;
mod edit;
mod file_ids;
mod gone;
mod hidden;
mod id_bits;
pub(crate) mod pick;
mod purge;
mod recover;
mod series_index;
mod sst;
mod tally;
mod tombstone;
mod transition;

pub(crate) use cutoffs::{Cutoffs, Rule};
pub(crate) use dyadic::DyadicBox;
pub(crate) use edit::{Durable, Edit};
pub(crate) use file_ids::FileIds;
pub(crate) use gone::GoneStep;
pub(crate) use hidden::Hidden;
pub(crate) use id_bits::IdBits;
pub(crate) use purge::pick_purge;
pub(crate) use recover::{Found, FoundManifest, FoundSegment, Recovery, RecoveryFault, ReplayEnd, recover};
pub(crate) use series_index::{Made, Making, SeriesIndex};
#[cfg(test)]
pub(crate) use sst::LAST_TIER;
pub(crate) use sst::{BASE, FileId, L0, Rectangle, SstMeta};
pub(crate) use tally::{Tally, Work};
pub(crate) use tombstone::Tombstone;

use im::Vector;

use crate::memtable::{Frozen, View};
use crate::sync::Arc;

/// One state of the database. Replaced whole, never patched: a reader that holds one sees nothing move.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// The newest record that readers see.
    pub(crate) seq: u64,
    pub(crate) series: SeriesIndex,
    pub(crate) active: View,
    /// Waiting to be flushed, oldest first.
    pub(crate) frozen: Vec<Arc<Frozen>>,
    /// Oldest first, by level and age.
    pub(crate) ssts: Arc<[Arc<SstMeta>]>,
    /// Everything up to it is in SSTs.
    pub(crate) flushed_seq: u64,
    /// The first WAL segment not yet deletable.
    pub(crate) floor: FileId,
    /// Deletes that something older than they may need, in the order of their seqs. Those up to `flushed_seq` are in the
    /// manifest, the others in the WAL.
    pub(crate) tombstones: Vector<Arc<Tombstone>>,
    pub(crate) cutoffs: Cutoffs,
    /// What flushes and compactions did since the opening.
    pub(crate) tally: Tally,
}
