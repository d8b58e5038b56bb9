//! The definition of a series that is empty for good leaves memory, the series log and the opening. Its id is not used
//! again, a handle leads to the series that replaces it, and the type of the key may change.
//!
//! `TIMESTRATA_CHURN` sets the number of series of a round in `series_that_come_and_go…`; from 10,000 on it compares
//! the opening times, too.

use std::path::Path;
use std::time::{Duration, Instant};

use timestrata::{
    Batch, Db, DbBuilder, DuplicatePolicy, Error, ErrorKind, Point, Selector, Series, SeriesKey, Snapshot, Timestamp,
};

const DAY: i64 = 86_400;

fn key(host: i64) -> SeriesKey {
    SeriesKey::new("cpu").tag("host", format!("h{host}"))
}

fn builder(path: &Path) -> DbBuilder {
    Db::builder(path.join("db"))
}

fn open(path: &Path) -> Db {
    builder(path).open_blocking().unwrap()
}

fn write(db: &Db, hosts: impl IntoIterator<Item = i64>, at: i64) {
    let mut batch = Batch::new();
    for host in hosts {
        batch.push_key(&key(host), Timestamp::from_secs(at), at);
    }
    db.write_blocking(batch).unwrap();
}

fn write_one<T: timestrata::Scalar>(db: &Db, series: Series<T>, at: i64, value: T) {
    let mut batch = Batch::new();
    batch.push(series, Timestamp::from_secs(at), value);
    db.write_blocking(batch).unwrap();
}

/// Deletes all points of the hosts whose number has this tag value pattern.
fn delete(db: &Db, pattern: &str) {
    let selector: Selector = format!("cpu{{host=~\"{pattern}\"}}").parse().unwrap();
    db.delete_blocking(selector, ..).unwrap();
}

fn values<T: timestrata::Scalar>(snapshot: &Snapshot, series: Series<T>) -> Vec<T> {
    let points: Vec<Point<T>> = snapshot.scan(series, ..).collect_blocking().unwrap();
    points.into_iter().map(|point| point.value).collect()
}

/// Returns the name and the length of the series log.
fn series_log(path: &Path) -> (String, u64) {
    let entries = std::fs::read_dir(path.join("db")).unwrap().map(|entry| entry.unwrap());
    let logs: Vec<_> = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with("series-")).collect();
    assert_eq!(logs.len(), 1, "the old log is removed: {logs:?}");
    (logs[0].file_name().into_string().unwrap(), logs[0].metadata().unwrap().len())
}

/// Creates 100 series in files, and drops those from 20 on.
fn dropped(path: &Path) -> Db {
    let db = open(path);
    write(&db, 0..100, 1);
    db.flush_blocking().unwrap();
    delete(&db, "h[2-9][0-9]");
    db.compact_blocking().unwrap();
    let stats = db.stats();
    assert_eq!((stats.series, stats.empty_series), (20, 0), "the definitions of empty series are dropped");
    db
}

#[test]
fn dropped_definitions_leave_memory_the_series_log_and_the_opening() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, 0..100, 1);
    db.flush_blocking().unwrap();
    let (before, (name, len)) = (db.stats(), series_log(dir.path()));
    delete(&db, "h[2-9][0-9]");
    assert_eq!(db.stats().empty_series, 80);
    db.compact_blocking().unwrap();
    let (after, (new_name, new_len)) = (db.stats(), series_log(dir.path()));
    assert_eq!((after.series, after.empty_series), (20, 0));
    assert!(after.series_bytes < before.series_bytes / 4, "{} of {}", after.series_bytes, before.series_bytes);
    assert!(after.series_key_bytes < before.series_key_bytes / 4);
    assert!(new_name > name && new_len < len / 3, "{new_name} with {new_len} bytes after {name} with {len}");
    db.close_blocking().unwrap();
    let db = open(dir.path());
    let reopened = db.stats();
    assert_eq!((reopened.series, reopened.empty_series), (20, 0));
    assert_eq!(reopened.series_bytes, after.series_bytes);
    assert_eq!(db.snapshot().list_series(&Selector::all()).len(), 20);
    write(&db, [50], 2);
    assert_eq!(db.snapshot().find_series(&key(50)).unwrap().id.get(), 100, "the ids of dropped series are burnt");
    db.close_blocking().unwrap();
    let report = timestrata::verify(dir.path().join("db")).unwrap();
    assert_eq!((&report.findings[..], &report.notes[..]), (&[][..], &[][..]));
    let db = open(dir.path());
    assert_eq!(values(&db.snapshot(), db.series::<i64>(&key(50)).unwrap()), [2]);
    assert_eq!(db.stats().series, 21);
}

#[test]
fn a_database_without_any_definition_left_works_on() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, 0..10, 1);
    delete(&db, ".*");
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series, db.stats().series_bytes), (0, 0, 0));
    db.close_blocking().unwrap();
    let db = open(dir.path());
    write(&db, [3], 2);
    assert_eq!(db.snapshot().find_series(&key(3)).unwrap().id.get(), 10);
    drop(db);
    assert_eq!(open(dir.path()).stats().series, 1);
}

#[test]
fn a_handle_of_a_dropped_series_leads_to_the_series_of_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let handles: Vec<Series<i64>> = db.create_many_series((0..10).map(key)).value_type::<i64>().blocking().unwrap();
    let by_key = db.series::<i64>(&key(7)).unwrap();
    write(&db, 0..10, 1);
    let before = db.snapshot();
    delete(&db, "h[1-9]");
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (1, 0));
    assert_eq!(values(&before, handles[3]), [1], "a snapshot holds still");
    assert_eq!(values(&db.snapshot(), handles[3]), [], "no point, and no error");
    assert_eq!(db.snapshot().latest_blocking(handles[3]).unwrap(), None);

    // A write creates the series again, under a new id.
    write_one(&db, handles[3], 5, 55);
    write_one(&db, by_key, 6, 66);
    let snapshot = db.snapshot();
    let info = snapshot.find_series(&key(3)).unwrap();
    assert_eq!(info.id.get(), 10);
    let new = db.series::<i64>(&key(3)).unwrap();
    assert_eq!((values(&snapshot, handles[3]), values(&snapshot, new)), (vec![55], vec![55]));
    write_one(&db, handles[3], 7, 77);
    write_one(&db, new, 8, 88);
    assert_eq!(values(&db.snapshot(), handles[3]), [55, 77, 88]);
    assert_eq!(values(&db.snapshot(), handles[7]), [66]);

    // A handle of a type that the key no longer has.
    db.delete_blocking(Selector::metric("cpu"), ..).unwrap();
    db.compact_blocking().unwrap();
    let other = db.create_series(key(3)).value_type::<bool>().blocking().unwrap();
    write_one(&db, other, 9, true);
    let mut stale = Batch::new();
    stale.push(handles[3], Timestamp::from_secs(10), 1);
    assert!(matches!(db.write_blocking(stale), Err(Error::TypeMismatch { .. })));
    assert!(matches!(db.snapshot().scan(handles[3], ..).collect_blocking(), Err(Error::TypeMismatch { .. })));
    assert_eq!(values(&db.snapshot(), other), [true]);
    drop((before, snapshot));
    drop(db);
    let db = open(dir.path());
    assert_eq!(values(&db.snapshot(), db.series::<bool>(&key(3)).unwrap()), [true]);
}

/// Until the definition is dropped, files may still have hidden points of the old type.
#[test]
fn the_type_of_a_key_changes_once_its_series_has_no_point_left() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    write(&db, 0..100, 1);
    db.flush_blocking().unwrap();
    let create = |db: &Db| db.create_series(key(5)).duplicates(DuplicatePolicy::KeepLast).blocking();
    assert!(matches!(create(&db), Err(Error::TypeMismatch { .. })), "it has a point");
    delete(&db, "h5");
    let old = db.series::<i64>(&key(5)).unwrap();
    let series = create(&db).unwrap();
    assert_eq!(series.id().get(), 100);
    write_one(&db, series, 2, 0.5);
    let check = |db: &Db| {
        let snapshot = db.snapshot();
        let series = db.series::<f64>(&key(5)).unwrap();
        assert_eq!(values(&snapshot, series), [0.5]);
        assert_eq!(snapshot.count_series(&Selector::metric("cpu").tag("host", "h5")), 1);
        assert_eq!(snapshot.find_series(&key(5)).unwrap().duplicates, DuplicatePolicy::KeepLast);
        assert_eq!(db.stats().series, 100);
    };
    check(&db);
    let mut batch = Batch::new();
    batch.push(old, Timestamp::from_secs(3), 1);
    assert!(matches!(db.write_blocking(batch), Err(Error::TypeMismatch { .. })));
    drop(db);
    // The log has two definitions of the key, then the series log has them.
    let db = open(dir.path());
    check(&db);
    db.close_blocking().unwrap();
    let report = timestrata::verify(dir.path().join("db")).unwrap();
    assert_eq!(&report.findings[..], &[]);
    let db = open(dir.path());
    check(&db);
    db.backup_blocking(dir.path().join("copy")).unwrap();
    check(&Db::open_blocking(dir.path().join("copy")).unwrap());
    // The superseded definition is dropped with others.
    delete(&db, "h[2-4][0-9]");
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (70, 0));
}

/// Adds points by handles of two definitions of one key.
type Push = fn(&mut Batch, Series<f64>, Series<i64>);

/// A handle of the old type would supersede the series that the batch writes to by its new handle, or by its key.
#[test]
fn a_batch_never_supersedes_a_series_that_it_writes_to() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let at = Timestamp::from_secs;
    let floats = db.create_series(key(0)).blocking().unwrap();
    write_one(&db, floats, 1, 0.5);
    delete(&db, "h0");
    let integers = db.create_series(key(0)).value_type::<i64>().blocking().unwrap();
    write_one(&db, integers, 2, 2);
    delete(&db, "h0");
    let stats = db.stats();
    assert_eq!((stats.series, stats.empty_series), (0, 2));
    let pushes: [Push; 4] = [
        |batch, floats, integers| {
            batch.push(integers, Timestamp::from_secs(5), 5);
            batch.push(floats, Timestamp::from_secs(5), 1.5);
        },
        |batch, floats, integers| {
            batch.push(floats, Timestamp::from_secs(5), 1.5);
            batch.push(integers, Timestamp::from_secs(5), 5);
        },
        |batch, floats, _| {
            batch.push_key(&key(0), Timestamp::from_secs(5), 5_i64);
            batch.push(floats, Timestamp::from_secs(5), 1.5);
        },
        |batch, floats, _| {
            batch.push(floats, Timestamp::from_secs(5), 1.5);
            batch.push_key(&key(0), Timestamp::from_secs(5), 5_i64);
        },
    ];
    for push in pushes {
        let mut batch = Batch::new();
        push(&mut batch, floats, integers);
        let error = db.write_blocking(batch).unwrap_err();
        assert!(matches!(error, Error::TypeMismatch { .. }), "{error}");
        let stats = db.stats();
        assert_eq!((stats.series, stats.empty_series), (0, 2), "a refused batch changes nothing");
    }
    let mut batch = Batch::new();
    batch.push_columns(integers, &[at(6), at(7)], &[6, 7]);
    batch.push_key(&key(1), at(6), 1_i64);
    db.write_blocking(batch).unwrap();
    let check = |db: &Db| {
        assert_eq!(values(&db.snapshot(), db.series::<i64>(&key(0)).unwrap()), [6, 7]);
        assert_eq!(values(&db.snapshot(), db.series::<i64>(&key(1)).unwrap()), [1]);
    };
    check(&db);
    db.close_blocking().unwrap();
    let db = open(dir.path());
    check(&db);
    db.close_blocking().unwrap();
    let report = timestrata::verify(dir.path().join("db")).unwrap();
    assert_eq!(&report.findings[..], &[]);
}

#[test]
fn a_series_that_was_created_and_never_written_stays() {
    let dir = tempfile::tempdir().unwrap();
    let week = Duration::from_hours(24 * 7);
    let retained = || builder(dir.path()).retain_for(week).retention_grace(Duration::ZERO).open_blocking().unwrap();
    let db = retained();
    let unwritten = db.create_series(key(1_000)).value_type::<u64>().blocking().unwrap();
    db.create_series(key(1_001)).value_type::<u64>().blocking().unwrap();
    write(&db, 0..20, DAY);
    db.flush_blocking().unwrap();
    write(&db, 20..22, 20 * DAY);
    db.delete_blocking(Selector::metric("cpu").tag("host", "h1001"), ..).unwrap();
    db.flush_blocking().unwrap();
    db.compact_blocking().unwrap();
    db.compact_blocking().unwrap();
    let check = |db: &Db| {
        assert_eq!((db.stats().series, db.stats().empty_series), (3, 0), "retention leaves it, a delete ends it");
        assert_eq!(db.series::<u64>(&key(1_000)).unwrap().id(), unwritten.id());
        assert!(matches!(db.series::<u64>(&key(1_001)), Err(Error::SeriesNotFound { .. })));
    };
    check(&db);
    db.close_blocking().unwrap();
    let db = retained();
    check(&db);
    write_one(&db, db.series::<u64>(&key(1_000)).unwrap(), 20 * DAY, 7);
    assert_eq!(db.stats().series, 3);
}

#[test]
fn the_bytes_of_keys_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    // A key is "cpu", "host" and "h" with one digit: nine bytes.
    let db = builder(dir.path()).max_series_key_bytes(27).open_blocking().unwrap();
    write(&db, 0..3, 1);
    assert_eq!(db.stats().series_key_bytes, 27);
    let mut batch = Batch::new();
    batch.push_key(&key(0), Timestamp::from_secs(2), 2_i64);
    batch.push_key(&key(3), Timestamp::from_secs(2), 2_i64);
    let error = db.write_blocking(batch).unwrap_err();
    assert!(matches!(error, Error::TooManyKeyBytes { cap: 27, .. }) && error.kind() == ErrorKind::LimitExceeded);
    assert!(matches!(db.create_series(key(3)).blocking(), Err(Error::TooManyKeyBytes { .. })));
    write(&db, 0..3, 3);
    delete(&db, "h1");
    db.compact_blocking().unwrap();
    write(&db, [3], 4);
    assert_eq!(db.stats().series, 3);
}

/// Rounds of new series, of which retention removes the old ones, stay within 1.3 times the live series.
#[test]
fn series_that_come_and_go_take_no_more_than_the_live_ones() {
    const ROUNDS: i64 = 24;
    let series = std::env::var("TIMESTRATA_CHURN").map_or(400, |text| text.parse().unwrap());
    let age = Duration::from_hours(36);
    let retained = |path: &Path| builder(path).retain_for(age).retention_grace(Duration::ZERO).open_blocking().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let db = retained(dir.path());
    for round in 0..ROUNDS {
        write(&db, (0..series).map(|host| round * series + host), round * DAY);
        db.compact_blocking().unwrap();
    }
    // A last check may wait until the shortest interval between two checks is over.
    let deadline = Instant::now() + Duration::from_secs(30);
    let live = u64::try_from(2 * series).unwrap();
    while db.stats().series > live || db.stats().empty_series > live / 7 {
        assert!(Instant::now() < deadline, "{:?}", db.stats());
        db.compact_blocking().unwrap();
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let fresh_dir = tempfile::tempdir().unwrap();
    let fresh = open(fresh_dir.path());
    for round in ROUNDS - 2..ROUNDS {
        write(&fresh, (0..series).map(|host| round * series + host), round * DAY);
    }
    fresh.flush_blocking().unwrap();
    let (stats, expected) = (db.stats(), fresh.stats());
    assert_eq!((stats.series, expected.series), (live, live));
    let within = |what: &str, found: u64, live: u64| {
        assert!(found * 10 <= live * 13, "{what}: {found} where the live series take {live}");
    };
    within("memory", stats.series_bytes, expected.series_bytes);
    within("keys", stats.series_key_bytes, expected.series_key_bytes);
    within("series log", series_log(dir.path()).1, series_log(fresh_dir.path()).1);
    let listed =
        |db: &Db| db.snapshot().list_series(&Selector::all()).into_iter().map(|info| info.key).collect::<Vec<_>>();
    assert_eq!(listed(&db), listed(&fresh));
    let log_bytes = [series_log(dir.path()).1, series_log(fresh_dir.path()).1];
    let memory = [stats.series_bytes, expected.series_bytes];
    fresh.compact_blocking().unwrap();
    db.close_blocking().unwrap();
    let db = retained(dir.path());
    assert_eq!(listed(&db), listed(&fresh));
    within("memory after an opening", db.stats().series_bytes, expected.series_bytes);
    db.close_blocking().unwrap();
    fresh.close_blocking().unwrap();
    // Alternately, so that both meet the same noise.
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..9 {
        for (path, times) in [dir.path(), fresh_dir.path()].into_iter().zip(&mut times) {
            let start = Instant::now();
            let db = retained(path);
            times.push(u64::try_from(start.elapsed().as_nanos()).unwrap());
            db.close_blocking().unwrap();
        }
    }
    let opening = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    println!("{ROUNDS} rounds of {series}, then fresh: memory {memory:?}, log {log_bytes:?}, opening {opening:?} ns");
    if series >= 10_000 {
        within("opening time", opening[0], opening[1]);
    }
}

/// Below an eighth of all definitions a rewrite of the log would cost more than it saves.
#[test]
fn few_empty_series_keep_their_definitions() {
    let dir = tempfile::tempdir().unwrap();
    let db = dropped(dir.path());
    let log = series_log(dir.path());
    delete(&db, "h[01]");
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (18, 2));
    assert_eq!(series_log(dir.path()), log);
    delete(&db, "h2");
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (17, 0));
}
