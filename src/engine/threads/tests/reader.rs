//! Tests of a reader process whose calls fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{BROKEN, TestDatabase, numbered};
use crate::testing::faulty_env::{EnvCall, EnvFault};
use crate::{Db, DbReader, Durability};

/// Returns a database with two flushed and two unflushed batches, and a reader whose files fail on demand.
fn reader_beside_a_writer(home: &TestDatabase) -> (Db, DbReader) {
    let db = Db::open_blocking(home.path()).unwrap();
    for number in 0..4 {
        db.write_with_blocking(numbered(number), Durability::Sync).unwrap();
        if number == 1 {
            db.flush_blocking().unwrap();
        }
    }
    let reader = home.builder().read_only().open_blocking().unwrap();
    (db, reader)
}

#[test]
fn a_call_that_fails_once_makes_a_reader_read_nothing_again() {
    for call in [EnvCall::List, EnvCall::Read, EnvCall::Len] {
        let home = TestDatabase::new();
        let (db, reader) = reader_beside_a_writer(&home);
        db.write_with_blocking(numbered(4), Durability::Sync).unwrap();
        db.write_with_blocking(numbered(5), Durability::Sync).unwrap();
        home.env.inject_for_kind(call, 0, 1, BROKEN);
        let report = reader.refresh_blocking().unwrap();
        assert!(report.attempts > 1, "{call:?}: nothing failed");
        assert!(report.log_records <= 3 && report.series_definitions == 0, "{call:?}: {report:?}");
        // A refresh that fails as a whole.
        home.env.inject_for_kind(call, 0, usize::MAX, BROKEN);
        assert!(reader.refresh_blocking().is_err(), "{call:?}");
        home.env.clear_faults();
        let report = reader.refresh_blocking().unwrap();
        assert!(report.log_records <= 1 && report.series_definitions == 0, "{call:?}: {report:?}");
    }
}

#[test]
fn after_a_panic_in_a_refresh_a_reader_reads_everything_again() {
    let home = TestDatabase::new();
    let (db, reader) = reader_beside_a_writer(&home);
    db.write_with_blocking(numbered(4), Durability::Sync).unwrap();
    db.write_with_blocking(numbered(5), Durability::Sync).unwrap();
    home.env.inject_for_kind(EnvCall::Read, 0, 1, EnvFault::Panic);
    assert!(catch_unwind(AssertUnwindSafe(|| reader.refresh_blocking())).is_err());
    let report = reader.refresh_blocking().unwrap();
    assert!(report.log_records >= 3 && report.series_definitions > 0, "{report:?}");
}

/// A listing takes longer the more files there are.
#[cfg(unix)]
#[test]
fn an_unchanged_directory_is_not_listed_again() {
    let home = TestDatabase::new();
    let (db, reader) = reader_beside_a_writer(&home);
    // The sync mark of the idle writer. Then long enough that the times of the directory can be relied on.
    for _ in 0..2 {
        std::thread::park_timeout(Duration::from_millis(2_200));
        reader.refresh_blocking().unwrap();
    }
    let listings = home.env.count(EnvCall::List);
    (0..3).for_each(|_| assert!(!reader.refresh_blocking().unwrap().changed));
    assert_eq!(home.env.count(EnvCall::List), listings);
    db.write_with_blocking(numbered(4), Durability::Sync).unwrap();
    db.flush_blocking().unwrap();
    let report = reader.refresh_blocking().unwrap();
    assert!(report.changed && report.segments_opened == 1, "{report:?}");
    assert!(home.env.count(EnvCall::List) > listings);
}
