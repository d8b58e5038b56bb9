//! Tests of the WAL: writing, reading by new readers, recycling, and records that are refused.

mod cursor;
mod faults;
mod full_disk;
mod golden;
mod growth;
mod tail;

use crate::state::tombstone::Tombstone;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::series::SeriesSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::format::bytes::temp;
use crate::platform::env::Dir;
use crate::state::file_id::FileIdAllocator;
use crate::state::metric_metadata::MetadataChange;
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::metric_metadata::{MetricKind, MetricMetadata};
use crate::types::point::{PointColumns, ValueType};
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};
use crate::types::time_range::TimeRange;

pub(super) const UUID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
pub(super) const SEGMENT_BYTES: u64 = 64 << 20;

/// A record that owns its columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TestRecord {
    pub(super) seq: u64,
    pub(super) definitions: Vec<Arc<SeriesInfo>>,
    pub(super) series: Vec<SeriesId>,
    pub(super) timestamps: Vec<i64>,
    pub(super) bits: Vec<u64>,
    pub(super) delete: Option<Tombstone>,
    pub(super) metadata: Option<MetadataChange>,
}

impl TestRecord {
    /// Returns a commit with `points` points, whose content is determined by its seq.
    pub(super) fn new(seq: u64, points: u32) -> Self {
        Self {
            seq,
            definitions: Vec::new(),
            series: (0..points).map(|n| SeriesId::new(n % 7)).collect(),
            timestamps: (0..points).map(|n| i64::from(n) * 1_000 - 5 + seq.cast_signed()).collect(),
            bits: (0..points).map(|n| (f64::from(n) / 3.0 + 1.0).to_bits() ^ seq).collect(),
            delete: None,
            metadata: None,
        }
    }

    /// Returns a delete of two series in a time range.
    pub(super) fn delete(seq: u64) -> Self {
        let series = SeriesSet::from_sorted([0, 1].map(SeriesId::new));
        let delete = Some(Tombstone { seq, series, range: TimeRange::new(-5, 1_000) });
        Self { delete, ..Self::new(seq, 0) }
    }

    /// Returns a change of the metadata of the metric `temp`.
    pub(super) fn metadata(seq: u64) -> Self {
        let metadata = MetricMetadata::new(MetricKind::Gauge).with_unit("°C").with_description("air temperature");
        Self { metadata: Some(MetadataChange { metric: "temp".to_owned(), metadata }), ..Self::new(seq, 0) }
    }

    pub(super) fn defining(mut self, id: u32, key: SeriesKey) -> Self {
        let (id, ty, seq) = (SeriesId::new(id), ValueType::F64, self.seq);
        self.definitions.push(Arc::new(SeriesInfo {
            id,
            key,
            value_type: ty,
            duplicates: DuplicatePolicy::KeepLast,
            seq,
        }));
        self
    }

    pub(super) fn record(&self) -> LogRecord<'_> {
        let points = PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits };
        let (delete, metadata) = (self.delete.as_ref(), self.metadata.as_ref());
        LogRecord { seq: self.seq, definitions: &self.definitions, points, delete, metadata }
    }

    pub(super) fn of(record: &LogRecord<'_>) -> Self {
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
}

/// Lists the segments and the spares of a directory.
pub(super) fn list_wal_files(dir: &Dir) -> Result<WalFiles> {
    let mut files = WalFiles::default();
    for entry in dir.list()? {
        if let Some(id) = parse_segment_name(&entry.name) {
            files.segments.insert(id, entry.len);
        } else if let Some(id) = parse_spare_name(&entry.name) {
            files.spares.insert(id, entry.len);
        }
    }
    Ok(files)
}

/// Returns the ids of the segments, ascending.
pub(super) fn segment_ids(dir: &Dir) -> Vec<FileId> {
    list_wal_files(dir).unwrap().segments.into_keys().collect()
}

pub(super) fn new_ids() -> Arc<FileIdAllocator> {
    Arc::new(FileIdAllocator::new(FileId::new(1)))
}

pub(super) fn new_wal(dir: &Dir, ids: &Arc<FileIdAllocator>) -> WalWriter {
    let found = list_wal_files(dir).unwrap();
    WalWriter::create(dir.clone(), UUID, Arc::clone(ids), SEGMENT_BYTES, 0, None, &found).unwrap()
}

pub(super) fn append(wal: &mut WalWriter, batches: &[TestRecord]) {
    let group: Vec<_> = batches.iter().map(TestRecord::record).collect();
    wal.append(&group).unwrap();
}

/// Reads a segment with a new reader.
pub(super) fn read(dir: &Dir, id: FileId, end: SegmentBound) -> Result<(Vec<TestRecord>, SegmentScan)> {
    let mut found = Vec::new();
    let read = read_segment(dir, UUID, id, end, |record| {
        found.push(TestRecord::of(&record));
        Ok(())
    })?;
    Ok((found, read))
}

/// Reads every record of a WAL whose segments all count, as recovery does.
pub(super) fn read_all(dir: &Dir) -> Result<(Vec<TestRecord>, SegmentTail)> {
    let ids = segment_ids(dir);
    let headers = ids.iter().map(|id| SegmentHeader::read(dir, UUID, *id)).collect::<Result<Vec<_>>>()?;
    let (mut found, mut tail) = (Vec::new(), SegmentTail::Sealed);
    for (at, header) in headers.iter().enumerate() {
        let (records, read) = read(dir, header.id, header.bound(headers.get(at + 1)).unwrap())?;
        found.extend(records);
        tail = read.tail;
    }
    Ok((found, tail))
}

#[test]
fn appended_records_are_read_back_by_a_new_reader() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "");
    let batches = [
        TestRecord::new(1, 3).defining(0, key).defining(1, SeriesKey::new("höhe")),
        TestRecord::new(2, 0),
        TestRecord::new(3, 5_000),
    ];
    append(&mut wal, &batches[..2]);
    wal.sync().unwrap();
    append(&mut wal, &batches[2..]);
    wal.write_sync_mark().unwrap();
    let (found, read) = read(&dir, wal.active_segment(), SegmentBound::Unsealed).unwrap();
    assert_eq!(found, batches);
    assert_eq!((read.last_seq, wal.last_seq()), (3, 3));
    assert!(matches!(read.tail, SegmentTail::Clean { .. }));
}

#[test]
fn a_reader_returns_record_after_record_and_then_the_tail() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    append(&mut wal, &[TestRecord::new(1, 3), TestRecord::new(2, 4)]);
    wal.write_sync_mark().unwrap();
    append(&mut wal, &[TestRecord::new(3, 5)]);
    let mut reader = SegmentReader::open(&dir, UUID, wal.active_segment(), SegmentBound::Unsealed).unwrap();
    for seq in 1..=3 {
        assert!(reader.scan_result().is_none());
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!((record.seq, record.points.len()), (seq, 2 + usize::try_from(seq).unwrap()));
    }
    assert!(reader.next_record().unwrap().is_none() && reader.next_record().unwrap().is_none());
    let read = reader.scan_result().unwrap();
    assert_eq!((read.last_seq, &read.header), (3, reader.header()));
}

#[test]
fn each_segment_links_to_the_one_before_it() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    wal.rotate().unwrap();
    append(&mut wal, &[TestRecord::new(1, 10), TestRecord::new(2, 10)]);
    let third = wal.rotate().unwrap();
    append(&mut wal, &[TestRecord::new(3, 10)]);
    let header = SegmentHeader::read(&dir, UUID, third).unwrap();
    assert_eq!(header.link.previous_seq, 2);
    assert_eq!(list_wal_files(&dir).unwrap().segments.len(), 3);
    let (found, tail) = read_all(&dir).unwrap();
    assert_eq!(found, [TestRecord::new(1, 10), TestRecord::new(2, 10), TestRecord::new(3, 10)]);
    assert!(matches!(tail, SegmentTail::Clean { .. }));
}

#[test]
fn a_full_segment_rotates_by_itself() {
    let (_temp, dir) = temp();
    let mut wal = WalWriter::create(dir.clone(), UUID, new_ids(), 4096, 0, None, &WalFiles::default()).unwrap();
    let batches: Vec<_> = (1..=40).map(|seq| TestRecord::new(seq, 50)).collect();
    for batch in &batches {
        append(&mut wal, std::slice::from_ref(batch));
    }
    assert!(list_wal_files(&dir).unwrap().segments.len() > 4);
    assert_eq!(read_all(&dir).unwrap().0, batches);
}

#[test]
fn segment_names_never_repeat_and_at_most_two_spares_are_kept() {
    let (_temp, dir) = temp();
    let ids = new_ids();
    let mut wal = new_wal(&dir, &ids);
    let mut used = vec![wal.active_segment()];
    for seq in 1..=20 {
        append(&mut wal, &[TestRecord::new(seq, 10)]);
        used.push(wal.rotate().unwrap());
        if seq % 5 == 0 {
            wal.release_below(wal.active_segment());
            let spares = list_wal_files(&dir).unwrap().spares;
            assert_eq!((segment_ids(&dir), spares.len()), (vec![wal.active_segment()], 2));
        }
    }
    assert!(used.is_sorted_by(|one, next| one < next), "{used:?}");
    // A second opening with the same id allocator takes over the files, and repeats no name either.
    let files = list_wal_files(&dir).unwrap();
    let mut wal = WalWriter::create(dir.clone(), UUID, ids, SEGMENT_BYTES, 20, None, &files).unwrap();
    assert!(!used.contains(&wal.active_segment()));
    wal.release_below(wal.active_segment());
    assert_eq!(segment_ids(&dir), [wal.active_segment()]);
}

#[test]
fn a_longer_segment_replaces_a_shorter_spare() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    for seq in 1..=4 {
        append(&mut wal, &[TestRecord::new(seq, u32::try_from(seq).unwrap() * 1_000)]);
        wal.rotate().unwrap();
    }
    let mut lens: Vec<u64> = list_wal_files(&dir).unwrap().segments.into_values().collect();
    wal.release_below(wal.active_segment());
    lens.sort_unstable();
    let spares: Vec<u64> = list_wal_files(&dir).unwrap().spares.into_values().collect();
    assert_eq!(spares, lens[lens.len() - 2..]);
}

#[test]
fn an_end_without_unused_space_is_read_as_before() {
    let (_temp, dir) = temp();
    let ids = new_ids();
    let mut wal = new_wal(&dir, &ids);
    append(&mut wal, &(1..=50).map(|seq| TestRecord::new(seq, 200)).collect::<Vec<_>>());
    for _ in 0..2 {
        wal.rotate().unwrap();
        wal.release_below(wal.active_segment());
    }
    append(&mut wal, &[TestRecord::new(51, 20)]);
    wal.write_sync_mark().unwrap();
    let files = list_wal_files(&dir).unwrap();
    assert!(wal.spare_bytes() > 0 && files.segments[&wal.active_segment()] > 10_000, "{files:?}");
    let mut cursor = SegmentCursor::open(&dir, UUID, wal.active_segment()).unwrap();
    let mut count = 0;
    let mut advance = |cursor: &mut SegmentCursor| {
        cursor.advance(SegmentBound::Unsealed, |_| {
            count += 1;
            Ok(())
        })
    };
    advance(&mut cursor).unwrap();
    wal.remove_unused_space();
    advance(&mut cursor).unwrap();
    assert_eq!(count, 1);
    let files = list_wal_files(&dir).unwrap();
    assert_eq!((wal.spare_bytes(), files.spares.len()), (0, 0));
    assert!(files.segments[&wal.active_segment()] < 2_000, "{files:?}");
    let (found, read_back) = read(&dir, wal.active_segment(), SegmentBound::Unsealed).unwrap();
    assert_eq!(found, [TestRecord::new(51, 20)]);
    assert!(matches!(read_back.tail, SegmentTail::Clean { .. }), "{:?}", read_back.tail);
    // The next opening takes over the short files, and appends as before.
    drop(wal);
    let mut wal = WalWriter::create(dir.clone(), UUID, ids, SEGMENT_BYTES, 51, None, &files).unwrap();
    append(&mut wal, &[TestRecord::new(52, 20)]);
    assert_eq!(read(&dir, wal.active_segment(), SegmentBound::Unsealed).unwrap().0, [TestRecord::new(52, 20)]);
}

#[test]
fn stale_records_of_a_recycled_file_are_never_read() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let old: Vec<_> = (1..=50).map(|seq| TestRecord::new(seq, 20)).collect();
    append(&mut wal, &old);
    let first = wal.rotate().unwrap();
    wal.release_below(first);
    let recycled = wal.rotate().unwrap();
    let header = SegmentHeader::read(&dir, UUID, recycled).unwrap();
    assert!(header.recycled_len > 1_000, "the file with the old records was recycled");
    let (found, read_back) = read(&dir, recycled, SegmentBound::Unsealed).unwrap();
    assert_eq!((found.len(), read_back.tail), (0, SegmentTail::Clean { offset: 128 }));
    // New records of the same lengths end exactly where an old record begins.
    append(&mut wal, &[TestRecord::new(51, 20), TestRecord::new(52, 20)]);
    let (found, read_back) = read(&dir, recycled, SegmentBound::Unsealed).unwrap();
    assert_eq!(found, [TestRecord::new(51, 20), TestRecord::new(52, 20)]);
    assert!(matches!(read_back.tail, SegmentTail::Clean { .. }), "{:?}", read_back.tail);
}

#[test]
fn a_foreign_or_renamed_segment_is_refused() {
    let (temp, dir) = temp();
    let wal = new_wal(&dir, &new_ids());
    let own = temp.path().join(segment_name(wal.active_segment()));
    let other = FileId::new(99);
    std::fs::copy(&own, temp.path().join(segment_name(other))).unwrap();
    assert!(matches!(read(&dir, other, SegmentBound::Unsealed), Err(crate::Error::ForeignFile { .. })));
    let error = SegmentHeader::read(&dir, Uuid::nil(), wal.active_segment()).unwrap_err();
    assert!(matches!(error, crate::Error::ForeignFile { .. }), "{error}");
    let mut bytes = std::fs::read(&own).unwrap();
    bytes[8] = 2;
    std::fs::write(&own, &bytes).unwrap();
    let error = SegmentHeader::read(&dir, UUID, wal.active_segment()).unwrap_err();
    assert!(matches!(error, crate::Error::UnsupportedVersion { found: 2, newest: 1, .. }), "{error}");
    for len in [0, 7, 12, 40, 127] {
        bytes[8] = 1;
        std::fs::write(&own, &bytes[..len]).unwrap();
        assert!(
            matches!(SegmentHeader::read(&dir, UUID, wal.active_segment()), Err(crate::Error::Corrupt { .. })),
            "{len}"
        );
    }
    std::fs::write(&own, [0; 4096]).unwrap();
    assert!(matches!(SegmentHeader::read(&dir, UUID, wal.active_segment()), Err(crate::Error::Corrupt { .. })));
}

/// Ids and seqs have 63 bits, so that the next id or seq cannot overflow.
#[test]
fn a_number_of_64_bits_is_no_id_and_no_seq() {
    assert_eq!(parse_segment_name("wal-7fffffffffffffff.log"), Some(FileId::new(i64::MAX.cast_unsigned())));
    assert_eq!(parse_segment_name("wal-8000000000000000.log"), None);
    assert_eq!(parse_spare_name("spare-ffffffffffffffff.log"), None);
    let (_temp, dir) = temp();
    let id = FileId::new(3);
    for (last_seq, accepted) in [(u64::MAX, false), (1 << 63, false), ((1 << 63) - 1, true)] {
        let header = SegmentHeader {
            uuid: UUID,
            id,
            link: SegmentLink { previous_seq: last_seq, predecessor: None },
            recycled_len: 0,
        };
        std::fs::write(dir.file_path(&segment_name(id)), header.to_bytes()).unwrap();
        let read = SegmentHeader::read(&dir, UUID, id);
        assert_eq!(read.is_ok(), accepted, "{read:?}");
        assert!(matches!(read, Ok(_) | Err(crate::Error::Corrupt { .. })), "{read:?}");
    }
}

#[test]
fn an_idle_writer_writes_one_sync_mark() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let len = |wal: &WalWriter| std::fs::metadata(dir.file_path(&segment_name(wal.active_segment()))).unwrap().len();
    let empty = len(&wal);
    wal.write_sync_mark().unwrap();
    assert_eq!(len(&wal), empty, "without a record there is nothing to mark");
    append(&mut wal, &[TestRecord::new(1, 10)]);
    wal.write_sync_mark().unwrap();
    let marked = len(&wal);
    wal.write_sync_mark().unwrap();
    assert!(marked > empty && len(&wal) == marked && wal.is_synced());
    let described = describe_segment(&dir, &segment_name(wal.active_segment())).unwrap();
    let kinds: Vec<_> = described.records.iter().map(|record| (record.kind, record.seq, record.points)).collect();
    assert_eq!(kinds, [(RecordKind::Commit, 1, 10), (RecordKind::SyncMark, 1, 0)]);
    assert_eq!(described.records[1].synced_to, described.records[1].offset);
    assert!(matches!(described.ending, SegmentEnding::Tail(SegmentTail::Clean { .. })));
}

#[test]
fn a_gap_in_the_seqs_is_damage() {
    let (temp, dir) = temp();
    let ids = new_ids();
    let mut wal = new_wal(&dir, &ids);
    append(&mut wal, &[TestRecord::new(1, 1)]);
    let second = wal.rotate().unwrap();
    append(&mut wal, &[TestRecord::new(2, 1)]);
    // The same segment with a header that claims another previous seq. Nothing else shows that a segment is missing.
    let path = temp.path().join(segment_name(second));
    let mut bytes = std::fs::read(&path).unwrap();
    let header = SegmentHeader::read(&dir, UUID, second).unwrap();
    let link = SegmentLink { previous_seq: 7, ..header.link };
    bytes[..128].copy_from_slice(&SegmentHeader { link, ..header }.to_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = read(&dir, second, SegmentBound::Unsealed).unwrap_err();
    assert!(error.to_string().contains("found seq 2, expected 8"), "{error}");
    let error = read_all(&dir).unwrap_err();
    assert!(error.to_string().contains("the last seq is 1, its successor says 7"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_batches_round_trip(sizes in prop::collection::vec((0_u32..300, any::<u64>(), any::<i64>(), 0_u32..64), 1..20)) {
        let (_temp, dir) = temp();
        let mut wal = WalWriter::create(dir.clone(), UUID, new_ids(), 4096, 0, None, &WalFiles::default()).unwrap();
        let mut batches = Vec::new();
        for ((points, bits, time, shift), seq) in sizes.into_iter().zip(1..) {
            let mut batch = TestRecord::new(seq, points);
            for (n, value) in batch.bits.iter_mut().enumerate() {
                *value = (bits.wrapping_mul(2 * n as u64 + 1) >> shift).wrapping_add(bits);
            }
            for (at, n) in batch.timestamps.iter_mut().zip(0..) {
                *at = time.wrapping_mul(2 * n + 1) >> shift;
            }
            append(&mut wal, std::slice::from_ref(&batch));
            batches.push(batch);
        }
        prop_assert_eq!(read_all(&dir).unwrap().0, batches);
    }

    /// Random bytes never pass a CRC, so these records have valid frames.
    /// Their contents are such as the engine would not write.
    #[test]
    fn arbitrary_records_in_valid_frames_are_read_or_refused_without_a_panic(
        last_seq in prop::sample::select(vec![0, 5, u64::MAX]),
        records in prop::collection::vec((0_u8..5, 0_u64..3, 0_u64..400, any::<Vec<u8>>()), 0..6),
        sealed: bool,
        end in 0_u64..400,
    ) {
        use crate::format::bytes::frame::{FrameHeader, put_frame};
        let (temp, dir) = temp();
        let id = FileId::new(7);
        let link = SegmentLink { previous_seq: last_seq, predecessor: None };
        let header = SegmentHeader { uuid: UUID, id, link, recycled_len: end };
        let mut bytes = header.to_bytes().to_vec();
        for (kind, step, synced_to, body) in &records {
            let header_of_frame = FrameHeader::new((*kind).max(1), last_seq.wrapping_add(*step), *synced_to);
            put_frame(&mut bytes, header.crc(), 0, header_of_frame, |out| out.extend_from_slice(body)).unwrap();
        }
        std::fs::write(temp.path().join(segment_name(id)), &bytes).unwrap();
        let end = if sealed { SegmentBound::Sealed { len: end, last_seq } } else { SegmentBound::Unsealed };
        match read(&dir, id, end) {
            Ok((found, _)) => prop_assert!(found.len() <= records.len()),
            Err(error) => prop_assert!(matches!(error, crate::Error::Corrupt { .. }), "{error}"),
        }
        let seq_out_of_range = last_seq == u64::MAX;
        prop_assert_eq!(describe_segment(&dir, &segment_name(id)).is_err(), seq_out_of_range);
    }

    #[test]
    fn decoding_any_body_never_panics(body: Vec<u8>) {
        let _ = record::RecordDecoder::default().decode_commit(1, &body);
    }
}

#[test]
fn a_damaged_body_with_a_valid_crc_never_causes_a_panic() {
    let batch = TestRecord::new(1, 9).defining(3, SeriesKey::new("m").tag("a", "b"));
    let mut body = Vec::new();
    record::put_commit(&mut body, &batch.record());
    let mut decoder = record::RecordDecoder::default();
    for at in 0..body.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, body[at] ^ 1] {
            let mut bad = body.clone();
            bad[at] = value;
            let _ = decoder.decode_commit(1, &bad);
        }
        assert!(decoder.decode_commit(1, &body[..at]).is_err(), "cut at {at}");
    }
    body.push(0);
    assert!(decoder.decode_commit(1, &body).is_err(), "one byte too many");
    // Columns without a byte per point must not cause a huge allocation.
    let mut huge = vec![0];
    crate::format::bytes::put_varint(&mut huge, u64::MAX);
    huge.extend([0; 27]);
    assert!(decoder.decode_commit(1, &huge).is_err());
}
