//! Summaries of blocks take the place of samples, and change no bit of an answer.

use std::time::Duration;

use timestrata::{Batch, Db, DuplicatePolicy, SeriesKey, Snapshot, Timestamp, Value};
use timestrata_promql::{Engine, EngineOptions, QueryResult, QueryValue, STALE_BITS};

use crate::runner::parser_options;

/// Points of a series: two blocks of 8,192 points and a rest, one each second.
const POINTS: i64 = 20_000;

/// Returns a database in memory, flushed or not, with one series of these values for each metric.
fn store(policy: DuplicatePolicy, is_flushed: bool, value: impl Fn(i64) -> Value) -> Snapshot {
    let db = Db::builder("summaries").in_memory().duplicates(policy).open_blocking().unwrap();
    let key = SeriesKey::new("x").tag("id", "1");
    let mut batch = Batch::new();
    for at in 0..POINTS {
        let time = Timestamp::from_secs(at);
        match value(at) {
            Value::F64(value) => batch.push_key(&key, time, value),
            Value::I64(value) => batch.push_key(&key, time, value),
            other => panic!("{other:?}"),
        }
    }
    db.write_blocking(batch).unwrap();
    if is_flushed {
        db.flush_blocking().unwrap();
    }
    db.snapshot()
}

fn run(snapshot: &Snapshot, query: &str) -> QueryResult {
    let (start, end) = (Timestamp::from_secs(10_000), Timestamp::from_secs(22_000));
    let engine = Engine::new(EngineOptions { parser: parser_options(), ..EngineOptions::default() });
    engine.range(snapshot, query, start, end, Duration::from_mins(50)).unwrap().run_blocking().unwrap()
}

fn bits(result: &QueryResult) -> Vec<(Timestamp, u64)> {
    let QueryValue::Matrix(list) = &result.value else { panic!("{result:?}") };
    list.iter().flat_map(|series| &series.points).map(|(time, value)| (*time, value.to_bits())).collect()
}

/// Value at each second.
type Values<'a> = &'a dyn Fn(i64) -> Value;

const FUNCTIONS: [&str; 6] = ["count", "min", "max", "first", "last", "present"];

#[test]
fn blocks_within_windows_are_not_read_and_answers_keep_their_bits() {
    let value = |at: i64| Value::F64(f64::from(i32::try_from(at * 7_919 % 1_009).unwrap()) / 8.0 + 1.0);
    let (memory, files) =
        (store(DuplicatePolicy::KeepLast, false, value), store(DuplicatePolicy::KeepLast, true, value));
    for function in FUNCTIONS {
        // All windows contain the first block; the end of one divides the second one.
        let query = format!("{function}_over_time(x[30000s])");
        let (one, other) = (run(&memory, &query), run(&files, &query));
        assert_eq!(bits(&one), bits(&other), "{function}");
        assert_eq!((one.statistics.summaries, other.statistics.summaries), (0, 1), "{function}");
        assert!(other.statistics.samples < one.statistics.samples - 8_000, "{function}");
        // Short windows contain no block.
        let query = format!("{function}_over_time(x[60s])");
        assert_eq!(
            (bits(&run(&memory, &query)), run(&files, &query).statistics.summaries),
            (bits(&run(&files, &query)), 0)
        );
    }
    // Another leaf needs the samples.
    let both = run(&files, "max_over_time(x[30000s]) - avg_over_time(x[30000s])");
    assert_eq!((both.statistics.reads, both.statistics.summaries), (1, 0));
}

#[test]
fn blocks_whose_summary_is_not_enough_are_read() {
    let stale = |at: i64| Value::F64(if at == 100 { f64::from_bits(STALE_BITS) } else { 5.0 });
    let zero = |at: i64| Value::F64(if at == 100 { -0.0 } else { 5.0 });
    let large = |at: i64| Value::I64(if at == 100 { (1 << 60) + 1 } else { 5 });
    let plain = |_: i64| Value::F64(5.0);
    let nan = |at: i64| Value::F64(if at % 100 == 7 { f64::NAN } else { 5.0 });
    // Of two kinds, which the answer must keep apart.
    let nans = |at: i64| Value::F64(f64::from_bits(0x7ff8_0000_0000_0000 + u64::from(at % 3 == 0)));
    let cases: [(DuplicatePolicy, Values<'_>, [u64; 6]); 8] = [
        (DuplicatePolicy::KeepLast, &stale, [0; 6]),
        (DuplicatePolicy::KeepLast, &large, [0; 6]),
        (DuplicatePolicy::KeepAll, &plain, [1; 6]),
        (DuplicatePolicy::KeepAll, &stale, [0; 6]),
        (DuplicatePolicy::KeepLast, &nan, [1; 6]),
        // The last of them is the extremum.
        (DuplicatePolicy::KeepLast, &nans, [1, 0, 0, 1, 1, 1]),
        // The sign of the minimum is unknown.
        (DuplicatePolicy::KeepLast, &zero, [1, 0, 1, 1, 1, 1]),
        (DuplicatePolicy::KeepFirst, &plain, [1; 6]),
    ];
    for (number, (policy, value, summaries)) in cases.into_iter().enumerate() {
        let (memory, files) = (store(policy, false, value), store(policy, true, value));
        for (function, summaries) in FUNCTIONS.into_iter().zip(summaries) {
            let query = format!("{function}_over_time(x[30000s])");
            let (one, other) = (run(&memory, &query), run(&files, &query));
            assert_eq!((bits(&one), &one.annotations), (bits(&other), &other.annotations), "{number} {function}");
            assert_eq!(other.statistics.summaries, summaries, "{number} {function}");
        }
    }
}

/// Several points at one time within a block, at the ends of blocks, and in another source: the last written one counts.
#[test]
fn blocks_of_series_that_keep_all_points_are_read_if_times_are_equal() {
    // First and last second of the first block: the writer makes one of 8,192 points and halves the rest.
    let block = 8_192;
    let doubled: [(&[i64], u64); 5] = [(&[], 1), (&[100], 0), (&[block - 1], 0), (&[0], 0), (&[15_000], 1)];
    for (case, (twice, summaries)) in doubled.into_iter().enumerate() {
        for is_later in [false, true] {
            let key = SeriesKey::new("x");
            let value = |at: i64| f64::from(i32::try_from(at * 7_919 % 1_009).unwrap()) + 1.0;
            let open = || Db::builder("keep-all").in_memory().open_blocking().unwrap();
            let (memory, files) = (open(), open());
            let write = |db: &Db, times: &mut dyn Iterator<Item = (i64, f64)>| {
                let mut batch = Batch::new();
                times.for_each(|(at, value)| batch.push_key(&key, Timestamp::from_secs(at), value));
                db.write_blocking(batch).unwrap();
            };
            for db in [&memory, &files] {
                let is_twice = !twice.is_empty();
                let mut twice = twice.iter().map(|at| (*at, 5_000.0));
                if is_later {
                    write(db, &mut (0..POINTS).map(|at| (at, value(at))));
                    files.flush_blocking().unwrap();
                    if is_twice {
                        write(db, &mut twice);
                    }
                } else {
                    let mut points: Vec<_> = (0..POINTS).map(|at| (at, value(at))).chain(twice).collect();
                    points.sort_by_key(|point| point.0);
                    write(db, &mut points.into_iter());
                }
            }
            files.flush_blocking().unwrap();
            for function in FUNCTIONS {
                let query = format!("{function}_over_time(x[30000s])");
                let (one, other) = (run(&memory.snapshot(), &query), run(&files.snapshot(), &query));
                assert_eq!(bits(&one), bits(&other), "{case} {is_later} {function}");
                assert_eq!(other.statistics.summaries, summaries, "{case} {is_later} {function}");
            }
        }
    }
}
