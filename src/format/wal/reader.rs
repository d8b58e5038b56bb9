//! Reader of the WAL: the records of one segment in order, and the end of the segment.
//!
//! A bad record is either damage, reported with file and offset, or the torn tail of an unsealed segment. The tail rule
//! decides which; the module page of `wal` states it. Reading changes nothing. The caller decides which segments count.

use uuid::Uuid;

use super::record::{KIND_COMMIT, KIND_DELETE, KIND_METADATA, KIND_SYNC_MARK, RecordDecoder};
use super::segment_header::{FIRST_RECORD_OFFSET, SegmentBound, SegmentHeader};
use super::{LogRecord, segment_name};
use crate::format::bytes::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameReader};
use crate::platform::env::{Dir, OpenFile, OpenMode};
use crate::state::file_id::FileId;
use crate::types::error::Result;

/// End of a segment that has no damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentTail {
    /// The segment ends at the length that the header of its successor records.
    Sealed,
    /// The segment ends behind the last group; zeros or stale bytes of the recycled file follow.
    Clean { offset: u64 },
    /// The segment ends at a bad record, or inside an end marker, that may never have been synced.
    ///
    /// All bytes from `offset` on are dropped. Recovery copies those before `end` to a separate file and reports them.
    Torn {
        offset: u64,
        /// End of the last nonzero byte; `offset` if there is none.
        end: u64,
    },
}

/// Result of reading a whole segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentScan {
    pub(crate) header: SegmentHeader,
    /// Seq of the last record of the segment, or of the last record before it if the segment holds none.
    pub(crate) last_seq: u64,
    pub(crate) tail: SegmentTail,
}

/// Reader of a segment, record by record. The largest record bounds its memory.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    header: SegmentHeader,
    bound: SegmentBound,
    frames: FrameReader,
    /// Offset of the next record, if there is one.
    offset: u64,
    last_seq: u64,
    /// Greatest `synced_to` of the records read so far.
    known_synced_to: u64,
    tail: Option<SegmentTail>,
    decoder: RecordDecoder,
}

/// Next record of a segment, or the end of the segment.
#[derive(Debug)]
pub(super) enum ScanStep<'a> {
    Record(WalEntry<'a>),
    End(SegmentTail),
}

/// One record of any kind, with its offset.
#[derive(Debug)]
pub(super) struct WalEntry<'a> {
    pub(super) offset: u64,
    pub(super) header: FrameHeader,
    /// The commit or delete; `None` for a sync mark.
    pub(super) record: Option<LogRecord<'a>>,
}

impl SegmentReader {
    /// Opens a segment of this database and reads its header.
    ///
    /// # Errors
    /// As for [`SegmentHeader::read`]; `Corrupt` if the file is shorter than its sealed length.
    pub(crate) fn open(dir: &Dir, uuid: Uuid, id: FileId, bound: SegmentBound) -> Result<Self> {
        let file = dir.open(&segment_name(id), OpenMode::Read)?;
        let header = SegmentHeader::read_from(&file, uuid, id)?;
        Self::new(file, header, bound)
    }

    pub(super) fn new(file: OpenFile, header: SegmentHeader, bound: SegmentBound) -> Result<Self> {
        let file_len = file.len()?;
        let len = match bound {
            SegmentBound::Unsealed => file_len,
            SegmentBound::Sealed { len, .. } if len > file_len => {
                return Err(file.corrupt(file_len, format!("the file ends here; it was sealed at {len} bytes")));
            }
            SegmentBound::Sealed { len, .. } => len,
        };
        let frames = FrameReader::new(file, len, header.crc());
        Ok(Self {
            header,
            bound,
            frames,
            offset: FIRST_RECORD_OFFSET,
            last_seq: header.link.previous_seq,
            known_synced_to: FIRST_RECORD_OFFSET,
            tail: None,
            decoder: RecordDecoder::default(),
        })
    }

    #[cfg(test)]
    pub(crate) fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Returns the next commit, delete or change of metadata; `None` at the end of the segment.
    ///
    /// At the end [`scan_result`](Self::scan_result) returns the result.
    ///
    /// # Errors
    /// `Corrupt`: the records returned before are valid, and nothing behind them may be used.
    pub(crate) fn next_record(&mut self) -> Result<Option<LogRecord<'_>>> {
        loop {
            match self.next_step()? {
                ScanStep::Record(entry) if entry.record.is_some() => break,
                ScanStep::Record(_) => {}
                ScanStep::End(_) => return Ok(None),
            }
        }
        Ok(Some(self.decoder.record(self.last_seq)))
    }

    /// Returns the result of reading the segment; `None` before its end is reached.
    pub(crate) fn scan_result(&self) -> Option<SegmentScan> {
        self.tail.map(|tail| self.scan_with_tail(tail))
    }

    fn scan_with_tail(&self, tail: SegmentTail) -> SegmentScan {
        SegmentScan { header: self.header, last_seq: self.last_seq, tail }
    }

    /// Returns the next record of any kind, or the end of the segment.
    pub(super) fn next_step(&mut self) -> Result<ScanStep<'_>> {
        if let Some(tail) = self.tail {
            return Ok(ScanStep::End(tail));
        }
        let offset = self.offset;
        let Some((header, body)) = self.frames.frame_at(offset)? else {
            let tail = self.classify_end()?;
            self.tail = Some(tail);
            return Ok(ScanStep::End(tail));
        };
        let seq = header.ordinal;
        let record = decode_record(&mut self.decoder, self.last_seq, offset, header, body);
        let record = match record {
            Ok(record) => record,
            Err(what) => return Err(self.frames.file().corrupt(offset, what)),
        };
        self.offset += header.frame_len();
        self.last_seq = seq;
        self.known_synced_to = self.known_synced_to.max(header.synced_to);
        Ok(ScanStep::Record(WalEntry { offset, header, record }))
    }

    /// Classifies the current offset, where no valid record begins: the end of the segment, or damage.
    fn classify_end(&mut self) -> Result<SegmentTail> {
        let SegmentBound::Sealed { len, last_seq } = self.bound else { return self.apply_tail_rule() };
        if self.offset < len {
            return Err(self.corrupt("a bad record in a sealed segment"));
        }
        if self.last_seq != last_seq {
            let what = format!("the last seq is {}, its successor says {last_seq}", self.last_seq);
            return Err(self.corrupt(what));
        }
        Ok(SegmentTail::Sealed)
    }

    /// Applies the tail rule to an unsealed segment: its end is clean or torn, or a bad record is damage.
    ///
    /// A bad record is damage if a valid header, before or behind it, states that bytes at its offset were synced.
    fn apply_tail_rule(&mut self) -> Result<SegmentTail> {
        let offset = self.offset;
        let scan = self.frames.scan_after(offset)?;
        if self.known_synced_to.max(scan.max_synced_to) > offset {
            return Err(self.corrupt("a bad record, and another record states that it was synced"));
        }
        // The end marker follows the segment header and every group. If the file is too short for it, bytes were cut
        // off. The marker behind the header was synced with the header, so its absence is damage. The marker behind a
        // group may be missing because the sync was not finished.
        let is_cut = self.frames.len() < offset + FRAME_HEADER_BYTES as u64;
        if is_cut && offset == FIRST_RECORD_OFFSET {
            return Err(self.corrupt("the file ends before the zeros that were synced with its header"));
        }
        if scan.data_end == offset {
            return Ok(if is_cut { SegmentTail::Torn { offset, end: offset } } else { SegmentTail::Clean { offset } });
        }
        // In a recycled file the end marker alone separates the log from the stale bytes behind it. The end is clean if
        // the marker is there and all later data can be stale. A valid frame of this segment, or data behind the length
        // of the recycled file, comes from a torn write.
        let has_end_marker = self.frames.is_zero_header(offset)?;
        let is_clean = has_end_marker && scan.next_header_at.is_none() && scan.data_end <= self.header.recycled_len;
        Ok(if is_clean { SegmentTail::Clean { offset } } else { SegmentTail::Torn { offset, end: scan.data_end } })
    }

    fn corrupt(&self, what: impl Into<String>) -> crate::Error {
        self.frames.file().corrupt(self.offset, what)
    }
}

/// Decodes the frame at an offset, which follows the record `last_seq`; `None` for a sync mark.
///
/// # Errors
/// The rule of the format that the frame breaks, as text.
pub(super) fn decode_record<'a>(
    decoder: &'a mut RecordDecoder,
    last_seq: u64,
    offset: u64,
    header: FrameHeader,
    body: &[u8],
) -> std::result::Result<Option<LogRecord<'a>>, String> {
    let seq = header.ordinal;
    let expected = if header.kind == KIND_SYNC_MARK { last_seq } else { last_seq.wrapping_add(1) };
    match header.kind {
        _ if seq != expected => Err(format!("found seq {seq}, expected {expected}")),
        _ if header.synced_to > offset => Err("the record claims that bytes behind it were synced".to_owned()),
        KIND_COMMIT => decoder.decode_commit(seq, body).map(Some),
        KIND_DELETE => decoder.decode_delete(seq, body).map(Some),
        KIND_METADATA => decoder.decode_metadata(seq, body).map(Some),
        KIND_SYNC_MARK if body.is_empty() => Ok(None),
        kind => Err(format!("invalid record of kind {kind} with {} bytes", body.len())),
    }
}

/// Reads a whole segment and passes each record but the sync marks to `visit`.
///
/// # Errors
/// Those of [`SegmentReader::open`] and [`SegmentReader::next_record`]; the first error of `visit`.
pub(crate) fn read_segment(
    dir: &Dir,
    uuid: Uuid,
    id: FileId,
    bound: SegmentBound,
    mut visit: impl FnMut(LogRecord<'_>) -> Result<()>,
) -> Result<SegmentScan> {
    let mut reader = SegmentReader::open(dir, uuid, id, bound)?;
    loop {
        match reader.next_step()? {
            ScanStep::Record(entry) => entry.record.map_or(Ok(()), &mut visit)?,
            ScanStep::End(tail) => return Ok(reader.scan_with_tail(tail)),
        }
    }
}
