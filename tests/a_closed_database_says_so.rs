//! After a close every method of every other clone answers `Closed`; what is owned goes on reading.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, all, batch, key};
use timestrata::{
    Batch, Changes, Columns, Db, Durability, Error, PointStream, Query, Result, Scan, ScanIter, Series, Snapshot,
};

/// What the documentation promises of who may go where.
const fn owned_send<T: Send + 'static>() {}
const fn shared<T: Send + Sync + 'static>() {}
const _: () = {
    shared::<Db>();
    shared::<Snapshot>();
    shared::<Changes>();
    shared::<Batch>();
    shared::<Error>();
    shared::<Series<f64>>();
    owned_send::<Scan<f64>>();
    owned_send::<ScanIter<bool>>();
    owned_send::<Columns<i64>>();
    owned_send::<PointStream<u64>>();
    owned_send::<Query>();
};

#[expect(clippy::needless_pass_by_value, reason = "it takes answers as they come")]
fn closed<T: std::fmt::Debug>(answer: Result<T>) {
    assert!(matches!(answer, Err(Error::Closed)), "{answer:?}");
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let home = Home::new();
    let db = home.builder().open().await.unwrap();
    let series = db.series(key("m", 0)).await.unwrap();
    db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap();
    let other = db.clone();
    db.close().await.unwrap();
    let points = || batch(&key("m", 0), [(2, 2.0)]);
    closed(other.series(key("m", 0)).await);
    closed(other.series_as::<i64>(key("n", 0)).await);
    closed(other.series_many([key("n", 0)]).await);
    closed(other.series_many_as::<bool>([key("n", 0)]).await);
    closed(other.write(points()).await);
    closed(other.write(Batch::new()).await);
    closed(other.write_with(points(), Durability::Os).await);
    closed(other.try_write(points()).await.map_err(Error::from));
    closed(other.sync().await);
    closed(other.flush().await);
    assert!(other.changes().next().await.is_none());
    // Its files may be another's by now.
    closed(other.snapshot().scan(series, ..).collect().await);
    closed(other.snapshot().latest(series).await);
    assert_eq!((other.stats().points, other.open_report().created), (1, true));
    drop(home.open());
    closed(other.close().await);
}

#[test]
fn a_closed_database_says_so_to_blocking_calls() {
    let home = Home::new();
    let db = home.open();
    let other = db.clone();
    db.close_blocking().unwrap();
    let points = || batch(&key("m", 0), [(2, 2.0)]);
    closed(other.series_blocking(key("m", 0)));
    closed(other.series_as_blocking::<i64>(key("n", 0)));
    closed(other.series_many_blocking([key("n", 0)]));
    closed(other.series_many_as_blocking::<bool>([key("n", 0)]));
    closed(other.write_blocking(points()));
    closed(other.write_with_blocking(points(), Durability::Os));
    closed(other.try_write_blocking(points()).map_err(Error::from));
    closed(other.sync_blocking());
    closed(other.flush_blocking());
    assert!(other.changes().next_blocking().is_none());
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
        // A clone is a handle.
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
    let mut changes = other.changes();
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
