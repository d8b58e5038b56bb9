//! After a close every method of every other clone returns `Closed`. Owned snapshots and scans that began before the
//! close continue to read.

use timestrata::{
    Batch, Db, Durability, Error, Query, Result, Scan, ScanChunks, ScanIter, ScanStream, Series, Snapshot,
    SnapshotWatch,
};

use crate::common::{Home, all, batch, key};

/// Checks the `Send` and `Sync` bounds that the documentation promises.
const fn owned_send<T: Send + 'static>() {}
const fn shared<T: Send + Sync + 'static>() {}
const _: () = {
    shared::<Db>();
    shared::<Snapshot>();
    shared::<SnapshotWatch>();
    shared::<Batch>();
    shared::<Error>();
    shared::<Series<f64>>();
    owned_send::<Scan<f64>>();
    owned_send::<ScanIter<bool>>();
    owned_send::<ScanChunks<i64>>();
    owned_send::<ScanStream<u64>>();
    owned_send::<Query>();
};

#[expect(clippy::needless_pass_by_value, reason = "it takes answers as they come")]
fn closed<T: std::fmt::Debug>(answer: Result<T>) {
    assert!(matches!(answer, Err(Error::Closed)), "{answer:?}");
}

#[tokio::test]
async fn calls_on_a_closed_database_return_closed() {
    let home = Home::new();
    let db = home.builder().open().await.unwrap();
    let series = db.create_series(key("m", 0)).await.unwrap();
    db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap();
    let other = db.clone();
    db.close().await.unwrap();
    let points = || batch(&key("m", 0), [(2, 2.0)]);
    closed(other.create_series(key("m", 0)).await);
    closed(other.create_series(key("n", 0)).value_type::<i64>().await);
    closed(other.create_many_series([key("n", 0)]).await);
    closed(other.create_many_series([key("n", 0)]).value_type::<bool>().await);
    closed(other.write(points()).await);
    closed(other.write(Batch::new()).await);
    closed(other.write_with(points(), Durability::Os).await);
    closed(other.try_write(&mut points()).await);
    closed(other.sync().await);
    closed(other.flush().await);
    assert!(other.watch().next().await.is_none());
    // The files may belong to another opening by now.
    closed(other.snapshot().scan(series, ..).collect().await);
    closed(other.snapshot().latest(series).await);
    assert_eq!((other.stats().points, other.open_report().created), (1, true));
    drop(home.open());
    closed(other.close().await);
}

#[test]
fn blocking_calls_on_a_closed_database_return_closed() {
    let home = Home::new();
    let db = home.open();
    let other = db.clone();
    db.close_blocking().unwrap();
    let points = || batch(&key("m", 0), [(2, 2.0)]);
    closed(other.create_series(key("m", 0)).blocking());
    closed(other.create_series(key("n", 0)).value_type::<i64>().blocking());
    closed(other.create_many_series([key("n", 0)]).blocking());
    closed(other.create_many_series([key("n", 0)]).value_type::<bool>().blocking());
    closed(other.write_blocking(points()));
    closed(other.write_with_blocking(points(), Durability::Os));
    closed(other.try_write_blocking(&mut points()));
    closed(other.sync_blocking());
    closed(other.flush_blocking());
    assert!(other.watch().next_blocking().is_none());
    closed(other.close_blocking());
}

#[test]
fn dropping_the_last_handle_keeps_what_was_acknowledged_without_a_flush() {
    for durability in [Durability::Sync, Durability::Os, Durability::Interval(std::time::Duration::from_hours(1))] {
        let home = Home::new();
        let db = home.builder().durability(durability).open_blocking().unwrap();
        let clone = db.clone();
        db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
        drop(db);
        // A clone is a full handle.
        clone.write_blocking(batch(&key("m", 0), [(2, 2.0)])).unwrap();
        assert_eq!(clone.stats().files, 0);
        drop(clone);
        let db = home.open();
        assert_eq!((db.open_report().replayed_records, db.open_report().replayed_points), (2, 2));
        assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)), [(1, 1.0), (2, 2.0)]);
    }
}

#[tokio::test]
async fn a_close_whose_future_is_dropped_closes_all_the_same() {
    let home = Home::new();
    let db = home.builder().open().await.unwrap();
    db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap();
    let other = db.clone();
    let mut close = Box::pin(db.close());
    drop(std::future::poll_fn(|context| std::task::Poll::Ready(close.as_mut().poll(context))).await);
    drop(close);
    let mut changes = other.watch();
    while changes.next().await.is_some() {}
    closed(other.write(batch(&key("m", 0), [(2, 2.0)])).await);
    drop((other, changes));
    loop {
        match home.builder().open().await {
            Ok(db) => break assert_eq!((db.stats().points, db.open_report().replayed_records), (1, 0)),
            Err(Error::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}
