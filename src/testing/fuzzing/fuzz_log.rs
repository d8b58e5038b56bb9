//! Log files with correct checksums, made from fuzz input, for the decoders behind the checksums.
//!
//! There are two kinds of input: the bytes of a real log, whose checksums are corrected in place; and any other bytes,
//! which are read as choices from which frames are built.

use uuid::Uuid;

use super::fuzz_input::FuzzInput;
use crate::format::bytes::SaltedCrc;
use crate::format::bytes::frame::{FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, put_frame};
use crate::format::bytes::log_header::{LOG_HEADER_BYTES, LogHeader, Magic};

pub(super) const UUID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// A log file, with the database and the file id that its header names.
pub(super) struct FuzzLog {
    pub(super) bytes: Vec<u8>,
    pub(super) uuid: Uuid,
    pub(super) id: u64,
}

impl FuzzLog {
    /// Corrects the checksums of header and frames.
    ///
    /// Returns `None` if the bytes do not begin like a log of this kind.
    pub(super) fn with_fixed_checksums(data: &[u8], magic: Magic) -> Option<Self> {
        if data.len() < LOG_HEADER_BYTES || data[..8] != magic {
            return None;
        }
        let mut bytes = data.to_vec();
        bytes[12..16].fill(0);
        let crc = crc32fast::hash(&bytes[..LOG_HEADER_BYTES]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        let uuid = Uuid::from_slice(&bytes[16..32]).ok()?;
        let id = word(&bytes[32..]);
        let crc = SaltedCrc::new(&magic, uuid, id);
        let mut at = LOG_HEADER_BYTES;
        while let Some(len) = frame_len(&bytes[at..]) {
            fix_frame_checksums(&mut bytes[at..at + len], crc, at as u64);
            at += len;
        }
        Some(Self { bytes, uuid, id })
    }

    /// Builds a log with a valid header that has the given fields, and with frames that the input chooses.
    ///
    /// `usual` returns the frame kind and the ordinal that a writer would give a body, from a choice between two kinds.
    pub(super) fn build(
        input: &mut FuzzInput<'_>,
        magic: Magic,
        mut header: LogHeader,
        fields: &[u64],
        mut usual: impl FnMut(bool, &[u8]) -> (u8, u64),
    ) -> Self {
        header.fields[..fields.len()].copy_from_slice(fields);
        let crc = SaltedCrc::new(&magic, header.uuid, header.id);
        let mut bytes = header.to_bytes(magic).to_vec();
        while !input.is_empty() {
            let at = bytes.len();
            let [other_kind, explicit, synced, synced_header, torn, raw] = input.flags();
            let body = input.byte_run();
            if raw {
                bytes.extend_from_slice(body);
                bytes.resize(bytes.len().next_multiple_of(FRAME_ALIGN), 0);
                continue;
            }
            let (kind, ordinal) =
                if explicit { (input.byte().max(1), input.number()) } else { usual(other_kind, body) };
            let synced_to = match (synced, synced_header) {
                (false, false) => 0,
                (true, false) => at as u64,
                (true, true) => LOG_HEADER_BYTES as u64,
                (false, true) => input.number(),
            };
            let put = put_frame(&mut bytes, crc, 0, FrameHeader::new(kind, ordinal, synced_to), |out| {
                out.extend_from_slice(body);
            });
            assert!(put.is_ok(), "a body of at most 64 KiB always fits a frame: {put:?}");
            if torn {
                let place = at + input.short() % (bytes.len() - at);
                bytes[place] ^= input.byte().max(1);
            }
        }
        Self { bytes, uuid: header.uuid, id: header.id }
    }
}

/// Returns the length of the frame at the front of the bytes; `None` if its body is incomplete.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let header: &[u8; FRAME_HEADER_BYTES] = bytes.first_chunk()?;
    let body = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    let len = FRAME_HEADER_BYTES.checked_add(usize::try_from(body).ok()?.next_multiple_of(FRAME_ALIGN))?;
    (header[12] != 0 && len <= bytes.len()).then_some(len)
}

/// Corrects both checksums of a frame at a file offset.
fn fix_frame_checksums(frame: &mut [u8], crc: SaltedCrc, offset: u64) {
    let body_crc = crc.checksum(&frame[FRAME_HEADER_BYTES..]);
    frame[4..8].copy_from_slice(&body_crc.to_le_bytes());
    let header_crc = crc.checksum_at(offset, &frame[4..FRAME_HEADER_BYTES]);
    frame[..4].copy_from_slice(&header_crc.to_le_bytes());
}

/// Reads a little-endian number; 0 if the bytes are too short.
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::wal;

    #[test]
    fn correcting_the_checksums_of_a_valid_log_changes_nothing() {
        let golden = include_bytes!("../../../tests/golden/v1/wal.log");
        let log = FuzzLog::with_fixed_checksums(golden, wal::MAGIC).unwrap();
        assert!(log.bytes == golden);
        let mut changed = golden.to_vec();
        changed[LOG_HEADER_BYTES] ^= 1;
        assert!(
            FuzzLog::with_fixed_checksums(&changed, wal::MAGIC).unwrap().bytes == golden,
            "a wrong checksum is corrected"
        );
    }
}
