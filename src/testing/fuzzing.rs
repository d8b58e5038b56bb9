//! Fuzz entry points: one function per decoder, which takes arbitrary bytes.
//!
//! Each entry point checks that the decoder refuses the bytes or decodes them, never panics, and that what was decoded
//! is the same after it was encoded and decoded again. The fuzz targets in fuzz/ also bound memory and time.
//!
//! Where checksums protect a decoder, they are corrected first. Otherwise the fuzzer would almost never produce valid
//! checksums, and the decoder's own checks would not be tested.

pub(crate) mod fuzz_input;
mod fuzz_log;
mod manifest;
pub(crate) mod memory_env;
mod text;
mod wal;

pub use crate::testing::sst::{
    alp, bitpack, floats, grid, integers, patch, scheme, sst_block, sst_footer, sst_index, varint,
};
pub use manifest::{manifest, series_log};
pub use text::{batch, key, selector, timestamp};
pub use wal::wal;

/// Fuzz entry point of a decoder. Panics if the decoder violates one of its guarantees.
pub type EntryPoint = fn(&[u8]);

/// All entry points, with the name of the fuzz target and of its corpus folder.
pub const ENTRY_POINTS: [(&str, EntryPoint); 18] = [
    ("alp", alp),
    ("batch", batch),
    ("bitpack", bitpack),
    ("floats", floats),
    ("grid", grid),
    ("integers", integers),
    ("key", key),
    ("manifest", manifest),
    ("patch", patch),
    ("scheme", scheme),
    ("selector", selector),
    ("series_log", series_log),
    ("sst_block", sst_block),
    ("sst_footer", sst_footer),
    ("sst_index", sst_index),
    ("timestamp", timestamp),
    ("varint", varint),
    ("wal", wal),
];
