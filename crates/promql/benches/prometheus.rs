//! Evaluation times and memory beside a server of Prometheus that has the same samples, in one run.
//!
//! `TIMESTRATA_PROMETHEUS=/usr/bin/prometheus cargo bench -p timestrata-promql --bench prometheus`. Both have 1,000
//! series of each of two metrics, 24 hours at 15 seconds, and 100,000 series that live for 1 % of that time. `SERIES`
//! and `CHURN_SERIES` set other numbers, `RUNS` that of runs (5). Prints for each query the best wall time of ours and the best `evalTotalTime`
//! of Prometheus, both processor times, the peaks of both processes' memory, and whether both have as many points.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/prometheus/remote_write.rs"]
mod remote_write;
#[path = "../tests/prometheus/server.rs"]
mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, SeriesKey, Timestamp};
use timestrata_promql::{Engine, EngineOptions, Query, QueryValue};

use crate::remote_write::Series;
use crate::server::Server;

/// Time of the first samples, in seconds.
const START: i64 = 1_700_000_000;
const DAY: i64 = 86_400;
const INTERVAL: i64 = 15;
const STEP: i64 = 60;
/// Samples of a series that one request has.
const BLOCK: i64 = 8;
/// No sample is at a whole second, so that none is at the edge of a window.
const JITTER_MILLIS: i64 = 137;
/// A series of the churn lives for this share of the day.
const CHURN_SHARE: i64 = 100;
/// Runs of each query, unless `RUNS` says otherwise.
const RUNS: i64 = 5;
const QUERIES: [&str; 9] = [
    "sum by (host) (rate(x[5m]))",
    "avg_over_time(x[1h])",
    "max_over_time(x[1h])",
    "count_over_time(x[1h])",
    "topk(5, x)",
    "quantile_over_time(0.9, x[1h])",
    "x / on (host, id) y",
    "sum(x)",
    "sum(rate(churn[5m]))",
];

/// Measurements of one query by one program.
#[derive(Debug)]
struct Measurement {
    /// Best time in milliseconds.
    time: f64,
    /// Processor time per run in milliseconds.
    processor_time: f64,
    /// Peak of the process's resident memory in MiB.
    peak: f64,
    /// Series and points of the answer, or the text of an error.
    count: Result<(usize, usize), String>,
}

fn main() {
    if let Some(folder) = std::env::var_os("TIMESTRATA_BENCH_FILL") {
        return fill(Path::new(&folder));
    }
    let Some(mut server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    // In a process of its own, so that the memory of writing is not counted.
    let program = std::env::current_exe().unwrap();
    let filled = std::process::Command::new(program).env("TIMESTRATA_BENCH_FILL", &path).status().unwrap();
    assert!(filled.success());
    let ours = measure_ours(&path);
    for_each_block(|list| server.write(&list));
    server.restart();
    wait_until_idle(server.process_id());
    println!("| query | ours | Prometheus | ratio | CPU ours / theirs | ratio | peak ours / theirs | ratio | points |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (query, ours) in QUERIES.iter().zip(ours) {
        let theirs = measure_theirs(&server, query);
        let points = match (&ours.count, &theirs.count) {
            (Ok(ours), Ok(theirs)) if ours == theirs => format!("{} equal", ours.1),
            (ours, theirs) => format!("{ours:?}, theirs {theirs:?}"),
        };
        let (time, their_time) = (ours.time, theirs.time);
        print!("| `{query}` | {time:.1} ms | {their_time:.1} ms | {:.1} x ", their_time / time);
        let (time, their_time) = (ours.processor_time, theirs.processor_time);
        print!("| {time:.0} / {their_time:.0} ms | {:.1} x ", their_time / time);
        let (peak, their_peak) = (ours.peak, theirs.peak);
        println!("| {peak:.0} / {their_peak:.0} MiB | {:.2} | {points} |", peak / their_peak);
    }
}

fn measure_ours(path: &Path) -> Vec<Measurement> {
    let db = Db::open_blocking(path).unwrap();
    let options =
        EngineOptions { max_samples: u64::MAX, max_memory_bytes: u64::MAX, timeout: None, ..EngineOptions::default() };
    let engine = Engine::new(options);
    let (start, end) = (Timestamp::from_secs(START), Timestamp::from_secs(START + DAY));
    let step = Duration::from_secs(STEP.unsigned_abs());
    let measure = |text: &&str| {
        measure(std::process::id(), || {
            let started = Instant::now();
            let result = engine.range(&db.snapshot(), text, start, end, step).and_then(Query::run_blocking);
            let time = started.elapsed().as_secs_f64() * 1_000.0;
            let count = match result.map_err(|error| error.to_string()) {
                Ok(result) => match result.value {
                    QueryValue::Matrix(list) => Ok((list.len(), list.iter().map(|one| one.points.len()).sum())),
                    other => Err(format!("{other:?}")),
                },
                Err(error) => Err(error),
            };
            (time, count)
        })
    };
    QUERIES.iter().map(measure).collect()
}

fn measure_theirs(server: &Server, query: &str) -> Measurement {
    let [start, end, step] = [START, START + DAY, STEP].map(|number| number.to_string());
    let parameters = [("query", query), ("start", &start), ("end", &end), ("step", &step), ("stats", "all")];
    measure(server.process_id(), || {
        let answer = server.query("query_range", &parameters);
        let data = &answer["data"];
        let time = data["stats"]["timings"]["evalTotalTime"].as_f64().unwrap_or(f64::NAN) * 1_000.0;
        let count = match data["result"].as_array() {
            Some(list) => Ok((list.len(), list.iter().map(|one| one["values"].as_array().map_or(0, Vec::len)).sum())),
            None => Err(answer["error"].to_string()),
        };
        (time, count)
    })
}

/// Runs a query several times.
fn measure(process: u32, mut run: impl FnMut() -> (f64, Result<(usize, usize), String>)) -> Measurement {
    reset_peak(process);
    let runs = setting("RUNS", RUNS).max(1);
    let before = processor_time(process);
    let (mut best, mut count) = run();
    for _ in 1..runs {
        let (time, again) = run();
        assert_eq!(again, count);
        best = best.min(time);
        count = again;
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let processor_time = (processor_time(process) - before) / runs as f64;
    Measurement { time: best, processor_time, peak: peak(process), count }
}

/// Returns the processor time of a process in milliseconds, to ten of them.
fn processor_time(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name of the program, in parentheses, may have spaces.
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}

/// Sets the peak of a process's memory to what it uses now.
fn reset_peak(process: u32) {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
}

/// Returns the peak of a process's resident memory in MiB.
fn peak(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}

/// Waits until a process has used little processor time for two seconds: Prometheus makes blocks after its start.
fn wait_until_idle(process: u32) {
    loop {
        let before = processor_time(process);
        std::thread::park_timeout(Duration::from_secs(2));
        if processor_time(process) - before < 100.0 {
            return;
        }
    }
}

/// Writes all samples to a database and compacts it.
fn fill(path: &Path) {
    let db = Db::open_blocking(path).unwrap();
    for_each_block(|list| {
        let mut batch = Batch::new();
        for one in &list {
            let mut labels = one.labels.iter();
            let name = labels.next().unwrap();
            let key = labels.fold(SeriesKey::new(name.1.as_str()), |key, (name, value)| key.tag(name, value.as_str()));
            for (time, value) in &one.samples {
                batch.push_key(&key, Timestamp::from_millis(*time), *value);
            }
        }
        db.write_blocking(batch).unwrap();
    });
    db.flush_blocking().unwrap();
    db.compact_blocking().unwrap();
    db.close_blocking().unwrap();
}

/// Returns a number that a variable sets.
fn setting(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Calls a function with the samples of each two minutes.
fn for_each_block(mut call: impl FnMut(Vec<Series>)) {
    let (count, churn) = (setting("SERIES", 1_000), setting("CHURN_SERIES", 100_000));
    let ticks = DAY / INTERVAL;
    let life = ticks / CHURN_SHARE;
    for first in (0..ticks).step_by(usize::try_from(BLOCK).unwrap()) {
        let mut list = Vec::new();
        for metric in ["x", "y"] {
            list.extend((0..count).map(|number| series(metric, number, first..first + BLOCK)));
        }
        for number in 0..churn {
            let born = number * (ticks - life) / churn;
            let alive = first.max(born)..(first + BLOCK).min(born + life);
            if !alive.is_empty() {
                list.push(series("churn", number, alive));
            }
        }
        call(list);
    }
}

/// Returns samples of a counter. Its increments differ by series and tick.
fn series(metric: &str, number: i64, ticks: std::ops::Range<i64>) -> Series {
    let label = |name: &str, value: String| (name.to_owned(), value);
    let labels = vec![
        label("__name__", metric.to_owned()),
        label("host", format!("host-{}", number % 50)),
        label("id", number.to_string()),
    ];
    let sample = |tick: i64| {
        let value = tick * (number % 7 + 1) * 10 + (tick * 7_919 + number * 104_729) % 10 + 1_000;
        let time = (START + tick * INTERVAL) * 1_000 + JITTER_MILLIS;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        (time, value as f64)
    };
    Series { labels, samples: ticks.map(sample).collect() }
}
