//! A closed database keeps the part of its write-ahead log that the next opening reads, and no spare segment.

use timestrata::disk_usage;

use crate::common::{Home, all, batch, key};

/// Writes enough points to leave spare segments, and a segment that was recycled.
fn write(home: &Home) -> timestrata::Db {
    let db = home.builder().open_blocking().unwrap();
    for round in 0..3 {
        for part in 0..10 {
            db.write_blocking(batch(&key("m", round), (0..2_000).map(|n| (part * 2_000 + n, n)))).unwrap();
        }
        db.flush_blocking().unwrap();
    }
    let usage = disk_usage(home.path()).unwrap();
    assert!(usage.spare_wal_segments.bytes + usage.wal_segments.bytes > 100_000, "{usage:?}");
    db
}

#[test]
fn a_close_leaves_a_short_log_that_opens_again() {
    let home = Home::new();
    for _ in 0..2 {
        let db = write(&home);
        db.close_blocking().unwrap();
        let usage = disk_usage(home.path()).unwrap();
        assert_eq!(usage.spare_wal_segments.files, 0);
        assert!(usage.wal_segments.bytes < 1_000, "{usage:?}");
        assert!(timestrata::verify(home.path()).unwrap().notes.is_empty());
    }
}

#[test]
fn a_dropped_handle_leaves_the_records_that_are_not_flushed() {
    let home = Home::new();
    let db = write(&home);
    db.write_blocking(batch(&key("late", 0), [(1, 1_i64)])).unwrap();
    drop(db);
    // The opening waits until the handle of before has released the directory.
    let db = loop {
        match home.builder().open_blocking() {
            Err(timestrata::Error::Locked { .. }) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    let usage = disk_usage(home.path()).unwrap();
    assert!(usage.wal_segments.bytes + usage.spare_wal_segments.bytes < 10_000, "{usage:?}");
    assert_eq!(all::<i64>(&db.snapshot(), &key("late", 0)), [(1, 1)]);
}

#[test]
fn an_empty_database_is_small() {
    let home = Home::new();
    home.builder().open_blocking().unwrap().close_blocking().unwrap();
    let usage = disk_usage(home.path()).unwrap();
    assert!(usage.total().bytes - usage.reserves.bytes <= 4_096, "{usage:?}");
}
