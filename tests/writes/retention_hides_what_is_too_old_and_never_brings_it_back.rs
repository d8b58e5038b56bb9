//! Retention by age, by bytes and by selection: points are hidden at once, removed later, and never visible again.

use std::time::Duration;

use timestrata::{Batch, Db, DbBuilder, Error, Selector, SeriesKey, Timestamp};

const DAY: i64 = 86_400;

fn key(host: &str) -> SeriesKey {
    SeriesKey::new("cpu").tag("host", host)
}

fn write(db: &Db, host: &str, days: &[i64]) {
    let mut batch = Batch::new();
    for day in days {
        batch.push_key(&key(host), Timestamp::from_secs(day * DAY), *day);
    }
    db.write_blocking(batch).unwrap();
}

fn days(db: &Db, host: &str) -> Vec<i64> {
    let snapshot = db.snapshot();
    let series = snapshot.series::<i64>(&key(host)).unwrap();
    snapshot.scan(series, ..).collect_blocking().unwrap().into_iter().map(|point| point.value).collect()
}

fn builder(dir: &tempfile::TempDir) -> DbBuilder {
    Db::builder(dir.path().join("db"))
}

#[test]
fn by_age() {
    let dir = tempfile::tempdir().unwrap();
    let week = Duration::from_hours(7 * 24);
    let db = builder(&dir).retain_for(week).retention_grace(Duration::ZERO).open_blocking().unwrap();
    write(&db, "a", &[1, 2]);
    db.flush_blocking().unwrap();
    write(&db, "a", &[3, 8, 10]);
    db.flush_blocking().unwrap();
    assert_eq!(days(&db, "a"), [3, 8, 10], "seven days before the newest");
    let stats = db.stats();
    assert_eq!((stats.files, stats.files_dropped), (1, 1), "{stats:?}");
    // Points older than the cutoff are accepted and never visible.
    write(&db, "a", &[1, 9]);
    assert_eq!(days(&db, "a"), [3, 8, 9, 10]);
    db.compact_blocking().unwrap();
    assert_eq!(db.stats().points, 4);
    db.close_blocking().unwrap();
    // A later opening with a longer retention does not make hidden points visible again.
    let db = builder(&dir).retain_for(100 * week).retention_grace(Duration::ZERO).open_blocking().unwrap();
    write(&db, "a", &[2, 4]);
    assert_eq!(days(&db, "a"), [3, 4, 8, 9, 10]);
    assert_eq!(db.stats().retention_cutoff, Some(Timestamp::from_secs(3 * DAY)));
}

/// One point from the far future hides nothing: age is then counted from the clock.
#[test]
fn a_point_from_the_future_takes_nothing_away() {
    let dir = tempfile::tempdir().unwrap();
    let db =
        builder(&dir).retain_for(Duration::from_hours(7 * 24)).retention_grace(Duration::ZERO).open_blocking().unwrap();
    let today = Timestamp::now().as_nanos() / 1_000_000_000 / DAY;
    write(&db, "a", &[today - 1, today, today + 100_000]);
    db.flush_blocking().unwrap();
    assert_eq!(days(&db, "a"), [today - 1, today, today + 100_000]);
}

#[test]
fn by_bytes_the_oldest_files_go() {
    let dir = tempfile::tempdir().unwrap();
    let db = builder(&dir).open_blocking().unwrap();
    write(&db, "a", &[1]);
    db.flush_blocking().unwrap();
    let one = db.stats().file_bytes;
    db.close_blocking().unwrap();
    let db = builder(&dir).retain_bytes(one * 3 + one / 2).open_blocking().unwrap();
    for day in 2..6 {
        write(&db, "a", &[day]);
        db.flush_blocking().unwrap();
    }
    assert_eq!(days(&db, "a"), [3, 4, 5]);
    assert_eq!(db.stats().files, 3);
}

#[test]
fn by_selection_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let open = |days: u64| {
        let age = Duration::from_hours(days * 24);
        let rule = Selector::metric("cpu").tag("host", "b");
        builder(&dir).retain_series_for(rule, age).retention_grace(Duration::ZERO).open_blocking().unwrap()
    };
    let db = open(2);
    for host in ["a", "b"] {
        write(&db, host, &[1, 2, 3, 4, 5]);
    }
    db.flush_blocking().unwrap();
    assert_eq!((days(&db, "a"), days(&db, "b")), (vec![1, 2, 3, 4, 5], vec![3, 4, 5]));
    db.compact_blocking().unwrap();
    assert_eq!(db.stats().points, 8, "taken out by the merge");
    db.close_blocking().unwrap();
    // Without the rule, hidden points stay hidden, and no further points are hidden.
    let db = builder(&dir).open_blocking().unwrap();
    write(&db, "b", &[1, 2, 9]);
    db.flush_blocking().unwrap();
    assert_eq!(days(&db, "b"), [3, 4, 5, 9]);
}

#[test]
fn no_time_at_all_is_no_retention() {
    let dir = tempfile::tempdir().unwrap();
    let none = builder(&dir).retain_for(Duration::ZERO).open_blocking();
    assert!(matches!(none, Err(Error::InvalidOption { option: "retention", .. })));
}

/// An opening without the rule reads the rule's selector from the manifest. A selector that cannot be read would make
/// every opening fail.
#[test]
fn a_rule_that_cannot_be_read_back_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let day = Duration::from_hours(24);
    let bad = builder(&dir).retain_series_for(Selector::metric("cpu").tag_matches("host", "("), day).open_blocking();
    assert!(matches!(bad, Err(Error::InvalidQuery { .. })), "{bad:?}");
    let deep = (0..80).fold(Selector::metric("cpu"), |select, at| {
        if at % 2 == 0 { select.and(Selector::metric("a")) } else { select.or(Selector::metric("b")) }
    });
    let deep = builder(&dir).retain_series_for(deep, day).open_blocking();
    assert!(matches!(deep, Err(Error::InvalidQuery { .. })), "{deep:?}");
    assert!(!dir.path().join("db").exists(), "and nothing was made");
}
