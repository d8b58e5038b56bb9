//! Column codecs: encode the timestamps or the values of a block as bytes, and decode them bit for bit.
//!
//! A column is self-describing: its first byte is the codec id. The encoder chooses a codec that gives few bytes, and
//! among similar lengths the one that decodes faster:
//!
//! | data | codec | source |
//! |---|---|---|
//! | all values equal (doubles: bit for bit) | constant | |
//! | integers in a narrow range: states, booleans, gauges | frame of reference | [`pfor`] |
//! | frames whose range is far from a power of two | words of several digits | [`radix`] |
//! | timestamps at regular intervals, steady counters | linear: residuals from a straight line | [`scheme`] |
//! | counters, slowly changing gauges, timestamps with jumps | delta: differences | [`scheme`] |
//! | integers whose rate of change varies slowly | delta2: differences of differences | [`scheme`] |
//! | doubles that are short decimals (sensors) | ALP: decimal digits as a column of integers | [`alp`] |
//! | doubles near short decimals: sums and products of them | ALP with corrections | `corrected` |
//! | few distinct doubles: coarse instruments | numbers in a table | `distinct` |
//! | long columns of the base level that pco makes clearly smaller | pco | `pco`, `dense_encoder` |
//! | runs of packed blocks, at most 127 values | short columns: the form is stored apart | [`short`] |
//! | everything else: noise, doubles with full mantissas | raw 64-bit words | |
//!
//! The steps from a column of integers to bytes. ALP first converts doubles to integers:
//!
//! ```text
//!  values --grid--> quotients --scheme--> flat values --PFOR--> residuals and patches, or words of digits --bit packing--> bytes
//! ```
//!
//! The algorithms and their sources: ALP (Afroozeh, Kuffó, Boncz, SIGMOD 2024) in [`alp`]; patched frame of reference
//! (Zukowski, Héman, Nes, Boncz, ICDE 2006) in [`pfor`]; pcodec (Loncaric, Jeppesen, Zinberg, 2025) in `pco`.
//! docs/format.md specifies the bytes.
//!
//! Invariants:
//! - Every column decodes to exactly the encoded values, including NaN payloads and the signs of zeros.
//! - No input makes a decoder panic, loop without bound, or allocate more than the requested number of values (and, for
//!   pco, tables of a few megabytes).
//! - Apart from pco, encoding allocates nothing once [`CodecScratch`] and the output have grown.
//! - Each byte of a column is significant: decoders refuse unused bytes, nonzero padding and overlong numbers.
//!
//! The codecs do not depend on files, checksums or series. Callers add file and offset to an error.

pub(crate) mod alp;
pub(crate) mod bitpack;
mod corrected;
mod dense_encoder;
mod distinct;
mod float;
pub(crate) mod grid;
mod integer;
mod pco;
pub(crate) mod pfor;
pub(crate) mod radix;
mod running_sum;
pub(crate) mod scheme;
pub(crate) mod short;
#[cfg(test)]
mod tests;
pub(crate) mod varint;
pub(crate) mod vectors;

pub use dense_encoder::DenseEncoder;
#[cfg(any(test, feature = "testing"))]
pub use float::decode_floats;
pub use float::{FloatDecoder, encode_floats};
#[cfg(any(test, feature = "testing"))]
pub use integer::decode_integers;
pub use integer::{IntegerDecoder, encode_integers};

/// Number of values in a vector, the unit of decoding. The 8 KiB of a vector stay in the processor's first-level cache
/// during all passes.
pub const VECTOR_LEN: usize = 1024;

/// Maximum number of values in a block: eight vectors.
pub const MAX_BLOCK_POINTS: usize = 8192;

/// Codec ids: the first byte of a column. A released id never gets another meaning. Zero is not an id, so that zeroed
/// bytes are not a valid column.
mod codec_id {
    /// Integers or doubles, as 64-bit little-endian words; also the codec of a column without values.
    pub(super) const RAW: u8 = 1;
    /// One value for the whole column.
    pub(super) const CONSTANT: u8 = 2;
    /// Integers, packed without a transformation (frame of reference).
    pub(super) const FOR: u8 = 3;
    /// Integers, as residuals from a straight line.
    pub(super) const LINEAR: u8 = 4;
    /// Integers, as differences.
    pub(super) const DELTA: u8 = 5;
    /// Integers, as differences of differences.
    pub(super) const DELTA2: u8 = 6;
    /// Doubles, as decimal digits that are packed by one of the integer codecs.
    pub(super) const ALP: u8 = 7;
    /// Integers or doubles in the format of the `pco` crate: smaller, but slower to decode.
    pub(super) const PCO: u8 = 8;
    /// Doubles near short decimals: digits as of ALP, and corrections of their last bits.
    pub(super) const CORRECTED: u8 = 9;
    /// Doubles, as numbers in a table of few distinct values.
    pub(super) const DISTINCT: u8 = 10;
}

/// Replaces the contents of `out` by the `count` values of a column, one vector at a time; after an error it is empty.
#[cfg(any(test, feature = "testing"))]
fn decode_column<D, T: Copy + Default>(
    decoder: Result<D, CodecError>,
    count: usize,
    out: &mut Vec<T>,
    fill: impl Fn(&mut D, &mut [T]) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let result = decoder.and_then(|mut decoder| {
        out.resize(count, T::default());
        out.chunks_mut(VECTOR_LEN).try_for_each(|vector| fill(&mut decoder, vector))
    });
    if result.is_err() {
        out.clear();
    }
    result
}

/// Reason why the bytes of a column are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(pub &'static str);

impl CodecError {
    pub(crate) const TRUNCATED: Self = Self("the column ends too early");
    const UNKNOWN: Self = Self("the codec id is unknown");
    const TOO_MANY: Self = Self("a block holds at most 8192 values");
    const RAW_LENGTH: Self = Self("the length of a raw column does not match its count");
    const NOT_EMPTY: Self = Self("a column without values has a codec for values");
}

/// Returns the name of the codec of a column, for inspection: "unknown" for an undefined id, "none" for no bytes.
#[must_use]
pub fn codec_name(bytes: &[u8]) -> &'static str {
    match bytes.first() {
        None => "none",
        Some(&codec_id::RAW) => "raw",
        Some(&codec_id::CONSTANT) => "constant",
        Some(&codec_id::FOR) => "for",
        Some(&codec_id::LINEAR) => "linear",
        Some(&codec_id::DELTA) => "delta",
        Some(&codec_id::DELTA2) => "delta2",
        Some(&codec_id::ALP) => "alp",
        Some(&codec_id::PCO) => "pco",
        Some(&codec_id::CORRECTED) => "corrected",
        Some(&codec_id::DISTINCT) => "distinct",
        Some(_) => "unknown",
    }
}

/// Buffers of an encoder, one set per encoding thread. Their content has no meaning between calls.
#[derive(Debug, Default)]
pub struct CodecScratch {
    integers: integer::IntegerBuffers,
    digits: alp::DecimalDigits,
    corrected: corrected::CorrectedDigits,
    distinct: distinct::DistinctColumn,
    /// Column that is tried beside another one, and a column inside it.
    columns: [Vec<u8>; 2],
}
