//! `DbBuilder::in_memory` keeps all files in memory: everything works as on a disk, and nothing is found there.

use std::path::Path;

use timestrata::{Batch, Db, DuplicatePolicy, Error, Selector, Timestamp};

use crate::common::{all, at, key};

/// Writes `points` points of each of 20 series.
fn fill(db: &Db, points: i64) {
    for chunk in 0..10 {
        let mut batch = Batch::new();
        for n in 0..20 {
            let times: Vec<_> = (0..points / 10).map(|nanos| at(chunk * points + nanos)).collect();
            let values: Vec<i64> = (0..points / 10).map(|nanos| chunk * points + nanos).collect();
            batch.push_key_columns(&key("m", n), &times, &values);
        }
        db.write_blocking(batch).unwrap();
    }
}

#[test]
fn flushes_compactions_deletes_and_openings_work() {
    let name = "a-database-in-memory";
    let builder = Db::builder(name).in_memory().flush_at_bytes(1 << 20).wal_segment_bytes(1 << 20);
    let builder = builder.duplicates(DuplicatePolicy::KeepLast);
    let db = builder.clone().open_blocking().unwrap();
    fill(&db, 20_000);
    db.flush_blocking().unwrap();
    fill(&db, 1_000);
    db.compact_blocking().unwrap();
    let selector: Selector = "m{n=~\"1.\"}".parse().unwrap();
    db.delete_blocking(selector, ..).unwrap();
    db.compact_blocking().unwrap();
    let stats = db.stats();
    assert!(stats.flushes.runs > 1 && stats.compactions.runs > 0, "{stats:?}");
    assert_eq!(stats.series, 10);
    let before = all::<i64>(&db.snapshot(), &key("m", 3));
    assert!(before.len() >= 20_000 && all::<i64>(&db.snapshot(), &key("m", 13)).is_empty());
    db.close_blocking().unwrap();
    let db = builder.clone().create_if_missing(false).open_blocking().unwrap();
    assert_eq!(all::<i64>(&db.snapshot(), &key("m", 3)), before);
    assert!(matches!(builder.clone().open_blocking(), Err(Error::Locked { .. })));
    // A crash: the next opening replays the log.
    let mut batch = Batch::new();
    batch.push_key(&key("m", 3), Timestamp::MAX, 7_i64);
    db.write_blocking(batch).unwrap();
    drop(db);
    let db = builder.open_blocking().unwrap();
    assert_eq!(all::<i64>(&db.snapshot(), &key("m", 3)).last(), Some(&(i64::MAX, 7)));
    assert!(!Path::new(name).exists());
}

#[test]
fn two_calls_make_two_databases() {
    let builder = Db::builder("memory").in_memory();
    let (first, second) = (builder.clone().open_blocking().unwrap(), builder.in_memory().open_blocking().unwrap());
    fill(&first, 10);
    assert_eq!((first.stats().series, second.stats().series), (20, 0));
}

#[test]
fn a_reader_follows_the_writer_and_a_backup_stays_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Db::builder(dir.path().join("db")).in_memory();
    let db = builder.clone().open_blocking().unwrap();
    fill(&db, 100);
    // A reader shows a synced write once a later step of the writer proves that it is durable.
    db.flush_blocking().unwrap();
    let reader = builder.read_only().open_blocking().unwrap();
    assert_eq!(all::<i64>(&reader.snapshot(), &key("m", 0)), all::<i64>(&db.snapshot(), &key("m", 0)));
    fill(&db, 200);
    db.flush_blocking().unwrap();
    reader.refresh_blocking().unwrap();
    assert_eq!(all::<i64>(&reader.snapshot(), &key("m", 0)), all::<i64>(&db.snapshot(), &key("m", 0)));
    let report = db.backup_blocking(dir.path().join("backup")).unwrap();
    assert!(report.files > 0, "{report:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is on the disk");
    assert!(matches!(timestrata::verify(dir.path().join("db")), Err(Error::DatabaseNotFound { .. })));
}
