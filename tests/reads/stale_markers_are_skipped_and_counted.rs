//! Stale markers: the store keeps their bits, while windows and aggregates are those of the other points.

use std::time::Duration;

use timestrata::{Aggregate, Batch, Db, Period, Query, STALE_MARKER_BITS, Selector, SeriesKey, Timestamp, Windows};

use crate::common::Home;

/// Points per series: two full blocks and a partial one.
const POINTS: i64 = 20_000;
const AGGREGATES: [&str; 24] = [
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "spread",
    "first",
    "last",
    "first_time",
    "last_time",
    "p50",
    "p90",
    "stddev",
    "variance",
    "mode",
    "distinct",
    "increase",
    "rate",
    "delta",
    "derivative",
    "integral",
    "changes",
    "resets",
    "p10",
];

/// What the n-th point of the series is. The last point of the range and some points of two of three blocks are markers.
fn is_marker(series: i64, n: i64) -> bool {
    series == 0 && (n == POINTS - 1 || n < 8_192 && n % 1_000 == 7)
}

fn value(series: i64, n: i64) -> f64 {
    // A NaN that is no marker counts as a value.
    if series == 1 && n % 5_000 == 4_999 {
        f64::NAN
    } else {
        f64::from(i32::try_from(n * 7 % 1_000 + series + 1).unwrap())
    }
}

/// Writes the points in two parts, with the markers or without.
fn write(db: &Db, with_markers: bool, after_part: impl Fn(&Db)) {
    for part in [0..POINTS / 2, POINTS / 2..POINTS] {
        let mut batch = Batch::new();
        for series in 0..3 {
            let key = SeriesKey::new("x").tag("host", series.to_string());
            for n in part.clone() {
                match (is_marker(series, n), with_markers) {
                    (true, false) => {}
                    (true, true) => batch.push_key(&key, Timestamp::from_secs(n), f64::from_bits(STALE_MARKER_BITS)),
                    (false, _) => batch.push_key(&key, Timestamp::from_secs(n), value(series, n)),
                }
            }
        }
        db.write_blocking(batch).unwrap();
        after_part(db);
    }
}

/// Queries of each kind: one window, windows, overlapping windows, groups, a rank, a range with a lookback.
fn queries(db: &Db) -> Vec<Query> {
    let all = || {
        let aggregates = AGGREGATES.map(|name| name.parse::<Aggregate>().unwrap());
        db.snapshot().query(Selector::metric("x")).aggregates(aggregates)
    };
    let hour = Duration::from_hours(1);
    let range = Timestamp::from_secs(4_007)..Timestamp::from_secs(12_000);
    vec![
        all(),
        all().every(Period::from(hour)),
        all().every(Period::from(hour / 4)).over(hour),
        all().every(Period::from(hour)).group_all(),
        all().every(Period::from(Duration::from_secs(100))).top(2, Aggregate::Mean),
        all().range(range).lookback(hour).every(Period::from(hour)),
    ]
}

/// Returns the rows as text, since a NaN equals nothing.
fn rows(answer: &Windows) -> String {
    format!("{:?}", answer.series)
}

#[test]
fn windows_are_those_of_the_points_without_the_markers_in_every_layout() {
    let homes = [Home::new(), Home::new(), Home::new()];
    let oracle = Db::builder("without").in_memory().open_blocking().unwrap();
    write(&oracle, false, |_| {});
    let [memory, flushed, compacted] = homes.each_ref().map(Home::open);
    write(&memory, true, |_| {});
    for db in [&flushed, &compacted] {
        write(db, true, |db| db.flush_blocking().unwrap());
    }
    compacted.compact_blocking().unwrap();
    assert_eq!((memory.stats().files, flushed.stats().files, compacted.stats().files), (0, 2, 1));
    let markers = (0..POINTS).filter(|n| is_marker(0, *n)).count() as u64;
    for (number, expected) in queries(&oracle).into_iter().enumerate() {
        // Sums from statistics may be rounded otherwise; without them the rows have the same bits.
        let expected = expected.statistics(false).run_blocking().unwrap();
        assert_eq!(expected.stale_markers, 0);
        for db in [&memory, &flushed, &compacted] {
            let query = queries(db).swap_remove(number);
            let answer = query.clone().statistics(false).run_blocking().unwrap();
            assert_eq!(rows(&answer), rows(&expected), "query {number}");
            let by_statistics = query.run_blocking().unwrap();
            assert_eq!(by_statistics.stale_markers, answer.stale_markers);
            if number != 5 {
                assert_eq!(answer.stale_markers, markers, "query {number}");
            }
        }
    }
}

/// A block with any NaN is read, since its statistics do not say which NaN it has; the others are answered by theirs.
#[test]
fn statistics_of_blocks_hide_no_marker() {
    let home = Home::new();
    let db = home.open();
    write(&db, true, |db| db.flush_blocking().unwrap());
    db.compact_blocking().unwrap();
    let query = |host: &str, name: &str| {
        let selector = Selector::metric("x").tag("host", host);
        db.snapshot().query(selector).aggregate(name.parse::<Aggregate>().unwrap()).explain_blocking().unwrap()
    };
    for name in ["count", "min", "max", "last", "sum", "mean"] {
        let (answer, report) = query("0", name);
        assert_eq!((report.blocks_by_statistics, report.blocks_decoded), (1, 2), "{name}");
        assert_eq!(answer.stale_markers, 10, "{name}");
        let (answer, report) = query("2", name);
        assert_eq!((report.blocks_by_statistics, report.blocks_decoded), (3, 0), "{name}");
        assert_eq!(answer.stale_markers, 0, "{name}");
    }
    let (answer, _) = query("0", "count");
    assert_eq!(answer.series[0].values[0].get(0), Some(timestrata::Value::U64(20_000 - 10)));
}

#[test]
fn the_store_keeps_the_bits_of_a_marker() {
    let home = Home::new();
    let db = home.open();
    write(&db, true, |db| db.flush_blocking().unwrap());
    let selector = Selector::metric("x").tag("host", "0");
    for _ in 0..2 {
        let points =
            db.snapshot().query(selector.clone()).points().map(|item| item.unwrap().1.value.as_f64().to_bits());
        assert_eq!(points.filter(|bits| *bits == STALE_MARKER_BITS).count(), 10);
        let latest = db.snapshot().query(selector.clone()).latest_blocking().unwrap();
        assert_eq!(latest[0].1.value.as_f64().to_bits(), STALE_MARKER_BITS);
        db.compact_blocking().unwrap();
    }
}

/// A series of markers alone has no window.
#[test]
fn markers_alone_are_no_window() {
    let db = Db::builder("markers").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for secs in 0..10 {
        batch.push_key(&SeriesKey::new("x"), Timestamp::from_secs(secs), f64::from_bits(STALE_MARKER_BITS));
    }
    db.write_blocking(batch).unwrap();
    for _ in 0..2 {
        let answer = db.snapshot().query(Selector::all()).aggregate(Aggregate::Count).run_blocking().unwrap();
        assert_eq!((answer.len(), answer.stale_markers), (0, 10));
        db.flush_blocking().unwrap();
    }
}
