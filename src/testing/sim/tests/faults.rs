//! Tests of failing calls, a full disk and planted sync bugs.

use std::io::ErrorKind;
use std::path::Path;

use super::super::{CallKind, DiskOp, Fault, FaultRates, FaultTrigger, SimDisk};
use super::{OpenMode, STEP, SyncStep, contents, create, disk, disk_with, images, outcomes, path};

const DB: &str = "/db";
const BROKEN: Fault = Fault::Error(ErrorKind::PermissionDenied);

#[test]
fn a_planted_call_fails_and_changes_nothing() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    disk.inject(FaultTrigger::Call(1), BROKEN);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    assert_eq!(file.write_at(0, b"new").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(contents(&env, "a"), b"old");
    assert_eq!((disk.ops(), disk.faults_hit()), (0, 1));
}

#[test]
fn a_kind_fails_after_so_many_and_so_often() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    let file = env.open(&path("a"), OpenMode::Read).unwrap();
    disk.inject(FaultTrigger::Kind { kind: CallKind::Len, skip: 1, times: 2 }, BROKEN);
    let fails: Vec<bool> = (0..5).map(|_| file.len().is_err()).collect();
    assert_eq!(fails, [false, true, true, false, false]);
    disk.inject(FaultTrigger::Kind { kind: CallKind::Len, skip: 0, times: u64::MAX }, BROKEN);
    assert!(file.len().is_err());
    disk.clear_faults();
    assert!(file.len().is_ok());
}

#[test]
fn one_step_fails_and_no_other() {
    let (disk, env) = disk();
    let file = create(&env, "a", b"x");
    disk.inject(FaultTrigger::Sync { step: SyncStep::SstData, skip: 0, times: 2 }, BROKEN);
    file.sync(STEP).unwrap();
    assert!(file.sync(SyncStep::SstData).is_err());
    assert!(env.sync_dir(Path::new(DB), SyncStep::SstData).is_err());
    assert!(matches!(disk.log()[2..], [DiskOp::Sync { .. }, DiskOp::FailedSync { .. }, DiskOp::FailedSyncDir { .. }]));
}

#[test]
fn a_short_write_leaves_its_prefix_and_one_that_only_claims_to_fail_leaves_all() {
    let (disk, env) = disk_with(&[("a", b"......")]);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    disk.inject(FaultTrigger::Call(0), Fault::ShortWrite(2));
    assert_eq!(file.write_at(0, b"abcdef").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(contents(&env, "a"), b"ab....");
    disk.inject(FaultTrigger::Call(0), Fault::AppliedButFailed);
    assert!(file.write_at(0, b"ABCDEF").is_err());
    assert_eq!(contents(&env, "a"), b"ABCDEF");
    disk.inject(FaultTrigger::Call(0), Fault::AppliedButFailed);
    assert!(file.sync(STEP).is_err());
    assert!(disk.state().is_fully_durable());
    disk.inject(FaultTrigger::Kind { kind: CallKind::Write, skip: 0, times: u64::MAX }, Fault::DiskFull);
    for _ in 0..20 {
        assert_eq!(file.write_at(0, b"123456").unwrap_err().kind(), ErrorKind::StorageFull);
        let now = contents(&env, "a");
        assert!((0..=6).any(|kept| now[..kept] == b"123456"[..kept] && now[kept..] == b"ABCDEF"[kept..]));
    }
}

#[test]
fn without_descriptors_nothing_opens_and_open_files_go_on() {
    let (disk, env) = disk_with(&[("a", b"x")]);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    drop(env.open(&path("b"), OpenMode::Create).unwrap());
    disk.inject(FaultTrigger::Kind { kind: CallKind::Open, skip: 0, times: 1 }, Fault::TooManyFiles);
    disk.inject(FaultTrigger::Kind { kind: CallKind::SyncDir, skip: 0, times: 1 }, Fault::TooManyFiles);
    disk.inject(FaultTrigger::Kind { kind: CallKind::Write, skip: 0, times: 1 }, Fault::TooManyFiles);
    assert_eq!(env.open(&path("a"), OpenMode::Read).unwrap_err().raw_os_error(), Some(24));
    env.sync_dir(Path::new(DB), STEP).unwrap();
    file.write_at(0, b"y").unwrap();
    assert_eq!(outcomes(&disk, "b"), [Some(vec![])], "the directory was open and was synced");
}

#[test]
fn a_full_disk_takes_what_fits_and_nothing_new() {
    let (disk, env) = disk_with(&[("a", b"12345678")]);
    disk.capacity(Some(12));
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    assert_eq!(file.write_at(6, b"abcdefgh").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(contents(&env, "a"), b"123456abcdef");
    file.write_at(0, b"in place").unwrap();
    assert_eq!(env.open(&path("b"), OpenMode::Create).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.set_len(13).unwrap_err().kind(), ErrorKind::StorageFull);
    file.set_len(4).unwrap();
    create(&env, "b", b"12345678");
    env.remove(&path("b")).unwrap();
    file.set_len(12).unwrap();
    disk.capacity(None);
    file.write_at(12, b"more").unwrap();
}

#[test]
fn an_omitted_sync_claims_to_have_happened() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    disk.omit_sync(STEP);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    file.write_at(0, b"new").unwrap();
    file.sync(STEP).unwrap();
    assert_eq!(outcomes(&disk, "a").len(), 2);
    assert_eq!(disk.ops(), 1);
    file.sync(SyncStep::SstData).unwrap();
    assert_eq!(outcomes(&disk, "a").len(), 1);
}

#[test]
fn a_delayed_sync_happens_after_what_follows() {
    let (disk, env) = disk_with(&[("a", b"old")]);
    disk.delay_sync(STEP, 2);
    let file = env.open(&path("a"), OpenMode::Write).unwrap();
    file.write_at(0, b"new").unwrap();
    file.sync(STEP).unwrap();
    env.rename(&path("a"), &path("b")).unwrap();
    assert!(!disk.log().iter().any(|op| matches!(op, DiskOp::Sync { .. })));
    env.rename(&path("b"), &path("c")).unwrap();
    assert!(matches!(
        disk.log()[..],
        [DiskOp::Write { .. }, DiskOp::Rename { .. }, DiskOp::Rename { .. }, DiskOp::Sync { .. }]
    ));

    env.sync_dir(Path::new(DB), STEP).unwrap();
    disk.kill();
    drop(create(&disk.env(), "x", b"1"));
    assert!(!disk.log().iter().any(|op| matches!(op, DiskOp::SyncDir { .. })), "the process that meant to is gone");
    assert!(images(&disk).len() > 1);
}

/// Counts the failed calls of a thousand calls.
fn failures(seed: u64, rates: FaultRates) -> (u64, u64, u64) {
    let disk = SimDisk::new(seed);
    let env = disk.env();
    let file = env.open(Path::new("a"), OpenMode::Create).unwrap();
    disk.fault_rate(Some(rates));
    let failed = (0..1_000).map(|nth| u64::from(file.write_at(nth, b"x").is_err())).sum();
    (failed, disk.faults_hit(), disk.trace_hash())
}

#[test]
fn faults_come_at_their_rate_and_equally_for_equal_seeds() {
    let rates = FaultRates::everywhere(0).with(CallKind::Write, 100_000);
    let (failed, struck, trace) = failures(5, rates);
    assert!((50..150).contains(&failed), "{failed} of 1,000 at a tenth");
    assert_eq!(failed, struck);
    assert_eq!(failures(5, rates), (failed, struck, trace));
    assert_ne!(failures(6, rates).2, trace);
    assert_eq!(failures(5, FaultRates::everywhere(0)).0, 0);
    assert_eq!(failures(5, FaultRates::everywhere(1_000_000)).0, 1_000);
}

#[test]
fn an_opening_that_fails_after_it_happened_leaves_no_handle_and_no_lock() {
    let (disk, env) = disk();
    for (kind, attempt) in [(CallKind::Create, 0), (CallKind::Open, 1), (CallKind::Lock, 2), (CallKind::Lock, 3)] {
        disk.inject(FaultTrigger::Kind { kind, skip: 0, times: 1 }, Fault::AppliedButFailed);
        let failed = match attempt {
            0 => env.open(&path("a"), OpenMode::Create).is_err(),
            1 => env.open(&path("a"), OpenMode::Write).is_err(),
            2 => env.try_lock(&path("lock")).is_err(),
            _ => env.try_lock_shared(&path("lock")).is_err(),
        };
        assert!(failed, "{kind:?}");
    }
    assert_eq!(contents(&env, "a"), b"");
    assert!(env.try_lock(&path("lock")).unwrap().is_some());
}
