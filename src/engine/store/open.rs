//! Opening of a directory: lock, list, plan the recovery, remove leftovers, replay, commit.
//!
//! Until the manifest is rewritten, only leftovers that recovery never reads are changed, so that after a crash the
//! next opening takes the same steps. The old WAL segments are removed after the commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::DiskStorage;
use super::compaction::SstCompactor;
use super::create::{check_creatable, prepare_directory, sync_parents};
use super::flush::SstFlusher;
use super::listing::{DirectoryListing, LOCK_FILE};
use super::read_context::ReadContext;
use super::recovery_commit::RecoveryCommit;
use super::recovery_input::{
    DirectoryLock, acquire_lock, check_unfinished_segments, keep_foreign_series_logs, keep_foreign_ssts,
    plan_recovery_from_disk, read_series,
};
use super::replay::{ReplayTarget, WalReplay, check_replayable};
use crate::engine::actor::{CancelFlag, WriterStorage};
use crate::format::manifest::{MANIFEST, Manifest, ManifestContents, remove_if_exists, series_log_name};
use crate::format::sst;
use crate::format::sst::IndexPages;
use crate::format::wal::{RESERVE, segment_name, spare_name};
use crate::platform::env::{Dir, Env, OpenMode};
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::memtable::FrozenMemtable;
use crate::state::series_index::SeriesIndex;
use crate::state::series_index::handles::SeriesHandles;
use crate::state::version::{Cutoffs, DurableState, EncodedSelector, RecoveryPlan, RetentionProgress, Version};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::Options;
use crate::types::series::SeriesInfo;
use crate::types::timestamp::Timestamp;

/// Report of an opening: what it found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OpenReport {
    /// `true` if the database was created.
    pub created: bool,
    /// Number of records of the write-ahead log that were not in an SST yet.
    pub replayed_records: u64,
    /// Number of points in these records.
    pub replayed_points: u64,
    /// The torn tail of the log that was dropped; `None` if there was none.
    pub torn_tail: Option<TornTail>,
    /// Names of obsolete files that were removed, or recycled for the write-ahead log.
    pub removed: Vec<String>,
    /// Names of files and directories that are not part of a database; they were kept.
    pub unknown: Vec<String>,
    /// Move of the retention cutoffs that waits for its grace; `None` if none waits.
    ///
    /// See [`Stats::pending_retention`](crate::Stats::pending_retention) for the present state.
    pub pending_retention: Option<PendingRetention>,
}

/// Move of the retention cutoffs that waits, because elapsed time does not explain it.
///
/// See [`DbBuilder::retain_for`](crate::DbBuilder::retain_for). No point is hidden by it before the grace is over or
/// [`Db::apply_retention_now`](crate::Db::apply_retention_now) is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PendingRetention {
    /// Time before which all points will be hidden once the move is applied; `None` if it concerns only rules.
    pub cutoff: Option<Timestamp>,
    /// Open time until the move is applied, if clock, timestamps and ages still ask for it then.
    pub grace_left: Duration,
}

impl PendingRetention {
    /// Returns the move that waits; `None` if none does.
    ///
    /// `claimed_time` is that of the version, and `grace` the one of the options.
    pub(crate) fn new(
        progress: &RetentionProgress,
        claimed_time: Option<i64>,
        grace: Option<Duration>,
    ) -> Option<Self> {
        let grace_left = progress.grace_left(grace)?;
        Some(Self { cutoff: progress.pending_cutoff(claimed_time).map(Timestamp::from_nanos), grace_left })
    }
}

/// The torn tail of a write-ahead log.
///
/// It contained no write that was acknowledged as synced, since its sync had not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TornTail {
    /// File of the segment, which the opening removes or recycles.
    pub file: PathBuf,
    /// Offset of the torn record in the segment, in bytes.
    pub offset: u64,
    /// Number of dropped bytes.
    pub bytes: u64,
    /// File with a copy of the dropped bytes; it may be deleted.
    ///
    /// On a full disk there is no copy, and this is the segment itself.
    pub copy: PathBuf,
}

/// Parts of an opened database, from which the engine starts its actors.
pub(crate) struct OpenedDatabase {
    pub(crate) storage: DiskStorage,
    pub(crate) flusher: SstFlusher,
    pub(crate) compactor: SstCompactor,
    pub(crate) read_context: Arc<ReadContext>,
    pub(crate) version: Version,
    /// Series definitions that are in the WAL and not in the series log, in order.
    pub(crate) unlogged_series: Vec<Arc<SeriesInfo>>,
    /// Cutoffs of retention rules, by selector.
    pub(crate) rule_cutoffs: BTreeMap<EncodedSelector, i64>,
    /// Greatest generation of an SST or of a flush of the replay.
    pub(crate) generation: u64,
    /// Duplicate policy of new series.
    pub(crate) duplicates: DuplicatePolicy,
    pub(crate) report: OpenReport,
    pub(crate) opening_id: u64,
}

/// Opens a directory; creates a database if there is none and the options allow it.
///
/// If the disk is full, the opening of an existing database is tried again: without the spares, and last without a flush
/// of the replayed records. An attempt that fails leaves nothing that the next one does not remove.
///
/// A cancelled opening ends at its next step with the error `Closed`, unless its last manifest is written.
///
/// `shared_pages` is for the index pages of the files, instead of a cache of the database.
pub(crate) fn open(
    env: Arc<dyn Env>,
    path: &Path,
    options: &Options,
    shared_pages: Option<&Arc<IndexPages>>,
    cancel: &CancelFlag,
) -> Result<OpenedDatabase> {
    let dir = Dir::new(env, path);
    let attempt = |target| open_once(&dir, options, shared_pages, target, cancel);
    let has_manifest = || dir.exists(MANIFEST).unwrap_or(false);
    let is_full =
        |opened: &Result<OpenedDatabase>| opened.as_ref().is_err_and(Error::is_out_of_space) && has_manifest();
    let mut opened = attempt(ReplayTarget::Ssts);
    // If the spares cannot be removed, the next attempt gives the reason.
    if is_full(&opened) && give_up_spares(&dir).unwrap_or(false) {
        opened = attempt(ReplayTarget::Ssts);
    }
    if is_full(&opened) {
        tracing::warn!("no room to flush the records of the log; they stay in memory and in the log");
        opened = attempt(ReplayTarget::Memory);
    }
    opened
}

/// Removes the spares of a database that nothing has open. Returns `true` if there were any.
fn give_up_spares(dir: &Dir) -> Result<bool> {
    let dir = dir.hold()?;
    let _lock = acquire_lock(&dir)?;
    let listed = DirectoryListing::list(&dir)?;
    Ok(listed.wal.spares.keys().filter(|id| dir.remove(&spare_name(**id)).is_ok()).count() > 0)
}

/// A locked directory without leftovers, and how its log is recovered.
struct PlannedOpening {
    /// Held directory.
    dir: Dir,
    lock: DirectoryLock,
    listed: DirectoryListing,
    /// `true` if the database was created.
    created: bool,
    manifest: ManifestContents,
    recovery: RecoveryPlan,
    /// Series of series log and manifest.
    series: SeriesIndex,
    /// Names of the leftovers that were removed.
    removed: Vec<String>,
}

/// Locks the directory, plans the recovery and removes leftovers.
fn plan_opening(dir: &Dir, options: &Options, target: ReplayTarget, cancel: &CancelFlag) -> Result<PlannedOpening> {
    cancel.check()?;
    let is_new_dir = prepare_directory(dir, options.create)?;
    // From here on no call depends on the path or on the current directory.
    let dir = dir.hold()?;
    warn_if_moves_go_unnoticed(&dir);
    let lock = acquire_lock(&dir)?;
    let mut listed = DirectoryListing::list(&dir)?;
    let created = !listed.manifest;
    if created {
        check_creatable(&dir, &listed, options.create)?;
        if !is_new_dir {
            sync_parents(&dir)?;
        }
        create_manifest(&dir, options)?;
    }
    let manifest = ManifestContents::read(&dir)?;
    check_duplicates(manifest.state.duplicates, options)?;
    let mut recovery = plan_recovery_from_disk(&dir, &listed, &manifest)?;
    let series = read_series(&dir, manifest.uuid, &recovery)?;
    check_unfinished_segments(&dir, manifest.uuid, &recovery)?;
    keep_foreign_ssts(&dir, manifest.uuid, &mut listed, &mut recovery)?;
    keep_foreign_series_logs(&dir, manifest.uuid, &mut listed, &mut recovery)?;
    cancel.check()?;
    // After these checks: a directory with a newer format version must not be changed.
    write_pid(&dir, &lock)?;
    let leftovers = Leftovers { listed: &listed, recovery: &recovery, created, target };
    let (manifest, removed) = leftovers.clean_up(&dir, manifest, cancel)?;
    Ok(PlannedOpening { dir, lock, listed, created, manifest, recovery, series, removed })
}

fn open_once(
    dir: &Dir,
    options: &Options,
    shared_pages: Option<&Arc<IndexPages>>,
    target: ReplayTarget,
    cancel: &CancelFlag,
) -> Result<OpenedDatabase> {
    let _span = tracing::debug_span!("recovery", dir = %dir.path().display()).entered();
    let PlannedOpening { dir, lock, listed, created, manifest, recovery, series, mut removed } =
        plan_opening(dir, options, target, cancel)?;
    let duplicates = manifest.state.duplicates;
    let ids = Arc::new(FileIdAllocator::new(recovery.next_file_id));
    let shares = options.memory_shares();
    let memory = shares.flush;
    let new_flusher = || SstFlusher { dir: dir.clone(), uuid: manifest.uuid, ids: Arc::clone(&ids), memory };
    let replay = WalReplay::new(new_flusher(), options.flush_at_bytes(), series, &recovery, target, cancel);
    let replayed = replay.run(&recovery)?;
    let max_open = options.max_open_files.div_ceil(2);
    let read_context = Arc::new(ReadContext::new(dir.clone(), manifest.uuid, &shares, max_open, shared_pages, lock));
    let is_in_memory = !replayed.frozen.is_empty();
    let commit = RecoveryCommit {
        dir: &dir,
        segment_bytes: options.wal_segment_bytes,
        manifest: &manifest,
        recovery: &recovery,
        replayed: &replayed,
        listed: &listed,
        ids: &ids,
        read_context: Arc::clone(&read_context),
    };
    let mut storage = commit.run()?;
    removed.extend(remove_obsolete_logs(&dir, &mut storage, &recovery, &listed));
    let durable = storage.manifest.state();
    let cutoffs = Cutoffs::new(durable.cutoff, Vec::new());
    let mut version = Version::from_durable(replayed.series.opened(&Arc::new(SeriesHandles::new())), durable, cutoffs);
    let mut unlogged_series = Vec::new();
    if is_in_memory {
        let frozen = with_last_floor(replayed.frozen, storage.wal.active_segment());
        version = version.with_replayed_memtables(frozen, replayed.tombstones);
        unlogged_series = replayed.definitions;
    }
    let rule_cutoffs = durable.rule_cutoffs.clone();
    let report = OpenReport {
        created,
        replayed_records: replayed.records,
        replayed_points: replayed.points,
        torn_tail: replayed.torn_tail,
        removed,
        unknown: listed.unknown,
        pending_retention: None,
    };
    tracing::info!(dir = %dir.path().display(), ?report, "opened");
    let opening_id = dir.env().random_uuid().as_u64_pair().0;
    let generation = replayed.generation;
    let (flusher, compactor) = (new_flusher(), SstCompactor::new(dir, manifest.uuid, ids, shares.merge, max_open));
    Ok(OpenedDatabase {
        storage,
        flusher,
        compactor,
        read_context,
        version,
        unlogged_series,
        rule_cutoffs,
        generation,
        duplicates,
        report,
        opening_id,
    })
}

/// Creates the manifest of a new database.
fn create_manifest(dir: &Dir, options: &Options) -> Result<()> {
    // Floor 0: no opening has finished, so no segment counts.
    let (next_file_id, duplicates) = (FileId::new(1), options.duplicates.unwrap_or_default());
    let durable = DurableState { next_file_id, duplicates, ..DurableState::default() };
    Manifest::create(dir.clone(), dir.env().random_uuid(), durable).map(drop)
}

/// Warns if the file system does not tell whether the path of the directory still leads to it.
fn warn_if_moves_go_unnoticed(dir: &Dir) {
    if !dir.can_find_its_path() {
        tracing::warn!(
            dir = %dir.path().display(),
            "the file system reports another device or inode for the path of the directory than for the open directory; \
             a moved or replaced directory will not be noticed"
        );
    }
}

/// Checks that the options name the duplicate policy of the database, which is fixed, or none.
fn check_duplicates(made: DuplicatePolicy, options: &Options) -> Result<()> {
    if options.duplicates.is_none_or(|asked| asked == made) {
        return Ok(());
    }
    let detail = format!("the policy of the database is `{made}`, which is fixed at its creation");
    Err(Error::InvalidOption { option: "duplicates", detail })
}

/// Leftovers of earlier openings, flushes and compactions.
struct Leftovers<'a> {
    listed: &'a DirectoryListing,
    recovery: &'a RecoveryPlan,
    /// `true` if this opening created the database.
    created: bool,
    target: ReplayTarget,
}

impl Leftovers<'_> {
    /// Removes the leftovers. Rewrites the manifest before that if needed.
    ///
    /// Returns the content of the manifest and the names of the removed files. The leftovers are removed before this
    /// opening writes files: otherwise each attempt on a nearly full disk would leave less space for the next one.
    ///
    /// The manifest is rewritten in three cases. If no opening of the database has finished, the name of the manifest may
    /// exist only in the page cache, and a power loss could leave new files without a manifest. If SSTs are removed, or
    /// if the series log is longer than its valid part and will be cut, an edit may have been cut off without a durable
    /// sync: no power loss may bring it back, as it names what is removed. The rewrite cannot be combined with the commit
    /// of the recovery: the replay needs the space of the removed files.
    fn clean_up(
        &self,
        dir: &Dir,
        manifest: ManifestContents,
        cancel: &CancelFlag,
    ) -> Result<(ManifestContents, Vec<String>)> {
        let recovery = self.recovery;
        let garbage: Vec<String> = recovery.garbage_ssts.iter().map(|id| sst::sst_file_name(*id)).collect();
        if !garbage.is_empty() {
            // If the WAL cannot be replayed, the opening fails before anything is removed: an SST that no edit names may
            // have the only valid copy of the damaged records.
            check_replayable(dir, manifest.uuid, recovery, cancel)?;
        }
        let is_unfinished = !self.created && manifest.state.wal_floor == FileId::default();
        let manifest = if is_unfinished || !garbage.is_empty() || self.is_series_log_cut(dir)? {
            self.rewrite_manifest(dir, &manifest)?;
            ManifestContents::read(dir)?
        } else {
            manifest
        };
        let removed = self.listed.temporaries.iter().cloned().chain(garbage).filter(|name| dir.remove(name).is_ok());
        Ok((manifest, removed.collect()))
    }

    /// Returns `true` if this opening will cut the series log.
    fn is_series_log_cut(&self, dir: &Dir) -> Result<bool> {
        let named = self.recovery.durable.series_log;
        if named.len == 0 {
            return Ok(false);
        }
        Ok(dir.open(&series_log_name(named.file), OpenMode::Read)?.len()? > named.len)
    }

    /// Rewrites the manifest. The last attempt on a full disk gives up a reserve of the WAL for it.
    fn rewrite_manifest(&self, dir: &Dir, manifest: &ManifestContents) -> Result<()> {
        let recovery = self.recovery;
        let durable = DurableState { next_file_id: recovery.next_file_id, ..recovery.durable.clone() };
        let rewrite = || Manifest::reopen(dir.clone(), manifest, durable.clone()).map(drop);
        match rewrite() {
            Err(error) if error.is_out_of_space() && self.target == ReplayTarget::Memory => {
                remove_if_exists(dir, RESERVE)?;
                rewrite()
            }
            rewritten => rewritten,
        }
    }
}

/// Removes the segments and series logs that the committed manifest no longer needs, and returns their names.
fn remove_obsolete_logs(
    dir: &Dir,
    storage: &mut DiskStorage,
    recovery: &RecoveryPlan,
    listed: &DirectoryListing,
) -> Vec<String> {
    storage.drop_wal_segments();
    let wal_floor = storage.manifest.state().wal_floor;
    let segments = listed.wal.segments.keys().filter(|id| **id < wal_floor).map(|id| segment_name(*id));
    // Before the commit, an older manifest could have come back that names one of the old series logs.
    let series_logs = recovery.garbage_series_logs.iter().map(|id| series_log_name(*id));
    segments.chain(series_logs.filter(|name| dir.remove(name).is_ok())).collect()
}

/// Writes the process id into the lock file. The id only makes the error of another opening more helpful.
fn write_pid(dir: &Dir, lock: &DirectoryLock) -> Result<()> {
    match lock.write_pid().map_err(|error| Error::io("write", dir.file_path(LOCK_FILE), error)) {
        Err(error) if error.is_out_of_space() => {
            tracing::warn!(%error, "no room for the process id");
            Ok(())
        }
        written => written,
    }
}

/// Lets the flush of the last memtable move the floor to the new segment.
fn with_last_floor(frozen: Vec<FrozenMemtable>, segment: FileId) -> Vec<Arc<FrozenMemtable>> {
    let last = frozen.len().saturating_sub(1);
    let with_floor = |(at, frozen): (usize, FrozenMemtable)| {
        let next_wal_segment = if at == last { segment } else { frozen.next_wal_segment };
        Arc::new(FrozenMemtable { next_wal_segment, ..frozen })
    };
    frozen.into_iter().enumerate().map(with_floor).collect()
}
