//! Series that come and go: what was acknowledged stays, and no definition or limit is held for good.

use std::path::Path;

use timestrata::{Batch, Db, DuplicatePolicy, Error, Selector, SeriesKey, Timestamp};

fn key(host: i64) -> SeriesKey {
    SeriesKey::new("cpu").tag("host", format!("h{host}"))
}

fn open(path: &Path) -> Db {
    Db::builder(path.join("db")).open_blocking().unwrap()
}

fn write(db: &Db, hosts: impl IntoIterator<Item = i64>, at: i64) {
    let mut batch = Batch::new();
    for host in hosts {
        batch.push_key(&key(host), Timestamp::from_secs(at), at);
    }
    db.write_blocking(batch).unwrap();
}

fn delete_all(db: &Db) {
    db.delete_blocking(Selector::metric("cpu"), ..).unwrap();
}

#[test]
fn a_series_that_is_created_again_after_a_delete_stays() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let create = |db: &Db| db.create_series(key(5)).value_type::<i64>().blocking().unwrap();
    let first = db.create_series(key(5)).value_type::<i64>().duplicates(DuplicatePolicy::KeepLast).blocking().unwrap();
    write(&db, 0..10, 1);
    db.flush_blocking().unwrap();
    delete_all(&db);
    let created = create(&db);
    assert_eq!(create(&db).id(), created.id());
    let check = |db: &Db, listed: usize| {
        let info = db.snapshot().find_series(&key(5)).unwrap();
        assert_eq!((info.id, info.duplicates), (created.id(), DuplicatePolicy::KeepLast));
        assert_eq!(db.series::<i64>(&key(5)).unwrap().id(), created.id());
        assert_eq!(db.snapshot().count_series(&Selector::all()), listed, "a series that was created is listed");
    };
    check(&db, 1);
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (1, 0));
    check(&db, 1);
    let mut batch = Batch::new();
    batch.push(first, Timestamp::from_secs(2), 2);
    db.write_blocking(batch).unwrap();
    check(&db, 1);
    // Without a drop, the record of the creation is what an opening reads.
    delete_all(&db);
    let again = create(&db);
    drop(db);
    let db = open(dir.path());
    assert_eq!(db.snapshot().find_series(&key(5)).unwrap().id, again.id());
    assert_eq!(db.snapshot().count_series(&Selector::all()), 1);
    db.close_blocking().unwrap();
    let report = timestrata::verify(dir.path().join("db")).unwrap();
    assert_eq!(&report.findings[..], &[]);
}

#[test]
fn a_delete_of_series_that_were_never_written_frees_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    // A key is "cpu", "host" and "h" with two digits: ten bytes.
    let db = Db::builder(dir.path().join("db")).max_series_key_bytes(40).open_blocking().unwrap();
    for round in 1..6 {
        let hosts = (0..4).map(|host| key(10 * round + host));
        let created = db.create_many_series(hosts).value_type::<i64>().blocking().unwrap();
        assert_eq!((created.len(), db.stats().series), (4, 4), "round {round}");
        assert!(matches!(db.create_series(key(99)).blocking(), Err(Error::TooManyKeyBytes { .. })));
        delete_all(&db);
        db.flush_blocking().unwrap();
        db.compact_blocking().unwrap();
        let stats = db.stats();
        assert_eq!((stats.series, stats.empty_series, stats.series_key_bytes), (0, 0, 0), "round {round}");
    }
    drop(db);
    assert_eq!(open(dir.path()).stats().series, 0);
}
