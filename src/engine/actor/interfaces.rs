//! The traits and job types through which the actors reach storage and timers.
//!
//! The store implements the traits over WAL, manifest and SSTs; the loom models implement them over a few locked
//! values. Apart from the traits, the actors use no file, no runtime and no clock.

use std::time::Duration;

use crate::state::file_id::FileId;
use crate::state::log_record::{AppendError, LogRecord};
use crate::state::memtable::FrozenMemtable;
use crate::state::series_index::SeriesIndex;
use crate::state::tombstone::Tombstone;
use crate::state::version::pick::CompactionPlan;
use crate::state::version::{Cutoffs, SstMeta, Version, VersionEdit};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesInfo, SeriesSet};

/// Storage that the writer owns: the WAL and the manifest.
pub(crate) trait WriterStorage {
    /// Appends a group after all earlier groups, without making it durable.
    ///
    /// A group whose append failed is not appended again. The error states whether the group may be in the WAL.
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError>;

    /// Makes every record appended so far durable.
    fn sync(&mut self) -> Result<()>;

    /// Syncs, then writes a durable sync mark if records follow the last mark.
    ///
    /// Later damage to the records before the mark is then not taken for a torn tail, and a process that reads beside this
    /// one shows them. After [`NotWritten`](AppendError::NotWritten) they are synced, and a later call writes the mark.
    fn write_sync_mark(&mut self) -> Result<(), AppendError>;

    /// Syncs and seals the current segment, starts the next one and returns its id.
    ///
    /// After [`NotWritten`](AppendError::NotWritten) the current segment stays in use.
    fn rotate_wal(&mut self) -> Result<FileId, AppendError>;

    /// Makes an edit durable, after the series definitions that it covers.
    ///
    /// The error states whether the edit may be durable.
    fn commit_edit(&mut self, edit: VersionEdit, definitions: &[Arc<SeriesInfo>]) -> Result<(), AppendError>;

    /// Returns the lack of space because of which only groups of deletes are appended; `None` if there is none.
    ///
    /// It lasts until [`restore_reserves`](Self::restore_reserves) succeeds.
    fn no_space(&self) -> Option<&Error>;

    /// Makes the reserves that a failed append and a manifest edit need on a full disk, unless they exist.
    fn restore_reserves(&mut self);

    /// Removes the spare WAL segments, to make room on a full disk.
    fn give_up_spares(&mut self);

    /// Removes the spare WAL segments and the unused end of the current one: nothing is appended any more.
    fn remove_unused_wal_space(&mut self);

    /// Writes a new series log with exactly these definitions, in the order of their ids. The next edit names it.
    ///
    /// The definitions are those up to the `flushed_seq` of the last edit, except the dropped ones. After an error
    /// nothing has changed.
    fn prepare_series_log(&mut self, definitions: &[Arc<SeriesInfo>]) -> Result<()>;

    /// Recycles or removes the WAL segments below the floor of the last committed edit.
    fn drop_wal_segments(&mut self);

    /// Removes SSTs that the committed state does not contain and no reader holds.
    fn remove_ssts(&mut self, ids: &[FileId]);

    /// Publishes the totals of the retired resources for `Stats`.
    fn report_pins(&mut self, pinned: PinStats);

    /// Publishes for `Stats` that the database became read-only, and at which time of the wall clock.
    ///
    /// Called at most once.
    fn report_read_only(&mut self, cause: &Error, wall_clock_nanos: i64);

    /// Publishes for `Stats` the error of the last flush, `None` after a success, at this time of the wall clock.
    fn report_failed_flush(&mut self, error: Option<&Error>, wall_clock_nanos: i64);
}

/// Totals of retired SSTs that are not removed yet, and of retired memtables that are still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PinStats {
    pub(crate) files: PinTotal,
    /// Flushed memtables; their points are in SSTs, too.
    pub(crate) memtables: PinTotal,
}

/// Total of one kind of retired resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PinTotal {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// [`Timers::monotonic_now`] when the first of them was retired; `None` if there are none.
    pub(crate) oldest_retired_at: Option<Duration>,
}

/// Writer of SSTs, owned by the flusher.
pub(crate) trait FlushExecutor {
    /// Writes the visible points of a frozen memtable as SSTs, and makes them durable.
    ///
    /// After an error no file is left, unless its removal fails.
    fn flush(&mut self, job: &FlushJob) -> Result<JobOutput>;
}

/// Reader and writer of SSTs, owned by the compactor.
pub(crate) trait CompactionExecutor {
    /// Rewrites the inputs of the plan as SSTs, which are durable when this returns.
    ///
    /// After an error no output is left, unless its removal fails. The inputs are never changed. The error of a
    /// cancelled job is `Closed`.
    fn compact(&mut self, job: &CompactionJob) -> Result<JobOutput>;

    /// Finds the candidates without a visible point in the version, and the empty series that no SST names.
    ///
    /// The error of a cancelled job is `Closed`.
    fn find_empty_series(&mut self, job: &EmptySeriesJob) -> Result<EmptySeriesFound>;
}

/// Flag that cancels the compactor's jobs. All clones share it.
#[derive(Debug, Clone)]
pub(crate) struct CancelFlag(Arc<AtomicU32>);

impl CancelFlag {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU32::new(0)))
    }

    /// Sets the flag, which cannot be cleared.
    pub(crate) fn set(&self) {
        self.0.store(1, Ordering::Release);
    }

    /// Returns the error `Closed` if the flag is set.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) == 0 { Ok(()) } else { Err(Error::Closed) }
    }
}

/// Input of one flush.
#[derive(Debug, Clone)]
pub(crate) struct FlushJob {
    pub(crate) frozen: Arc<FrozenMemtable>,
    /// Points that the cutoffs hide are not written.
    pub(crate) cutoffs: Cutoffs,
    /// Newest timestamp in SSTs. Points up to this time go to files of their own.
    pub(crate) newest_flushed_time: Option<i64>,
}

/// Input of one compaction: the plan, and the deletes and cutoffs to apply.
#[derive(Debug, Clone)]
pub(crate) struct CompactionJob {
    pub(crate) plan: CompactionPlan,
    /// Generation of the outputs, unless the plan is in place and thus names its own.
    pub(crate) output_generation: u64,
    pub(crate) series: SeriesIndex,
    /// Durable tombstones in the order of their seqs. No seq is greater than `flushed_seq`.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    pub(crate) cutoffs: Cutoffs,
    /// Every record up to this seq is in SSTs.
    ///
    /// It becomes the `max_seq` of the outputs, since all deletes up to it are applied.
    pub(crate) flushed_seq: u64,
    pub(crate) cancel: CancelFlag,
}

/// Input of one empty-series check: the version to scan, and the series to test.
#[derive(Debug, Clone)]
pub(crate) struct EmptySeriesJob {
    pub(crate) version: Arc<Version>,
    pub(crate) series: SeriesToCheck,
    pub(crate) cancel: CancelFlag,
}

/// Series of an empty-series check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SeriesToCheck {
    /// Series that may have no visible point.
    pub(crate) candidates: SeriesSet,
    /// Empty series whose definitions can be dropped if no SST names them.
    pub(crate) droppable: SeriesSet,
}

/// Result of an empty-series check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EmptySeriesFound {
    /// Candidates without a visible point.
    pub(crate) empty: SeriesSet,
    /// Droppable series of which no SST has a point, hidden ones included.
    pub(crate) unnamed: SeriesSet,
    /// SSTs that have hidden points of droppable series. A rewrite removes these points.
    pub(crate) named_by: Vec<FileId>,
}

/// Durable SSTs that a flush or a compaction wrote, and how long the job ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobOutput {
    pub(crate) ssts: Vec<SstMeta>,
    pub(crate) duration: Duration,
}

/// Timers and clocks of the writer.
pub(crate) trait Timers {
    /// Sets a timer: sends `timer` to the writer once, when `after` has passed.
    ///
    /// Replaces the current deadline of the timer.
    fn arm(&mut self, timer: Timer, after: Duration);

    /// Like [`arm`](Self::arm), but keeps the current deadline if it is earlier.
    fn arm_no_later(&mut self, timer: Timer, after: Duration);

    /// Returns the time since a fixed moment. It never decreases.
    fn monotonic_now(&self) -> Duration;

    /// Returns the wall clock in nanoseconds since the Unix epoch.
    ///
    /// It may jump; only retention uses it.
    fn wall_clock_nanos(&self) -> i64;
}

/// Timers of the writer. Each has at most one deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// No further sync followed the last one for a while: a sync mark is due.
    SyncMark,
    /// The oldest unsynced write under `Durability::Interval` must be synced.
    Sync,
    /// The active memtable has reached the flush age.
    MemtableAge,
    /// The backoff of a failed flush is over.
    FlushRetry,
    /// Commands that wait for a failing flush must be rejected.
    StallTimeout,
    /// The backoff of a failed compaction is over.
    CompactionRetry,
    /// The next empty-series check may start.
    EmptySeriesCheck,
    /// Retention must be applied again.
    Retention,
    /// Retired files and memtables must be tested for pins again.
    RetiredSweep,
    /// The reserves must be made again: there was no room for them.
    ReserveRetry,
}

impl Timer {
    /// All timers, each at the index of its discriminant.
    pub(crate) const ALL: [Self; 10] = [
        Self::SyncMark,
        Self::Sync,
        Self::MemtableAge,
        Self::FlushRetry,
        Self::StallTimeout,
        Self::CompactionRetry,
        Self::EmptySeriesCheck,
        Self::Retention,
        Self::RetiredSweep,
        Self::ReserveRetry,
    ];
}

const _: () = {
    let mut at = 0;
    while at < Timer::ALL.len() {
        assert!(Timer::ALL[at] as usize == at, "timers are kept in arrays indexed by their discriminants");
        at += 1;
    }
};
