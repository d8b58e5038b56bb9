//! The write-ahead log: every batch is here before it is anywhere else.
//! It promises that what was synced is read back whole and in order, and that damage is never read as data; it
//! decides neither when to sync nor which segments count.

mod column;
mod describe;
mod header;
mod log;
mod record;
mod scan;
mod spares;
#[cfg(test)]
mod tests;

use crate::actor::{AppendError, LogRecord};
pub(crate) use describe::{Description, Ending, RecordKind, RecordLine, describe};
#[cfg(test)]
use header::Seal;
pub(crate) use header::{MAGIC, SegmentEnd, SegmentHeader};
pub(crate) use log::Wal;
#[cfg(test)]
use scan::SegmentRead;
pub(crate) use scan::{SegmentReader, Tail, read_segment};

use crate::bytes::ordinal;
use crate::env::Dir;
use crate::error::Result;
use crate::version::FileId;

/// The name of a segment.
pub(crate) fn segment_name(id: FileId) -> String {
    format!("wal-{:016x}.log", id.get())
}

/// The name of a file that waits to become a segment.
pub(crate) fn spare_name(id: FileId) -> String {
    format!("spare-{:016x}.log", id.get())
}

/// The id in a segment's name, if it is one.
pub(crate) fn parse_segment_name(name: &str) -> Option<FileId> {
    id_in(name, "wal-")
}

/// The id in a spare's name, if it is one.
pub(crate) fn parse_spare_name(name: &str) -> Option<FileId> {
    id_in(name, "spare-")
}

/// The WAL's files in a directory, by name alone: nothing was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WalFiles {
    /// Ascending. What lies below the manifest's floor is a leftover of a crash: its bytes, the header too, mean
    /// nothing, since a spare is overwritten before its renames are durable.
    pub(crate) segments: Vec<FileId>,
    /// Ascending. Their content never means anything; their ids were given all the same.
    pub(crate) spares: Vec<FileId>,
}

/// Lists segments and spares.
pub(crate) fn list_segments(dir: &Dir) -> Result<WalFiles> {
    let mut files = WalFiles::default();
    for entry in dir.list()?.iter().filter(|entry| !entry.is_dir) {
        if let Some(id) = parse_segment_name(&entry.name) {
            files.segments.push(id);
        } else if let Some(id) = parse_spare_name(&entry.name) {
            files.spares.push(id);
        }
    }
    files.segments.sort_unstable();
    files.spares.sort_unstable();
    Ok(files)
}

/// The id in a name of the form that this module writes; no other spelling counts, so that no two names share an id.
fn id_in(name: &str, prefix: &str) -> Option<FileId> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(".log")?;
    let own = digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(digits, 16).ok().filter(|id| own && ordinal(*id).is_ok()).map(FileId::new)
}
