//! Bytes of every file: numbers and their reader, salted checksums, and what all logs share.
//! It promises that decoding arbitrary bytes gives a value or a reason, and allocates no more than the bytes could
//! describe; it knows nothing of what they mean.

pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod key;
mod numbers;
mod salt;
pub(crate) mod series_set;
pub(crate) mod tombstone;
mod window;

pub(crate) use numbers::{Flaw, Reader, put_u32, put_u64, put_varint, put_zigzag, put_zigzag_wide};
pub(crate) use salt::Salt;
pub(crate) use window::Window;

/// A value, or what is wrong with the bytes; the caller adds file and offset.
pub(crate) type Decoded<T> = Result<T, String>;

/// Ids of files and seqs stay below it: at a thousand million a second it is three centuries away, and whoever takes the
/// next one need fear no overflow.
const ORDINALS: u64 = 1 << 63;

/// A file's id or a seq, if it can be one.
pub(crate) fn ordinal(number: u64) -> Decoded<u64> {
    if number < ORDINALS { Ok(number) } else { Err(format!("{number} is beyond all ids and seqs")) }
}

/// A run of bytes of a file.
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

/// Gives a file other bytes in place: cutting it to nothing first makes some file systems flush it each time.
#[cfg(test)]
pub(crate) fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// Compares written bytes with the committed file of the format's first version; `TIMESTRATA_BLESS=1` rewrites it.
#[cfg(test)]
pub(crate) fn assert_golden(name: &str, written: &[u8], golden: &[u8]) {
    if std::env::var_os("TIMESTRATA_BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name);
        std::fs::write(path, written).unwrap();
        return;
    }
    let differs = written.iter().zip(golden).position(|(one, other)| one != other);
    let at = differs.or((written.len() != golden.len()).then(|| written.len().min(golden.len())));
    assert_eq!(at, None, "{name} differs from the golden file at this byte: a format change needs a new version");
}
