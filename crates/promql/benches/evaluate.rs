//! Evaluation times of common queries over a range of 24 hours at 60-second steps.
//!
//! `cargo bench -p timestrata-promql`. Prints the median and the least wall time of several runs, the processor time of
//! a run, samples read, and rows. Two databases in memory, flushed to files:
//!
//! - `x`, `y`: counters of whole numbers; `g`: a gauge of fractions. 1,000 series each (`SERIES`), 24 hours at 15 seconds.
//! - `c`: high churn: 100,000 series (`CHURN`), each of which lives for a hundredth of the day.
//!
//! `QUERY` chooses the queries that contain a text, `RUNS` the number of runs.

use std::time::{Duration, Instant};

use timestrata::{Batch, Db, SeriesKey, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryValue};

const DAY: i64 = 86_400;
const INTERVAL: i64 = 15;
/// Time of life of a series with high churn, in seconds.
const LIFE: i64 = DAY / 100;

const QUERIES: [&str; 13] = [
    "sum by (host) (rate(x[5m]))",
    "avg_over_time(x[1h])",
    "avg_over_time(g[1h])",
    "max_over_time(g[1h])",
    "count_over_time(g[1h])",
    "stddev_over_time(g[1h])",
    "quantile_over_time(0.9, g[1h])",
    "topk(5, g)",
    "quantile by (host) (0.9, g)",
    "x / on (host, id) y",
    "sum(x)",
    "sum(g) / count(g)",
    "sum by (host) (rate(x[5m])) / sum by (host) (rate(x[5m]))",
];
const CHURN_QUERIES: [&str; 2] = ["sum(rate(c[5m]))", "max_over_time(c[1h])"];

fn main() {
    let number =
        |name: &str, default: i64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let chosen = std::env::var("QUERY").unwrap_or_default();
    let runs = usize::try_from(number("RUNS", 5)).expect("a number of runs");
    println!("{:<60} {:>9} {:>9} {:>9} {:>10} {:>8}", "query", "median ms", "least ms", "cpu ms", "samples", "rows");
    let is_chosen = |query: &&&str| query.contains(&chosen);
    let queries: Vec<&str> = QUERIES.iter().filter(is_chosen).copied().collect();
    if !queries.is_empty() {
        let db = steady(number("SERIES", 1_000));
        for query in queries {
            measure(&db, query, runs);
        }
    }
    let queries: Vec<&str> = CHURN_QUERIES.iter().filter(is_chosen).copied().collect();
    if !queries.is_empty() {
        let db = churning(number("CHURN", 100_000));
        for query in queries {
            measure(&db, query, runs);
        }
    }
}

/// Returns a database of three metrics whose series live all day.
fn steady(series: i64) -> Db {
    let db = open();
    let keys: Vec<[SeriesKey; 3]> = (0..series).map(|n| ["x", "y", "g"].map(|metric| key(metric, n))).collect();
    // Two minutes at once: a batch has a limit.
    for block in 0..DAY / 120 {
        let mut batch = Batch::new();
        for (number, [x, y, g]) in (0_i64..).zip(&keys) {
            for at in 0..120 / INTERVAL {
                let secs = block * 120 + at * INTERVAL;
                let tick = secs / INTERVAL;
                let time = Timestamp::from_secs(secs);
                let counter = float((tick + number) * (number % 7 + 1));
                batch.push_key(x, time, counter);
                batch.push_key(y, time, counter + 1.0);
                // Some fraction without a pattern.
                let noise = float((tick * 7_919 + number * 104_729) % 10_007) / 10_007.0;
                batch.push_key(g, time, 50.0 + 10.0 * noise);
            }
        }
        db.write_blocking(batch).expect("a batch is written");
    }
    db.flush_blocking().expect("the memtable is flushed");
    db
}

/// Returns a database of series that live for a hundredth of the day.
fn churning(series: i64) -> Db {
    let db = open();
    let mut batch = Batch::new();
    for number in 0..series {
        let key = key("c", number);
        let start = (DAY - LIFE) * number / series;
        for tick in 0..LIFE / INTERVAL {
            batch.push_key(&key, Timestamp::from_secs(start + tick * INTERVAL), float(tick * (number % 5 + 1)));
        }
        if number % 500 == 499 {
            db.write_blocking(std::mem::take(&mut batch)).expect("a batch is written");
        }
    }
    db.write_blocking(batch).expect("a batch is written");
    db.flush_blocking().expect("the memtable is flushed");
    db
}

fn open() -> Db {
    Db::builder("bench").in_memory().open_blocking().expect("a database in memory opens")
}

fn key(metric: &str, number: i64) -> SeriesKey {
    SeriesKey::new(metric).tag("host", (number % 50).to_string()).tag("id", number.to_string())
}

fn float(number: i64) -> f64 {
    f64::from(i32::try_from(number).expect("a small number"))
}

fn measure(db: &Db, text: &str, runs: usize) {
    let options = EngineOptions { max_samples: u64::MAX, timeout: None, ..EngineOptions::default() };
    let engine = Engine::new(options);
    let (mut times, mut samples, mut rows) = (Vec::new(), 0, 0);
    let cpu_before = cpu_time();
    for _ in 0..runs {
        let started = Instant::now();
        let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(DAY));
        let query = engine.range(&db.snapshot(), text, start, end, Duration::from_mins(1));
        let result = match query.and_then(timestrata_promql::Query::run_blocking) {
            Ok(result) => result,
            Err(error) => return println!("{text:<60} {error}"),
        };
        times.push(started.elapsed());
        samples = result.statistics.samples;
        rows = if let QueryValue::Matrix(list) = &result.value { list.len() } else { 0 };
    }
    let cpu = cpu_time().saturating_sub(cpu_before).as_secs_f64() * 1000.0 / float(i64::try_from(runs).unwrap_or(1));
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let (median, least) = (millis(times[times.len() / 2]), millis(times[0]));
    println!("{text:<60} {median:>9.1} {least:>9.1} {cpu:>9.1} {samples:>10} {rows:>8}");
}

/// Returns the processor time of this process, in steps of 10 ms; zero where /proc does not exist.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which is in parentheses: fields 14 and 15 are user and system time.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
}
