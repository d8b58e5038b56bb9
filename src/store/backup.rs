//! A backup: a database of its own, made of the same SSTs in another directory while the one it is of goes on.
//! It changes no byte of the database. The manifest comes last, so that whatever ends it early leaves no database behind.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::directory::{Directory, LOCK};
use super::look::lock;
use super::place::{create_dirs, sync_parent};
use super::readers::Readers;
use crate::env::{Dir, Lock, Open, SyncStep};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, SERIES_LOG, SeriesLog};
use crate::options::Duplicates;
use crate::series::SeriesDef;
use crate::sst::file_name;
use crate::version::{Durable, FileId, SstMeta, Version};

/// What is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// What a backup holds, and how it came there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BackupReport {
    /// SSTs in it.
    pub files: u64,
    /// Of these, files that it shares with the database, so that they take no room of their own.
    pub linked: u64,
    /// Of these, files that it has copies of: it lies on another file system, or on one without hard links.
    pub copied: u64,
    /// Bytes in its SSTs.
    pub bytes: u64,
    /// Points in its SSTs.
    pub points: u64,
    /// Series.
    pub series: u64,
    /// The newest record that it holds: all up to it are there, and none after it.
    pub seq: u64,
}

/// Makes a backup of what a version has in SSTs. Blocks.
///
/// The version keeps its files from being removed; `readers` keep the database from being opened elsewhere meanwhile.
///
/// # Errors
/// `BackupInside` and `NotEmpty` before anything is made. After any other the directory holds no database, and as a rule
/// nothing but its lock's file; if only the last sync failed, it may hold the whole backup.
pub(crate) fn backup(
    readers: &Readers,
    version: &Version,
    duplicates: Duplicates,
    path: &Path,
) -> Result<BackupReport> {
    check_apart(readers.dir.path(), path)?;
    let to = Dir::new(Arc::clone(readers.dir.env()), path);
    let lock = prepare(&to)?;
    let made = fill(readers, version, duplicates, &to).inspect_err(|_| give_up(&to));
    drop(lock);
    made
}

fn fill(readers: &Readers, version: &Version, duplicates: Duplicates, to: &Dir) -> Result<BackupReport> {
    let mut report = BackupReport { seq: version.flushed_seq, ..BackupReport::default() };
    let uuid = to.env().unique();
    let definitions = definitions(version);
    let series_log_len = SeriesLog::open(to.clone(), uuid, 0, 0)?.append(&definitions)?;
    report.series = definitions.len() as u64;
    for sst in version.ssts.iter() {
        let linked = link_or_copy(&readers.dir, to, sst)?;
        report.files += 1;
        *(if linked { &mut report.linked } else { &mut report.copied }) += 1;
        report.bytes += sst.len;
        report.points += sst.points;
    }
    // Survives power loss after the manifest is durable: it would name files that have no name.
    to.sync(SyncStep::BackupDirectory)?;
    let durable = Durable { series_log_len, duplicates, ..durable(version, readers.uuid().as_u128()) };
    Manifest::create(to.clone(), uuid, durable)?;
    tracing::info!(dir = %to.path().display(), ?report, "backed up");
    Ok(report)
}

/// The state that the backup's first opening finds: that of a database whose every record is flushed, and that has had no
/// opening yet. Floor 0 says the latter.
fn durable(version: &Version, own: u128) -> Durable {
    let origin = |sst: &SstMeta| if sst.origin == 0 { own } else { sst.origin };
    let ssts: Vec<SstMeta> =
        version.ssts.iter().map(|sst| SstMeta { origin: origin(sst), ..(**sst).clone() }).collect();
    let origins: BTreeSet<u128> = ssts.iter().map(|sst| sst.origin).collect();
    let (gone, suspects) = version.series.gone().durable();
    let next_file = ssts.iter().map(|sst| sst.id.next()).max().unwrap_or(FileId::new(1));
    Durable {
        ssts,
        origins,
        flushed_seq: version.flushed_seq,
        next_file,
        tombstones: version.durable_tombstones().cloned().collect(),
        gone,
        suspects,
        cutoff: version.cutoffs.all(),
        cutoffs: version.cutoffs.by_text(),
        ..Durable::default()
    }
}

/// The series that records up to `flushed_seq` made; SSTs name no others. Later ones stay behind, else the backup's next
/// series would be older than one before it.
fn definitions(version: &Version) -> Vec<Arc<SeriesDef>> {
    version.series.iter().take_while(|def| def.seq <= version.flushed_seq).cloned().collect()
}

/// Brings an SST into the directory under its own name; whether it is the same file.
fn link_or_copy(from: &Dir, to: &Dir, sst: &SstMeta) -> Result<bool> {
    let name = file_name(sst.id);
    match to.env().hard_link(&from.file_path(&name), &to.file_path(&name)) {
        Ok(()) => Ok(true),
        // Another file system, one without links, one whose owner allows none, or a file with all the names it may have.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::CrossesDevices
                    | ErrorKind::Unsupported
                    | ErrorKind::PermissionDenied
                    | ErrorKind::TooManyLinks
            ) =>
        {
            copy(from, to, &name, sst.len).map(|()| false)
        }
        Err(error) => Err(Error::io("link", to.file_path(&name), error)),
    }
}

fn copy(from: &Dir, to: &Dir, name: &str, len: u64) -> Result<()> {
    let (from, to) = (from.open(name, Open::Read)?, to.open(name, Open::Create)?);
    let mut buffer = vec![0; usize::try_from(len).unwrap_or(COPY_BYTES).min(COPY_BYTES)];
    let mut offset = 0;
    while offset < len {
        let left = usize::try_from(len - offset).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let bytes = &mut buffer[..left];
        from.read_at(offset, bytes)?;
        to.write_at(offset, bytes)?;
        offset += left as u64;
    }
    // Survives power loss after the manifest is durable: it would name a file without its bytes. A linked file's bytes are
    // durable since it was made.
    to.sync(SyncStep::BackupCopy)
}

/// Sees to it that there is an empty directory that nobody else is filling.
fn prepare(to: &Dir) -> Result<Box<dyn Lock>> {
    match to.env().list(to.path()) {
        // Before the lock's file is made: nothing is left in a directory that is somebody's.
        Ok(_) => check_empty(to)?,
        Err(error) if error.kind() == ErrorKind::NotFound => create_dirs(to)?,
        Err(error) => return Err(Error::io("list", to.path(), error)),
    }
    let lock = lock(to)?;
    check_empty(to)?;
    lock.sign().map_err(|error| Error::io("write", to.file_path(LOCK), error))?;
    sync_parent(to)?;
    Ok(lock)
}

fn check_empty(to: &Dir) -> Result<()> {
    let mut names: Vec<String> = to.list()?.into_iter().map(|entry| entry.name).filter(|name| name != LOCK).collect();
    names.sort_unstable();
    match names.into_iter().next() {
        Some(found) => Err(Error::NotEmpty { dir: to.path().to_owned(), found }),
        None => Ok(()),
    }
}

/// Takes back what a failed backup made, as far as that goes. Not if there may be a manifest: then it may be whole.
fn give_up(to: &Dir) {
    let Ok(made) = Directory::list(to) else { return };
    if made.manifest {
        return;
    }
    let log = made.series_log.then(|| SERIES_LOG.to_owned());
    let names = made.ssts.keys().map(|id| file_name(*id)).chain(made.temporaries).chain(log);
    names.for_each(|name| drop(to.remove(&name)));
}

/// A database's directory holds its own files alone.
fn check_apart(own: &Path, to: &Path) -> Result<()> {
    if plain(to).starts_with(plain(own)) {
        return Err(Error::BackupInside { dir: to.to_owned(), database: own.to_owned() });
    }
    Ok(())
}

/// A path from the root on and without dots, as far as its text alone tells.
fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_inside_is_known_by_its_path() {
        for inside in ["/a/db", "/a/db/", "/a/db/x", "/a/./db/x", "/a/b/../db/x", "/a/db/x/../y"] {
            assert!(check_apart(Path::new("/a/db"), Path::new(inside)).is_err(), "{inside}");
        }
        for apart in ["/a", "/a/db2", "/a/d", "/a/db/../x", "/b/db", "db"] {
            assert!(check_apart(Path::new("/a/db"), Path::new(apart)).is_ok(), "{apart}");
        }
        assert!(check_apart(Path::new("db"), Path::new("./db/x")).is_err());
        assert!(check_apart(Path::new("db"), Path::new("../db")).is_ok());
    }
}
