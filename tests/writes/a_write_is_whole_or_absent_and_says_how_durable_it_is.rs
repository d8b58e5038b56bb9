//! Guarantees of a write: its position in the order, the durability that was reached, and atomicity when the caller
//! drops the future.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use timestrata::{Ack, Batch, Durability, Error, Result};

use crate::common::{Home, all, at, batch, key};

/// Returns a batch of the largest permitted number of points: 20 MB in the queue, slow to write.
fn huge() -> Batch {
    batch(&key("huge", 0), (0..1_000_000).map(|n| (n, n)))
}

/// Waits for a write whose future was polled once.
async fn finish(polled: Poll<Result<Ack>>, write: impl Future<Output = Result<Ack>>) {
    match polled {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => write.await.unwrap(),
    };
}

#[tokio::test]
async fn an_acknowledgement_reports_how_durable_the_write_is() {
    let interval = Durability::Interval(Duration::from_hours(1));
    let home = Home::new();
    let db = home.builder().durability(interval).open().await.unwrap();
    let points = || batch(&key("m", 0), [(1, 1.0)]);
    let first = db.write(points()).await.unwrap();
    assert_eq!((first.seq, first.durability), (1, interval));
    assert_eq!(db.write_with(points(), Durability::Os).await.unwrap().durability, Durability::Os);
    assert_eq!(db.write_with(points(), Durability::Sync).await.unwrap().durability, Durability::Sync);
    assert_eq!(db.write_with_blocking(points(), Durability::Os).unwrap().seq, 4);
    db.sync().await.unwrap();
    db.sync_blocking().unwrap();
    let zero = db.write_with(points(), Durability::Interval(Duration::ZERO)).await;
    assert!(matches!(zero, Err(Error::InvalidOption { option: "durability", .. })), "{zero:?}");
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)).len(), 4);
}

#[tokio::test]
async fn an_empty_batch_is_ok_and_leaves_no_record() {
    let home = Home::new();
    let db = home.builder().durability(Durability::Sync).open().await.unwrap();
    assert_eq!(db.write(Batch::new()).await.unwrap().seq, 0);
    assert_eq!(db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap().seq, 1);
    let mut emptied = batch(&key("n", 0), [(1, 1.0)]);
    emptied.clear();
    assert_eq!(db.write(emptied).await.unwrap().seq, 1);
    assert_eq!((db.stats().seq, db.stats().series), (1, 1));
    drop(db);
    assert_eq!(home.open().open_report().replayed_records, 1);
}

#[tokio::test]
async fn a_write_given_up_is_absent_before_it_is_queued_and_whole_after() {
    let home = Home::new();
    let db = home.builder().memory_budget(64 << 20).open().await.unwrap();
    // The future was never polled: nothing is written.
    drop(db.write(batch(&key("m", 0), [(1, 1.0)])));
    // The future was polled once, so the write is in the queue: the write is carried out although the future is
    // dropped.
    let mut context = Context::from_waker(Waker::noop());
    let mut queued = Box::pin(db.write(batch(&key("m", 0), [(2, 2.0), (3, 3.0)])));
    drop(queued.as_mut().poll(&mut context));
    drop(queued);
    db.sync().await.unwrap();
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)), [(2, 2.0), (3, 3.0)]);
    // The future was polled and waits for room in the queue: nothing is written. If the queue had room, the whole batch
    // is written.
    let huge = huge();
    let (mut whole, mut absent) = (0, 0);
    while absent == 0 {
        let mut first = Box::pin(db.write(huge.clone()));
        let mut second = Box::pin(db.write(huge.clone()));
        let polled = first.as_mut().poll(&mut context);
        drop(second.as_mut().poll(&mut context));
        drop(second);
        finish(polled, first).await;
        db.sync().await.unwrap();
        match db.stats().points - 2 - whole * 1_000_000 {
            1_000_000 => absent += 1,
            written => assert_eq!(written, 2_000_000),
        }
        whole = (db.stats().points - 2) / 1_000_000;
        assert!(whole < 20, "the queue never filled");
    }
}

#[tokio::test]
async fn try_write_leaves_the_batch_unchanged_when_the_queue_is_full() {
    let home = Home::new();
    let db = home.builder().memory_budget(64 << 20).open().await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let huge = huge();
    for _ in 0..20 {
        let (first, mut second) = (huge.clone(), huge.clone());
        let mut first = Box::pin(db.write(first));
        let polled = first.as_mut().poll(&mut context);
        let tried = db.try_write(&mut second).await;
        finish(polled, first).await;
        if let Err(refused) = tried {
            assert!(matches!(refused, Error::QueueFull), "{refused:?}");
            assert_eq!(second.len(), 1_000_000);
            // The queue has room again after the first batch is written.
            db.write(second).await.unwrap();
            return;
        }
    }
    panic!("the queue never filled");
}

#[test]
fn try_write_leaves_an_invalid_batch_unchanged() {
    let home = Home::new();
    let db = home.open();
    let mut invalid = batch(&timestrata::SeriesKey::new(""), [(1, 1.0)]);
    assert!(matches!(db.try_write_blocking(&mut invalid), Err(Error::InvalidName { .. })));
    assert_eq!(invalid.len(), 1);
    assert_eq!(db.try_write_blocking(&mut batch(&key("m", 0), [(1, 1.0)])).unwrap().seq, 1);
}

/// Blocking calls work inside a runtime, and async calls work without a runtime.
#[tokio::test]
async fn blocking_calls_work_inside_a_runtime() {
    let home = Home::new();
    let db = home.builder().open_blocking().unwrap();
    let series = db.create_series(key("m", 0)).blocking().unwrap();
    let mut points = Batch::new();
    points.push(series, at(1), 1.0);
    db.write_blocking(points.clone()).unwrap();
    db.try_write_blocking(&mut points).unwrap();
    db.flush_blocking().unwrap();
    let snapshot = db.snapshot();
    assert_eq!(snapshot.scan(series, ..).collect_blocking().unwrap().len(), 2);
    assert_eq!(snapshot.scan(series, ..).collect().await.unwrap().len(), 2);
    assert_eq!(snapshot.latest_blocking(series).unwrap(), snapshot.latest(series).await.unwrap());
    drop(snapshot);
    db.close_blocking().unwrap();
}

/// Polls a future until it is ready. The waker unparks this thread.
fn without_a_runtime<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn waiting_calls_work_without_a_runtime() {
    let home = Home::new();
    without_a_runtime(async {
        let db = home.builder().open().await.unwrap();
        let series = db.create_series(key("m", 0)).await.unwrap();
        db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap();
        db.flush().await.unwrap();
        assert_eq!(db.snapshot().scan(series, ..).collect().await.unwrap().len(), 1);
        db.close().await.unwrap();
    });
}
