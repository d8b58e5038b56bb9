//! Commits of a recovery: a new WAL segment, then the manifest.

use std::sync::Arc;

use super::DiskStorage;
use super::listing::DirectoryListing;
use super::read_context::ReadContext;
use super::replay::{ReplayOutcome, rewrite_in_place};
use crate::format::manifest::{Manifest, ManifestContents, SeriesLog};
use crate::format::wal::{Predecessor, WalFiles, WalWriter};
use crate::platform::env::Dir;
use crate::state::file_id::FileIdAllocator;
use crate::state::version::{DurableState, RecoveryPlan};
use crate::types::error::Result;

/// A recovery whose records were replayed, and which is not committed yet.
pub(super) struct RecoveryCommit<'a> {
    pub(super) dir: &'a Dir,
    pub(super) segment_bytes: u64,
    pub(super) manifest: &'a ManifestContents,
    pub(super) recovery: &'a RecoveryPlan,
    pub(super) replayed: &'a ReplayOutcome,
    pub(super) listed: &'a DirectoryListing,
    pub(super) ids: &'a Arc<FileIdAllocator>,
    pub(super) read_context: Arc<ReadContext>,
}

impl RecoveryCommit<'_> {
    /// Commits the recovery. The manifest that no longer needs the replayed segments is then durable.
    pub(super) fn run(self) -> Result<DiskStorage> {
        let (wal, manifest, series_log) =
            if self.replayed.frozen.is_empty() { self.commit_recovery()? } else { self.commit_in_memory()? };
        let (ids, read_context) = (Arc::clone(self.ids), self.read_context);
        let mut storage = DiskStorage { wal, manifest, series_log, ids, read_context };
        storage.restore_manifest_reserve();
        Ok(storage)
    }

    /// Opens the series log of the durable state.
    fn open_series_log(&self) -> Result<SeriesLog> {
        let replayed = self.replayed;
        let first_unlogged = replayed.definitions.first().map(|first| first.id.get());
        let next_logged = first_unlogged.unwrap_or_else(|| replayed.series.next_id());
        let (dir, ids) = (self.dir.clone(), Arc::clone(self.ids));
        SeriesLog::open(dir, self.manifest.uuid, ids, self.recovery.durable.series_log, next_logged)
    }

    /// Creates the segment behind the replayed ones, after the segment `last` if that stays in use.
    fn create_segment(&self, last: Option<Predecessor>, found: &WalFiles) -> Result<WalWriter> {
        let (dir, ids, last_seq) = (self.dir.clone(), Arc::clone(self.ids), self.replayed.last_seq);
        WalWriter::create(dir, self.manifest.uuid, ids, self.segment_bytes, last_seq, last, found)
    }

    /// Commits a recovery whose records stay in memory and in the segments: a new segment behind them, then the
    /// manifest.
    ///
    /// Nothing of the durable state changes but the next file id.
    fn commit_in_memory(&self) -> Result<(WalWriter, Manifest, SeriesLog)> {
        let series_log = self.open_series_log()?;
        let last = self.replayed.last_segment;
        last.filter(|_| !self.replayed.is_last_sealed).map_or(Ok(()), |last| rewrite_in_place(self.dir, last))?;
        let found = WalFiles { segments: self.listed.wal.segments.clone(), ..WalFiles::default() };
        let mut wal = self.create_segment(last, &found)?;
        let durable = DurableState { next_file_id: self.ids.peek_next(), ..self.recovery.durable.clone() };
        let manifest = self.rewrite_manifest(&mut wal, durable)?;
        Ok((wal, manifest, series_log))
    }

    /// Rewrites the manifest. If there is no room for it, the reserve of the WAL is given up.
    fn rewrite_manifest(&self, wal: &mut WalWriter, durable: DurableState) -> Result<Manifest> {
        match Manifest::reopen(self.dir.clone(), self.manifest, durable.clone()) {
            // The writer may have used the reserve of the manifest just before it ended.
            Err(error) if error.is_out_of_space() => {
                wal.give_up_reserve(&error);
                Manifest::reopen(self.dir.clone(), self.manifest, durable)
            }
            reopened => reopened,
        }
    }

    /// Commits the recovered state: the series log, a new WAL segment, and last the manifest.
    ///
    /// The manifest moves the floor to the new segment.
    fn commit_recovery(&self) -> Result<(WalWriter, Manifest, SeriesLog)> {
        let (recovery, replayed) = (self.recovery, self.replayed);
        let mut series_log = self.open_series_log()?;
        series_log.append(&replayed.definitions)?;
        let series_log_end = series_log.hold_open()?;
        let mut wal = self.create_segment(None, &self.listed.wal)?;
        let durable = DurableState {
            ssts: recovery.durable.ssts.iter().chain(&replayed.ssts).cloned().collect(),
            tombstones: recovery.durable.tombstones.iter().chain(&replayed.tombstones).cloned().collect(),
            metadata: replayed.metadata.clone(),
            series_sets: replayed.series.empty_series().manifest_sets(),
            next_series_id: replayed.series.next_id(),
            flushed_seq: replayed.last_seq,
            wal_floor: wal.active_segment(),
            series_log: series_log_end,
            next_file_id: self.ids.peek_next(),
            ..recovery.durable.clone()
        };
        // The replay has put every record into SSTs.
        let durable = durable.without_unneeded_tombstones();
        let manifest = self.rewrite_manifest(&mut wal, durable)?;
        Ok((wal, manifest, series_log))
    }
}
