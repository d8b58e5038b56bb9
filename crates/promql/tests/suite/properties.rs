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
    let host = (series % 2).to_string();
    SeriesKey::new(metric)
        .tag("host", &*host)
        .tag("disk", (series % 4 / 2).to_string())
        .tag("instance", "i")
        .tag("job", host)
}

fn store(samples: &[Sample], shift: i64) -> Snapshot {
    let db = Db::builder("properties").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for host in ["0", "1"] {
        let info = SeriesKey::new("target_info").tag("version", host).tag("instance", "i").tag("job", host);
        batch.push_key(&info, Timestamp::from_secs(50 + shift), 1.0);
    }
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

/// Texts of scalars, some of which vary with time.
fn scalars() -> impl Strategy<Value = String> {
    let texts = [
        "0.5",
        "3",
        "time()",
        "time() / 200",
        "scalar(sum(b))",
        "scalar(minute()) / 3",
        "scalar(hour() + 0.25)",
        "scalar(timestamp(vector(1))) / 130",
        "scalar(a{host=\"0\", disk=\"0\"} @ 60)",
        "-scalar(day_of_month())",
        "scalar(vector(time()) > 60)",
    ];
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

fn leaves() -> impl Strategy<Value = String> {
    let texts = [
        "a",
        "b",
        "a offset 13s",
        "a @ 60",
        "b @ 100",
        "a{host=\"1\"}",
        "{__name__=~\"a|b\"}",
        "vector(time())",
        "delta(a[30s] smoothed)",
        "rate(a[30s])",
        "sum_over_time(a[35s])",
        "target_info",
    ];
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

/// Texts of instant vectors. Functions whose answer depends on the order of rows come last only: the order of an instant
/// query is another one.
fn vectors() -> impl Strategy<Value = String> {
    let grown = leaves().prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["abs", "-", "timestamp", "absent", "minute", "group", "max", "info"])
            )
                .prop_map(|(vector, function)| format!("{function}({vector})")),
            (inner.clone(), scalars(), prop::sample::select(vec!["+", "*", ">", "<= bool", "%", "</"]))
                .prop_map(|(vector, scalar, operator)| format!("({vector}) {operator} {scalar}")),
            (inner.clone(), inner.clone(), prop::sample::select(vec!["+", "==", "and", "or", "unless", "/ on (host)"]))
                .prop_map(|(left, right, operator)| format!("({left}) {operator} ({right})")),
            (inner.clone(), inner.clone())
                .prop_map(|(many, one)| { format!("({many}) * on (host) group_left () count by (host) ({one})") }),
            (inner.clone(), scalars()).prop_map(|(vector, scalar)| format!("limit_ratio({scalar}, {vector})")),
            (inner.clone(), scalars()).prop_map(|(vector, scalar)| format!("clamp_max({vector}, {scalar})")),
            (inner.clone(), scalars()).prop_map(|(vector, level)| format!("quantile by (disk) ({level}, {vector})")),
            inner.clone().prop_map(|vector| format!("count_values(\"v\", {vector})")),
            inner.clone().prop_map(|vector| format!("label_replace({vector}, \"copy\", \"$1\", \"host\", \"(.)\")")),
            (inner, prop::sample::select(vec!["max", "count", "last", "present"]))
                .prop_map(|(vector, function)| format!("{function}_over_time(({vector})[40s:9s])")),
            scalars().prop_map(|level| format!("quantile_over_time({level}, a[40s])")),
            scalars().prop_map(|ahead| format!("predict_linear(a[30s], {ahead})")),
            scalars().prop_map(|level| format!("max_over_time(quantile_over_time({level}, b[20s])[30s:10s])")),
        ]
    });
    (grown, leaves(), scalars(), 0_usize..6).prop_map(|(vector, leaf, scalar, last)| match last {
        0 => format!("sort_by_label({vector}, \"host\")"),
        1 => format!("sort_desc({vector})"),
        2 => format!("topk({scalar}, {leaf})"),
        3 => format!("limitk(2, {leaf})"),
        _ => vector,
    })
}

/// Returns `true` for answers that differ in the rounding of sums at most: the order of their rows is another one.
fn are_equal(one: &Answer, other: &Answer) -> bool {
    let is_close = |one: u64, other: u64| {
        let (left, right) = (f64::from_bits(one), f64::from_bits(other));
        one == other || (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
    };
    let pairs = || one.iter().zip(other);
    one.len() == other.len()
        && pairs().all(|((labels, points), (other_labels, others))| {
            let values = || points.iter().zip(others);
            labels == other_labels
                && points.len() == others.len()
                && values().all(|(point, other)| point.0 == other.0 && is_close(point.1, other.1))
        })
}

proptest! {
    // The same cases in each run.
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_range_of_any_expression_equals_its_instants(samples in samples(), query in vectors()) {
        let snapshot = store(&samples, 0);
        // A range fails if one of its steps does.
        match (range(&snapshot, &query, 1), instants(&snapshot, &query)) {
            (Ok(range), Ok(instants)) => {
                prop_assert!(are_equal(&range, &instants), "{query}\n{range:?}\n{instants:?}");
            }
            (range, instants) => prop_assert_eq!(range.is_err(), instants.is_err(), "{}: {:?} {:?}", query, range, instants),
        }
    }
}

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
