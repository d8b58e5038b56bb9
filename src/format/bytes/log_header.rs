//! The 128-byte header of every log file: magic, format version, CRC, database, file id, 11 numbers.
//!
//! ```text
//!  0       8         12    16         32        40           128
//!  | magic | version | CRC | database | file id | 11 fields  |
//! ```
//!
//! The version is checked before the CRC, so that a file of a newer release is reported as unsupported, not as damaged.

use uuid::Uuid;

use super::ByteReader;
use crate::platform::env::OpenFile;
use crate::types::error::{Error, Result};

/// Length of the header of a log file, in bytes.
pub(crate) const LOG_HEADER_BYTES: usize = 128;
/// Format version that this release writes, and the newest that it reads.
pub(crate) const LOG_FORMAT_VERSION: u32 = 1;

/// Number of fields whose meaning depends on the file kind; unused fields are zero.
const FIELD_COUNT: usize = 11;
/// Offset of the CRC in the header, in bytes.
const CRC_OFFSET: usize = 12;

/// First eight bytes of a file, which identify its kind.
pub(crate) type Magic = [u8; 8];

/// Header of a log file: its identity and the fields of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogHeader {
    pub(crate) uuid: Uuid,
    /// Segment id, manifest generation, or file id of the series log.
    ///
    /// Part of the salt of the CRCs of all frames.
    pub(crate) id: u64,
    pub(crate) fields: [u64; FIELD_COUNT],
}

impl LogHeader {
    pub(crate) fn new(uuid: Uuid, id: u64) -> Self {
        Self { uuid, id, fields: [0; FIELD_COUNT] }
    }

    pub(crate) fn to_bytes(self, magic: Magic) -> [u8; LOG_HEADER_BYTES] {
        let mut bytes = [0; LOG_HEADER_BYTES];
        bytes[..8].copy_from_slice(&magic);
        bytes[8..12].copy_from_slice(&LOG_FORMAT_VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(self.uuid.as_bytes());
        bytes[32..40].copy_from_slice(&self.id.to_le_bytes());
        for (field, value) in bytes[40..].chunks_exact_mut(8).zip(self.fields) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes);
        bytes[CRC_OFFSET..CRC_OFFSET + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks the header of a file.
    ///
    /// # Errors
    /// `UnsupportedVersion` for a newer format version; `Corrupt` for another magic, a short file or a wrong CRC; else
    /// the error of the operating system.
    pub(crate) fn read(file: &OpenFile, magic: Magic) -> Result<Self> {
        let mut bytes = [0; LOG_HEADER_BYTES];
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX).min(LOG_HEADER_BYTES);
        file.read_at(0, &mut bytes[..len])?;
        if len == 0 {
            return Err(file.corrupt(0, "the file is empty"));
        }
        if bytes[..8] != magic {
            let expected = String::from_utf8_lossy(&magic);
            return Err(file.corrupt(0, format!("the header does not begin with {expected:?}")));
        }
        match Self::parse(bytes) {
            Err(LogHeaderError::UnsupportedVersion(found)) => {
                Err(Error::UnsupportedVersion { file: file.path().to_owned(), found, newest: LOG_FORMAT_VERSION })
            }
            // The CRC alone may not detect a short file: the missing bytes, read as zeros here, may have been zeros.
            _ if len < LOG_HEADER_BYTES => Err(file.corrupt(len as u64, "the file ends inside its header")),
            Err(LogHeaderError::Corrupt) => Err(file.corrupt(0, "the CRC of the header does not match")),
            Ok(header) => Ok(header),
        }
    }

    /// Reads and checks the header of a file of this database.
    ///
    /// # Errors
    /// As [`read`](Self::read); `ForeignFile` if the header names another database.
    pub(crate) fn read_own(file: &OpenFile, magic: Magic, uuid: Uuid) -> Result<Self> {
        let header = Self::read(file, magic)?;
        if header.uuid == uuid {
            return Ok(header);
        }
        let what = format!("the file belongs to database {}, not {uuid}", header.uuid);
        Err(Error::ForeignFile { file: file.path().to_owned(), detail: what })
    }

    /// Parses a header whose magic was already checked.
    fn parse(mut bytes: [u8; LOG_HEADER_BYTES]) -> std::result::Result<Self, LogHeaderError> {
        let mut reader = ByteReader::new(&bytes[8..]);
        let mut number = || reader.u32().map_err(|_| LogHeaderError::Corrupt);
        let (version, crc) = (number()?, number()?);
        if version > LOG_FORMAT_VERSION {
            return Err(LogHeaderError::UnsupportedVersion(version));
        }
        bytes[CRC_OFFSET..CRC_OFFSET + 4].fill(0);
        if version == 0 || crc32fast::hash(&bytes) != crc {
            return Err(LogHeaderError::Corrupt);
        }
        let mut reader = ByteReader::new(&bytes[32..]);
        let mut number = || reader.u64().map_err(|_| LogHeaderError::Corrupt);
        let uuid = Uuid::from_slice(&bytes[16..32]).map_err(|_| LogHeaderError::Corrupt)?;
        let mut header = Self::new(uuid, number()?);
        for field in &mut header.fields {
            *field = number()?;
        }
        Ok(header)
    }
}

/// Reason why bytes are not a valid header.
enum LogHeaderError {
    UnsupportedVersion(u32),
    Corrupt,
}
