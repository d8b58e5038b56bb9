//! Opening: lock, look, let recovery decide, replay, make the result durable in new files, and only then delete.
//! Until the manifest is rewritten nothing that was there has changed, so a crash anywhere leads to the same opening.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::Store;
use super::directory::{Directory, LOCK};
use super::readers::Readers;
use super::replay::{Replay, Replayed};
use super::tables::SstTables;
use crate::env::{Dir, Env, Lock, Open, SyncStep};
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST, Manifest, ManifestRead, SeriesLog};
use crate::options::Options;
use crate::sst;
use crate::version::{
    Durable, FileId, FileIds, Found, FoundManifest, Recovery, RecoveryFault, SeriesIndex, Version, recover,
};
use crate::wal::{SegmentHeader, Wal, WalFiles, segment_name};

/// What an opening found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OpenReport {
    /// There was no database: one was made.
    pub created: bool,
    /// Records of the write-ahead log that no SST held yet.
    pub replayed_records: u64,
    /// Points in them.
    pub replayed_points: u64,
    /// The end of the log that a crash tore, and that nothing vouched for.
    pub forgiven: Option<ForgivenTail>,
    /// Names of own files that nothing needed any more.
    pub removed: Vec<String>,
    /// Names that are not this engine's; they were left alone.
    pub unknown: Vec<String>,
}

/// The torn end of a write-ahead log. No acknowledged write was in it: its sync had not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForgivenTail {
    /// The segment.
    pub file: PathBuf,
    /// Where the torn record began, in bytes.
    pub offset: u64,
    /// How many bytes were dropped.
    pub bytes: u64,
    /// Where they are kept, for whoever wants to look; it may be deleted.
    pub kept: PathBuf,
}

/// An opening's parts, for the engine to set going.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) storage: Store,
    pub(crate) tables: SstTables,
    pub(crate) readers: Arc<Readers>,
    pub(crate) version: Version,
    /// The greatest age that an SST bears.
    pub(crate) generation: u64,
    pub(crate) report: OpenReport,
    pub(crate) nonce: u64,
}

/// Opens a directory, making a database there if there is none and the options allow it.
pub(crate) fn open(env: Arc<dyn Env>, path: &Path, options: &Options) -> Result<Opened> {
    let dir = Dir::new(env, path);
    prepare(&dir, options.create)?;
    let lock = lock(&dir)?;
    let listed = Directory::list(&dir)?;
    let created = !listed.manifest;
    if created {
        check_creatable(&dir, &listed, options.create)?;
        sync_parent(&dir)?;
        // Floor 0: no opening has finished, and so no segment counts.
        let next_file = FileId::new(1);
        Manifest::create(dir.clone(), Uuid::new_v4(), Durable { next_file, ..Durable::default() })?;
    }
    let manifest = ManifestRead::read(&dir)?;
    let recovery = decide(&dir, &listed, &manifest)?;
    // Only now: of a format from the future not one byte was to be changed.
    lock.sign().map_err(|error| Error::io("write", dir.file_path(LOCK), error))?;
    let series = read_series(&dir, manifest.uuid, &recovery)?;
    let ids = Arc::new(FileIds::new(recovery.next_file));
    let tables = || SstTables { dir: dir.clone(), uuid: manifest.uuid, ids: Arc::clone(&ids) };
    let replayed = Replay::new(&dir, tables(), options.flush_at_bytes(), series, &recovery).run(&recovery)?;
    let readers = Arc::new(Readers::new(dir.clone(), manifest.uuid, options.index_cache_bytes, lock));
    let mut storage = settle(&dir, options, &manifest, &recovery, &replayed, &listed, &ids, Arc::clone(&readers))?;
    let removed = clean_up(&dir, &mut storage, &recovery, &listed);
    let durable = storage.manifest.durable();
    let ssts = durable.ssts.iter().cloned().map(Arc::new).collect();
    let version = Version::opened(replayed.series, ssts, durable.flushed_seq, durable.floor);
    let report = OpenReport {
        created,
        replayed_records: replayed.records,
        replayed_points: replayed.points,
        forgiven: replayed.forgiven,
        removed,
        unknown: listed.unknown,
    };
    tracing::info!(dir = %path.display(), ?report, "opened");
    let nonce = Uuid::new_v4().as_u64_pair().0;
    Ok(Opened { storage, tables: tables(), readers, version, generation: replayed.generation, report, nonce })
}

/// Sees to it that there is a directory to lock, without touching one that holds something else.
fn prepare(dir: &Dir, create: bool) -> Result<()> {
    match dir.env().list(dir.path()) {
        Ok(_) => check_creatable(dir, &Directory::list(dir)?, create),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {
            let made = dir.env().create_dir(dir.path());
            made.map_err(|error| Error::io("create", dir.path(), error))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NotFound { dir: dir.path().to_owned() })
        }
        Err(error) => Err(Error::io("list", dir.path(), error)),
    }
}

/// Makes the name of a new database's directory durable, whoever made the directory.
fn sync_parent(dir: &Dir) -> Result<()> {
    let parent = dir.path().parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Survives power loss after the first acknowledgement: without it the whole database may vanish.
    Dir::new(Arc::clone(dir.env()), parent).sync(SyncStep::ParentDirectory)
}

/// Whether a directory without a manifest may become a database.
fn check_creatable(dir: &Dir, listed: &Directory, create: bool) -> Result<()> {
    if listed.manifest {
        return Ok(());
    }
    if listed.has_data() {
        return Err(Error::MissingFiles { dir: dir.path().to_owned(), files: vec![MANIFEST.to_owned()] });
    }
    if !create {
        return Err(Error::NotFound { dir: dir.path().to_owned() });
    }
    match listed.unknown.first() {
        Some(found) => Err(Error::NotADatabase { dir: dir.path().to_owned(), found: found.clone() }),
        None => Ok(()),
    }
}

/// Takes the directory's lock before anything is touched.
pub(super) fn lock(dir: &Dir) -> Result<Box<dyn Lock>> {
    let path = dir.file_path(LOCK);
    let taken = dir.env().lock(&path).map_err(|error| Error::io("lock", &path, error))?;
    taken.ok_or_else(|| locked(dir))
}

/// Takes the lock for looking alone, beside others who do; `None` if there is no file to lock.
///
/// # Errors
/// `Locked` while anyone has the database open.
pub(crate) fn lock_shared(dir: &Dir) -> Result<Option<Box<dyn Lock>>> {
    let path = dir.file_path(LOCK);
    match dir.env().lock_shared(&path) {
        Ok(taken) => taken.map(Some).ok_or_else(|| locked(dir)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("lock", path, error)),
    }
}

fn locked(dir: &Dir) -> Error {
    Error::Locked { dir: dir.path().to_owned(), pid: holder(dir) }
}

/// The process that signed the lock.
fn holder(dir: &Dir) -> Option<u32> {
    let file = dir.open(LOCK, Open::Read).ok()?;
    let mut text = vec![0; usize::try_from(file.len().ok()?).ok()?.min(16)];
    file.read_at(0, &mut text).ok()?;
    String::from_utf8(text).ok()?.trim().parse().ok()
}

/// Reads what recovery needs to see, and lets it decide.
pub(super) fn decide(dir: &Dir, listed: &Directory, manifest: &ManifestRead) -> Result<Recovery> {
    let floor = manifest.durable.floor;
    let mut segments = Vec::new();
    for id in &listed.segments {
        // Below the floor a header means nothing any more.
        if *id >= floor {
            segments.push(SegmentHeader::read(dir, manifest.uuid, *id)?.found());
        }
    }
    let older = listed.segments.iter().filter(|id| **id < floor);
    let found = Found {
        manifest: FoundManifest { durable: manifest.durable.clone(), bad_edit: manifest.bad.map(|bad| bad.offset) },
        segments,
        ssts: listed.ssts.clone(),
        other_ids: older.chain(&listed.spares).chain(&listed.temporary_ids).copied().collect(),
    };
    recover(&found).map_err(|fault| explain(dir, &fault))
}

/// Recovery's refusal with the names of the files it is about.
pub(crate) fn explain(dir: &Dir, fault: &RecoveryFault) -> Error {
    let sst = |id: &FileId| sst::file_name(*id);
    match fault {
        RecoveryFault::MissingSsts(ids) => {
            Error::MissingFiles { dir: dir.path().to_owned(), files: ids.iter().map(sst).collect() }
        }
        RecoveryFault::MissingSegment(id) => {
            Error::MissingFiles { dir: dir.path().to_owned(), files: vec![segment_name(*id)] }
        }
        RecoveryFault::SstLength { id, named, found } => {
            let what = format!("the manifest says {named} bytes, the file has {found}");
            Error::corrupt(dir.file_path(&sst(id)), (*named).min(*found), what)
        }
        RecoveryFault::BadEdit { offset, why } => {
            Error::corrupt(dir.file_path(MANIFEST), *offset, format!("its last edit is bad, and {why}"))
        }
        RecoveryFault::Chain { id, what } => Error::corrupt(dir.file_path(&segment_name(*id)), 0, *what),
    }
}

pub(super) fn read_series(dir: &Dir, uuid: Uuid, recovery: &Recovery) -> Result<SeriesIndex> {
    let mut series = SeriesIndex::default();
    for def in SeriesLog::read(dir, uuid, recovery.durable.series_log_len)? {
        let restored = series.restore(def);
        restored.map_err(|what| Error::corrupt(dir.file_path(crate::manifest::SERIES_LOG), 0, what))?;
    }
    Ok(series)
}

/// Makes what recovery believes durable: series, a WAL of its own, and last the manifest that moves the floor there.
#[expect(clippy::too_many_arguments, reason = "everything an opening knows comes together here, once")]
fn settle(
    dir: &Dir,
    options: &Options,
    manifest: &ManifestRead,
    recovery: &Recovery,
    replayed: &Replayed,
    listed: &Directory,
    ids: &Arc<FileIds>,
    readers: Arc<Readers>,
) -> Result<Store> {
    let uuid = manifest.uuid;
    let logged = replayed.series.len() - replayed.definitions.len();
    // The index holds fewer than 2^31 series.
    let logged = u32::try_from(logged).unwrap_or(u32::MAX);
    let mut series_log = SeriesLog::open(dir.clone(), uuid, recovery.durable.series_log_len, logged)?;
    let series_log_len = series_log.append(&replayed.definitions)?;
    let found = WalFiles { segments: listed.segments.clone(), spares: listed.spares.clone() };
    let segment_bytes = options.wal_segment_bytes;
    let wal = Wal::create(dir.clone(), uuid, Arc::clone(ids), segment_bytes, replayed.last_seq, found)?;
    let durable = Durable {
        ssts: recovery.durable.ssts.iter().chain(&replayed.ssts).cloned().collect(),
        flushed_seq: replayed.last_seq,
        floor: wal.current(),
        series_log_len,
        next_file: ids.next(),
    };
    let manifest = Manifest::reopen(dir.clone(), manifest, durable)?;
    Ok(Store { wal, manifest, series_log, ids: Arc::clone(ids), _readers: readers })
}

/// Removes what nothing names, now that the recovered state is durable. A failure leaves it to the next opening.
fn clean_up(dir: &Dir, storage: &mut Store, recovery: &Recovery, listed: &Directory) -> Vec<String> {
    crate::actor::Storage::drop_segments(storage);
    let ssts = recovery.garbage_ssts.iter().map(|id| sst::file_name(*id));
    let mut removed: Vec<String> = ssts.chain(listed.temporaries.iter().cloned()).collect();
    removed.retain(|name| dir.remove(name).is_ok());
    removed.extend(listed.segments.iter().map(|id| segment_name(*id)));
    removed
}
