//! Calls that fail, one by one: what the log then says, and what a fresh reader finds.

use std::io::ErrorKind;

use super::*;
use crate::Error;
use crate::env::SyncStep;
use crate::env::faulty::{Call, Fault, FaultyEnv};

struct Fixture {
    _temp: tempfile::TempDir,
    env: FaultyEnv,
    /// Without faults, for looking at what is there.
    plain: Dir,
    wal: Wal,
}

/// A log with one synced batch.
fn fixture() -> Fixture {
    let (temp, plain) = temp();
    let env = FaultyEnv::default();
    let mut wal = new_wal(&env.dir(temp.path()), &new_ids());
    append(&mut wal, &[Owned::new(1, 5)]);
    wal.sync().unwrap();
    Fixture { _temp: temp, env, plain, wal }
}

fn batches(count: u64) -> Vec<Owned> {
    (1..=count).map(|seq| Owned::new(seq, 5)).collect()
}

/// A dead log refuses everything and touches no file.
fn assert_dead(log: &mut Fixture) {
    let calls = log.env.calls().len();
    let batch = Owned::new(log.wal.last_seq() + 1, 1);
    assert!(matches!(log.wal.append(&[batch.record()]), Err(AppendError::Unknown(Error::ReadOnly { .. }))));
    assert!(matches!(log.wal.sync(), Err(Error::ReadOnly { .. })));
    assert!(matches!(log.wal.mark(), Err(Error::ReadOnly { .. })));
    assert!(matches!(log.wal.rotate(), Err(AppendError::Unknown(Error::ReadOnly { .. }))));
    assert_eq!(log.env.calls().len(), calls);
}

const FAULTS: [Fault; 5] = [
    Fault::Fails(ErrorKind::StorageFull),
    Fault::Short(0),
    Fault::Short(40),
    Fault::Short(100_000),
    Fault::HappensAndFails,
];

#[test]
fn a_failed_write_is_absent_and_the_log_goes_on() {
    for fault in FAULTS {
        let mut log = fixture();
        log.env.plant_next(0, fault);
        let group = [Owned::new(2, 7), Owned::new(3, 7)];
        let error = log.wal.append(&[group[0].record(), group[1].record()]).unwrap_err();
        assert!(matches!(error, AppendError::Absent(Error::WriteFailed { .. })), "{fault:?}: {error:?}");
        assert_eq!(read_all(&log.plain).unwrap().0, batches(1), "{fault:?}");
        // Its seqs are free again.
        append(&mut log.wal, &[Owned::new(2, 5)]);
        log.wal.sync().unwrap();
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2), "{fault:?}");
    }
}

#[test]
fn a_failed_write_that_cannot_be_sealed_leaves_the_outcome_unknown() {
    let calls = {
        let mut log = fixture();
        let before = log.env.calls().len();
        log.env.plant_next(0, Fault::Short(40));
        log.wal.append(&[Owned::new(2, 5).record()]).unwrap_err();
        log.env.calls().len() - before
    };
    assert!(calls >= 6, "write, create, header, sync, rename, directory");
    for second in 1..calls {
        for fault in [Fault::Fails(ErrorKind::Other), Fault::HappensAndFails] {
            let mut log = fixture();
            log.env.plant_next(0, Fault::HappensAndFails);
            log.env.plant_next(second, fault);
            let error = log.wal.append(&[Owned::new(2, 5).record()]).unwrap_err();
            assert!(matches!(error, AppendError::Unknown(Error::OutcomeUnknown { .. })), "{second}: {error:?}");
            let found = read_all(&log.plain).unwrap().0;
            assert!(found == batches(1) || found == batches(2), "{second}: {found:?}");
            assert_dead(&mut log);
        }
    }
}

#[test]
fn a_failed_sync_ends_the_log() {
    for mark in [false, true] {
        let mut log = fixture();
        append(&mut log.wal, &[Owned::new(2, 5)]);
        log.env.plant_next(0, Fault::Fails(ErrorKind::Other));
        let failed = if mark { log.wal.mark() } else { log.wal.sync() };
        assert!(matches!(failed, Err(Error::OutcomeUnknown { .. })), "{failed:?}");
        assert_eq!(log.env.calls().last(), Some(&Call::Sync(SyncStep::WalGroup)));
        assert_dead(&mut log);
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2));
    }
}

#[test]
fn a_group_is_one_write_and_one_sync() {
    let mut log = fixture();
    let calls = log.env.calls().len();
    append(&mut log.wal, &[Owned::new(2, 5), Owned::new(3, 5), Owned::new(4, 5)]);
    log.wal.sync().unwrap();
    assert_eq!(log.env.calls()[calls..], [Call::Write, Call::Sync(SyncStep::WalGroup)]);
}

#[test]
fn a_sync_with_nothing_to_do_makes_no_call() {
    let mut log = fixture();
    let calls = log.env.calls().len();
    log.wal.sync().unwrap();
    log.wal.append(&[]).unwrap();
    assert_eq!(log.env.calls().len(), calls);
}

#[test]
fn a_mark_that_cannot_be_written_is_replaced_by_a_seal() {
    for fault in FAULTS {
        let mut log = fixture();
        log.env.plant_next(0, fault);
        log.wal.mark().unwrap();
        append(&mut log.wal, &[Owned::new(2, 5)]);
        assert_eq!(read_all(&log.plain).unwrap().0, batches(2), "{fault:?}");
        assert_eq!(list_segments(&log.plain).unwrap().segments.len(), 2, "{fault:?}");
    }
}

#[test]
fn a_rotation_fails_at_each_call() {
    for recycled in [false, true] {
        let prepared = || {
            let mut log = fixture();
            if recycled {
                let next = log.wal.rotate().unwrap();
                log.wal.drop_below(next);
            }
            let seq = log.wal.last_seq() + 1;
            append(&mut log.wal, &[Owned::new(seq, 5)]);
            log
        };
        let trace = {
            let mut log = prepared();
            let before = log.env.calls().len();
            log.wal.rotate().unwrap();
            log.env.calls()[before..].to_vec()
        };
        assert_eq!(trace[0], Call::Sync(SyncStep::WalPredecessor));
        assert_eq!(
            trace[trace.len() - 3..],
            [Call::Sync(SyncStep::WalHeader), Call::Rename, Call::SyncDir(SyncStep::WalDirectory)]
        );
        for (at, call) in trace.iter().enumerate() {
            for fault in [Fault::Fails(ErrorKind::Other), Fault::HappensAndFails] {
                let mut log = prepared();
                log.env.plant_next(at, fault);
                let before = log.wal.current();
                let renamed = *call == Call::Rename && fault == Fault::HappensAndFails;
                let fatal = matches!(call, Call::Sync(SyncStep::WalPredecessor) | Call::SyncDir(_)) || renamed;
                match log.wal.rotate() {
                    Err(AppendError::Unknown(_)) => {
                        assert!(fatal, "{call:?} {fault:?}");
                        assert_dead(&mut log);
                    }
                    Err(AppendError::Absent(_)) => {
                        assert!(!fatal && log.wal.current() == before, "{call:?} {fault:?}");
                        append(&mut log.wal, &[Owned::new(3, 5)]);
                        log.wal.rotate().unwrap();
                    }
                    // A spare that cannot be opened is given up for a new file.
                    Ok(_) => assert!(recycled && matches!(call, Call::Open(_) | Call::Len), "{call:?} {fault:?}"),
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
fn a_batch_beyond_the_records_bound_changes_nothing() {
    let mut log = fixture();
    let key = SeriesKey::new("m".repeat(16_000));
    let mut batch = Owned::new(2, 0);
    for id in 0..8_500 {
        batch = batch.defining(id, key.clone());
    }
    let calls = log.env.calls().len();
    let error = log.wal.append(&[batch.record()]).unwrap_err();
    assert!(matches!(error, AppendError::Absent(Error::TooLarge { .. })), "{error:?}");
    assert_eq!(log.env.calls().len(), calls);
    append(&mut log.wal, &[Owned::new(2, 5)]);
    assert_eq!(read_all(&log.plain).unwrap().0, batches(2));
}

#[test]
fn segments_that_resist_are_given_up_later() {
    let mut log = fixture();
    let next = log.wal.rotate().unwrap();
    log.env.plant_next(0, Fault::Fails(ErrorKind::Other));
    log.wal.drop_below(next);
    assert_eq!(list_segments(&log.plain).unwrap().segments.len(), 2);
    log.wal.drop_below(next);
    assert_eq!(list_segments(&log.plain).unwrap().segments, [next]);
}
