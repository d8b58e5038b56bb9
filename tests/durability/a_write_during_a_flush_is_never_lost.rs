//! Many writers during continuous flushes: every acknowledged point is present exactly once, both before and after a
//! reopening.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use timestrata::Db;

use crate::common::{Home, all, batch, key};

const WRITERS: usize = 8;
const BATCHES: i64 = 150;

fn expect_all(db: &Db) {
    let snapshot = db.snapshot();
    for writer in 0..WRITERS {
        let expected: Vec<(i64, i64)> = (0..BATCHES * 3).map(|n| (n, n)).collect();
        assert_eq!(all::<i64>(&snapshot, &key("m", writer)), expected, "writer {writer}");
    }
    assert_eq!(db.stats().points, WRITERS as u64 * 3 * BATCHES.cast_unsigned());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_during_a_flush_is_never_lost() {
    let home = Home::new();
    let db = home.small().open().await.unwrap();
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let writers = (0..WRITERS).map(|writer| {
        let (db, writing) = (db.clone(), Arc::clone(&writing));
        tokio::spawn(async move {
            for n in 0..BATCHES {
                let points = batch(&key("m", writer), (3 * n..3 * n + 3).map(|n| (n, n)));
                let seq = db.write(points).await.unwrap().seq;
                let snapshot = db.snapshot();
                assert!(snapshot.seq() >= seq, "acknowledged is visible");
                let series = snapshot.series::<i64>(&key("m", writer)).unwrap();
                let latest = snapshot.latest(series).await.unwrap().unwrap();
                assert_eq!(latest.value, 3 * n + 2, "and stays so while it moves into an SST");
            }
            writing.fetch_sub(1, Ordering::Release);
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut flushes = 0;
    while writing.load(Ordering::Acquire) > 0 {
        db.flush().await.unwrap();
        flushes += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(flushes > 2 && db.stats().files > 2, "{flushes} flushes");
    expect_all(&db);
    drop(db);
    let db = home.open();
    expect_all(&db);
}

#[test]
fn a_flush_takes_everything_written_before_it() {
    let home = Home::new();
    let db = home.open();
    for n in 0..20_i64 {
        db.write_blocking(batch(&key("m", 0), [(n, n)])).unwrap();
        db.flush_blocking().unwrap();
        let stats = db.stats();
        assert_eq!((stats.file_points, stats.active_points, stats.flushed_seq), (n.cast_unsigned() + 1, 0, stats.seq));
    }
    // Nothing new was written, so the flush writes no file. Existing files are merged without a request from sixteen
    // files on.
    db.flush_blocking().unwrap();
    assert_eq!(db.stats().flushes.files_written, 20);
}

#[test]
fn concurrent_flush_commands_are_all_answered() {
    let home = Home::new();
    let db = home.small().open_blocking().unwrap();
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let db = db.clone();
            std::thread::spawn(move || {
                for round in 0..20_i64 {
                    db.write_blocking(batch(&key("m", n), (0..100).map(|at| (at, round)))).unwrap();
                    db.flush_blocking().unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let stats = db.stats();
    assert_eq!((stats.points, stats.file_points, stats.frozen_memtables), (16_000, 16_000, 0));
}
