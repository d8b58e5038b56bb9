//! The memtable is flushed when it holds the configured bytes: not earlier, and only once.

use timestrata::{Db, SnapshotWatch};

use crate::common::{Home, batch, key};

const FLUSH_AT: usize = 256 << 10;

/// Waits until no memtable waits for the flusher.
fn settle(db: &Db, changes: &mut SnapshotWatch) {
    while db.stats().frozen_memtables > 0 {
        changes.next_blocking().unwrap();
    }
}

#[test]
fn a_flush_happens_at_the_configured_bytes() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(FLUSH_AT).open_blocking().unwrap();
    let mut changes = db.watch();
    let mut flushes = 0;
    for n in 0..3_000_i64 {
        let before = db.stats();
        db.write_blocking(batch(&key("m", 0), (n * 10..n * 10 + 10).map(|nanos| (nanos, nanos)))).unwrap();
        settle(&db, &mut changes);
        let after = db.stats();
        if after.files > before.files {
            // The memtable was full before this write, so the write went into an empty memtable.
            assert!(before.active_bytes >= FLUSH_AT as u64, "flushed at {} bytes", before.active_bytes);
            assert_eq!((after.files, after.active_points), (before.files + 1, 10));
            flushes += 1;
        } else {
            assert!(before.active_bytes < FLUSH_AT as u64, "not flushed at {} bytes", before.active_bytes);
            assert_eq!(after.active_points, before.active_points + 10);
        }
    }
    // A point takes 20 bytes, allocated in chunks of 1,024 points.
    assert!((2..=3).contains(&flushes), "{flushes} flushes of 600 KB");
    assert_eq!(db.stats().points, 30_000);
}

#[test]
fn nothing_is_flushed_alone_for_being_last() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(FLUSH_AT).open_blocking().unwrap();
    for n in 0..50 {
        db.write_blocking(batch(&key("m", 0), [(n, 1.0)])).unwrap();
    }
    let stats = db.stats();
    assert_eq!((stats.files, stats.frozen_memtables, stats.active_points), (0, 0, 50));
}
