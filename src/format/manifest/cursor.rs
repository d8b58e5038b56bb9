//! Cursor over a manifest that another process may be writing: it reads each record once.
//!
//! The file is opened by its name each time, since a rewrite replaces it. A record that is not complete is not there
//! yet. Only the writer can tell whether it is torn or damaged.

use uuid::Uuid;

use super::reader::{ManifestContents, apply_record};
use super::{MAGIC, MANIFEST};
use crate::format::bytes::SaltedCrc;
use crate::format::bytes::frame::FrameReader;
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader};
use crate::platform::env::{Dir, OpenMode};
use crate::state::version::DurableState;
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
        let mut offset = LOG_HEADER_BYTES as u64;
        let contents =
            ManifestContents::fold_records(file, &header, |record, _, _| offset = record.offset + record.len)?;
        let ManifestContents { uuid, generation, state, record_count, .. } = contents;
        Ok(Self { uuid, generation, state, record_count, offset })
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
        let mut records = 0;
        while let Some((header, body)) = frames.frame_at(self.offset)? {
            let applied = apply_record(&mut self.state, self.record_count, header, body);
            applied.map_err(|what| frames.file().corrupt(self.offset, what))?;
            self.offset += header.frame_len();
            self.record_count += 1;
            records += 1;
        }
        Ok(if records == 0 { ManifestChange::Unchanged } else { ManifestChange::Changed { records } })
    }
}
