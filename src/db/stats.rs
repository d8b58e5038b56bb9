//! Counts and sizes, derived from the newest version and the counters of the engine.

use std::time::Duration;

use crate::engine::actor::PinStats;
use crate::engine::store::{FailedFlush, PendingRetention, ReadContext, ReadOnlyState, WalStats};
use crate::engine::threads::{Engine, ReaderEngine};
use crate::state::version::{JobCounters, SstMeta, Version};
use crate::types::point::Timestamp;

/// Counts and sizes at one moment; made by [`Db::stats`](crate::Db::stats).
///
/// Counts of points include points that a delete, retention or the duplicate policy hides, until compaction removes
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Listed series: all except the empty ones. [`max_series`](crate::DbBuilder::max_series) limits them.
    pub series: u64,
    /// Empty series: a delete or retention removed all their points, and none was written since.
    pub empty_series: u64,
    /// Estimated memory of the definitions of all series, in bytes: some hundred each and their keys.
    ///
    /// The memory budget does not include it; `max_series` and `max_series_key_bytes` bound it.
    pub series_bytes: u64,
    /// Length of the keys of all series, empty ones included, in bytes.
    ///
    /// [`max_series_key_bytes`](crate::DbBuilder::max_series_key_bytes) limits it.
    pub series_key_bytes: u64,
    /// Sequence number of the newest visible record.
    pub seq: u64,
    /// Sequence number up to which all records are in SSTs.
    pub flushed_seq: u64,
    /// Points in memory and in files.
    pub points: u64,
    /// Points in the active memtable, which takes writes.
    pub active_points: u64,
    /// Memory of the active memtable, in bytes.
    pub active_bytes: u64,
    /// Frozen memtables, which wait for the flusher.
    pub frozen_memtables: u64,
    /// Points in frozen memtables.
    pub frozen_points: u64,
    /// Memory of frozen memtables, in bytes.
    pub frozen_bytes: u64,
    /// SSTs.
    pub files: u64,
    /// Points in SSTs.
    pub file_points: u64,
    /// Bytes of SSTs.
    pub file_bytes: u64,
    /// SSTs by level, without the empty levels, from level 0 to the base.
    pub levels: Vec<LevelStats>,
    /// Deletes that may still hide points in memory or in files.
    pub tombstones: u64,
    /// Time before which retention hides all points; `None` without retention by age or size.
    pub retention_cutoff: Option<Timestamp>,
    /// Move of the retention cutoffs that waits for its grace; `None` if none waits.
    ///
    /// The grace that is left is up to five minutes old.
    pub pending_retention: Option<PendingRetention>,
    /// Points written since the opening that retention hid already, so that they were never visible.
    pub points_behind_cutoff: u64,
    /// Flushes since the opening.
    pub flushes: JobStats,
    /// Compactions since the opening.
    pub compactions: JobStats,
    /// SSTs that retention or a delete removed without a compaction, since the opening.
    pub files_dropped: u64,
    /// Replaced SSTs that older snapshots or scans still use.
    ///
    /// An SST is removed after the last of these readers is dropped.
    pub pinned_files: u64,
    /// Bytes of pinned SSTs.
    pub pinned_file_bytes: u64,
    /// Time since the oldest pinned SST was replaced.
    pub pinned_files_age: Duration,
    /// Flushed memtables that older snapshots still use.
    ///
    /// A memtable is freed after the last of these snapshots is dropped.
    ///
    /// The memory budget does not include them.
    pub pinned_memtables: u64,
    /// Memory of pinned memtables, in bytes; an upper bound.
    pub pinned_memtable_bytes: u64,
    /// Time since the oldest pinned memtable was flushed.
    pub pinned_memtables_age: Duration,
    /// Groups and syncs of the WAL since the opening.
    pub wal: WalStats,
    /// Bytes of the WAL that a reopening would read.
    pub wal_bytes: u64,
    /// Bytes of spare WAL segments: files that are kept for reuse as segments. At most two files are kept.
    pub spare_wal_bytes: u64,
    /// Since when, and why, the database is read-only; `None` while it accepts writes.
    pub read_only: Option<ReadOnlyState>,
    /// Bytes of the reserves: files that are overwritten when the disk is full, so that a failed write can be undone
    /// and deletes can make room.
    pub reserve_bytes: u64,
    /// Since when, and why, flushes fail; `None` after a successful flush.
    ///
    /// While flushes fail, writes may stall and end with an error, see
    /// [`stall_timeout`](crate::DbBuilder::stall_timeout).
    pub failed_flush: Option<FailedFlush>,
    /// Bytes of queued writes.
    pub queued_bytes: u64,
    /// SSTs opened for reading since the opening of the database.
    pub files_opened: u64,
    /// Index pages read from files since the opening, cache hits excluded.
    pub index_pages_read: u64,
    /// Blocks decoded since the opening.
    pub blocks_decoded: u64,
    /// Vectors of values, of up to 1,024 points each, that were decoded.
    pub vectors_decoded: u64,
    /// Bytes read from SSTs since the opening.
    pub bytes_read: u64,
}

/// SSTs of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LevelStats {
    /// Level: 0 for SSTs that flushes wrote, 1 to 6 for the tiers between, 7 for the base.
    pub level: u8,
    /// SSTs in the level.
    pub files: u64,
    /// Points in these SSTs.
    pub points: u64,
    /// Blocks in these SSTs.
    pub blocks: u64,
    /// Bytes of these SSTs.
    pub bytes: u64,
}

/// Totals of the flushes or the compactions since the opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct JobStats {
    /// Jobs that ended.
    pub runs: u64,
    /// SSTs that the jobs read.
    pub files_read: u64,
    /// Bytes of these SSTs.
    pub bytes_read: u64,
    /// SSTs that the jobs wrote.
    pub files_written: u64,
    /// Bytes of these SSTs.
    pub bytes_written: u64,
    /// Time that the jobs took together.
    pub duration: Duration,
}

impl From<JobCounters> for JobStats {
    fn from(counters: JobCounters) -> Self {
        let JobCounters { runs, files_read, bytes_read, files_written, bytes_written, duration } = counters;
        Self { runs, files_read, bytes_read, files_written, bytes_written, duration }
    }
}

fn level_stats(version: &Version) -> Vec<LevelStats> {
    let mut levels: Vec<LevelStats> = Vec::new();
    // The version lists the SSTs from the base up.
    for sst in version.ssts.iter().rev() {
        let SstMeta { level, points, blocks, file_len: bytes, .. } = **sst;
        match levels.last_mut().filter(|last| last.level == level) {
            Some(last) => {
                last.files += 1;
                last.points += points;
                last.blocks += blocks;
                last.bytes += bytes;
            }
            None => levels.push(LevelStats { level, files: 1, points, blocks, bytes }),
        }
    }
    levels
}

impl Stats {
    /// Returns the bytes written to SSTs since the opening, divided by the bytes that flushes wrote.
    ///
    /// Returns 1 without compactions, and `None` before the first flush.
    #[must_use]
    pub fn write_amplification(&self) -> Option<f64> {
        let (flushed, merged) = (self.flushes.bytes_written, self.compactions.bytes_written);
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        (flushed > 0).then(|| (flushed + merged) as f64 / flushed as f64)
    }

    pub(super) fn collect(engine: &Engine) -> Self {
        if engine.check_owner().is_err() {
            return Self::default();
        }
        let version = engine.version();
        let mut stats = Self::of_version(&version, engine.wall_clock_nanos(), engine.options.retention.grace);
        stats.queued_bytes = (engine.permits.in_use() + engine.delete_permits.in_use()) as u64;
        if let Some(context) = engine.read_context() {
            stats.add_context(&context);
        }
        stats
    }

    pub(super) fn of_reader(engine: &ReaderEngine) -> Self {
        if !engine.owner().is_current() {
            return Self::default();
        }
        let context = engine.read_context();
        let wall_clock_nanos = context.wall_clock_nanos();
        let mut stats = Self::of_version(&engine.version(), wall_clock_nanos, None);
        stats.add_context(context);
        stats
    }

    /// Returns the counts of a version.
    fn of_version(version: &Version, wall_clock_nanos: i64, grace: Option<Duration>) -> Self {
        Self {
            series: version.series.listed_count() as u64,
            empty_series: version.series.empty_series().len() as u64,
            series_bytes: version.series.bytes(),
            series_key_bytes: version.series.key_bytes(),
            seq: version.seq,
            flushed_seq: version.flushed_seq,
            points: version.points(),
            active_points: version.active.points(),
            active_bytes: version.active.bytes() as u64,
            frozen_memtables: version.frozen.len() as u64,
            frozen_points: version.frozen.iter().map(|frozen| frozen.view.points()).sum(),
            frozen_bytes: version.frozen.iter().map(|frozen| frozen.view.bytes() as u64).sum(),
            files: version.ssts.len() as u64,
            file_points: version.ssts.iter().map(|sst| sst.points).sum(),
            file_bytes: version.ssts.iter().map(|sst| sst.file_len).sum(),
            levels: level_stats(version),
            tombstones: version.tombstones.len() as u64,
            retention_cutoff: version.cutoffs.global().map(Timestamp::from_nanos),
            pending_retention: PendingRetention::new(&version.retention, version.claimed_time(wall_clock_nanos), grace),
            points_behind_cutoff: version.counters.points_behind_cutoff,
            flushes: version.counters.flushes.into(),
            compactions: version.counters.compactions.into(),
            files_dropped: version.counters.files_dropped,
            ..Self::default()
        }
    }

    /// Adds the counts of the files.
    fn add_context(&mut self, context: &ReadContext) {
        let counts = context.files.io_counts();
        self.files_opened = counts.files_opened;
        self.index_pages_read = counts.index_pages_read;
        self.blocks_decoded = counts.blocks_decoded;
        self.vectors_decoded = counts.vectors_decoded;
        self.bytes_read = counts.bytes_read;
        self.wal = context.stats.wal();
        self.wal_bytes = context.stats.wal_bytes();
        self.spare_wal_bytes = context.stats.spare_wal_bytes();
        self.read_only = context.stats.read_only().cloned();
        self.reserve_bytes = context.stats.reserve_bytes();
        self.failed_flush = context.stats.failed_flush();
        let PinStats { files, memtables } = context.stats.pins();
        let age = |since: Option<Duration>| since.map(|since| context.elapsed(since)).unwrap_or_default();
        self.pinned_files = files.count;
        self.pinned_file_bytes = files.bytes;
        self.pinned_files_age = age(files.oldest_retired_at);
        self.pinned_memtables = memtables.count;
        self.pinned_memtable_bytes = memtables.bytes;
        self.pinned_memtables_age = age(memtables.oldest_retired_at);
    }
}
