//! What a segment holds and how it ends, for people; nothing is changed.

use super::record::{DELETE, MARK};
use super::scan::{Entry, SegmentReader, Step};
use super::{SegmentEnd, SegmentHeader, Tail};
use crate::env::{Dir, Open};
use crate::error::{Error, Result};

/// One segment, as its bytes alone tell it.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) header: SegmentHeader,
    pub(crate) file_len: u64,
    pub(crate) records: Vec<RecordLine>,
    pub(crate) ending: Ending,
}

/// One record without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordLine {
    pub(crate) kind: RecordKind,
    pub(crate) seq: u64,
    pub(crate) offset: u64,
    /// With head and padding.
    pub(crate) len: u64,
    pub(crate) points: usize,
    pub(crate) definitions: usize,
    pub(crate) synced_to: u64,
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Commit,
    Mark,
    Delete,
}

/// How the records end.
#[derive(Debug)]
pub(crate) enum Ending {
    Tail(Tail),
    Damage(Error),
}

/// Describes a file of any database and name. Without its successor at hand the tail rule tells its end.
///
/// # Errors
/// Only for the header and for the operating system; damage behind the header is an [`Ending`].
pub(crate) fn describe(dir: &Dir, name: &str) -> Result<Description> {
    let file = dir.open(name, Open::Read)?;
    let (header, file_len) = (SegmentHeader::of_any(&file)?, file.len()?);
    let mut reader = SegmentReader::new(file, header, SegmentEnd::Last)?;
    let mut records = Vec::new();
    let ending = loop {
        match reader.step() {
            Ok(Step::Record(entry)) => records.push(line(&entry)),
            Ok(Step::End(tail)) => break Ending::Tail(tail),
            Err(error @ Error::Corrupt { .. }) => break Ending::Damage(error),
            Err(error) => return Err(error),
        }
    };
    Ok(Description { header, file_len, records, ending })
}

fn line(entry: &Entry<'_>) -> RecordLine {
    let head = entry.head;
    RecordLine {
        kind: match head.kind {
            MARK => RecordKind::Mark,
            DELETE => RecordKind::Delete,
            _ => RecordKind::Commit,
        },
        seq: head.order,
        offset: entry.offset,
        len: head.frame_len(),
        points: entry.commit.map_or(0, |commit| commit.points.len()),
        definitions: entry.commit.map_or(0, |commit| commit.definitions.len()),
        synced_to: head.synced_to,
    }
}
