//! A series without a visible point, after deletes or retention, leaves the listings and the `max_series` count. It
//! returns with its next point, under its old series id.

use std::path::Path;
use std::time::Duration;

use timestrata::{Batch, Db, DbBuilder, Error, Selector, SeriesKey, Timestamp};

fn key(host: &str) -> SeriesKey {
    SeriesKey::new("cpu").tag("host", host)
}

fn batch(points: &[(&str, i64)]) -> Batch {
    let mut batch = Batch::new();
    for (host, at) in points {
        batch.push_key(&key(host), Timestamp::from_secs(*at), *at);
    }
    batch
}

fn write(db: &Db, points: &[(&str, i64)]) {
    db.write_blocking(batch(points)).unwrap();
}

fn delete(db: &Db, host: &str, last: i64) {
    db.delete_blocking(Selector::metric("cpu").tag("host", host), ..=Timestamp::from_secs(last)).unwrap();
}

fn delete_all(db: &Db, host: &str) {
    db.delete_blocking(Selector::metric("cpu").tag("host", host), ..).unwrap();
}

fn listed(db: &Db) -> Vec<String> {
    let series = db.snapshot().list_series(&Selector::metric("cpu"));
    assert_eq!(db.stats().series, series.len() as u64);
    let host = |key: &SeriesKey| key.tags().find(|(name, _)| *name == "host").unwrap().1.to_owned();
    series.iter().map(|series| host(&series.key)).collect()
}

fn builder(path: &Path) -> DbBuilder {
    Db::builder(path.join("db"))
}

fn open(path: &Path) -> Db {
    builder(path).open_blocking().unwrap()
}

#[test]
fn a_delete_of_all_time_takes_it_out_at_once_and_a_write_brings_it_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, &[("a", 1), ("b", 1)]);
    let before = db.snapshot();
    let id = before.find_series(&key("a")).unwrap().id;
    delete_all(&db, "a");
    assert_eq!(listed(&db), ["b"]);
    assert_eq!(db.stats().empty_series, 1);
    assert!(db.snapshot().find_series(&key("a")).is_none());
    assert!(before.find_series(&key("a")).is_some(), "a snapshot holds still");
    let handle = db.series::<i64>(&key("a")).unwrap();
    assert_eq!(handle.id(), id, "its number is its own");
    assert_eq!(db.snapshot().scan(handle, ..).collect_blocking().unwrap(), []);
    let query = db.snapshot().query(Selector::metric("cpu")).points();
    assert_eq!(query.count(), 1, "a query meets those that are listed");
    let mut again = Batch::new();
    again.push(handle, Timestamp::from_secs(9), 9);
    db.write_blocking(again).unwrap();
    assert_eq!(listed(&db), ["a", "b"]);
    assert_eq!(db.snapshot().find_series(&key("a")).unwrap().id, id);
}

/// Deletes and writes of one group: only their order decides whether the series has a point.
#[test]
fn what_is_written_behind_a_delete_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, &[("a", 1)]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|at| write(&db, &[("a", at)])));
            scope.spawn(|| (0..50).for_each(|_| delete_all(&db, "a")));
        }
    });
    let snapshot = db.snapshot();
    let points = snapshot.scan(snapshot.series::<i64>(&key("a")).unwrap(), ..).collect_blocking().unwrap();
    assert_eq!(listed(&db).is_empty(), points.is_empty());
    write(&db, &[("a", 1)]);
    assert_eq!(listed(&db), ["a"]);
}

/// Points in memory, in L0 and in the base are deleted. After a compaction on request the listings contain only series
/// with points.
#[test]
fn a_series_without_points_after_a_delete_is_delisted_by_the_next_check() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(dir.path());
    write(&db, &[("base", 1), ("base", 2), ("stays", 1), ("late", 5)]);
    db.compact_blocking().unwrap();
    write(&db, &[("flushed", 3), ("late", 2)]);
    db.flush_blocking().unwrap();
    write(&db, &[("memory", 4), ("late", 1)]);
    for (host, last) in [("base", 2), ("flushed", 3), ("memory", 4), ("late", 4), ("stays", 0)] {
        delete(&db, host, last);
    }
    db.compact_blocking().unwrap();
    assert_eq!(listed(&db), ["late", "stays"], "of `late` one point is behind the delete");
    db.close_blocking().unwrap();
    db = open(dir.path());
    assert_eq!(listed(&db), ["late", "stays"], "opened again");
    write(&db, &[("memory", 7)]);
    assert_eq!(listed(&db), ["late", "memory", "stays"]);
    // No close: only the WAL records that the series has a point again.
    drop(db);
    db = open(dir.path());
    assert_eq!(listed(&db), ["late", "memory", "stays"], "replayed");
    db.flush_blocking().unwrap();
    db.close_blocking().unwrap();
    assert_eq!(listed(&open(dir.path())), ["late", "memory", "stays"], "from the manifest");
}

/// A database that is closed before the empty-series check keeps its candidates for the next opening.
#[test]
fn suspects_outlive_the_opening() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    // The second delete follows the first too soon to start a check of its own.
    write(&db, &[("a", 1), ("b", 1), ("c", 1)]);
    delete(&db, "a", 1);
    db.compact_blocking().unwrap();
    delete(&db, "b", 1);
    db.flush_blocking().unwrap();
    db.close_blocking().unwrap();
    let db = open(dir.path());
    db.compact_blocking().unwrap();
    assert_eq!(listed(&db), ["c"]);
}

#[test]
fn the_cap_counts_those_that_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let db = builder(dir.path()).max_series(2).open_blocking().unwrap();
    write(&db, &[("a", 1), ("b", 1)]);
    let full = |outcome: timestrata::Result<_>| assert!(matches!(outcome, Err(Error::TooManySeries { cap: 2, .. })));
    full(db.write_blocking(batch(&[("a", 2), ("c", 1)])));
    delete_all(&db, "a");
    write(&db, &[("b", 2), ("c", 1)]);
    assert_eq!(listed(&db), ["b", "c"]);
    // The series counts as new for `max_series`, and no point of the batch is written.
    full(db.write_blocking(batch(&[("b", 3), ("a", 3)])));
    write(&db, &[("b", 4)]);
    let snapshot = db.snapshot();
    let b = snapshot.series::<i64>(&key("b")).unwrap();
    let values = snapshot.scan(b, ..).collect_blocking().unwrap();
    assert_eq!(values.iter().map(|point| point.value).collect::<Vec<_>>(), [1, 2, 4]);
    delete_all(&db, "c");
    write(&db, &[("a", 3)]);
    assert_eq!(listed(&db), ["a", "b"]);
}

#[test]
fn retention_delists_series_that_get_no_new_points() {
    let day = 86_400;
    let dir = tempfile::tempdir().unwrap();
    let week = Duration::from_hours(24 * 7);
    let retained = || builder(dir.path()).retain_for(week).retention_grace(Duration::ZERO).open_blocking().unwrap();
    let db = retained();
    write(&db, &[("old", day), ("both", day)]);
    db.flush_blocking().unwrap();
    write(&db, &[("both", 20 * day), ("new", 20 * day)]);
    db.flush_blocking().unwrap();
    db.compact_blocking().unwrap();
    assert_eq!(listed(&db), ["both", "new"]);
    db.close_blocking().unwrap();
    assert_eq!(listed(&retained()), ["both", "new"]);
}

#[test]
fn a_backup_lists_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, &[("a", 1), ("b", 1), ("c", 1)]);
    delete_all(&db, "a");
    delete(&db, "b", 1);
    db.compact_blocking().unwrap();
    db.backup_blocking(dir.path().join("copy")).unwrap();
    write(&db, &[("a", 2)]);
    let copy = Db::open_blocking(dir.path().join("copy")).unwrap();
    assert_eq!(listed(&copy), ["c"]);
    assert_eq!(listed(&db), ["a", "c"]);
}

/// The result of an empty-series check is stored only after the records that it depends on are in SSTs. Until then the
/// candidates must be kept.
#[test]
fn an_empty_series_before_a_crash_is_found_empty_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, &[("a", 1), ("b", 1)]);
    delete(&db, "a", 1);
    db.flush_blocking().unwrap();
    // This record is still unflushed when the empty-series check of the durable delete ends.
    write(&db, &[("b", 2)]);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while listed(&db) != ["b"] {
        assert!(std::time::Instant::now() < deadline, "no check for empty series has run");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    // No close.
    drop(db);
    let db = open(dir.path());
    db.compact_blocking().unwrap();
    assert_eq!(listed(&db), ["b"]);
}

/// A snapshot holds files that a merge replaced, and is read. The writer checks the pins of these files meanwhile and
/// must not fail.
#[test]
fn a_snapshot_held_over_a_merge_leaves_the_writer_well() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, &[("a", 1)]);
    db.flush_blocking().unwrap();
    write(&db, &[("a", 2)]);
    let held = db.snapshot();
    db.compact_blocking().unwrap();
    write(&db, &[("a", 3)]);
    std::thread::park_timeout(Duration::from_millis(1_500));
    write(&db, &[("a", 4)]);
    drop(held);
    db.close_blocking().unwrap();
}
