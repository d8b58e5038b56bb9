//! A projection must keep the columns that duplicates and deletes need. One history, with late points, duplicates and
//! deletes, is stored in each layout (in memory, frozen, flushed, overlapping, merged), under each duplicate policy,
//! read by every read path, and grouped by each projection of its tags. The answer always equals the one computed from
//! the history.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use timestrata::testing::{Executor, SimDisk};
use timestrata::{Aggregate, Batch, Db, DuplicatePolicy, Point, Selector, SeriesKey, Snapshot, Value, ValueSlice};

use crate::common::at;

const HOSTS: [&str; 4] = ["a", "b", "c", "d"];
const ZONES: [&str; 4] = ["x", "x", "y", "y"];
const POLICIES: [DuplicatePolicy; 3] =
    [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];
/// First and last time of the ranges that are read; the last range is reversed.
const RANGES: [(i64, i64); 5] = [(i64::MIN, i64::MAX), (0, 39), (7, 18), (10, 10), (25, 24)];

fn key(series: usize) -> SeriesKey {
    SeriesKey::new("m").tag("host", HOSTS[series]).tag("zone", ZONES[series])
}

/// Operations on the database, in order.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(usize, i64, f64)>),
    Delete { zone: Option<&'static str>, times: RangeInclusive<i64> },
}

fn history() -> Vec<Step> {
    let mut value = 0.0;
    let mut write = |series: &[usize], times: &[i64]| {
        let mut points = Vec::new();
        for time in times {
            for series in series {
                value += 1.0;
                points.push((*series, *time, value));
            }
        }
        Step::Write(points)
    };
    let all = [0, 1, 2, 3];
    let rising: Vec<i64> = (0..30).collect();
    vec![
        write(&all, &rising),
        // Duplicates of existing points, late points, and duplicates within a batch.
        write(&all, &[5, 5, 12, 31, 31, 33]),
        Step::Delete { zone: Some("x"), times: 4..=9 },
        // Points in the deleted time range, of a series with a delete and of a series without one.
        write(&[0, 2], &[6, 6, 8, 34]),
        Step::Delete { zone: None, times: 20..=23 },
        write(&[1, 3], &[21, 5, 35, 36]),
    ]
}

/// Returns the points that remain after the history: for each series, in order of arrival.
fn told(steps: &[Step]) -> [Vec<(i64, f64)>; 4] {
    let mut points: [Vec<(i64, f64)>; 4] = Default::default();
    for step in steps {
        match step {
            Step::Write(batch) => batch.iter().for_each(|(series, time, value)| points[*series].push((*time, *value))),
            Step::Delete { zone, times } => {
                for (series, points) in points.iter_mut().enumerate() {
                    if zone.is_none_or(|zone| zone == ZONES[series]) {
                        points.retain(|(time, _)| !times.contains(time));
                    }
                }
            }
        }
    }
    points
}

/// Returns the visible points of one series in a range.
fn seen(points: &[(i64, f64)], range: &RangeInclusive<i64>, duplicates: DuplicatePolicy) -> Vec<(i64, f64)> {
    let mut seen: Vec<(i64, f64)> = points.iter().copied().filter(|(time, _)| range.contains(time)).collect();
    seen.sort_by_key(|(time, _)| *time);
    match duplicates {
        DuplicatePolicy::KeepAll => {}
        DuplicatePolicy::KeepFirst => seen.dedup_by_key(|(time, _)| *time),
        DuplicatePolicy::KeepLast => {
            seen.reverse();
            seen.dedup_by_key(|(time, _)| *time);
            seen.reverse();
        }
    }
    seen
}

/// Treatment of the memtable after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Flush,
    /// Freezes the memtable. The flusher is not run any more.
    Freeze,
    Compact,
}

use Then::{Compact, Flush, Freeze, Nothing};

const LAYOUTS: [(&str, [Then; 6]); 8] = [
    ("in memory", [Nothing; 6]),
    ("frozen", [Nothing, Nothing, Nothing, Nothing, Nothing, Freeze]),
    ("frozen in between", [Nothing, Freeze, Nothing, Nothing, Nothing, Nothing]),
    ("flushed at the end", [Nothing, Nothing, Nothing, Nothing, Nothing, Flush]),
    ("overlapping files", [Flush; 6]),
    ("file, frozen and memory", [Flush, Nothing, Nothing, Freeze, Nothing, Nothing]),
    ("merged at the end", [Flush, Flush, Flush, Flush, Flush, Compact]),
    ("merged before the deletes", [Flush, Compact, Nothing, Flush, Nothing, Nothing]),
];

fn laid_out(then: [Then; 6], duplicates: DuplicatePolicy) -> (Executor, Db) {
    let disk = SimDisk::new(7);
    let mut executor = Executor::new(&disk, 7);
    let db = executor.open(Db::builder("/data/db").duplicates(duplicates)).unwrap();
    for (step, then) in history().into_iter().zip(then) {
        let handle = db.clone();
        let done = match step {
            Step::Write(points) => {
                let mut batch = Batch::new();
                for (series, time, value) in points {
                    batch.push_key(&key(series), at(time), value);
                }
                executor.block_on(async move { handle.write(batch).await.map(drop) })
            }
            Step::Delete { zone, times } => {
                let select = zone.map_or_else(Selector::all, |zone| Selector::all().tag("zone", zone));
                executor.block_on(async move {
                    handle.delete(select, at(*times.start())..=at(*times.end())).await.map(drop)
                })
            }
        };
        done.unwrap().unwrap();
        let handle = db.clone();
        match then {
            Then::Nothing => {}
            Then::Flush => executor.block_on(async move { handle.flush().await }).unwrap().unwrap(),
            Then::Compact => executor.block_on(async move { handle.compact().await }).unwrap().unwrap(),
            Then::Freeze => {
                executor.pause_flusher(true);
                drop(executor.spawn(async move { handle.flush().await }));
                executor.run_until_idle();
                assert_eq!(db.stats().frozen_memtables, 1);
            }
        }
    }
    (executor, db)
}

type Pairs = Vec<(i64, f64)>;

fn pair(point: &Point<f64>) -> (i64, f64) {
    (point.timestamp.as_nanos(), point.value)
}

/// Reads the points of one series by every read path.
fn scans(snapshot: &Snapshot, series: usize, range: &RangeInclusive<i64>) -> Vec<(&'static str, Pairs)> {
    let handle = snapshot.series::<f64>(&key(series)).unwrap();
    let scan = || snapshot.scan(handle, at(*range.start())..=at(*range.end()));
    let collected = scan().collect_blocking().unwrap().iter().map(pair).collect();
    let iterated = scan().into_iter().map(|point| pair(&point.unwrap())).collect();
    let (mut chunks, mut by_column) = (scan().chunks(), Vec::new());
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        by_column.extend(chunk.points().map(|point| pair(&point)));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (streamed, awaited) = runtime.block_on(async {
        let (mut stream, mut streamed) = (scan().stream(), Vec::new());
        while let Some(point) = stream.next().await {
            streamed.push(pair(&point.unwrap()));
        }
        (streamed, scan().collect().await.unwrap().iter().map(pair).collect())
    });
    let select = Selector::metric("m").tag("host", HOSTS[series]);
    let query = snapshot.query(select).range(at(*range.start())..=at(*range.end())).points();
    let number = |value| match value {
        Value::F64(value) => value,
        other => panic!("{other:?} was never written"),
    };
    let queried = query.map(|item| item.unwrap().1).map(|point| (point.timestamp.as_nanos(), number(point.value)));
    vec![
        ("collect_blocking", collected),
        ("iter", iterated),
        ("columns", by_column),
        ("stream", streamed),
        ("collect", awaited),
        ("query.scan", queried.collect()),
    ]
}

/// Reads the points of all series by scans of many series in partitions, and checks them.
fn check_series_scans(snapshot: &Snapshot, points: &[Pairs; 4], range: &RangeInclusive<i64>, what: &str) {
    for (partitions, chunk_points) in [(1, 8_192), (3, 1), (9, 3)] {
        let scan = snapshot.scan_series(Selector::metric("m")).range(at(*range.start())..=at(*range.end()));
        let mut found: [Pairs; 4] = Default::default();
        for mut cursor in scan.chunk_points(chunk_points).partitions(partitions).unwrap() {
            while let Some(chunk) = cursor.next_chunk().unwrap() {
                let ValueSlice::F64(values) = chunk.values else { panic!("{what}: {:?}", chunk.values) };
                let series = (0..4).find(|series| key(*series) == chunk.series.key).unwrap();
                found[series].extend(chunk.timestamps.iter().map(|at| at.as_nanos()).zip(values.iter().copied()));
            }
        }
        assert_eq!(&found, points, "{what}: scan of many series in {partitions} partitions");
    }
}

/// Reads the newest points by every call that returns them.
fn check_newest(snapshot: &Snapshot, points: &[Vec<(i64, f64)>; 4], duplicates: DuplicatePolicy, what: &str) {
    let newest =
        |series: usize, before: i64| seen(&points[series], &(i64::MIN..=before - 1), duplicates).last().copied();
    let latest: Vec<_> = snapshot.latest_each_blocking(&Selector::all()).unwrap();
    for series in 0..4 {
        let handle = snapshot.series::<f64>(&key(series)).unwrap();
        let expected = newest(series, i64::MAX);
        assert_eq!(snapshot.latest_blocking(handle).unwrap().map(|point| pair(&point)), expected, "{what}: latest");
        let of_all = latest.iter().find(|(info, _)| info.key == key(series)).map(|(_, point)| point.value);
        assert_eq!(of_all, expected.map(|(_, value)| Value::F64(value)), "{what}: latest_each");
        for before in [0, 6, 9, 24, 33, 40] {
            let found = snapshot.latest_before_blocking(handle, at(before)).unwrap().map(|point| pair(&point));
            assert_eq!(found, newest(series, before), "{what}: latest_before {before} of {series}");
        }
    }
    for before in [6, 24] {
        let found = snapshot.latest_each_before_blocking(&Selector::metric("m"), at(before)).unwrap();
        let found: Vec<_> = found.iter().map(|(_, point)| point.value).collect();
        let expected: Vec<_> =
            (0..4).filter_map(|series| newest(series, before)).map(|(_, value)| Value::F64(value)).collect();
        assert_eq!(found, expected, "{what}: latest_each_before {before}");
    }
}

/// Count, sum, minimum and maximum of a window.
type Summary = (u64, f64, f64, f64);

/// Windows of a group by their starts. Without `every` there is one window, under 0.
fn expected(points: &[Pairs], every: Option<i64>) -> BTreeMap<i64, Summary> {
    let mut windows: BTreeMap<i64, Summary> = BTreeMap::new();
    for (time, value) in points.iter().flatten() {
        let start = every.map_or(0, |every| time.div_euclid(every) * every);
        let window = windows.entry(start).or_insert((0, 0.0, f64::INFINITY, f64::NEG_INFINITY));
        *window = (window.0 + 1, window.1 + value, window.2.min(*value), window.3.max(*value));
    }
    windows
}

/// Checks every projection of the tags, with decoded blocks and with statistics.
fn check_groups(snapshot: &Snapshot, points: &[Pairs; 4], range: &RangeInclusive<i64>, what: &str) {
    let by: [Option<&[&str]>; 5] = [None, Some(&["host"]), Some(&["zone"]), Some(&["zone", "host"]), Some(&[])];
    for (tags, every, statistics) in by.into_iter().flat_map(|tags| {
        [None, Some(7_u64)]
            .into_iter()
            .flat_map(move |every| [true, false].map(move |statistics| (tags, every, statistics)))
    }) {
        let query = snapshot.query(Selector::all()).range(at(*range.start())..=at(*range.end())).statistics(statistics);
        let query = query.aggregates([Aggregate::Count, Aggregate::Sum, Aggregate::Min, Aggregate::Max]);
        let query = match every {
            Some(every) => query.every(std::time::Duration::from_nanos(every)),
            None => query,
        };
        let query = match tags {
            Some(tags) => query.group_by(tags.iter().copied()),
            None => query,
        };
        let answer = query.run_blocking().unwrap();
        let mut groups: BTreeMap<Vec<&str>, Vec<Pairs>> = BTreeMap::new();
        for (series, points) in points.iter().enumerate() {
            let all = [("host", HOSTS[series]), ("zone", ZONES[series])];
            let kept = all.iter().filter(|(tag, _)| tags.is_none_or(|tags| tags.contains(tag)));
            groups.entry(kept.map(|(_, value)| *value).collect()).or_default().push(points.clone());
        }
        groups.retain(|_, points| points.iter().any(|points| !points.is_empty()));
        let found: BTreeMap<Vec<&str>, BTreeMap<i64, Summary>> = answer
            .series
            .iter()
            .map(|row| {
                let values = row.key.tags().map(|(_, value)| value).collect();
                let number = |value: Option<Value>| match value {
                    Some(Value::F64(value)) => value,
                    other => panic!("{other:?}"),
                };
                let windows = (0..row.starts.len()).map(|at| {
                    let values: Vec<Option<Value>> = row.row(at).collect();
                    let Some(Value::U64(count)) = values[0] else { panic!("{values:?}") };
                    let start = every.map_or(0, |_| row.starts[at].as_nanos());
                    (start, (count, number(values[1]), number(values[2]), number(values[3])))
                });
                (values, windows.collect())
            })
            .collect();
        let every_nanos = every.map(|every| i64::try_from(every).unwrap());
        let expected: BTreeMap<Vec<&str>, BTreeMap<i64, Summary>> =
            groups.iter().map(|(values, points)| (values.clone(), expected(points, every_nanos))).collect();
        assert_eq!(found, expected, "{what}: by {tags:?}, every {every:?}, by statistics: {statistics}");
    }
}

#[test]
fn whatever_the_layout() {
    let told = told(&history());
    for duplicates in POLICIES {
        for (layout, then) in LAYOUTS {
            let (_executor, db) = laid_out(then, duplicates);
            let snapshot = db.snapshot();
            for (first, last) in RANGES {
                let range = first..=last;
                let what = format!("{duplicates:?}, {layout}, {range:?}");
                let points = [0, 1, 2, 3].map(|series| seen(&told[series], &range, duplicates));
                for (series, points) in points.iter().enumerate() {
                    for (how, found) in scans(&snapshot, series, &range) {
                        assert_eq!(&found, points, "{what}: {how} of {series}");
                    }
                }
                check_series_scans(&snapshot, &points, &range, &what);
                check_groups(&snapshot, &points, &range, &what);
            }
            check_newest(&snapshot, &told, duplicates, &format!("{duplicates:?}, {layout}"));
        }
    }
}
