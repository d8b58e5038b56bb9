//! Workload of all benchmarks: 1,000 series x 10,000 ticks of 10 s, time-major.
//!
//! Gauges start uniform 20.00-99.99 and step uniform -0.50 to +0.50, in cents; splitmix64 with seed 42.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![expect(clippy::cast_precision_loss, reason = "sums of cents stay far below 2^53")]

pub(crate) mod process;

use std::path::Path;

use timestrata::{Batch, Db, DbBuilder, Series, SeriesKey, Timestamp};

/// Number of series.
pub(crate) const SERIES: usize = 1_000;
/// Ticks per series in the full workload.
pub(crate) const TICKS: usize = 10_000;
/// Seconds between two ticks.
pub(crate) const STEP_SECS: i64 = 10;
/// Time of the first tick: 2023-11-14T22:13:20Z.
pub(crate) const START_SECS: i64 = 1_700_000_000;

/// Random number generator splitmix64 of Sebastiano Vigna.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> i64 {
        i64::try_from(self.next() % bound).expect("the bounds are small")
    }
}

/// Generator of the gauges, tick by tick.
pub(crate) struct Gauges {
    random: SplitMix64,
    cents: Vec<i64>,
    tick: i64,
}

impl Gauges {
    pub(crate) fn new(series: usize) -> Self {
        let mut random = SplitMix64(42);
        let cents = (0..series).map(|_| 2_000 + random.below(8_000)).collect();
        Self { random, cents, tick: 0 }
    }

    /// Returns the time of the next tick and one value per series.
    pub(crate) fn tick(&mut self) -> (Timestamp, Vec<f64>) {
        let at = Timestamp::from_secs(START_SECS + self.tick * STEP_SECS);
        self.tick += 1;
        for cents in &mut self.cents {
            *cents += self.random.below(101) - 50;
        }
        (at, self.cents.iter().map(|cents| *cents as f64 / 100.0).collect())
    }

    /// Returns one tick of all series as a batch.
    pub(crate) fn batch(&mut self, series: &[Series<f64>]) -> Batch {
        let (at, values) = self.tick();
        let mut batch = Batch::with_capacity(series.len());
        for (series, value) in series.iter().zip(values) {
            batch.push(*series, at, value);
        }
        batch
    }
}

/// Returns the keys of the workload's series.
pub(crate) fn keys(prefix: &str, count: usize) -> Vec<SeriesKey> {
    (0..count).map(|n| SeriesKey::new("gauge").tag("client", prefix).tag("sensor", format!("s{n:04}"))).collect()
}

/// Creates a database in a directory. The options are the defaults unless `options` changes them.
pub(crate) fn open(dir: &Path, options: impl FnOnce(DbBuilder) -> DbBuilder) -> Db {
    options(Db::builder(dir)).open_blocking().expect("the bench's directory can be opened")
}

/// Writes `ticks` ticks of the workload and returns the sum of all values, which readers compare.
pub(crate) fn fill(db: &Db, series: &[Series<f64>], ticks: usize) -> f64 {
    let mut gauges = Gauges::new(series.len());
    let mut cents = 0;
    for _ in 0..ticks {
        let batch = gauges.batch(series);
        cents += gauges.cents.iter().sum::<i64>();
        db.write_with_blocking(batch, timestrata::Durability::Os).expect("the bench's writes go through");
    }
    cents as f64 / 100.0
}
