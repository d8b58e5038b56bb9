//! Queries take slots, threads and memory of the runtime of their database.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Runtime, SeriesKey, Timestamp};
use timestrata_promql::{Engine, EngineOptions, Query, QueryError};

fn database(runtime: &Runtime) -> Db {
    let db = Db::builder("runtime").in_memory().runtime(runtime).open_blocking().unwrap();
    let mut batch = Batch::new();
    for series in 0..400 {
        let key = SeriesKey::new("x").tag("id", series.to_string());
        (0..20).for_each(|time| batch.push_key(&key, Timestamp::from_secs(time), f64::from(series)));
    }
    db.write_blocking(batch).unwrap();
    db
}

fn query(db: &Db, options: EngineOptions) -> Query {
    let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(99));
    Engine::new(options).range(&db.snapshot(), "sum(x)", start, end, Duration::from_secs(1)).unwrap()
}

#[test]
fn a_query_waits_for_a_slot_and_gives_it_back() {
    let runtime = Runtime::builder().threads(1).max_queued(1).build().unwrap();
    let db = database(&runtime);
    query(&db, EngineOptions::default()).run_blocking().unwrap();
    let stats = runtime.stats();
    assert_eq!((stats.finished, stats.running, stats.memory_bytes, stats.extra_threads), (1, 0, 0, 0));

    // A query of 400 series is large; there is one slot for large queries.
    let taken = runtime.try_begin_query(1 << 20).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = pin!(query(&db, EngineOptions::default()).run());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    assert_eq!(runtime.stats().queued, 1);
    // The queue is full.
    let refused = query(&db, EngineOptions::default()).run_blocking().unwrap_err();
    assert!(refused.to_string().contains("1 queries wait for a slot (`max_queued`)"), "{refused}");
    drop(taken);
    let since = Instant::now();
    loop {
        if let Poll::Ready(result) = waiting.as_mut().poll(&mut context) {
            assert_eq!(result.unwrap().statistics.series, 400);
            break;
        }
        assert!(since.elapsed() < Duration::from_mins(1));
        std::thread::park_timeout(Duration::from_millis(1));
    }
    assert_eq!((runtime.stats().running, runtime.stats().queued, runtime.stats().finished), (0, 0, 3));
}

#[test]
fn a_waiting_query_ends_at_its_timeout_or_when_it_is_cancelled() {
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let db = database(&runtime);
    let taken = runtime.try_begin_query(1 << 20).unwrap();
    let short = EngineOptions { timeout: Some(Duration::from_millis(30)), ..EngineOptions::default() };
    assert!(matches!(query(&db, short).run_blocking(), Err(QueryError::Timeout { .. })));

    let query = query(&db, EngineOptions::default());
    let cancellation = query.cancellation();
    let thread = std::thread::spawn(move || query.run_blocking());
    while runtime.stats().queued == 0 {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    cancellation.cancel();
    assert!(matches!(thread.join().unwrap(), Err(QueryError::Cancelled)));
    assert_eq!(runtime.stats().queued, 0);
    drop(taken);
}

/// Waker that sends a message for each call.
struct SendWake(Sender<()>);

impl Wake for SendWake {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[test]
fn a_waiting_future_is_woken_at_its_timeout_and_when_it_is_cancelled() {
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let db = database(&runtime);
    // No slot is given back meanwhile.
    let _taken = runtime.try_begin_query(1 << 20).unwrap();
    let (sender, woken) = channel();
    let waker = Waker::from(Arc::new(SendWake(sender)));
    let mut context = Context::from_waker(&waker);
    let mut end = |mut query: Pin<&mut timestrata_promql::QueryFuture>| {
        woken.recv_timeout(Duration::from_mins(1)).expect("the future is not woken");
        match query.as_mut().poll(&mut context) {
            Poll::Ready(result) => result.unwrap_err(),
            Poll::Pending => panic!("the future was woken too early"),
        }
    };

    let cancelled = query(&db, EngineOptions::default());
    let cancellation = cancelled.cancellation();
    let mut cancelled = pin!(cancelled.run());
    assert!(cancelled.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    cancellation.cancel();
    assert!(matches!(end(cancelled.as_mut()), QueryError::Cancelled));
    assert_eq!(runtime.stats().queued, 0);

    let short = EngineOptions { timeout: Some(Duration::from_millis(30)), ..EngineOptions::default() };
    let mut late = pin!(query(&db, short).run());
    assert!(late.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(matches!(end(late.as_mut()), QueryError::Timeout { .. }));
    assert_eq!(runtime.stats().queued, 0);
}

#[test]
fn memory_is_bounded_by_the_runtime_and_by_the_query() {
    // 400 columns of 100 steps need 320,000 bytes; the list of series needs some, too.
    let runtime = Runtime::builder().threads(2).memory_bytes(100_000).build().unwrap();
    let db = database(&runtime);
    let refused = query(&db, EngineOptions::default()).run_blocking().unwrap_err();
    assert!(refused.to_string().contains("need more than 100000 bytes (`memory_bytes`)"), "{refused}");
    assert_eq!(runtime.stats().memory_bytes, 0);

    let runtime = Runtime::builder().threads(2).build().unwrap();
    let db = database(&runtime);
    let small = EngineOptions { max_memory_bytes: 100_000, ..EngineOptions::default() };
    let refused = query(&db, small).run_blocking().unwrap_err();
    assert!(matches!(refused, QueryError::LimitExceeded { option: "max_memory_bytes", .. }), "{refused}");
    let roomy = EngineOptions { max_memory_bytes: 400_000, ..EngineOptions::default() };
    query(&db, roomy).run_blocking().unwrap();
}

#[test]
fn a_column_takes_the_memory_of_the_steps_with_values() {
    let runtime = Runtime::builder().threads(1).build().unwrap();
    let db = Db::builder("churn").in_memory().runtime(&runtime).open_blocking().unwrap();
    let mut batch = Batch::new();
    for series in 0..200_i64 {
        let key = SeriesKey::new("x").tag("id", series.to_string());
        (0..10).for_each(|at| batch.push_key(&key, Timestamp::from_secs(series * 50 + at * 5), 1.0));
    }
    db.write_blocking(batch).unwrap();
    let options = EngineOptions {
        // Dense columns would need 200 x 10,000 x 8 bytes = 16 MB.
        max_memory_bytes: 1_000_000,
        lookback: Duration::from_secs(10),
        ..EngineOptions::default()
    };
    let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(9_999));
    let query = Engine::new(options).range(&db.snapshot(), "sum(rate(x[30s]))", start, end, Duration::from_secs(1));
    assert_eq!(query.unwrap().run_blocking().unwrap().statistics.series, 200);
}
