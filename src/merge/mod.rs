//! Merging the sources of one series, files and memtables and what hides their points, into columns in time order.
//! It promises one order everywhere: what is hidden goes first, then the series' policy for duplicates decides. Queries
//! and compaction both read through it; it knows no file, no memtable, and of the version only `Hidden`.

mod chunks;
mod column;
mod latest;
mod range;
mod source;
mod summary;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use chunks::Merge;
pub(crate) use column::partition_near;
pub(crate) use latest::latest;
pub(crate) use range::TimeRange;
pub(crate) use source::{BoxSource, Source, newest};
pub(crate) use summary::{Summary, Total};
