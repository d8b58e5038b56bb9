//! Checksum of blocks, pages and the top page, bound to the place of the part in a file.
//!
//! The checksum includes the database uuid, the file id and the file offset of the part (the salt). So the checksum is
//! wrong not only for damaged bytes, but also for intact bytes of another database, of another file or of another
//! offset: a misplaced write is damage, too.

use uuid::Uuid;

use crate::format::bytes::{DecodeError, SaltedCrc};
use crate::state::file_id::FileId;

/// Length of a checksum in bytes.
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// Checksum of the parts of one file: CRC-32 (IEEE) over uuid, file id, offset and bytes; numbers are little-endian.
#[derive(Debug, Clone)]
pub(crate) struct PartChecksum(SaltedCrc);

impl PartChecksum {
    pub(crate) fn new(uuid: Uuid, id: FileId) -> Self {
        // The first argument, which distinguishes the kinds of log files, is empty for SSTs.
        Self(SaltedCrc::new(&[], uuid, id.get()))
    }

    /// Computes the checksum of a part at a file offset.
    pub(crate) fn compute(&self, offset: u64, bytes: &[u8]) -> u32 {
        self.0.checksum_at(offset, bytes)
    }

    /// Appends the checksum of the part `out[start..]`, which will be at `offset` of the file.
    pub(crate) fn append(&self, offset: u64, out: &mut Vec<u8>, start: usize) {
        let crc = self.compute(offset, &out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// Checks the checksum at the end of a part, and returns the part without it.
    pub(crate) fn check<'a>(&self, offset: u64, part: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        let (bytes, crc) = part.split_last_chunk().ok_or(DecodeError("it is too short for a checksum"))?;
        if u32::from_le_bytes(*crc) == self.compute(offset, bytes) {
            Ok(bytes)
        } else {
            Err(DecodeError("its checksum is wrong"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_valid_only_at_its_place() {
        let checksum = PartChecksum::new(Uuid::from_u128(7), FileId::new(3));
        let mut part = b"part".to_vec();
        checksum.append(100, &mut part, 0);
        assert_eq!(checksum.check(100, &part), Ok(&b"part"[..]));
        checksum.check(101, &part).unwrap_err();
        PartChecksum::new(Uuid::from_u128(7), FileId::new(4)).check(100, &part).unwrap_err();
        PartChecksum::new(Uuid::from_u128(8), FileId::new(3)).check(100, &part).unwrap_err();
        checksum.check(100, &part[..3]).unwrap_err();
    }
}
