//! Tests of the cursor over a segment that is still written: durable records only, each once, and damage.

use super::*;
use crate::Error;
use crate::format::bytes::overwrite;
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};

/// Returns the seqs of the records that a cursor has not returned yet.
fn next(cursor: &mut SegmentCursor, bound: SegmentBound) -> Result<Vec<u64>> {
    let mut seqs = Vec::new();
    cursor.advance(bound, |record| {
        seqs.push(record.seq);
        Ok(())
    })?;
    Ok(seqs)
}

fn write(wal: &mut WalWriter, seqs: std::ops::RangeInclusive<u64>) {
    append(wal, &seqs.map(|seq| TestRecord::new(seq, 5)).collect::<Vec<_>>());
}

fn open(dir: &Dir, wal: &WalWriter) -> SegmentCursor {
    SegmentCursor::open(dir, UUID, wal.active_segment()).unwrap()
}

#[test]
fn a_record_is_returned_once_a_later_header_covers_it() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    let mut cursor = open(&dir, &wal);
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty());
    write(&mut wal, 1..=3);
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty(), "nothing is synced");
    write(&mut wal, 4..=4);
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty(), "a later record does not cover them");
    wal.sync().unwrap();
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty(), "nothing states the sync");
    write(&mut wal, 5..=5);
    assert_eq!(next(&mut cursor, SegmentBound::Unsealed).unwrap(), [1, 2, 3, 4]);
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty());
    wal.write_sync_mark().unwrap();
    assert_eq!(next(&mut cursor, SegmentBound::Unsealed).unwrap(), [5]);
    write(&mut wal, 6..=7);
    let old = wal.active_segment();
    wal.rotate().unwrap();
    let header = SegmentHeader::read(&dir, UUID, wal.active_segment()).unwrap();
    let bound = cursor.header().bound(Some(&header)).unwrap();
    assert_eq!(next(&mut cursor, bound).unwrap(), [6, 7], "a seal covers everything");
    assert_eq!(cursor.header().id, old);
    let whole = next(&mut SegmentCursor::open(&dir, UUID, old).unwrap(), bound).unwrap();
    assert_eq!(whole, (1..=7).collect::<Vec<_>>());
}

#[test]
fn a_record_whose_visit_fails_is_passed_again() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    write(&mut wal, 1..=4);
    wal.write_sync_mark().unwrap();
    let mut cursor = open(&dir, &wal);
    let failed = cursor.advance(SegmentBound::Unsealed, |record| match record.seq {
        3 => Err(Error::Closed),
        _ => Ok(()),
    });
    assert!(matches!(failed, Err(Error::Closed)));
    assert_eq!(cursor.last_seq(), 2);
    assert_eq!(next(&mut cursor, SegmentBound::Unsealed).unwrap(), [3, 4]);
}

#[test]
fn any_prefix_of_the_bytes_shows_a_prefix_of_the_durable_records() {
    let (temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    for seq in 1..=6 {
        write(&mut wal, seq..=seq);
        wal.sync().unwrap();
    }
    wal.write_sync_mark().unwrap();
    let path = temp.path().join(segment_name(wal.active_segment()));
    let bytes = std::fs::read(&path).unwrap();
    // By parity of the length.
    let mut before = [0; 2];
    // The rest of the file may be missing or stale, as of a write that is not complete.
    for len in 128..=bytes.len() {
        let mut partial = bytes[..len].to_vec();
        if len % 2 == 0 {
            partial.resize(bytes.len(), 0);
        }
        overwrite(&path, &partial);
        let shown = next(&mut open(&dir, &wal), SegmentBound::Unsealed).unwrap();
        let before = &mut before[len % 2];
        assert!(shown.iter().copied().eq(1..=shown.len() as u64) && shown.len() >= *before, "{len}: {shown:?}");
        *before = shown.len();
    }
    assert_eq!(before[bytes.len() % 2], 6);
}

#[test]
fn a_bad_record_that_was_synced_is_damage_and_any_other_is_not_there_yet() {
    let (temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    for seq in 1..=4 {
        write(&mut wal, seq..=seq);
        wal.sync().unwrap();
    }
    let path = temp.path().join(segment_name(wal.active_segment()));
    let bytes = std::fs::read(&path).unwrap();
    let described = describe_segment(&dir, &segment_name(wal.active_segment())).unwrap();
    let offsets: Vec<usize> = described.records.iter().map(|record| usize::try_from(record.offset).unwrap()).collect();
    // The last record: nothing states that it was synced.
    for (nth, offset) in offsets.iter().enumerate() {
        for at in [*offset, offset + 40] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            overwrite(&path, &damaged);
            match next(&mut open(&dir, &wal), SegmentBound::Unsealed) {
                Ok(shown) => assert!(nth == 3 && shown.len() <= 3, "{nth}, {at}: {shown:?}"),
                Err(Error::Corrupt { offset: reported, .. }) => {
                    assert!(nth < 3 && reported == *offset as u64, "{nth}, {at}: {reported}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// The cursor has seen the header of a group that was cut off, because no descriptor was left to seal it.
#[test]
fn a_cursor_goes_on_where_a_failed_group_was_cut_off() {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    write(&mut wal, 1..=1);
    wal.write_sync_mark().unwrap();
    let mut cursor = open(&plain, &wal);
    assert_eq!(next(&mut cursor, SegmentBound::Unsealed).unwrap(), [1]);
    write(&mut wal, 2..=2);
    env.inject_for_kind(EnvCall::Write, 0, 1, EnvFault::ShortWrite(40));
    env.fail_opens(0, usize::MAX);
    let cursor = Arc::new(std::sync::Mutex::new(cursor));
    let shared = Arc::clone(&cursor);
    // The writer syncs record 2 before it would seal the segment.
    env.on_sync(move || assert!(next(&mut shared.lock().unwrap(), SegmentBound::Unsealed).unwrap().is_empty()));
    let failed = wal.append(&[TestRecord::new(3, 50).record()]);
    assert!(matches!(failed, Err(AppendError::NotWritten(_))), "{failed:?}");
    env.clear_faults();
    write(&mut wal, 3..=4);
    wal.write_sync_mark().unwrap();
    assert_eq!(next(&mut cursor.lock().unwrap(), SegmentBound::Unsealed).unwrap(), [2, 3, 4]);
}

/// The segment stays in use without a descriptor for the next one, and without a mark.
#[test]
fn a_mark_that_was_cut_off_is_reported() {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    write(&mut wal, 1..=1);
    env.inject_for_kind(EnvCall::Write, 0, 1, EnvFault::ShortWrite(8));
    env.fail_opens(0, usize::MAX);
    assert!(wal.write_sync_mark().is_err(), "no mark was written, and nothing seals the segment");
    let mut cursor = open(&plain, &wal);
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty());
    env.clear_faults();
    wal.write_sync_mark().unwrap();
    assert_eq!(next(&mut cursor, SegmentBound::Unsealed).unwrap(), [1]);
}

/// In a recycled segment stale bytes follow the records, up to the length of the file.
#[test]
fn the_search_for_damage_is_bounded() {
    let (_temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    write(&mut wal, 1..=2);
    wal.write_sync_mark().unwrap();
    dir.open(&segment_name(wal.active_segment()), crate::platform::env::OpenMode::Write)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let mut cursor = open(&dir, &wal);
    assert_eq!(next(&mut cursor, SegmentBound::Unsealed).unwrap(), [1, 2]);
    assert_eq!(cursor.searched_bytes(), 4 << 20);
    assert!(next(&mut cursor, SegmentBound::Unsealed).unwrap().is_empty());
    assert_eq!(cursor.searched_bytes(), 4 << 20, "once");
}
