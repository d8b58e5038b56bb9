//! The series log: the definitions of the series in ascending order of their ids.
//!
//! The manifest names the file and its valid length. Only bytes below this length count, and all of them must be valid.
//! A definition has its id, since the ids have gaps: a definition that was dropped leaves the log when it is rewritten,
//! and its id is never used again. A rewrite is a new file under a new file id, so both files exist until the edit that
//! names the new one is durable:
//!
//! ```text
//!   series-7.log   [ 0 1 2 3 | 4 5 6 ]          manifest: 7                 the crash leaves
//!   prepare:       series-9.log [ 1 4 5 ]       synced, directory synced    7, and 9 as a leftover
//!   commit edit:                                manifest: 9                 7 or 9, both complete
//!   remove:        series-7.log                                             9, and perhaps 7 as a leftover
//! ```

use uuid::Uuid;

use super::remove_if_exists;
use crate::format::bytes::frame::{FrameHeader, FrameReader, put_frame};
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader, Magic};
use crate::format::bytes::series_key::{
    MIN_KEY_BYTES, check_series_id, put_key, put_series_kind, read_key_into, read_series_kind,
};
use crate::format::bytes::{ByteReader, DecodeResult, Extent, FailureLatch, SaltedCrc, parse_id, put_varint};
use crate::platform::env::{Dir, OpenFile, OpenMode, SyncStep};
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::log_record::AppendError;
use crate::state::version::SeriesLogEnd;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::series::{KeyBuffer, KeySpan, SeriesId, SeriesInfo};
use crate::types::value_type::ValueType;

pub(crate) const MAGIC: Magic = *b"tstraSER";
/// Frame kind of a group of definitions; the frame's ordinal is the first id.
const KIND_DEFINITIONS: u8 = 1;
/// Maximum number of definitions in one group.
///
/// With it a group has about 16 MiB at most, even if each key has the maximum length.
const MAX_GROUP_DEFINITIONS: usize = 1024;
/// Minimum length of an encoded definition, in bytes: an id step, a series kind, a seq difference and a key.
const MIN_DEFINITION_BYTES: usize = 3 + MIN_KEY_BYTES;

/// Returns the file name of a series log.
pub(crate) fn series_log_name(id: FileId) -> String {
    format!("series-{:016x}.log", id.get())
}

/// Returns the id in the file name of a series log; `None` for any other name.
pub(crate) fn parse_series_log_name(name: &str) -> Option<FileId> {
    parse_id(name, "series-")
}

/// Writer of the series log of one open database.
#[derive(Debug)]
pub(crate) struct SeriesLog {
    dir: Dir,
    uuid: Uuid,
    ids: Arc<FileIdAllocator>,
    /// `None` until it is created.
    current: Option<LogFile>,
    /// Rewritten log that the next committed edit names.
    prepared: Option<LogFile>,
    /// Lower bound of the next id to be appended.
    next_id: u32,
    /// Failed sync after which nothing may be written.
    failure: FailureLatch,
}

/// One file of the log.
#[derive(Debug)]
struct LogFile {
    id: FileId,
    file: OpenFile,
    /// `true` once the bytes below the valid length are synced. Before, no edit may name the file.
    is_synced: bool,
    /// End of the last synced group; the length of the header without groups.
    valid_len: u64,
}

impl LogFile {
    /// Creates the file and writes its header, without a sync.
    ///
    /// Except in a rewrite, the next sync of the directory makes its name durable, always before a manifest names the
    /// file: an opening syncs the directory for its first WAL segment, a backup before it writes the manifest.
    fn create(dir: &Dir, uuid: Uuid, id: FileId) -> Result<Self> {
        let name = series_log_name(id);
        // No edit names an existing file of this id: it is a leftover of a crash.
        remove_if_exists(dir, &name)?;
        let file = dir.open(&name, OpenMode::Create)?;
        file.write_at(0, &LogHeader::new(uuid, id.get()).to_bytes(MAGIC))?;
        Ok(Self { id, file, is_synced: false, valid_len: LOG_HEADER_BYTES as u64 })
    }

    /// Writes definitions in groups behind the valid length, without a sync. Returns the end of the last group.
    fn write(&self, uuid: Uuid, definitions: &[Arc<SeriesInfo>]) -> Result<u64> {
        let crc = SaltedCrc::new(&MAGIC, uuid, self.id.get());
        let mut end = self.valid_len;
        let mut bytes = Vec::new();
        for group in definitions.chunks(MAX_GROUP_DEFINITIONS) {
            bytes.clear();
            let header = FrameHeader::new(KIND_DEFINITIONS, u64::from(group[0].id.get()), 0);
            put_frame(&mut bytes, crc, end, header, |out| put_definition_group(out, group))?;
            self.file.write_at(end, &bytes)?;
            end += bytes.len() as u64;
        }
        Ok(end)
    }

    /// Writes a new log that is not appended to before an edit names it.
    fn rewrite(dir: &Dir, uuid: Uuid, id: FileId, definitions: &[Arc<SeriesInfo>]) -> Result<Self> {
        let failed_syncs = dir.failed_syncs();
        let file = Self::create(dir, uuid, id)?;
        let valid_len = file.write(uuid, definitions)?;
        // Survives power loss after the manifest edit and the removal of the log before: without it the points of these
        // series would have no key.
        file.file.sync(SyncStep::SeriesLogRewrite)?;
        // Survives power loss after the manifest edit: without it the name of the log, and so the log, may vanish.
        dir.sync_names(SyncStep::SeriesLogRewriteDirectory, failed_syncs)?;
        Ok(Self { valid_len, is_synced: true, ..file })
    }
}

/// End of the series log before an edit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesLogMark {
    /// Valid length of the file that the last edit names; `None` if there is none.
    valid_len: Option<u64>,
    next_id: u32,
}

impl SeriesLog {
    /// Opens the log for appending.
    ///
    /// The valid bytes up to `end` define series with ids below `next_id`; the file is cut to this length.
    pub(crate) fn open(
        dir: Dir,
        uuid: Uuid,
        ids: Arc<FileIdAllocator>,
        end: SeriesLogEnd,
        next_id: u32,
    ) -> Result<Self> {
        let current = if end.len == 0 {
            None
        } else {
            let file = open_and_check_header(&dir, uuid, end, OpenMode::Write)?;
            // Bytes behind the valid length are a leftover of a crash. The cut need not be synced, since no edit names
            // these bytes.
            file.set_len(end.len)?;
            Some(LogFile { id: end.file, file, is_synced: true, valid_len: end.len })
        };
        Ok(Self { dir, uuid, ids, current, prepared: None, next_id, failure: FailureLatch::default() })
    }

    /// Creates the file unless it is open, so that a later append needs no descriptor.
    ///
    /// Returns the file and the valid length for the next manifest edit to name. If the call created the file, the
    /// directory must be synced before that edit.
    pub(crate) fn hold_open(&mut self) -> Result<SeriesLogEnd> {
        if self.current.is_none() {
            let file = LogFile::create(&self.dir, self.uuid, self.ids.allocate())?;
            // Survives power loss after the manifest edit: without it the log would have no header. The edit names the
            // log although it has no definitions, or the next opening would take it for a leftover.
            file.file.sync(SyncStep::SeriesLogData)?;
            self.current = Some(LogFile { is_synced: true, ..file });
        }
        Ok(self.end())
    }

    /// Makes definitions durable, in the order of their ids.
    ///
    /// Returns the file and the valid length for the next manifest edit to name: those of the prepared log, if there is
    /// one.
    ///
    /// # Errors
    /// The valid length is unchanged, so the new bytes do not count. `NotWritten` after a failed write: a later call
    /// overwrites the bytes. `OutcomeUnknown` after a failed sync; `ReadOnly` from every later call.
    pub(crate) fn append(&mut self, definitions: &[Arc<SeriesInfo>]) -> Result<SeriesLogEnd, AppendError> {
        self.failure.check().map_err(AppendError::ReadOnly)?;
        if definitions.is_empty() {
            return Ok(self.end());
        }
        if self.prepared.is_none() && self.current.is_none() {
            let failed_syncs = self.dir.failed_syncs();
            let file = self.create().map_err(AppendError::NotWritten)?;
            self.current = Some(file);
            // Survives power loss after the manifest edit: without it the name of the log, and so the log, may vanish.
            // No other sync of the directory comes before the edit if an opening on a full disk made no log.
            if let Err(error) = self.dir.sync_names(SyncStep::SeriesLogRewriteDirectory, failed_syncs) {
                self.failure.record(&error);
                return Err(AppendError::OutcomeUnknown(error));
            }
        }
        let Some(file) = self.prepared.as_mut().or(self.current.as_mut()) else { return Ok(self.end()) };
        assert!(
            definitions[0].id.get() >= self.next_id,
            "series ids ascend: every later opening would report the log as damaged"
        );
        let end = file.write(self.uuid, definitions).map_err(AppendError::NotWritten)?;
        // Survives power loss after the manifest edit and the release of WAL segments: without it the points of these
        // series would have no key.
        if let Err(error) = file.file.sync(SyncStep::SeriesLogData) {
            self.failure.record(&error);
            return Err(AppendError::OutcomeUnknown(error));
        }
        (file.is_synced, file.valid_len) = (true, end);
        self.next_id = definitions.last().map_or(self.next_id, |last| last.id.get() + 1);
        Ok(self.end())
    }

    /// Creates an empty log; removes the file if that fails.
    fn create(&self) -> Result<LogFile> {
        let id = self.ids.allocate();
        let created = LogFile::create(&self.dir, self.uuid, id);
        if created.is_err() {
            // If it cannot be removed, the next opening removes it.
            drop(self.dir.remove(&series_log_name(id)));
        }
        created
    }

    /// Returns the state that [`SeriesLog::take_back`] restores.
    pub(crate) fn mark(&self) -> SeriesLogMark {
        SeriesLogMark { valid_len: self.current.as_ref().map(|file| file.valid_len), next_id: self.next_id }
    }

    /// Takes back the appends since the mark, and a prepared log, whose edit is certainly absent.
    ///
    /// Later appends overwrite the bytes of the earlier ones.
    pub(crate) fn take_back(&mut self, mark: SeriesLogMark) {
        if let Some(prepared) = self.prepared.take() {
            // No edit names the file: if it cannot be removed, the next opening removes it.
            drop(self.dir.remove(&series_log_name(prepared.id)));
        }
        if let Some(file) = &mut self.current {
            file.valid_len = mark.valid_len.unwrap_or(LOG_HEADER_BYTES as u64);
        }
        self.next_id = mark.next_id;
    }

    /// Returns the file and the valid length for the next manifest edit to name.
    fn end(&self) -> SeriesLogEnd {
        let named = self.prepared.as_ref().or(self.current.as_ref()).filter(|file| file.is_synced);
        named.map_or_else(SeriesLogEnd::default, |file| SeriesLogEnd { file: file.id, len: file.valid_len })
    }

    /// Writes a new log of these definitions, in the order of their ids, for the next edit to name.
    ///
    /// The definitions that the log has and that are not among them are dropped with that edit.
    ///
    /// # Errors
    /// The log is unchanged, and the new file is removed.
    pub(crate) fn prepare(&mut self, definitions: &[Arc<SeriesInfo>]) -> Result<()> {
        self.failure.check()?;
        let id = self.ids.allocate();
        match LogFile::rewrite(&self.dir, self.uuid, id, definitions) {
            Ok(file) => {
                self.prepared = Some(file);
                Ok(())
            }
            Err(error) => {
                // No edit names the file: if it cannot be removed, the next opening removes it.
                drop(self.dir.remove(&series_log_name(id)));
                Err(error)
            }
        }
    }

    /// Replaces the log by the prepared one, if there is one, and removes the file before it.
    ///
    /// The edit that names the prepared log must be durable.
    ///
    /// # Errors
    /// The old file could not be removed. The log is replaced, and the next opening removes the file.
    pub(crate) fn finish_rewrite(&mut self) -> Result<()> {
        let Some(prepared) = self.prepared.take() else { return Ok(()) };
        match self.current.replace(prepared) {
            Some(old) => self.dir.remove(&series_log_name(old.id)),
            None => Ok(()),
        }
    }

    /// Returns `true` if the header of a log is valid and names another database.
    ///
    /// A log without a valid header is a leftover of a crash of this database.
    ///
    /// # Errors
    /// `UnsupportedVersion` for a newer format; those of the operating system.
    pub(crate) fn is_foreign(dir: &Dir, uuid: Uuid, id: FileId) -> Result<bool> {
        let file = dir.open(&series_log_name(id), OpenMode::Read)?;
        match LogHeader::read_own(&file, MAGIC, uuid) {
            Ok(_) | Err(Error::Corrupt { .. }) => Ok(false),
            Err(Error::ForeignFile { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Reads the definitions below the valid length, in ascending order of their ids.
    ///
    /// # Errors
    /// Errors of the header and of the operating system. `Corrupt` for any invalid byte below the valid length: all of
    /// them were synced before a manifest edit named this length.
    pub(crate) fn read(dir: &Dir, uuid: Uuid, end: SeriesLogEnd) -> Result<Vec<SeriesInfo>> {
        Self::read_after(dir, uuid, SeriesLogEnd::default(), end)
    }

    /// Reads the definitions behind `from` if it is an end of the same file, else those of the whole file.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub(crate) fn read_after(dir: &Dir, uuid: Uuid, from: SeriesLogEnd, end: SeriesLogEnd) -> Result<Vec<SeriesInfo>> {
        let mut definitions = Vec::new();
        Self::read_groups_after(dir, uuid, from, end, |group| definitions.extend(group))?;
        Ok(definitions)
    }

    /// Reads a part of the log as [`read_after`](Self::read_after) does, and passes the definitions on by group.
    ///
    /// # Errors
    /// Those of [`read`](Self::read); the groups before the bad one have been passed on.
    pub(crate) fn read_groups_after(
        dir: &Dir,
        uuid: Uuid,
        from: SeriesLogEnd,
        end: SeriesLogEnd,
        mut seen: impl FnMut(Vec<SeriesInfo>),
    ) -> Result<()> {
        let from = if from.file == end.file { from.len } else { 0 };
        if end.len <= from {
            return Ok(());
        }
        let file = open_and_check_header(dir, uuid, end, OpenMode::Read)?;
        let mut frames = FrameReader::new(file, end.len, SaltedCrc::new(&MAGIC, uuid, end.file.get()));
        match read_definition_groups(&mut frames, from, |_, group| seen(group))? {
            (_, None) => Ok(()),
            (offset, Some(what)) => Err(frames.file().corrupt(offset, what)),
        }
    }
}

/// Reads the groups from an offset up to the end of the reader or the first bad group.
///
/// Passes the location of each group and its definitions to `seen`. Returns the end of the valid groups, and the defect of
/// a bad group there.
pub(super) fn read_definition_groups(
    frames: &mut FrameReader,
    from: u64,
    mut seen: impl FnMut(Extent, Vec<SeriesInfo>),
) -> Result<(u64, Option<String>)> {
    let mut offset = from.max(LOG_HEADER_BYTES as u64);
    let mut last = None;
    while offset < frames.len() {
        let decoded = match frames.frame_at(offset)? {
            None => Err("a bad group of series definitions".to_owned()),
            Some((header, body)) if header.kind == KIND_DEFINITIONS => {
                read_definition_group(header.ordinal, body, last).map(|group| (group, header.frame_len()))
            }
            Some((header, _)) => Err(format!("a frame of kind {}, expected series definitions", header.kind)),
        };
        match decoded {
            Ok((group, len)) => {
                last = group.last().map(|def| (def.id, def.seq)).or(last);
                seen(Extent { offset, len }, group);
                offset += len;
            }
            Err(what) => return Ok((offset, Some(what))),
        }
    }
    Ok((offset, None))
}

/// Opens the log, checks its header, and checks that the file has at least the valid length.
fn open_and_check_header(dir: &Dir, uuid: Uuid, end: SeriesLogEnd, how: OpenMode) -> Result<OpenFile> {
    let file = dir.open(&series_log_name(end.file), how)?;
    let header = LogHeader::read_own(&file, MAGIC, uuid)?;
    if header.id != end.file.get() {
        return Err(file.corrupt(0, format!("it is the series log {:016x}", header.id)));
    }
    let found = file.len()?;
    if found < end.len || end.len < LOG_HEADER_BYTES as u64 {
        return Err(file.corrupt(found, format!("the file ends here; the manifest says {} bytes", end.len)));
    }
    Ok(file)
}

/// Appends a group: the number of definitions; then id step, series kind, seq difference and key of each.
fn put_definition_group(out: &mut Vec<u8>, definitions: &[Arc<SeriesInfo>]) {
    put_varint(out, definitions.len() as u64);
    let mut before: Option<&SeriesInfo> = None;
    for definition in definitions {
        let (id, seq) = before.map_or((definition.id.get(), 0), |before| (before.id.get(), before.seq));
        assert!(
            before.is_none() || id < definition.id.get(),
            "series ids ascend: every later opening would report the log as damaged"
        );
        assert!(definition.seq >= seq, "series are created in the order of their ids");
        put_varint(out, u64::from(definition.id.get() - id));
        put_series_kind(out, definition.value_type, definition.duplicates);
        put_varint(out, definition.seq - seq);
        put_key(out, &definition.key);
        before = Some(definition);
    }
}

/// Definition of a group whose key is still a part of the group's buffer.
struct DecodedDefinition {
    id: SeriesId,
    key: KeySpan,
    value_type: ValueType,
    duplicates: DuplicatePolicy,
    seq: u64,
}

/// Decodes a group whose first id is `first`. `before` is id and seq of the last definition before the group.
fn read_definition_group(first: u64, body: &[u8], before: Option<(SeriesId, u64)>) -> DecodeResult<Vec<SeriesInfo>> {
    let mut reader = ByteReader::new(body);
    let count = reader.count(MIN_DEFINITION_BYTES)?;
    let (mut decoded, mut keys) = (Vec::with_capacity(count), KeyBuffer::with_capacity(body.len()));
    let (mut number, mut seq, mut before) = (first, 0_u64, before);
    for at in 0..count {
        let step = reader.varint_u64()?;
        if (at == 0) != (step == 0) {
            return Err(format!("a step of {step} from series {number} to the next"));
        }
        number = number.checked_add(step).ok_or("a series id exceeds 64 bits")?;
        let id = check_series_id(number)?;
        let (value_type, duplicates) = read_series_kind(&mut reader)?;
        seq = seq.checked_add(reader.varint_u64()?).ok_or("a seq exceeds 64 bits")?;
        if let Some((id_before, seq_before)) = before {
            if id_before >= id {
                return Err(format!("series {id} follows series {id_before}"));
            }
            if seq_before > seq {
                return Err(format!("series {id} has a smaller seq than the series before it"));
            }
        }
        before = Some((id, seq));
        let key = read_key_into(&mut reader, &mut keys)?;
        decoded.push(DecodedDefinition { id, key, value_type, duplicates, seq });
    }
    reader.expect_end()?;
    let keys = keys.finish();
    let definition = |DecodedDefinition { id, key, value_type, duplicates, seq }| SeriesInfo {
        id,
        key: keys.key(key),
        value_type,
        duplicates,
        seq,
    };
    Ok(decoded.into_iter().map(definition).collect())
}
