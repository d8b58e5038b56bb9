//! Encodings that several file kinds share, from numbers to the header and frames of log files.
//!
//! ```text
//!  numbers        fixed-width numbers, varints; ByteReader for untrusted bytes
//!  series_key     series keys, kinds and ids          salted_crc     checksum bound to one file
//!  series_set     sets of series ids                  log_header     128-byte header of a log file
//!  tombstone      deletes                             frame          checked record of a log file
//!  failure_latch  failure of a log file               buffered_file  read buffer over a log file
//!  reserve        blocks for a full disk              fields         byte strings, optional values
//!  selector       selectors of retention rules
//! ```
//!
//! For every input, a decoder returns a value or the reason why the bytes are invalid. It allocates memory only in
//! proportion to the length of its input. The modules of the file kinds define the meaning of the values.

mod buffered_file;
mod failure_latch;
mod fields;
pub(crate) mod frame;
pub(crate) mod log_header;
pub(crate) mod metric_metadata;
mod numbers;
mod reserve;
mod salted_crc;
pub(crate) mod selector;
pub(crate) mod series_key;
pub(crate) mod series_set;
pub(crate) mod tombstone;

pub(crate) use buffered_file::BufferedFile;
pub(crate) use failure_latch::FailureLatch;
pub(crate) use fields::{put_bytes, put_option, put_text, read_bytes, read_option, read_optional_zigzag, read_text};
pub(crate) use numbers::{ByteReader, DecodeError, put_u32, put_u64, put_varint, put_zigzag, put_zigzag_i128};
pub(crate) use reserve::Reserve;
pub(crate) use salted_crc::SaltedCrc;

use crate::state::file_id::FileId;

/// Decoded value, or a description of what is wrong with the bytes. The caller adds file and offset.
pub(crate) type DecodeResult<T> = Result<T, String>;

/// Exclusive upper bound of file ids and seqs.
///
/// A billion ids per second would reach it after 292 years, so code that takes the next id or seq need not check for
/// overflow.
const U63_LIMIT: u64 = 1 << 63;

/// Returns the number if it is below the bound of file ids and seqs, else an error.
pub(crate) fn check_u63(number: u64) -> DecodeResult<u64> {
    if number < U63_LIMIT { Ok(number) } else { Err(format!("{number} exceeds the range of ids and seqs")) }
}

/// Returns the id in the name of a log file: a prefix, 16 hexadecimal digits and `.log`.
///
/// Only the spelling that the writers use is accepted, so that no two names have the same id.
pub(crate) fn parse_id(name: &str, prefix: &str) -> Option<FileId> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(".log")?;
    let is_canonical = digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(digits, 16).ok().filter(|id| is_canonical && check_u63(*id).is_ok()).map(FileId::new)
}

/// Range of bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Extent {
    pub(crate) const fn end(self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Returns a new temporary directory, as its owner and as the engine sees it.
#[cfg(test)]
pub(crate) fn temp() -> (tempfile::TempDir, crate::platform::env::Dir) {
    use crate::platform::env::{Dir, OsEnv};
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::new(std::sync::Arc::new(OsEnv), temp.path());
    (temp, dir)
}

/// Replaces the content of a file in place.
///
/// Truncating the file to zero first would make some file systems flush it each time.
#[cfg(test)]
pub(crate) fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// Compares bytes with the committed golden file of a format version; `TIMESTRATA_BLESS=1` rewrites that file.
#[cfg(test)]
pub(crate) fn assert_golden(name: &str, written: &[u8], golden: &[u8]) {
    if std::env::var_os("TIMESTRATA_BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        std::fs::write(path, written).unwrap();
        return;
    }
    let differs = written.iter().zip(golden).position(|(one, other)| one != other);
    let at = differs.or((written.len() != golden.len()).then(|| written.len().min(golden.len())));
    assert_eq!(at, None, "{name} differs from the golden file at this byte: a format change needs a new version");
}
