//! Storage of the actors: the WAL, the manifest, the series log and the SSTs of one directory.
//!
//! The store does what the writer and recovery decide, in their order, and decides nothing itself.

mod backup;
mod compaction;
mod create;
mod disk_usage;
mod flush;
mod held_files;
mod listing;
mod open;
mod open_files;
mod read_context;
mod reader;
mod recovery_commit;
mod recovery_input;
mod region_writer;
mod replay;
mod scratch_pool;
mod size_estimates;
mod storage_stats;
#[cfg(test)]
mod tests;
mod wal_stats;

use std::sync::Arc;
use std::time::Duration;

pub use backup::BackupReport;
pub(crate) use backup::backup;
pub use disk_usage::{DiskUsage, FileUsage, disk_usage};
pub(crate) use listing::{DirectoryListing, LOCK_FILE};
pub(crate) use open::open;
pub use open::{OpenReport, PendingRetention, TornTail};
pub(crate) use read_context::ReadContext;
pub use reader::RefreshReport;
pub(crate) use reader::{DirectoryReader, ReaderSettings};
pub(crate) use recovery_input::{acquire_shared_lock, check_segment_empty, is_own_sst, recovery_error};
pub use storage_stats::{FailedFlush, ReadOnlyState};
pub use wal_stats::WalStats;

use crate::engine::actor::{PinStats, WriterStorage};
use crate::format::manifest::{Manifest, SeriesLog};
use crate::format::wal::WalWriter;
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::log_record::{AppendError, LogRecord};
use crate::state::version::VersionEdit;
use crate::types::error::{Error, Result};
use crate::types::series::SeriesInfo;

/// Storage of the writer on disk: WAL, manifest, series log and SSTs.
#[derive(Debug)]
pub(crate) struct DiskStorage {
    wal: WalWriter,
    manifest: Manifest,
    series_log: SeriesLog,
    ids: Arc<FileIdAllocator>,
    /// State that readers share: open files and statistics. It keeps the directory locked.
    read_context: Arc<ReadContext>,
}

impl WriterStorage for DiskStorage {
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        let appended = self.wal.append(group);
        if appended.is_ok() {
            self.read_context.stats.wal.add_group(group.len());
        }
        self.note_wal_bytes();
        appended
    }

    fn sync(&mut self) -> Result<()> {
        let began = self.read_context.elapsed(Duration::ZERO);
        self.wal.sync()?;
        self.read_context.stats.wal.add_sync(self.read_context.elapsed(began));
        Ok(())
    }

    fn write_sync_mark(&mut self) -> Result<(), AppendError> {
        let marked = self.wal.write_sync_mark();
        self.note_wal_bytes();
        marked
    }

    fn rotate_wal(&mut self) -> Result<FileId, AppendError> {
        let rotated = self.wal.rotate();
        self.note_wal_bytes();
        rotated
    }

    fn commit_edit(&mut self, edit: VersionEdit, definitions: &[Arc<SeriesInfo>]) -> Result<(), AppendError> {
        // Nothing was changed yet. Recovery finds the database as it was before the edit.
        let place = self.read_context.files.dir().check_place();
        place.map_err(|error| AppendError::ReadOnly(Error::read_only(error)))?;
        let mark = self.series_log.mark();
        let committed = self.append_definitions_and_edit(edit, definitions);
        match &committed {
            Ok(()) => {
                if let Err(error) = self.series_log.finish_rewrite() {
                    tracing::warn!(%error, "an obsolete series log could not be removed; the next opening removes it");
                }
                self.restore_manifest_reserve();
            }
            // The definitions come again with the next edit that covers them.
            Err(AppendError::NotWritten(_)) => self.series_log.take_back(mark),
            Err(AppendError::OutcomeUnknown(_) | AppendError::ReadOnly(_)) => {}
        }
        committed
    }

    fn prepare_series_log(&mut self, definitions: &[Arc<SeriesInfo>]) -> Result<()> {
        // A directory that was moved or replaced gets no new file.
        self.read_context.files.dir().check_place()?;
        self.series_log.prepare(definitions)
    }

    fn no_space(&self) -> Option<&Error> {
        self.wal.no_space()
    }

    fn restore_reserves(&mut self) {
        self.wal.restore_reserve();
        self.restore_manifest_reserve();
    }

    fn give_up_spares(&mut self) {
        self.wal.give_up_spares();
    }

    fn remove_unused_wal_space(&mut self) {
        self.wal.remove_unused_space();
        self.note_wal_bytes();
    }

    fn drop_wal_segments(&mut self) {
        self.wal.release_below(self.manifest.state().wal_floor);
        self.note_wal_bytes();
        self.use_new_room();
    }

    fn remove_ssts(&mut self, ids: &[FileId]) {
        for id in ids {
            self.read_context.files.evict(*id);
        }
        if let Err(error) = self.read_context.files.dir().check_place() {
            tracing::warn!(%error, "obsolete SSTs are not removed; the next opening removes them");
            return;
        }
        for id in ids {
            if let Err(error) = self.read_context.files.dir().remove(&crate::format::sst::sst_file_name(*id)) {
                // The manifest no longer names the file, so the next opening removes it.
                tracing::warn!(%error, "an obsolete SST could not be removed; the next opening removes it");
            }
        }
        self.use_new_room();
    }

    fn report_pins(&mut self, pinned: PinStats) {
        self.read_context.stats.set_pins(pinned);
    }

    fn report_read_only(&mut self, cause: &Error, wall_clock_nanos: i64) {
        self.read_context.stats.set_read_only(cause, wall_clock_nanos);
    }

    fn report_failed_flush(&mut self, error: Option<&Error>, wall_clock_nanos: i64) {
        self.read_context.stats.set_failed_flush(error, wall_clock_nanos);
    }
}

impl DiskStorage {
    fn append_definitions_and_edit(
        &mut self,
        mut edit: VersionEdit,
        definitions: &[Arc<SeriesInfo>],
    ) -> Result<(), AppendError> {
        // Definitions first: the floor of the edit releases the WAL records that contain them.
        edit.series_log = self.series_log.append(definitions)?;
        edit.next_file_id = self.ids.peek_next();
        self.manifest.append_edit(&edit)
    }

    /// Makes a reserve of the WAL after files were removed, if there was no room for one.
    fn use_new_room(&mut self) {
        if self.wal.no_space().is_some() {
            self.restore_reserves();
        }
    }

    /// Makes the manifest's reserve, if it is missing or too short. Without it only a rewrite on a full disk fails.
    fn restore_manifest_reserve(&mut self) {
        if let Err(error) = self.manifest.restore_reserve() {
            tracing::warn!(%error, "a reserve of the manifest could not be made");
        }
        self.note_wal_bytes();
    }

    /// Publishes the sizes of the WAL for `Stats`; the WAL itself belongs to the writer.
    fn note_wal_bytes(&self) {
        self.read_context.stats.set_wal_bytes(self.wal.replay_bytes(), self.wal.spare_bytes());
        let reserve_bytes = self.wal.reserve_bytes() + self.manifest.reserve_bytes();
        self.read_context.stats.set_reserve_bytes(reserve_bytes);
    }
}
