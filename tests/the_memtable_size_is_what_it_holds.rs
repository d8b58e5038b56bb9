//! LESSONS row 2: counts come from the data and never beside it; what the handle tells is what a scan finds.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, all, batch, key};
use timestrata::{Db, Select};

fn counted(db: &Db) -> u64 {
    let snapshot = db.snapshot();
    let scan = snapshot.query(Select::all()).scan();
    scan.map(|point| drop(point.unwrap())).count() as u64
}

#[test]
fn the_memtable_size_is_what_it_holds() {
    let home = Home::new();
    let db = home.open();
    assert_eq!((db.stats().active_points, db.stats().active_bytes), (0, 0));
    let (mut written, mut bytes) = (0, 0);
    for round in 0..40_u32 {
        // One timestamp twice, a late one, and series that appear on the way.
        let nanos = i64::from(round);
        let mut points = batch(&key("m", round as usize % 7), [(nanos, 1.0), (nanos, 1.0), (nanos - 20, 2.0)]);
        if round % 5 == 0 {
            points = batch(&key("n", round as usize), (0..100).map(|n| (n, true)));
        }
        written += points.len() as u64;
        db.write_blocking(points).unwrap();
        let stats = db.stats();
        assert_eq!((stats.active_points, stats.points), (written, written));
        assert_eq!(counted(&db), written);
        assert!(stats.active_bytes >= bytes && stats.active_bytes >= 20 * written, "{stats:?}");
        bytes = stats.active_bytes;
    }
    db.flush_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.active_points, stats.active_bytes, stats.frozen, stats.frozen_bytes), (0, 0, 0, 0));
    assert_eq!((stats.file_points, stats.points, counted(&db)), (written, written, written));
}

#[test]
fn a_refused_batch_leaves_the_size_as_it_was() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    let before = db.stats();
    assert!(db.write_blocking(batch(&key("m", 0), [(1, true)])).is_err());
    let stats = db.stats();
    assert_eq!((stats.points, stats.active_bytes, stats.seq), (before.points, before.active_bytes, before.seq));
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)), [(1, 1.0)]);
}

#[test]
fn memory_that_a_snapshot_holds_over_a_flush_is_told() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), (0..1_000).map(|n| (n, 1.0)))).unwrap();
    let bytes = db.stats().active_bytes;
    let snapshot = db.snapshot();
    db.flush_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.pinned_memtables, stats.pinned_memory), (1, bytes));
    assert_eq!((stats.active_bytes, stats.frozen_bytes), (0, 0), "it is counted once");
    while db.stats().pinned_memory_for <= stats.pinned_memory_for {
        std::thread::yield_now();
    }
    // What nobody holds is not told, however soon it is asked for.
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.flush_blocking().unwrap();
    assert_eq!((db.stats().pinned_memtables, db.stats().pinned_memory), (1, bytes));
    assert_eq!(all::<f64>(&snapshot, &key("m", 0)).len(), 1_000);
    drop(snapshot);
    // The turn after the one that this is answered in.
    db.sync_blocking().unwrap();
    db.sync_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.pinned_memtables, stats.pinned_memory, stats.pinned_memory_for.as_nanos()), (0, 0, 0));
}

#[test]
fn the_series_take_more_memory_with_each_one() {
    let home = Home::new();
    let db = home.open();
    let mut before = db.stats().series_bytes;
    for n in 0..10 {
        db.series_blocking(key("m", n)).unwrap();
        let now = db.stats().series_bytes;
        assert!((200..1_000).contains(&(now - before)), "{before} and then {now}");
        before = now;
    }
    db.series_blocking(key("m", 0)).unwrap();
    assert_eq!(db.stats().series_bytes, before);
    db.close_blocking().unwrap();
    assert_eq!(home.open().stats().series_bytes, before);
}
