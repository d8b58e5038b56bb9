//! A file of another database, or a file under the name of another file, is detected by its identity. It is never read
//! as data and never deleted.

use timestrata::{Db, Error};

use crate::common::{Home, all, batch, contents, ending, key, names, restore};

fn filled(home: &Home, value: f64) -> Db {
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, value)])).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(batch(&key("m", 0), [(2, value)])).unwrap();
    db
}

fn foreign<T: std::fmt::Debug>(outcome: Result<T, Error>, name: &str) {
    match outcome {
        Err(Error::ForeignFile { file, .. }) => assert!(file.ends_with(name), "{} is not {name}", file.display()),
        other => panic!("{name}: {other:?}"),
    }
}

fn name(home: &Home, part: &str) -> String {
    names(&home.path()).into_iter().find(|name| name.contains(part)).unwrap()
}

/// Two databases with the same file names.
fn twins() -> (Home, Home) {
    let (own, other) = (Home::new(), Home::new());
    drop((filled(&own, 1.0), filled(&other, 2.0)));
    let plain = |home: &Home| names(&home.path());
    assert_eq!(plain(&own), plain(&other));
    (own, other)
}

#[test]
fn a_log_of_another_database_under_the_right_name_is_refused() {
    let (own, other) = twins();
    for part in ["wal-", "series-"] {
        let name = name(&own, part);
        let sound = contents(&own.path());
        std::fs::copy(other.path().join(&name), own.path().join(&name)).unwrap();
        let before = contents(&own.path());
        foreign(own.builder().open_blocking(), &name);
        let mut after = contents(&own.path());
        after.insert("LOCK".to_owned(), before["LOCK"].clone());
        assert!(after == before, "{name}: the directory was changed");
        restore(&own.path(), &sound);
    }
    assert_eq!(all::<f64>(&own.open().snapshot(), &key("m", 0)), [(1, 1.0), (2, 1.0)]);
}

#[test]
fn an_sst_of_another_database_under_the_right_name_fails_its_queries() {
    let (own, other) = twins();
    let name = name(&own, ".sst");
    std::fs::copy(other.path().join(&name), own.path().join(&name)).unwrap();
    let db = own.open();
    let series = db.snapshot().series::<f64>(&key("m", 0)).unwrap();
    foreign(db.snapshot().scan(series, ..).collect_blocking(), &name);
    foreign(
        db.snapshot()
            .latest_blocking(series)
            .and(db.snapshot().scan(series, ..=crate::common::at(1)).collect_blocking()),
        &name,
    );
}

#[test]
fn a_renamed_sst_fails_its_queries() {
    let home = Home::new();
    let db = home.open();
    for n in 0..2_i64 {
        db.write_blocking(batch(&key("m", 0), [(n, n)])).unwrap();
        db.flush_blocking().unwrap();
    }
    drop(db);
    let listed = names(&home.path());
    let ssts = ending(&listed, ".sst");
    std::fs::copy(home.path().join(ssts[0]), home.path().join(ssts[1])).unwrap();
    let db = home.open();
    let series = db.snapshot().series::<i64>(&key("m", 0)).unwrap();
    foreign(db.snapshot().scan(series, ..).collect_blocking(), ssts[1]);
}

#[test]
fn a_renamed_or_doubled_segment_is_refused() {
    let home = Home::new();
    drop(filled(&home, 1.0));
    let name = name(&home, "wal-");
    let doubled = "wal-00000000000000ff.log";
    std::fs::copy(home.path().join(&name), home.path().join(doubled)).unwrap();
    foreign(home.builder().open_blocking(), doubled);
    std::fs::remove_file(home.path().join(&name)).unwrap();
    foreign(home.builder().open_blocking(), doubled);
    std::fs::rename(home.path().join(doubled), home.path().join(&name)).unwrap();
    assert_eq!(all::<f64>(&home.open().snapshot(), &key("m", 0)), [(1, 1.0), (2, 1.0)]);
}

/// An SST that no edit names is garbage only if it belongs to this database. A foreign SST may be the only copy of its
/// data.
#[test]
fn an_sst_that_nothing_names_is_removed_only_if_it_is_an_own_one() {
    let (own, other) = twins();
    let source = other.path().join(name(&other, ".sst"));
    let stray = "00000000000000ee.sst";
    for (from, what) in [(source, "another database's"), (own.path().join(name(&own, ".sst")), "a doubled own one")] {
        std::fs::copy(&from, own.path().join(stray)).unwrap();
        foreign(own.builder().open_blocking(), stray);
        assert!(names(&own.path()).iter().any(|name| name == stray), "{what} is still there");
        std::fs::remove_file(own.path().join(stray)).unwrap();
    }
    assert_eq!(all::<f64>(&own.open().snapshot(), &key("m", 0)), [(1, 1.0), (2, 1.0)]);
}
