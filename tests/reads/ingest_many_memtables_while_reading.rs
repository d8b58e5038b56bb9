//! The whole engine under concurrent load: many tasks write through many memtables while other tasks read.

use timestrata::{Aggregate, Batch, Db, Durability, Selector, Value};

use crate::common::{Home, all, at, key};

const WRITERS: usize = 4;
const SERIES: usize = 25;
const STEPS: i64 = 200;

async fn write_all(db: Db, writer: usize) {
    let keys: Vec<_> = (0..SERIES).map(|n| key("load", writer * SERIES + n)).collect();
    let series = db.create_many_series(keys).await.unwrap();
    for step in 0..STEPS {
        let mut batch = Batch::with_capacity(SERIES * 4);
        for (n, series) in series.iter().enumerate() {
            for tick in 4 * step..4 * step + 4 {
                batch.push(*series, at(tick * 10_000_000_000), f64::from(u32::try_from(n).unwrap()) + 0.25);
            }
        }
        // Every tenth write asks for a sync; the order makes all earlier writes durable too.
        let durability = if step % 10 == 0 { Durability::Sync } else { Durability::Os };
        let ack = db.write_with(batch, durability).await.unwrap();
        assert!(step % 10 != 0 || ack.durability == Durability::Sync);
    }
}

/// Checks that each series is a sequence of ticks without a gap, in every snapshot.
async fn read_on(db: Db) -> usize {
    let (mut changes, mut looked) = (db.watch(), 0);
    drop(db);
    let mut seq = 0;
    while let Some(snapshot) = changes.next().await {
        assert!(snapshot.seq() >= seq);
        seq = snapshot.seq();
        let id = looked % (WRITERS * SERIES);
        if let Ok(series) = snapshot.series::<f64>(&key("load", id)) {
            let points = snapshot.scan(series, ..).collect().await.unwrap();
            let ticks: Vec<i64> = points.iter().map(|point| point.timestamp.as_nanos() / 10_000_000_000).collect();
            assert!(ticks.iter().copied().eq(0..i64::try_from(ticks.len()).unwrap()), "{ticks:?}");
            assert_eq!(snapshot.latest(series).await.unwrap(), points.last().copied());
        }
        looked += 1;
    }
    looked
}

fn expect_all(db: &Db) {
    let snapshot = db.snapshot();
    for id in 0..WRITERS * SERIES {
        let points = all::<f64>(&snapshot, &key("load", id));
        assert!(points.iter().map(|(time, _)| *time).eq((0..4 * STEPS).map(|tick| tick * 10_000_000_000)));
    }
    let count = snapshot.query(Selector::metric("load")).aggregate(Aggregate::Count).run_blocking().unwrap();
    assert!(count.series.iter().all(|series| series.values == [[Some(Value::U64(4 * STEPS.cast_unsigned()))]]));
    assert_eq!(count.series.len(), WRITERS * SERIES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_many_memtables_while_reading() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(128 << 10).wal_segment_bytes(64 << 10).open().await.unwrap();
    let readers: Vec<_> = (0..2).map(|_| tokio::spawn(read_on(db.clone()))).collect();
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write_all(db.clone(), writer))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // The files themselves may be few: a compaction that runs meanwhile merges them.
    let stats = db.stats();
    let memtables = stats.flushes.runs + stats.frozen_memtables;
    assert!(memtables >= 5, "{memtables} memtables frozen");
    expect_all(&db);
    db.close().await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 10);
    }
    let db = home.open();
    assert_eq!(db.open_report().replayed_records, 0);
    expect_all(&db);
}
