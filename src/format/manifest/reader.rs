//! Reading of a manifest: the state after its last valid record, and a bad last edit, if there is one.

use uuid::Uuid;

use super::edit::read_edit;
use super::{KIND_EDIT, KIND_FULL, MAGIC, MANIFEST};
use crate::format::bytes::frame::{FrameHeader, FrameReader};
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader};
use crate::format::bytes::{Extent, SaltedCrc};
use crate::platform::env::{Dir, OpenFile, OpenMode};
use crate::state::version::{DurableState, VersionEdit};
use crate::types::error::Result;

/// Content of a manifest file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestContents {
    pub(crate) uuid: Uuid,
    pub(crate) generation: u64,
    /// State after the last valid record.
    pub(crate) state: DurableState,
    /// Number of valid records.
    pub(crate) record_count: u64,
    /// Invalid last record, which is torn or was damaged later.
    ///
    /// Recovery decides which, by the WAL floor and the existing files.
    pub(crate) bad_edit: Option<BadEdit>,
}

/// Location of a bad last edit, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadEdit {
    pub(crate) offset: u64,
    /// End of the last nonzero byte of the file.
    pub(crate) end: u64,
}

impl ManifestContents {
    /// Reads the manifest of a directory.
    ///
    /// # Errors
    /// `UnsupportedVersion` for a newer format version, checked before the CRC of the header. `Corrupt` for a bad
    /// header, a bad full record, a bad record with a valid frame header behind it, or a record with valid checksums
    /// that cannot be decoded or contradicts the records before it. Else the error of the operating system.
    pub(crate) fn read(dir: &Dir) -> Result<Self> {
        let file = dir.open(MANIFEST, OpenMode::Read)?;
        let header = LogHeader::read(&file, MAGIC)?;
        Self::fold_records(file, &header, |_, _, _| ())
    }

    /// Applies all records to the empty state, in order.
    ///
    /// Passes each record's location, its edit, and the state after the edit to `seen`.
    pub(super) fn fold_records(
        file: OpenFile,
        header: &LogHeader,
        mut seen: impl FnMut(Extent, VersionEdit, &DurableState),
    ) -> Result<Self> {
        let len = file.len()?;
        let mut frames = FrameReader::new(file, len, SaltedCrc::new(&MAGIC, header.uuid, header.id));
        let mut contents = Self {
            uuid: header.uuid,
            generation: header.id,
            state: DurableState::default(),
            record_count: 0,
            bad_edit: None,
        };
        let mut offset = LOG_HEADER_BYTES as u64;
        while let Some((header, body)) = frames.frame_at(offset)? {
            let applied = apply_record(&mut contents.state, contents.record_count, header, body);
            let edit = applied.map_err(|what| frames.file().corrupt(offset, what))?;
            seen(Extent { offset, len: header.frame_len() }, edit, &contents.state);
            contents.record_count += 1;
            offset += header.frame_len();
        }
        contents.bad_edit = find_bad_edit(&mut frames, offset, contents.record_count)?;
        Ok(contents)
    }
}

/// Decodes the record after `record_count` others and applies it. Returns its edit.
///
/// After an error the state is partly changed and must be discarded.
pub(super) fn apply_record(
    state: &mut DurableState,
    record_count: u64,
    header: FrameHeader,
    body: &[u8],
) -> std::result::Result<VersionEdit, String> {
    let kind = if record_count == 0 { KIND_FULL } else { KIND_EDIT };
    if (header.kind, header.ordinal) != (kind, record_count) {
        let (found, of_kind) = (header.ordinal, header.kind);
        return Err(format!("found record {found} of kind {of_kind}, expected record {record_count}"));
    }
    read_edit(body).and_then(|edit| state.apply(&edit).map(|()| edit))
}

/// Returns the bad last edit; `None` if only zeros follow the last valid record.
///
/// # Errors
/// `Corrupt` if there is no valid record, or if a valid frame header follows the bad record.
fn find_bad_edit(frames: &mut FrameReader, offset: u64, record_count: u64) -> Result<Option<BadEdit>> {
    let scan = frames.scan_after(offset)?;
    if record_count == 0 {
        return Err(frames.file().corrupt(offset, "the first record, the full record, is bad"));
    }
    if let Some(later) = scan.next_header_at {
        // Each edit is synced before the next is written, so only the last one can be torn.
        return Err(frames.file().corrupt(offset, format!("a bad record, and a valid one at byte {later}")));
    }
    Ok((scan.data_end > offset).then_some(BadEdit { offset, end: scan.data_end }))
}
