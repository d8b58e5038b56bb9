//! Benchmark of reads of the full workload, flushed, with a warm page cache.
//!
//! The reads are scans by column and by point, a query, one hour of one series, and the latest points of all series.
//! The same reads run over a part of the workload in the memtable.

#![expect(clippy::cast_precision_loss, reason = "counts of points stay far below 2^53")]

mod workload;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use timestrata::{Aggregate, Db, Selector, Series, Snapshot, Timestamp};
use workload::{SERIES, START_SECS, TICKS, fill, keys, open};

const MEMTABLE_TICKS: usize = 1_000;

struct Filled {
    _dir: tempfile::TempDir,
    db: Db,
    series: Vec<Series<f64>>,
    sum: f64,
}

fn filled(ticks: usize, flush: bool) -> Filled {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let db = open(dir.path(), |builder| builder);
    let series = db.create_many_series(keys("read", SERIES)).blocking().expect("series can be made");
    let sum = fill(&db, &series, ticks);
    if flush {
        db.flush_blocking().expect("the flush goes through");
        let stats = db.stats();
        println!(
            "{} points in {} files: {:.3} bytes/point with timestamps",
            stats.file_points,
            stats.files,
            stats.file_bytes as f64 / stats.file_points as f64
        );
    }
    Filled { _dir: dir, db, series, sum }
}

fn scan_columns(snapshot: &Snapshot, series: &[Series<f64>]) -> f64 {
    let mut sum = 0.0;
    for series in series {
        let mut chunks = snapshot.scan(*series, ..).chunks();
        while let Some(chunk) = chunks.next_chunk().expect("the files are sound") {
            sum += sum_in_lanes(chunk.values);
        }
    }
    sum
}

/// Returns the sum of the values, computed in eight lanes.
///
/// One running sum would wait for each addition, and the benchmark would measure the additions instead of the scan.
fn sum_in_lanes(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

fn scan_points(snapshot: &Snapshot, series: &[Series<f64>]) -> f64 {
    let points = series.iter().flat_map(|series| snapshot.scan(*series, ..));
    points.map(|point| point.expect("the files are sound").value).sum()
}

fn reads(c: &mut Criterion) {
    for (place, ticks, flush) in [("flushed", TICKS, true), ("memtable", MEMTABLE_TICKS, false)] {
        let filled = filled(ticks, flush);
        let snapshot = filled.db.snapshot();
        for sum in [scan_columns(&snapshot, &filled.series), scan_points(&snapshot, &filled.series)] {
            assert!((sum - filled.sum).abs() < 1e-3 * filled.sum.abs(), "{sum} read, {} written", filled.sum);
        }
        let mut group = c.benchmark_group(format!("read/{place}"));
        group.sample_size(10).throughput(Throughput::Elements((SERIES * ticks) as u64));
        group.bench_function("scan all, columns", |b| b.iter(|| scan_columns(&snapshot, &filled.series)));
        group.bench_function("scan all, points", |b| b.iter(|| scan_points(&snapshot, &filled.series)));
        group.bench_function("mean by minute of all", |b| {
            let query = || snapshot.query(Selector::metric("gauge")).every(std::time::Duration::from_mins(1));
            b.iter(|| query().aggregate(Aggregate::Mean).run_blocking().expect("the files are sound"));
        });
        group.finish();
        small(c, place, &filled, &snapshot);
    }
}

fn small(c: &mut Criterion, place: &str, filled: &Filled, snapshot: &Snapshot) {
    let mut group = c.benchmark_group(format!("read/{place}"));
    let mut next = 0;
    group.bench_function("one series, one hour", |b| {
        b.iter(|| {
            next = (next + 7) % SERIES;
            let from = Timestamp::from_secs(START_SECS + 3_600);
            let until = Timestamp::from_secs(START_SECS + 7_200);
            let scan = snapshot.scan(filled.series[next], from..until);
            black_box(scan.collect_blocking().expect("the files are sound")).len()
        });
    });
    group.bench_function("latest of 1,000 series", |b| {
        b.iter(|| {
            let latest = |series: &Series<f64>| snapshot.latest_blocking(*series).expect("the files are sound");
            filled.series.iter().filter_map(latest).map(|point| point.value).sum::<f64>()
        });
    });
    group.finish();
}

criterion_group!(benches, reads);
criterion_main!(benches);
