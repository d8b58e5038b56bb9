//! The 128 bytes that begin every log: what the file is, whose, and which; under a CRC of their own.
//! A file from the future is told before anything else of it is looked at.

use uuid::Uuid;

use super::Reader;
use crate::env::DirFile;
use crate::error::{Error, Result};

/// The length of a header.
pub(crate) const HEADER_BYTES: usize = 128;
/// The newest format version that this release reads, and the one that it writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Numbers of a header that each kind of file uses as it likes; the rest is zero.
const FIELDS: usize = 11;
const CRC_AT: usize = 12;

/// What the first eight bytes say.
pub(crate) type Magic = [u8; 8];

/// A file's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) uuid: Uuid,
    /// A segment's id, a manifest's generation, 0 for the series log: with the uuid it salts every frame's CRCs.
    pub(crate) id: u64,
    pub(crate) fields: [u64; FIELDS],
}

impl Header {
    pub(crate) fn new(uuid: Uuid, id: u64) -> Self {
        Self { uuid, id, fields: [0; FIELDS] }
    }

    pub(crate) fn to_bytes(self, magic: Magic) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&magic);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(self.uuid.as_bytes());
        bytes[32..40].copy_from_slice(&self.id.to_le_bytes());
        for (field, value) in bytes[40..].chunks_exact_mut(8).zip(self.fields) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks a file's header.
    ///
    /// # Errors
    /// `UnsupportedVersion` for a file from the future; `Corrupt` for anything else that is not a sound header.
    pub(crate) fn read(file: &DirFile, magic: Magic) -> Result<Self> {
        let mut bytes = [0; HEADER_BYTES];
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX).min(HEADER_BYTES);
        file.read_at(0, &mut bytes[..len])?;
        if bytes[..8] != magic {
            let expected = String::from_utf8_lossy(&magic);
            return Err(file.corrupt(0, format!("its header does not begin with {expected:?}")));
        }
        match Self::parse(bytes) {
            Err(Fault::Version(found)) => {
                Err(Error::UnsupportedVersion { file: file.path().to_owned(), found, newest: FORMAT_VERSION })
            }
            // Not left to the CRC: what is missing may have been zeros.
            _ if len < HEADER_BYTES => Err(file.corrupt(len as u64, "it ends inside its header")),
            Err(Fault::Bytes) => Err(file.corrupt(0, "its header's CRC does not match")),
            Ok(header) => Ok(header),
        }
    }

    /// The header, or the foreign file's error if it names another database.
    pub(crate) fn read_own(file: &DirFile, magic: Magic, uuid: Uuid) -> Result<Self> {
        let header = Self::read(file, magic)?;
        if header.uuid == uuid {
            return Ok(header);
        }
        let what = format!("it is of database {}, not {uuid}", header.uuid);
        Err(Error::ForeignFile { file: file.path().to_owned(), what })
    }

    fn parse(mut bytes: [u8; HEADER_BYTES]) -> std::result::Result<Self, Fault> {
        let mut reader = Reader::new(&bytes[8..]);
        let mut number = || reader.u32().map_err(|_| Fault::Bytes);
        let (version, crc) = (number()?, number()?);
        if version > FORMAT_VERSION {
            return Err(Fault::Version(version));
        }
        bytes[CRC_AT..CRC_AT + 4].fill(0);
        if version == 0 || crc32fast::hash(&bytes) != crc {
            return Err(Fault::Bytes);
        }
        let mut reader = Reader::new(&bytes[32..]);
        let mut number = || reader.u64().map_err(|_| Fault::Bytes);
        let uuid = Uuid::from_slice(&bytes[16..32]).map_err(|_| Fault::Bytes)?;
        let mut header = Self::new(uuid, number()?);
        for field in &mut header.fields {
            *field = number()?;
        }
        Ok(header)
    }
}

enum Fault {
    Version(u32),
    Bytes,
}
