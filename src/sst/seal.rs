//! The checksum of every part between header and footer, salted with where the part belongs.
//! Promises that a block or page of another database, another file or another place of this file does not pass, even if
//! its bytes are whole: a misplaced write is damage too.

use uuid::Uuid;

use crate::bytes::{Flaw, Salt};
use crate::version::FileId;

/// Bytes that a seal adds to a part.
pub(super) const SEAL_LEN: usize = 4;

/// CRC-32 (IEEE) over uuid, file id, the part's offset in the file, and its bytes; numbers little-endian.
#[derive(Debug, Clone)]
pub(super) struct Seal(Salt);

impl Seal {
    pub(super) fn new(uuid: Uuid, id: FileId) -> Self {
        // No magic goes in: nothing but an SST has blocks and pages.
        Self(Salt::new(&[], uuid, id.get()))
    }

    pub(super) fn crc(&self, offset: u64, bytes: &[u8]) -> u32 {
        self.0.crc_at(offset, bytes)
    }

    /// Ends the part that begins at `start` of `out` and will stand at `offset` of the file.
    pub(super) fn close(&self, offset: u64, out: &mut Vec<u8>, start: usize) {
        let crc = self.crc(offset, &out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// The part without its checksum, which must be right.
    pub(super) fn open<'a>(&self, offset: u64, part: &'a [u8]) -> Result<&'a [u8], Flaw> {
        let (bytes, crc) = part.split_last_chunk().ok_or(Flaw("it is too short for a checksum"))?;
        if u32::from_le_bytes(*crc) == self.crc(offset, bytes) { Ok(bytes) } else { Err(Flaw("its checksum is wrong")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_passes_only_where_it_belongs() {
        let seal = Seal::new(Uuid::from_u128(7), FileId::new(3));
        let mut part = b"part".to_vec();
        seal.close(100, &mut part, 0);
        assert_eq!(seal.open(100, &part), Ok(&b"part"[..]));
        seal.open(101, &part).unwrap_err();
        Seal::new(Uuid::from_u128(7), FileId::new(4)).open(100, &part).unwrap_err();
        Seal::new(Uuid::from_u128(8), FileId::new(3)).open(100, &part).unwrap_err();
        seal.open(100, &part[..3]).unwrap_err();
    }
}
