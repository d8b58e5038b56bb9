//! Cursor over a segment that another process may still write: it returns each durable record once.
//!
//! ```text
//!   | returned | durable, not yet returned | written, perhaps not synced | zeros or stale bytes
//!              ^ offset                    ^ synced_to                   ^ scanned_to
//! ```
//!
//! Invariants:
//! - A record is returned only if it is durable: a valid frame header of the segment states that the bytes up to the end of
//!   the record were synced, or the header of the next segment seals the segment behind it.
//! - A frame that is not complete is not there yet. It is damage only if its bytes are known to be durable.
//! - All frames are salted with the segment id, so bytes of the file's earlier or later use are never records.

use uuid::Uuid;

use super::reader::decode_record;
use super::record::RecordDecoder;
use super::segment_header::{FIRST_RECORD_OFFSET, SegmentBound, SegmentHeader};
use super::{LogRecord, segment_name};
use crate::format::bytes::frame::{FrameHeader, FrameReader};
use crate::platform::env::{Dir, OpenMode};
use crate::state::file_id::FileId;
use crate::types::error::Result;

/// Maximum number of bytes behind the last record that are searched for evidence of damage: several groups of writes.
const MAX_SEARCH_BYTES: u64 = 4 << 20;

/// Reader of the durable records of one segment.
#[derive(Debug)]
pub(crate) struct SegmentCursor {
    header: SegmentHeader,
    frames: FrameReader,
    decoder: RecordDecoder,
    /// Offset of the next record to return.
    offset: u64,
    /// Seq of the last record that was returned.
    last_seq: u64,
    /// End of the valid frame headers that were read.
    scanned_to: u64,
    /// Offset and content of the last of these headers; `None` if there is none.
    last_header: Option<(u64, FrameHeader)>,
    /// Greatest `synced_to` of these headers.
    synced_to: u64,
    /// `true` once the bytes behind the last header were searched for evidence of damage.
    is_tail_checked: bool,
    /// Number of bytes that were searched for it.
    searched_bytes: u64,
}

impl SegmentCursor {
    /// Opens a segment of this database.
    ///
    /// # Errors
    /// Those of [`SegmentHeader::read`].
    pub(crate) fn open(dir: &Dir, uuid: Uuid, id: FileId) -> Result<Self> {
        let file = dir.open(&segment_name(id), OpenMode::Read)?;
        let header = SegmentHeader::read_from(&file, uuid, id)?;
        Ok(Self {
            frames: FrameReader::new(file, FIRST_RECORD_OFFSET, header.crc()),
            header,
            decoder: RecordDecoder::default(),
            offset: FIRST_RECORD_OFFSET,
            last_seq: header.link.previous_seq,
            scanned_to: FIRST_RECORD_OFFSET,
            last_header: None,
            synced_to: FIRST_RECORD_OFFSET,
            is_tail_checked: false,
            searched_bytes: 0,
        })
    }

    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Returns the seq of the last record that was returned, or of the last record before the segment.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns the offset of the next record.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the number of bytes behind the records that were searched for evidence of damage, so far.
    pub(crate) fn searched_bytes(&self) -> u64 {
        self.searched_bytes
    }

    /// Passes each new durable record to `visit`. If `visit` fails, its record is passed again by the next call.
    ///
    /// If nothing was written since the last call to an unsealed segment, this reads 32 bytes, or 64 if the last record
    /// cannot be returned yet.
    ///
    /// # Errors
    /// `Corrupt` for a bad record in the durable part of the segment; the first error of `visit`.
    pub(crate) fn advance(
        &mut self,
        bound: SegmentBound,
        visit: impl FnMut(LogRecord<'_>) -> Result<()>,
    ) -> Result<()> {
        let advanced = self.advance_buffered(bound, visit);
        self.frames.release_buffer();
        advanced
    }

    fn advance_buffered(&mut self, bound: SegmentBound, visit: impl FnMut(LogRecord<'_>) -> Result<()>) -> Result<()> {
        match bound {
            SegmentBound::Sealed { len, last_seq } => {
                self.frames.reload()?;
                self.return_records(len, visit)?;
                if self.last_seq == last_seq {
                    return Ok(());
                }
                let what = format!("the last seq is {}, its successor says {last_seq}", self.last_seq);
                Err(self.frames.file().corrupt(self.offset, what))
            }
            SegmentBound::Unsealed => {
                if self.is_tail_checked
                    && self.offset >= self.synced_to
                    && self.frames.peek_header(self.scanned_to)?.is_none()
                {
                    if !self.was_last_group_cut()? {
                        return Ok(());
                    }
                    self.scanned_to = self.offset;
                }
                self.frames.reload()?;
                self.scan_headers()?;
                self.check_tail()?;
                self.return_records(self.synced_to, visit)
            }
        }
    }

    /// Returns `true` if the last header that was read is no longer there: its group failed and was cut off.
    fn was_last_group_cut(&self) -> Result<bool> {
        match self.last_header.filter(|_| self.scanned_to > self.offset) {
            Some((at, header)) => Ok(self.frames.peek_header(at)? != Some(header)),
            None => Ok(false),
        }
    }

    /// Reads the frame headers that were written since the last scan.
    fn scan_headers(&mut self) -> Result<()> {
        while let Some(header) = self.frames.header_at(self.scanned_to)? {
            if header.synced_to > self.scanned_to {
                let what = "the record claims that bytes behind it were synced";
                return Err(self.frames.file().corrupt(self.scanned_to, what));
            }
            self.synced_to = self.synced_to.max(header.synced_to);
            self.last_header = Some((self.scanned_to, header));
            self.scanned_to += header.frame_len();
        }
        Ok(())
    }

    /// Checks once that no header behind the last valid one states that the bytes between them were synced.
    ///
    /// In a recycled segment stale bytes follow up to the length of the file, so the search ends at a bound. Damage that
    /// it misses is found at the latest when the segment is sealed.
    ///
    /// The writer may append meanwhile: such a header is evidence of damage only if the bytes before it are still bad.
    fn check_tail(&mut self) -> Result<()> {
        while !self.is_tail_checked {
            let end = self.frames.len().min(self.scanned_to + MAX_SEARCH_BYTES);
            let scan = self.frames.scan_between(self.scanned_to, end)?;
            self.searched_bytes += end.saturating_sub(self.scanned_to);
            if scan.max_synced_to <= self.scanned_to {
                self.is_tail_checked = true;
                return Ok(());
            }
            let before = self.scanned_to;
            self.frames.reload()?;
            self.scan_headers()?;
            if self.scanned_to == before {
                return Err(self.corrupt_synced(before));
            }
        }
        Ok(())
    }

    /// Returns the records up to an offset below which all bytes are durable.
    fn return_records(&mut self, end: u64, mut visit: impl FnMut(LogRecord<'_>) -> Result<()>) -> Result<()> {
        while self.offset < end {
            let offset = self.offset;
            let Some((header, body)) = self.frames.frame_at(offset)? else { return Err(self.corrupt_synced(offset)) };
            let frame_len = header.frame_len();
            let record = match decode_record(&mut self.decoder, self.last_seq, offset, header, body) {
                Ok(record) => record,
                Err(what) => return Err(self.frames.file().corrupt(offset, what)),
            };
            record.map_or(Ok(()), &mut visit)?;
            self.offset += frame_len;
            self.last_seq = header.ordinal;
        }
        self.scanned_to = self.scanned_to.max(self.offset);
        Ok(())
    }

    fn corrupt_synced(&self, offset: u64) -> crate::Error {
        self.frames.file().corrupt(offset, "a bad record, and the log states that it was synced")
    }
}
