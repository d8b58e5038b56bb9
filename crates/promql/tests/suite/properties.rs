//! Laws that hold for any data and query.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryValue, STALE_BITS};

use crate::runner::parser_options;

/// Times of samples and steps, in seconds.
const TIMES: std::ops::Range<i64> = 0..120;
const STEP: i64 = 7;

/// Points of an answer by labels: time and bits of the value.
type Answer = BTreeMap<String, Vec<(i64, u64)>>;

#[derive(Debug, Clone)]
struct Sample {
    series: usize,
    time: i64,
    value: f64,
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        8 => (-20_i32..100).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::from_bits(STALE_BITS)),
        1 => Just(f64::INFINITY),
    ];
    let sample = (0_usize..6, TIMES, value).prop_map(|(series, time, value)| Sample { series, time, value });
    prop::collection::vec(sample, 0..120)
}

fn key(series: usize) -> SeriesKey {
    let metric = if series < 4 { "a" } else { "b" };
    SeriesKey::new(metric).tag("host", (series % 2).to_string()).tag("disk", (series % 4 / 2).to_string())
}

fn store(samples: &[Sample], shift: i64) -> Snapshot {
    let db = Db::builder("properties").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for sample in samples {
        batch.push_key(&key(sample.series), Timestamp::from_secs(sample.time + shift), sample.value);
    }
    db.write_blocking(batch).unwrap();
    db.snapshot()
}

fn engine(threads: usize) -> Engine {
    let parser = parser_options();
    Engine::new(EngineOptions {
        parser,
        lookback: Duration::from_secs(20),
        delayed_name_removal: true,
        threads: Some(threads),
        ..EngineOptions::default()
    })
}

fn answer(value: &QueryValue) -> Answer {
    let point = |time: Timestamp, value: f64| {
        // All NaN are one value.
        (time.as_nanos(), if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
    };
    match value {
        QueryValue::Vector(samples) => {
            samples.iter().map(|one| (one.labels.to_string(), vec![point(one.time, one.value)])).collect()
        }
        QueryValue::Matrix(list) => {
            let points =
                |points: &[(Timestamp, f64)]| points.iter().map(|(time, value)| point(*time, *value)).collect();
            list.iter().map(|series| (series.labels.to_string(), points(&series.points))).collect()
        }
        QueryValue::Scalar { time, value } => [("{}".to_owned(), vec![point(*time, *value)])].into(),
        other => panic!("{other:?}"),
    }
}

/// Answers a range query; errors as text.
fn range(snapshot: &Snapshot, query: &str, threads: usize) -> Result<Answer, String> {
    let (start, end) = (Timestamp::from_secs(TIMES.start), Timestamp::from_secs(TIMES.end));
    let step = Duration::from_secs(STEP.unsigned_abs());
    let query = engine(threads).range(snapshot, query, start, end, step).map_err(|error| error.to_string())?;
    Ok(answer(&query.run_blocking().map_err(|error| error.to_string())?.value))
}

/// Answers a query at each step.
fn instants(snapshot: &Snapshot, query: &str) -> Result<Answer, String> {
    let mut all = Answer::new();
    for time in TIMES.chain([TIMES.end]).step_by(usize::try_from(STEP).unwrap()) {
        let at = Timestamp::from_secs(time);
        let query = engine(1).instant(snapshot, query, at).map_err(|error| error.to_string())?;
        let found = answer(&query.run_blocking().map_err(|error| error.to_string())?.value);
        for (labels, points) in found {
            all.entry(labels).or_default().extend(points);
        }
    }
    Ok(all)
}

const QUERIES: [&str; 22] = [
    "a",
    "a offset 13s",
    "a @ 60",
    "rate(a[30s])",
    "increase(a[30s] anchored)",
    "delta(a[30s] smoothed)",
    "sum by (host) (a)",
    "avg without (disk) (a)",
    "stddev(a)",
    "quantile(0.3, a)",
    "count_values(\"v\", a)",
    "a / on (host, disk) b",
    "a * on (host) group_left () sum by (host) (b)",
    "a > bool 5",
    "a and on (host) b",
    "b or a",
    "a unless on (disk) b",
    "max_over_time(sum by (host) (a)[40s:9s])",
    "quantile_over_time(scalar(sum(b)) / 100, a[40s])",
    "label_replace(a, \"copy\", \"$1\", \"host\", \"(.)\")",
    "absent(a{host=\"1\"})",
    "timestamp(a) - time()",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_range_equals_its_instants(samples in samples(), query in prop::sample::select(&QUERIES[..])) {
        let snapshot = store(&samples, 0);
        if let (Ok(range), Ok(instants)) = (range(&snapshot, query, 1), instants(&snapshot, query)) {
            prop_assert_eq!(range, instants, "{}", query);
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit(samples in samples(), query in prop::sample::select(&QUERIES[..])) {
        let snapshot = store(&samples, 0);
        prop_assert_eq!(range(&snapshot, query, 1), range(&snapshot, query, 3), "{}", query);
    }

    #[test]
    fn an_offset_equals_shifted_data(samples in samples(), shift in 1_i64..50) {
        let query = |offset: &str| format!("sum by (host) (rate(a[30s]{offset})) + on (host) sum by (host) (b{offset})");
        let with_offset = range(&store(&samples, 0), &query(&format!(" offset {shift}s")), 1);
        let shifted = range(&store(&samples, shift), &query(""), 1);
        prop_assert_eq!(with_offset, shifted);
    }

    #[test]
    fn set_operators_split_and_join(samples in samples()) {
        let snapshot = store(&samples, 0);
        let of = |query: &str| range(&snapshot, query, 1).unwrap();
        // What matches, and what does not, together are all.
        prop_assert_eq!(of("(a and on (host) b) or (a unless on (host) b)"), of("a"));
        prop_assert_eq!(of("a and a"), of("a"));
        prop_assert_eq!(of("a or a"), of("a"));
        prop_assert_eq!(of("a unless a"), Answer::new());
    }

    #[test]
    fn a_sum_is_the_sum_of_its_parts(samples in samples()) {
        // Whole numbers, so that no sum is rounded.
        let whole: Vec<Sample> = samples.into_iter().filter(|sample| sample.value.is_finite()).collect();
        let snapshot = store(&whole, 0);
        let of = |query: &str| range(&snapshot, query, 1).unwrap();
        prop_assert_eq!(of("sum(sum by (host) (a))"), of("sum(a)"));
        prop_assert_eq!(of("sum(count by (host) (a))"), of("count(a)"));
        prop_assert_eq!(of("max(max by (disk) (a))"), of("max(a)"));
        prop_assert_eq!(of("limit_ratio(0.3, a) or limit_ratio(-0.7, a)"), of("a"));
    }
}
