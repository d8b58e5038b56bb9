//! What an opening looks at before it touches anything: the lock, headers, series, strangers. Recovery decides from it.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::directory::{Directory, LOCK};
use crate::env::{Dir, Lock, Open};
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST, ManifestRead, SeriesLog};
use crate::sst;
use crate::version::{FileId, Found, FoundManifest, Recovery, RecoveryFault, SeriesIndex, recover};
use crate::wal::{SegmentEnd, SegmentHeader, SegmentReader, segment_name};

/// Takes the directory's lock before anything is touched.
pub(crate) fn lock(dir: &Dir) -> Result<Box<dyn Lock>> {
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
pub(crate) fn decide(dir: &Dir, listed: &Directory, manifest: &ManifestRead) -> Result<Recovery> {
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
        // Of temporary files, too: recovery makes SSTs before it removes them, and their names are taken.
        other_ids: older.chain(&listed.spares).copied().chain(listed.temporary_ids()).collect(),
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

/// Whether the segments of openings that did not finish are as empty as they must be.
pub(super) fn check_unfinished(dir: &Dir, uuid: Uuid, recovery: &Recovery) -> Result<()> {
    let mut unfinished = recovery.garbage_segments.iter().filter(|id| **id >= recovery.durable.floor);
    unfinished.try_for_each(|id| check_empty(dir, uuid, *id))
}

/// Whether a segment of an opening that did not finish is as empty as it must be.
pub(crate) fn check_empty(dir: &Dir, uuid: Uuid, id: FileId) -> Result<()> {
    if SegmentReader::open(dir, uuid, id, SegmentEnd::Last)?.next()?.is_some() {
        let what = "it holds records, and the manifest knows nothing of it: the manifest is an older one";
        return Err(Error::corrupt(dir.file_path(&segment_name(id)), 0, what));
    }
    Ok(())
}

/// Keeps what is not this database's out of the garbage: an SST that no edit names is only then an own leftover if
/// its header says so.
pub(super) fn spare_strangers(dir: &Dir, uuid: Uuid, listed: &mut Directory, recovery: &mut Recovery) -> Result<()> {
    for id in std::mem::take(&mut recovery.garbage_ssts) {
        if is_own_sst(dir, uuid, &recovery.durable.origins, id)? {
            recovery.garbage_ssts.push(id);
        } else {
            listed.unknown.push(sst::file_name(id));
        }
    }
    Ok(())
}

/// Whether an SST that no edit names is this database's own by its header, or came into it with a backup of one of these
/// origins; `false` if it says nothing.
///
/// # Errors
/// `ForeignFile` if it names another database, or another file.
pub(crate) fn is_own_sst(dir: &Dir, uuid: Uuid, origins: &BTreeSet<u128>, id: FileId) -> Result<bool> {
    let name = sst::file_name(id);
    match sst::owner(dir, &name)? {
        Some((own, own_id)) if own_id == id && (own == uuid || origins.contains(&own.as_u128())) => Ok(true),
        Some((other, other_id)) => {
            let what = format!("it is SST {:016x} of database {other}, and no edit of {uuid} names it", other_id.get());
            Err(Error::ForeignFile { file: dir.file_path(&name), what })
        }
        None => Ok(false),
    }
}

pub(crate) fn read_series(dir: &Dir, uuid: Uuid, listed: &Directory, recovery: &Recovery) -> Result<SeriesIndex> {
    let mut series = SeriesIndex::default();
    if recovery.durable.series_log_len > 0 && !listed.series_log {
        let files = vec![crate::manifest::SERIES_LOG.to_owned()];
        return Err(Error::MissingFiles { dir: dir.path().to_owned(), files });
    }
    for def in SeriesLog::read(dir, uuid, recovery.durable.series_log_len)? {
        let restored = series.restore(def);
        restored.map_err(|what| Error::corrupt(dir.file_path(crate::manifest::SERIES_LOG), 0, what))?;
    }
    series.seal();
    let restored = series.restore_gone(&recovery.durable.gone, &recovery.durable.suspects);
    restored.map_err(|what| Error::corrupt(dir.file_path(MANIFEST), 0, what))?;
    Ok(series)
}
