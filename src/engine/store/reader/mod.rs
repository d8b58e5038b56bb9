//! Reading of a directory without its lock, while another process may write: the state behind a read-only opening.
//!
//! The reader changes no byte of the directory. A refresh is a read in the style of a seqlock, with the manifest as the
//! sequence number:
//!
//! ```text
//!   manifest -----> series log, SSTs, WAL segments from the floor on -----> manifest again
//!      ^                                                                       |
//!      '--------------- changed: again, with what is new ----------------------+---- unchanged: one new version
//! ```
//!
//! A segment is recycled, and an SST removed, only after the edit that no longer needs it is in the manifest. If the
//! manifest is unchanged after everything was read, all of it was in place while it was read. Each part keeps a cursor, so
//! that a refresh reads only what is new.
//!
//! # Only what is durable
//!
//! - Of the WAL: sealed segments, and the records of the last one that a `synced_to` covers; see
//!   [`SegmentCursor`](crate::format::wal::SegmentCursor).
//! - Of the manifest: an edit that was appended moves points from segments that were sealed, and so are durable, to
//!   SSTs, or from SSTs to others. It may count before it is synced. A manifest that has only its full record was renamed
//!   a moment ago, perhaps. If a power loss took back the name, the records that an opening replayed, or a cutoff, would be
//!   taken back, too. A later record shows that the name is durable. Without one the reader syncs the directory, once
//!   for each generation of the manifest: that changes no byte.
//!
//! # Never backwards
//!
//! A version with a smaller seq than the last one is not returned: after a power loss of another machine, the record that
//! stated that others are durable may be lost, and these are not.

mod log_tail;
mod segment_listing;
mod segment_memtable;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use self::log_tail::LogTail;
use super::listing::DirectoryListing;
use super::read_context::ReadContext;
use crate::format::manifest::{MANIFEST, ManifestChange, ManifestCursor, SeriesLog, series_log_name};
use crate::format::sst::IndexPages;
use crate::platform::env::{Dir, Env, SyncStep};
use crate::state::file_id::FileId;
use crate::state::series_index::SeriesIndex;
use crate::state::series_index::handles::SeriesHandles;
use crate::state::version::{Cutoffs, EncodedSelector, SeriesLogEnd, SstMeta, Version};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::MemoryShares;

/// Maximum number of times that one refresh begins again because the writer changed the manifest meanwhile.
const MAX_ATTEMPTS: u64 = 64;
/// Maximum number of failures of one refresh while the manifest did not change.
///
/// A listing may miss a file that is renamed at that moment.
const MAX_FAILURES: u32 = 3;

/// What one refresh of a [`DbReader`](crate::DbReader) found and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RefreshReport {
    /// `true` if there is a newer snapshot.
    pub changed: bool,
    /// Records of the manifest that were read.
    pub manifest_records: u64,
    /// Definitions of series that were read from the series log.
    pub series_definitions: u64,
    /// SSTs that were opened.
    pub files_opened: u64,
    /// Segments of the write-ahead log that were opened.
    pub segments_opened: u64,
    /// Records of the write-ahead log that were read.
    pub log_records: u64,
    /// Length of these records in the log, in bytes.
    pub log_bytes: u64,
    /// Bytes behind the records that were searched once for evidence of damage; at most 4 MiB for each segment.
    pub searched_log_bytes: u64,
    /// Times that the files were read, more than 1 if the writer changed the manifest meanwhile.
    pub attempts: u64,
}

/// Settings of a reader.
#[derive(Debug, Clone)]
pub(crate) struct ReaderSettings {
    pub(crate) shares: MemoryShares,
    /// For the index pages of the files, instead of a cache of the reader.
    pub(crate) shared_pages: Option<Arc<IndexPages>>,
    /// Maximum memory of the records that are not in SSTs, in bytes.
    pub(crate) max_log_bytes: usize,
    /// Maximum number of SSTs that are kept open for snapshots.
    pub(crate) max_held_files: usize,
    /// Makes the cutoffs of a version from the global one and those of the rules, by selector.
    pub(crate) cutoffs: fn(Option<i64>, BTreeMap<EncodedSelector, i64>) -> Result<Cutoffs>,
}

/// Reader of a directory, with what it has read so far.
#[derive(Debug)]
pub(crate) struct DirectoryReader {
    dir: Dir,
    uuid: Uuid,
    settings: ReaderSettings,
    context: Arc<ReadContext>,
    /// `None` during an attempt, after a panic in one, and after an error that left a part of a step: the next refresh
    /// reads everything again.
    state: Option<ReadState>,
    /// Version that was returned last.
    newest: Option<Arc<Version>>,
    /// Greatest generation of the manifest that was read, and the one whose name is known to be durable.
    generation: u64,
    durable_generation: u64,
    duplicates: DuplicatePolicy,
    /// Series of which handles were given out by any version.
    handles: Arc<SeriesHandles>,
}

/// What was read of the files.
#[derive(Debug)]
struct ReadState {
    manifest: ManifestCursor,
    /// `true` if the manifest has records that the rest of the state does not reflect.
    is_behind: bool,
    /// Series that the series log defines, up to `series_log`.
    logged_series: SeriesIndex,
    series_log: SeriesLogEnd,
    /// Series of the series log and of the WAL, with their sets.
    series: SeriesIndex,
    log: LogTail,
    /// Version without the log; `None` before the manifest was followed for the first time.
    base: Option<Version>,
    /// `true` if no version of this base was returned yet.
    is_base_new: bool,
}

/// Result of one attempt to refresh.
enum Attempt {
    Unchanged,
    Version(Arc<Version>),
    /// The manifest changed while the files were read.
    Overtaken,
}

impl DirectoryReader {
    /// Opens a directory and reads its newest durable state.
    ///
    /// # Errors
    /// `DatabaseNotFound`, `NotADatabase` or `MissingFiles` if there is no database; those of [`refresh`](Self::refresh).
    pub(crate) fn open(env: Arc<dyn Env>, path: &Path, settings: ReaderSettings) -> Result<(Self, Arc<Version>)> {
        let dir = Dir::new(env, path);
        let dir = dir.hold().map_err(|error| explain_missing_manifest(&dir, error))?;
        // The writer may be appending a record: a read that fails is repeated.
        let manifest = (1..MAX_FAILURES).find_map(|_| ManifestCursor::open(&dir).ok());
        let manifest = manifest.map_or_else(|| ManifestCursor::open(&dir), Ok);
        let manifest = manifest.map_err(|error| explain_missing_manifest(&dir, error))?;
        let (uuid, duplicates) = (manifest.uuid(), manifest.state().duplicates);
        let context = {
            let pages = settings.shared_pages.as_ref();
            ReadContext::without_lock(dir.clone(), uuid, &settings.shares, settings.max_held_files, pages)
        };
        let mut reader = Self {
            dir,
            uuid,
            settings,
            context: Arc::new(context),
            state: Some(ReadState::new(manifest)),
            newest: None,
            generation: 0,
            durable_generation: 0,
            duplicates,
            handles: Arc::new(SeriesHandles::new()),
        };
        let (version, _) = reader.refresh()?;
        version.map(|version| (reader, version)).ok_or_else(|| Error::internal("a first refresh without a version"))
    }

    pub(crate) fn context(&self) -> &Arc<ReadContext> {
        &self.context
    }

    /// Returns the duplicate policy of the database.
    pub(crate) fn duplicates(&self) -> DuplicatePolicy {
        self.duplicates
    }

    /// Reads what is new and returns the newest version; `None` if nothing has changed.
    ///
    /// # Errors
    /// `DirectoryMoved`; `UnflushedLogTooLarge`; `SnapshotExpired` if the writer overtook every attempt; those of the
    /// files.
    pub(crate) fn refresh(&mut self) -> Result<(Option<Arc<Version>>, RefreshReport)> {
        self.dir.check_place()?;
        let (mut report, mut failures) = (RefreshReport::default(), 0);
        while report.attempts < MAX_ATTEMPTS {
            report.attempts += 1;
            match self.attempt(&mut report) {
                Ok(Attempt::Unchanged) => return Ok((None, report)),
                Ok(Attempt::Version(version)) => {
                    self.newest = Some(Arc::clone(&version));
                    report.changed = true;
                    return Ok((Some(version), report));
                }
                Ok(Attempt::Overtaken) => {}
                Err(error) => {
                    failures += u32::from(!self.is_overtaken(&error));
                    if failures == MAX_FAILURES || matches!(error, Error::UnflushedLogTooLarge { .. }) && failures > 0 {
                        return Err(error);
                    }
                }
            }
        }
        Err(Error::SnapshotExpired { file: self.dir.path().to_owned() })
    }

    /// Returns `true` if the manifest has changed since the attempt that failed with `error`, which explains the error.
    ///
    /// Keeps the state if a call of the operating system failed, since no step is left half done then, or if the log
    /// needs more memory, for which a flush may make room. Otherwise the next attempt reads everything again.
    fn is_overtaken(&mut self, error: &Error) -> bool {
        let Some(mut state) = self.state.take() else { return false };
        let is_whole = |error: &Error| error.io_kind().is_some() || matches!(error, Error::UnflushedLogTooLarge { .. });
        let change = state.manifest.advance(&self.dir);
        let is_changed = matches!(change, Ok(ManifestChange::Changed { .. }));
        state.is_behind |= is_changed;
        if is_whole(error) && change.as_ref().err().is_none_or(is_whole) {
            self.state = Some(state);
        }
        is_changed
    }

    fn attempt(&mut self, report: &mut RefreshReport) -> Result<Attempt> {
        let mut state = if let Some(state) = self.state.take() {
            state
        } else {
            let manifest = ManifestCursor::open(&self.dir)?;
            self.check_identity(&manifest)?;
            ReadState::new(manifest)
        };
        let outcome = self.bring_up_to_date(&mut state, report);
        // Not after a panic, which may leave half a step.
        self.state = Some(state);
        outcome
    }

    /// Reads what is new.
    fn bring_up_to_date(&mut self, state: &mut ReadState, report: &mut RefreshReport) -> Result<Attempt> {
        if state.is_new() {
            report.manifest_records += state.manifest.record_count();
        } else {
            state.advance_manifest(&self.dir, report)?;
        }
        self.generation = state.manifest.generation();
        if state.is_behind {
            if state.manifest.record_count() == 1 && self.durable_generation != state.manifest.generation() {
                sync_name_of_manifest(&self.dir)?;
                self.durable_generation = state.manifest.generation();
            }
            let known = self.newest.as_ref().map(|newest| newest.ssts.to_vec()).unwrap_or_default();
            state.follow_manifest(&self.dir, &self.settings, &self.context, &known, report)?;
        }
        let durable = state.manifest.state();
        state.log.advance(&self.dir, self.uuid, durable, &mut state.series, self.settings.max_log_bytes, report)?;
        state.advance_manifest(&self.dir, report)?;
        if state.is_behind {
            return Ok(Attempt::Overtaken);
        }
        self.context.stats.set_wal_bytes(state.log.byte_len(), 0);
        let seq = state.seq();
        if self.newest.as_ref().is_some_and(|newest| seq < newest.seq || seq == newest.seq && !state.is_base_new) {
            return Ok(Attempt::Unchanged);
        }
        let version = state.version(&self.handles)?;
        state.is_base_new = false;
        Ok(Attempt::Version(Arc::new(version)))
    }

    /// Checks that a manifest is that of the same database, and not older than one that was read before.
    fn check_identity(&self, manifest: &ManifestCursor) -> Result<()> {
        let detail = if manifest.uuid() != self.uuid {
            format!("the file belongs to database {}, not {}", manifest.uuid(), self.uuid)
        } else if manifest.generation() < self.generation {
            format!("it has generation {}, and {} was read before", manifest.generation(), self.generation)
        } else {
            return Ok(());
        };
        Err(Error::ForeignFile { file: self.dir.file_path(MANIFEST), detail })
    }
}

impl ReadState {
    fn new(manifest: ManifestCursor) -> Self {
        Self {
            manifest,
            is_behind: true,
            logged_series: SeriesIndex::default(),
            series_log: SeriesLogEnd::default(),
            series: SeriesIndex::default(),
            log: LogTail::default(),
            base: None,
            is_base_new: true,
        }
    }

    /// Returns `true` if only the manifest was read so far.
    fn is_new(&self) -> bool {
        self.base.is_none()
    }

    fn advance_manifest(&mut self, dir: &Dir, report: &mut RefreshReport) -> Result<()> {
        if let ManifestChange::Changed { records } = self.manifest.advance(dir)? {
            report.manifest_records += records;
            self.is_behind = true;
        }
        Ok(())
    }

    /// Brings everything but the log to the state of the manifest. `known` are the SSTs of the last version.
    fn follow_manifest(
        &mut self,
        dir: &Dir,
        settings: &ReaderSettings,
        context: &ReadContext,
        known: &[Arc<SstMeta>],
        report: &mut RefreshReport,
    ) -> Result<()> {
        let durable = self.manifest.state();
        let corrupt = |file: &str, what: String| Error::corrupt(dir.file_path(file), 0, what);
        let definitions = SeriesLog::read_after(dir, self.manifest.uuid(), self.series_log, durable.series_log)?;
        report.series_definitions += definitions.len() as u64;
        if self.series_log.file != durable.series_log.file {
            // A rewritten log lacks the definitions that were dropped.
            self.logged_series = SeriesIndex::default();
        }
        for def in definitions {
            let restored = self.logged_series.restore(def);
            restored.map_err(|what| corrupt(&series_log_name(durable.series_log.file), what))?;
        }
        self.logged_series.seal();
        self.series_log = durable.series_log;
        self.log.release(durable.wal_floor, durable.flushed_seq);
        let mut series = self.logged_series.clone();
        let restored = series.restore_sets(durable.next_series_id, &durable.series_sets);
        restored.map_err(|what| corrupt(MANIFEST, what))?;
        self.log.reapply_to(&mut series)?;
        series.seal();
        self.series = series;
        let cutoffs = (settings.cutoffs)(durable.cutoff, durable.rule_cutoffs.clone())?;
        let mut base = Version::from_durable(self.series.clone(), durable, cutoffs);
        // One entry per file, however many versions have it: a file is held open as long as its entry exists.
        let before = self.base.iter().flat_map(|base| base.ssts.iter());
        let known: BTreeMap<FileId, &Arc<SstMeta>> = known.iter().chain(before).map(|meta| (meta.id, meta)).collect();
        let shared =
            |meta: &Arc<SstMeta>| Arc::clone(known.get(&meta.id).filter(|known| **known == meta).unwrap_or(&meta));
        base.ssts = base.ssts.iter().map(shared).collect();
        report.files_opened += context.files.hold(&base.ssts.to_vec())?;
        (self.base, self.is_base_new, self.is_behind) = (Some(base), true, false);
        Ok(())
    }

    /// Returns the seq of the newest record that was read.
    fn seq(&self) -> u64 {
        self.manifest.state().flushed_seq.max(self.log.last_seq())
    }

    /// Returns the version of everything that was read, which gives out handles by this registry.
    fn version(&self, handles: &Arc<SeriesHandles>) -> Result<Version> {
        let base = self.base.clone().ok_or_else(|| Error::internal("a log was read before its manifest"))?;
        let (seq, active) = (self.seq(), self.log.active_view());
        let frozen = self.log.frozen().cloned().collect();
        let series = self.series.clone().opened(handles);
        let metadata = self.log.metadata_after(base.metadata.clone());
        let version = Version { seq, series, metadata, active, frozen, ..base };
        Ok(version.with_tombstones(self.log.deletes().cloned()))
    }
}

/// Makes the name of the manifest durable, whose content was read before.
fn sync_name_of_manifest(dir: &Dir) -> Result<()> {
    // Survives power loss after the first answer: without it the manifest before a rewrite may return, and take back
    // replayed records and moved cutoffs that were shown.
    match dir.sync(SyncStep::ReaderDirectory) {
        // A file system that cannot sync a directory cannot hold a database that is being written.
        Err(error) if matches!(error.io_kind(), Some(io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)) => {
            Ok(())
        }
        synced => synced,
    }
}

/// Returns the reason why a directory has no manifest.
fn explain_missing_manifest(dir: &Dir, error: Error) -> Error {
    if error.io_kind() != Some(io::ErrorKind::NotFound) {
        return error;
    }
    match DirectoryListing::list(dir) {
        Ok(listed) => super::create::check_creatable(dir, &listed, false).err().unwrap_or(error),
        Err(missing) if missing.io_kind() == Some(io::ErrorKind::NotFound) => {
            Error::DatabaseNotFound { dir: dir.path().to_owned() }
        }
        Err(other) => other,
    }
}
