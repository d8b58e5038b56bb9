//! The newest point of a flushed series is in the index of its file: no block is decoded for it.

use timestrata::{Batch, Db, SeriesKey, Timestamp};

#[test]
fn the_latest_point_is_read_from_the_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open_blocking(dir.path().join("db")).expect("a new database");
    let load = db.create_series(SeriesKey::new("load")).blocking().expect("a new series");
    let mut batch = Batch::new();
    for n in 0..20_000 {
        batch.push(load, Timestamp::from_secs(n / 2), 0.25 * f64::from(u16::try_from(n).expect("it is small")));
    }
    db.write_blocking(batch).and_then(|_| db.flush_blocking()).expect("the disk takes it");
    let latest = db.snapshot().latest_blocking(load).expect("a sound file").expect("a point");
    // Of the two points at that time, the one that arrived last.
    assert_eq!((latest.timestamp, latest.value), (Timestamp::from_secs(9_999), 4_999.75));
    let stats = db.stats();
    assert_eq!((stats.files_opened, stats.index_pages_read, stats.blocks_decoded), (1, 1, 0));
}
