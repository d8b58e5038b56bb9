//! The manifest, which lists the SSTs that count, and the series log, which defines all series.
//!
//! # Manifest
//!
//! The manifest is a log file of *edits*. Its content is the sum of the edits, the [`DurableState`]: the SSTs, the
//! flushed seq, the WAL floor, file and valid length of the series log, the next file id, tombstones, retention
//! cutoffs, the default duplicate policy, the origins of the SSTs, the next series id, and empty and unwritten series.
//! An SST of this database that the state does not name does not count, and the next opening removes it.
//!
//! ```text
//!   manifest, generation g                     manifest, generation g + 1
//!   | header | full record | edit 1 | edit 2 | ... rewrite ...> | header | full record | edit 1 | ...
//!     128 B    state at      what    what
//!              creation      changed changed
//! ```
//!
//! - The first record is the *full record*: the whole state as one edit of the empty state. Each other record is one
//!   edit. Ordinals count the records from 0; a gap is damage.
//! - An edit is synced before its version becomes visible and before any file that it removes is deleted.
//! - The manifest is rewritten, as a full record under the next generation: at each opening, when it is several times
//!   as long as its full record, and when an edit moves a cutoff but not the WAL floor. The rewrite is a new file:
//!   synced, then renamed, then the directory is synced. A crash leaves the old manifest or the new one.
//! - Each edit is synced before the next is written. Hence only the last record can be torn. A bad record with a valid
//!   frame header behind it is damage, and so is a bad full record.
//! - A bad last edit is reported to recovery ([`BadEdit`](reader::BadEdit)). Recovery checks the WAL floor and the
//!   existing files to decide whether the edit was torn by a crash or was damaged later.
//! - A rewrite that fails before its rename leaves the old manifest in use. If there is no room for the new file, it is
//!   written over the *reserve*, a file of written, synced blocks that exists for this purpose.
//! - An append that fails for a lack of space is cut off. Once the cut is synced, the edit is certainly absent, and a
//!   rewrite follows in its place.
//! - After any other failed write, or a failed sync, nothing more is written: it is unknown whether the edit is on
//!   disk.
//!
//! # Series log
//!
//! The definitions of all series are too many to be rewritten with the manifest, so they have a log of their own. The
//! manifest names its file and its valid length. All bytes below this length were synced before the manifest edit that
//! names it, and must be valid. Bytes behind it are leftovers of a crash, and the next opening cuts them off. The file
//! is only appended to. Once enough definitions were dropped, the others are written to a new file.

mod cursor;
mod describe;
mod edit;
mod reader;
mod retention;
mod series_log;
#[cfg(test)]
mod tests;

use uuid::Uuid;

pub(crate) use cursor::{ManifestChange, ManifestCursor};
pub(crate) use describe::{ManifestDescription, SeriesLogDescription, describe_manifest, describe_series_log};
pub(crate) use reader::ManifestContents;
pub(crate) use series_log::{MAGIC as SERIES_LOG_MAGIC, SeriesLog, parse_series_log_name, series_log_name};

use self::edit::put_edit;
use crate::format::bytes::frame::{FrameHeader, put_frame};
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader, Magic};
use crate::format::bytes::{FailureLatch, Reserve, SaltedCrc};
use crate::platform::env::{Dir, OpenFile, OpenMode, SyncStep};
use crate::state::log_record::AppendError;
use crate::state::version::{DurableState, VersionEdit};
use crate::types::error::{Error, Result};

/// File name of the manifest.
pub(crate) const MANIFEST: &str = "manifest";
/// File name of a manifest that is being written.
///
/// A leftover is removed by the next rewrite or opening.
pub(crate) const MANIFEST_TMP: &str = "manifest.tmp";
/// File name of the reserve that becomes the manifest if there is no room for another file.
pub(crate) const MANIFEST_RESERVE: &str = "manifest.reserve";
/// File name of a reserve that is being written.
pub(crate) const MANIFEST_RESERVE_TMP: &str = "manifest.reserve.tmp";

pub(crate) const MAGIC: Magic = *b"tstraMAN";
/// Frame kind of a full record: the first record of each manifest, and only the first.
const KIND_FULL: u8 = 1;
/// Frame kind of an edit: a change to the state before it.
const KIND_EDIT: u8 = 2;

/// Length up to which a manifest is not rewritten for its length, in bytes: reading it is cheap.
const REWRITE_ABOVE_BYTES: u64 = 64 << 10;
/// A longer manifest is rewritten when it exceeds this multiple of its full record.
///
/// Hence the cost of a rewrite is spread over many edits.
const REWRITE_ABOVE_FACTOR: u64 = 4;
/// Bytes by which the reserve exceeds the manifest at least: room for the next edit.
const RESERVE_SLACK_BYTES: u64 = 1 << 10;

/// Writer of the manifest of one open database.
#[derive(Debug)]
pub(crate) struct Manifest {
    dir: Dir,
    uuid: Uuid,
    generation: u64,
    file: OpenFile,
    /// State after the last record.
    state: DurableState,
    /// Ordinal of the last record.
    last_ordinal: u64,
    append_offset: u64,
    /// Length above which the next edit rewrites the manifest.
    rewrite_above_bytes: u64,
    reserve: Reserve,
    /// Failure after which nothing may be written.
    failure: FailureLatch,
}

impl Manifest {
    /// Creates the manifest of a new database and replaces an existing one.
    pub(crate) fn create(dir: Dir, uuid: Uuid, state: DurableState) -> Result<Self> {
        let mut reserve = Self::find_reserve(&dir);
        Self::write_new(dir, uuid, 1, state, &mut reserve).map_err(Error::from)
    }

    /// Replaces the manifest that an opening has read by one with a full record of `state`.
    ///
    /// The bytes that were read may be in the page cache only, not on disk. The rewrite makes everything that recovery
    /// relied on durable.
    pub(crate) fn reopen(dir: Dir, read: &ManifestContents, state: DurableState) -> Result<Self> {
        let mut reserve = Self::find_reserve(&dir);
        let generation = read.generation.wrapping_add(1);
        Self::write_new(dir, read.uuid, generation, state, &mut reserve).map_err(Error::from)
    }

    fn find_reserve(dir: &Dir) -> Reserve {
        Reserve::find(dir.clone(), MANIFEST_RESERVE, MANIFEST_RESERVE_TMP)
    }

    /// Creates the reserve, or a longer one, if a rewrite might not fit into the one that exists.
    ///
    /// # Errors
    /// A lack of space, or another error of the operating system. The manifest stays usable.
    pub(crate) fn restore_reserve(&mut self) -> Result<()> {
        // A full record is hardly longer than the edits that it sums up. Twice the length spreads the cost of growth.
        if self.reserve.len() >= self.append_offset + RESERVE_SLACK_BYTES {
            return Ok(());
        }
        self.reserve.ensure(2 * self.append_offset + RESERVE_SLACK_BYTES)
    }

    /// Returns the length of the reserve in bytes; 0 if there is none.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.reserve.len()
    }

    /// Returns the state after the last record.
    pub(crate) fn state(&self) -> &DurableState {
        &self.state
    }

    /// Makes an edit durable.
    ///
    /// # Errors
    /// `NotWritten`: the edit is certainly not on disk, and the manifest stays usable. `OutcomeUnknown`: the edit may
    /// be on disk, so every file that it names must be kept; the manifest has failed. `ReadOnly`: it had failed before.
    pub(crate) fn append_edit(&mut self, edit: &VersionEdit) -> Result<(), AppendError> {
        self.failure.check().map_err(AppendError::ReadOnly)?;
        // Recovery accepts a bad last edit as torn unless files that the edit released are missing. An edit that moves
        // a cutoff but not the WAL floor may release no file, so damage to it could go unnoticed and hidden points
        // would be visible again. As a full record it cannot be dropped: a bad full record is always damage.
        let moves_cutoffs_alone = edit.moves_cutoffs_alone(self.state.wal_floor);
        let mut state = self.state.clone();
        if let Err(what) = state.apply(edit) {
            let error = Error::internal(format!("an edit contradicts the manifest: {what}"));
            return Err(AppendError::OutcomeUnknown(self.failure.fail(error)));
        }
        let rewrites = moves_cutoffs_alone || self.append_offset > self.rewrite_above_bytes;
        let written = match rewrites.then(|| self.rewrite(state.clone())) {
            None => self.write_edit(edit, state),
            // Nothing has changed on disk, and an edit needs no other file.
            Some(Err(AppendError::NotWritten(Error::OutOfResources { .. }))) => {
                self.append_instead_of_rewrite(edit, state, moves_cutoffs_alone)
            }
            Some(rewritten) => rewritten,
        };
        written.map_err(|error| match error {
            AppendError::OutcomeUnknown(error) => AppendError::OutcomeUnknown(self.failure.fail(error)),
            certain @ (AppendError::NotWritten(_) | AppendError::ReadOnly(_)) => certain,
        })
    }

    /// Rewrites the manifest, regardless of its length.
    #[cfg(test)]
    pub(crate) fn force_rewrite(&mut self) -> Result<()> {
        self.failure.check()?;
        self.rewrite(self.state.clone()).map_err(|error| self.failure.fail(error.into()))
    }

    /// Appends an edit, which leads to `state`, and syncs it.
    ///
    /// If there is no room for it, the manifest is rewritten instead.
    fn write_edit(&mut self, edit: &VersionEdit, state: DurableState) -> Result<(), AppendError> {
        let ordinal = self.last_ordinal + 1;
        let mut bytes = Vec::new();
        let crc = SaltedCrc::new(&MAGIC, self.uuid, self.generation);
        put_frame(&mut bytes, crc, self.append_offset, FrameHeader::new(KIND_EDIT, ordinal, 0), |out| {
            put_edit(out, edit);
        })
        .map_err(AppendError::NotWritten)?;
        if let Err(error) = self.file.write_at(self.append_offset, &bytes) {
            if !error.is_out_of_space() {
                return Err(AppendError::OutcomeUnknown(error));
            }
            self.cut_off_failed_edit().map_err(AppendError::OutcomeUnknown)?;
            return self.rewrite(state);
        }
        // Survives power loss after the version is published and inputs or WAL segments are deleted: without the edit
        // the manifest would name files that no longer exist.
        self.file.sync(SyncStep::ManifestEdit).map_err(AppendError::OutcomeUnknown)?;
        self.append_offset += bytes.len() as u64;
        self.last_ordinal = ordinal;
        self.state = state;
        Ok(())
    }

    /// Appends an edit, which leads to `state`, and with `followed` an edit behind it that changes nothing.
    ///
    /// An edit that is not the last one cannot be dropped as torn: damage to it is always found. The second edit is
    /// written after the first is durable, because a power loss may keep the later of two unsynced writes alone. A
    /// process that reads beside this one relies on it: for it the first edit counts once the second is there.
    fn append_instead_of_rewrite(
        &mut self,
        edit: &VersionEdit,
        state: DurableState,
        followed: bool,
    ) -> Result<(), AppendError> {
        self.write_edit(edit, state)?;
        if !followed {
            return Ok(());
        }
        let DurableState { flushed_seq, wal_floor, series_log, next_file_id, .. } = self.state;
        let second = VersionEdit { flushed_seq, wal_floor, series_log, next_file_id, ..VersionEdit::default() };
        // The first edit is on disk, whatever becomes of the second.
        self.write_edit(&second, self.state.clone()).map_err(|error| AppendError::OutcomeUnknown(error.into()))
    }

    /// Cuts off what a failed write may have left behind the last record. To shorten a file takes no room.
    fn cut_off_failed_edit(&self) -> Result<()> {
        self.file.set_len(self.append_offset)?;
        // Survives power loss after the edit was reported as absent: without it the whole edit may be on disk, and name
        // files that were removed.
        self.file.sync(SyncStep::ManifestEdit)
    }

    /// Replaces the manifest by one full record of a state.
    fn rewrite(&mut self, state: DurableState) -> Result<(), AppendError> {
        let (dir, generation) = (self.dir.clone(), self.generation + 1);
        *self = Self::write_new(dir, self.uuid, generation, state, &mut self.reserve)?;
        Ok(())
    }

    /// Writes a manifest under a temporary name, then renames it over the current one.
    ///
    /// # Errors
    /// `NotWritten` before the rename: the current manifest stays in use.
    fn write_new(
        dir: Dir,
        uuid: Uuid,
        generation: u64,
        state: DurableState,
        reserve: &mut Reserve,
    ) -> Result<Self, AppendError> {
        let mut bytes = LogHeader::new(uuid, generation).to_bytes(MAGIC).to_vec();
        let full = state.as_edit();
        put_frame(&mut bytes, SaltedCrc::new(&MAGIC, uuid, generation), 0, FrameHeader::new(KIND_FULL, 0, 0), |out| {
            put_edit(out, &full);
        })
        .map_err(AppendError::NotWritten)?;
        let (file, name) = Self::write_unnamed(&dir, &bytes, reserve).map_err(AppendError::NotWritten)?;
        let failed_syncs = dir.failed_syncs();
        dir.rename(name, MANIFEST).map_err(AppendError::OutcomeUnknown)?;
        // Survives power loss after actions that rely on this state: without it the old manifest may come back, which
        // names files that were deleted after the rename.
        dir.sync_names(SyncStep::ManifestDirectory, failed_syncs).map_err(AppendError::OutcomeUnknown)?;
        let file = file.with_path(dir.file_path(MANIFEST));
        let append_offset = bytes.len() as u64;
        let rewrite_above_bytes =
            REWRITE_ABOVE_BYTES.max((append_offset - LOG_HEADER_BYTES as u64) * REWRITE_ABOVE_FACTOR);
        Ok(Self {
            dir,
            uuid,
            generation,
            file,
            state,
            last_ordinal: 0,
            append_offset,
            rewrite_above_bytes,
            reserve: reserve.clone(),
            failure: FailureLatch::default(),
        })
    }

    /// Writes and syncs a manifest under a temporary name, or over the reserve if there is no room for another file.
    ///
    /// Returns the file and its name.
    fn write_unnamed(dir: &Dir, bytes: &[u8], reserve: &mut Reserve) -> Result<(OpenFile, &'static str)> {
        let write_temporary = || {
            let file = create_temporary(dir)?;
            write_and_sync(&file, bytes)?;
            Ok(file)
        };
        let error = match write_temporary() {
            Ok(file) => return Ok((file, MANIFEST_TMP)),
            Err(error) => error,
        };
        // A leftover that cannot be removed is removed by the next rewrite or opening.
        drop(dir.remove(MANIFEST_TMP));
        if !Error::is_out_of_space(&error) || reserve.len() < bytes.len() as u64 {
            return Err(error);
        }
        let file = reserve.take()?;
        // The rest of the blocks is given back.
        if file.set_len(bytes.len() as u64).and_then(|()| write_and_sync(&file, bytes)).is_err() {
            reserve.discard();
            return Err(error);
        }
        Ok((file, reserve.name()))
    }
}

fn write_and_sync(file: &OpenFile, bytes: &[u8]) -> Result<()> {
    file.write_at(0, bytes)?;
    // Survives power loss after the rename: without it the manifest's name may refer to a file without content.
    file.sync(SyncStep::ManifestRewrite)
}

/// Creates the temporary file of a new manifest.
fn create_temporary(dir: &Dir) -> Result<OpenFile> {
    remove_if_exists(dir, MANIFEST_TMP)?;
    dir.open(MANIFEST_TMP, OpenMode::Create)
}

/// Removes a file if it exists: a leftover of a crash under a name that is about to be created.
pub(crate) fn remove_if_exists(dir: &Dir, name: &str) -> Result<()> {
    match dir.remove(name) {
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => Ok(()),
        other => other,
    }
}
