//! LESSONS row 3: the memtable is flushed when it holds the configured bytes, not before, and not again and again.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, batch, key};
use timestrata::{Changes, Db};

const FLUSH_AT: usize = 256 << 10;

/// Waits until nothing waits for the flusher.
fn settle(db: &Db, changes: &mut Changes) {
    while db.stats().frozen > 0 {
        changes.next_blocking().unwrap();
    }
}

#[test]
fn a_flush_happens_at_the_configured_bytes() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(FLUSH_AT).open_blocking().unwrap();
    let mut changes = db.changes();
    let mut flushes = 0;
    for n in 0..3_000_i64 {
        let before = db.stats();
        db.write_blocking(batch(&key("m", 0), (n * 10..n * 10 + 10).map(|nanos| (nanos, nanos)))).unwrap();
        settle(&db, &mut changes);
        let after = db.stats();
        if after.files > before.files {
            // Full before this write, which went into an empty memtable.
            assert!(before.active_bytes >= FLUSH_AT as u64, "flushed at {} bytes", before.active_bytes);
            assert_eq!((after.files, after.active_points), (before.files + 1, 10));
            flushes += 1;
        } else {
            assert!(before.active_bytes < FLUSH_AT as u64, "not flushed at {} bytes", before.active_bytes);
            assert_eq!(after.active_points, before.active_points + 10);
        }
    }
    // 20 bytes a point, allocated ahead by a chunk of 1,024.
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
    assert_eq!((stats.files, stats.frozen, stats.active_points), (0, 0, 50));
}
