//! The result of a scan does not change during writes, freezes, flushes and a close. The scan holds no lock and no
//! copy.

use timestrata::{Error, Selector};

use crate::common::{Home, all, at, batch, key};

const POINTS: i64 = 20_000;

#[test]
fn an_iterator_survives_any_write() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(1 << 20).open_blocking().unwrap();
    let own = key("m", 0);
    // Half of the points are in an SST, half in the memtable.
    db.write_blocking(batch(&own, (0..POINTS / 2).map(|n| (2 * n, n)))).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(batch(&own, (POINTS / 2..POINTS).map(|n| (2 * n, n)))).unwrap();
    let expected: Vec<(i64, i64)> = (0..POINTS).map(|n| (2 * n, n)).collect();

    let snapshot = db.snapshot();
    let series = snapshot.series::<i64>(&own).unwrap();
    let mut begun = snapshot.scan(series, ..).into_iter();
    let mut read: Vec<(i64, i64)> = Vec::new();
    let mut some = |count: usize| {
        read.extend(begun.by_ref().take(count).map(|point| {
            let point = point.unwrap();
            (point.timestamp.as_nanos(), point.value)
        }));
    };
    some(10);
    // Points before, between, at and after those of the series; late points and new series too.
    db.write_blocking(batch(&own, (0..POINTS).map(|n| (n, -1_i64)))).unwrap();
    db.write_blocking(batch(&key("m", 1), (0..POINTS).map(|n| (n, -2_i64)))).unwrap();
    some(5_000);
    db.flush_blocking().unwrap();
    some(4_000);
    // Enough writes to freeze and flush several memtables.
    for round in 0..20 {
        db.write_blocking(batch(&own, (0..5_000).map(|n| (n + round, -3_i64)))).unwrap();
    }
    some(100);
    db.flush_blocking().unwrap();
    let queried = snapshot.query(Selector::metric("m")).points();
    let late_scan = snapshot.scan(series, at(100)..at(200));
    db.close_blocking().unwrap();
    some(usize::MAX);
    assert_eq!(read, expected);
    // Scans that were created but not started before the close return the same points.
    let queried: Vec<(i64, timestrata::Value)> =
        queried.map(|item| item.map(|(_, point)| (point.timestamp.as_nanos(), point.value)).unwrap()).collect();
    assert_eq!(queried, expected.iter().map(|(time, value)| (*time, (*value).into())).collect::<Vec<_>>());
    assert_eq!(late_scan.collect_blocking().unwrap().len(), 50);
    assert_eq!(all::<i64>(&snapshot, &own), expected);

    // The snapshot holds the directory: no other opening succeeds until it is dropped.
    assert!(matches!(home.builder().open_blocking(), Err(Error::Locked { .. })));
    drop((snapshot, begun));
    assert_eq!(home.open().stats().points, 3 * POINTS as u64 + 100_000);
}

#[test]
fn a_snapshot_outlives_the_last_handle() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.5), (2, 2.5)])).unwrap();
    let snapshot = db.snapshot();
    let scan = snapshot.scan(snapshot.series::<f64>(&key("m", 0)).unwrap(), ..);
    drop((db, snapshot));
    assert_eq!(scan.collect_blocking().unwrap().len(), 2);
}
