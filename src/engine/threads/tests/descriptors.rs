//! A process without a free descriptor: calls fail, nothing is lost, and the database never becomes read-only.

use std::collections::BTreeSet;

use super::{TestDatabase, numbered, once};
use crate::platform::env::OpenMode;
use crate::testing::faulty_env::{EnvCall, FaultyEnv};
use crate::types::error::{Error, Result};
use crate::{Db, Selector};

/// Maximum number of attempts of a call: more than the number of opens that fail.
const MAX_ATTEMPTS: usize = 12;

/// Repeats a call until it succeeds; every error before says that a descriptor was missing.
fn until_done<R>(what: &str, mut call: impl FnMut() -> Result<R>) -> R {
    for _ in 0..MAX_ATTEMPTS {
        match call() {
            Ok(done) => return done,
            Err(error) => assert_out_of_descriptors(what, &error),
        }
    }
    panic!("{what} does not succeed once there are descriptors again");
}

fn assert_out_of_descriptors(what: &str, error: &Error) {
    let cause = if let Error::WriteFailed { cause } = error { cause } else { error };
    assert!(matches!(cause, Error::OutOfResources { .. }), "{what}: {error}");
}

/// Opens, writes, flushes, rotates, compacts, reads, backs up, closes. Returns the acknowledged batches.
fn life(home: &TestDatabase, opens_all: bool) -> Vec<i64> {
    let db = until_done("open", || home.builder().wal_segment_bytes(4096).max_open_files(2).open_blocking());
    let mut acknowledged = Vec::new();
    let mut number = 0;
    for _ in 0..3 {
        for _ in 0..4 {
            until_done("write", || {
                number += 1;
                db.write_blocking(numbered(number))
            });
            acknowledged.push(number);
        }
        until_done("flush", || db.flush_blocking());
        until_done("read", || db.snapshot().query(Selector::all()).points().collect::<Result<Vec<_>>>());
    }
    until_done("compact", || db.compact_blocking());
    if opens_all {
        until_done("backup", || db.backup_blocking(home.dir.path().join("backup")));
    }
    until_done("write", || {
        number += 1;
        db.write_blocking(numbered(number))
    });
    acknowledged.push(number);
    // A close that fails has released the database, and everything acknowledged is in the WAL.
    if let Err(error) = db.close_blocking() {
        assert_out_of_descriptors("close", &error);
    }
    acknowledged
}

/// Returns the kind of place at which a file or directory is opened.
fn place_of(home: &TestDatabase, (call, name): (EnvCall, String)) -> String {
    let root = home.dir.path().file_name().unwrap().to_str().unwrap();
    let kind = match name.split_once('.') {
        Some((_, "log")) if name.starts_with("series") => "series log",
        Some((_, "log")) if name.starts_with("spare") => "spare",
        Some((_, "log")) if name.starts_with("wal") => "segment",
        Some((_, extension)) if extension.starts_with("sst") => extension,
        _ if name == root => "parent",
        _ => &name,
    };
    format!("{call:?} {kind}")
}

/// Every call that takes a descriptor fails in turn, and with it a number of calls after it.
#[test]
fn a_missing_descriptor_at_any_open_makes_nothing_read_only() {
    let mut reached = BTreeSet::new();
    for times in [1, 2, 5] {
        for first in 0.. {
            let home = TestDatabase::new();
            home.env.fail_opens(first, times);
            let acknowledged = life(&home, true);
            let opened = home.env.opened();
            let Some(failed) = opened.get(first).cloned() else { break };
            reached.insert(place_of(&home, failed));
            assert_eq!(home.reopened(), once(acknowledged), "open {first}, {times} times");
            let backup = Db::open_blocking(home.dir.path().join("backup")).unwrap();
            assert_eq!(super::found(&backup), once(complete_batches(&backup)), "open {first}, {times} times");
        }
    }
    let places = [
        "Open(Create) manifest.tmp",
        "Open(Create) series log",
        "Open(Create) sst.tmp",
        "Open(Create) spare",
        "Open(Read) manifest",
        "Open(Read) sst",
        "Open(Write) spare",
    ];
    let missing: Vec<_> =
        places.into_iter().filter(|place| !reached.iter().any(|reached| reached.contains(place))).collect();
    assert_eq!(missing, [""; 0], "reached: {reached:#?}");
}

fn complete_batches(db: &Db) -> Vec<i64> {
    super::found(db).into_keys().collect()
}

/// After the opening a sync of the directory opens nothing.
#[test]
fn a_sync_of_the_directory_opens_nothing() {
    let home = TestDatabase::new();
    let db = home.builder().wal_segment_bytes(4096).open_blocking().unwrap();
    let directories = |env: &FaultyEnv| {
        env.opened().iter().filter(|(call, _)| matches!(call, EnvCall::OpenDir | EnvCall::List | EnvCall::Lock)).count()
    };
    let before = directories(&home.env);
    for number in 0..20 {
        db.write_blocking(numbered(number)).unwrap();
        if number % 5 == 4 {
            db.flush_blocking().unwrap();
        }
    }
    db.compact_blocking().unwrap();
    db.close_blocking().unwrap();
    assert_eq!(directories(&home.env), before);
}

/// On `EMFILE` the readers that nothing uses are closed, and the call succeeds at the second attempt.
#[test]
fn idle_readers_are_closed_and_the_call_is_tried_once_more() {
    let home = TestDatabase::new();
    let db = home.open();
    for number in 0..3 {
        db.write_blocking(numbered(number)).unwrap();
        db.flush_blocking().unwrap();
    }
    let read = || super::found(&db);
    assert_eq!(read(), once(0..3));
    let opens = |name: &str| {
        home.env
            .opened()
            .iter()
            .filter(|(call, of)| *call == EnvCall::Open(OpenMode::Read) && of.ends_with(name))
            .count()
    };
    let before = opens(".sst");
    assert_eq!(read(), once(0..3));
    assert_eq!(opens(".sst"), before, "the readers are kept open");
    // The next open is that of the segment to which the flush rotates the log.
    home.env.fail_opens(home.env.opened().len(), 1);
    db.write_blocking(numbered(3)).unwrap();
    db.flush_blocking().unwrap();
    assert_eq!(read(), once(0..4));
    assert!(opens(".sst") > before + 1, "the idle readers were closed, not only the new file was opened");
    // Nothing is idle any more if the cache is empty: the failure is reported, and the next attempt succeeds.
    drop(db);
    let db = home.open();
    home.env.fail_opens(home.env.opened().len(), 1);
    let failed = db.snapshot().query(Selector::all()).points().collect::<Result<Vec<_>>>();
    assert_out_of_descriptors("read", &failed.unwrap_err());
    assert_eq!(super::found(&db), once(0..4));
}

/// The option bounds the number of SSTs that stay open.
#[cfg(target_os = "linux")]
#[test]
fn the_number_of_open_files_is_bounded() {
    let home = TestDatabase::new();
    let open_ssts = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
        targets.filter(|target| target.starts_with(home.path()) && target.extension() == Some("sst".as_ref())).count()
    };
    let db = home.builder().max_open_files(6).open_blocking().unwrap();
    for number in 0..20 {
        db.write_blocking(numbered(number)).unwrap();
        db.flush_blocking().unwrap();
        super::found(&db);
        // Besides the files that are kept open, a compaction that runs holds its outputs.
        let open = open_ssts();
        assert!(open <= 6 + 2, "{open} files are open");
    }
    drop(db);
    for files in [0, 1, (1 << 20) + 1] {
        let refused = home.builder().max_open_files(files).open_blocking();
        assert!(matches!(refused, Err(Error::InvalidOption { option: "max_open_files", .. })), "{files}: {refused:?}");
    }
}
