//! Counts are derived from the data, not kept separately: the numbers of the handle equal the numbers of a scan.

use timestrata::{Db, Selector};

use crate::common::{Home, all, batch, key};

fn counted(db: &Db) -> u64 {
    let snapshot = db.snapshot();
    let scan = snapshot.query(Selector::all()).points();
    scan.map(|point| drop(point.unwrap())).count() as u64
}

#[test]
fn the_memtable_size_is_counted_from_its_points() {
    let home = Home::new();
    let db = home.open();
    assert_eq!((db.stats().active_points, db.stats().active_bytes), (0, 0));
    let (mut written, mut bytes) = (0, 0);
    for round in 0..40_u32 {
        // The same timestamp twice, a late point, and series that appear during the test.
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
    assert_eq!((stats.active_points, stats.active_bytes, stats.frozen_memtables, stats.frozen_bytes), (0, 0, 0, 0));
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
fn memory_that_a_snapshot_holds_over_a_flush_is_reported() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), (0..1_000).map(|n| (n, 1.0)))).unwrap();
    let bytes = db.stats().active_bytes;
    let snapshot = db.snapshot();
    db.flush_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.pinned_memtables, stats.pinned_memtable_bytes), (1, bytes));
    assert_eq!((stats.active_bytes, stats.frozen_bytes), (0, 0), "it is counted once");
    while db.stats().pinned_memtables_age <= stats.pinned_memtables_age {
        std::thread::yield_now();
    }
    // A memtable without a pin is not reported, even directly after the flush.
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.flush_blocking().unwrap();
    assert_eq!((db.stats().pinned_memtables, db.stats().pinned_memtable_bytes), (1, bytes));
    assert_eq!(all::<f64>(&snapshot, &key("m", 0)).len(), 1_000);
    drop(snapshot);
    // The pin is released in the turn after the one that answers the first sync.
    db.sync_blocking().unwrap();
    db.sync_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.pinned_memtables, stats.pinned_memtable_bytes, stats.pinned_memtables_age.as_nanos()), (0, 0, 0));
}

#[test]
fn the_series_take_more_memory_with_each_one() {
    let home = Home::new();
    let db = home.open();
    let mut before = db.stats().series_bytes;
    for n in 0..10 {
        db.create_series(key("m", n)).blocking().unwrap();
        let now = db.stats().series_bytes;
        assert!((100..200).contains(&(now - before)), "{before} and then {now}");
        before = now;
    }
    db.create_series(key("m", 0)).blocking().unwrap();
    assert_eq!(db.stats().series_bytes, before);
    db.close_blocking().unwrap();
    assert_eq!(home.open().stats().series_bytes, before);
}
