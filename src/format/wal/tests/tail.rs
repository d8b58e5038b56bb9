//! Tests of the tail rule: single cases, every flipped bit and every length of a small segment.

use std::path::PathBuf;

use super::*;
use crate::Error;
use crate::format::bytes::overwrite;

/// WAL with one segment, whose bytes a test may change and read again.
struct TailFixture {
    _temp: tempfile::TempDir,
    dir: Dir,
    wal: WalWriter,
    path: PathBuf,
}

impl TailFixture {
    fn new() -> Self {
        let (temp, dir) = temp();
        let wal = new_wal(&dir, &new_ids());
        let path = temp.path().join(segment_name(wal.active_segment()));
        Self { _temp: temp, dir, wal, path }
    }

    fn append(&mut self, seqs: std::ops::RangeInclusive<u64>) {
        append(&mut self.wal, &seqs.map(|seq| TestRecord::new(seq, 5)).collect::<Vec<_>>());
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    fn offsets(&self) -> Vec<u64> {
        let described = describe_segment(&self.dir, &segment_name(self.wal.active_segment())).unwrap();
        described.records.iter().map(|record| record.offset).collect()
    }

    /// Replaces the bytes of the segment and reads it with a new reader.
    fn reads(&self, bytes: &[u8]) -> Result<(Vec<TestRecord>, SegmentTail)> {
        overwrite(&self.path, bytes);
        read(&self.dir, self.wal.active_segment(), SegmentBound::Unsealed).map(|(records, read)| (records, read.tail))
    }

    fn corrupt_at(&self, bytes: &[u8]) -> u64 {
        match self.reads(bytes) {
            Err(Error::Corrupt { offset, .. }) => offset,
            other => panic!("{other:?}"),
        }
    }
}

fn batches(count: u64) -> Vec<TestRecord> {
    (1..=count).map(|seq| TestRecord::new(seq, 5)).collect()
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[test]
fn a_torn_last_record_is_dropped_and_reported() {
    let mut log = TailFixture::new();
    log.append(1..=3);
    let (mut bytes, offsets) = (log.bytes(), log.offsets());
    bytes.truncate(at(offsets[2]) + 40);
    let (found, tail) = log.reads(&bytes).unwrap();
    assert_eq!(found, batches(2));
    let SegmentTail::Torn { offset, end } = tail else { panic!("{tail:?}") };
    assert!(offset == offsets[2] && end > offset && end <= bytes.len() as u64);
}

#[test]
fn a_bad_record_that_a_later_one_attests_as_synced_is_damage() {
    let mut log = TailFixture::new();
    log.append(1..=3);
    log.wal.sync().unwrap();
    log.append(4..=5);
    let (bytes, offsets) = (log.bytes(), log.offsets());
    for n in 0..3 {
        let mut bad = bytes.clone();
        bad[at(offsets[n]) + 20] ^= 1;
        assert_eq!(log.corrupt_at(&bad), offsets[n]);
        // A record of zeros is damage, too, not the end of the log.
        bad[at(offsets[n])..at(offsets[n + 1])].fill(0);
        assert_eq!(log.corrupt_at(&bad), offsets[n]);
    }
    // Each record of the unsynced group may be torn. A valid record behind it is dropped with it.
    for n in 3..5 {
        let mut bad = bytes.clone();
        bad[at(offsets[n]) + 50] ^= 1;
        let (found, tail) = log.reads(&bad).unwrap();
        assert_eq!(found.len(), n);
        assert!(matches!(tail, SegmentTail::Torn { offset, .. } if offset == offsets[n]));
    }
    // The header of a later record counts although its body is torn, because the header has its own CRC.
    let mut bad = bytes.clone();
    bad[at(offsets[2]) + 20] ^= 1;
    bad[at(offsets[3]) + 50] ^= 1;
    bad.truncate(at(offsets[4]));
    assert_eq!(log.corrupt_at(&bad), offsets[2]);
}

#[test]
fn a_sync_mark_makes_a_bad_record_before_it_damage() {
    let mut log = TailFixture::new();
    log.append(1..=2);
    log.wal.write_sync_mark().unwrap();
    let (bytes, offsets) = (log.bytes(), log.offsets());
    for n in 0..2 {
        let mut bad = bytes.clone();
        bad[at(offsets[n]) + 35] ^= 0x10;
        assert_eq!(log.corrupt_at(&bad), offsets[n]);
    }
    let mut bad = bytes.clone();
    bad[at(offsets[2]) + 5] ^= 1;
    assert_eq!(log.reads(&bad).unwrap().0, batches(2), "a torn sync mark loses no record");
}

#[test]
fn zeros_end_the_log() {
    let mut log = TailFixture::new();
    log.append(1..=2);
    let mut bytes = log.bytes();
    for more in [1, 8, 31, 32, 4096, 3 << 20] {
        bytes.resize(bytes.len() + more, 0);
        let (found, tail) = log.reads(&bytes).unwrap();
        assert_eq!(found, batches(2));
        assert!(matches!(tail, SegmentTail::Clean { .. }), "{tail:?}");
    }
    *bytes.last_mut().unwrap() = 1;
    let end = bytes.len() as u64;
    let (found, tail) = log.reads(&bytes).unwrap();
    assert_eq!(found, batches(2));
    assert!(
        matches!(tail, SegmentTail::Torn { end: found, .. } if found == end),
        "a new file has no stale bytes: {tail:?}"
    );
}

#[test]
fn stale_bytes_of_a_recycled_file_are_no_torn_write() {
    let mut log = TailFixture::new();
    log.append(1..=40);
    let second = log.wal.rotate().unwrap();
    log.wal.release_below(second);
    log.wal.rotate().unwrap();
    log.path.set_file_name(segment_name(log.wal.active_segment()));
    log.append(41..=42);
    log.wal.sync().unwrap();
    let before = log.bytes();
    assert!(matches!(log.reads(&before).unwrap().1, SegmentTail::Clean { .. }));
    log.append(43..=44);
    let (bytes, offsets) = (log.bytes(), log.offsets());
    // The sector of the first new record was lost, so the old end marker is still there; the second record was written.
    let mut torn = bytes.clone();
    torn[at(offsets[2])..at(offsets[2]) + 32].fill(0);
    let (found, tail) = log.reads(&torn).unwrap();
    assert_eq!(found.len(), 2);
    assert!(matches!(tail, SegmentTail::Torn { offset, .. } if offset == offsets[2]), "{tail:?}");
    // The end marker was lost. The bytes behind it cannot be distinguished from a torn record, so they are a torn tail.
    torn = before;
    torn[at(offsets[2]) + 3] = 9;
    let (found, tail) = log.reads(&torn).unwrap();
    assert_eq!(found.len(), 2);
    assert!(matches!(tail, SegmentTail::Torn { offset, .. } if offset == offsets[2]), "{tail:?}");
}

#[test]
fn every_flipped_bit_is_damage_or_drops_a_suffix() {
    let mut log = TailFixture::new();
    log.append(1..=2);
    log.wal.sync().unwrap();
    log.append(3..=4);
    let (bytes, offsets) = (log.bytes(), log.offsets());
    for bit in 0..bytes.len() * 8 {
        let byte_at = bit / 8;
        let mut bad = bytes.clone();
        bad[byte_at] ^= 1 << (bit % 8);
        let hit = offsets.iter().rposition(|offset| at(*offset) <= byte_at);
        match (log.reads(&bad), hit) {
            (Err(Error::UnsupportedVersion { .. }), None) if (8..12).contains(&byte_at) => {}
            (Err(Error::Corrupt { offset: 0, .. }), None) => {}
            (Err(Error::Corrupt { offset, .. }), Some(n @ (0 | 1))) => assert_eq!(offset, offsets[n]),
            (Ok((found, SegmentTail::Torn { offset, .. })), Some(n)) if byte_at < bytes.len() - 32 => {
                assert_eq!((found, offset), (batches(n as u64), offsets[n]), "bit {bit}");
                assert!(n >= 2, "bit {bit}");
            }
            (Ok((found, SegmentTail::Torn { .. })), _) => assert_eq!(found, batches(4), "bit {bit} of the end"),
            (other, hit) => panic!("bit {bit} of record {hit:?}: {other:?}"),
        }
    }
}

#[test]
fn every_cut_is_damage_or_drops_a_suffix() {
    let mut log = TailFixture::new();
    log.append(1..=2);
    log.wal.sync().unwrap();
    log.append(3..=4);
    let (bytes, mut offsets) = (log.bytes(), log.offsets());
    offsets.push(bytes.len() as u64 - 32);
    for len in 0..bytes.len() {
        match log.reads(&bytes[..len]) {
            // The end marker behind the header was synced with the header, so its absence is damage.
            Err(Error::Corrupt { .. }) => assert!(len < 128 + 32, "cut at {len}"),
            Ok((found, tail)) => {
                let complete = offsets.iter().skip(1).filter(|end| at(**end) <= len).count();
                assert_eq!(found, batches(complete as u64), "cut at {len}");
                let (SegmentTail::Clean { offset } | SegmentTail::Torn { offset, .. }) = tail else {
                    panic!("{tail:?}")
                };
                assert_eq!(offset, offsets[complete], "cut at {len}");
                assert!(matches!(tail, SegmentTail::Torn { .. }), "every cut is reported: {len}");
            }
            other => panic!("cut at {len}: {other:?}"),
        }
    }
}

#[test]
fn a_sealed_segment_has_no_torn_tail_and_is_not_read_behind_its_end() {
    let mut log = TailFixture::new();
    log.append(1..=2);
    let (name, len) = (log.wal.active_segment(), log.bytes().len() as u64 - 32);
    let sealed = SegmentBound::Sealed { len, last_seq: 2 };
    let bytes = log.bytes();
    let reads = |bytes: &[u8]| {
        overwrite(&log.path, bytes);
        read(&log.dir, name, sealed)
    };
    let mut longer = bytes.clone();
    longer.extend([0xee; 100]);
    let (found, read_back) = reads(&longer).unwrap();
    assert_eq!((found, read_back.tail), (batches(2), SegmentTail::Sealed));
    for byte_at in 128..at(len) {
        let mut bad = bytes.clone();
        bad[byte_at] ^= 0x40;
        assert!(matches!(reads(&bad), Err(Error::Corrupt { .. })), "byte {byte_at}");
        assert!(matches!(reads(&bytes[..byte_at]), Err(Error::Corrupt { .. })), "cut at {byte_at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Simulates a power loss: each sector written since the last sync has its old or its new bytes.
    #[test]
    fn a_loss_of_unsynced_sectors_loses_no_synced_record(
        recycled: bool, synced in 0_u64..4, more in 1_u64..5, kept: u64, sector in prop::sample::select(vec![512_usize, 64, 4096]),
    ) {
        let mut log = TailFixture::new();
        let mut first = 1;
        if recycled {
            append(&mut log.wal, &(1..=60).map(|seq| TestRecord::new(seq, 5)).collect::<Vec<_>>());
            let second = log.wal.rotate().unwrap();
            log.wal.release_below(second);
            log.wal.rotate().unwrap();
            log.path.set_file_name(segment_name(log.wal.active_segment()));
            first = 61;
        }
        let batches: Vec<_> = (first..first + synced + more).map(|seq| TestRecord::new(seq, 20)).collect();
        let (before, after) = batches.split_at(usize::try_from(synced).unwrap());
        append(&mut log.wal, before);
        if kept % 3 == 0 { log.wal.write_sync_mark().unwrap() } else { log.wal.sync().unwrap() }
        let mut image = log.bytes();
        for group in after.chunks(2) {
            append(&mut log.wal, group);
        }
        let now = log.bytes();
        image.resize(now.len(), 0);
        for (n, (old, new)) in image.chunks_mut(sector).zip(now.chunks(sector)).enumerate() {
            if kept.rotate_right(u32::try_from(n % 64).unwrap()) & 1 == 1 {
                old.copy_from_slice(new);
            }
        }
        let (found, _) = log.reads(&image).unwrap();
        prop_assert!(found.len() >= before.len());
        prop_assert_eq!(&found[..], &batches[..found.len()]);
    }
}
