//! A segment's header: which segment it is, and where and how its predecessor ended.
//! The seal is what makes a segment's end certain: without a successor only the tail rule tells it.

use uuid::Uuid;

use super::segment_name;
use crate::bytes::header::{HEADER_BYTES, Header, Magic};
use crate::bytes::{Salt, ordinal};
use crate::env::{Dir, DirFile, Open};
use crate::error::{Error, Result};
use crate::version::{FileId, FoundSegment};

pub(crate) const MAGIC: Magic = *b"tstraWAL";

/// Where records begin.
pub(super) const RECORDS_AT: u64 = HEADER_BYTES as u64;

/// How the log before a segment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The seq of the last record before this segment: its first one bears the next.
    pub(crate) last_seq: u64,
    /// `None` in the first segment of an opening: all before it lies in SSTs once the opening counts.
    pub(crate) predecessor: Option<Predecessor>,
}

/// The segment before, and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Predecessor {
    pub(crate) id: FileId,
    /// Bytes at or beyond it are never read: a write that failed may have left some.
    pub(crate) len: u64,
}

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) uuid: Uuid,
    pub(crate) id: FileId,
    pub(crate) seal: Seal,
    /// How long the recycled file was: behind the log's end, below this, lies its former life.
    pub(crate) stale_to: u64,
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentEnd {
    /// At this length and after this seq, as its successor's header says.
    Sealed { len: u64, last_seq: u64 },
    /// By the tail rule: it has no successor.
    Last,
}

impl SegmentHeader {
    /// Reads the header of a segment of this database.
    ///
    /// # Errors
    /// `Corrupt` for a bad header: it was durable before the file had the name. `ForeignFile` for another
    /// database's segment, or one under another's name; `UnsupportedVersion` for one from the future.
    pub(crate) fn read(dir: &Dir, uuid: Uuid, id: FileId) -> Result<Self> {
        Self::of(&dir.open(&segment_name(id), Open::Read)?, uuid, id)
    }

    pub(super) fn of(file: &DirFile, uuid: Uuid, id: FileId) -> Result<Self> {
        let header = Self::from(file, Header::read_own(file, MAGIC, uuid)?)?;
        if header.id == id {
            return Ok(header);
        }
        let what = format!("it is WAL segment {}, not {}", header.id.get(), id.get());
        Err(Error::ForeignFile { file: file.path().to_owned(), what })
    }

    /// Reads a header of whatever database and id.
    pub(super) fn of_any(file: &DirFile) -> Result<Self> {
        Self::from(file, Header::read(file, MAGIC)?)
    }

    fn from(file: &DirFile, header: Header) -> Result<Self> {
        let [predecessor, len, last_seq, stale_to, ..] = header.fields;
        for number in [header.id, last_seq] {
            ordinal(number).map_err(|what| file.corrupt(0, what))?;
        }
        let id = FileId::new(header.id);
        let predecessor = (predecessor != 0).then_some(Predecessor { id: FileId::new(predecessor), len });
        if predecessor.is_some_and(|before| before.id >= id || before.len < RECORDS_AT) {
            return Err(file.corrupt(0, "its header seals a segment that cannot be its predecessor"));
        }
        Ok(Self { uuid: header.uuid, id, seal: Seal { last_seq, predecessor }, stale_to })
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut header = Header::new(self.uuid, self.id.get());
        let (predecessor, len) = self.seal.predecessor.map_or((0, 0), |before| (before.id.get(), before.len));
        header.fields[..4].copy_from_slice(&[predecessor, len, self.seal.last_seq, self.stale_to]);
        header.to_bytes(MAGIC)
    }

    pub(super) fn salt(&self) -> Salt {
        Salt::new(&MAGIC, self.uuid, self.id.get())
    }

    /// What recovery looks at.
    pub(crate) fn found(&self) -> FoundSegment {
        let predecessor = self.seal.predecessor.map(|before| (before.id, before.len));
        FoundSegment { id: self.id, last_seq: self.seal.last_seq, predecessor }
    }

    /// Where this segment ends, if the next one present says so; `None` if that one names another predecessor.
    pub(crate) fn end(&self, successor: Option<&SegmentHeader>) -> Option<SegmentEnd> {
        let Some(successor) = successor else { return Some(SegmentEnd::Last) };
        let before = successor.seal.predecessor.filter(|before| before.id == self.id)?;
        Some(SegmentEnd::Sealed { len: before.len, last_seq: successor.seal.last_seq })
    }
}
