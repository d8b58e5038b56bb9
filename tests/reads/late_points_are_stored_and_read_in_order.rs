//! A point may be late by any amount of time: it is stored, and read in time order.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use timestrata::{Aggregate, Db, Selector};

use crate::common::{Home, all, at, batch, key};
use timestrata::testing::SeededRng;

const POINTS: usize = 4_000;

/// Returns every time once, in random order.
fn shuffled() -> Vec<i64> {
    let (mut numbers, mut times) = (SeededRng::new(7), (0..i64::try_from(POINTS).unwrap()).collect::<Vec<_>>());
    for n in (1..POINTS).rev() {
        times.swap(n, usize::try_from(numbers.below(n as u64 + 1)).unwrap());
    }
    times
}

fn expect_in_order(db: &Db) {
    let snapshot = db.snapshot();
    let expected: Vec<(i64, i64)> = (0..i64::try_from(POINTS).unwrap()).map(|n| (n, -n)).collect();
    assert!(all::<i64>(&snapshot, &key("m", 0)) == expected);
    let series = snapshot.series::<i64>(&key("m", 0)).unwrap();
    assert_eq!(
        crate::common::pairs(&snapshot.scan(series, at(1_000)..at(1_003)).collect_blocking().unwrap()),
        expected[1_000..1_003]
    );
    assert_eq!(snapshot.latest_blocking(series).unwrap().unwrap().timestamp, at(expected[POINTS - 1].0));
    let first = snapshot.query(Selector::metric("m")).aggregate(Aggregate::First).run_blocking().unwrap();
    assert_eq!(first.series[0].values, [[Some(timestrata::Value::I64(0))]]);
}

#[test]
fn late_points_are_stored_and_read_in_order() {
    let times = shuffled();
    // All points in the memtable; in files that all overlap each other; and in both.
    for flush_every in [usize::MAX, 500, 700] {
        let home = Home::new();
        let db = home.open();
        for (n, chunk) in times.chunks(50).enumerate() {
            db.write_blocking(batch(&key("m", 0), chunk.iter().map(|time| (*time, -time)))).unwrap();
            if (n + 1) * 50 % flush_every == 0 {
                db.flush_blocking().unwrap();
            }
        }
        expect_in_order(&db);
        drop(db);
        let db = home.open();
        expect_in_order(&db);
        db.close_blocking().unwrap();
        expect_in_order(&home.open());
    }
}

#[test]
fn the_ends_of_time_are_times_like_others() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(i64::MAX, 1_i64), (i64::MIN, 2), (0, 3)])).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(batch(&key("m", 0), [(i64::MIN, 4_i64), (i64::MAX, 5), (-1, 6)])).unwrap();
    let expected = [(i64::MIN, 2), (i64::MIN, 4), (-1, 6), (0, 3), (i64::MAX, 1), (i64::MAX, 5)];
    assert_eq!(all::<i64>(&db.snapshot(), &key("m", 0)), expected);
    let snapshot = db.snapshot();
    let series = snapshot.series::<i64>(&key("m", 0)).unwrap();
    let scan = |range: (Bound<_>, Bound<_>)| snapshot.scan(series, range).collect_blocking().unwrap().len();
    assert_eq!(scan((Included(at(i64::MAX)), Included(at(i64::MAX)))), 2);
    assert_eq!(scan((Excluded(at(i64::MIN)), Excluded(at(i64::MAX)))), 2);
    assert_eq!(scan((Excluded(at(i64::MAX)), Unbounded)), 0);
    assert_eq!(scan((Unbounded, Excluded(at(i64::MIN)))), 0);
    assert_eq!(scan((Included(at(5)), Included(at(-5)))), 0);
}
