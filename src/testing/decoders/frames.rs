//! Logs made from a fuzzer's bytes with every checksum right, so that what lies behind the checksums is reached.
//! Two forms: a real log's bytes, whose checksums are mended in place; or choices, from which frames are built.

use uuid::Uuid;

use super::input::Input;
use crate::bytes::Salt;
use crate::bytes::frame::{self, ALIGN, HEAD_BYTES, Head};
use crate::bytes::header::{HEADER_BYTES, Header, Magic};

pub(super) const UUID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// A log and the identity that its header bears.
pub(super) struct Log {
    pub(super) bytes: Vec<u8>,
    pub(super) uuid: Uuid,
    pub(super) id: u64,
}

impl Log {
    /// The log that the bytes are already, if they begin as one, with the checksum of header and frames made right.
    pub(super) fn mended(data: &[u8], magic: Magic) -> Option<Self> {
        if data.len() < HEADER_BYTES || data[..8] != magic {
            return None;
        }
        let mut bytes = data.to_vec();
        bytes[12..16].fill(0);
        let crc = crc32fast::hash(&bytes[..HEADER_BYTES]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        let uuid = Uuid::from_slice(&bytes[16..32]).ok()?;
        let id = word(&bytes[32..]);
        let salt = Salt::new(&magic, uuid, id);
        let mut at = HEADER_BYTES;
        while let Some(len) = frame_len(&bytes[at..]) {
            mend_frame(&mut bytes[at..at + len], salt, at as u64);
            at += len;
        }
        Some(Self { bytes, uuid, id })
    }

    /// A log with a sound header of these numbers, and frames as the input chooses them. `usual` says which kind and
    /// order a writer would give a body, from a choice between two kinds.
    pub(super) fn built(
        input: &mut Input<'_>,
        magic: Magic,
        mut header: Header,
        fields: &[u64],
        mut usual: impl FnMut(bool, &[u8]) -> (u8, u64),
    ) -> Self {
        header.fields[..fields.len()].copy_from_slice(fields);
        let salt = Salt::new(&magic, header.uuid, header.id);
        let mut bytes = header.to_bytes(magic).to_vec();
        while !input.is_empty() {
            let at = bytes.len();
            let [other, explicit, synced, vouches, torn, raw] = input.flags();
            let body = input.run();
            if raw {
                bytes.extend_from_slice(body);
                bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
                continue;
            }
            let (kind, order) = if explicit { (input.byte().max(1), input.number()) } else { usual(other, body) };
            let synced_to = match (synced, vouches) {
                (false, false) => 0,
                (true, false) => at as u64,
                (true, true) => HEADER_BYTES as u64,
                (false, true) => input.number(),
            };
            let put = frame::put(&mut bytes, salt, 0, Head::new(kind, order, synced_to), |out| {
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

/// The length of the frame at the front of the bytes, if its body is among them.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
    let body = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    let len = HEAD_BYTES.checked_add(usize::try_from(body).ok()?.next_multiple_of(ALIGN))?;
    (head[12] != 0 && len <= bytes.len()).then_some(len)
}

fn mend_frame(frame: &mut [u8], salt: Salt, offset: u64) {
    let body_crc = salt.crc(&frame[HEAD_BYTES..]);
    frame[4..8].copy_from_slice(&body_crc.to_le_bytes());
    let head_crc = salt.crc_at(offset, &frame[4..HEAD_BYTES]);
    frame[..4].copy_from_slice(&head_crc.to_le_bytes());
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal;

    #[test]
    fn a_sound_log_is_mended_to_itself() {
        let golden = include_bytes!("../../../tests/golden/v1/wal.log");
        let log = Log::mended(golden, wal::MAGIC).unwrap();
        assert!(log.bytes == golden);
        let mut changed = golden.to_vec();
        changed[HEADER_BYTES] ^= 1;
        assert!(Log::mended(&changed, wal::MAGIC).unwrap().bytes == golden, "a wrong checksum is made right");
    }
}
