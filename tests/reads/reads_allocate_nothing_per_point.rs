//! Reads allocate per query, series, file and block, never per point, and copy no definition of a series.

use allocation_counter::AllocationInfo;
use timestrata::{Aggregate, Batch, Db, Selector, Snapshot};

use crate::common::{Home, at, key};

/// Creates a compacted database.
fn filled(home: &Home, name: &str, series: usize, points: i64) -> Db {
    let db = Db::open_blocking(home.beside(name)).unwrap();
    for series in 0..series {
        let mut batch = Batch::new();
        // Steps of different lengths, so that neither column collapses to a constant.
        (0..points).for_each(|n| batch.push_key(&key("m", series), at(n * n), n * 7 % 1_000));
        db.write_blocking(batch).unwrap();
    }
    db.compact_blocking().unwrap();
    db
}

/// Returns the allocations of the second run, which finds the caches filled.
fn allocations<T>(read: impl Fn() -> T) -> AllocationInfo {
    drop(read());
    allocation_counter::measure(|| drop(read()))
}

fn scan(snapshot: &Snapshot) -> usize {
    let mut cursor = snapshot.scan_series(Selector::all()).cursor().unwrap();
    let mut points = 0;
    while let Some(chunk) = cursor.next_chunk().unwrap() {
        points += chunk.timestamps.len();
    }
    points
}

fn query(snapshot: &Snapshot) {
    let query = snapshot.query(Selector::all()).aggregate(Aggregate::Sum).statistics(false).threads(1);
    drop(query.run_blocking().unwrap());
}

#[test]
fn ten_times_the_points_cost_no_allocation_per_point() {
    let home = Home::new();
    let dbs = [(1, 2_000), (10, 20_000)].map(|(times, points)| (times, filled(&home, &format!("{times}"), 20, points)));
    let [few, many] = dbs.each_ref().map(|(times, db)| {
        let snapshot = db.snapshot();
        assert_eq!(scan(&snapshot), 20 * 2_000 * times);
        [allocations(|| scan(&snapshot)), allocations(|| query(&snapshot))]
    });
    for (few, many) in few.iter().zip(&many) {
        assert!(many.count_total <= few.count_total + 10, "{few:?} {many:?}");
        // Buffers grow up to their bounds: for 360,000 points more, less than a byte each, and at most a megabyte.
        assert!(many.bytes_total <= few.bytes_total + (1 << 20), "{few:?} {many:?}");
    }
}

#[test]
fn ten_times_the_series_cost_few_bytes_per_series() {
    let home = Home::new();
    let dbs = [100, 1_000].map(|series| filled(&home, &format!("{series}"), series, 100));
    let [few, many] = dbs.each_ref().map(|db| {
        let snapshot = db.snapshot();
        [allocations(|| scan(&snapshot)), allocations(|| query(&snapshot))]
    });
    for (few, many) in few.iter().zip(&many) {
        println!("{few:?} {many:?}");
    }
    let more = |of: fn(&AllocationInfo) -> u64| [0, 1].map(|read| of(&many[read]) - of(&few[read]));
    let [scanned, queried] = more(|info| info.count_total);
    let [scanned_bytes, queried_bytes] = more(|info| info.bytes_total);
    let series = 900;
    assert!(scanned < series / 10 && scanned_bytes < series * 40, "a scan: {scanned}, {scanned_bytes} bytes");
    // Each series has a row in the result.
    assert!(queried < series * 8 && queried_bytes < series * 2_000, "a query: {queried}, {queried_bytes} bytes");
}

/// Runs a query of overlapping windows with a lookback and a function.
fn overlapping_windows(snapshot: &Snapshot, aggregate: Aggregate, length: u64) {
    let length = std::time::Duration::from_nanos(length);
    let query = snapshot.query(Selector::all()).every(length * 4).over(length * 10).closed(timestrata::Edge::End);
    let query = query.aggregate(aggregate).range(at(1)..).lookback(length);
    let query = query.window_function(timestrata::WindowFunction::CumulativeMax).group_all();
    drop(query.statistics(false).threads(1).run_blocking().unwrap());
}

#[test]
fn every_operator_allocates_per_window_and_not_per_point() {
    let home = Home::new();
    // The windows of the second database are a hundred times as long, so that both have equally many.
    let dbs = [(1, 2_000), (10, 20_000)].map(|(times, points)| (times, filled(&home, &format!("{times}"), 2, points)));
    for aggregate in timestrata::testing::all_aggregates() {
        let [few, many] = dbs.each_ref().map(|(times, db)| {
            let snapshot = db.snapshot();
            allocations(|| overlapping_windows(&snapshot, aggregate, 100_000 * times * times))
        });
        // Of 36,000 points more, quantiles leave bins of the sketch, and distinct values are kept.
        let (count, bytes) = match aggregate {
            Aggregate::Quantile(_) | Aggregate::QuantileLinear(_) | Aggregate::QuantileNearest(_) => (500, 1 << 20),
            Aggregate::Mode | Aggregate::Distinct => (200, 8 << 20),
            _ => (10, 1 << 20),
        };
        assert!(many.count_total <= few.count_total + count, "{aggregate}: {few:?} {many:?}");
        assert!(many.bytes_total <= few.bytes_total + bytes, "{aggregate}: {few:?} {many:?}");
    }
}
