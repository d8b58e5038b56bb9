//! A tag with an empty value is no tag, wherever the key comes from. Releases before this rule stored such tags: their
//! directories open, and their series stay readable and writable.

use std::path::Path;

use timestrata::{Batch, CachedSeries, Db, Selector, SeriesKey, Snapshot};

use crate::common::{Home, all, at, batch, copy_dir};

const SECOND: i64 = 1_000_000_000;

/// Returns the key that the directory of an earlier release holds; building a key cannot make it.
fn stored_key(snapshot: &Snapshot, text: &str) -> SeriesKey {
    let listed = snapshot.list_series(&Selector::all());
    listed.into_iter().map(|info| info.key).find(|key| key.to_string() == text).unwrap()
}

/// Copies the directory that the release before the rule left when its process ended: files of the base and of level 0,
/// and definitions in the log. Points lie at as many seconds as their values say.
fn opened_copy(home: &Home) -> Db {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/empty_tags");
    copy_dir(&golden, &home.path());
    home.open()
}

#[test]
fn keys_with_and_without_an_empty_tag_name_one_series_at_every_entry_point() {
    let home = Home::new();
    let db = home.open();
    let (plain, empty) = (SeriesKey::new("cpu"), SeriesKey::new("cpu").tag("host", ""));
    let parsed: SeriesKey = r#"cpu{host=""}"#.parse().unwrap();
    let collected = [("host", ""), ("zone", "")].into_iter().collect::<SeriesKey>().with_metric("cpu");
    let id = db.create_series(empty.clone()).blocking().unwrap().id();
    let many = db.create_many_series([plain.clone(), parsed.clone()]).blocking().unwrap();
    assert_eq!(many.iter().map(|series| series.id()).collect::<Vec<_>>(), [id, id]);
    let mut points = batch(&plain, [(1, 1.0)]);
    points.push_key(&empty, at(2), 2.0);
    points.push_key(&collected, at(3), 3.0);
    points.push_cached(&CachedSeries::new(parsed), at(4), 4.0);
    db.write_blocking(points).unwrap();
    drop(db);
    let db = home.open();
    for key in [plain, empty] {
        assert_eq!(all::<f64>(&db.snapshot(), &key), [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]);
    }
    assert_eq!((db.stats().series, db.snapshot().tag_keys(&Selector::all())), (1, Vec::new()));
}

#[test]
fn a_directory_with_empty_tags_opens_and_its_series_are_read_and_written() {
    let home = Home::new();
    let db = opened_copy(&home);
    let alone = SeriesKey::new("alone").tag("host", "a");
    let check = |snapshot: &Snapshot| {
        let texts: Vec<String> = snapshot.list_series(&Selector::all()).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                r#"alone{host="a",zone=""}"#,
                "first",
                r#"first{zone=""}"#,
                r#"flushed{zone=""}"#,
                r#"logged{zone=""}"#,
                "second",
                r#"second{zone=""}"#,
            ]
        );
        // Both keys lead to a series that has the tag, unless another one lacks it.
        assert_eq!(all::<f64>(snapshot, &alone), [(SECOND, 1.0), (8 * SECOND, 8.0)]);
        assert_eq!(all::<f64>(snapshot, &SeriesKey::new("logged").tag("zone", "")), [(7 * SECOND, 7.0)]);
        for (metric, without, with) in [("first", 3, 2), ("second", 4, 5)] {
            let stored = stored_key(snapshot, &format!(r#"{metric}{{zone=""}}"#));
            assert_eq!(all::<f64>(snapshot, &SeriesKey::new(metric))[0].0, without * SECOND);
            assert_eq!(all::<f64>(snapshot, &stored)[0].0, with * SECOND);
        }
        assert_eq!(snapshot.count_series(&Selector::all().without_tag("zone")), 7);
        assert_eq!(snapshot.tag_keys(&Selector::all()), ["host"]);
        assert_eq!(snapshot.tag_keys(&Selector::metric("alone")), ["host"]);
        assert_eq!(snapshot.tag_values(&Selector::all(), "zone"), Vec::<String>::new());
        assert_eq!(snapshot.tag_values(&Selector::metric("first"), "zone"), Vec::<String>::new());
    };
    check(&db.snapshot());
    check(&Db::builder(home.path()).read_only().open_blocking().unwrap().snapshot());
    db.compact_blocking().unwrap();
    check(&db.snapshot());
    drop(db);
    assert!(timestrata::verify(home.path()).unwrap().findings.is_empty());
    let db = home.open();
    check(&db.snapshot());

    let before = db.stats().series;
    let mut more = Batch::new();
    for (n, metric) in (0..).zip(["first", "flushed", "logged"]) {
        more.push_key(&SeriesKey::new(metric), at(n), 0.5);
        more.push_key(&stored_key(&db.snapshot(), &format!(r#"{metric}{{zone=""}}"#)), at(10 + n), 0.5);
    }
    more.push_key(&alone.clone().tag("zone", ""), at(0), 0.5);
    db.write_blocking(more).unwrap();
    assert_eq!(db.stats().series, before, "no series was created");
    assert_eq!(all::<f64>(&db.snapshot(), &SeriesKey::new("logged")).len(), 3);
    assert_eq!(all::<f64>(&db.snapshot(), &SeriesKey::new("first")).len(), 2);
    db.delete_blocking(Selector::metric("first").tag("zone", ""), ..).unwrap();
    assert_eq!(db.stats().series, before - 2, "an empty value selects both");
}

#[test]
fn a_series_with_an_empty_tag_that_lost_its_points_is_defined_again_without_the_tag() {
    let home = Home::new();
    let db = opened_copy(&home);
    let stored = stored_key(&db.snapshot(), r#"logged{zone=""}"#);
    db.delete_blocking(Selector::metric("logged"), ..).unwrap();
    // Another type needs a new definition, which no key with the tag gets.
    db.write_blocking(batch(&stored, [(1, true)])).unwrap();
    for _ in 0..2 {
        db.write_blocking(batch(&SeriesKey::new("logged"), [(2, true)])).unwrap();
    }
    db.close_blocking().unwrap();
    let db = home.open();
    let listed: Vec<_> = db.snapshot().list_series(&Selector::metric("logged"));
    assert_eq!((listed.len(), listed[0].to_string().as_str()), (1, "logged"));
    assert_eq!(all::<bool>(&db.snapshot(), &SeriesKey::new("logged")), [(1, true), (2, true), (2, true)]);
}
