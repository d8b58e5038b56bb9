//! Tests of errors of a full disk: a wrapped error still has one cause and one next step.

use std::time::{Duration, Instant};

use super::{FULL, TestDatabase, found, numbered, once, ssts};
use crate::testing::faulty_env::EnvCall;
use crate::{Db, Durability, Error, ErrorKind, Result, Selector};

/// Asserts that a text contains the cause once and one next step.
fn assert_named_once(text: &str) {
    println!("{text}");
    for part in ["no storage space", "free space", "open the database again", "unknown"] {
        assert!(text.matches(part).count() <= 1, "{part:?} is repeated: {text}");
    }
    assert!(text.contains("no storage space") && text.contains("; free space"), "{text}");
}

#[test]
fn a_full_disk_is_named_once_with_one_next_step() {
    let home = TestDatabase::new();
    let db = home.open();
    // Without a sync: otherwise the write of a sync mark by the idle writer could be the first write that fails.
    db.write_with_blocking(numbered(1), Durability::Os).unwrap();
    // The write of the group fails, and so does the write of the new segment that would seal the old segment.
    home.env.inject_for_kind(EnvCall::Write, 0, usize::MAX, FULL);
    let unknown = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    assert_named_once(&unknown.to_string());
    let read_only = db.write_blocking(numbered(3)).unwrap_err();
    assert!(matches!(read_only, Error::ReadOnly { .. }), "{read_only:?}");
    assert_named_once(&read_only.to_string());
}

#[test]
fn a_failed_write_on_a_full_disk_is_named_once_with_one_next_step() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_with_blocking(numbered(1), Durability::Os).unwrap();
    home.env.inject_for_kind(EnvCall::Write, 0, 1, FULL);
    let failed = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(failed, Error::WriteFailed { .. }), "{failed:?}");
    assert_named_once(&failed.to_string());
}

/// Repeats a call until it succeeds, for at most 20 seconds.
fn retried<R>(what: &str, mut call: impl FnMut() -> Result<R>) -> R {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match call() {
            Ok(done) => return done,
            Err(error) => {
                assert!(error.is_retryable() && Instant::now() < until, "{what}: {error:?}");
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn a_hundred_writes_fail_on_a_full_disk_and_writes_go_on_by_themselves() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.fill(true);
    for number in 0..100 {
        let error = db.write_blocking(numbered(100 + number)).unwrap_err();
        assert!(matches!(error, Error::WriteFailed { .. }), "{number}: {error:?}");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StorageFull, true));
    }
    assert_eq!(found(&db), once([1]));
    home.env.fill(false);
    retried("there is room again", || db.write_blocking(numbered(2)));
    assert_eq!(found(&db), once([1, 2]));
    db.flush_blocking().unwrap();
    drop(db);
    assert_eq!(home.reopened(), once([1, 2]));
}

/// Fills the memtables on a full disk, until writes stall because flushes fail.
fn stalled(home: &TestDatabase) -> Db {
    let db = home.builder().flush_at_bytes(1).stall_timeout(Duration::ZERO).open_blocking().unwrap();
    db.write_blocking(numbered(1)).unwrap();
    db.flush_blocking().unwrap();
    home.env.inject_for_kind(EnvCall::Sync(crate::platform::env::SyncStep::SstData), 0, usize::MAX, FULL);
    for number in 2..5 {
        drop(db.write_blocking(numbered(number)));
    }
    home.env.fill(true);
    db
}

#[test]
fn a_delete_makes_room_on_a_full_disk_and_lasts() {
    let home = TestDatabase::new();
    let db = stalled(&home);
    assert!(matches!(db.write_blocking(numbered(9)), Err(Error::WriteStalled { .. } | Error::WriteFailed { .. })));
    assert!(db.stats().failed_flush.is_some_and(|failed| failed.kind == ErrorKind::StorageFull));
    assert_eq!(ssts(&home.path()), 1);
    db.delete_blocking(Selector::metric("m"), ..).unwrap();
    assert_eq!(found(&db), once([]));
    let until = Instant::now() + Duration::from_secs(20);
    while ssts(&home.path()) > 0 {
        assert!(Instant::now() < until, "the file that the delete hides whole is still there");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(found(&db), once([]));
    home.env.fill(false);
    home.env.clear_faults();
    retried("there is room again", || db.write_blocking(numbered(10)));
    retried("there is room again", || db.flush_blocking());
    assert_eq!(found(&db), once([10]));
    assert_eq!(db.stats().failed_flush, None);
    drop(db);
    assert_eq!(home.reopened(), once([10]));
}

/// The delete is in the log only, and the files that it hides are gone.
#[test]
fn a_delete_that_made_room_on_a_full_disk_outlives_the_process() {
    let home = TestDatabase::new();
    let db = stalled(&home);
    db.delete_blocking(Selector::metric("m"), ..).unwrap();
    drop(db);
    home.env.fill(false);
    home.env.clear_faults();
    assert_eq!(home.reopened(), once([]));
}
