//! Frames: the checked records of a log file, the same in the WAL, the manifest and the series log.
//!
//! ```text
//!  0          4          8          12     13     16         24          32
//!  | header   | body     | body     | kind | zero | ordinal  | synced_to | body ... | padding |
//!  |  CRC     |  CRC     |  length  |      |      |          |           |          | to 8    |
//!  '---------------- frame header, 32 bytes ---------------------------------'
//! ```
//!
//! Invariants:
//! - The header CRC covers bytes 4 to 31 of the header and the frame's offset in the file. The body CRC covers the body
//!   and its padding. Both are salted with the file kind, the database and the file id. Hence a frame is valid only in
//!   the file and at the offset that it was written for, and not under the new id of a recycled or copied file.
//! - A header can be checked without its body. The scan behind a bad frame relies on this: a header whose body is torn
//!   still states how far the file was synced.
//! - A frame begins at a multiple of [`FRAME_ALIGN`] and its kind is not 0, so zeros are never a frame.
//!
//! The logs define the meaning of kinds, ordinals and bodies.

use super::{BufferedFile, ByteReader, SaltedCrc};
use crate::platform::env::OpenFile;
use crate::types::error::{Error, Result};

/// Length of a frame header, in bytes.
pub(crate) const FRAME_HEADER_BYTES: usize = 32;
/// Alignment of frames in a file, in bytes. A search for frames tries only multiples of it.
pub(crate) const FRAME_ALIGN: usize = 8;
/// Maximum length of a frame's body, in bytes.
///
/// The largest permitted batch with its series keys is shorter.
pub(crate) const MAX_FRAME_BODY_BYTES: usize = 128 << 20;

/// Number of bytes per step of [`FrameReader::scan_after`]; a multiple of `FRAME_ALIGN`.
const SEARCH_CHUNK_BYTES: usize = 1 << 20;

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Kind of the record; never 0.
    pub(crate) kind: u8,
    /// Place of the frame in its log: a seq, an edit number or a first series id.
    pub(crate) ordinal: u64,
    /// Offset below which all bytes of the file were synced before the frame was written.
    ///
    /// 0 in the manifest and the series log, which do not use it.
    pub(crate) synced_to: u64,
    body_len: u32,
    body_crc: u32,
}

impl FrameHeader {
    pub(crate) fn new(kind: u8, ordinal: u64, synced_to: u64) -> Self {
        Self { kind, ordinal, synced_to, body_len: 0, body_crc: 0 }
    }

    /// Returns the length of the body without padding, in bytes.
    pub(crate) fn body_len(&self) -> usize {
        self.body_len as usize
    }

    /// Returns the length of header, body and padding, in bytes: the distance to the next frame.
    pub(crate) fn frame_len(&self) -> u64 {
        (FRAME_HEADER_BYTES + self.body_len().next_multiple_of(FRAME_ALIGN)) as u64
    }

    fn to_bytes(self, crc: SaltedCrc, offset: u64) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[4..8].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[12] = self.kind;
        bytes[16..24].copy_from_slice(&self.ordinal.to_le_bytes());
        bytes[24..].copy_from_slice(&self.synced_to.to_le_bytes());
        let header_crc = crc.checksum_at(offset, &bytes[4..]);
        bytes[..4].copy_from_slice(&header_crc.to_le_bytes());
        bytes
    }

    /// Parses a header that was written at this offset; `None` if the bytes are no valid header.
    fn parse(bytes: &[u8], crc: SaltedCrc, offset: u64) -> Option<Self> {
        let bytes: &[u8; FRAME_HEADER_BYTES] = bytes.first_chunk()?;
        // Cheap checks first: a search tries every multiple of 8.
        if bytes[12] == 0 || bytes[13..16] != [0; 3] {
            return None;
        }
        let mut reader = ByteReader::new(bytes);
        let header_crc = reader.u32().ok()?;
        let (body_crc, body_len) = (reader.u32().ok()?, reader.u32().ok()?);
        if body_len as usize > MAX_FRAME_BODY_BYTES || header_crc != crc.checksum_at(offset, &bytes[4..]) {
            return None;
        }
        let kind = reader.u8().ok()?;
        reader.bytes(3).ok()?;
        Some(Self { kind, ordinal: reader.u64().ok()?, synced_to: reader.u64().ok()?, body_len, body_crc })
    }
}

/// Appends a frame to a buffer whose first byte is at file offset `base`; `put_body` appends the body.
///
/// # Errors
/// `TooLarge` if the body exceeds [`MAX_FRAME_BODY_BYTES`]; the buffer is then unchanged.
pub(crate) fn put_frame(
    out: &mut Vec<u8>,
    crc: SaltedCrc,
    base: u64,
    mut header: FrameHeader,
    put_body: impl FnOnce(&mut Vec<u8>),
) -> Result<()> {
    debug_assert!(header.kind != 0 && (base + out.len() as u64).is_multiple_of(FRAME_ALIGN as u64));
    let start = out.len();
    out.resize(start + FRAME_HEADER_BYTES, 0);
    put_body(out);
    let len = out.len() - start - FRAME_HEADER_BYTES;
    let Some(body_len) = u32::try_from(len).ok().filter(|_| len <= MAX_FRAME_BODY_BYTES) else {
        out.truncate(start);
        return Err(Error::TooLarge { item: "a record, in bytes,", size: len, limit: MAX_FRAME_BODY_BYTES });
    };
    // The body CRC covers the padding too, so that no byte of a log is without a checksum.
    out.resize(start + FRAME_HEADER_BYTES + len.next_multiple_of(FRAME_ALIGN), 0);
    header.body_len = body_len;
    header.body_crc = crc.checksum(&out[start + FRAME_HEADER_BYTES..]);
    let bytes = header.to_bytes(crc, base + start as u64);
    out[start..start + FRAME_HEADER_BYTES].copy_from_slice(&bytes);
    Ok(())
}

/// Reader of the frames in the first `len` bytes of a file.
#[derive(Debug)]
pub(crate) struct FrameReader {
    file: BufferedFile,
    crc: SaltedCrc,
}

/// Summary of the bytes from the offset of a bad frame to the end of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadFrameScan {
    /// Offset of the first valid frame header behind the bad frame.
    pub(crate) next_header_at: Option<u64>,
    /// Greatest `synced_to` of the valid frame headers behind the bad frame; 0 without one.
    pub(crate) max_synced_to: u64,
    /// End of the last nonzero byte; the offset of the bad frame if only zeros follow.
    pub(crate) data_end: u64,
}

impl FrameReader {
    pub(crate) fn new(file: OpenFile, len: u64, crc: SaltedCrc) -> Self {
        Self { file: BufferedFile::new(file, len), crc }
    }

    pub(crate) fn file(&self) -> &OpenFile {
        self.file.file()
    }

    pub(crate) fn len(&self) -> u64 {
        self.file.len()
    }

    /// Measures the file again and drops what was read of it: another process may have written to the file.
    pub(crate) fn reload(&mut self) -> Result<()> {
        self.file.reload()
    }

    /// Frees the memory of what was read.
    pub(crate) fn release_buffer(&mut self) {
        self.file.release_buffer();
    }

    /// Returns the valid frame header at an offset, whose body may be invalid; `None` if there is none.
    pub(crate) fn header_at(&mut self, offset: u64) -> Result<Option<FrameHeader>> {
        let crc = self.crc;
        Ok(FrameHeader::parse(self.file.bytes(offset, FRAME_HEADER_BYTES as u64)?, crc, offset))
    }

    /// Returns the valid frame header that is in the file at an offset now. Reads only its 32 bytes, past the buffer.
    ///
    /// `None` if there is none, or if the file ends before.
    pub(crate) fn peek_header(&self, offset: u64) -> Result<Option<FrameHeader>> {
        if self.file.file().len()? < offset.saturating_add(FRAME_HEADER_BYTES as u64) {
            return Ok(None);
        }
        let mut bytes = [0; FRAME_HEADER_BYTES];
        self.file.file().read_at(offset, &mut bytes)?;
        Ok(FrameHeader::parse(&bytes, self.crc, offset))
    }

    /// Returns header and body of the frame at an offset; `None` if there is no complete, valid frame.
    pub(crate) fn frame_at(&mut self, offset: u64) -> Result<Option<(FrameHeader, &[u8])>> {
        let crc = self.crc;
        let Some(header) = FrameHeader::parse(self.file.bytes(offset, FRAME_HEADER_BYTES as u64)?, crc, offset) else {
            return Ok(None);
        };
        let frame = self.file.bytes(offset, header.frame_len())?;
        if (frame.len() as u64) < header.frame_len() || crc.checksum(&frame[FRAME_HEADER_BYTES..]) != header.body_crc {
            return Ok(None);
        }
        Ok(Some((header, &frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.body_len()])))
    }

    /// Returns `true` if the 32 bytes at an offset are zero, like the end marker of the WAL.
    ///
    /// If fewer bytes follow, only these must be zero.
    pub(crate) fn is_zero_header(&mut self, offset: u64) -> Result<bool> {
        Ok(self.file.bytes(offset, FRAME_HEADER_BYTES as u64)?.iter().all(|byte| *byte == 0))
    }

    /// Scans the bytes from a bad frame on for later valid frame headers and for the last nonzero byte.
    ///
    /// A header counts even if its body is bad, since it has its own CRC.
    pub(crate) fn scan_after(&mut self, bad_frame_at: u64) -> Result<BadFrameScan> {
        self.scan_between(bad_frame_at, self.len())
    }

    /// Does the same up to the offset `end`, or somewhat further.
    pub(crate) fn scan_between(&mut self, bad_frame_at: u64, end: u64) -> Result<BadFrameScan> {
        let mut scan = BadFrameScan { next_header_at: None, max_synced_to: 0, data_end: bad_frame_at };
        let mut chunk_at = bad_frame_at;
        while chunk_at < end.min(self.len()) {
            let crc = self.crc;
            let bytes = self.file.bytes(chunk_at, (SEARCH_CHUNK_BYTES + FRAME_HEADER_BYTES) as u64)?;
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                scan.data_end = chunk_at + last as u64 + 1;
            }
            for index in (0..bytes.len().min(SEARCH_CHUNK_BYTES)).step_by(FRAME_ALIGN) {
                let offset = chunk_at + index as u64;
                // The bad frame's own header is no evidence that the frame was synced.
                if let Some(header) =
                    FrameHeader::parse(&bytes[index..], crc, offset).filter(|_| offset != bad_frame_at)
                {
                    scan.next_header_at.get_or_insert(offset);
                    scan.max_synced_to = scan.max_synced_to.max(header.synced_to);
                }
            }
            chunk_at += SEARCH_CHUNK_BYTES as u64;
        }
        Ok(scan)
    }
}
