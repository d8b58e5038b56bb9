//! Benchmark of durable and non-durable appends.
//!
//! The cases vary the batch size with one client, and the number of clients. They are compared with a bare write and
//! fdatasync.

mod workload;

use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use timestrata::{Batch, Durability, Series};
use workload::{Gauges, SERIES, TICKS, keys, open};

/// Measured size in bytes of the WAL record of a batch of 1,000 points of 1,000 series.
const RECORD_BYTES: usize = 13_060;

/// Measures the bare file system: a write of the bytes of one WAL record, then fdatasync.
///
/// The write extends a file, or overwrites a part of a file.
fn bare(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let mut group = c.benchmark_group("append/bare");
    for (name, written_through) in [("growing file", false), ("written file", true)] {
        let path = dir.path().join(name);
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path).expect("a new file");
        if written_through {
            file.write_all(&vec![1; 64 << 20]).and_then(|()| file.sync_all()).expect("room for 64 MiB");
            file.rewind().expect("a file can be rewound");
        }
        let bytes = vec![7; RECORD_BYTES];
        group.bench_function(format!("13 KB + fdatasync, {name}"), |b| {
            b.iter(|| file.write_all(&bytes).and_then(|()| file.sync_data()).expect("the disk takes it"));
        });
    }
    group.finish();
}

/// Measures one client, which waits for each acknowledgement.
fn one_client(c: &mut Criterion) {
    let mut group = c.benchmark_group("append/one client");
    for (name, durability) in [
        ("sync", Durability::Sync),
        ("interval 100 ms", Durability::Interval(Duration::from_millis(100))),
        ("os", Durability::Os),
    ] {
        for points in [1, 10, 100, SERIES] {
            let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
            let db = open(dir.path(), |builder| builder.durability(durability));
            let series = db.create_many_series(keys("one", points)).blocking().expect("series can be made");
            let mut gauges = Gauges::new(points);
            group.throughput(Throughput::Elements(points as u64));
            group.bench_function(BenchmarkId::new(name, points), |b| {
                b.iter_batched(
                    || gauges.batch(&series),
                    |batch| db.write_blocking(batch).expect("the write goes through"),
                    criterion::BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

/// Measures several clients that share the series of the workload.
///
/// Each client waits for its own acknowledgements until all 10 M points are written. The clients are threads, as in a
/// program without an async runtime.
fn clients(c: &mut Criterion) {
    let mut group = c.benchmark_group("append/clients x 1,000 points");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements((SERIES * TICKS) as u64));
    for (name, durability) in [("sync", Durability::Sync), ("os", Durability::Os)] {
        for clients in [4, 16, 64] {
            group.bench_function(BenchmarkId::new(name, clients), |b| {
                b.iter_custom(|times| (0..times).map(|_| run_clients(clients, durability)).sum());
            });
        }
    }
    group.finish();
}

/// Returns the time from the first write to the last acknowledgement.
fn run_clients(clients: usize, durability: Durability) -> Duration {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let db = open(dir.path(), |builder| builder.durability(durability));
    let series = db.create_many_series(keys("many", SERIES)).blocking().expect("series can be made");
    let work = split(&series, clients);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for batches in work {
            scope.spawn(|| {
                for batch in batches {
                    db.write_blocking(batch).expect("the write goes through");
                }
            });
        }
    });
    let took = started.elapsed();
    assert_eq!(db.stats().points, (SERIES * TICKS) as u64);
    db.close_blocking().expect("the database closes");
    took
}

/// Batches of each client: 1,000 points, time-major over its share of the series.
fn split(series: &[Series<f64>], clients: usize) -> Vec<Vec<Batch>> {
    let mut gauges = Gauges::new(SERIES);
    let mut work: Vec<Vec<Batch>> = (0..clients).map(|_| vec![Batch::with_capacity(SERIES)]).collect();
    for _ in 0..TICKS {
        let (at, values) = gauges.tick();
        for (n, (series, value)) in series.iter().zip(values).enumerate() {
            let batches = &mut work[n % clients];
            if batches.last().is_some_and(|last| last.len() == SERIES) {
                batches.push(Batch::with_capacity(SERIES));
            }
            if let Some(last) = batches.last_mut() {
                last.push(*series, at, value);
            }
        }
    }
    work
}

criterion_group!(benches, bare, one_client, clients);
criterion_main!(benches);
