//! CRC-32 checksums that are valid only in one file of one database.

use crc32fast::Hasher;
use uuid::Uuid;

/// CRC-32 whose initial state depends on the file kind, the database and the file id (the salt).
///
/// Hence it detects bytes of another file, of an earlier use of a recycled file, or of a copy with another id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SaltedCrc(u32);

impl SaltedCrc {
    /// Creates the checksum function of one file. `kind` is the magic of a log file, and empty for an SST.
    pub(crate) fn new(kind: &[u8], uuid: Uuid, id: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(kind);
        hasher.update(uuid.as_bytes());
        hasher.update(&id.to_le_bytes());
        Self(hasher.finalize())
    }

    /// Computes the checksum of `bytes`.
    pub(crate) fn checksum(self, bytes: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.0);
        hasher.update(bytes);
        hasher.finalize()
    }

    /// Computes the checksum of `bytes` at a file offset, which becomes part of the salt.
    pub(crate) fn checksum_at(self, offset: u64, bytes: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.0);
        hasher.update(&offset.to_le_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }
}
