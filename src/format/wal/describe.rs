//! Description of one WAL segment for reports: its records without content, and its end.

use super::reader::{ScanStep, SegmentReader, WalEntry};
use super::record::{KIND_DELETE, KIND_METADATA, KIND_SYNC_MARK};
use super::{SegmentBound, SegmentHeader, SegmentTail};
use crate::platform::env::{Dir, OpenMode};
use crate::types::error::{Error, Result};

/// Content of one segment, read without the other files of the database.
#[derive(Debug)]
pub(crate) struct SegmentDescription {
    pub(crate) header: SegmentHeader,
    pub(crate) file_len: u64,
    pub(crate) records: Vec<RecordSummary>,
    pub(crate) ending: SegmentEnding,
}

/// Record without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordSummary {
    pub(crate) kind: RecordKind,
    pub(crate) seq: u64,
    pub(crate) offset: u64,
    /// Length in bytes, with frame header and padding.
    pub(crate) len: u64,
    pub(crate) points: usize,
    pub(crate) definitions: usize,
    pub(crate) synced_to: u64,
}

/// Kind of a WAL record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Commit,
    SyncMark,
    Delete,
    Metadata,
}

/// End of the records of a segment.
#[derive(Debug)]
pub(crate) enum SegmentEnding {
    Tail(SegmentTail),
    Damage(Error),
}

/// Describes a segment of any database, under any file name.
///
/// The header of its successor is not read, so the tail rule determines the end.
///
/// # Errors
/// Errors of the header and of the operating system. Damage behind the header is a [`SegmentEnding`].
pub(crate) fn describe_segment(dir: &Dir, name: &str) -> Result<SegmentDescription> {
    let file = dir.open(name, OpenMode::Read)?;
    let (header, file_len) = (SegmentHeader::read_any_from(&file)?, file.len()?);
    let mut reader = SegmentReader::new(file, header, SegmentBound::Unsealed)?;
    let mut records = Vec::new();
    let ending = loop {
        match reader.next_step() {
            Ok(ScanStep::Record(entry)) => records.push(summarize(&entry)),
            Ok(ScanStep::End(tail)) => break SegmentEnding::Tail(tail),
            Err(error @ Error::Corrupt { .. }) => break SegmentEnding::Damage(error),
            Err(error) => return Err(error),
        }
    };
    Ok(SegmentDescription { header, file_len, records, ending })
}

fn summarize(entry: &WalEntry<'_>) -> RecordSummary {
    let header = entry.header;
    RecordSummary {
        kind: match header.kind {
            KIND_SYNC_MARK => RecordKind::SyncMark,
            KIND_DELETE => RecordKind::Delete,
            KIND_METADATA => RecordKind::Metadata,
            _ => RecordKind::Commit,
        },
        seq: header.ordinal,
        offset: entry.offset,
        len: header.frame_len(),
        points: entry.record.map_or(0, |record| record.points.len()),
        definitions: entry.record.map_or(0, |record| record.definitions.len()),
        synced_to: header.synced_to,
    }
}
