//! Benchmark of a long-running load in short form.
//!
//! The load writes points of 10,000 series, 5 % late by up to one day and 1 % duplicated, with periodic deletes, held
//! snapshots and continuous reads. The program prints the figures of each tenth, which should not grow.
//! `TIMESTRATA_SOAK` sets the number of points (default 20 million). Run with `cargo bench --bench soak`.

mod workload;

use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, Selector, Series, SeriesKey, Snapshot, Timestamp};
use workload::{START_SECS, STEP_SECS, SplitMix64, process};

const SERIES: u64 = 10_000;
/// Points per batch: one tick of a part of the series.
const BATCH: u64 = 2_500;
const DAY_TICKS: u64 = 86_400 / STEP_SECS.unsigned_abs();

struct Soak {
    db: Db,
    series: Vec<Series<f64>>,
    random: SplitMix64,
    held: Vec<Snapshot>,
}

fn at(tick: u64) -> Timestamp {
    Timestamp::from_secs(START_SECS + i64::try_from(tick).unwrap_or(i64::MAX / 2) * STEP_SECS)
}

impl Soak {
    fn batch(&mut self, tick: u64, part: u64) -> Batch {
        let mut batch = Batch::with_capacity(usize::try_from(BATCH).unwrap_or_default());
        for n in part * BATCH..(part + 1) * BATCH {
            let series = self.series[usize::try_from(n).unwrap_or_default()];
            let chance = self.random.next() % 100;
            let tick = if chance < 5 { tick.saturating_sub(self.random.next() % DAY_TICKS) } else { tick };
            let value = f64::from(u32::try_from(self.random.next() % 10_000).unwrap_or_default()) / 100.0;
            batch.push(series, at(tick), value);
            if chance == 99 {
                batch.push(series, at(tick), value + 1.0);
            }
        }
        batch
    }

    /// Returns the time to read one hour of a random series, cached or not.
    fn read(&mut self, tick: u64) -> Duration {
        let series = self.series[usize::try_from(self.random.next() % SERIES).unwrap_or_default()];
        let from = self.random.next() % tick.max(1);
        let started = Instant::now();
        let points = self.db.snapshot().scan(series, at(from)..at(from + 360)).collect_blocking().expect("it reads");
        std::hint::black_box(points);
        started.elapsed()
    }

    fn now_and_then(&mut self, tick: u64) {
        if tick.is_multiple_of(97) {
            let host = (self.random.next() % SERIES).to_string();
            let until = at(tick.saturating_sub(DAY_TICKS / 2));
            self.db.delete_blocking(Selector::metric("soak").tag("n", host), ..until).expect("it deletes");
        }
        if tick.is_multiple_of(50) {
            self.held.push(self.db.snapshot());
            if self.held.len() > 4 {
                self.held.remove(0);
            }
        }
    }
}

fn percentile(latencies: &mut [Duration], part: usize) -> Duration {
    latencies.sort_unstable();
    latencies.get(latencies.len() * part / 100).copied().unwrap_or_default()
}

fn main() {
    let asked = std::env::var("TIMESTRATA_SOAK").ok().and_then(|text| text.parse().ok());
    let points: u64 = asked.unwrap_or(20_000_000);
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let path = dir.path().join("db");
    let db = Db::builder(&path).durability(Durability::Os).open_blocking().expect("it opens");
    let keys = (0..SERIES).map(|n| SeriesKey::new("soak").tag("n", n.to_string()));
    let series = db.create_many_series(keys).blocking().expect("series can be made");
    let mut soak = Soak { db, series, random: SplitMix64(42), held: Vec::new() };
    let ticks = points / SERIES;
    println!(
        "| tenth | points/s | files by level | write amplification | read p50 / p99 us | peak MiB | pinned files |"
    );
    println!("|---|---|---|---|---|---|---|");
    for tenth in 0..10 {
        let (started, mut latencies) = (Instant::now(), Vec::new());
        for tick in ticks * tenth / 10..ticks * (tenth + 1) / 10 {
            for part in 0..SERIES / BATCH {
                let batch = soak.batch(tick, part);
                soak.db.write_blocking(batch).expect("it writes");
            }
            soak.now_and_then(tick);
            latencies.push(soak.read(tick));
        }
        let stats = soak.db.stats();
        let levels: Vec<String> =
            stats.levels.iter().map(|level| format!("{}: {}", level.level, level.files)).collect();
        let rate = points / 10 * 1_000 / u64::try_from(started.elapsed().as_millis()).unwrap_or(1).max(1);
        println!(
            "| {} | {rate} | {} | {:.2} | {} / {} | {} | {} |",
            tenth + 1,
            levels.join(", "),
            stats.write_amplification().unwrap_or(1.0),
            percentile(&mut latencies, 50).as_micros(),
            percentile(&mut latencies, 99).as_micros(),
            process::peak_bytes() >> 20,
            stats.pinned_files
        );
    }
    let mut idle: Vec<Duration> = (0..2_000).map(|_| soak.read(ticks)).collect();
    let (middle, late) = (percentile(&mut idle, 50), percentile(&mut idle, 99));
    println!("idle: p50 {} us, p99 {} us", middle.as_micros(), late.as_micros());
    soak.held.clear();
    soak.db.close_blocking().expect("it closes");
    let started = Instant::now();
    let db = Db::open_blocking(&path).expect("it opens again");
    println!("opened in {:.1} ms: {} points", started.elapsed().as_secs_f64() * 1e3, db.stats().points);
}
