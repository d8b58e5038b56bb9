//! Counts and sizes, all derived from the newest version and the engine's own gauges.

use std::time::Duration;

use crate::actor::Pinned;
use crate::engine::Engine;
use crate::version::{SstMeta, Version, Work};

/// Counts and sizes of one moment; made by [`Db::stats`](crate::Db::stats).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Series that are listed: those that were made, without those of which a delete or retention has left no point. The
    /// cap counts these.
    pub series: u64,
    /// Series of which a delete or retention has left no point, until they are written again.
    pub series_gone: u64,
    /// About what their definitions take in memory, some hundred bytes each beside their names. `max_series` bounds it; the
    /// memory budget does not count it.
    pub series_bytes: u64,
    /// The newest visible record.
    pub seq: u64,
    /// Everything up to this record is in SSTs.
    pub flushed_seq: u64,
    /// Points in memory and files. Those that a delete, retention or the treatment of duplicates hides count until a merge
    /// has taken them out.
    pub points: u64,
    /// Points in the memtable that takes writes.
    pub active_points: u64,
    /// Bytes allocated for them.
    pub active_bytes: u64,
    /// Memtables that wait for the flusher.
    pub frozen: u64,
    /// Points in them.
    pub frozen_points: u64,
    /// Bytes allocated for them.
    pub frozen_bytes: u64,
    /// SSTs.
    pub files: u64,
    /// Points in them.
    pub file_points: u64,
    /// Bytes in them.
    pub file_bytes: u64,
    /// The SSTs by level, those that hold any: 0 is what flushes wrote, 7 the base.
    pub levels: Vec<LevelStats>,
    /// Deletes that something older may still need.
    pub tombstones: u64,
    /// The time before which retention hides everything, in nanoseconds since the Unix epoch.
    pub cutoff: Option<i64>,
    /// What flushes did since the opening.
    pub flushes: WorkStats,
    /// What compactions did since the opening.
    pub compactions: WorkStats,
    /// Files that retention or a delete dropped whole since the opening.
    pub files_dropped: u64,
    /// SSTs that only snapshots or scans taken earlier still hold; they are removed once those are dropped.
    pub pinned_files: u64,
    /// Bytes in them.
    pub pinned_bytes: u64,
    /// How long the oldest of them has been held.
    pub pinned_for: Duration,
    /// Memtables whose points are in SSTs by now and that snapshots taken earlier still hold; each is freed with the last of
    /// them. The memory budget does not count them.
    pub pinned_memtables: u64,
    /// Bytes allocated for them, at most: a snapshot holds the whole memtable in which it saw a point.
    pub pinned_memory: u64,
    /// How long the oldest of them has been held since it was flushed.
    pub pinned_memory_for: Duration,
    /// Bytes in the write-ahead log that a reopening would read.
    pub wal_bytes: u64,
    /// Bytes of queued writes.
    pub queued_bytes: u64,
    /// SSTs opened for reading since the database was opened.
    pub files_opened: u64,
    /// Index pages read from files, beyond those found in the cache.
    pub index_pages_read: u64,
    /// Blocks decoded.
    pub blocks_decoded: u64,
    /// Bytes read from SSTs.
    pub bytes_read: u64,
}

/// The SSTs of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LevelStats {
    /// 0 for what flushes wrote, 1 to 6 for the tiers, 7 for the base.
    pub level: u8,
    /// SSTs.
    pub files: u64,
    /// Points in them.
    pub points: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// What work of one kind came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkStats {
    /// How often it was done.
    pub times: u64,
    /// SSTs that it read.
    pub files_read: u64,
    /// Bytes in them.
    pub bytes_read: u64,
    /// SSTs that it wrote.
    pub files_written: u64,
    /// Bytes in them.
    pub bytes_written: u64,
    /// How long all of it took.
    pub took: Duration,
}

impl From<Work> for WorkStats {
    fn from(work: Work) -> Self {
        let Work { times, files_read, bytes_read, files_written, bytes_written, took } = work;
        Self { times, files_read, bytes_read, files_written, bytes_written, took }
    }
}

fn levels(version: &Version) -> Vec<LevelStats> {
    let mut levels: Vec<LevelStats> = Vec::new();
    // They stand from the base up.
    for sst in version.ssts.iter().rev() {
        let SstMeta { level, points, blocks, len: bytes, .. } = **sst;
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
    /// Bytes written to SSTs for each byte that a flush wrote: 1 without any compaction. `None` before the first flush
    /// since the opening.
    #[must_use]
    pub fn write_amplification(&self) -> Option<f64> {
        let (flushed, merged) = (self.flushes.bytes_written, self.compactions.bytes_written);
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        (flushed > 0).then(|| (flushed + merged) as f64 / flushed as f64)
    }

    pub(super) fn of(engine: &Engine) -> Self {
        let version = engine.version();
        let mut stats = Self {
            series: version.series.live() as u64,
            series_gone: version.series.gone().len() as u64,
            series_bytes: version.series.bytes(),
            seq: version.seq,
            flushed_seq: version.flushed_seq,
            points: version.points(),
            active_points: version.active.points(),
            active_bytes: version.active.bytes() as u64,
            frozen: version.frozen.len() as u64,
            frozen_points: version.frozen.iter().map(|frozen| frozen.view.points()).sum(),
            frozen_bytes: version.frozen.iter().map(|frozen| frozen.view.bytes() as u64).sum(),
            files: version.ssts.len() as u64,
            file_points: version.ssts.iter().map(|sst| sst.points).sum(),
            file_bytes: version.ssts.iter().map(|sst| sst.len).sum(),
            levels: levels(&version),
            tombstones: version.tombstones.len() as u64,
            cutoff: version.cutoffs.all(),
            flushes: version.tally.flushes.into(),
            compactions: version.tally.compactions.into(),
            files_dropped: version.tally.files_dropped,
            queued_bytes: engine.permits.held() as u64,
            ..Self::default()
        };
        if let Some(readers) = engine.readers() {
            let counts = readers.io_counts();
            stats.files_opened = counts.files_opened;
            stats.index_pages_read = counts.index_pages_read;
            stats.blocks_decoded = counts.blocks_decoded;
            stats.bytes_read = counts.bytes_read;
            stats.wal_bytes = readers.wal_bytes();
            let Pinned { files, memtables } = readers.pinned();
            let age = |since: Option<Duration>| since.map(|since| readers.elapsed(since)).unwrap_or_default();
            (stats.pinned_files, stats.pinned_bytes, stats.pinned_for) = (files.count, files.bytes, age(files.since));
            (stats.pinned_memtables, stats.pinned_memory) = (memtables.count, memtables.bytes);
            stats.pinned_memory_for = age(memtables.since);
        }
        stats
    }
}
