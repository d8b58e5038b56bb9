//! Compression of an input: gzip, zstd and snappy, with a cap on the decompressed size.

mod body;
mod reader;
mod writer;

pub use body::{decompress_body, snappy_len};
pub use reader::Decompressor;
pub use writer::CompressedWriter;

use crate::IngestError;

/// First bytes of a gzip member.
const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
/// First bytes of a zstd frame.
const ZSTD_MAGIC: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
/// Second to fourth byte of a skippable zstd frame; the first is 0x50 to 0x5F.
const SKIPPABLE_MAGIC_END: &[u8] = &[0x2A, 0x4D, 0x18];

/// Compression of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip, of one member or of several.
    Gzip,
    /// zstd, of one frame or of several.
    Zstd,
    /// The block format of snappy, as remote write uses it. It has no signature, so it is never detected.
    Snappy,
}

impl Compression {
    /// Number of first bytes that [`detect`](Self::detect) needs.
    pub const MAGIC_BYTES: usize = 4;

    /// Returns the compression that the first bytes of an input show.
    #[must_use]
    pub fn detect(head: &[u8]) -> Option<Self> {
        if head.starts_with(GZIP_MAGIC) {
            return Some(Self::Gzip);
        }
        let is_skippable = matches!(head, [0x50..=0x5F, rest @ ..] if rest.starts_with(SKIPPABLE_MAGIC_END));
        (head.starts_with(ZSTD_MAGIC) || is_skippable).then_some(Self::Zstd)
    }

    /// Returns the compression of the value of an HTTP header `Content-Encoding`; `None` for `identity`.
    ///
    /// # Errors
    ///
    /// If the encoding is not supported.
    pub fn from_content_encoding(encoding: &str) -> Result<Option<Self>, IngestError> {
        match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self::Gzip)),
            "zstd" => Ok(Some(Self::Zstd)),
            "snappy" => Ok(Some(Self::Snappy)),
            _ => Err(IngestError::new(format!("the content encoding {encoding:?} is none of gzip, zstd, snappy"))),
        }
    }

    /// Returns the compression of a file with this name: `.gz`, `.zst` or `.zstd`.
    #[must_use]
    pub fn of_file_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "gz" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the name, as in `Content-Encoding`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
        }
    }
}

fn too_large(limit: u64) -> IngestError {
    IngestError::new(format!("the decompressed input is larger than {limit} bytes, the limit"))
}

fn nested(outer: Compression, inner: Compression) -> IngestError {
    IngestError::new(format!("the {} input contains {}: decompress it first", outer.as_str(), inner.as_str()))
}

#[cfg(test)]
mod tests;
