//! Benchmark of a day of monitoring: series that are scraped every 15 s, and of which 5 % are replaced every hour.
//!
//! A target has 1,000 series: 500 gauges and 500 counters. A scrape writes one point of each as one batch with one timestamp.
//! Each target has a fixed random offset in the interval. Each hour a twentieth of the targets ends, and as many new ones
//! begin. The program prints the figures of each hour; memory and reads should not grow with the number of hours.
//! `TIMESTRATA_DAY_TARGETS` (default 200) and `TIMESTRATA_DAY_HOURS` (default 24) set the size: the default writes 1,152
//! million points. Run with `cargo bench -p timestrata --bench day`.

#[path = "workload/mod.rs"]
mod workload;

use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, Selector, Series, SeriesKey, Timestamp};
use workload::{START_SECS, SplitMix64, open, process};

/// Series of a target.
const SERIES: usize = 1_000;
/// Milliseconds between two scrapes of a target.
const INTERVAL_MS: i64 = 15_000;
const SCRAPES_PER_HOUR: i64 = 3_600_000 / INTERVAL_MS;
/// Number of reads after each round of scrapes; each reads one hour of one series.
const READS: usize = 4;

/// A program that is scraped.
struct Target {
    series: Vec<Series<f64>>,
    /// Hundredths of a gauge, or the count of a counter, for each series.
    values: Vec<i64>,
    /// Milliseconds into the interval at which it is scraped.
    offset_ms: i64,
}

/// Generator of targets and of their values.
struct Fleet {
    db: Db,
    targets: Vec<Target>,
    /// Number of targets created so far: the index of the next target.
    created: usize,
    random: SplitMix64,
}

impl Fleet {
    fn add_target(&mut self) {
        let instance = format!("10.0.{}.{}:9100", self.created / 250, self.created % 250);
        self.created += 1;
        let keys = (0..SERIES).map(|n| {
            SeriesKey::new(format!("metric_{}", n / 20))
                .tag("instance", instance.clone())
                .tag("device", format!("d{}", n % 20))
        });
        let series = self.db.create_many_series(keys).blocking().expect("series can be made");
        let values = (0..SERIES).map(|_| 2_000 + self.random.below(8_000)).collect();
        let offset_ms = self.random.below(INTERVAL_MS.unsigned_abs());
        self.targets.push(Target { series, values, offset_ms });
    }

    /// Replaces a twentieth of the targets, the oldest ones.
    fn replace_targets(&mut self) {
        let replaced = self.targets.len().div_ceil(20);
        self.targets.drain(..replaced);
        (0..replaced).for_each(|_| self.add_target());
    }

    /// Writes one scrape of every target. Returns the time in the engine.
    fn scrape(&mut self, round: i64) -> Duration {
        let mut took = Duration::ZERO;
        for target in &mut self.targets {
            let millis = START_SECS * 1_000 + round * INTERVAL_MS + target.offset_ms;
            let mut batch = Batch::with_capacity(SERIES);
            for (n, (series, value)) in target.series.iter().zip(&mut target.values).enumerate() {
                let is_gauge = n % 2 == 0;
                *value += if is_gauge { self.random.below(101) - 50 } else { self.random.below(1_000) };
                batch.push(*series, Timestamp::from_millis(millis), number(*value, is_gauge));
            }
            let start = Instant::now();
            self.db.write_with_blocking(batch, Durability::Os).expect("the bench's writes go through");
            took += start.elapsed();
        }
        took
    }

    /// Returns the time to read the last hour of a random series.
    fn read(&mut self, round: i64) -> Duration {
        let target = &self.targets[index(&mut self.random, self.targets.len())];
        let series = target.series[index(&mut self.random, SERIES)];
        let now = Timestamp::from_millis(START_SECS * 1_000 + (round + 1) * INTERVAL_MS);
        let start = Instant::now();
        let points = self.db.snapshot().scan(series, now - Duration::from_hours(1)..now).collect_blocking();
        std::hint::black_box(points.expect("the files are sound"));
        start.elapsed()
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn number(value: i64, is_gauge: bool) -> f64 {
    if is_gauge { value as f64 / 100.0 } else { value as f64 }
}

fn index(random: &mut SplitMix64, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).unwrap_or(0)
}

fn from_env(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn percentile(times: &[Duration], part: usize) -> u128 {
    times.get(times.len() * part / 100).copied().unwrap_or_default().as_micros()
}

#[expect(clippy::cast_precision_loss, reason = "ratios")]
fn main() {
    let targets = from_env("TIMESTRATA_DAY_TARGETS", 200);
    let hours = from_env("TIMESTRATA_DAY_HOURS", 24);
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let db = open(dir.path(), |builder| builder.max_series(10_000_000));
    let mut fleet = Fleet { db, targets: Vec::new(), created: 0, random: SplitMix64(42) };
    (0..targets).for_each(|_| fleet.add_target());
    println!(
        "| hour | series created | M points/s | resident, peak MB | files by level | bytes/point | read p50, p99 us |"
    );
    println!("|---|---|---|---|---|---|---|");
    for hour in 0..hours {
        let (mut took, mut reads) = (Duration::ZERO, Vec::new());
        for round in hour * SCRAPES_PER_HOUR..(hour + 1) * SCRAPES_PER_HOUR {
            took += fleet.scrape(round);
            reads.extend((0..READS).map(|_| fleet.read(round)));
        }
        reads.sort_unstable();
        let stats = fleet.db.stats();
        let levels: Vec<String> =
            stats.levels.iter().map(|level| format!("{}: {}", level.level, level.files)).collect();
        println!(
            "| {} | {} | {:.1} | {}, {} | {} | {:.2} | {}, {} |",
            hour + 1,
            fleet.created * SERIES,
            (SCRAPES_PER_HOUR * targets) as f64 * SERIES as f64 / took.as_secs_f64() / 1e6,
            process::resident_bytes() / 1_000_000,
            process::peak_bytes() / 1_000_000,
            levels.join(", "),
            stats.file_bytes as f64 / stats.file_points.max(1) as f64,
            percentile(&reads, 50),
            percentile(&reads, 99),
        );
        fleet.replace_targets();
    }
    finish(fleet, dir.path());
}

/// Closes the database, opens it again and reads the latest points.
fn finish(fleet: Fleet, dir: &std::path::Path) {
    let start = Instant::now();
    fleet.db.close_blocking().expect("the database closes");
    println!("closed in {:.1?}", start.elapsed());
    let start = Instant::now();
    let db = open(dir, |builder| builder.max_series(10_000_000));
    println!("opened in {:.1?}: {} points of {} series", start.elapsed(), db.stats().points, db.stats().series);
    let start = Instant::now();
    let latest = db.snapshot().latest_each_blocking(&Selector::metric("metric_7")).expect("the files are sound");
    println!("latest of one metric, {} series, in {:.1?}", latest.len(), start.elapsed());
}
