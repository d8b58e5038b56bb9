//! The series log: the definitions of all series in the order of their ids.
//!
//! The manifest names the valid length. Only bytes below this length count, and all of them must be valid.

use uuid::Uuid;

use super::remove_if_exists;
use crate::format::bytes::frame::{FrameHeader, FrameReader, put_frame};
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader, Magic};
use crate::format::bytes::series_key::{MIN_KEY_BYTES, put_key, put_series_kind, read_key, read_series_kind};
use crate::format::bytes::{ByteReader, DecodeResult, Extent, FailureLatch, SaltedCrc, put_varint};
use crate::platform::env::{Dir, OpenFile, OpenMode, SyncStep};
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::series::{MAX_SERIES_IDS, SeriesDef, SeriesId};

/// File name of the series log.
pub(crate) const SERIES_LOG: &str = "series.log";

pub(crate) const MAGIC: Magic = *b"tstraSER";
/// Frame kind of a group of definitions with consecutive ids; the frame's ordinal is the first id.
const KIND_DEFINITIONS: u8 = 1;
/// Maximum number of definitions in one group.
///
/// With it a group has about 16 MiB at most, even if each key has the maximum length.
const MAX_GROUP_DEFINITIONS: usize = 1024;
/// Minimum length of an encoded definition, in bytes: a series kind, a seq difference and a key.
const MIN_DEFINITION_BYTES: usize = 2 + MIN_KEY_BYTES;

/// Writer of the series log of one open database.
#[derive(Debug)]
pub(crate) struct SeriesLog {
    dir: Dir,
    uuid: Uuid,
    /// `None` until it is created.
    file: Option<OpenFile>,
    /// End of the last synced group: the valid length that the next manifest edit names; 0 without groups.
    valid_len: u64,
    next_id: u32,
    /// Failed sync after which nothing may be written.
    failure: FailureLatch,
}

impl SeriesLog {
    /// Opens the log for appending.
    ///
    /// The first `valid_len` bytes define `series_count` series; the file is cut to this length.
    pub(crate) fn open(dir: Dir, uuid: Uuid, valid_len: u64, series_count: u32) -> Result<Self> {
        let file = match valid_len {
            0 => None,
            len => {
                let file = open_and_check_header(&dir, uuid, len, OpenMode::Write)?;
                // Bytes behind the valid length are a leftover of a crash. The cut need not be synced, since no edit
                // names these bytes.
                file.set_len(len)?;
                Some(file)
            }
        };
        Ok(Self { dir, uuid, file, valid_len, next_id: series_count, failure: FailureLatch::default() })
    }

    /// Creates the file unless it is open, so that a later append needs no descriptor.
    pub(crate) fn hold_open(&mut self) -> Result<()> {
        if self.file.is_none() {
            self.file = Some(create(&self.dir, self.uuid)?);
        }
        Ok(())
    }

    /// Makes definitions durable, in the order of their ids.
    ///
    /// Returns the valid length for the next manifest edit to name. If the call created the file, the directory must be
    /// synced before.
    ///
    /// # Errors
    /// The valid length is unchanged, so the new bytes do not count. After a failed sync every later call returns
    /// `ReadOnly`.
    pub(crate) fn append(&mut self, definitions: &[Arc<SeriesDef>]) -> Result<u64> {
        self.failure.check()?;
        if definitions.is_empty() {
            return Ok(self.valid_len);
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => create(&self.dir, self.uuid)?,
        };
        let file = self.file.insert(file);
        let crc = SaltedCrc::new(&MAGIC, self.uuid, 0);
        let mut end = self.valid_len.max(LOG_HEADER_BYTES as u64);
        let mut bytes = Vec::new();
        for (group, first) in
            definitions.chunks(MAX_GROUP_DEFINITIONS).zip((self.next_id..).step_by(MAX_GROUP_DEFINITIONS))
        {
            bytes.clear();
            let header = FrameHeader::new(KIND_DEFINITIONS, u64::from(first), 0);
            put_frame(&mut bytes, crc, end, header, |out| put_definition_group(out, group, first))?;
            file.write_at(end, &bytes)?;
            end += bytes.len() as u64;
        }
        // Survives power loss after the manifest edit and the release of WAL segments: without it the points of these
        // series would have no key.
        if let Err(error) = file.sync(SyncStep::SeriesLogData) {
            self.failure.record(&error);
            return Err(error);
        }
        self.next_id = definitions.last().map_or(self.next_id, |last| last.id.get() + 1);
        self.valid_len = end;
        Ok(end)
    }

    /// Reads the definitions below the valid length, in the order of their ids, from id 0.
    ///
    /// # Errors
    /// Errors of the header and of the operating system. `Corrupt` for any invalid byte below the valid length: all of
    /// them were synced before a manifest edit named this length.
    pub(crate) fn read(dir: &Dir, uuid: Uuid, valid_len: u64) -> Result<Vec<SeriesDef>> {
        let mut definitions = Vec::new();
        if valid_len == 0 {
            return Ok(definitions);
        }
        let file = open_and_check_header(dir, uuid, valid_len, OpenMode::Read)?;
        let mut frames = FrameReader::new(file, valid_len, SaltedCrc::new(&MAGIC, uuid, 0));
        match read_definition_groups(&mut frames, &mut definitions, |_, _| ())? {
            (_, None) => Ok(definitions),
            (offset, Some(what)) => Err(frames.file().corrupt(offset, what)),
        }
    }
}

/// Reads the groups up to the end of the reader or the first bad group, and appends their definitions.
///
/// Passes the location of each group, and the number of definitions up to its end, to `seen`. Returns the end of the
/// valid groups, and the defect of a bad group there. Some definitions of the bad group may have been appended.
pub(super) fn read_definition_groups(
    frames: &mut FrameReader,
    definitions: &mut Vec<SeriesDef>,
    mut seen: impl FnMut(Extent, usize),
) -> Result<(u64, Option<String>)> {
    let mut offset = LOG_HEADER_BYTES as u64;
    while offset < frames.len() {
        let next = definitions.len();
        let decoded = match frames.frame_at(offset)? {
            None => Err("a bad group of series definitions".to_owned()),
            Some((header, body)) if (header.kind, header.ordinal) == (KIND_DEFINITIONS, next as u64) => {
                read_definition_group(body, definitions).map(|()| header.frame_len())
            }
            Some((header, _)) => Err(format!("found series {}, expected series {next}", header.ordinal)),
        };
        match decoded {
            Ok(len) => {
                seen(Extent { offset, len }, definitions.len());
                offset += len;
            }
            Err(what) => return Ok((offset, Some(what))),
        }
    }
    Ok((offset, None))
}

/// Creates the file and writes its header, without a sync.
///
/// The next sync of the directory makes its name durable, always before a manifest names its length: an opening syncs
/// the directory for its first WAL segment, a backup before it writes the manifest.
fn create(dir: &Dir, uuid: Uuid) -> Result<OpenFile> {
    // An existing log is not named by any manifest edit: it is a leftover of a crash or of a failed append.
    remove_if_exists(dir, SERIES_LOG)?;
    let file = dir.open(SERIES_LOG, OpenMode::Create)?;
    file.write_at(0, &LogHeader::new(uuid, 0).to_bytes(MAGIC))?;
    Ok(file)
}

/// Opens the log, checks its header, and checks that the file has at least the valid length.
fn open_and_check_header(dir: &Dir, uuid: Uuid, valid_len: u64, how: OpenMode) -> Result<OpenFile> {
    let file = dir.open(SERIES_LOG, how)?;
    LogHeader::read_own(&file, MAGIC, uuid)?;
    let found = file.len()?;
    if found < valid_len || valid_len < LOG_HEADER_BYTES as u64 {
        return Err(file.corrupt(found, format!("the file ends here; the manifest says {valid_len} bytes")));
    }
    Ok(file)
}

/// Appends a group: the number of definitions; then series kind, seq difference and key of each.
fn put_definition_group(out: &mut Vec<u8>, definitions: &[Arc<SeriesDef>], first: u32) {
    put_varint(out, definitions.len() as u64);
    let mut seq = 0;
    for (definition, id) in definitions.iter().zip(first..) {
        assert_eq!(
            definition.id.get(),
            id,
            "series ids are consecutive: every later opening would report a gap as damage"
        );
        assert!(definition.seq >= seq, "series are created in the order of their ids");
        put_series_kind(out, definition.ty, definition.duplicates);
        put_varint(out, definition.seq - seq);
        put_key(out, &definition.key);
        seq = definition.seq;
    }
}

/// Decodes a group and appends its definitions.
fn read_definition_group(body: &[u8], definitions: &mut Vec<SeriesDef>) -> DecodeResult<()> {
    let mut reader = ByteReader::new(body);
    let mut seq = 0_u64;
    for _ in 0..reader.count(MIN_DEFINITION_BYTES)? {
        let id = u32::try_from(definitions.len()).ok().filter(|id| *id < MAX_SERIES_IDS);
        let id = id.ok_or("more series than ids")?;
        let (ty, duplicates) = read_series_kind(&mut reader)?;
        seq = seq.checked_add(reader.varint_u64()?).ok_or("a seq exceeds 64 bits")?;
        if definitions.last().is_some_and(|before| before.seq > seq) {
            return Err(format!("series {id} has a smaller seq than the series before it"));
        }
        definitions.push(SeriesDef { id: SeriesId::new(id), key: read_key(&mut reader)?, ty, duplicates, seq });
    }
    Ok(reader.expect_end()?)
}
