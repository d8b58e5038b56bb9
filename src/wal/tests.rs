//! The log written, read back through fresh opens, damaged and failed.

mod faults;
mod golden;
mod tail;

use crate::options::Duplicates;
use std::path::Path;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::env::OsEnv;
use crate::point::{PointColumns, ValueType};
use crate::series::{SeriesDef, SeriesId, SeriesKey};
use crate::sync::Arc;
use crate::version::FileIds;

pub(super) const UUID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
pub(super) const SEGMENT_BYTES: u64 = 64 << 20;

/// A batch that owns its columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Owned {
    pub(super) seq: u64,
    pub(super) definitions: Vec<Arc<SeriesDef>>,
    pub(super) series: Vec<SeriesId>,
    pub(super) timestamps: Vec<i64>,
    pub(super) bits: Vec<u64>,
}

impl Owned {
    /// A batch with so many points, all told by its seq.
    pub(super) fn new(seq: u64, points: u32) -> Self {
        Self {
            seq,
            definitions: Vec::new(),
            series: (0..points).map(|n| SeriesId::new(n % 7)).collect(),
            timestamps: (0..points).map(|n| i64::from(n) * 1_000 - 5 + seq.cast_signed()).collect(),
            bits: (0..points).map(|n| (f64::from(n) / 3.0 + 1.0).to_bits() ^ seq).collect(),
        }
    }

    pub(super) fn defining(mut self, id: u32, key: SeriesKey) -> Self {
        let (id, ty, seq) = (SeriesId::new(id), ValueType::F64, self.seq);
        self.definitions.push(Arc::new(SeriesDef { id, key, ty, duplicates: Duplicates::KeepLast, seq }));
        self
    }

    pub(super) fn record(&self) -> LogRecord<'_> {
        let points = PointColumns { series: &self.series, timestamps: &self.timestamps, bits: &self.bits };
        LogRecord { seq: self.seq, definitions: &self.definitions, points, delete: None }
    }

    pub(super) fn of(record: &LogRecord<'_>) -> Self {
        Self {
            seq: record.seq,
            definitions: record.definitions.to_vec(),
            series: record.points.series.to_vec(),
            timestamps: record.points.timestamps.to_vec(),
            bits: record.points.bits.to_vec(),
        }
    }
}

pub(super) fn dir_at(path: &Path) -> Dir {
    Dir::new(std::sync::Arc::new(OsEnv), path)
}

pub(super) fn temp() -> (tempfile::TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = dir_at(temp.path());
    (temp, dir)
}

pub(super) fn new_ids() -> Arc<FileIds> {
    Arc::new(FileIds::new(FileId::new(1)))
}

pub(super) fn new_wal(dir: &Dir, ids: &Arc<FileIds>) -> Wal {
    let found = list_segments(dir).unwrap();
    Wal::create(dir.clone(), UUID, Arc::clone(ids), SEGMENT_BYTES, 0, found).unwrap()
}

pub(super) fn append(wal: &mut Wal, batches: &[Owned]) {
    let group: Vec<_> = batches.iter().map(Owned::record).collect();
    wal.append(&group).unwrap();
}

/// What a fresh reader finds in a segment.
pub(super) fn read(dir: &Dir, id: FileId, end: SegmentEnd) -> Result<(Vec<Owned>, SegmentRead)> {
    let mut found = Vec::new();
    let read = read_segment(dir, UUID, id, end, |record| {
        found.push(Owned::of(&record));
        Ok(())
    })?;
    Ok((found, read))
}

/// Every record of a log whose segments all count, as recovery reads it.
pub(super) fn read_all(dir: &Dir) -> Result<(Vec<Owned>, Tail)> {
    let ids = list_segments(dir)?.segments;
    let headers = ids.iter().map(|id| SegmentHeader::read(dir, UUID, *id)).collect::<Result<Vec<_>>>()?;
    let (mut found, mut tail) = (Vec::new(), Tail::Sealed);
    for (at, header) in headers.iter().enumerate() {
        let (records, read) = read(dir, header.id, header.end(headers.get(at + 1)).unwrap())?;
        found.extend(records);
        tail = read.tail;
    }
    Ok((found, tail))
}

#[test]
fn what_is_appended_is_read_back_through_a_fresh_open() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let key = SeriesKey::new("temp").tag("station", "JFK").tag("roof", "");
    let batches =
        [Owned::new(1, 3).defining(0, key).defining(1, SeriesKey::new("höhe")), Owned::new(2, 0), Owned::new(3, 5_000)];
    append(&mut wal, &batches[..2]);
    wal.sync().unwrap();
    append(&mut wal, &batches[2..]);
    wal.mark().unwrap();
    let (found, read) = read(&dir, wal.current(), SegmentEnd::Last).unwrap();
    assert_eq!(found, batches);
    assert_eq!((read.last_seq, wal.last_seq()), (3, 3));
    assert!(matches!(read.tail, Tail::Clean { .. }));
}

#[test]
fn a_reader_gives_commits_one_by_one_and_then_how_they_end() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    append(&mut wal, &[Owned::new(1, 3), Owned::new(2, 4)]);
    wal.mark().unwrap();
    append(&mut wal, &[Owned::new(3, 5)]);
    let mut reader = SegmentReader::open(&dir, UUID, wal.current(), SegmentEnd::Last).unwrap();
    for seq in 1..=3 {
        assert!(reader.finish().is_none());
        let record = reader.next().unwrap().unwrap();
        assert_eq!((record.seq, record.points.len()), (seq, 2 + usize::try_from(seq).unwrap()));
    }
    assert!(reader.next().unwrap().is_none() && reader.next().unwrap().is_none());
    let read = reader.finish().unwrap();
    assert_eq!((read.last_seq, &read.header), (3, reader.header()));
}

#[test]
fn segments_follow_each_other_and_name_where_the_last_one_ended() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    wal.rotate().unwrap();
    append(&mut wal, &[Owned::new(1, 10), Owned::new(2, 10)]);
    let third = wal.rotate().unwrap();
    append(&mut wal, &[Owned::new(3, 10)]);
    let header = SegmentHeader::read(&dir, UUID, third).unwrap();
    assert_eq!(header.seal.last_seq, 2);
    assert_eq!(list_segments(&dir).unwrap().segments.len(), 3);
    let (found, tail) = read_all(&dir).unwrap();
    assert_eq!(found, [Owned::new(1, 10), Owned::new(2, 10), Owned::new(3, 10)]);
    assert!(matches!(tail, Tail::Clean { .. }));
}

#[test]
fn a_full_segment_rotates_by_itself() {
    let (_temp, dir) = temp();
    let mut wal = Wal::create(dir.clone(), UUID, new_ids(), 4096, 0, WalFiles::default()).unwrap();
    let batches: Vec<_> = (1..=40).map(|seq| Owned::new(seq, 50)).collect();
    for batch in &batches {
        append(&mut wal, std::slice::from_ref(batch));
    }
    assert!(list_segments(&dir).unwrap().segments.len() > 4);
    assert_eq!(read_all(&dir).unwrap().0, batches);
}

#[test]
fn segment_names_never_repeat_and_spares_are_two_at_most() {
    let (_temp, dir) = temp();
    let ids = new_ids();
    let mut wal = new_wal(&dir, &ids);
    let mut given = vec![wal.current()];
    for seq in 1..=20 {
        append(&mut wal, &[Owned::new(seq, 10)]);
        given.push(wal.rotate().unwrap());
        if seq % 5 == 0 {
            wal.drop_below(wal.current());
            let files = list_segments(&dir).unwrap();
            assert_eq!((files.segments, files.spares.len()), (vec![wal.current()], 2));
        }
    }
    assert!(given.is_sorted_by(|one, next| one < next), "{given:?}");
    // A second opening with the same counter takes over the files and repeats no name either.
    let files = list_segments(&dir).unwrap();
    let mut wal = Wal::create(dir.clone(), UUID, ids, SEGMENT_BYTES, 20, files).unwrap();
    assert!(!given.contains(&wal.current()));
    wal.drop_below(wal.current());
    assert_eq!(list_segments(&dir).unwrap().segments, [wal.current()]);
}

#[test]
fn two_lives_of_one_file_are_never_mistaken() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let old: Vec<_> = (1..=50).map(|seq| Owned::new(seq, 20)).collect();
    append(&mut wal, &old);
    let first = wal.rotate().unwrap();
    wal.drop_below(first);
    let recycled = wal.rotate().unwrap();
    let header = SegmentHeader::read(&dir, UUID, recycled).unwrap();
    assert!(header.stale_to > 1_000, "the file with the old records is in use again");
    let (found, read_back) = read(&dir, recycled, SegmentEnd::Last).unwrap();
    assert_eq!((found.len(), read_back.tail), (0, Tail::Clean { offset: 128 }));
    // New records of the same lengths end exactly where an old one begins.
    append(&mut wal, &[Owned::new(51, 20), Owned::new(52, 20)]);
    let (found, read_back) = read(&dir, recycled, SegmentEnd::Last).unwrap();
    assert_eq!(found, [Owned::new(51, 20), Owned::new(52, 20)]);
    assert!(matches!(read_back.tail, Tail::Clean { .. }), "{:?}", read_back.tail);
}

#[test]
fn a_foreign_or_renamed_segment_is_refused() {
    let (temp, dir) = temp();
    let wal = new_wal(&dir, &new_ids());
    let own = temp.path().join(segment_name(wal.current()));
    let other = FileId::new(99);
    std::fs::copy(&own, temp.path().join(segment_name(other))).unwrap();
    assert!(matches!(read(&dir, other, SegmentEnd::Last), Err(crate::Error::ForeignFile { .. })));
    let error = SegmentHeader::read(&dir, Uuid::nil(), wal.current()).unwrap_err();
    assert!(matches!(error, crate::Error::ForeignFile { .. }), "{error}");
    let mut bytes = std::fs::read(&own).unwrap();
    bytes[8] = 2;
    std::fs::write(&own, &bytes).unwrap();
    let error = SegmentHeader::read(&dir, UUID, wal.current()).unwrap_err();
    assert!(matches!(error, crate::Error::UnsupportedVersion { found: 2, newest: 1, .. }), "{error}");
    for len in [0, 7, 12, 40, 127] {
        bytes[8] = 1;
        std::fs::write(&own, &bytes[..len]).unwrap();
        assert!(matches!(SegmentHeader::read(&dir, UUID, wal.current()), Err(crate::Error::Corrupt { .. })), "{len}");
    }
    std::fs::write(&own, [0; 4096]).unwrap();
    assert!(matches!(SegmentHeader::read(&dir, UUID, wal.current()), Err(crate::Error::Corrupt { .. })));
}

#[test]
fn only_own_names_are_listed() {
    let (temp, dir) = temp();
    for name in ["wal-00000000000000AB.log", "wal-1.log", "spare-00000000000000ab.log", "wal-+00000000000000a.log"] {
        std::fs::write(temp.path().join(name), b"").unwrap();
    }
    std::fs::create_dir(temp.path().join("wal-0000000000000001.log")).unwrap();
    std::fs::write(temp.path().join("wal-00000000000000ab.log"), b"").unwrap();
    let files = list_segments(&dir).unwrap();
    assert_eq!((files.segments, files.spares), (vec![FileId::new(0xab)], vec![FileId::new(0xab)]));
}

/// Ids and seqs that no database ever reaches would overflow where the next one is taken.
#[test]
fn a_number_beyond_all_reach_is_no_id_and_no_seq() {
    assert_eq!(parse_segment_name("wal-7fffffffffffffff.log"), Some(FileId::new(i64::MAX.cast_unsigned())));
    assert_eq!(parse_segment_name("wal-8000000000000000.log"), None);
    assert_eq!(parse_spare_name("spare-ffffffffffffffff.log"), None);
    let (_temp, dir) = temp();
    let id = FileId::new(3);
    for (last_seq, accepted) in [(u64::MAX, false), (1 << 63, false), ((1 << 63) - 1, true)] {
        let header = SegmentHeader { uuid: UUID, id, seal: Seal { last_seq, predecessor: None }, stale_to: 0 };
        std::fs::write(dir.file_path(&segment_name(id)), header.to_bytes()).unwrap();
        let read = SegmentHeader::read(&dir, UUID, id);
        assert_eq!(read.is_ok(), accepted, "{read:?}");
        assert!(matches!(read, Ok(_) | Err(crate::Error::Corrupt { .. })), "{read:?}");
    }
}

#[test]
fn an_idle_writer_marks_once() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let len = |wal: &Wal| std::fs::metadata(dir.file_path(&segment_name(wal.current()))).unwrap().len();
    let empty = len(&wal);
    wal.mark().unwrap();
    assert_eq!(len(&wal), empty, "there is nothing to vouch for");
    append(&mut wal, &[Owned::new(1, 10)]);
    wal.mark().unwrap();
    let marked = len(&wal);
    wal.mark().unwrap();
    assert!(marked > empty && len(&wal) == marked && wal.is_synced());
    let described = describe(&dir, &segment_name(wal.current())).unwrap();
    let kinds: Vec<_> = described.records.iter().map(|line| (line.kind, line.seq, line.points)).collect();
    assert_eq!(kinds, [(RecordKind::Commit, 1, 10), (RecordKind::Mark, 1, 0)]);
    assert_eq!(described.records[1].synced_to, described.records[1].offset);
    assert!(matches!(described.ending, Ending::Tail(Tail::Clean { .. })));
}

#[test]
fn a_gap_in_the_seqs_is_damage() {
    let (temp, dir) = temp();
    let ids = new_ids();
    let mut wal = new_wal(&dir, &ids);
    append(&mut wal, &[Owned::new(1, 1)]);
    let second = wal.rotate().unwrap();
    append(&mut wal, &[Owned::new(2, 1)]);
    // The same segment with a header that claims another last seq: nothing else tells that a segment is missing.
    let path = temp.path().join(segment_name(second));
    let mut bytes = std::fs::read(&path).unwrap();
    let header = SegmentHeader::read(&dir, UUID, second).unwrap();
    let seal = Seal { last_seq: 7, ..header.seal };
    bytes[..128].copy_from_slice(&SegmentHeader { seal, ..header }.to_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = read(&dir, second, SegmentEnd::Last).unwrap_err();
    assert!(error.to_string().contains("seq 2 where 8 must follow"), "{error}");
    let error = read_all(&dir).unwrap_err();
    assert!(error.to_string().contains("its last seq is 1, its successor says 7"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_batches_round_trip(sizes in prop::collection::vec((0_u32..300, any::<u64>(), any::<i64>(), 0_u32..64), 1..20)) {
        let (_temp, dir) = temp();
        let mut wal = Wal::create(dir.clone(), UUID, new_ids(), 4096, 0, WalFiles::default()).unwrap();
        let mut batches = Vec::new();
        for ((points, bits, time, shift), seq) in sizes.into_iter().zip(1..) {
            let mut batch = Owned::new(seq, points);
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

    /// Random bytes never pass a CRC: these records are framed as an engine would, with contents that none would write.
    #[test]
    fn any_framed_records_are_read_or_refused_without_a_panic(
        last_seq in prop::sample::select(vec![0, 5, u64::MAX]),
        records in prop::collection::vec((0_u8..5, 0_u64..3, 0_u64..400, any::<Vec<u8>>()), 0..6),
        sealed: bool,
        end in 0_u64..400,
    ) {
        use crate::bytes::frame::{Head, put};
        let (temp, dir) = temp();
        let id = FileId::new(7);
        let header = SegmentHeader { uuid: UUID, id, seal: Seal { last_seq, predecessor: None }, stale_to: end };
        let mut bytes = header.to_bytes().to_vec();
        for (kind, step, synced_to, body) in &records {
            let head = Head::new((*kind).max(1), last_seq.wrapping_add(*step), *synced_to);
            put(&mut bytes, header.salt(), 0, head, |out| out.extend_from_slice(body)).unwrap();
        }
        std::fs::write(temp.path().join(segment_name(id)), &bytes).unwrap();
        let end = if sealed { SegmentEnd::Sealed { len: end, last_seq } } else { SegmentEnd::Last };
        match read(&dir, id, end) {
            Ok((found, _)) => prop_assert!(found.len() <= records.len()),
            Err(error) => prop_assert!(matches!(error, crate::Error::Corrupt { .. }), "{error}"),
        }
        let beyond_all_seqs = last_seq == u64::MAX;
        prop_assert_eq!(describe(&dir, &segment_name(id)).is_err(), beyond_all_seqs);
    }

    #[test]
    fn decoding_any_body_never_panics(body: Vec<u8>) {
        let _ = record::Decoder::default().commit(1, &body);
    }
}

#[test]
fn a_damaged_body_behind_a_good_crc_is_refused_or_read_never_a_panic() {
    let batch = Owned::new(1, 9).defining(3, SeriesKey::new("m").tag("a", "b"));
    let mut body = Vec::new();
    record::put_commit(&mut body, &batch.record());
    let mut decoder = record::Decoder::default();
    for at in 0..body.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, body[at] ^ 1] {
            let mut bad = body.clone();
            bad[at] = value;
            let _ = decoder.commit(1, &bad);
        }
        assert!(decoder.commit(1, &body[..at]).is_err(), "cut at {at}");
    }
    body.push(0);
    assert!(decoder.commit(1, &body).is_err(), "a byte too many");
    // Columns without a byte a point must not buy a memory bomb.
    let mut bomb = vec![0];
    crate::bytes::put_varint(&mut bomb, u64::MAX);
    bomb.extend([0; 27]);
    assert!(decoder.commit(1, &bomb).is_err());
}
