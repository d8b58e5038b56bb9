//! Writes with late points and duplicates, deletes, flushes, compactions and reopenings in every order, for each
//! duplicate policy. At every step a read returns the points of an in-memory oracle.

use proptest::prelude::*;
use timestrata::{Batch, Db, DuplicatePolicy, Point, Selector, SeriesKey, Timestamp};

const SERIES: usize = 3;

/// One step. There are few times and series, so that steps affect the same points.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(usize, i64)>),
    Delete { series: Option<usize>, first: i64, last: i64 },
    Flush,
    Compact,
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let point = (0..SERIES, 0..40_i64);
    prop_oneof![
        6 => prop::collection::vec(point, 1..12).prop_map(Step::Write),
        3 => (prop::option::of(0..SERIES), 0..40_i64, 0..20_i64)
            .prop_map(|(series, first, len)| Step::Delete { series, first, last: first + len }),
        2 => Just(Step::Flush),
        2 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

fn key(series: usize) -> SeriesKey {
    SeriesKey::new("m").tag("n", series.to_string())
}

/// Points in order of arrival. A delete removes the points that it hides.
#[derive(Debug, Default)]
struct Oracle {
    points: Vec<(usize, i64, i64)>,
}

impl Oracle {
    fn read(&self, series: usize, duplicates: DuplicatePolicy) -> Vec<(i64, i64)> {
        let own = self.points.iter().filter(|(of, ..)| *of == series);
        let mut points: Vec<(i64, i64)> = own.map(|(_, at, value)| (*at, *value)).collect();
        points.sort_by_key(|(at, _)| *at);
        match duplicates {
            DuplicatePolicy::KeepFirst => points.dedup_by_key(|(at, _)| *at),
            DuplicatePolicy::KeepLast => {
                points.reverse();
                points.dedup_by_key(|(at, _)| *at);
                points.reverse();
            }
            DuplicatePolicy::KeepAll => {}
        }
        points
    }
}

fn check(db: &Db, oracle: &Oracle, duplicates: DuplicatePolicy, what: &str) {
    let snapshot = db.snapshot();
    for series in 0..SERIES {
        let expected = oracle.read(series, duplicates);
        let is_listed = snapshot.find_series(&key(series)).is_some();
        assert!(is_listed || expected.is_empty(), "{what}: series {series} has points and is not listed");
        let is_looked_at = what == "after Compact";
        assert!(
            !is_looked_at || !is_listed || !expected.is_empty(),
            "{what}: series {series} is listed without a point"
        );
        let Ok(handle) = snapshot.series::<i64>(&key(series)) else {
            assert!(expected.is_empty(), "{what}: series {series} is not there");
            continue;
        };
        let pair = |point: Point<i64>| (point.timestamp.as_nanos(), point.value);
        let found: Vec<_> = snapshot.scan(handle, ..).collect_blocking().unwrap().into_iter().map(pair).collect();
        assert_eq!(found, expected, "{what}: series {series}");
        assert_eq!(snapshot.latest_blocking(handle).unwrap().map(pair), expected.last().copied(), "{what}: the latest");
        let part = Timestamp::from_nanos(7)..Timestamp::from_nanos(23);
        let found: Vec<_> = snapshot.scan(handle, part).collect_blocking().unwrap().into_iter().map(pair).collect();
        let expected: Vec<_> = expected.into_iter().filter(|(at, _)| (7..23).contains(at)).collect();
        assert_eq!(found, expected, "{what}: a part of series {series}");
    }
}

fn run(duplicates: DuplicatePolicy, steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let open = || Db::builder(&path).duplicates(duplicates).open_blocking().unwrap();
    let mut db = open();
    let (mut oracle, mut value) = (Oracle::default(), 0);
    for step in steps {
        match step {
            Step::Write(points) => {
                let mut batch = Batch::new();
                for (series, at) in points {
                    value += 1;
                    batch.push_key(&key(*series), Timestamp::from_nanos(*at), value);
                    oracle.points.push((*series, *at, value));
                }
                db.write_blocking(batch).unwrap();
            }
            Step::Delete { series, first, last } => {
                let select = Selector::metric("m");
                let select = match series {
                    Some(series) => select.tag("n", series.to_string()),
                    None => select,
                };
                let range = Timestamp::from_nanos(*first)..=Timestamp::from_nanos(*last);
                db.delete_blocking(select, range).unwrap();
                oracle
                    .points
                    .retain(|(of, at, _)| series.is_some_and(|series| series != *of) || !(*first..=*last).contains(at));
            }
            Step::Flush => db.flush_blocking().unwrap(),
            Step::Compact => {
                db.compact_blocking().unwrap();
                let stats = db.stats();
                assert!(stats.levels.iter().all(|level| level.level == 7), "{stats:?}");
                assert_eq!(stats.tombstones, 0, "nothing older is left: {stats:?}");
                let left: usize = (0..SERIES).map(|series| oracle.read(series, duplicates).len()).sum();
                assert_eq!(stats.points, left as u64, "what is hidden was taken out");
            }
            Step::Reopen => {
                db.close_blocking().unwrap();
                db = open();
            }
            Step::Crash => {
                drop(db);
                db = open();
            }
        }
        check(&db, &oracle, duplicates, &format!("after {step:?}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_the_order(
        duplicates in prop_oneof![
            Just(DuplicatePolicy::KeepAll), Just(DuplicatePolicy::KeepLast), Just(DuplicatePolicy::KeepFirst)
        ],
        steps in prop::collection::vec(step(), 1..24),
    ) {
        run(duplicates, &steps);
    }
}

const fn delete_of(series: usize) -> Step {
    Step::Delete { series: Some(series), first: 0, last: 39 }
}

/// influxdb 8822: the first series without remaining points ended the compaction.
#[test]
fn a_series_that_is_deleted_whole_takes_no_later_one_with_it() {
    let all = Step::Write(vec![(0, 1), (1, 1), (2, 1), (0, 2), (2, 2)]);
    run(DuplicatePolicy::KeepAll, &[all, Step::Flush, delete_of(0), Step::Compact, Step::Reopen]);
}

/// influxdb 7706: a delete dropped all files in its time range, including files of other series.
#[test]
fn a_file_stays_for_the_series_that_a_delete_spares() {
    let (both, other) = (Step::Write(vec![(0, 1), (1, 1)]), Step::Write(vec![(2, 1)]));
    run(DuplicatePolicy::KeepAll, &[both, Step::Flush, delete_of(0), other, Step::Flush, Step::Reopen]);
}

/// leveldb 320: a newer value moved to a deeper level than an older one, and the older one was then read as the newest.
#[test]
fn a_value_never_sinks_below_the_one_that_it_supersedes() {
    let write = || Step::Write(vec![(0, 1), (1, 7)]);
    let steps = [write(), Step::Flush, write(), Step::Flush, write(), Step::Flush, Step::Compact, Step::Reopen];
    for duplicates in [DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst, DuplicatePolicy::KeepAll] {
        run(duplicates, &steps);
    }
}
