//! Header of a WAL segment: the segment's id, and the link to the segment before it.
//!
//! The link seals the predecessor: it records the length at which the predecessor ends. The end of a segment without a
//! successor is found by the tail rule instead (see the module page of `wal`).

use uuid::Uuid;

use super::segment_name;
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader, Magic};
use crate::format::bytes::{SaltedCrc, check_u63};
use crate::platform::env::{Dir, OpenFile, OpenMode};
use crate::state::file_id::FileId;
use crate::state::version::SegmentSummary;
use crate::types::error::{Error, Result};

pub(crate) const MAGIC: Magic = *b"tstraWAL";

/// File offset of the first record of a segment.
pub(super) const FIRST_RECORD_OFFSET: u64 = LOG_HEADER_BYTES as u64;

/// Link of a segment to the log before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentLink {
    /// Seq of the last record before this segment; the first record of this segment has the next seq.
    pub(crate) previous_seq: u64,
    /// Segment before this one; `None` in the first segment of an opening.
    ///
    /// All records before an opening are in SSTs once the manifest of the opening is durable.
    pub(crate) predecessor: Option<Predecessor>,
}

/// Segment before this one, and the length at which it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Predecessor {
    pub(crate) id: FileId,
    /// Length at which the predecessor was sealed.
    ///
    /// Bytes behind it are never read: a failed write may have left some.
    pub(crate) sealed_len: u64,
}

/// Header of a WAL segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) uuid: Uuid,
    pub(crate) id: FileId,
    pub(crate) link: SegmentLink,
    /// Length of the recycled file, 0 for a new file.
    ///
    /// Stale bytes of the file's earlier use may lie behind the last record, up to this offset.
    pub(crate) recycled_len: u64,
}

/// Limit up to which a segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentBound {
    /// The segment must end at this length, with this seq, as the header of its successor states.
    Sealed { len: u64, last_seq: u64 },
    /// The segment has no successor: the tail rule finds its end.
    Unsealed,
}

impl SegmentHeader {
    /// Reads the header of a segment of this database.
    ///
    /// # Errors
    /// `Corrupt` for an invalid header: a valid one was durable before the file got its name. `ForeignFile` if the
    /// header names another database or another segment id; `UnsupportedVersion` for a newer format version.
    pub(crate) fn read(dir: &Dir, uuid: Uuid, id: FileId) -> Result<Self> {
        Self::read_from(&dir.open(&segment_name(id), OpenMode::Read)?, uuid, id)
    }

    /// Reads and checks the header of an open segment of this database.
    pub(super) fn read_from(file: &OpenFile, uuid: Uuid, id: FileId) -> Result<Self> {
        let header = Self::from_log_header(file, LogHeader::read_own(file, MAGIC, uuid)?)?;
        if header.id == id {
            return Ok(header);
        }
        let what = format!("its header names WAL segment {}, not {}", header.id.get(), id.get());
        Err(Error::ForeignFile { file: file.path().to_owned(), detail: what })
    }

    /// Reads a header of any database and any id.
    pub(super) fn read_any_from(file: &OpenFile) -> Result<Self> {
        Self::from_log_header(file, LogHeader::read(file, MAGIC)?)
    }

    fn from_log_header(file: &OpenFile, header: LogHeader) -> Result<Self> {
        let [predecessor, sealed_len, previous_seq, recycled_len, ..] = header.fields;
        for number in [header.id, previous_seq] {
            check_u63(number).map_err(|what| file.corrupt(0, what))?;
        }
        let id = FileId::new(header.id);
        let predecessor = (predecessor != 0).then_some(Predecessor { id: FileId::new(predecessor), sealed_len });
        if predecessor.is_some_and(|before| before.id >= id || before.sealed_len < FIRST_RECORD_OFFSET) {
            return Err(file.corrupt(0, "the header seals a segment that cannot be the predecessor"));
        }
        Ok(Self { uuid: header.uuid, id, link: SegmentLink { previous_seq, predecessor }, recycled_len })
    }

    pub(super) fn to_bytes(self) -> [u8; LOG_HEADER_BYTES] {
        let mut header = LogHeader::new(self.uuid, self.id.get());
        let (predecessor, sealed_len) =
            self.link.predecessor.map_or((0, 0), |before| (before.id.get(), before.sealed_len));
        header.fields[..4].copy_from_slice(&[predecessor, sealed_len, self.link.previous_seq, self.recycled_len]);
        header.to_bytes(MAGIC)
    }

    /// Returns the checksum function of this segment's frames.
    pub(super) fn crc(&self) -> SaltedCrc {
        SaltedCrc::new(&MAGIC, self.uuid, self.id.get())
    }

    /// Returns the part of the header that recovery needs.
    pub(crate) fn summary(&self) -> SegmentSummary {
        let predecessor = self.link.predecessor.map(|before| (before.id, before.sealed_len));
        SegmentSummary { id: self.id, previous_seq: self.link.previous_seq, predecessor }
    }

    /// Returns the limit of this segment, given the header of the next segment, if there is one.
    ///
    /// `None` if that header names another predecessor, or none.
    pub(crate) fn bound(&self, successor: Option<&SegmentHeader>) -> Option<SegmentBound> {
        let Some(successor) = successor else { return Some(SegmentBound::Unsealed) };
        let before = successor.link.predecessor.filter(|before| before.id == self.id)?;
        Some(SegmentBound::Sealed { len: before.sealed_len, last_seq: successor.link.previous_seq })
    }
}
