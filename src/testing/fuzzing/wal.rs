//! Entry point for WAL segments.
//!
//! Arbitrary bytes are read by recovery and by inspection, and valid records are written and read again.

use super::fuzz_input::FuzzInput;
use super::fuzz_log::{FuzzLog, UUID};
use super::memory_env::{with_directory, with_file};
use crate::format::bytes::ByteReader;
use crate::format::bytes::log_header::LogHeader;
use crate::format::bytes::metric_metadata::read_metadata_change;
use crate::format::wal::{
    MAGIC, RecordKind, RecordSummary, SegmentBound, SegmentEnding, SegmentTail, WalFiles, WalWriter, describe_segment,
    read_segment, segment_name,
};
use crate::platform::env::Dir;
use crate::state::file_id::{FileId, FileIdAllocator};
use crate::state::log_record::LogRecord;
use crate::state::metric_metadata::MetadataChange;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::point::PointColumns;
use crate::types::series::{SeriesId, SeriesInfo};

/// Maximum number of points that are written again.
///
/// A column of equal values takes no bytes per point, so a small input can decode to millions of points.
const MAX_SAMPLE_POINTS: usize = 1 << 16;

/// A record that owns its columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OwnedRecord {
    pub(super) seq: u64,
    pub(super) definitions: Vec<Arc<SeriesInfo>>,
    pub(super) series: Vec<SeriesId>,
    pub(super) timestamps: Vec<i64>,
    pub(super) bits: Vec<u64>,
    pub(super) delete: Option<Tombstone>,
    pub(super) metadata: Option<MetadataChange>,
}

impl OwnedRecord {
    fn of(record: &LogRecord<'_>) -> Self {
        Self {
            seq: record.seq,
            definitions: record.definitions.to_vec(),
            series: record.points.series.to_vec(),
            timestamps: record.points.timestamps.to_vec(),
            bits: record.points.bits.to_vec(),
            delete: record.delete.cloned(),
            metadata: record.metadata.cloned(),
        }
    }

    pub(super) fn record(&self) -> LogRecord<'_> {
        let points = PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits };
        let (delete, metadata) = (self.delete.as_ref(), self.metadata.as_ref());
        LogRecord { seq: self.seq, definitions: &self.definitions, points, delete, metadata }
    }
}

/// Reads a WAL segment: a real one with corrected checksums, or one built from choices.
///
/// It must be refused, or read the same by recovery and by inspection, and its records must be unchanged after they
/// were written to a new WAL.
///
/// # Panics
/// If one of these conditions does not hold.
pub fn wal(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let (log, bound) = if let Some(log) = FuzzLog::with_fixed_checksums(data, MAGIC) {
        (log, SegmentBound::Unsealed)
    } else {
        let [sealed, recycled] = input.flags();
        let last_seq = input.number();
        let link = if sealed { [input.number(), input.number()] } else { [0; 2] };
        let recycled_len = if recycled { input.number() } else { 0 };
        let mut seq = last_seq;
        let header = LogHeader::new(UUID, input.number());
        let log = FuzzLog::build(
            &mut input,
            MAGIC,
            header,
            &[link[0], link[1], last_seq, recycled_len],
            |sync_mark, body| {
                seq = seq.wrapping_add(u64::from(!sync_mark));
                (if sync_mark { 2 } else { kind_of(body) }, seq)
            },
        );
        let len = log.bytes.len() as u64;
        (log, if sealed { SegmentBound::Sealed { len, last_seq: seq } } else { SegmentBound::Unsealed })
    };
    let (id, len) = (FileId::new(log.id), log.bytes.len() as u64);
    let uuid = log.uuid;
    with_file(&segment_name(id), &log.bytes, |dir| {
        let mut sample = RecordSample::default();
        let read = read_segment(dir, uuid, id, bound, |record| sample.take(&record));
        let described = describe_segment(dir, &segment_name(id));
        if bound == SegmentBound::Unsealed {
            match (&read, &described) {
                (Ok(read), Ok(description)) => {
                    assert!(matches!(description.ending, SegmentEnding::Tail(tail) if tail == read.tail));
                    check_tail(read.tail, len);
                }
                (Err(Error::Corrupt { .. }), Ok(description)) => {
                    assert!(
                        matches!(description.ending, SegmentEnding::Damage(_)),
                        "recovery reports damage, inspection does not"
                    );
                }
                (read, described) => assert!(read.is_err() && described.is_err(), "{read:?}, {described:?}"),
            }
            let has_content = |record: &&RecordSummary| record.kind != RecordKind::SyncMark;
            assert_eq!(described.map_or(0, |all| all.records.iter().filter(has_content).count()), sample.count);
        }
        if let Some(first) = sample.records.first() {
            check_wal_round_trip(first.seq - 1, &sample.records);
        }
    });
}

/// Returns the kind of a record that has a body: a change of metadata if the body is one, else a commit.
fn kind_of(body: &[u8]) -> u8 {
    let mut reader = ByteReader::new(body);
    if read_metadata_change(&mut reader).is_ok() && reader.is_empty() { 4 } else { 1 }
}

/// The first records of a segment, up to [`MAX_SAMPLE_POINTS`] points, and the number of all records.
#[derive(Default)]
struct RecordSample {
    records: Vec<OwnedRecord>,
    points: usize,
    count: usize,
}

impl RecordSample {
    #[expect(clippy::unnecessary_wraps, reason = "the visitor of `read_segment` returns a result")]
    fn take(&mut self, record: &LogRecord<'_>) -> Result<()> {
        self.count += 1;
        self.points += record.points.len();
        if self.points <= MAX_SAMPLE_POINTS {
            self.records.push(OwnedRecord::of(record));
        }
        Ok(())
    }
}

fn check_tail(tail: SegmentTail, len: u64) {
    match tail {
        SegmentTail::Sealed => panic!("the segment has no successor"),
        SegmentTail::Clean { offset } => assert!(offset <= len),
        SegmentTail::Torn { offset, end } => assert!(offset <= end && end <= len),
    }
}

/// Writes records to a new WAL and reads them back from the unsealed and from the sealed segment.
pub(super) fn check_wal_round_trip(last_seq: u64, records: &[OwnedRecord]) {
    with_directory(|dir| {
        let back = write_and_read_back(dir, last_seq, records);
        match back {
            Ok(back) => assert!(back == records, "records changed: {records:?} was read back as {back:?}"),
            Err(error) => panic!("records that were read cannot be written and read again: {error}"),
        }
    });
}

fn write_and_read_back(dir: &Dir, last_seq: u64, records: &[OwnedRecord]) -> Result<Vec<OwnedRecord>> {
    let ids = Arc::new(FileIdAllocator::new(FileId::new(1)));
    let mut wal = WalWriter::create(dir.clone(), UUID, ids, u64::MAX, last_seq, None, &WalFiles::default())?;
    let group: Vec<LogRecord<'_>> = records.iter().map(OwnedRecord::record).collect();
    let written = wal.append(&group).and_then(|()| wal.write_sync_mark());
    assert!(written.is_ok(), "{written:?}");
    let id = wal.active_segment();
    let mut back = Vec::new();
    let mut collect = |record: LogRecord<'_>| {
        back.push(OwnedRecord::of(&record));
        Ok(())
    };
    let read = read_segment(dir, UUID, id, SegmentBound::Unsealed, &mut collect)?;
    let len = wal.replay_bytes();
    assert_eq!(read.tail, SegmentTail::Clean { offset: len });
    assert!(wal.rotate().is_ok(), "files in memory do not fail");
    let sealed = SegmentBound::Sealed { len, last_seq: read.last_seq };
    assert_eq!(read_segment(dir, UUID, id, sealed, |_| Ok(()))?.tail, SegmentTail::Sealed);
    Ok(back)
}
