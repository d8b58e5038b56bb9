//! Benchmark of many series with few points each: 100,000 gauges of 100 points, time-major, 1,000 points per batch.
//!
//! Prints bytes per point, and the times of ingest, close, opening, scans and lookups. `TIMESTRATA_SERIES` sets another
//! number of series. Times are those of the process's processors: other load does not lengthen them.
//! `TIMESTRATA_JITTER` moves each timestamp by up to 3 ms: `ms` by whole milliseconds, `ns` by
//! nanoseconds. `TIMESTRATA_KEEP` names a directory that keeps the database, for `timestrata inspect`. benches/README.md
//! lists the figures.

#[path = "workload/mod.rs"]
mod workload;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, Selector, Series, SeriesKey, Snapshot, Timestamp, ValueSlice};
use workload::{Gauges, START_SECS, STEP_SECS, SplitMix64, open, process};

/// Points per series.
const TICKS: usize = 100;
/// Points per batch.
const BATCH: usize = 1_000;
/// Runs of each measurement; the shortest counts.
const RUNS: usize = 5;
/// Series that the lookups read one by one.
const LOOKUPS: usize = 2_000;

/// Largest distance of a timestamp from its tick, in units of `unit` nanoseconds.
#[derive(Clone, Copy)]
struct Jitter {
    unit: i64,
    units: u64,
}

impl Jitter {
    fn from_env() -> Option<Self> {
        match std::env::var("TIMESTRATA_JITTER").as_deref() {
            Ok("ms") => Some(Self { unit: 1_000_000, units: 3 }),
            Ok("ns") => Some(Self { unit: 1, units: 3_000_000 }),
            _ => None,
        }
    }

    /// Returns a distance, uniform on both sides of zero.
    fn next(self, random: &mut SplitMix64) -> i64 {
        (random.below(2 * self.units + 1) - self.units.cast_signed()) * self.unit
    }
}

fn main() {
    let count = std::env::var("TIMESTRATA_SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let temporary = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let kept = std::env::var_os("TIMESTRATA_KEEP");
    let path = kept.as_ref().map_or(temporary.path(), Path::new);
    ingest(path, count, Jitter::from_env());
    let start = Instant::now();
    let db = open(path, |builder| builder);
    println!("opened in {:.1?}", start.elapsed());
    reads("level 0", &db, count);
    if kept.is_some() {
        return;
    }
    db.compact_blocking().expect("the compaction goes through");
    sizes("compacted", &db, count);
    reads("compacted", &db, count);
    db.close_blocking().expect("the database closes");
}

fn keys(count: usize) -> Vec<SeriesKey> {
    (0..count).map(|n| SeriesKey::new("cpu").tag("host", n.to_string()).tag("shard", (n % 100).to_string())).collect()
}

fn ingest(path: &Path, count: usize, jitter: Option<Jitter>) {
    let db = open(path, |builder| builder);
    let series = db.create_many_series(keys(count)).blocking().expect("series can be made");
    let (mut gauges, mut random) = (Gauges::new(count), SplitMix64(7));
    let mut took = Duration::ZERO;
    for _ in 0..TICKS {
        let (at, values) = gauges.tick();
        let points: Vec<(Series<f64>, f64)> = series.iter().copied().zip(values).collect();
        for part in points.chunks(BATCH) {
            let mut batch = Batch::with_capacity(part.len());
            for &(series, value) in part {
                let moved = jitter.map_or(0, |jitter| jitter.next(&mut random));
                batch.push(series, Timestamp::from_nanos(at.as_nanos() + moved), value);
            }
            let start = Instant::now();
            db.write_with_blocking(batch, Durability::Os).expect("the bench's writes go through");
            took += start.elapsed();
        }
    }
    println!("{count} series x {TICKS} points written in {took:.2?}: {}", rate(count * TICKS, took));
    db.flush_blocking().expect("the flush goes through");
    sizes("level 0", &db, count);
    let start = Instant::now();
    db.close_blocking().expect("the database closes");
    println!("closed in {:.1?}, peak memory {} MB", start.elapsed(), process::peak_bytes() / 1_000_000);
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn sizes(place: &str, db: &Db, count: usize) {
    let stats = db.stats();
    println!("{place}: {} files, {:.3} bytes/point", stats.files, stats.file_bytes as f64 / (count * TICKS) as f64);
}

fn reads(place: &str, db: &Db, count: usize) {
    let snapshot = db.snapshot();
    let took = least(|| scan(&snapshot));
    println!("{place}: all columns by one cursor: {}", rate(count * TICKS, took));
    let took = least(|| {
        let latest = snapshot.latest_each_blocking(&Selector::metric("cpu")).expect("the files are sound");
        assert_eq!(latest.len(), count);
    });
    println!("{place}: latest of all series in {took:.1?}");
    let some: Vec<SeriesKey> = keys(count).into_iter().step_by((count / LOOKUPS).max(1)).collect();
    let some: Vec<Series<f64>> = some.iter().filter_map(|key| snapshot.series(key).ok()).collect();
    let first = Timestamp::from_secs(START_SECS + 20 * STEP_SECS);
    let until = Timestamp::from_secs(START_SECS + 50 * STEP_SECS);
    for (name, range) in [("all points", Timestamp::MIN..Timestamp::MAX), ("five minutes", first..until)] {
        let took = least(|| {
            for series in &some {
                black_box(snapshot.scan(*series, range.clone()).collect_blocking().expect("the files are sound"));
            }
        });
        println!("{place}: {name} of one series in {:.2?}", took / u32::try_from(some.len()).unwrap_or(1));
    }
}

/// Reads all columns of all series with one cursor.
#[inline(never)]
fn scan(snapshot: &Snapshot) {
    let mut cursor = snapshot.scan_series(Selector::metric("cpu")).cursor().expect("the selector is valid");
    let mut sum = 0.0;
    while let Some(chunk) = cursor.next_chunk().expect("the files are sound") {
        let ValueSlice::F64(values) = chunk.values else { continue };
        sum += values.iter().sum::<f64>();
    }
    black_box(sum);
}

/// Returns the processor time of the fastest of several runs.
fn least(mut run: impl FnMut()) -> Duration {
    let times = (0..RUNS).map(|_| {
        let start = process::threads_time("");
        run();
        process::threads_time("").saturating_sub(start)
    });
    times.min().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn rate(points: usize, took: Duration) -> String {
    format!("{:.1} M points/s", points as f64 / took.as_secs_f64() / 1e6)
}
