//! A door to every decoder for a fuzzer: any bytes are refused or mean something, and mean the same when written anew.
//! It promises that nothing panics, whatever the bytes; how much memory and time they may take, fuzz/ watches.
//! Where checksums guard a decoder they are made right first, for behind right ones it stands alone.

mod frames;
pub(crate) mod input;
mod manifest;
pub(crate) mod memory;
mod text;
mod wal;

pub use crate::sst::testing::{
    alp, bitpack, floats, grid, integers, patch, scheme, sst_block, sst_footer, sst_index, varint,
};
pub use manifest::{manifest, series_log};
pub use text::{batch, key, selector, timestamp};
pub use wal::wal;

/// A decoder's door: it panics if a promise is broken.
pub type Door = fn(&[u8]);

/// Every door by the name of its fuzz target and of its folder in the corpus.
pub const DOORS: [(&str, Door); 18] = [
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
