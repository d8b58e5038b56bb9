//! The whole engine over files that fail on demand: what was acknowledged stays, what was refused is absent, and a
//! reopening finds each batch once.

mod panics;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::faulty::{Call, Fault, FaultyEnv};
use crate::env::{Open, SyncStep};
use crate::{Batch, Builder, Db, Durability, Error, Result, Select, SeriesKey, Timestamp, Value};

const FULL: Fault = Fault::Fails(ErrorKind::StorageFull);
const BROKEN: Fault = Fault::Fails(ErrorKind::Other);

struct Home {
    dir: tempfile::TempDir,
    env: FaultyEnv,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env: FaultyEnv::default() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    fn builder(&self) -> Builder {
        Db::builder(self.path()).env(Arc::new(self.env.clone()))
    }

    fn open(&self) -> Db {
        self.builder().open_blocking().unwrap()
    }

    /// What sound files say, without the faults.
    fn reopened(&self) -> BTreeMap<i64, u64> {
        self.env.mend();
        found(&Db::open_blocking(self.path()).unwrap())
    }
}

/// Two points in either of two series, all at the batch's number.
fn numbered(number: i64) -> Batch {
    let mut batch = Batch::new();
    for n in 0..4 {
        batch.push_key(&SeriesKey::new("m").tag("n", (n % 2).to_string()), Timestamp::from_nanos(number), number);
    }
    batch
}

/// How many times each batch is there; it must be there whole.
fn found(db: &Db) -> BTreeMap<i64, u64> {
    let mut points = BTreeMap::new();
    for item in db.snapshot().query(Select::all()).scan() {
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

/// Every step of making an SST, once and thrice.
#[test]
fn a_failed_flush_is_retried_and_nothing_is_lost_or_doubled() {
    let steps = [Call::Sync(SyncStep::Sst), Call::SyncDir(SyncStep::SstDirectory)];
    for (step, times) in steps.into_iter().flat_map(|step| [(step, 1), (step, 3)]) {
        let home = Home::new();
        let db = home.open();
        db.write_blocking(numbered(1)).unwrap();
        home.env.plant_kind(step, 0, times, FULL);
        let error = db.flush_blocking().unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        // It may have been tried again by itself meanwhile.
        assert_eq!(found(&db), once([1]));
        assert!(db.stats().frozen <= 1);
        // Writing goes on, and what comes is not mixed up with what waits.
        db.write_blocking(numbered(2)).unwrap();
        assert_eq!(found(&db), once([1, 2]));
        // Each flush that is asked for tries at once; in the end one goes through.
        let mut tries = 1;
        while db.flush_blocking().is_err() {
            tries += 1;
            assert_eq!(found(&db), once([1, 2]));
        }
        assert!(tries <= times, "{tries} failed flushes of {times} faults");
        let stats = db.stats();
        assert_eq!((stats.files, stats.file_points, stats.frozen, stats.active_points), (2, 8, 0, 0), "{step:?}");
        assert_eq!(ssts(&home.path()), 2, "nothing is left of the failed ones");
        drop(db);
        assert_eq!(home.reopened(), once([1, 2]));
    }
}

#[test]
fn a_flush_that_fails_is_tried_again_by_itself() {
    let home = Home::new();
    let db = home.open();
    home.env.plant_kind(Call::Sync(SyncStep::Sst), 0, 1, FULL);
    db.write_blocking(numbered(1)).unwrap();
    let mut changes = db.changes();
    assert!(db.flush_blocking().is_err());
    while db.stats().files == 0 {
        changes.next_blocking().unwrap();
    }
    assert_eq!((found(&db), db.stats().frozen), (once([1]), 0));
    db.close_blocking().unwrap();
    assert_eq!(home.reopened(), once([1]));
}

/// Two frozen memtables wait for a flusher that fails: writers wait, too, and go on once it succeeds.
#[test]
fn writers_wait_while_flushes_fail_and_go_on_afterwards() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(1).open_blocking().unwrap();
    home.env.plant_kind(Call::Sync(SyncStep::Sst), 0, 3, FULL);
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

/// Writes that fill the queue wait for room as long as the disk is full. A flush and a sync do not wait with them.
#[test]
fn a_flush_and_a_sync_are_answered_while_writes_are_parked() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(1).memory_budget(64 << 20).open_blocking().unwrap();
    home.env.plant_kind(Call::Sync(SyncStep::Sst), 0, usize::MAX, FULL);
    for number in 0..3 {
        db.write_blocking(numbered(number)).unwrap();
    }
    let writers: Vec<_> = (3..6)
        .map(|number| {
            let (db, mut large) = (db.clone(), numbered(number));
            for _ in 0..900_000 {
                large.push_key(&SeriesKey::new("large"), Timestamp::from_nanos(number), 0_u64);
            }
            std::thread::spawn(move || db.write_blocking(large))
        })
        .collect();
    while db.stats().queued_bytes < 8 << 20 {
        std::thread::yield_now();
    }
    assert!(matches!(db.flush_blocking(), Err(Error::Io { .. })));
    db.sync_blocking().unwrap();
    home.env.mend();
    for writer in writers {
        writer.join().unwrap().unwrap();
    }
    db.close_blocking().unwrap();
}

#[test]
fn a_close_whose_flush_fails_says_so_and_loses_nothing() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.plant_kind(Call::Sync(SyncStep::Sst), 0, usize::MAX, FULL);
    let error = db.close_blocking().unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert_eq!(home.reopened(), once([1]));
}

#[test]
fn a_failed_wal_write_is_absent_for_certain_and_the_database_goes_on() {
    for fault in [FULL, Fault::Short(0), Fault::Short(70), Fault::Short(usize::MAX), Fault::HappensAndFails] {
        let home = Home::new();
        let db = home.open();
        db.write_blocking(numbered(1)).unwrap();
        home.env.plant_kind(Call::Write, 0, 1, fault);
        match db.write_blocking(numbered(2)) {
            // The next write of an idle writer may have been its mark.
            Ok(_) => continue,
            Err(failed) => assert!(matches!(failed, Error::WriteFailed { .. }), "{failed:?}"),
        }
        assert_eq!(found(&db), once([1]));
        db.write_blocking(numbered(3)).unwrap();
        assert_eq!(found(&db), once([1, 3]));
        drop(db);
        assert_eq!(home.reopened(), once([1, 3]), "{fault:?}");
    }
}

#[test]
fn a_failed_wal_sync_makes_the_database_read_only_and_reopening_decides() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(numbered(2)).unwrap();
    let series = db.series_as_blocking::<i64>(SeriesKey::new("m").tag("n", "0")).unwrap();
    home.env.plant_kind(Call::Sync(SyncStep::WalGroup), 0, 1, BROKEN);
    let mut failed = Batch::new();
    failed.push(series, Timestamp::from_nanos(3), 3);
    let error = db.write_blocking(numbered(3)).unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. } | Error::ReadOnly { .. }), "{error:?}");
    // No second try, whatever is asked for; reads go on.
    let read_only = |outcome: Result<()>| assert!(matches!(outcome, Err(Error::ReadOnly { .. })), "{outcome:?}");
    read_only(db.write_blocking(numbered(4)).map(drop));
    read_only(db.write_with_blocking(failed, Durability::Os).map(drop));
    read_only(db.series_blocking(SeriesKey::new("new")).map(drop));
    read_only(db.flush_blocking());
    read_only(db.sync_blocking());
    assert_eq!(found(&db), once([1, 2]));
    assert_eq!(db.snapshot().latest_blocking(series).unwrap().unwrap().value, 2);
    read_only(db.close_blocking());
    // The sync failed, the write did not: here the record is found, whole.
    let reopened = home.reopened();
    assert!(reopened == once([1, 2]) || reopened == once([1, 2, 3]), "{reopened:?}");
}

#[test]
fn a_failed_manifest_edit_makes_it_read_only_and_keeps_the_ssts() {
    for (call, fault) in [
        (Call::Sync(SyncStep::ManifestEdit), BROKEN),
        (Call::Sync(SyncStep::ManifestEdit), Fault::HappensAndFails),
        (Call::Sync(SyncStep::SeriesLog), BROKEN),
        (Call::SyncDir(SyncStep::SeriesLogDirectory), BROKEN),
    ] {
        let home = Home::new();
        let db = home.open();
        db.write_blocking(numbered(1)).unwrap();
        home.env.plant_kind(call, 0, 1, fault);
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
fn an_interval_is_synced_without_being_asked() {
    let home = Home::new();
    let every = std::time::Duration::from_millis(5);
    let db = home.builder().durability(Durability::Interval(every)).open_blocking().unwrap();
    for n in 0..3 {
        let before = home.env.count(Call::Sync(SyncStep::WalGroup));
        let ack = db.write_blocking(numbered(n)).unwrap();
        assert_eq!(ack.durability, Durability::Interval(every));
        while home.env.count(Call::Sync(SyncStep::WalGroup)) == before {
            std::thread::yield_now();
        }
    }
    // And of `Os` nothing is, until it is asked for.
    let before = home.env.count(Call::Sync(SyncStep::WalGroup));
    drop(db);
    assert!(home.env.count(Call::Sync(SyncStep::WalGroup)) <= before + 2);
}

#[test]
fn too_many_open_files_is_told_and_a_later_try_works() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    db.flush_blocking().unwrap();
    let series = db.snapshot().typed::<i64>(&SeriesKey::new("m").tag("n", "0")).unwrap();
    // EMFILE has no kind of its own; want of memory is told the same way.
    home.env.plant_kind(Call::Open(Open::Read), 0, 1, Fault::Fails(ErrorKind::OutOfMemory));
    let scan = || db.snapshot().scan(series, ..).collect_blocking();
    assert!(matches!(scan(), Err(Error::Resource { .. })));
    assert_eq!(scan().unwrap().len(), 2);
}

/// What the workload heard: batches that were acknowledged, and those of which nothing is certain.
#[derive(Default)]
struct Heard {
    acknowledged: Vec<i64>,
    refused: Vec<i64>,
}

/// Open, write, flush, rotate, reopen, close; every error is taken for what it says.
fn workload(home: &Home, heard: &mut Heard) -> Result<()> {
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

/// Each call to the operating system fails, one after the other: no panic, no hang, and every reopening finds every
/// acknowledged batch once, and no refused one.
#[test]
fn any_single_fault_loses_and_doubles_nothing() {
    let mut calls = 0;
    for fault in [FULL, Fault::Short(40), Fault::HappensAndFails] {
        for number in 0.. {
            let home = Home::new();
            home.env.plant(number, fault);
            let mut heard = Heard::default();
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

/// A waker that owns a handle and drops it when told, on whichever thread wakes it.
struct LastHandle {
    db: std::sync::Mutex<Option<Db>>,
    go: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
    done: std::sync::mpsc::Sender<()>,
}

impl std::task::Wake for LastHandle {
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

    let home = Home::new();
    let db = home.open();
    let mut changes = db.changes();
    let (go, told) = std::sync::mpsc::channel();
    let (done, is_done) = std::sync::mpsc::channel();
    let owner = LastHandle { db: std::sync::Mutex::new(Some(db.clone())), go: std::sync::Mutex::new(told), done };
    let waker = Waker::from(Arc::new(owner));
    let mut next = Box::pin(changes.next());
    assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut write = Box::pin(db.write(numbered(1)));
    assert!(write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(write);
    drop(db);
    go.send(()).unwrap();
    is_done.recv_timeout(std::time::Duration::from_secs(10)).expect("the drop returns");
    let reopened = loop {
        match home.builder().open_blocking() {
            Err(Error::Locked { .. }) => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(found(&reopened), once([1]));
}
