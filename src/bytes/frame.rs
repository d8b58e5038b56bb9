//! Checked records, the same in WAL, manifest and series log: a head and a body, each under a CRC of its own.
//! Salted with kind of file, database, file and offset, a frame validates nowhere but where it was written: not in
//! another life of a recycled file, not in a copy, not shifted. What kinds and numbers mean is the logs' business.

use super::{Reader, Salt, Window};
use crate::env::DirFile;
use crate::error::{Error, Result};

/// Bytes before a frame's body.
pub(crate) const HEAD_BYTES: usize = 32;
/// Frames begin at multiples of it, so that a search for them tries only those.
pub(crate) const ALIGN: usize = 8;
/// The longest body: a batch of the most points, its keys and much to spare.
pub(crate) const MAX_BODY_BYTES: usize = 128 << 20;

/// Bytes searched at once; a multiple of `ALIGN`.
const SEARCH_BYTES: usize = 1 << 20;

/// What a frame says before its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Never 0, so that zeros are no frame.
    pub(crate) kind: u8,
    /// Its place in the file's order: a seq, an edit's number, a first series id.
    pub(crate) order: u64,
    /// Everything below this offset of the file was synced when the frame was written; 0 where nobody asks.
    pub(crate) synced_to: u64,
    body_len: u32,
    body_crc: u32,
}

impl Head {
    pub(crate) fn new(kind: u8, order: u64, synced_to: u64) -> Self {
        Self { kind, order, synced_to, body_len: 0, body_crc: 0 }
    }

    /// The body's bytes without padding.
    pub(crate) fn body_len(&self) -> usize {
        self.body_len as usize
    }

    /// The bytes from one frame to the next.
    pub(crate) fn frame_len(&self) -> u64 {
        (HEAD_BYTES + self.body_len().next_multiple_of(ALIGN)) as u64
    }

    fn to_bytes(self, salt: Salt, offset: u64) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[4..8].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[12] = self.kind;
        bytes[16..24].copy_from_slice(&self.order.to_le_bytes());
        bytes[24..].copy_from_slice(&self.synced_to.to_le_bytes());
        let crc = salt.crc_at(offset, &bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The head in these bytes, if they are one, written at this offset of this file.
    fn parse(bytes: &[u8], salt: Salt, offset: u64) -> Option<Self> {
        let bytes: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        // Cheap refusals first: a search tries every eighth byte of a file.
        if bytes[12] == 0 || bytes[13..16] != [0; 3] {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let crc = reader.u32().ok()?;
        let (body_crc, body_len) = (reader.u32().ok()?, reader.u32().ok()?);
        if body_len as usize > MAX_BODY_BYTES || crc != salt.crc_at(offset, &bytes[4..]) {
            return None;
        }
        let kind = reader.u8().ok()?;
        reader.bytes(3).ok()?;
        Some(Self { kind, order: reader.u64().ok()?, synced_to: reader.u64().ok()?, body_len, body_crc })
    }
}

/// Appends a frame to a buffer whose first byte will stand at `base` in the file; `body` writes what it holds.
///
/// # Errors
/// `TooLarge`, if the body exceeds [`MAX_BODY_BYTES`]; the buffer is then as before.
pub(crate) fn put(
    out: &mut Vec<u8>,
    salt: Salt,
    base: u64,
    mut head: Head,
    body: impl FnOnce(&mut Vec<u8>),
) -> Result<()> {
    debug_assert!(head.kind != 0 && (base + out.len() as u64).is_multiple_of(ALIGN as u64));
    let at = out.len();
    out.resize(at + HEAD_BYTES, 0);
    body(out);
    let len = out.len() - at - HEAD_BYTES;
    let Some(body_len) = u32::try_from(len).ok().filter(|_| len <= MAX_BODY_BYTES) else {
        out.truncate(at);
        return Err(Error::TooLarge { what: "a record, in bytes,", found: len, most: MAX_BODY_BYTES });
    };
    // The padding lies under the CRC too: every byte of a log is accounted for.
    out.resize(at + HEAD_BYTES + len.next_multiple_of(ALIGN), 0);
    head.body_len = body_len;
    head.body_crc = salt.crc(&out[at + HEAD_BYTES..]);
    let bytes = head.to_bytes(salt, base + at as u64);
    out[at..at + HEAD_BYTES].copy_from_slice(&bytes);
    Ok(())
}

/// Reads the frames of a file up to its length.
#[derive(Debug)]
pub(crate) struct Frames {
    window: Window,
    salt: Salt,
}

/// What follows a place where no sound frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Where the first sound head stands, if there is one.
    pub(crate) head_at: Option<u64>,
    /// The greatest `synced_to` that any sound head carries.
    pub(crate) synced_to: u64,
    /// Behind the last byte that is not zero; the place itself if all are.
    pub(crate) end: u64,
}

impl Frames {
    pub(crate) fn new(file: DirFile, len: u64, salt: Salt) -> Self {
        Self { window: Window::new(file, len), salt }
    }

    pub(crate) fn file(&self) -> &DirFile {
        self.window.file()
    }

    pub(crate) fn len(&self) -> u64 {
        self.window.len()
    }

    /// The whole, sound frame at an offset, if there is one.
    pub(crate) fn read(&mut self, offset: u64) -> Result<Option<(Head, &[u8])>> {
        let salt = self.salt;
        let Some(head) = Head::parse(self.window.bytes(offset, HEAD_BYTES as u64)?, salt, offset) else {
            return Ok(None);
        };
        let frame = self.window.bytes(offset, head.frame_len())?;
        if (frame.len() as u64) < head.frame_len() || salt.crc(&frame[HEAD_BYTES..]) != head.body_crc {
            return Ok(None);
        }
        Ok(Some((head, &frame[HEAD_BYTES..HEAD_BYTES + head.body_len()])))
    }

    /// Whether the bytes at an offset, as far as there are any, read as the zeros that end a log.
    pub(crate) fn is_zero_head(&mut self, offset: u64) -> Result<bool> {
        Ok(self.window.bytes(offset, HEAD_BYTES as u64)?.iter().all(|byte| *byte == 0))
    }

    /// Looks at everything behind a bad frame: each place where another could begin, and where the last byte stands.
    ///
    /// A sound head counts without its body: its own CRC vouches for what it says.
    pub(crate) fn rest(&mut self, bad: u64) -> Result<Rest> {
        let mut rest = Rest { head_at: None, synced_to: 0, end: bad };
        let mut from = bad;
        while from < self.len() {
            let salt = self.salt;
            let bytes = self.window.bytes(from, (SEARCH_BYTES + HEAD_BYTES) as u64)?;
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                rest.end = from + last as u64 + 1;
            }
            for at in (0..bytes.len().min(SEARCH_BYTES)).step_by(ALIGN) {
                let place = from + at as u64;
                // The bad frame's own head says nothing about itself.
                if let Some(head) = Head::parse(&bytes[at..], salt, place).filter(|_| place != bad) {
                    rest.head_at.get_or_insert(place);
                    rest.synced_to = rest.synced_to.max(head.synced_to);
                }
            }
            from += SEARCH_BYTES as u64;
        }
        Ok(rest)
    }
}
