use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::*;
use crate::platform::env::SyncStep;
use crate::query::{Query, QueryPoints, Scan, ScanChunks, ScanIter, ScanStream, Windows};
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};
use crate::types::error::Error;
use crate::types::options::Durability;
use crate::types::point::{Batch, Timestamp};
use crate::types::selector::Selector;

/// Compiles only if the type is usable after a caught panic.
const fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    unwind_safe::<Db>();
    unwind_safe::<DbBuilder>();
    unwind_safe::<CreateSeries<u64>>();
    unwind_safe::<CreateManySeries<bool>>();
    unwind_safe::<Snapshot>();
    unwind_safe::<SnapshotWatch>();
    unwind_safe::<Query>();
    unwind_safe::<QueryPoints>();
    unwind_safe::<Scan<f64>>();
    unwind_safe::<ScanIter<f64>>();
    unwind_safe::<ScanChunks<f64>>();
    unwind_safe::<ScanStream<f64>>();
    unwind_safe::<Error>();
    unwind_safe::<Batch>();
    unwind_safe::<Series<i64>>();
    unwind_safe::<SeriesKey>();
    unwind_safe::<Selector>();
    unwind_safe::<Windows>();
    unwind_safe::<Stats>();
};

const fn owned_send<T: Send + 'static>(_: &T) {}

fn opened() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::builder(dir.path().join("db")).durability(Durability::Os).open_blocking().unwrap();
    (dir, db)
}

#[test]
fn futures_of_writes_and_creations_can_be_spawned() {
    let (_dir, db) = opened();
    owned_send(&db.create_series(SeriesKey::new("m")).into_future());
    owned_send(&db.create_many_series([SeriesKey::new("m")]).value_type::<bool>().into_future());
    let other = db.clone();
    owned_send(&async move { other.write(Batch::new()).await });
    let mut batch = Batch::new();
    owned_send(&async move { db.write(&mut batch).await });
}

#[test]
fn a_borrowed_batch_is_empty_after_success_and_keeps_its_memory() {
    let (_dir, db) = opened();
    let series = db.create_series(SeriesKey::new("m")).blocking().unwrap();
    let mut batch = Batch::with_capacity(1_000);
    let mut timestamp = Timestamp::UNIX_EPOCH;
    for round in 1..=3 {
        for n in 0..500 {
            batch.push(series, timestamp, f64::from(n));
            batch.push_key(&SeriesKey::new("n"), timestamp, i64::from(n));
            timestamp += Duration::from_secs(1);
        }
        let column = batch.timestamps().as_ptr();
        db.write_blocking(&mut batch).unwrap();
        assert!(batch.is_empty() && batch.series().is_empty());
        batch.push(series, timestamp, 0.0);
        assert_eq!(batch.timestamps().as_ptr(), column, "the memory is used again");
        batch.clear();
        assert_eq!(db.stats().points, round * 1_000);
    }
}

#[test]
fn a_borrowed_batch_holds_its_points_after_an_error_of_the_writer() {
    let (_dir, db) = opened();
    let key = SeriesKey::new("m");
    db.create_series(key.clone()).value_type::<u64>().blocking().unwrap();
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("n"), Timestamp::from_secs(1), 1.5);
    batch.push_key(&key, Timestamp::from_secs(1), 1.5);
    for _ in 0..2 {
        assert!(matches!(db.write_blocking(&mut batch), Err(Error::TypeMismatch { .. })));
        assert_eq!((batch.len(), batch.series().len()), (2, 2));
    }
    batch.push_key(&key, Timestamp::from_secs(2), 2.5);
    assert_eq!((batch.len(), batch.series().len()), (3, 2), "the keys are found again");
}

#[test]
fn a_future_dropped_before_its_first_poll_leaves_the_batch_as_it_was() {
    let (_dir, db) = opened();
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("m"), Timestamp::from_secs(1), 1.5);
    drop(db.write(&mut batch));
    assert_eq!((batch.len(), db.stats().points), (1, 0));
    block_on(db.write(&mut batch)).unwrap();
    assert_eq!((batch.len(), db.stats().points), (0, 1));
}

#[test]
fn lookups_create_nothing_and_distinguish_openings() {
    let (dir, db) = opened();
    let key = SeriesKey::new("m");
    assert!(matches!(db.series::<f64>(&key), Err(Error::SeriesNotFound { .. })));
    assert!(db.find_series(&key).is_none());
    let created = db.create_series(key.clone()).value_type::<bool>().blocking().unwrap();
    assert_eq!(db.series::<bool>(&key).unwrap(), created);
    assert!(matches!(db.series::<f64>(&key), Err(Error::TypeMismatch { .. })));
    assert_eq!(db.find_series(&key).unwrap().id, created.id());
    let handles: std::collections::HashSet<Series<bool>> = [created, created].into_iter().collect();
    assert_eq!(handles.len(), 1);
    db.close_blocking().unwrap();
    let reopened = Db::open_blocking(dir.path().join("db")).unwrap();
    assert_ne!(reopened.series::<bool>(&key).unwrap(), created, "a handle of another opening");
}

/// The future of an opening is dropped while a long log is replayed. The opening must stop: if it went on, it would hold
/// the lock although no caller waits for it, and the next opening would fail with `Locked`.
#[test]
fn an_opening_whose_future_is_dropped_stops_at_its_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let builder = || Db::builder(dir.path().join("db")).durability(Durability::Os);
    let db = builder().open_blocking().unwrap();
    let written = 300_000;
    for first in (0..written).step_by(1_000) {
        let mut batch = Batch::new();
        for n in first..first + 1_000 {
            batch.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(n), n);
        }
        db.write_blocking(batch).unwrap();
    }
    drop(db);
    let env = FaultyEnv::default();
    let mut open = Box::pin(builder().env(Arc::new(env.clone())).open());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(open.as_mut().poll(&mut context).is_pending());
    // Until the opening reads files, under the lock.
    while env.count(EnvCall::Read) < 3 {
        std::thread::yield_now();
    }
    drop(open);
    let db = loop {
        match builder().open_blocking() {
            Err(Error::Locked { .. }) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    let report = db.open_report();
    assert_eq!(report.replayed_points, u64::try_from(written).unwrap(), "the dropped opening went on to its end");
    assert_eq!(db.stats().points, u64::try_from(written).unwrap());
}

/// Nothing else changes between the two compact commands: the second one must try the drop again.
#[test]
fn definitions_that_could_not_be_dropped_are_dropped_later() {
    let env = FaultyEnv::default();
    let dir = tempfile::tempdir().unwrap();
    let db = Db::builder(dir.path().join("db")).env(Arc::new(env.clone())).open_blocking().unwrap();
    let mut batch = Batch::new();
    for number in 0..10 {
        batch.push_key(&SeriesKey::new("m").tag("n", number.to_string()), Timestamp::from_nanos(1), 1.0);
    }
    db.write_blocking(batch).unwrap();
    db.flush_blocking().unwrap();
    db.delete_blocking(Selector::all(), ..).unwrap();
    let fault = EnvFault::Error(std::io::ErrorKind::StorageFull);
    env.inject_for_kind(EnvCall::Sync(SyncStep::SeriesLogRewrite), 0, 100, fault);
    db.compact_blocking().unwrap();
    assert_eq!(db.stats().empty_series, 10, "the log could not be rewritten");
    env.clear_faults();
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (0, 0));
}

/// A larger delete than its share of the queue takes the whole share, so the next one waits for it.
#[test]
fn a_delete_whose_share_of_the_queue_is_taken_waits_for_the_share_and_not_behind_writes() {
    let (_dir, db) = opened();
    let writes = block_on(db.engine.permits.acquire(usize::MAX));
    let share = block_on(db.engine.delete_permits.acquire(1));
    let large = block_on(async { db.engine.delete_permits.try_acquire(usize::MAX) });
    assert!(large.is_none(), "the share is taken");
    let deleter = db.clone();
    let thread = std::thread::spawn(move || {
        let permit = block_on(deleter.delete_permit(usize::MAX));
        drop(permit);
        deleter.delete_blocking(Selector::all(), ..).unwrap()
    });
    std::thread::park_timeout(Duration::from_millis(50));
    assert!(!thread.is_finished());
    drop(share);
    thread.join().unwrap();
    drop(writes);
}

#[test]
fn a_plain_write_does_not_collect_what_an_aborted_write_with_options_would_have() {
    let (_dir, db) = opened();
    db.create_series(SeriesKey::new("m")).value_type::<bool>().blocking().unwrap();
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("m"), Timestamp::UNIX_EPOCH, 1.0);
    batch.set_collects_rejections(true);
    let error = db.write_blocking(&mut batch).unwrap_err();
    assert!(matches!(error, Error::TypeMismatch { .. }), "{error:?}");
    assert!(!batch.collects_rejections());
}

/// The only thread of the pool calls the delete, so it must not need another one.
#[test]
fn a_blocking_delete_needs_no_thread_of_the_pool() {
    let (_dir, db) = opened();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (sender, deleted) = std::sync::mpsc::channel();
    runtime.spawn_blocking(move || sender.send(db.delete_blocking(Selector::all(), ..).is_ok()));
    assert_eq!(deleted.recv_timeout(Duration::from_mins(1)), Ok(true));
    runtime.shutdown_background();
}
