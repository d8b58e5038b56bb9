//! A point never replaces another one, in any combination of sources. Points at one timestamp are read in order of
//! arrival.

use timestrata::{Aggregate, Db, Selector, SeriesKey, Value};

use crate::common::{Home, all, batch};

fn expect(db: &Db, key: &SeriesKey, values: &[f64]) {
    let snapshot = db.snapshot();
    let expected: Vec<(i64, f64)> = values.iter().map(|value| (5, *value)).collect();
    assert_eq!(all::<f64>(&snapshot, key), expected);
    let series = snapshot.series::<f64>(key).unwrap();
    assert_eq!(snapshot.latest_blocking(series).unwrap().map(|point| point.value), values.last().copied());
    for (aggregate, value) in [
        (Aggregate::Count, Value::U64(values.len() as u64)),
        (Aggregate::First, Value::F64(values[0])),
        (Aggregate::Last, Value::F64(*values.last().unwrap())),
    ] {
        let windows = snapshot.query(Selector::metric("m")).aggregate(aggregate).run_blocking().unwrap();
        assert_eq!(windows.series[0].values, [[Some(value)]]);
    }
}

#[test]
fn two_points_at_one_timestamp_are_both_kept() {
    let home = Home::new();
    let key = SeriesKey::new("m");
    let db = home.open();
    // In one batch and in two batches, in the memtable.
    db.write_blocking(batch(&key, [(5, 3.0), (5, 1.0)])).unwrap();
    db.write_blocking(batch(&key, [(5, 2.0)])).unwrap();
    expect(&db, &key, &[3.0, 1.0, 2.0]);
    // In one SST.
    db.flush_blocking().unwrap();
    expect(&db, &key, &[3.0, 1.0, 2.0]);
    // In an SST and in the memtable. The same value twice is also two points.
    db.write_blocking(batch(&key, [(5, 2.0)])).unwrap();
    expect(&db, &key, &[3.0, 1.0, 2.0, 2.0]);
    // After replay.
    drop(db);
    let db = home.open();
    assert_eq!(db.open_report().replayed_points, 1);
    expect(&db, &key, &[3.0, 1.0, 2.0, 2.0]);
    // In three SSTs; a close flushed the last one.
    db.write_blocking(batch(&key, [(5, 0.5)])).unwrap();
    db.close_blocking().unwrap();
    let db = home.open();
    assert_eq!((db.stats().files, db.open_report().replayed_records), (3, 0));
    expect(&db, &key, &[3.0, 1.0, 2.0, 2.0, 0.5]);
}

#[test]
fn late_points_at_one_time_follow_those_that_arrived_before_them() {
    let home = Home::new();
    let key = SeriesKey::new("m");
    let db = home.open();
    // The second point at 5 is late: the point at 9 came before it.
    db.write_blocking(batch(&key, [(5, 1_i64), (9, 2)])).unwrap();
    db.write_blocking(batch(&key, [(5, 3_i64), (1, 4), (5, 5), (9, 6)])).unwrap();
    let expected = [(1, 4), (5, 1), (5, 3), (5, 5), (9, 2), (9, 6)];
    assert_eq!(all::<i64>(&db.snapshot(), &key), expected);
    db.flush_blocking().unwrap();
    assert_eq!(all::<i64>(&db.snapshot(), &key), expected);
    db.write_blocking(batch(&key, [(5, 7_i64)])).unwrap();
    let expected = [(1, 4), (5, 1), (5, 3), (5, 5), (5, 7), (9, 2), (9, 6)];
    assert_eq!(all::<i64>(&db.snapshot(), &key), expected);
    drop(db);
    assert_eq!(all::<i64>(&home.open().snapshot(), &key), expected);
}
