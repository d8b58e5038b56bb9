//! Tests of errors of a full disk: a wrapped error still has one cause and one next step.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::{FULL, TestDatabase, found, large, numbered, once, ssts};
use crate::engine::threads::block_on;
use crate::platform::env::SyncStep;
use crate::testing::faulty_env::EnvCall;
use crate::testing::{DiskImage, Executor, SimDisk};
use crate::{Db, Durability, Error, ErrorKind, Result, Selector, SeriesKey, Timestamp};

/// Asserts that a text contains the cause once and one next step.
fn assert_named_once(text: &str) {
    println!("{text}");
    for part in ["no storage space", "free space", "open the database again", "unknown"] {
        assert!(text.matches(part).count() <= 1, "{part:?} is repeated: {text}");
    }
    assert!(text.contains("no storage space") && text.contains("; free space"), "{text}");
}

#[test]
fn a_full_disk_is_named_once_with_one_next_step() {
    let home = TestDatabase::new();
    let db = home.open();
    // Without a sync: otherwise the write of a sync mark by the idle writer could be the first write that fails.
    db.write_with_blocking(numbered(1), Durability::Os).unwrap();
    // The write of the group fails, and so does the write of the new segment that would seal the old segment.
    home.env.inject_for_kind(EnvCall::Write, 0, usize::MAX, FULL);
    let unknown = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(unknown, Error::OutcomeUnknown { .. }), "{unknown:?}");
    assert_named_once(&unknown.to_string());
    let read_only = db.write_blocking(numbered(3)).unwrap_err();
    assert!(matches!(read_only, Error::ReadOnly { .. }), "{read_only:?}");
    assert_named_once(&read_only.to_string());
}

#[test]
fn a_failed_write_on_a_full_disk_is_named_once_with_one_next_step() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_with_blocking(numbered(1), Durability::Os).unwrap();
    home.env.inject_for_kind(EnvCall::Write, 0, 1, FULL);
    let failed = db.write_blocking(numbered(2)).unwrap_err();
    assert!(matches!(failed, Error::WriteFailed { .. }), "{failed:?}");
    assert_named_once(&failed.to_string());
}

/// Repeats a call until it succeeds, for at most 20 seconds.
fn retried<R>(what: &str, mut call: impl FnMut() -> Result<R>) -> R {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match call() {
            Ok(done) => return done,
            Err(error) => {
                assert!(error.is_retryable() && Instant::now() < until, "{what}: {error:?}");
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn a_hundred_writes_fail_on_a_full_disk_and_writes_go_on_by_themselves() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    home.env.fill(true);
    for number in 0..100 {
        let error = db.write_blocking(numbered(100 + number)).unwrap_err();
        assert!(matches!(error, Error::WriteFailed { .. }), "{number}: {error:?}");
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StorageFull, true));
    }
    assert_eq!(found(&db), once([1]));
    home.env.fill(false);
    retried("there is room again", || db.write_blocking(numbered(2)));
    assert_eq!(found(&db), once([1, 2]));
    db.flush_blocking().unwrap();
    drop(db);
    assert_eq!(home.reopened(), once([1, 2]));
}

/// Fills the memtables on a full disk, until writes stall because flushes fail.
fn stalled(home: &TestDatabase) -> Db {
    let db = home.builder().flush_at_bytes(1).stall_timeout(Duration::ZERO).open_blocking().unwrap();
    db.write_blocking(numbered(1)).unwrap();
    db.flush_blocking().unwrap();
    home.env.inject_for_kind(EnvCall::Sync(SyncStep::SstData), 0, usize::MAX, FULL);
    for number in 2..5 {
        drop(db.write_blocking(numbered(number)));
    }
    home.env.fill(true);
    db
}

#[test]
fn a_delete_makes_room_on_a_full_disk_and_lasts() {
    let home = TestDatabase::new();
    let db = stalled(&home);
    assert!(matches!(db.write_blocking(numbered(9)), Err(Error::WriteStalled { .. } | Error::WriteFailed { .. })));
    assert!(db.stats().failed_flush.is_some_and(|failed| failed.kind == ErrorKind::StorageFull));
    assert_eq!(ssts(&home.path()), 1);
    db.delete_blocking(Selector::metric("m"), ..).unwrap();
    assert_eq!(found(&db), once([]));
    let until = Instant::now() + Duration::from_secs(20);
    while ssts(&home.path()) > 0 {
        assert!(Instant::now() < until, "the file that the delete hides whole is still there");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(found(&db), once([]));
    home.env.fill(false);
    home.env.clear_faults();
    retried("there is room again", || db.write_blocking(numbered(10)));
    retried("there is room again", || db.flush_blocking());
    assert_eq!(found(&db), once([10]));
    assert_eq!(db.stats().failed_flush, None);
    drop(db);
    assert_eq!(home.reopened(), once([10]));
}

/// The delete is in the log only, and the files that it hides are gone.
#[test]
fn a_delete_that_made_room_on_a_full_disk_outlives_the_process() {
    let home = TestDatabase::new();
    let db = stalled(&home);
    db.delete_blocking(Selector::metric("m"), ..).unwrap();
    drop(db);
    home.env.fill(false);
    home.env.clear_faults();
    assert_eq!(home.reopened(), once([]));
}

/// The files that a delete hides whole are gone; a reader beside the writer must not show the rest of what it hides.
#[test]
fn a_reader_shows_all_or_nothing_of_a_delete_that_makes_room() {
    let home = TestDatabase::new();
    let db = home.open();
    for numbers in [0..=10, 11..=20] {
        for number in numbers {
            db.write_blocking(numbered(number)).unwrap();
        }
        db.flush_blocking().unwrap();
    }
    assert_eq!(ssts(&home.path()), 2);
    home.env.fill(true);
    // They use up the spare segments and a reserve.
    for _ in 0..5 {
        let mut large = numbered(30);
        (0..50_000).for_each(|_| large.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(30), 30_i64));
        assert!(db.write_blocking(large).is_err());
    }
    db.delete_blocking(Selector::metric("m"), ..Timestamp::from_nanos(16)).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while ssts(&home.path()) > 1 {
        assert!(Instant::now() < until, "the file that the delete hides whole is still there");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let reader = Db::builder(home.path()).read_only().open_blocking().unwrap();
    let points = reader.snapshot().query(Selector::all()).points().collect::<Result<Vec<_>>>().unwrap();
    let shown: BTreeSet<i64> = points.iter().map(|(_, point)| point.timestamp.as_nanos()).collect();
    assert_eq!(shown, (16..=20).collect());
}

/// Polls a future for a moment. Returns `true` if it ended.
fn ends_soon<T>(mut future: Pin<&mut impl Future<Output = T>>) -> bool {
    (0..20).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    })
}

/// One write waits in the queue for a flush, and the next one waits for room in the queue, for as long as the disk is full.
#[test]
fn a_delete_passes_the_waiting_writes_of_other_handles_but_none_of_its_own() {
    let home = TestDatabase::new();
    let db = home.open_with_failing_flushes();
    let other = db.clone();
    let mut queued = pin!(db.write(large(3)));
    let mut waiting = pin!(db.write(large(4)));
    assert!(!ends_soon(queued.as_mut()) && !ends_soon(waiting.as_mut()));
    assert!(db.stats().failed_flush.is_some());
    for seq in 4..10 {
        assert_eq!(other.delete_blocking(Selector::metric("m"), ..).unwrap().seq, seq);
    }
    assert_eq!(found(&db), once([]));
    let mut own = pin!(db.delete(Selector::all(), ..));
    assert!(!ends_soon(own.as_mut()), "it waits behind the writes of its handle");
    home.env.clear_faults();
    let [queued, waiting] = [block_on(queued), block_on(waiting)].map(|ack| ack.unwrap().seq);
    assert!(queued >= 10 && waiting > queued, "{queued} {waiting}");
    assert!(block_on(own).unwrap().seq > waiting);
    assert_eq!(found(&db), once([]));
}

/// The memtable is full, and its freeze needs a segment.
#[test]
fn refused_writes_touch_no_file_if_the_memtable_is_full() {
    let home = TestDatabase::new();
    let db = home.builder().flush_at_bytes(1).open_blocking().unwrap();
    db.write_blocking(numbered(1)).unwrap();
    // The sync mark of the idle writer.
    std::thread::park_timeout(Duration::from_millis(300));
    home.env.fill(true);
    assert!(db.write_blocking(numbered(2)).is_err());
    let calls = home.env.calls();
    for number in 0..99 {
        let error = db.write_blocking(numbered(100 + number)).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::StorageFull, true), "{number}: {error:?}");
    }
    assert_eq!(home.env.calls()[calls.len()..], [], "a file was touched");
    home.env.fill(false);
    retried("there is room again", || db.write_blocking(numbered(2)));
    assert_eq!(found(&db), once([1, 2]));
}

#[test]
fn a_torn_tail_is_reported_by_an_opening_on_a_full_disk_and_leaves_no_partial_copy() {
    let home = TestDatabase::new();
    let db = home.open();
    db.write_blocking(numbered(1)).unwrap();
    drop(db);
    let files = || std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let segment = files().filter(|path| name(path).starts_with("wal-")).max().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let end = bytes.len() - 32;
    bytes[end..].fill(7);
    std::fs::write(&segment, &bytes).unwrap();
    home.env.fill(true);
    let db = home.open();
    let tail = db.open_report().torn_tail.clone().expect("the tail is reported");
    assert_eq!((tail.file, tail.offset, tail.bytes), (segment, end as u64, 32));
    assert_eq!(files().filter(|path| name(path).starts_with("forgiven-")).count(), 0);
    assert_eq!(found(&db), once([1]));
}

/// Opens the database of an image on a disk that is full, and returns its batches.
fn opened_on_a_full_disk(image: &DiskImage) -> Vec<i64> {
    let disk = SimDisk::from_image(image, 1);
    disk.capacity(Some(image.files().values().map(|bytes| bytes.len() as u64).sum()));
    let mut executor = Executor::new(&disk, 1);
    let db = executor.open(Db::builder("/data/db")).expect("it opens on a full disk");
    found(&db).into_keys().collect()
}

/// A rewrite of the manifest has used its reserve, and the process was killed before there was a new one.
#[test]
fn an_opening_on_a_full_disk_needs_no_reserve_of_the_manifest() {
    let disk = SimDisk::new(1);
    let mut executor = Executor::new(&disk, 1);
    let db = executor.open(Db::builder("/data/db")).unwrap();
    let writer = db.clone();
    executor.block_on(async move { writer.write(numbered(1)).await }).unwrap().unwrap();
    let unflushed = disk.live_image().without_file("/data/db/manifest.reserve");
    let flusher = db.clone();
    executor.block_on(async move { flusher.flush().await }).unwrap().unwrap();
    let after_flush = disk.live_image();
    executor.block_on(async move { db.close().await }).unwrap().unwrap();
    let closed = disk.live_image().without_file("/data/db/manifest.reserve");
    assert_eq!(opened_on_a_full_disk(&closed), [1], "after a clean close");
    let is_sst = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "sst");
    let sst = after_flush.files().keys().find(is_sst).unwrap();
    let leftover = unflushed.with_file(sst, after_flush.file(sst).unwrap());
    assert_eq!(opened_on_a_full_disk(&leftover), [1], "with an SST that no manifest names");
}
