//! Evaluation times of common queries: 1,000 series, 24 hours at 15 seconds, 60-second steps.
//!
//! `cargo bench -p timestrata-promql`. Prints wall time, samples read, and rows of each query. `SERIES` sets the number of
//! series.

use std::time::{Duration, Instant};

use timestrata::{Batch, Db, SeriesKey, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryValue};

const DAY: i64 = 86_400;
const INTERVAL: i64 = 15;
const RUNS: usize = 3;

fn main() {
    let series: i64 = std::env::var("SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let db = Db::builder("bench").in_memory().open_blocking().expect("a database in memory opens");
    let keys: Vec<SeriesKey> = (0..series).map(|n| key("x", n)).chain((0..series).map(|n| key("y", n))).collect();
    // Two minutes at once: a batch has a limit.
    for block in 0..DAY / 120 {
        let mut batch = Batch::new();
        for (number, key) in (0_i64..).zip(&keys) {
            for at in 0..120 / INTERVAL {
                let secs = block * 120 + at * INTERVAL;
                let value = f64::from(i32::try_from((secs / INTERVAL + number) * (number % 7 + 1)).expect("small"));
                batch.push_key(key, Timestamp::from_secs(secs), value);
            }
        }
        db.write_blocking(batch).expect("a batch is written");
    }
    db.flush_blocking().expect("the memtable is flushed");
    let options =
        EngineOptions { max_samples: u64::MAX, max_memory_bytes: u64::MAX, timeout: None, ..EngineOptions::default() };
    let engine = Engine::new(options);
    let queries = [
        "sum by (host) (rate(x[5m]))",
        "avg_over_time(x[1h])",
        "max_over_time(x[1h])",
        "topk(5, x)",
        "quantile_over_time(0.9, x[1h])",
        "x / on (host, id) y",
        "sum(x)",
    ];
    println!("{:<36} {:>10} {:>12} {:>8}", "query", "ms", "samples", "rows");
    for text in queries {
        let mut best = Duration::MAX;
        let (mut samples, mut rows) = (0, 0);
        for _ in 0..RUNS {
            let started = Instant::now();
            let query = engine.range(
                &db.snapshot(),
                text,
                Timestamp::from_secs(0),
                Timestamp::from_secs(DAY),
                Duration::from_mins(1),
            );
            let result = query.and_then(timestrata_promql::Query::run_blocking).expect("the query runs");
            best = best.min(started.elapsed());
            samples = result.statistics.samples;
            rows = if let QueryValue::Matrix(list) = &result.value { list.len() } else { 0 };
        }
        println!("{text:<36} {:>10.1} {samples:>12} {rows:>8}", best.as_secs_f64() * 1000.0);
    }
}

fn key(metric: &str, number: i64) -> SeriesKey {
    SeriesKey::new(metric).tag("host", (number % 50).to_string()).tag("id", number.to_string())
}
