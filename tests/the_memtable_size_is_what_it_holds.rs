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
