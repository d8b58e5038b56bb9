//! What the actors ask of durable storage, and nothing of how it is done.
//! The store implements it over WAL, manifest and SSTs; loom's models over a few locked values.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::memtable::Frozen;
use crate::point::PointColumns;
use crate::series::{SeriesDef, SeriesSet};
use crate::sync::Arc;
use crate::sync::atomic::AtomicU32;
use crate::version::pick::Plan;
use crate::version::{Cutoffs, Edit, FileId, SeriesIndex, SstMeta, Tombstone, Version};

/// One record of the total order: the series it makes and the points it holds, or a delete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRecord<'a> {
    pub(crate) seq: u64,
    pub(crate) definitions: &'a [Arc<SeriesDef>],
    pub(crate) points: PointColumns<'a>,
    /// Alone in its record; it bears the record's seq.
    pub(crate) delete: Option<&'a Tombstone>,
}

/// How an append failed.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// No byte of the group will ever be read: its segment was sealed before it. Writing may go on.
    Absent(Error),
    /// The group may or may not be there: only reopening decides.
    Unknown(Error),
}

/// What the writer owns: the WAL and the manifest.
pub(crate) trait Storage {
    /// Writes a group behind all before it. Not yet durable; an error is never repaired by a second try.
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError>;

    /// Makes every record appended so far durable.
    fn sync(&mut self) -> Result<()>;

    /// Leaves a durable word that everything so far was synced, so that no later damage to it passes as a torn tail.
    fn mark(&mut self) -> Result<()>;

    /// Begins a new segment, its predecessor synced and sealed, and names it. `Absent`: the old one goes on.
    fn rotate(&mut self) -> Result<FileId, AppendError>;

    /// Makes an edit durable, the definitions that it covers first.
    fn install(&mut self, edit: Edit, definitions: &[Arc<SeriesDef>]) -> Result<()>;

    /// Gives up the segments below the floor of the last installed edit.
    fn drop_segments(&mut self);

    /// Removes SSTs that no installed edit names and nobody reads any more.
    fn remove(&mut self, ids: &[FileId]);

    /// Tells those who ask from outside what only old snapshots and scans may still hold.
    fn note_retired(&mut self, pinned: Pinned);
}

/// What no version names any more and is still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pinned {
    pub(crate) files: PinnedSum,
    /// Whose points are in files, too.
    pub(crate) memtables: PinnedSum,
}

/// All of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PinnedSum {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// When the oldest of them was retired, by the timers' clock.
    pub(crate) since: Option<Duration>,
}

/// What the flusher owns: the making of SSTs.
pub(crate) trait Tables {
    /// Writes a frozen memtable as SSTs, durable when this returns. After an error no file is left behind.
    fn write(&mut self, job: &FlushJob) -> Result<Made>;
}

/// What the compactor owns: the merging of SSTs.
pub(crate) trait Merges {
    /// Writes the plan's inputs anew as its outputs, durable when this returns. After an error no output is left behind;
    /// the inputs are never touched.
    fn merge(&mut self, job: &MergeJob) -> Result<Made>;

    /// Those of the suspects of which the version shows no point.
    fn count(&mut self, job: &CensusJob) -> Result<SeriesSet>;
}

/// What to flush, and what decides where its files are cut.
#[derive(Debug, Clone)]
pub(crate) struct FlushJob {
    pub(crate) frozen: Arc<Frozen>,
    pub(crate) cutoffs: Cutoffs,
    pub(crate) newest_flushed_time: Option<i64>,
}

/// What to merge, and what must no longer be in the outcome.
#[derive(Debug, Clone)]
pub(crate) struct MergeJob {
    pub(crate) plan: Plan,
    /// The outputs', unless the plan names another.
    pub(crate) age: u64,
    pub(crate) series: SeriesIndex,
    /// Durable ones, in the order of their seqs: all of them are up to `flushed_seq`.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    pub(crate) cutoffs: Cutoffs,
    /// Every delete up to here has been carried out in the outputs.
    pub(crate) flushed_seq: u64,
    /// Not zero: nobody wants the outcome any more.
    pub(crate) cancel: Arc<AtomicU32>,
}

/// Whose points to look for.
#[derive(Debug, Clone)]
pub(crate) struct CensusJob {
    pub(crate) version: Arc<Version>,
    pub(crate) suspects: SeriesSet,
    /// Not zero: nobody wants the outcome any more.
    pub(crate) cancel: Arc<AtomicU32>,
}

/// Files that were made, durable, and what that took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    pub(crate) ssts: Vec<SstMeta>,
    pub(crate) took: Duration,
}

/// How the writer asks for messages at a later time; the only clock that actors know.
pub(crate) trait Timers {
    /// Sends `timer` to the writer after so long, once; replaces what was asked before for it.
    fn arm(&mut self, timer: Timer, after: Duration);

    /// The same, unless it is due by then already.
    fn arm_no_later(&mut self, timer: Timer, after: Duration);

    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// The wall clock, in nanoseconds since the Unix epoch. It may jump; nothing but retention looks at it.
    fn wall(&self) -> i64;
}

/// What may fall due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The writer was idle: leave a mark.
    Mark,
    /// The oldest write under `Durability::Interval` must be synced.
    Sync,
    /// The active memtable has waited long enough.
    Age,
    /// Try the failed flush again.
    Retry,
    /// Try to compact again after a failure.
    Compact,
    /// Look again which series have no point left.
    Census,
    /// Look what retention hides by now.
    Retain,
    /// Look whether retired files are still read.
    Sweep,
}

impl Timer {
    /// Each at the place that its number names.
    pub(crate) const ALL: [Self; 8] =
        [Self::Mark, Self::Sync, Self::Age, Self::Retry, Self::Compact, Self::Census, Self::Retain, Self::Sweep];
}

const _: () = {
    let mut at = 0;
    while at < Timer::ALL.len() {
        assert!(Timer::ALL[at] as usize == at, "whoever keeps timers by number finds another one");
        at += 1;
    }
};
