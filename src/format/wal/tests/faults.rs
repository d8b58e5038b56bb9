//! Tests in which one call after another fails: the writer's result, and what a new reader finds.

use std::io::ErrorKind;

use super::*;
use crate::Error;
use crate::platform::env::{OpenMode, SyncStep};
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};

struct WalFaultFixture {
    _temp: tempfile::TempDir,
    env: FaultyEnv,
    /// Access without faults, to inspect the files.
    plain: Dir,
    wal: WalWriter,
}

/// Creates a WAL with one synced commit.
fn fixture() -> WalFaultFixture {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    append(&mut wal, &[TestRecord::new(1, 5)]);
    wal.sync().unwrap();
    WalFaultFixture { _temp: temp, env, plain, wal }
}

fn batches(count: u64) -> Vec<TestRecord> {
    (1..=count).map(|seq| TestRecord::new(seq, 5)).collect()
}

/// Asserts that a failed writer refuses every call and touches no file.
fn assert_failed(log: &mut WalFaultFixture) {
    let calls = log.env.calls().len();
    let batch = TestRecord::new(log.wal.last_seq() + 1, 1);
    assert!(matches!(log.wal.append(&[batch.record()]), Err(AppendError::ReadOnly(Error::ReadOnly { .. }))));
    assert!(matches!(log.wal.sync(), Err(Error::ReadOnly { .. })));
    assert!(matches!(log.wal.write_sync_mark(), Err(AppendError::ReadOnly(Error::ReadOnly { .. }))));
    assert!(matches!(log.wal.rotate(), Err(AppendError::ReadOnly(Error::ReadOnly { .. }))));
    assert_eq!(log.env.calls().len(), calls);
}

const FAULTS: [EnvFault; 5] = [
    EnvFault::Error(ErrorKind::StorageFull),
    EnvFault::ShortWrite(0),
    EnvFault::ShortWrite(40),
    EnvFault::ShortWrite(100_000),
    EnvFault::AppliedButFailed,
];

#[test]
fn after_a_failed_write_the_group_is_not_written_and_the_wal_stays_usable() {
    for fault in FAULTS {
        let mut log = fixture();
        log.env.inject_after(0, fault);
        let group = [TestRecord::new(2, 7), TestRecord::new(3, 7)];
        let error = log.wal.append(&[group[0].record(), group[1].record()]).unwrap_err();
        assert!(matches!(error, AppendError::NotWritten(Error::WriteFailed { .. })), "{fault:?}: {error:?}");
        assert_eq!(read_all(&log.plain).unwrap().0, batches(1), "{fault:?}");
        // The seqs of the failed group are used again.
        append(&mut log.wal, &[TestRecord::new(2, 5)]);
        log.wal.sync().unwrap();
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2), "{fault:?}");
    }
}

#[test]
fn a_failed_write_is_sealed_by_the_reserve_or_leaves_the_outcome_unknown() {
    let calls = {
        let mut log = fixture();
        let before = log.env.calls().len();
        log.env.inject_after(0, EnvFault::ShortWrite(40));
        log.wal.append(&[TestRecord::new(2, 5).record()]).unwrap_err();
        log.env.calls().len() - before
    };
    assert!(calls >= 6, "write, create, header, sync, rename, directory");
    for second in 1..calls {
        for fault in [EnvFault::Error(ErrorKind::Other), EnvFault::AppliedButFailed] {
            let mut log = fixture();
            log.env.inject_after(0, EnvFault::AppliedButFailed);
            log.env.inject_after(second, fault);
            let error = log.wal.append(&[TestRecord::new(2, 5).record()]).unwrap_err();
            // Before a file may have the next segment's name, the reserve replaces the file that failed.
            if second < 4 || (second == 4 && fault != EnvFault::AppliedButFailed) {
                assert!(matches!(error, AppendError::NotWritten(Error::WriteFailed { .. })), "{second}: {error:?}");
                append(&mut log.wal, &[TestRecord::new(2, 5)]);
                assert_eq!(read_all(&log.plain).unwrap().0, batches(2), "{second} {fault:?}");
                continue;
            }
            assert!(matches!(error, AppendError::OutcomeUnknown(Error::OutcomeUnknown { .. })), "{second}: {error:?}");
            let found = read_all(&log.plain).unwrap().0;
            assert!(found == batches(1) || found == batches(2), "{second}: {found:?}");
            assert_failed(&mut log);
        }
    }
}

/// Sealing needs a descriptor for the next segment; without one the group is cut off.
#[test]
fn a_failed_write_without_a_descriptor_for_the_next_segment_is_cut_off() {
    let failing = |fault| {
        let log = fixture();
        log.env.inject_after(0, fault);
        log.env.inject_for_kind(EnvCall::Open(OpenMode::Create), 0, 1, EnvFault::TooManyFiles);
        log
    };
    let group = [TestRecord::new(2, 7), TestRecord::new(3, 7)];
    for fault in FAULTS {
        let mut log = failing(fault);
        let calls = log.env.calls().len();
        let error = log.wal.append(&[group[0].record(), group[1].record()]).unwrap_err();
        assert!(matches!(error, AppendError::NotWritten(Error::WriteFailed { .. })), "{fault:?}: {error:?}");
        let cut = [EnvCall::SetLen, EnvCall::Write, EnvCall::Sync(SyncStep::WalGroup)];
        assert!(log.env.calls()[calls..].ends_with(&cut), "{:?}", &log.env.calls()[calls..]);
        assert_eq!(read_all(&log.plain).unwrap().0, batches(1), "{fault:?}");
        append(&mut log.wal, &[TestRecord::new(2, 5)]);
        log.wal.sync().unwrap();
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2), "{fault:?}");
        assert_eq!(segment_ids(&log.plain).len(), 1, "{fault:?}");
    }
    // After the write and the open: the cut fails at one of its calls.
    for third in 2..5 {
        let mut log = failing(EnvFault::AppliedButFailed);
        log.env.inject_after(third, EnvFault::Error(ErrorKind::Other));
        let error = log.wal.append(&[group[0].record()]).unwrap_err();
        assert!(matches!(error, AppendError::OutcomeUnknown(Error::OutcomeUnknown { .. })), "{third}: {error:?}");
        assert_failed(&mut log);
    }
}

#[test]
fn a_failed_sync_makes_the_wal_unusable() {
    for mark in [false, true] {
        let mut log = fixture();
        append(&mut log.wal, &[TestRecord::new(2, 5)]);
        log.env.inject_after(0, EnvFault::Error(ErrorKind::Other));
        let failed = if mark { log.wal.write_sync_mark().map_err(Error::from) } else { log.wal.sync() };
        assert!(matches!(failed, Err(Error::OutcomeUnknown { .. })), "{failed:?}");
        assert_eq!(log.env.calls().last(), Some(&EnvCall::Sync(SyncStep::WalGroup)));
        assert_failed(&mut log);
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2));
    }
}

#[test]
fn a_group_is_one_write_and_one_sync() {
    let mut log = fixture();
    let calls = log.env.calls().len();
    append(&mut log.wal, &[TestRecord::new(2, 5), TestRecord::new(3, 5), TestRecord::new(4, 5)]);
    log.wal.sync().unwrap();
    assert_eq!(log.env.calls()[calls..], [EnvCall::Write, EnvCall::Sync(SyncStep::WalGroup)]);
}

#[test]
fn a_sync_without_new_records_makes_no_call() {
    let mut log = fixture();
    let calls = log.env.calls().len();
    log.wal.sync().unwrap();
    log.wal.append(&[]).unwrap();
    assert_eq!(log.env.calls().len(), calls);
}

#[test]
fn a_sync_mark_that_cannot_be_written_is_replaced_by_a_seal() {
    for fault in FAULTS {
        let mut log = fixture();
        log.env.inject_after(0, fault);
        log.wal.write_sync_mark().unwrap();
        append(&mut log.wal, &[TestRecord::new(2, 5)]);
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2), "{fault:?}");
        assert_eq!(segment_ids(&log.plain).len(), 2, "{fault:?}");
    }
}

#[test]
fn a_rotation_may_fail_at_each_call() {
    for recycled in [false, true] {
        let prepared = || {
            let mut log = fixture();
            if recycled {
                let next = log.wal.rotate().unwrap();
                log.wal.release_below(next);
            }
            let seq = log.wal.last_seq() + 1;
            append(&mut log.wal, &[TestRecord::new(seq, 5)]);
            log
        };
        let trace = {
            let mut log = prepared();
            let before = log.env.calls().len();
            log.wal.rotate().unwrap();
            log.env.calls()[before..].to_vec()
        };
        assert_eq!(trace[0], EnvCall::Sync(SyncStep::WalSegmentEnd));
        assert_eq!(
            trace[trace.len() - 3..],
            [EnvCall::Sync(SyncStep::WalHeader), EnvCall::Rename, EnvCall::SyncDir(SyncStep::WalDirectory)]
        );
        for (at, call) in trace.iter().enumerate() {
            for fault in [EnvFault::Error(ErrorKind::Other), EnvFault::AppliedButFailed] {
                let mut log = prepared();
                log.env.inject_after(at, fault);
                let before = log.wal.active_segment();
                let renamed = *call == EnvCall::Rename && fault == EnvFault::AppliedButFailed;
                let fatal = matches!(call, EnvCall::Sync(SyncStep::WalSegmentEnd) | EnvCall::SyncDir(_)) || renamed;
                match log.wal.rotate() {
                    Err(AppendError::OutcomeUnknown(_)) => {
                        assert!(fatal, "{call:?} {fault:?}");
                        assert_failed(&mut log);
                    }
                    Err(AppendError::ReadOnly(error)) => panic!("{call:?} {fault:?}: {error}"),
                    Err(AppendError::NotWritten(_)) => {
                        assert!(!fatal && log.wal.active_segment() == before, "{call:?} {fault:?}");
                        append(&mut log.wal, &[TestRecord::new(3, 5)]);
                        log.wal.rotate().unwrap();
                    }
                    // A spare that cannot be opened is replaced by a new file.
                    Ok(_) => assert!(recycled && matches!(call, EnvCall::Open(_) | EnvCall::Len), "{call:?} {fault:?}"),
                }
                let floor = if recycled { 2 } else { 1 };
                let found = read_all(&log.plain).unwrap().0;
                let expected: Vec<_> = batches(log.wal.last_seq()).split_off(floor - 1);
                assert_eq!(found, expected, "{call:?} {fault:?}");
            }
        }
    }
}

#[test]
fn a_record_above_the_maximum_length_changes_nothing() {
    let mut log = fixture();
    let key = SeriesKey::new("m".repeat(16_000));
    let mut batch = TestRecord::new(2, 0);
    for id in 0..8_500 {
        batch = batch.defining(id, key.clone());
    }
    let calls = log.env.calls().len();
    let error = log.wal.append(&[batch.record()]).unwrap_err();
    assert!(matches!(error, AppendError::NotWritten(Error::TooLarge { .. })), "{error:?}");
    assert_eq!(log.env.calls().len(), calls);
    append(&mut log.wal, &[TestRecord::new(2, 5)]);
    assert_eq!(read_all(&log.plain).unwrap().0, batches(2));
}

#[test]
fn a_segment_that_cannot_be_released_is_released_later() {
    let mut log = fixture();
    let next = log.wal.rotate().unwrap();
    log.env.inject_after(0, EnvFault::Error(ErrorKind::Other));
    log.wal.release_below(next);
    assert_eq!(segment_ids(&log.plain).len(), 2);
    log.wal.release_below(next);
    assert_eq!(segment_ids(&log.plain), [next]);
}
