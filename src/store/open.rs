//! Opening: lock, look, let recovery decide, replay, make the result durable in new files, and only then delete.
//! Until the manifest is rewritten nothing that was there has changed, so a crash anywhere leads to the same opening.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Store;
use super::directory::{Directory, LOCK};
use super::look::{check_unfinished, decide, lock, read_series, spare_strangers};
use super::merges::SstMerges;
use super::place::{check_creatable, prepare, sync_parent};
use super::readers::Readers;
use super::replay::{Replay, Replayed, check_replayable};
use super::tables::SstTables;
use crate::actor::Storage;
use crate::env::{Dir, Env};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, ManifestRead, SeriesLog};
use crate::options::{Duplicates, Options};
use crate::sst;
use crate::version::{Cutoffs, Durable, FileId, FileIds, Recovery, Version};
use crate::wal::{Wal, WalFiles, segment_name};

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
pub(crate) struct Opened {
    pub(crate) storage: Store,
    pub(crate) tables: SstTables,
    pub(crate) merges: SstMerges,
    pub(crate) readers: Arc<Readers>,
    pub(crate) version: Version,
    /// Cutoffs of rules, by their selectors' texts: who knows selectors puts them into the version.
    pub(crate) ruled: BTreeMap<String, i64>,
    /// The greatest age that an SST bears.
    pub(crate) generation: u64,
    /// What series do with duplicates that chose nothing themselves.
    pub(crate) duplicates: Duplicates,
    pub(crate) report: OpenReport,
    pub(crate) nonce: u64,
}

/// Opens a directory, making a database there if there is none and the options allow it.
pub(crate) fn open(env: Arc<dyn Env>, path: &Path, options: &Options) -> Result<Opened> {
    let _span = tracing::debug_span!("recovery", dir = %path.display()).entered();
    let dir = Dir::new(env, path);
    prepare(&dir, options.create)?;
    let lock = lock(&dir)?;
    let mut listed = Directory::list(&dir)?;
    let created = !listed.manifest;
    if created {
        check_creatable(&dir, &listed, options.create)?;
        sync_parent(&dir)?;
        // Floor 0: no opening has finished, and so no segment counts.
        let (next_file, duplicates) = (FileId::new(1), options.duplicates.unwrap_or_default());
        let durable = Durable { next_file, duplicates, ..Durable::default() };
        Manifest::create(dir.clone(), dir.env().unique(), durable)?;
    }
    let manifest = ManifestRead::read(&dir)?;
    let duplicates = manifest.durable.duplicates;
    check_duplicates(duplicates, options)?;
    let mut recovery = decide(&dir, &listed, &manifest)?;
    let series = read_series(&dir, manifest.uuid, &listed, &recovery)?;
    check_unfinished(&dir, manifest.uuid, &recovery)?;
    spare_strangers(&dir, manifest.uuid, &mut listed, &mut recovery)?;
    // Only now: of a format from the future not one byte was to be changed.
    lock.sign().map_err(|error| Error::io("write", dir.file_path(LOCK), error))?;
    let (manifest, mut removed) = renew(&dir, manifest, created, &recovery, &listed)?;
    let ids = Arc::new(FileIds::new(recovery.next_file));
    let shares = options.shares();
    let memory = shares.flush;
    let tables = || SstTables { dir: dir.clone(), uuid: manifest.uuid, ids: Arc::clone(&ids), memory };
    let replayed = Replay::new(&dir, tables(), options.flush_at_bytes(), series, &recovery).run(&recovery)?;
    let readers = Arc::new(Readers::new(dir.clone(), manifest.uuid, &shares, lock));
    let mut storage = settle(&dir, options, &manifest, &recovery, &replayed, &listed, &ids, Arc::clone(&readers))?;
    // Only now: the manifest that does without the old segments is durable.
    storage.drop_segments();
    removed.extend(listed.segments.iter().map(|id| segment_name(*id)));
    let durable = storage.manifest.durable();
    let cutoffs = Cutoffs::new(durable.cutoff, Vec::new());
    let version = Version::opened(replayed.series, durable, cutoffs);
    let ruled = durable.cutoffs.clone();
    let report = OpenReport {
        created,
        replayed_records: replayed.records,
        replayed_points: replayed.points,
        forgiven: replayed.forgiven,
        removed,
        unknown: listed.unknown,
    };
    tracing::info!(dir = %path.display(), ?report, "opened");
    let nonce = dir.env().unique().as_u64_pair().0;
    let generation = replayed.generation;
    let (tables, merges) = (tables(), SstMerges::new(dir, manifest.uuid, ids, shares.merge));
    Ok(Opened { storage, tables, merges, readers, version, ruled, generation, duplicates, report, nonce })
}

/// What becomes of duplicates was chosen when the database was made, and answers already rest on it.
fn check_duplicates(made: Duplicates, options: &Options) -> Result<()> {
    if options.duplicates.is_none_or(|asked| asked == made) {
        return Ok(());
    }
    let what = format!(
        "the database was made to {made} of several points at one timestamp, for good: leave the option out, or choose for \
         single series by `series_with`"
    );
    Err(Error::InvalidOption { option: "duplicates", what })
}

/// Makes the manifest durable once more where something is about to rely on it, and gives up what earlier openings or
/// flushes left unfinished, before this one makes more of it: else each attempt on a nearly full disk would leave less room
/// for the next.
///
/// Of a database that no opening has finished making the manifest's very name may be in the page cache alone, and a power
/// loss could leave the files that are about to be made beside it without it. And what is removed must be named by no
/// manifest that may come back. Both ask for the same, once; what is replayed cannot join it, since it needs the room.
fn renew(
    dir: &Dir,
    manifest: ManifestRead,
    created: bool,
    recovery: &Recovery,
    listed: &Directory,
) -> Result<(ManifestRead, Vec<String>)> {
    let garbage: Vec<String> = recovery.garbage_ssts.iter().map(|id| sst::file_name(*id)).collect();
    if !garbage.is_empty() {
        // A WAL that cannot be replayed refuses the opening before anything goes: an SST that no edit names may be the
        // only sound copy of what rotted there.
        check_replayable(dir, manifest.uuid, recovery)?;
    }
    let is_unfinished = !created && manifest.durable.floor == FileId::default();
    let manifest = if is_unfinished || !garbage.is_empty() {
        let durable = Durable { next_file: recovery.next_file, ..recovery.durable.clone() };
        Manifest::reopen(dir.clone(), &manifest, durable)?;
        ManifestRead::read(dir)?
    } else {
        manifest
    };
    let removed = listed.temporaries.iter().cloned().chain(garbage).filter(|name| dir.remove(name).is_ok());
    Ok((manifest, removed.collect()))
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
    let (gone, suspects) = replayed.series.gone().durable();
    let durable = Durable {
        ssts: recovery.durable.ssts.iter().chain(&replayed.ssts).cloned().collect(),
        tombstones: recovery.durable.tombstones.iter().chain(&replayed.tombstones).cloned().collect(),
        gone,
        suspects,
        flushed_seq: replayed.last_seq,
        floor: wal.current(),
        series_log_len,
        next_file: ids.next(),
        ..recovery.durable.clone()
    };
    #[cfg(feature = "planted")]
    let durable = without_cutoffs(durable);
    #[cfg(feature = "planted")]
    let first_recovery = first_recovery(manifest, recovery, replayed);
    #[cfg(feature = "planted")]
    let wal = planted(wal);
    let manifest = Manifest::reopen(dir.clone(), manifest, durable)?;
    Ok(Store {
        wal,
        manifest,
        series_log,
        ids: Arc::clone(ids),
        readers,
        #[cfg(feature = "planted")]
        first_recovery,
    })
}

/// 16: what the opening before this one recovered, if both followed a crash: nothing was installed between them.
#[cfg(feature = "planted")]
fn first_recovery(manifest: &ManifestRead, recovery: &Recovery, replayed: &Replayed) -> Vec<FileId> {
    let twice = manifest.records == 1 && recovery.garbage_ssts.is_empty() && replayed.records > 0;
    recovery.durable.ssts.last().filter(|_| twice).map(|sst| sst.id).into_iter().collect()
}

/// What retention hid is forgotten: the limits of this opening will say.
#[cfg(feature = "planted")]
fn without_cutoffs(durable: Durable) -> Durable {
    if crate::planted::is("cutoff_goes_back_at_an_opening") {
        return Durable { cutoff: None, cutoffs: BTreeMap::new(), ..durable };
    }
    durable
}

/// What was replayed goes before the manifest that does without it is durable.
#[cfg(feature = "planted")]
fn planted(mut wal: Wal) -> Wal {
    if crate::planted::is("segments_go_before_the_manifest") {
        wal.drop_below(wal.current());
    }
    wal
}
