//! The list of the hot paths, and the input of those that work on columns and batches.

use timestrata::testing::hot_paths::{self, HotPath, RawBatch};

use crate::database_paths;
use crate::workload::{Gauges, START_SECS, STEP_SECS, SplitMix64};

/// A hot path by its name in limits.txt.
pub(crate) struct NamedPath {
    pub(crate) name: &'static str,
    /// Number of points of one run.
    pub(crate) points: usize,
    pub(crate) prepare: fn() -> HotPath,
}

const fn path(name: &'static str, points: usize, prepare: fn() -> HotPath) -> NamedPath {
    NamedPath { name, points, prepare }
}

/// Number of values of a full block.
const BLOCK: usize = 8_192;

/// Shape of the batches and databases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) series: usize,
    /// Number of points per series.
    pub(crate) ticks: usize,
}

impl Shape {
    /// Series of one block.
    pub(crate) const MANY_SERIES: Self = Self { series: 100, ticks: 1_000 };

    /// Series of several blocks.
    pub(crate) const LONG_SERIES: Self = Self { series: 10, ticks: 10_000 };
}

/// Number of points of either shape.
const POINTS: usize = 100_000;

/// Every hot path.
pub(crate) const HOT_PATHS: &[NamedPath] = &[
    path("decode-gauges-and-sum", BLOCK, || hot_paths::decode_doubles(&gauges())),
    path("decode-counters", BLOCK, || hot_paths::decode_whole_numbers(&counters())),
    path("decode-states", BLOCK, || hot_paths::decode_whole_numbers(&states())),
    path("decode-regular-timestamps", BLOCK, || hot_paths::decode_whole_numbers(&timestamps(0))),
    path("decode-jittered-timestamps", BLOCK, || hot_paths::decode_whole_numbers(&timestamps(3_000))),
    path("encode-gauges", BLOCK, || hot_paths::encode_doubles(gauges())),
    path("encode-counters", BLOCK, || hot_paths::encode_whole_numbers(counters())),
    path("encode-regular-timestamps", BLOCK, || hot_paths::encode_whole_numbers(timestamps(0))),
    path("encode-jittered-timestamps", BLOCK, || hot_paths::encode_whole_numbers(timestamps(3_000))),
    path("encode-flush", POINTS, || hot_paths::flush_memtable(&batches())),
    path("insert-into-memtable", POINTS, || hot_paths::insert_into_memtable(batches())),
    path("read-late-series-in-parts", LATE_POINTS, || hot_paths::read_in_parts(&batches_of_one_series(), 16_384)),
    path("append-to-wal", POINTS, || hot_paths::append_to_wal(batches())),
    path("install-in-10-files", 1, || hot_paths::install_flush(10)),
    path("install-in-10000-files", 1, || hot_paths::install_flush(10_000)),
    path("replay-wal", POINTS, || hot_paths::replay_wal(&batches())),
    path("scan-memtable", POINTS, database_paths::scan_memtable),
    path("scan-file", POINTS, database_paths::scan_file),
    path("merge-two-files", POINTS, database_paths::merge_two_files),
    path("mean-by-minute", POINTS, database_paths::mean_by_minute),
    path("mean-and-p99-by-hour", POINTS, database_paths::mean_and_p99_by_hour),
    path("look-up-one-hour", database_paths::LOOKUPS, database_paths::look_up_one_hour),
];

/// One gauge of two decimals, as in the workload of all benchmarks.
fn gauges() -> Vec<f64> {
    let mut gauges = Gauges::new(1);
    (0..BLOCK).flat_map(|_| gauges.tick().1).collect()
}

/// A counter that grows by up to 999.
fn counters() -> Vec<i64> {
    let mut random = SplitMix64(42);
    let mut total = 0;
    let mut next = || {
        total += random.below(1_000);
        total
    };
    (0..BLOCK).map(|_| next()).collect()
}

/// Twelve states.
fn states() -> Vec<i64> {
    let mut random = SplitMix64(42);
    (0..BLOCK).map(|_| random.below(12)).collect()
}

/// Timestamps every ten seconds, late by less than `jitter` microseconds.
fn timestamps(jitter: u64) -> Vec<i64> {
    let mut random = SplitMix64(42);
    let mut late = || if jitter == 0 { 0 } else { random.below(jitter) * 1_000 };
    let tick = |at: i64| (START_SECS + at * STEP_SECS) * 1_000_000_000;
    (0..).take(BLOCK).map(|at| tick(at) + late()).collect()
}

/// Number of points of [`batches_of_one_series`].
const LATE_POINTS: usize = 256_000;

/// 256 batches of 1,000 points in which 64 clients write one series: all but the first client are late.
fn batches_of_one_series() -> Vec<RawBatch> {
    let batch = |number: usize| {
        let mut batch = RawBatch::default();
        let first = number / 64 * 1_000;
        for tick in (0..).skip(first).take(1_000) {
            batch.push(0, (START_SECS + tick * STEP_SECS) * 1_000_000_000, 1.5);
        }
        batch
    };
    (0..256).map(batch).collect()
}

/// The workload of all benchmarks in batches of ten ticks.
fn batches() -> Vec<RawBatch> {
    let Shape { series, ticks } = Shape::MANY_SERIES;
    let mut gauges = Gauges::new(series);
    let mut batch = || {
        let mut batch = RawBatch::default();
        for _ in 0..10 {
            let (at, values) = gauges.tick();
            for (series, value) in (0..).zip(values) {
                batch.push(series, at.as_nanos(), value);
            }
        }
        batch
    };
    (0..ticks / 10).map(|_| batch()).collect()
}
