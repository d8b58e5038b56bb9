//! Full scans over all series during writes of batches that span many series: each snapshot holds whole batches, and a
//! later snapshot never holds fewer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use timestrata::{Aggregate, Batch, Db, Selector, Snapshot, Value};

use crate::common::{Home, all, at, key};

const SERIES: usize = 6;
const WRITERS: usize = 4;
const BATCHES: i64 = 250;

/// Returns a batch with a point in each series, and a second point in the first series. All values are the batch's
/// number.
fn numbered(writer: usize, n: i64) -> Batch {
    let number = i64::try_from(writer).unwrap() * BATCHES + n;
    let mut batch = Batch::new();
    for series in (0..SERIES).chain([0]) {
        // Times rise and fall, so that some points are late.
        batch.push_key(&key("torn", series), at((number * 7_919) % 10_007), number);
    }
    batch
}

/// Returns the number of batches in a snapshot. Checks that each of them is whole.
fn whole_batches(snapshot: &Snapshot) -> usize {
    let mut seen: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for series in 0..SERIES {
        for (_, number) in all::<i64>(snapshot, &key("torn", series)) {
            seen.entry(number).or_default().push(series);
        }
    }
    for (number, series) in &seen {
        assert_eq!(*series, [0, 0, 1, 2, 3, 4, 5], "batch {number} in part at seq {}", snapshot.seq());
    }
    // A query of the same snapshot returns the same counts.
    let counts = snapshot.query(Selector::metric("torn")).aggregate(Aggregate::Count).run_blocking().unwrap();
    let counts: Vec<Value> = counts.series.iter().filter_map(|series| series.values[0].get(0)).collect();
    let expected: Vec<Value> =
        (0..SERIES).map(|n| Value::U64(seen.len() as u64 * if n == 0 { 2 } else { 1 })).collect();
    assert_eq!(counts, if seen.is_empty() { vec![] } else { expected });
    seen.len()
}

fn read_until(db: &Db, writing: &AtomicUsize) -> usize {
    let (mut last_seq, mut last_count, mut scans) = (0, 0, 0);
    while writing.load(Ordering::Acquire) > 0 {
        let snapshot = db.snapshot();
        assert!(snapshot.seq() >= last_seq, "seq went back from {last_seq} to {}", snapshot.seq());
        let count = whole_batches(&snapshot);
        assert!(count >= last_count, "{last_count} batches, then {count}");
        assert!(
            snapshot.seq() > last_seq || count == last_count,
            "the same seq, and {count} batches, not {last_count}"
        );
        (last_seq, last_count, scans) = (snapshot.seq(), count, scans + 1);
    }
    scans
}

#[test]
fn a_scan_sees_whole_batches_only() {
    let home = Home::new();
    // Small enough that scans coincide with freezes and installs.
    let db = home.builder().flush_at_bytes(12 << 10).wal_segment_bytes(16 << 10).open_blocking().unwrap();
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (db, writing) = (db.clone(), Arc::clone(&writing));
            std::thread::spawn(move || {
                for n in 0..BATCHES {
                    db.write_blocking(numbered(writer, n)).unwrap();
                }
                writing.fetch_sub(1, Ordering::Release);
            })
        })
        .collect();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (db, writing) = (db.clone(), Arc::clone(&writing));
            std::thread::spawn(move || read_until(&db, &writing))
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let scans: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(scans > 0 && db.stats().files > 1, "{scans} scans, {} files", db.stats().files);
    assert_eq!(whole_batches(&db.snapshot()), WRITERS * usize::try_from(BATCHES).unwrap());
}
