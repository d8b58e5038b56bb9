//! Checksums that pass only where they belong: in their own file of their own database, and at their own offset.

use crc32fast::Hasher;
use uuid::Uuid;

/// The CRC-32 state that every checksum of a file's parts starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Salt(u32);

impl Salt {
    /// Of a kind of file (the logs' magic; nothing for SSTs), the database, and the file's id.
    pub(crate) fn new(kind: &[u8], uuid: Uuid, id: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(kind);
        hasher.update(uuid.as_bytes());
        hasher.update(&id.to_le_bytes());
        Self(hasher.finalize())
    }

    pub(crate) fn crc(self, bytes: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.0);
        hasher.update(bytes);
        hasher.finalize()
    }

    /// The CRC of bytes that begin at an offset of the file.
    pub(crate) fn crc_at(self, offset: u64, bytes: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(self.0);
        hasher.update(&offset.to_le_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }
}
