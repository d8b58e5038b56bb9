//! Input of recovery: the lock, segment headers, series definitions, foreign files.
//!
//! It is read before an opening changes anything.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::listing::{DirectoryListing, LOCK_FILE};
use crate::format::manifest::{MANIFEST, ManifestContents, SeriesLog, series_log_name};
use crate::format::sst;
use crate::format::wal::{SegmentBound, SegmentHeader, SegmentReader, segment_name};
use crate::platform::env::{Dir, FileLock, OpenMode};
use crate::state::file_id::FileId;
use crate::state::series_index::SeriesIndex;
use crate::state::version::{ManifestState, RecoveryInput, RecoveryPlan, RecoveryRefusal, SeriesLogEnd, plan_recovery};
use crate::types::error::{Error, Result};

/// Lock of a database's directory: of its lock file, and of the directory itself where the platform allows.
///
/// If the lock file is deleted, the lock of the directory still keeps other openings out. Dropping the value releases
/// both.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: Box<dyn FileLock>,
    _directory: Option<Box<dyn FileLock>>,
}

impl DirectoryLock {
    /// Writes the id of this process to the lock file.
    pub(super) fn write_pid(&self) -> std::io::Result<()> {
        self.file.write_pid()
    }
}

/// Shared lock of a database's directory.
#[derive(Debug)]
pub(crate) struct SharedDirectoryLock {
    /// `None` if there is no lock file.
    file: Option<Box<dyn FileLock>>,
    directory: Option<Box<dyn FileLock>>,
}

impl SharedDirectoryLock {
    /// Returns `true` if there is no lock file.
    pub(crate) fn lacks_file(&self) -> bool {
        self.file.is_none()
    }

    /// Returns `true` if the directory itself is locked.
    pub(crate) fn holds_directory(&self) -> bool {
        self.directory.is_some()
    }
}

/// Takes the exclusive lock of the directory.
///
/// # Errors
/// `Locked` while another handle, snapshot or process has the directory open.
pub(crate) fn acquire_lock(dir: &Dir) -> Result<DirectoryLock> {
    // First, so that a lock file that was deleted under a running process is not created again.
    let directory = lock_directory(dir, true)?;
    let taken = dir.try_lock_file(LOCK_FILE, true)?;
    Ok(DirectoryLock { file: taken.ok_or_else(|| locked(dir))?, _directory: directory })
}

/// Takes a shared lock of the directory. Does not create the lock file.
///
/// # Errors
/// `Locked` while the database is open.
pub(crate) fn acquire_shared_lock(dir: &Dir) -> Result<SharedDirectoryLock> {
    let directory = lock_directory(dir, false)?;
    let file = match dir.try_lock_file(LOCK_FILE, false) {
        Ok(taken) => Some(taken.ok_or_else(|| locked(dir))?),
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => None,
        Err(error) => return Err(error),
    };
    Ok(SharedDirectoryLock { file, directory })
}

/// Locks the directory itself; `None` if its file system does not lock directories.
fn lock_directory(dir: &Dir, exclusive: bool) -> Result<Option<Box<dyn FileLock>>> {
    match dir.try_lock(exclusive).map_err(|error| Error::io("lock", dir.path(), error)) {
        Ok(taken) => taken.map(Some).ok_or_else(|| locked(dir)),
        Err(error @ Error::OutOfResources { .. }) => Err(error),
        // Some network file systems lock only files that are open for writing. The lock file remains.
        Err(error) => {
            tracing::debug!(%error, "the directory itself cannot be locked");
            Ok(None)
        }
    }
}

fn locked(dir: &Dir) -> Error {
    Error::Locked { dir: dir.path().to_owned(), pid: lock_holder_pid(dir) }
}

/// Returns the process id in the lock file; `None` if it cannot be read.
fn lock_holder_pid(dir: &Dir) -> Option<u32> {
    let file = dir.open(LOCK_FILE, OpenMode::Read).ok()?;
    let mut text = vec![0; usize::try_from(file.len().ok()?).ok()?.min(16)];
    file.read_at(0, &mut text).ok()?;
    String::from_utf8(text).ok()?.trim().parse().ok()
}

/// Reads the input of recovery and returns its plan.
pub(crate) fn plan_recovery_from_disk(
    dir: &Dir,
    listed: &DirectoryListing,
    manifest: &ManifestContents,
) -> Result<RecoveryPlan> {
    let floor = manifest.state.wal_floor;
    let mut segments = Vec::new();
    for id in listed.wal.segments.keys() {
        // Segments below the floor are not replayed, so their headers do not matter.
        if *id >= floor {
            segments.push(SegmentHeader::read(dir, manifest.uuid, *id)?.summary());
        }
    }
    let older = listed.wal.segments.keys().filter(|id| **id < floor);
    let found = RecoveryInput {
        manifest: ManifestState { durable: manifest.state.clone(), bad_edit: manifest.bad_edit.map(|bad| bad.offset) },
        segments,
        ssts: listed.ssts.clone(),
        series_logs: listed.series_logs.clone(),
        // Ids of temporary files count, too: a temporary file keeps its name if its removal fails.
        other_ids: older.chain(listed.wal.spares.keys()).copied().chain(listed.temporary_ids()).collect(),
    };
    plan_recovery(&found).map_err(|fault| recovery_error(dir, &fault))
}

/// Converts a refusal of recovery to an error that names the files.
pub(crate) fn recovery_error(dir: &Dir, fault: &RecoveryRefusal) -> Error {
    let sst = |id: &FileId| sst::sst_file_name(*id);
    match fault {
        RecoveryRefusal::MissingSsts(ids) => {
            Error::MissingFiles { dir: dir.path().to_owned(), files: ids.iter().map(sst).collect() }
        }
        RecoveryRefusal::MissingSegment(id) => {
            Error::MissingFiles { dir: dir.path().to_owned(), files: vec![segment_name(*id)] }
        }
        RecoveryRefusal::MissingSeriesLog(id) => {
            Error::MissingFiles { dir: dir.path().to_owned(), files: vec![series_log_name(*id)] }
        }
        RecoveryRefusal::SstLength { id, named, found } => {
            let what = format!("the manifest says {named} bytes, the file has {found}");
            Error::corrupt(dir.file_path(&sst(id)), (*named).min(*found), what)
        }
        RecoveryRefusal::BadEdit { offset, detail } => {
            Error::corrupt(dir.file_path(MANIFEST), *offset, format!("its last edit is bad, and {detail}"))
        }
        RecoveryRefusal::BrokenChain { id, detail } => Error::corrupt(dir.file_path(&segment_name(*id)), 0, *detail),
    }
}

/// Checks that the segments of unfinished openings have no record.
pub(super) fn check_unfinished_segments(dir: &Dir, uuid: Uuid, recovery: &RecoveryPlan) -> Result<()> {
    recovery.unfinished_segments.iter().try_for_each(|id| check_segment_empty(dir, uuid, *id))
}

/// Checks that the segment of an unfinished opening has no record.
///
/// # Errors
/// `Corrupt` if it has one: the manifest is older than the segment.
pub(crate) fn check_segment_empty(dir: &Dir, uuid: Uuid, id: FileId) -> Result<()> {
    if SegmentReader::open(dir, uuid, id, SegmentBound::Unsealed)?.next_record()?.is_some() {
        let what = "it holds records, and the manifest knows nothing of it: the manifest is an older one";
        return Err(Error::corrupt(dir.file_path(&segment_name(id)), 0, what));
    }
    Ok(())
}

/// Moves SSTs without a valid header from the plan's garbage to the unknown files.
///
/// An SST that no edit names is garbage only if its header names this database.
///
/// # Errors
/// Those of [`is_own_sst`].
pub(super) fn keep_foreign_ssts(
    dir: &Dir,
    uuid: Uuid,
    listed: &mut DirectoryListing,
    recovery: &mut RecoveryPlan,
) -> Result<()> {
    for id in std::mem::take(&mut recovery.garbage_ssts) {
        if is_own_sst(dir, uuid, &recovery.durable.origins, id)? {
            recovery.garbage_ssts.push(id);
        } else {
            listed.unknown.push(sst::sst_file_name(id));
        }
    }
    Ok(())
}

/// Moves series logs of other databases from the plan's garbage to the unknown files.
///
/// A log without a valid header is a leftover of this database: a crash may leave one.
///
/// # Errors
/// Those of [`SeriesLog::is_foreign`].
pub(super) fn keep_foreign_series_logs(
    dir: &Dir,
    uuid: Uuid,
    listed: &mut DirectoryListing,
    recovery: &mut RecoveryPlan,
) -> Result<()> {
    for id in std::mem::take(&mut recovery.garbage_series_logs) {
        if SeriesLog::is_foreign(dir, uuid, id)? {
            listed.unknown.push(series_log_name(id));
        } else {
            recovery.garbage_series_logs.push(id);
        }
    }
    Ok(())
}

/// Returns `true` if the header of an SST names this database, or one of `origins`.
///
/// `origins` are the databases whose backup this database is. `false` means that the file has no valid header.
///
/// `ForeignFile` if the header names another database or another file; `UnsupportedVersion` for a newer format.
pub(crate) fn is_own_sst(dir: &Dir, uuid: Uuid, origins: &BTreeSet<u128>, id: FileId) -> Result<bool> {
    let name = sst::sst_file_name(id);
    match sst::read_identity(dir, &name)? {
        Some((own, own_id)) if own_id == id && (own == uuid || origins.contains(&own.as_u128())) => Ok(true),
        Some((other, other_id)) => {
            let what = format!("it is SST {:016x} of database {other}, and no edit of {uuid} names it", other_id.get());
            Err(Error::ForeignFile { file: dir.file_path(&name), detail: what })
        }
        None => Ok(false),
    }
}

/// Reads the series log, and the sets of series and the next series id that the manifest names.
///
/// # Errors
/// Those of [`SeriesLog::read`]; `Corrupt` if log and manifest contradict each other.
pub(crate) fn read_series(dir: &Dir, uuid: Uuid, recovery: &RecoveryPlan) -> Result<SeriesIndex> {
    let mut series = SeriesIndex::default();
    let durable = &recovery.durable;
    let mut restored = Ok(());
    SeriesLog::read_groups_after(dir, uuid, SeriesLogEnd::default(), durable.series_log, |group| {
        if restored.is_ok() {
            restored = group.into_iter().try_for_each(|def| series.restore_logged(def).map(drop));
        }
    })?;
    restored.map_err(|what| Error::corrupt(dir.file_path(&series_log_name(durable.series_log.file)), 0, what))?;
    series.seal_lazily();
    let restored = series.restore_sets(durable.next_series_id, &durable.series_sets);
    restored.map_err(|what| Error::corrupt(dir.file_path(MANIFEST), 0, what))?;
    Ok(series)
}
