//! Tests of the whole engine with injected faults of the file system.
//!
//! Acknowledged batches stay, refused batches are absent, and a reopening finds each batch once.

mod descriptors;
mod directory_size;
mod full_disk;
#[cfg(unix)]
mod moved_directory;
mod panics;
mod reader;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::platform::env::{OpenMode, SyncStep};
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};
use crate::{Batch, Db, DbBuilder, Durability, Error, ErrorKind, Result, Selector, SeriesKey, Timestamp, Value};

const FULL: EnvFault = EnvFault::Error(io::ErrorKind::StorageFull);
const BROKEN: EnvFault = EnvFault::Error(io::ErrorKind::Other);

struct TestDatabase {
    dir: tempfile::TempDir,
    env: FaultyEnv,
}

impl TestDatabase {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env: FaultyEnv::default() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    fn builder(&self) -> DbBuilder {
        Db::builder(self.path()).env(Arc::new(self.env.clone()))
    }

    fn open(&self) -> Db {
        self.builder().open_blocking().unwrap()
    }

    /// Opens the database with flushes that fail, and writes three points, so that the next write waits, however long.
    fn open_with_failing_flushes(&self) -> Db {
        let builder = self.builder().flush_at_bytes(1).memory_budget(64 << 20).stall_timeout(Duration::MAX);
        let db = builder.open_blocking().unwrap();
        self.env.inject_for_kind(EnvCall::Sync(SyncStep::SstData), 0, usize::MAX, FULL);
        for number in 0..3 {
            db.write_blocking(numbered(number)).unwrap();
        }
        db
    }

    /// Removes the faults and opens the database again. Returns the batches in it.
    fn reopened(&self) -> BTreeMap<i64, u64> {
        self.env.clear_faults();
        found(&Db::open_blocking(self.path()).unwrap())
    }
}

/// Returns a batch of two points in each of two series; timestamp and value are its number.
fn numbered(number: i64) -> Batch {
    let mut batch = Batch::new();
    for n in 0..4 {
        batch.push_key(&SeriesKey::new("m").tag("n", (n % 2).to_string()), Timestamp::from_nanos(number), number);
    }
    batch
}

/// Returns a batch that fills the queue.
fn large(number: i64) -> Batch {
    let mut large = numbered(number);
    for _ in 0..900_000 {
        large.push_key(&SeriesKey::new("large"), Timestamp::from_nanos(number), 0_u64);
    }
    large
}

/// Returns how often each batch is present; asserts that no batch is present in part.
fn found(db: &Db) -> BTreeMap<i64, u64> {
    let mut points = BTreeMap::new();
    for item in db.snapshot().query(Selector::all()).points() {
        let (_, point) = item.unwrap();
        assert_eq!(point.value, Value::I64(point.timestamp.as_nanos()));
        *points.entry(point.timestamp.as_nanos()).or_insert(0_u64) += 1;
    }
    for (number, count) in &mut points {
        assert_eq!(*count % 4, 0, "batch {number} in part");
        *count /= 4;
    }
    points
}

fn once(numbers: impl IntoIterator<Item = i64>) -> BTreeMap<i64, u64> {
    numbers.into_iter().map(|number| (number, 1)).collect()
}

fn ssts(dir: &Path) -> usize {
    std::fs::read_dir(dir)
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            Path::new(&name).extension().is_some_and(|end| end == "sst" || end == "tmp")
        })
        .count()
}

/// The sync of an SST and the sync of its directory fail once or three times.
#[test]
fn a_failed_flush_is_retried_and_nothing_is_lost_or_doubled() {
    let steps = [EnvCall::Sync(SyncStep::SstData), EnvCall::SyncDir(SyncStep::SstDirectory)];
    for (step, times) in steps.into_iter().flat_map(|step| [(step, 1), (step, 3)]) {
        let home = TestDatabase::new();
        let db = home.open();
        db.write_blocking(numbered(1)).unwrap();
        home.env.inject_for_kind(step, 0, times, FULL);
        let error = db.flush_blocking().unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        // The automatic retry may have flushed the memtable meanwhile.
        assert_eq!(found(&db), once([1]));
        assert!(db.stats().frozen_memtables <= 1);
        // Writes continue; their points do not join the memtable that waits for its flush.
        db.write_blocking(numbered(2)).unwrap();
        assert_eq!(found(&db), once([1, 2]));
        // Each flush command starts an attempt without delay; finally one succeeds.
        let mut tries = 1;
        while db.flush_blocking().is_err() {
            tries += 1;
            assert_eq!(found(&db), once([1, 2]));
        }
        assert!(tries <= times, "{tries} failed flushes of {times} faults");
        let stats = db.stats();
        assert_eq!(
            (stats.files, stats.file_points, stats.frozen_memtables, stats.active_points),
            (2, 8, 0, 0),
            "{step:?}"
        );
        assert_eq!(ssts(&home.path()), 2, "nothing is left of the failed ones");
        drop(db);
        assert_eq!(home.reopened(), once([1, 2]));
    }
}

#[test]
fn a_flush_that_fails_is_tried_again_by_itself() {
    let home = TestDatabase::new();
    let db = home.open();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::SstData), 0, 1, FULL);
    db.write_blocking(numbered(1)).unwrap();
    let mut changes = db.watch();
    assert!(db.flush_blocking().is_err());
    while db.stats().files == 0 {
        changes.next_blocking().unwrap();
    }
    assert_eq!((found(&db), db.stats().frozen_memtables), (once([1]), 0));
    db.close_blocking().unwrap();
    assert_eq!(home.reopened(), once([1]));
}

/// Writes wait while two memtables are frozen and flushes fail; a successful flush ends the wait.
#[test]
fn writers_wait_while_flushes_fail_and_go_on_afterwards() {
    let home = TestDatabase::new();
    let db = home.builder().flush_at_bytes(1).open_blocking().unwrap();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::SstData), 0, 3, FULL);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let db = db.clone();
            std::thread::spawn(move || {
                for n in 0..5 {
                    db.write_blocking(numbered(10 * writer + n)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let expected = once((0..4).flat_map(|writer| (0..5).map(move |n| 10 * writer + n)));
    assert_eq!(found(&db), expected);
    db.close_blocking().unwrap();
    assert_eq!(home.reopened(), expected);
}

/// Writes wait in the queue while the disk is full; flush and sync commands are answered.
#[test]
fn a_flush_and_a_sync_are_answered_while_writes_are_stalled() {
    let home = TestDatabase::new();
    let db = home.open_with_failing_flushes();
    let writers: Vec<_> = (3..6)
        .map(|number| {
            let (db, large) = (db.clone(), large(number));
            std::thread::spawn(move || db.write_blocking(large))
        })
        .collect();
    while db.stats().queued_bytes < 7 << 20 {
        std::thread::yield_now();
    }
    assert!(matches!(db.flush_blocking(), Err(Error::Io { .. })));
    db.sync_blocking().unwrap();
    home.env.clear_faults();
    for writer in writers {
        writer.join().unwrap().unwrap();
    }
    db.close_blocking().unwrap();
}

#[test]
fn a_close_whose_flush_fails_returns_the_error_and_loses_nothing() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::SstData), 0, usize::MAX, FULL);
    let error = db.close_blocking().unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert_eq!(home.reopened(), once([1]));
}

#[test]
fn a_failed_wal_write_is_absent_for_certain_and_the_database_goes_on() {
    for fault in [
        FULL,
        EnvFault::ShortWrite(0),
        EnvFault::ShortWrite(70),
        EnvFault::ShortWrite(usize::MAX),
        EnvFault::AppliedButFailed,
    ] {
        // The failed call may be the write of a sync mark by the idle writer: then the case is run again.
        assert!((0..20).any(|_| a_failed_write_is_absent(fault)), "{fault:?} never failed the write of a batch");
    }
}

/// Returns `false` if the fault did not fail the write of the batch.
fn a_failed_write_is_absent(fault: EnvFault) -> bool {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.inject_for_kind(EnvCall::Write, 0, 1, fault);
    match db.write_blocking(numbered(2)) {
        Ok(_) => return false,
        Err(failed) => assert!(matches!(failed, Error::WriteFailed { .. }), "{failed:?}"),
    }
    assert_eq!(found(&db), once([1]));
    db.write_blocking(numbered(3)).unwrap();
    assert_eq!(found(&db), once([1, 3]));
    drop(db);
    assert_eq!(home.reopened(), once([1, 3]), "{fault:?}");
    true
}

#[test]
fn a_failed_wal_sync_makes_the_database_read_only_and_reopening_decides() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(numbered(2)).unwrap();
    let series = db.create_series(SeriesKey::new("m").tag("n", "0")).value_type::<i64>().blocking().unwrap();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::WalGroup), 0, 1, BROKEN);
    let mut failed = Batch::new();
    failed.push(series, Timestamp::from_nanos(3), 3);
    let error = db.write_blocking(numbered(3)).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. } | Error::ReadOnly { .. }), "{error:?}");
    // Every later request that writes is refused without another attempt; reads continue.
    let read_only = |outcome: Result<()>| assert!(matches!(outcome, Err(Error::ReadOnly { .. })), "{outcome:?}");
    read_only(db.write_blocking(numbered(4)).map(drop));
    read_only(db.write_with_blocking(failed, Durability::Os).map(drop));
    read_only(db.create_series(SeriesKey::new("new")).blocking().map(drop));
    read_only(db.flush_blocking());
    read_only(db.sync_blocking());
    assert_eq!(found(&db), once([1, 2]));
    assert_eq!(db.snapshot().latest_blocking(series).unwrap().unwrap().value, 2);
    read_only(db.close_blocking());
    // The record of batch 3 is complete or absent: only its sync failed, or the sync of an earlier sync mark failed.
    let reopened = home.reopened();
    assert!(reopened == once([1, 2]) || reopened == once([1, 2, 3]), "{reopened:?}");
}

#[test]
fn the_statistics_say_since_when_and_why_the_database_is_read_only() {
    for (call, fault, kind, text) in [
        (EnvCall::Sync(SyncStep::ManifestEdit), FULL, ErrorKind::StorageFull, "cannot sync "),
        (EnvCall::Sync(SyncStep::ManifestEdit), BROKEN, ErrorKind::Io, "cannot sync "),
        (EnvCall::Sync(SyncStep::SeriesLogData), BROKEN, ErrorKind::Io, "cannot sync "),
    ] {
        let home = TestDatabase::new();
        let db = home.open();
        db.write_blocking(numbered(1)).unwrap();
        assert_eq!(db.stats().read_only, None);
        home.env.inject_for_kind(call, 0, 1, fault);
        let before = Timestamp::now();
        db.flush_blocking().unwrap_err();
        let state = db.stats().read_only.unwrap();
        assert!(before <= state.since && state.since <= Timestamp::now(), "{state:?}");
        assert_eq!(state.kind, kind);
        assert!(state.cause.starts_with(text) && !state.cause.contains("read-only"), "{state:?}");
        // A later failure does not replace the first one.
        db.write_blocking(numbered(2)).unwrap_err();
        assert_eq!(db.stats().read_only, Some(state));
    }
}

#[test]
fn a_failed_manifest_edit_makes_it_read_only_and_keeps_the_ssts() {
    for (call, fault) in [
        (EnvCall::Sync(SyncStep::ManifestEdit), BROKEN),
        (EnvCall::Sync(SyncStep::ManifestEdit), EnvFault::AppliedButFailed),
        (EnvCall::Sync(SyncStep::SeriesLogData), BROKEN),
    ] {
        let home = TestDatabase::new();
        let db = home.open();
        db.write_blocking(numbered(1)).unwrap();
        home.env.inject_for_kind(call, 0, 1, fault);
        let error = db.flush_blocking().unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. } | Error::OutcomeUnknown { .. }), "{call:?}: {error:?}");
        assert_eq!(found(&db), once([1]));
        assert!(matches!(db.write_blocking(numbered(2)), Err(Error::ReadOnly { .. })));
        assert_eq!(ssts(&home.path()), 1, "the edit may name it");
        drop(db);
        assert_eq!(home.reopened(), once([1]), "{call:?}");
    }
}

#[test]
fn an_interval_is_synced_without_a_command() {
    let home = TestDatabase::new();
    let every = Duration::from_millis(5);
    let db = home.builder().durability(Durability::Interval(every)).open_blocking().unwrap();
    for n in 0..3 {
        let before = home.env.count(EnvCall::Sync(SyncStep::WalGroup));
        let ack = db.write_blocking(numbered(n)).unwrap();
        assert_eq!(ack.durability, Durability::Interval(every));
        while home.env.count(EnvCall::Sync(SyncStep::WalGroup)) == before {
            std::thread::yield_now();
        }
    }
    // Dropping the database adds at most two syncs.
    let before = home.env.count(EnvCall::Sync(SyncStep::WalGroup));
    drop(db);
    assert!(home.env.count(EnvCall::Sync(SyncStep::WalGroup)) <= before + 2);
}

#[test]
fn too_many_open_files_is_an_error_and_a_later_try_works() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    db.flush_blocking().unwrap();
    let series = db.snapshot().series::<i64>(&SeriesKey::new("m").tag("n", "0")).unwrap();
    // `EMFILE` has no `ErrorKind` of its own; `OutOfMemory` gives the same error.
    home.env.inject_for_kind(EnvCall::Open(OpenMode::Read), 0, 1, EnvFault::Error(io::ErrorKind::OutOfMemory));
    let scan = || db.snapshot().scan(series, ..).collect_blocking();
    assert!(matches!(scan(), Err(Error::OutOfResources { .. })));
    assert_eq!(scan().unwrap().len(), 2);
}

/// Acknowledged and refused batches of a workload; batches with an unknown outcome are in no list.
#[derive(Default)]
struct WorkloadLog {
    acknowledged: Vec<i64>,
    refused: Vec<i64>,
}

/// Opens, writes, flushes, rotates the WAL, reopens and closes; records the outcome of each write.
fn workload(home: &TestDatabase, heard: &mut WorkloadLog) -> Result<()> {
    for life in 0..2 {
        let db = home.builder().wal_segment_bytes(4096).open_blocking()?;
        for n in 0..6 {
            let number = 10 * life + n;
            match db.write_blocking(numbered(number)) {
                Ok(_) => heard.acknowledged.push(number),
                Err(Error::OutcomeUnknown { .. }) => {}
                Err(_) => heard.refused.push(number),
            }
            if n % 3 == 2 {
                drop(db.flush_blocking());
            }
        }
        if life == 0 { drop(db) } else { drop(db.close_blocking()) }
    }
    Ok(())
}

/// Repeats the workload and lets another call to the operating system fail each time.
///
/// No run panics or hangs, and every reopening finds each acknowledged batch once and no refused batch.
#[test]
fn any_single_fault_loses_and_doubles_nothing() {
    let mut calls = 0;
    for fault in [FULL, EnvFault::ShortWrite(40), EnvFault::AppliedButFailed] {
        for number in 0.. {
            let home = TestDatabase::new();
            home.env.inject_at(number, fault);
            let mut heard = WorkloadLog::default();
            drop(workload(&home, &mut heard));
            let made = home.env.calls();
            if number >= made.len() {
                break;
            }
            calls += 1;
            let expect = |reopened: &BTreeMap<i64, u64>| {
                let context = || format!("call {number}, {:?}, {fault:?}", made[number]);
                assert!(reopened.values().all(|count| *count == 1), "doubled: {}: {reopened:?}", context());
                let lost: Vec<_> = heard.acknowledged.iter().filter(|number| !reopened.contains_key(number)).collect();
                assert!(lost.is_empty(), "lost {lost:?}: {}", context());
                let undead: Vec<_> = heard.refused.iter().filter(|number| reopened.contains_key(number)).collect();
                assert!(undead.is_empty(), "refused and there {undead:?}: {}", context());
            };
            if home.path().exists() {
                let first = home.reopened();
                expect(&first);
                assert_eq!(home.reopened(), first, "a second reopening finds the same");
            }
        }
    }
    assert!(calls > 300, "{calls} calls failed");
}

/// Waker that owns a handle and drops it after a signal, on the thread that calls the waker.
struct HandleDroppingWaker {
    db: std::sync::Mutex<Option<Db>>,
    go: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
    done: std::sync::mpsc::Sender<()>,
}

impl std::task::Wake for HandleDroppingWaker {
    fn wake(self: Arc<Self>) {
        let taken = self.db.lock().unwrap().take();
        if let Some(db) = taken {
            self.go.lock().unwrap().recv().unwrap();
            drop(db);
            self.done.send(()).unwrap();
        }
    }
}

#[test]
fn the_last_handle_may_be_dropped_by_a_waker_on_the_writers_thread() {
    use std::task::{Context, Waker};

    let home = TestDatabase::new();
    let db = home.open();
    let mut changes = db.watch();
    let (go, told) = std::sync::mpsc::channel();
    let (done, is_done) = std::sync::mpsc::channel();
    let owner =
        HandleDroppingWaker { db: std::sync::Mutex::new(Some(db.clone())), go: std::sync::Mutex::new(told), done };
    let waker = Waker::from(Arc::new(owner));
    let mut next = Box::pin(changes.next());
    assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut write = Box::pin(db.write(numbered(1)));
    assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(write);
    drop(db);
    go.send(()).unwrap();
    is_done.recv_timeout(Duration::from_secs(10)).expect("the drop returns");
    let reopened = loop {
        match home.builder().open_blocking() {
            Err(Error::Locked { .. }) => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(found(&reopened), once([1]));
}

/// The replayed delete has no point to hide. It is not a delete that a compaction must apply first.
#[test]
fn a_compaction_is_answered_after_the_replay_of_a_delete_that_hides_nothing() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    db.compact_blocking().unwrap();
    let later = Timestamp::from_nanos(5)..Timestamp::from_nanos(6);
    db.delete_blocking(Selector::all(), later).unwrap();
    drop(db);
    let db = home.open();
    let (done, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let compacted = db.compact_blocking();
        drop(done.send((db, compacted)));
    });
    let (db, compacted) = answer.recv_timeout(std::time::Duration::from_secs(20)).expect("a compaction is answered");
    compacted.unwrap();
    assert_eq!(found(&db), once([1]));
}
