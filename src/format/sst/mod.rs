//! SSTs (sorted string tables): immutable columnar files of points, sorted by series and time.
//!
//! docs/format.md specifies the bytes. The layout of a file, with the checksum that covers each part:
//!
//! ```text
//!  part         content                                                     covered by
//!  ┌───────────┐
//!  │ header    │ magic, version, database, file id                          own CRC, repeated in the footer
//!  ├───────────┤
//!  │ block     │ points of one series: a column of timestamps and           salted checksum per block
//!  │ packed    │ a column of values; or runs: points of many series
//!  │ block     │ with few points each
//!  │ ...       │
//!  ├───────────┤
//!  │ dictionary│ pages: id, type, and key or key hash of each series        salted checksum per page
//!  ├───────────┤
//!  │ index     │ pages: one entry per block or run, with statistics         salted checksum per page
//!  ├───────────┤
//!  │ top page  │ offset, length and first key of each page                  salted checksum in the footer
//!  ├───────────┤
//!  │ footer    │ extents of the parts, bounds, counts, level, identity      own CRC, repeated in the manifest
//!  └───────────┘
//! ```
//!
//! The salt is the database uuid, the file id and the offset of the block or page. The manifest stores the CRC of the
//! footer, the footer stores the CRC of the header and the checksum of the top page, and the top page lists the other
//! pages.
//!
//! Invariants:
//! - Every byte of a file is covered by a checksum.
//! - Parts, pages and blocks adjoin; there is no padding.
//! - A block or run is found without reading it, by its index entry. The index entry of 64 points or more also has
//!   statistics of their values.
//! - A file is complete and durable before it has its final name, and its name is durable before the manifest names the
//!   file.
//!
//! ```text
//!  writing:  SstWriter -> BlockEncoder -> codec        reading:  SstReader -> PageCache -> IndexPage
//!                      -> PackedBlockEncoder -> codec
//!                      -> IndexWriter                                      -> BlockScratch -> codec
//!                      -> DictionaryWriter             checking: verify, describe
//!                      -> SstFileWriter
//! ```
//!
//! This module works on one file at a time. `state::version` decides which files exist, `state::merge` merges their
//! points.

pub(crate) mod block;
mod block_times;
mod cache;
pub(crate) mod checksum;
#[expect(unreachable_pub, reason = "the codecs do not depend on the rest of this crate")]
pub(crate) mod codec;
mod counters;
mod decimal_statistics;
mod describe;
pub(crate) mod dictionary;
mod file_writer;
pub(crate) mod header_footer;
mod identity;
pub(crate) mod index;
mod index_cursor;
pub(crate) mod index_entry;
mod key_hash;
pub(crate) mod packed_block;
mod reader;
mod run_mode;
pub(crate) mod statistics;
#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "numbers in tests are small")]
mod tests;
pub(crate) mod top_page;
pub(crate) mod verify;
mod verify_packed;
mod writer;

pub(crate) use block::{BlockPart, BlockScratch, Columns};
pub(crate) use cache::{DeterministicHasher, IndexPages, PageCache};
pub(crate) use codec::MAX_BLOCK_POINTS;
pub(crate) use counters::{IoCounters, IoCountersSnapshot};
pub(crate) use describe::{SstDescription, SstPart, describe_sst};
pub(crate) use dictionary::{DictionaryEntry, DictionaryKey, stores_full_keys};
pub(crate) use file_writer::{PendingSst, persist_ssts};
pub(crate) use header_footer::{SST_FOOTER_MAGIC, SST_FORMAT_VERSION, SST_HEADER_MAGIC};
pub(crate) use identity::read_identity;
pub(crate) use index_cursor::IndexCursor;
pub(crate) use index_entry::BlockEntry;
pub(crate) use key_hash::key_hash;
pub(crate) use reader::SstReader;
pub(crate) use statistics::{BlockStatistics, BlockSum};
pub(crate) use top_page::PageKey;
pub(crate) use verify::{BlockDetail, CodecUsageByName, verify_sst};
pub(crate) use writer::SstWriter;

use crate::format::bytes::{DecodeError, check_u63};
use crate::state::file_id::FileId;

impl From<codec::CodecError> for DecodeError {
    fn from(error: codec::CodecError) -> Self {
        Self(error.0)
    }
}

/// Suffix of the name of a finished file.
const SST_SUFFIX: &str = ".sst";

/// Suffix of the name of a file that is being written; recovery deletes such files.
pub(crate) const SST_TEMP_SUFFIX: &str = ".sst.tmp";

/// Returns the name of a finished file: its id in 16 lower-case hexadecimal digits, and the suffix.
pub(crate) fn sst_file_name(id: FileId) -> String {
    format!("{:016x}{SST_SUFFIX}", id.get())
}

/// Returns the name of a file that is being written: its id in 16 lower-case hexadecimal digits, and the suffix.
pub(crate) fn sst_temp_name(id: FileId) -> String {
    format!("{:016x}{SST_TEMP_SUFFIX}", id.get())
}

/// Returns the id in the name of a finished file; `None` for any other name.
pub(crate) fn parse_sst_file_name(name: &str) -> Option<FileId> {
    id_before(name, SST_SUFFIX).filter(|id| sst_file_name(*id) == name)
}

/// Returns the id in the name of a file that is being written; `None` for any other name.
pub(crate) fn parse_sst_temp_name(name: &str) -> Option<FileId> {
    id_before(name, SST_TEMP_SUFFIX).filter(|id| sst_temp_name(*id) == name)
}

/// Returns the hexadecimal number before a suffix; `None` without the suffix or a number below 2^63.
///
/// The number may have any spelling. Callers accept only the one that [`sst_file_name`] or [`sst_temp_name`] produces.
fn id_before(name: &str, suffix: &str) -> Option<FileId> {
    let id = u64::from_str_radix(name.strip_suffix(suffix)?, 16).ok()?;
    check_u63(id).ok().map(FileId::new)
}
