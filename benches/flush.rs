//! Benchmark of the flush of one memtable, of a compaction of such files, and of opening a database.
//!
//! The compaction is measured in processor time of its thread, which other load does not lengthen.
//! The database is opened after a close, and after a crash with one memtable of WAL to replay.

mod workload;

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use timestrata::Db;
use workload::{Gauges, SERIES, fill, keys, open, process};

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

/// Measures a compaction of files, each of which has the next ticks of all series, into the bottom level.
fn compact(c: &mut Criterion) {
    const FILES: usize = 5;
    let mut group = c.benchmark_group("compaction");
    group.sample_size(10).throughput(Throughput::Elements((FILES * SERIES * TICKS) as u64));
    group.bench_function("5 files of 1 M points of 1,000 series", |b| {
        b.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
                let db = open(dir.path(), |builder| builder);
                let series = db.create_many_series(keys("merge", SERIES)).blocking().expect("series can be made");
                let mut gauges = Gauges::new(SERIES);
                for _ in 0..FILES {
                    for _ in 0..TICKS {
                        let batch = gauges.batch(&series);
                        db.write_with_blocking(batch, timestrata::Durability::Os)
                            .expect("the bench's writes go through");
                    }
                    db.flush_blocking().expect("the flush goes through");
                }
                let before = process::threads_time("timestrata-comp");
                db.compact_blocking().expect("the compaction goes through");
                took += process::threads_time("timestrata-comp").saturating_sub(before);
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

criterion_group!(benches, flush, compact, reopen);
criterion_main!(benches);
