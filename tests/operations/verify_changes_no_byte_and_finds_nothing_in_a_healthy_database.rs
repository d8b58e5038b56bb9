//! `verify` of an intact database, open and closed: it finds nothing, counts everything and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use timestrata::{Batch, Db, Error, SeriesKey, Timestamp, verify};

use crate::common::contents;

/// Returns bytes and modification time of each file: any change of the directory changes this value.
fn state(dir: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let modified = |name: &str| fs::metadata(dir.join(name)).unwrap().modified().unwrap();
    contents(dir).into_iter().map(|(name, bytes)| (name.clone(), (bytes, modified(&name)))).collect()
}

fn write(db: &Db, seconds: std::ops::Range<u32>) {
    for second in seconds {
        let (at, mut batch) = (Timestamp::from_secs(i64::from(second)), Batch::new());
        for host in ["a", "b", "c"] {
            batch.push_key(&SeriesKey::new("load").tag("host", host), at, f64::from(second) / 4.0);
        }
        batch.push_key(&SeriesKey::new("requests"), at, i64::from(second));
        db.write_blocking(batch).unwrap();
    }
}

#[test]
fn flushed_points_and_points_of_the_log_are_counted_and_no_byte_changes() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::builder(dir.path()).open_blocking().unwrap();
    write(&db, 0..100);
    db.flush_blocking().unwrap();
    write(&db, 100..150);
    // The database is dropped, not closed: the last fifty batches are in the WAL only.
    drop(db);
    let before = state(dir.path());
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(report.points, 600);
    // Manifest, series log, one SST, one segment.
    assert_eq!(report.files, 4, "{:?}", before.keys());
    assert!(report.bytes > 0);
    assert!(state(dir.path()) == before);

    Db::builder(dir.path()).open_blocking().unwrap().close_blocking().unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.findings, report.points), (vec![], 600));
}

#[test]
fn an_open_database_is_locked_by_its_process_and_a_missing_one_not_found() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(verify(dir.path()), Err(Error::DatabaseNotFound { .. })));
    assert!(matches!(verify(dir.path().join("nowhere")), Err(Error::DatabaseNotFound { .. })));
    assert_eq!(state(dir.path()).len(), 0, "not even LOCK is made");
    let db = Db::builder(dir.path()).open_blocking().unwrap();
    let error = verify(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    drop(db);
    assert_eq!(verify(dir.path()).unwrap().findings, []);
}

#[test]
fn without_its_lock_file_a_database_is_verified_and_the_file_not_made() {
    let dir = tempfile::tempdir().unwrap();
    Db::builder(dir.path()).open_blocking().unwrap().close_blocking().unwrap();
    fs::remove_file(dir.path().join("LOCK")).unwrap();
    let before = state(dir.path());
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.findings, []);
    assert!(report.notes[0].starts_with("LOCK is missing"), "{:?}", report.notes);
    assert!(state(dir.path()) == before);
}
