//! Benchmark of the flush of one memtable, and of opening a database.
//!
//! The database is opened after a close, and after a crash with one memtable of WAL to replay.

mod workload;

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use timestrata::Db;
use workload::{SERIES, fill, keys, open};

const TICKS: usize = 1_000;

fn flush(c: &mut Criterion) {
    let mut group = c.benchmark_group("flush");
    group.sample_size(10).throughput(Throughput::Elements((SERIES * TICKS) as u64));
    group.bench_function("1 M points of 1,000 series", |b| {
        b.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
                let db = open(dir.path(), |builder| builder);
                let series = db.create_many_series(keys("flush", SERIES)).blocking().expect("series can be made");
                fill(&db, &series, TICKS);
                let started = Instant::now();
                db.flush_blocking().expect("the flush goes through");
                took += started.elapsed();
            }
            took
        });
    });
    group.finish();
}

fn reopen(c: &mut Criterion) {
    let mut group = c.benchmark_group("reopen");
    group.sample_size(10);
    for (name, closed) in [("after a close", true), ("replaying 1 M points", false)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
                    let db = open(dir.path(), |builder| builder);
                    let series = db.create_many_series(keys("reopen", SERIES)).blocking().expect("series can be made");
                    fill(&db, &series, TICKS);
                    if closed {
                        db.close_blocking().expect("the database closes");
                    }
                    dir
                },
                |dir| (Db::open_blocking(dir.path()).expect("the database opens"), dir),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, flush, reopen);
criterion_main!(benches);
