//! A delete has a position in the total order of records: it hides all earlier points, in every source, and no later
//! point.

use timestrata::{Batch, Db, Error, Selector, SeriesKey, Snapshot, Timestamp};

fn key(host: &str) -> SeriesKey {
    SeriesKey::new("cpu").tag("host", host)
}

fn write(db: &Db, points: &[(&str, i64, i64)]) {
    let mut batch = Batch::new();
    for (host, at, value) in points {
        batch.push_key(&key(host), Timestamp::from_secs(*at), *value);
    }
    db.write_blocking(batch).unwrap();
}

fn values(snapshot: &Snapshot, host: &str) -> Vec<i64> {
    let series = snapshot.series::<i64>(&key(host)).unwrap();
    snapshot.scan(series, ..).collect_blocking().unwrap().into_iter().map(|point| point.value).collect()
}

/// Deletes points in the base, in L0 and in memory, and a range without points. Then reopens from the WAL, merges and
/// reopens again.
#[test]
fn a_delete_hides_what_came_before_and_nothing_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut db = Db::open_blocking(&path).unwrap();
    write(&db, &[("a", 1, 10), ("a", 5, 11), ("b", 1, 20)]);
    db.compact_blocking().unwrap();
    write(&db, &[("a", 2, 12), ("a", 6, 13), ("b", 2, 21)]);
    db.flush_blocking().unwrap();
    write(&db, &[("a", 3, 14), ("a", 7, 15), ("b", 3, 22)]);
    let before = db.snapshot();
    let selected = || Selector::metric("cpu").tag("host", "a");
    let ack = db.delete_blocking(selected(), ..Timestamp::from_secs(5)).unwrap();
    assert_eq!(ack.seq, 4);
    write(&db, &[("a", 1, 16), ("a", 4, 17)]);
    let check = |db: &Db, what: &str| {
        assert_eq!(values(&db.snapshot(), "a"), [16, 17, 11, 13, 15], "{what}");
        assert_eq!(values(&db.snapshot(), "b"), [20, 21, 22], "{what}: another series");
    };
    check(&db, "in memory");
    assert_eq!(values(&before, "a"), [10, 12, 14, 11, 13, 15], "a snapshot holds still");
    drop((before, db));
    db = Db::open_blocking(&path).unwrap();
    check(&db, "replayed");
    assert_eq!(db.stats().tombstones, 1);
    db.compact_blocking().unwrap();
    check(&db, "merged");
    let stats = db.stats();
    assert_eq!((stats.tombstones, stats.points), (0, 8), "taken out, and forgotten: {stats:?}");
    db.close_blocking().unwrap();
    db = Db::open_blocking(&path).unwrap();
    check(&db, "opened again");
}

#[test]
fn a_delete_of_nothing_changes_nothing_and_a_bad_one_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    write(&db, &[("a", 1, 10)]);
    let reversed = Timestamp::from_secs(9)..Timestamp::from_secs(1);
    assert_eq!(db.delete_blocking(Selector::metric("cpu"), reversed).unwrap().seq, 1);
    assert_eq!(db.delete_blocking(Selector::metric("none"), ..).unwrap().seq, 1);
    let bad = Selector::metric("cpu").tag_matches("host", "(");
    assert!(matches!(db.delete_blocking(bad, ..), Err(Error::InvalidQuery { .. })));
    assert_eq!(values(&db.snapshot(), "a"), [10]);
}

/// The first and the last timestamp are ordinary timestamps.
#[test]
fn the_first_and_the_last_moment_can_be_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    let series = db.create_series(key("a")).value_type::<i64>().blocking().unwrap();
    let mut batch = Batch::new();
    for at in [Timestamp::MIN, Timestamp::from_secs(0), Timestamp::MAX] {
        batch.push(series, at, 1);
    }
    db.write_blocking(batch).unwrap();
    db.delete_blocking(Selector::metric("cpu"), Timestamp::MAX..).unwrap();
    db.compact_blocking().unwrap();
    db.delete_blocking(Selector::metric("cpu"), ..=Timestamp::MIN).unwrap();
    let left = db.snapshot().scan(series, ..).collect_blocking().unwrap();
    assert_eq!(left.iter().map(|point| point.timestamp).collect::<Vec<_>>(), [Timestamp::from_secs(0)]);
}

/// The cost of a delete does not depend on the number of points that it hides. Files that it hides whole are dropped
/// without being read.
#[test]
fn files_that_are_hidden_whole_are_dropped_unread() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    for at in 0..3 {
        write(&db, &[("a", at, at)]);
        db.flush_blocking().unwrap();
    }
    db.delete_blocking(Selector::metric("cpu"), ..).unwrap();
    write(&db, &[("a", 9, 9)]);
    db.flush_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.files, stats.files_dropped, stats.compactions.files_read), (1, 3, 0), "{stats:?}");
    assert_eq!(values(&db.snapshot(), "a"), [9]);
}
