//! A WAL segment of any bytes, read in every way there is; and any batch, through the log and back.

use super::frames::{Log, UUID};
use super::input::Input;
use super::memory::{with_directory, with_file};
use crate::actor::LogRecord;
use crate::bytes::header::Header;
use crate::env::Dir;
use crate::error::{Error, Result};
use crate::point::PointColumns;
use crate::series::{SeriesDef, SeriesId};
use crate::sync::Arc;
use crate::version::{FileId, FileIds};
use crate::wal::{Ending, MAGIC, RecordKind, SegmentEnd, Tail, Wal, WalFiles, describe, read_segment, segment_name};

/// Points kept of a segment for writing them again: a column of equal values takes no bytes, so that a small input may
/// stand for millions.
const KEPT_POINTS: usize = 1 << 16;

/// A record that owns its columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Owned {
    pub(super) seq: u64,
    pub(super) definitions: Vec<Arc<SeriesDef>>,
    pub(super) series: Vec<SeriesId>,
    pub(super) timestamps: Vec<i64>,
    pub(super) bits: Vec<u64>,
}

impl Owned {
    fn of(record: &LogRecord<'_>) -> Self {
        Self {
            seq: record.seq,
            definitions: record.definitions.to_vec(),
            series: record.points.series.to_vec(),
            timestamps: record.points.timestamps.to_vec(),
            bits: record.points.bits.to_vec(),
        }
    }

    pub(super) fn record(&self) -> LogRecord<'_> {
        let points = PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits };
        LogRecord { seq: self.seq, definitions: &self.definitions, points, delete: None }
    }
}

/// A WAL segment: a real one with its checksums mended, or one built from choices. It is refused, or read the same by
/// recovery and by inspection, and what it holds comes back from a log that is written anew.
///
/// # Panics
/// If the log breaks one of these promises.
pub fn wal(data: &[u8]) {
    let mut input = Input::new(data);
    let (log, end) = if let Some(log) = Log::mended(data, MAGIC) {
        (log, SegmentEnd::Last)
    } else {
        let [sealed, recycled] = input.flags();
        let last_seq = input.number();
        let seal = if sealed { [input.number(), input.number()] } else { [0; 2] };
        let stale_to = if recycled { input.number() } else { 0 };
        let mut seq = last_seq;
        let header = Header::new(UUID, input.number());
        let log = Log::built(&mut input, MAGIC, header, &[seal[0], seal[1], last_seq, stale_to], |mark, _| {
            seq = seq.wrapping_add(u64::from(!mark));
            (if mark { 2 } else { 1 }, seq)
        });
        let len = log.bytes.len() as u64;
        (log, if sealed { SegmentEnd::Sealed { len, last_seq: seq } } else { SegmentEnd::Last })
    };
    let (id, len) = (FileId::new(log.id), log.bytes.len() as u64);
    let uuid = log.uuid;
    with_file(&segment_name(id), log.bytes, |dir| {
        let mut kept = Kept::default();
        let read = read_segment(dir, uuid, id, end, |record| kept.take(&record));
        let described = describe(dir, &segment_name(id));
        if end == SegmentEnd::Last {
            match (&read, &described) {
                (Ok(read), Ok(description)) => {
                    assert!(matches!(description.ending, Ending::Tail(tail) if tail == read.tail));
                    check_tail(read.tail, len);
                }
                (Err(Error::Corrupt { .. }), Ok(description)) => {
                    assert!(matches!(description.ending, Ending::Damage(_)), "recovery alone calls it damaged");
                }
                (read, described) => assert!(read.is_err() && described.is_err(), "{read:?}, {described:?}"),
            }
            let commits = |line: &&_| matches!(line, crate::wal::RecordLine { kind: RecordKind::Commit, .. });
            assert_eq!(described.map_or(0, |all| all.records.iter().filter(commits).count()), kept.count);
        }
        if let Some(first) = kept.records.first() {
            rewrite(first.seq - 1, &kept.records);
        }
    });
}

/// The first records of a segment, as many as are few points, and the number of all.
#[derive(Default)]
struct Kept {
    records: Vec<Owned>,
    points: usize,
    count: usize,
}

impl Kept {
    #[expect(clippy::unnecessary_wraps, reason = "a visitor of records may fail")]
    fn take(&mut self, record: &LogRecord<'_>) -> Result<()> {
        self.count += 1;
        self.points += record.points.len();
        if self.points <= KEPT_POINTS {
            self.records.push(Owned::of(record));
        }
        Ok(())
    }
}

fn check_tail(tail: Tail, len: u64) {
    match tail {
        Tail::Sealed => panic!("nothing sealed it"),
        Tail::Clean { offset } => assert!(offset <= len),
        Tail::Torn { offset, end } => assert!(offset <= end && end <= len),
    }
}

/// Writes records, and reads them back from the log's tail, and again from below its seal.
pub(super) fn rewrite(last_seq: u64, records: &[Owned]) {
    with_directory(|dir| {
        let back = rewritten(dir, last_seq, records);
        match back {
            Ok(back) => assert!(back == records, "records came back changed: {records:?} as {back:?}"),
            Err(error) => panic!("what was read cannot be written and read again: {error}"),
        }
    });
}

fn rewritten(dir: &Dir, last_seq: u64, records: &[Owned]) -> Result<Vec<Owned>> {
    let ids = Arc::new(FileIds::new(FileId::new(1)));
    let mut wal = Wal::create(dir.clone(), UUID, ids, u64::MAX, last_seq, WalFiles::default())?;
    let group: Vec<LogRecord<'_>> = records.iter().map(Owned::record).collect();
    let written = wal.append(&group).and_then(|()| wal.mark().map_err(crate::actor::AppendError::Absent));
    assert!(written.is_ok(), "{written:?}");
    let id = wal.current();
    let mut back = Vec::new();
    let mut keep = |record: LogRecord<'_>| {
        back.push(Owned::of(&record));
        Ok(())
    };
    let read = read_segment(dir, UUID, id, SegmentEnd::Last, &mut keep)?;
    let len = wal.bytes();
    assert_eq!(read.tail, Tail::Clean { offset: len });
    assert!(wal.rotate().is_ok(), "memory does not fail");
    let sealed = SegmentEnd::Sealed { len, last_seq: read.last_seq };
    assert_eq!(read_segment(dir, UUID, id, sealed, |_| Ok(()))?.tail, Tail::Sealed);
    Ok(back)
}
