//! Tests of backups with injected faults: without hard links, and with a failure of each call.

use std::io::ErrorKind;
use std::path::Path;

use crate::db::Db;
use crate::engine::store::BackupReport;
use crate::platform::env::{OpenMode, SyncStep};
use crate::sync::Arc;
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};
use crate::types::error::{Error, Result};
use crate::types::point::{Batch, Timestamp};
use crate::types::series::SeriesKey;

const POINTS: u64 = 600;

/// Creates a database with three SSTs and no unflushed points.
fn filled(env: &FaultyEnv, path: &Path) -> Db {
    let db = Db::builder(path).env(Arc::new(env.clone())).open_blocking().unwrap();
    for file in 0..3_i64 {
        let mut batch = Batch::new();
        for nanos in file * 200..(file + 1) * 200 {
            batch.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(nanos), nanos);
        }
        db.write_blocking(batch).unwrap();
        db.flush_blocking().unwrap();
    }
    db
}

fn names(dir: &Path) -> Vec<String> {
    // A missing directory has no names.
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Asserts that a successful backup can be opened and contains every point. Returns its report.
fn check(dir: &Path, made: Result<BackupReport>) -> BackupReport {
    let report = made.unwrap();
    let verified = crate::verify(dir).unwrap();
    assert_eq!((&verified.findings[..], verified.points, report.points), (&[][..], POINTS, POINTS));
    let backup = Db::open_blocking(dir).unwrap();
    let series = backup.create_series(SeriesKey::new("m")).value_type::<i64>().blocking().unwrap();
    let points = backup.snapshot().scan(series, ..).collect_blocking().unwrap();
    assert!(points.iter().zip(0..).all(|(point, nanos)| point.value == nanos), "each point once, in order");
    backup.close_blocking().unwrap();
    report
}

#[test]
fn where_links_are_not_to_be_had_files_are_copied() {
    let home = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    let db = filled(&env, &home.path().join("db"));
    let kinds =
        [ErrorKind::CrossesDevices, ErrorKind::Unsupported, ErrorKind::PermissionDenied, ErrorKind::TooManyLinks];
    for (number, kind) in kinds.into_iter().enumerate() {
        // The first hard link succeeds, the other two fail.
        env.inject_for_kind(EnvCall::HardLink, 1, usize::MAX, EnvFault::Error(kind));
        let synced = env.count(EnvCall::Sync(SyncStep::BackupCopy));
        let dir = home.path().join(number.to_string());
        let report = check(&dir, db.backup_blocking(&dir));
        assert_eq!((report.files, report.linked, report.copied), (3, 1, 2), "{kind:?}");
        assert_eq!(env.count(EnvCall::Sync(SyncStep::BackupCopy)) - synced, 2, "each copy is synced");
        env.clear_faults();
    }
}

#[test]
fn a_backup_that_fails_takes_its_files_back() {
    let home = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    let db = filled(&env, &home.path().join("db"));
    let dir = home.path().join("backup");
    env.inject_for_kind(EnvCall::HardLink, 2, 1, EnvFault::Error(ErrorKind::StorageFull));
    let failed = db.backup_blocking(&dir).unwrap_err();
    assert!(matches!(&failed, Error::Io { action: "link", .. }), "{failed}");
    assert_eq!(names(&dir), ["LOCK"]);
    assert!(matches!(Db::builder(&dir).create_if_missing(false).open_blocking(), Err(Error::DatabaseNotFound { .. })));
    assert_eq!(check(&dir, db.backup_blocking(&dir)).linked, 3, "and may be tried again");
}

#[test]
fn any_call_may_fail_and_the_database_is_whole() {
    for linked in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let env = FaultyEnv::default();
        let db = filled(&env, &home.path().join("db"));
        let unlinked =
            || env.inject_for_kind(EnvCall::HardLink, 0, usize::MAX, EnvFault::Error(ErrorKind::CrossesDevices));
        let (mut call, mut failures, mut whole) = (0, 0, 0);
        let calls = loop {
            let dir = home.path().join(call.to_string());
            if !linked {
                unlinked();
            }
            let before = env.calls().len();
            env.inject_after(call, EnvFault::Error(ErrorKind::Other));
            let made = db.backup_blocking(&dir);
            let calls = env.calls().len() - before;
            env.clear_faults();
            if call >= calls {
                check(&dir, made);
                break calls;
            }
            match made {
                // The failed call was repeated, or its result was not needed.
                Ok(report) => drop(check(&dir, Ok(report))),
                Err(_) if names(&dir).contains(&"manifest".to_owned()) => {
                    whole += 1;
                    check(&dir, Ok(BackupReport { points: POINTS, ..BackupReport::default() }));
                }
                Err(_) => {
                    failures += 1;
                    assert!(names(&dir).iter().all(|name| name == "LOCK"), "call {call}: {:?}", names(&dir));
                    check(&dir, db.backup_blocking(&dir));
                }
            }
            call += 1;
        };
        assert!(failures >= 15, "{failures} of {calls} calls");
        assert_eq!(whole, 1, "only the last sync leaves a manifest");
        assert!(env.calls().contains(&EnvCall::Open(OpenMode::Create)));
        // No backup, failed or not, has changed the database.
        db.close_blocking().unwrap();
        let verified = crate::verify(home.path().join("db")).unwrap();
        assert_eq!((verified.findings, verified.points), (Vec::new(), POINTS));
    }
}
