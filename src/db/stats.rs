//! Counts and sizes, all derived from the newest version and the engine's own gauges.

use crate::engine::Engine;

/// Counts and sizes of one moment; made by [`Db::stats`](crate::Db::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Series that were made.
    pub series: u64,
    /// The newest visible record.
    pub seq: u64,
    /// Everything up to this record is in SSTs.
    pub flushed_seq: u64,
    /// Points that a snapshot taken now can meet.
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

impl Stats {
    pub(super) fn of(engine: &Engine) -> Self {
        let version = engine.version();
        let mut stats = Self {
            series: version.series.len() as u64,
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
        }
        stats
    }
}
