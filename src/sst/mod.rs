//! SSTs: immutable columnar files of points, written once, read by anyone. The format is told in docs/format.md.
//! Promises that every byte of a file is under a checksum and that no block is read to know what is inside.
//! Must not know which files there are, nor how their points are merged.

mod block;
mod cache;
#[expect(unreachable_pub, reason = "the codecs stand alone and know nothing of this crate")]
#[cfg_attr(
    not(any(test, feature = "testing")),
    expect(unused_imports, dead_code, reason = "of their ways to decode, one is used here")
)]
mod codec;
mod counters;
mod describe;
mod dictionary;
mod footer;
mod hash;
mod index;
mod output;
mod owner;
mod reader;
mod seal;
mod statistics;
#[cfg(feature = "testing")]
pub(crate) mod testing;
#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "the numbers of tests are small")]
mod tests;
mod top;
mod verify;
mod writer;

pub(crate) use block::BlockScratch;
pub(crate) use cache::{PageCache, SteadyHasher};
pub(crate) use counters::{IoCounters, IoCounts};
pub(crate) use describe::{Description, Part, describe};
pub(crate) use dictionary::SeriesEntry;
pub(crate) use footer::{FOOTER_MAGIC, FORMAT_VERSION, HEADER_MAGIC};
pub(crate) use hash::key_hash;
pub(crate) use index::BlockEntry;
pub(crate) use output::{NamedSst, keep_all};
pub(crate) use owner::owner;
pub(crate) use reader::SstReader;
pub(crate) use statistics::{Statistics, Sum};
pub(crate) use verify::{CodecUses, verify};
pub(crate) use writer::SstWriter;

use crate::bytes::{Flaw, ordinal};
use crate::version::FileId;

impl From<codec::CodecError> for Flaw {
    fn from(error: codec::CodecError) -> Self {
        Self(error.0)
    }
}

const SUFFIX: &str = ".sst";

/// What ends the name of a file that is still being written; recovery deletes it.
pub(crate) const TEMPORARY_SUFFIX: &str = ".sst.tmp";

/// The name of a finished file: its id in 16 lower-case hexadecimal digits.
pub(crate) fn file_name(id: FileId) -> String {
    format!("{:016x}{SUFFIX}", id.get())
}

/// The name of a file in the making.
pub(crate) fn temporary_name(id: FileId) -> String {
    format!("{:016x}{TEMPORARY_SUFFIX}", id.get())
}

/// The id in a finished file's name, if it is one.
pub(crate) fn parse_file_name(name: &str) -> Option<FileId> {
    id_before(name, SUFFIX).filter(|id| file_name(*id) == name)
}

/// The id in the name of a file in the making, if it is one.
pub(crate) fn parse_temporary_name(name: &str) -> Option<FileId> {
    id_before(name, TEMPORARY_SUFFIX).filter(|id| temporary_name(*id) == name)
}

/// What stands before a suffix, as a number; callers take only the one spelling that is written.
fn id_before(name: &str, suffix: &str) -> Option<FileId> {
    let id = u64::from_str_radix(name.strip_suffix(suffix)?, 16).ok()?;
    ordinal(id).ok().map(FileId::new)
}
