//! The first steps of a new user.

use timestrata::{Aggregate, Batch, Db, Point, Selector, SeriesKey, Timestamp};

#[test]
fn a_first_database_writes_reopens_and_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let key = SeriesKey::new("temp").tag("station", "JFK");
    {
        let db = Db::open_blocking(&path).unwrap();
        assert!(db.open_report().created);
        let temp = db.create_series(key.clone()).blocking().unwrap();
        let mut batch = Batch::new();
        for n in 0..100 {
            batch.push(temp, Timestamp::from_secs(n * 60), f64::from(u32::try_from(n).unwrap()) / 10.0);
        }
        assert_eq!(db.write_blocking(batch).unwrap().seq, 2);
        assert_eq!(db.snapshot().scan(temp, ..).collect_blocking().unwrap().len(), 100);
    }
    // The database was dropped, not closed: its points are replayed into an SST.
    let db = Db::open_blocking(&path).unwrap();
    assert_eq!(db.open_report().replayed_points, 100);
    let temp = db.snapshot().series::<f64>(&key).unwrap();
    let mut batch = Batch::new();
    batch.push(temp, Timestamp::from_secs(60), 99.5);
    db.write_blocking(batch).unwrap();
    db.flush_blocking().unwrap();
    assert_eq!((db.stats().files, db.stats().points, db.stats().active_points), (2, 101, 0));
    let snapshot = db.snapshot();
    let points = snapshot.scan(temp, Timestamp::from_secs(60)..=Timestamp::from_secs(60)).collect_blocking().unwrap();
    let at = Timestamp::from_secs(60);
    assert_eq!(points, [Point { timestamp: at, value: 0.1 }, Point { timestamp: at, value: 99.5 }]);
    let windows = snapshot.query(Selector::metric("temp")).aggregate(Aggregate::Count).run_blocking().unwrap();
    assert_eq!(windows.series[0].values, [[Some(timestrata::Value::U64(101))]]);
    db.close_blocking().unwrap();
    assert!(matches!(Db::open_blocking(&path), Err(timestrata::Error::Locked { .. })));
    let latest = Point { timestamp: Timestamp::from_secs(99 * 60), value: 9.9 };
    assert_eq!(snapshot.latest_blocking(temp).unwrap(), Some(latest));
    drop(snapshot);
    assert_eq!(Db::open_blocking(&path).unwrap().open_report().replayed_records, 0);
}
