//! Tests on a full disk: a failed append is sealed from the reserve, and nothing is appended until there is a new one.

use super::*;
use crate::Error;
use crate::platform::env::SyncStep;
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};

struct FullDiskFixture {
    _temp: tempfile::TempDir,
    env: FaultyEnv,
    /// Access without faults, to inspect the files.
    plain: Dir,
    wal: WalWriter,
}

/// Creates a WAL with one synced commit and a reserve.
fn fixture() -> FullDiskFixture {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    append(&mut wal, &[TestRecord::new(1, 5)]);
    wal.sync().unwrap();
    assert!(wal.reserve_bytes() > 0);
    FullDiskFixture { _temp: temp, env, plain, wal }
}

fn is_refused(outcome: &Result<(), AppendError>) -> bool {
    matches!(outcome, Err(AppendError::NotWritten(error @ Error::WriteFailed { .. })) if error.is_out_of_space())
}

#[test]
fn a_hundred_writes_fail_without_touching_a_file_and_writes_go_on_once_there_is_room() {
    let mut log = fixture();
    let one_reserve = log.wal.reserve_bytes() / 2;
    log.env.fill(true);
    let batch = TestRecord::new(2, 50);
    assert!(is_refused(&log.wal.append(&[batch.record()])));
    assert_eq!(log.wal.reserve_bytes(), one_reserve, "one became the segment that seals the failed append");
    let calls = log.env.calls().len();
    for _ in 1..100 {
        assert!(is_refused(&log.wal.append(&[batch.record()])));
    }
    log.wal.write_sync_mark().unwrap();
    assert_eq!(log.env.calls().len(), calls, "a file was touched");
    assert_eq!(read_all(&log.plain).unwrap().0, [TestRecord::new(1, 5)]);
    log.wal.restore_reserve();
    assert!(log.wal.no_space().is_some() && log.wal.rotate().is_err());
    log.env.fill(false);
    log.wal.restore_reserve();
    assert!(log.wal.no_space().is_none() && log.wal.reserve_bytes() == 2 * one_reserve);
    append(&mut log.wal, &[TestRecord::new(2, 50)]);
    log.wal.sync().unwrap();
    assert_eq!(read_all(&log.plain).unwrap().0, [TestRecord::new(1, 5), TestRecord::new(2, 50)]);
    // The same again, with the new reserve.
    log.env.fill(true);
    assert!(is_refused(&log.wal.append(&[TestRecord::new(3, 20_000).record()])));
    log.env.fill(false);
    log.wal.rotate().expect("a rotation makes a reserve first");
    append(&mut log.wal, &[TestRecord::new(3, 5)]);
    assert_eq!(read_all(&log.plain).unwrap().0.len(), 3);
}

#[test]
fn deletes_are_written_into_the_reserve_while_it_has_room() {
    let mut log = fixture();
    log.env.fill(true);
    append(&mut log.wal, &[TestRecord::delete(2)]);
    assert!(log.wal.no_space().is_some());
    log.wal.write_sync_mark().unwrap();
    assert!(is_refused(&log.wal.append(&[TestRecord::new(3, 5).record()])), "a write is refused in between");
    let mut seq = 2;
    while log.wal.append(&[TestRecord::delete(seq + 1).record()]).is_ok() {
        seq += 1;
    }
    assert!(seq > 20, "{seq} deletes fill the reserve");
    assert!(is_refused(&log.wal.append(&[TestRecord::delete(seq + 1).record()])));
    log.wal.sync().unwrap();
    let found = read_all(&log.plain).unwrap().0;
    assert_eq!(found.iter().map(|record| record.seq).collect::<Vec<_>>(), (1..=seq).collect::<Vec<_>>());
    log.env.fill(false);
    log.wal.restore_reserve();
    append(&mut log.wal, &[TestRecord::delete(seq + 1)]);
    append(&mut log.wal, &[TestRecord::new(seq + 2, 5)]);
}

#[test]
fn spares_are_given_up_before_writes_fail() {
    let mut log = fixture();
    for seq in 2..6 {
        append(&mut log.wal, &[TestRecord::new(seq, 5)]);
        log.wal.rotate().unwrap();
    }
    log.wal.release_below(log.wal.active_segment());
    assert_eq!(list_wal_files(&log.plain).unwrap().spares.len(), 2);
    log.env.fill(true);
    let large = TestRecord::new(6, 10_000);
    // Each spare seals one failed append; the reserve is left for the last one.
    for spares in [1, 0] {
        assert!(is_refused(&log.wal.append(&[large.record()])));
        assert_eq!(list_wal_files(&log.plain).unwrap().spares.len(), spares);
        assert!(log.wal.no_space().is_none());
    }
    assert!(is_refused(&log.wal.append(&[large.record()])));
    assert!(log.wal.no_space().is_some());
}

#[test]
fn a_reserve_of_an_earlier_opening_is_used_again() {
    let mut log = fixture();
    drop(log.wal);
    let found = list_wal_files(&log.plain).unwrap();
    let dir = log.env.dir(log.plain.path());
    let before = log.env.count(EnvCall::Sync(SyncStep::Reserve));
    log.wal = WalWriter::create(dir, UUID, Arc::new(FileIdAllocator::new(FileId::new(100))), 1 << 20, 1, None, &found)
        .unwrap();
    assert_eq!(log.env.count(EnvCall::Sync(SyncStep::Reserve)), before);
    log.env.fill(true);
    assert!(is_refused(&log.wal.append(&[TestRecord::new(2, 50).record()])));
}

/// `EIO` and a lack of descriptors do not stop writes: only a lack of space is expected to last.
#[test]
fn a_reserve_that_cannot_be_made_for_another_reason_stops_no_write() {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    env.inject_for_kind(EnvCall::Sync(SyncStep::Reserve), 0, 1, EnvFault::Error(std::io::ErrorKind::Other));
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    assert!(wal.no_space().is_none());
    append(&mut wal, &[TestRecord::new(1, 5)]);
    assert_eq!(read_all(&plain).unwrap().0.len(), 1);
}

/// The rotation of a full segment needs a file; the reserve is for the append that fails.
#[test]
fn a_delete_behind_a_full_segment_is_written_on_a_full_disk() {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let (dir, ids) = (env.dir(temp.path()), new_ids());
    let mut wal = WalWriter::create(dir, UUID, ids, 8 << 10, 0, None, &WalFiles::default()).unwrap();
    let mut seq = 0;
    while wal.replay_bytes() < 8 << 10 {
        seq += 1;
        append(&mut wal, &[TestRecord::new(seq, 5)]);
    }
    assert_eq!(segment_ids(&plain).len(), 1, "the next append rotates");
    env.fill(true);
    append(&mut wal, &[TestRecord::delete(seq + 1)]);
    assert!(wal.no_space().is_some());
    assert!(is_refused(&wal.append(&[TestRecord::new(seq + 2, 5).record()])));
    wal.sync().unwrap();
    assert_eq!(read_all(&plain).unwrap().0.len() as u64, seq + 1);
    env.fill(false);
    wal.restore_reserve();
    append(&mut wal, &[TestRecord::new(seq + 2, 5)]);
    assert_eq!(read_all(&plain).unwrap().0.len() as u64, seq + 2);
}

/// Whatever fits is covered by a mark: a process that reads beside the writer shows each delete that makes room.
#[test]
fn deletes_on_a_full_disk_leave_room_for_their_mark() {
    let mut log = fixture();
    log.env.fill(true);
    let mut seq = 1;
    while log.wal.append(&[TestRecord::delete(seq + 1).record()]).is_ok() {
        seq += 1;
    }
    log.wal.write_sync_mark().unwrap();
    let mut cursor = SegmentCursor::open(&log.plain, UUID, log.wal.active_segment()).unwrap();
    let mut last = 0;
    let shown = cursor.advance(SegmentBound::Unsealed, |record| {
        last = record.seq;
        Ok(())
    });
    assert!(shown.is_ok() && last == seq, "{last} of {seq}");
    assert!(log.wal.no_space().is_some());
}
