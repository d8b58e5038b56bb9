//! What a segment holds and what is wrong with it, for people; nothing is changed.

use uuid::Uuid;

use super::record::MARK;
use super::scan::{Entry, SegmentReader, Step};
use super::{SegmentEnd, SegmentHeader, Tail, list_segments, segment_name};
use crate::env::{Dir, Open};
use crate::error::{Error, Result};
use crate::version::FileId;

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
        kind: if head.kind == MARK { RecordKind::Mark } else { RecordKind::Commit },
        seq: head.order,
        offset: entry.offset,
        len: head.frame_len(),
        points: entry.commit.map_or(0, |commit| commit.points.len()),
        definitions: entry.commit.map_or(0, |commit| commit.definitions.len()),
        synced_to: head.synced_to,
    }
}

/// What is wrong with a directory's log.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// Each names file and offset; at most one a segment, since nothing behind damage can be trusted.
    pub(crate) damage: Vec<Error>,
    /// The last segment's bytes from and to these offsets are a torn tail: no damage, the next open drops them.
    pub(crate) torn: Option<(FileId, u64, u64)>,
    pub(crate) segments: usize,
    pub(crate) records: u64,
}

/// Reads every byte that counts of the segments from the floor on.
///
/// # Errors
/// Only if the directory cannot be listed: what is wrong with a file is a finding.
pub(crate) fn verify(dir: &Dir, uuid: Uuid, floor: FileId) -> Result<Verified> {
    let mut found = Verified::default();
    let mut headers = Vec::new();
    let mut ids = list_segments(dir)?.segments;
    ids.retain(|id| *id >= floor);
    found.segments = ids.len();
    for id in &ids {
        match SegmentHeader::read(dir, uuid, *id) {
            Ok(header) => headers.push(header),
            Err(error) => found.damage.push(error),
        }
    }
    found.damage.extend(missing(dir, floor, &ids));
    for (at, header) in headers.iter().enumerate() {
        // A successor that names no predecessor, or a lost one, tells nothing of this segment: the tail rule does.
        let end = header.end(headers.get(at + 1)).unwrap_or(SegmentEnd::Last);
        let before = header.seal.predecessor.map_or(floor, |before| before.id);
        if before > floor {
            found.damage.extend(missing(dir, before, &ids));
        }
        match verify_segment(dir, header, end, &mut found.records) {
            Ok(Tail::Torn { offset, end }) => found.torn = Some((header.id, offset, end)),
            Ok(_) => {}
            Err(error) => found.damage.push(error),
        }
    }
    Ok(found)
}

/// The error of a segment that must be there and is not.
fn missing(dir: &Dir, id: FileId, ids: &[FileId]) -> Option<Error> {
    let lost = || Error::MissingFiles { dir: dir.path().to_owned(), files: vec![segment_name(id)] };
    (!ids.contains(&id)).then(lost)
}

fn verify_segment(dir: &Dir, header: &SegmentHeader, end: SegmentEnd, records: &mut u64) -> Result<Tail> {
    let mut reader = SegmentReader::open(dir, header.uuid, header.id, end)?;
    loop {
        match reader.step()? {
            Step::Record(_) => *records += 1,
            Step::End(tail) => return Ok(tail),
        }
    }
}
