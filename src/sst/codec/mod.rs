//! Column codecs: a block's timestamps or values to self-describing bytes and back, bit for bit.
//! Promises that no bytes whatever make a decoder panic, loop without bound or allocate beyond the count asked for (and, for
//! pco, tables of some megabytes at most), and that encoding, but for pco, allocates nothing once its `Scratch` and its
//! output have grown.
//! Must not know of files, checksums, series or what a column means; the caller adds file and offset to an error.

mod alp;
mod bitpack;
mod dense;
mod float;
mod grid;
mod integer;
mod patch;
mod pco;
mod scheme;
#[cfg(feature = "testing")]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod varint;

pub use dense::Dense;
pub use float::{FloatDecoder, decode_floats, encode_floats};
pub use integer::{IntegerDecoder, decode_integers, encode_integers};

/// Values in a vector, the unit of decoding: 8 KiB of values stay in the first-level cache through every pass.
pub const VECTOR: usize = 1024;

/// Values in a block at most: eight vectors.
pub const MAX_POINTS: usize = 8192;

/// The registry of codecs: the first byte of every column. A number, once released, is never given another meaning.
/// Zero is no codec, so that a run of zeros is no column.
mod id {
    /// 64-bit little-endian words.
    pub(super) const RAW: u8 = 1;
    /// One value that holds for the whole column.
    pub(super) const CONSTANT: u8 = 2;
    /// Integers, frame of reference.
    pub(super) const FOR: u8 = 3;
    /// Integers, residuals from a line.
    pub(super) const LINEAR: u8 = 4;
    /// Integers, differences.
    pub(super) const DELTA: u8 = 5;
    /// Integers, differences of differences.
    pub(super) const DELTA2: u8 = 6;
    /// Doubles as scaled decimals, packed by one of the integer codecs.
    pub(super) const ALP: u8 = 7;
    /// Integers and doubles in the `pco` crate's format: dense, slower to read.
    pub(super) const PCO: u8 = 8;
}

/// What is wrong with the bytes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecError(pub &'static str);

impl CodecError {
    const TRUNCATED: Self = Self("the column ends too early");
    const UNKNOWN: Self = Self("the codec id is unknown");
    const TOO_MANY: Self = Self("a block holds at most 8192 values");
    const RAW_LENGTH: Self = Self("a raw column's length does not fit its count");
    const NOT_EMPTY: Self = Self("a column of no values holds some");
}

impl std::fmt::Display for CodecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CodecError {}

/// The name of a column's codec, for inspection; "unknown" for an id outside the registry, "none" for no bytes.
#[must_use]
pub fn codec_name(bytes: &[u8]) -> &'static str {
    match bytes.first() {
        None => "none",
        Some(&id::RAW) => "raw",
        Some(&id::CONSTANT) => "constant",
        Some(&id::FOR) => "for",
        Some(&id::LINEAR) => "linear",
        Some(&id::DELTA) => "delta",
        Some(&id::DELTA2) => "delta2",
        Some(&id::ALP) => "alp",
        Some(&id::PCO) => "pco",
        Some(_) => "unknown",
    }
}

/// The buffers of an encoder. Keep one per thread of encoding; what it holds between calls has no meaning.
#[derive(Debug, Default)]
pub struct Scratch {
    integers: integer::Buffers,
    digits: alp::Digits,
}
