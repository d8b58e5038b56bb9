//! The write-ahead log (WAL): every write is appended to it before the write is applied anywhere else.
//!
//! The WAL is a sequence of segment files. Only the newest one, the active segment, takes records. The records of all
//! segments together have consecutive sequence numbers (seq).
//!
//! # Life cycle of a segment file
//!
//! ```text
//!            header synced, then               next segment opened,
//!            renamed, name synced              old one synced first       below the WAL floor
//!   new file -----.                                                     .------> removed
//!                 +-----------> active segment ------------> sealed ----+
//!   spare --------'             takes records              segment      '------> spare
//!     ^                                                                            |
//!     '------------------------- renamed, not erased ------------------------------'
//! ```
//!
//! 1. **Open.** The writer takes a spare or a new file, writes and syncs a header with the next segment id, renames the
//!    file to the segment's name and syncs the directory. Only then does the segment take records. Hence an invalid
//!    header under a segment's name is always damage.
//! 2. **Append.** A group of records is one write at the append offset. It ends with 32 zero bytes, the end marker,
//!    which the next group overwrites.
//! 3. **Seal.** The active segment is synced. Then the header of the next segment records the id, the length and the
//!    last seq of the old segment: the *segment link*. No record is appended to a sealed segment, and bytes behind the
//!    sealed length are never read. After a failed write the segment is sealed before the bad bytes, so that they never
//!    count.
//!    If the disk is full, the header overwrites the *reserve*, a file that exists for this purpose.
//! 4. **Release.** When the manifest durably names a higher WAL floor, segments below it are renamed to spares, at most
//!    two, or removed.
//!
//! Every opening of the database starts with a new segment. Its link names no predecessor, unless the disk is full: then
//! the log goes on, behind the last segment that has a record. An opening never appends to a segment of an earlier
//! opening, because the tail of that segment may be torn.
//!
//! # The reserve
//!
//! `wal.reserve` is a file of written, synced zeros. It becomes the next segment if a failed append must be sealed and
//! no other file can be created. From then on no group is appended until a new reserve exists: a further failure
//! could not be sealed. Only deletes are, as far as the blocks of the former reserve suffice, because they make room.
//! A second file, `opening.reserve`, becomes the first segment of an opening on a full disk.
//!
//! # Salts
//!
//! The checksums of all frames are salted with the database uuid and the segment id, those of frame headers also with
//! the offset. A recycled file keeps its stale bytes behind the new records. Their checksums were salted with the old
//! id, so the stale bytes are not valid frames.
//!
//! # Sync marks
//!
//! Each frame header has a `synced_to`: all bytes of the segment below this offset were synced before the frame was
//! written. No later record covers the last synced group, so an idle writer appends a *sync mark*: a record without a
//! body, whose only purpose is its `synced_to`. The sync mark is synced, too.
//!
//! # Tail rule
//!
//! A sealed segment ends at its sealed length, and any bad record before that is damage. A segment without a
//! successor ends at the first offset where no valid record begins. The tail rule decides what that means:
//!
//! ```text
//!   | record 1 | record 2 | ~~~bad~~~ | record 4: synced_to = s | ...
//!                         ^ offset of the bad record
//!
//!   s >  offset   the bad record was synced, so it was damaged later      damage
//!   s <= offset   the bad record may never have been synced               torn tail: dropped with all behind it
//! ```
//!
//! - A header counts with its own checksum even if its body is bad. Records before and behind the bad one count.
//! - The tail is clean, and nothing is dropped, if only zeros follow. It is also clean if the end marker is at the
//!   offset, no valid header follows, and all data behind it is below the length of the recycled file and so stale.
//! - A file that ends within the end marker was cut off. Behind a group this is a torn tail. Behind the segment header
//!   it is damage, since that marker was synced with the header.
//!
//! Recovery copies a torn tail to a file of its own before it drops the tail. Records that were acknowledged as durable
//! are never dropped: they were synced, so they lie before every torn tail.
//!
//! The engine, not this module, decides when to sync and which segments count.

mod byte_packing;
mod describe;
mod reader;
mod record;
mod segment_cursor;
mod segment_header;
mod spare_segments;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use describe::{RecordKind, RecordSummary, SegmentDescription, SegmentEnding, describe_segment};
#[cfg(test)]
use reader::SegmentScan;
pub(crate) use reader::{SegmentReader, SegmentTail, read_segment};
pub(crate) use segment_cursor::SegmentCursor;
#[cfg(test)]
use segment_header::SegmentLink;
pub(crate) use segment_header::{MAGIC, Predecessor, SegmentBound, SegmentHeader};
pub(crate) use writer::WalWriter;

use std::collections::BTreeMap;

use crate::format::bytes::parse_id;
use crate::platform::env::Dir;
use crate::state::file_id::FileId;
use crate::state::log_record::{AppendError, LogRecord};
use crate::types::error::Result;

/// File name of the reserve from which a failed append is sealed.
pub(crate) const RESERVE: &str = "wal.reserve";
/// File name of a reserve that is being written.
pub(crate) const RESERVE_TMP: &str = "wal.reserve.tmp";
/// File name of the reserve that becomes the first segment of an opening on a full disk.
pub(crate) const OPENING_RESERVE: &str = "opening.reserve";
/// File name of that reserve while it is being written.
pub(crate) const OPENING_RESERVE_TMP: &str = "opening.reserve.tmp";
/// Maximum length of the reserve in bytes: a segment header, and room for deletes behind it.
const MAX_RESERVE_BYTES: u64 = 64 << 10;

/// Returns the file name of a segment.
pub(crate) fn segment_name(id: FileId) -> String {
    format!("wal-{:016x}.log", id.get())
}

/// Returns the file name of a spare segment.
pub(crate) fn spare_name(id: FileId) -> String {
    format!("spare-{:016x}.log", id.get())
}

/// Returns the id in a segment's file name; `None` for any other name.
pub(crate) fn parse_segment_name(name: &str) -> Option<FileId> {
    parse_id(name, "wal-")
}

/// Returns the id in a spare's file name; `None` for any other name.
pub(crate) fn parse_spare_name(name: &str) -> Option<FileId> {
    parse_id(name, "spare-")
}

/// WAL files in a directory, found by name, with their lengths in bytes; no file was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WalFiles {
    /// Segments by id.
    ///
    /// A segment below the manifest's WAL floor is a leftover. Its bytes, including the header, are meaningless: the
    /// file may have been renamed to a spare and overwritten before the rename was durable.
    pub(crate) segments: BTreeMap<FileId, u64>,
    /// Spares by id. The content of a spare is meaningless, but its id is taken.
    pub(crate) spares: BTreeMap<FileId, u64>,
}

/// Returns the ids of the segments of a directory, ascending.
pub(crate) fn list_segments(dir: &Dir) -> Result<Vec<FileId>> {
    let mut ids: Vec<FileId> = dir.list_names()?.iter().filter_map(|name| parse_segment_name(name)).collect();
    ids.sort_unstable();
    Ok(ids)
}
