//! Backup: an independent database in another directory, with the SSTs of one version.
//!
//! The original may be in use, and no byte of it changes. The manifest is written last, so that an interrupted backup
//! is not a database.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::create::{create_dirs, sync_parents};
use super::listing::{LOCK_FILE, LOST_AND_FOUND};
use super::read_context::ReadContext;
use super::recovery_input::{DirectoryLock, acquire_lock};
use crate::format::manifest::{MANIFEST, MANIFEST_TMP, Manifest, SeriesLog, series_log_name};
use crate::format::sst::sst_file_name;
use crate::platform::env::{Dir, DirEntry, OpenMode, SyncStep};
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::version::{DurableState, SeriesLogEnd, SstMeta, Version};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::series::SeriesInfo;

/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Content of a backup, and how its files were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupReport {
    /// Number of SSTs.
    pub files: u64,
    /// Number of SSTs that are hard links to the files of the database and take no extra space.
    pub linked: u64,
    /// Number of SSTs that were copied, because they could not be linked.
    ///
    /// For example, the target is on another file system, or on one without hard links.
    pub copied: u64,
    /// Total length of the SSTs, in bytes.
    pub bytes: u64,
    /// Points in the SSTs, including points that a delete, retention or the duplicate policy hides.
    ///
    /// A compaction removes hidden points. A query of the backup counts the visible ones.
    pub points: u64,
    /// Number of series.
    pub series: u64,
    /// Seq of the newest record: the backup contains all records up to it, and none after it.
    pub seq: u64,
    /// Number of records that were written before the call and are not in the backup, because the disk of the database
    /// has no room to flush them. 0 unless the flush failed for this reason.
    ///
    /// A delete among them may be in effect in part: the files that it hides whole are gone.
    pub unflushed: u64,
}

/// Creates a backup of the SSTs of a version. Blocks.
///
/// The version keeps its files from being removed; `readers` keeps the directory locked.
///
/// `BackupInsideDatabase` and `BackupTargetNotEmpty` before anything but a lock file is created. After any other error
/// the target is not a database, and usually has only its lock file. If only the last sync failed, it may have the
/// complete backup.
pub(crate) fn backup(
    readers: &ReadContext,
    version: &Version,
    duplicates: DuplicatePolicy,
    path: &Path,
) -> Result<BackupReport> {
    check_apart(readers.files.dir(), path)?;
    let to = readers.files.dir().other(path);
    let (to, lock) = prepare_target(&to)?;
    let made = copy_version(readers, version, duplicates, &to).inspect_err(|_| give_up(&to, version));
    drop(lock);
    made
}

fn copy_version(
    readers: &ReadContext,
    version: &Version,
    duplicates: DuplicatePolicy,
    to: &Dir,
) -> Result<BackupReport> {
    let mut report = BackupReport { seq: version.flushed_seq, ..BackupReport::default() };
    let uuid = to.env().random_uuid();
    let definitions = definitions(version);
    // Above the ids of the SSTs, which keep their names.
    let ids = Arc::new(FileIdAllocator::new(next_file_id(version)));
    let series_log =
        SeriesLog::open(to.clone(), uuid, Arc::clone(&ids), SeriesLogEnd::default(), 0)?.append(&definitions)?;
    report.series = definitions.len() as u64;
    for sst in version.ssts.iter() {
        let linked = link_or_copy(readers.files.dir(), to, sst)?;
        report.files += 1;
        *(if linked { &mut report.linked } else { &mut report.copied }) += 1;
        report.bytes += sst.file_len;
        report.points += sst.points;
    }
    // Survives power loss after the manifest is durable: the manifest would name files without directory entries.
    to.sync(SyncStep::BackupDirectory)?;
    let next_file_id = ids.peek_next();
    let durable =
        DurableState { series_log, next_file_id, duplicates, ..durable(version, readers.files.uuid().as_u128()) };
    Manifest::create(to.clone(), uuid, durable)?;
    tracing::info!(dir = %to.path().display(), ?report, "backed up");
    Ok(report)
}

/// Returns the state that the first opening of the backup finds.
///
/// Every record is flushed, and no opening has finished yet (floor 0).
fn durable(version: &Version, own: u128) -> DurableState {
    let origin = |sst: &SstMeta| if sst.origin == 0 { own } else { sst.origin };
    let ssts: Vec<SstMeta> =
        version.ssts.iter().map(|sst| SstMeta { origin: origin(sst), ..(**sst).clone() }).collect();
    let origins: BTreeSet<u128> = ssts.iter().map(|sst| sst.origin).collect();
    let cutoffs = version.flushed_cutoffs();
    DurableState {
        ssts: ssts.into_iter().collect(),
        origins,
        flushed_seq: version.flushed_seq,
        tombstones: version.durable_tombstones().cloned().collect(),
        metadata: version.flushed_metadata.clone(),
        series_sets: version.series.empty_series().manifest_sets(),
        next_series_id: version.series.next_id(),
        cutoff: cutoffs.global(),
        rule_cutoffs: cutoffs.rule_cutoffs(),
        retention: (*version.retention).clone(),
        ..DurableState::default()
    }
}

/// Returns an id above those of the SSTs of the version.
fn next_file_id(version: &Version) -> FileId {
    version.ssts.iter().map(|sst| sst.id.next()).max().unwrap_or(FileId::new(1))
}

/// Returns the series created by records up to `flushed_seq`. SSTs have points of no others.
///
/// Later series are left out: otherwise the next new series of the backup would have a lower seq than a series before
/// it.
fn definitions(version: &Version) -> Vec<Arc<SeriesInfo>> {
    version.series.iter().take_while(|def| def.seq <= version.flushed_seq).cloned().collect()
}

/// Links or copies an SST into the directory under its own name. Returns `true` if it is a link.
fn link_or_copy(from: &Dir, to: &Dir, sst: &SstMeta) -> Result<bool> {
    let name = sst_file_name(sst.id);
    match from.link_into(&name, to) {
        Ok(()) => Ok(true),
        // Another file system, one without links, no permission, or too many links to the file.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::CrossesDevices
                    | ErrorKind::Unsupported
                    | ErrorKind::PermissionDenied
                    | ErrorKind::TooManyLinks
            ) =>
        {
            copy(from, to, &name, sst.file_len).map(|()| false)
        }
        Err(error) => Err(Error::io("link", to.file_path(&name), error)),
    }
}

fn copy(from: &Dir, to: &Dir, name: &str, len: u64) -> Result<()> {
    let (from, to) = (from.open(name, OpenMode::Read)?, to.open(name, OpenMode::Create)?);
    let mut buffer = vec![0; usize::try_from(len).unwrap_or(COPY_BYTES).min(COPY_BYTES)];
    let mut offset = 0;
    while offset < len {
        let left = usize::try_from(len - offset).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let bytes = &mut buffer[..left];
        from.read_at(offset, bytes)?;
        to.write_at(offset, bytes)?;
        offset += left as u64;
    }
    // Survives power loss after the manifest is durable: the manifest would name a file without its bytes. The bytes of
    // a linked file have been durable since it was written.
    to.sync(SyncStep::BackupCopy)
}

/// Creates, opens and locks the target directory, which must be empty.
fn prepare_target(to: &Dir) -> Result<(Dir, DirectoryLock)> {
    // Before the lock file is created: a directory with other content stays unchanged.
    match check_target_empty(to) {
        Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => create_dirs(to)?,
        checked => checked?,
    }
    let to = to.hold()?;
    let lock = acquire_lock(&to)?;
    check_target_empty(&to)?;
    lock.write_pid().map_err(|error| Error::io("write", to.file_path(LOCK_FILE), error))?;
    sync_parents(&to)?;
    Ok((to, lock))
}

fn check_target_empty(to: &Dir) -> Result<()> {
    let is_content = |entry: &DirEntry| match entry.name.as_str() {
        LOCK_FILE => false,
        // A target at the root of a file system.
        LOST_AND_FOUND => !entry.is_dir,
        _ => true,
    };
    let mut names: Vec<String> = to.list()?.into_iter().filter(is_content).map(|entry| entry.name).collect();
    names.sort_unstable();
    match names.into_iter().next() {
        Some(found) => Err(Error::BackupTargetNotEmpty { dir: to.path().to_owned(), found }),
        None => Ok(()),
    }
}

/// Removes the files of a failed backup, except for the lock file.
///
/// If there is a manifest, the backup may be complete, and nothing is removed.
/// The names are known, so that no directory needs to be opened for a listing.
fn give_up(to: &Dir, version: &Version) {
    // Unless it is certain that there is no manifest, nothing is removed.
    if !matches!(to.exists(MANIFEST), Ok(false)) {
        return;
    }
    // The series log has the first id above those of the SSTs.
    let logs = [MANIFEST_TMP.to_owned(), series_log_name(next_file_id(version))];
    let names = version.ssts.iter().map(|sst| sst_file_name(sst.id)).chain(logs);
    // A file that was not made yet cannot be removed.
    names.for_each(|name| drop(to.remove(&name)));
}

/// Checks that the target is neither the directory of the database nor inside it.
fn check_apart(own: &Dir, to: &Path) -> Result<()> {
    // The current directory may have changed since the database was opened.
    if is_inside(own.absolute_path(), to) {
        return Err(Error::BackupInsideDatabase { dir: to.to_owned(), database: own.path().to_owned() });
    }
    Ok(())
}

/// Returns `true` if a path is that of the directory or inside it, by the texts of both.
fn is_inside(dir: &Path, path: &Path) -> bool {
    absolute_path(path).starts_with(absolute_path(dir))
}

/// Returns the absolute path without `.` and `..`, by its text alone.
fn absolute_path(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_inside_is_known_by_its_path() {
        for inside in ["/a/db", "/a/db/", "/a/db/x", "/a/./db/x", "/a/b/../db/x", "/a/db/x/../y"] {
            assert!(is_inside(Path::new("/a/db"), Path::new(inside)), "{inside}");
        }
        for apart in ["/a", "/a/db2", "/a/d", "/a/db/../x", "/b/db", "db"] {
            assert!(!is_inside(Path::new("/a/db"), Path::new(apart)), "{apart}");
        }
        assert!(is_inside(Path::new("db"), Path::new("./db/x")));
        assert!(!is_inside(Path::new("db"), Path::new("../db")));
    }
}
