//! Cursor over a manifest that another process may be writing: it reads each record once.
//!
//! The file is opened by its name each time, since a rewrite replaces it. A record that is not complete is not there
//! yet. Only the writer can tell whether it is torn or damaged.
//!
//! A last edit that moves cutoffs alone counts once a record follows, which the writer writes after the edit is durable.
//! Otherwise a power loss could take back a cutoff that was shown, and hidden points would return. Other edits move points
//! from one durable place to another.

use uuid::Uuid;

use super::edit::read_edit;
use super::reader::{ManifestContents, apply_record};
use super::{MAGIC, MANIFEST};
use crate::format::bytes::SaltedCrc;
use crate::format::bytes::frame::FrameReader;
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader};
use crate::platform::env::{Dir, OpenMode};
use crate::state::file_id::FileId;
use crate::state::version::{DurableState, VersionEdit};
use crate::types::error::{Error, Result};

/// State of a manifest up to the last record that was read.
#[derive(Debug)]
pub(crate) struct ManifestCursor {
    uuid: Uuid,
    generation: u64,
    state: DurableState,
    record_count: u64,
    /// End of the last record that was read.
    offset: u64,
}

/// Result of reading a manifest again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManifestChange {
    /// No further record.
    Unchanged,
    /// The state has changed, by this number of records.
    Changed { records: u64 },
}

impl ManifestCursor {
    /// Reads the whole manifest of a directory.
    ///
    /// # Errors
    /// Those of [`ManifestContents::read`].
    pub(crate) fn open(dir: &Dir) -> Result<Self> {
        let file = dir.open(MANIFEST, OpenMode::Read)?;
        let header = LogHeader::read(&file, MAGIC)?;
        let mut cursor = Self {
            uuid: header.uuid,
            generation: header.id,
            state: DurableState::default(),
            record_count: 0,
            offset: LOG_HEADER_BYTES as u64,
        };
        let (mut end, mut floor, mut waits) = (cursor.offset, FileId::default(), false);
        let contents = ManifestContents::fold_records(file, &header, |record, edit, state| {
            waits = record.offset > LOG_HEADER_BYTES as u64 && edit.moves_cutoffs_alone(floor);
            (end, floor) = (record.offset + record.len, state.wal_floor);
        })?;
        if waits {
            let file = dir.open(MANIFEST, OpenMode::Read)?;
            let crc = SaltedCrc::new(&MAGIC, cursor.uuid, cursor.generation);
            cursor.read_records(&mut FrameReader::new(file, end, crc))?;
        } else {
            let ManifestContents { state, record_count, .. } = contents;
            (cursor.state, cursor.record_count, cursor.offset) = (state, record_count, end);
        }
        Ok(cursor)
    }

    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the state after the last record that was read.
    pub(crate) fn state(&self) -> &DurableState {
        &self.state
    }

    pub(crate) fn record_count(&self) -> u64 {
        self.record_count
    }

    /// Reads the records since the last call.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); `ForeignFile` if the manifest is that of another database, or an older one. After
    /// an error the cursor must be discarded.
    pub(crate) fn advance(&mut self, dir: &Dir) -> Result<ManifestChange> {
        let file = dir.open(MANIFEST, OpenMode::Read)?;
        let header = LogHeader::read_own(&file, MAGIC, self.uuid)?;
        if header.id < self.generation {
            let what = format!("it has generation {}, and generation {} was read before", header.id, self.generation);
            return Err(Error::ForeignFile { file: file.path().to_owned(), detail: what });
        }
        if header.id > self.generation {
            let newer = Self::open(dir)?;
            if newer.uuid != self.uuid {
                let what = format!("the file belongs to database {}, not {}", newer.uuid, self.uuid);
                return Err(Error::ForeignFile { file: dir.file_path(MANIFEST), detail: what });
            }
            *self = newer;
            return Ok(ManifestChange::Changed { records: self.record_count });
        }
        let crc = SaltedCrc::new(&MAGIC, self.uuid, self.generation);
        let mut frames = FrameReader::new(file, self.offset, crc);
        if frames.peek_header(self.offset)?.is_none() {
            return Ok(ManifestChange::Unchanged);
        }
        frames.reload()?;
        let records = self.read_records(&mut frames)?;
        Ok(if records == 0 { ManifestChange::Unchanged } else { ManifestChange::Changed { records } })
    }

    /// Applies the records from the offset on, except a last one that must wait. Returns their number.
    fn read_records(&mut self, frames: &mut FrameReader) -> Result<u64> {
        let before = self.record_count;
        while let Some((header, body)) = frames.frame_at(self.offset)? {
            let next = self.offset + header.frame_len();
            let moves_cutoffs_alone = |edit: VersionEdit| edit.moves_cutoffs_alone(self.state.wal_floor);
            let may_wait = self.record_count > 0 && read_edit(body).is_ok_and(moves_cutoffs_alone);
            if may_wait && frames.frame_at(next)?.is_none() {
                break;
            }
            let Some((header, body)) = frames.frame_at(self.offset)? else { break };
            let applied = apply_record(&mut self.state, self.record_count, header, body);
            applied.map_err(|what| frames.file().corrupt(self.offset, what))?;
            (self.offset, self.record_count) = (next, self.record_count + 1);
        }
        Ok(self.record_count - before)
    }
}
