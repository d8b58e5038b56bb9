//! The error for invalid input names each field, and nothing of the batch or call is kept. Limits refuse new series
//! only: existing series remain writable.

use timestrata::{
    Batch, Db, Error, MAX_SERIES_KEY_BYTES, MAX_SERIES_TAGS, Selector, SeriesKey, ValueType, WriteOptions,
};

use crate::common::{Home, all, at, batch, key};

/// Checks that the call fails and that the database is unchanged, both now and after a reopening.
fn unchanged<T: std::fmt::Debug>(db: &Db, call: impl FnOnce(&Db) -> Result<T, Error>) -> Error {
    let count = |db: &Db| (db.stats().seq, db.stats().series, db.stats().points, db.stats().active_bytes);
    let before = count(db);
    let error = call(db).unwrap_err();
    assert_eq!(count(db), before, "{error}");
    error
}

fn bad_keys() -> Vec<(SeriesKey, &'static str)> {
    vec![
        (SeriesKey::new(""), "metric name"),
        (SeriesKey::new("m").tag("", "v"), "tag key"),
        (SeriesKey::new("m").tag("__name__", "v"), "tag key"),
        (SeriesKey::new("m").tag("k", "v").tag("k", "v"), "tag key"),
        (SeriesKey::new("m".repeat(MAX_SERIES_KEY_BYTES + 1)), "bytes"),
        (SeriesKey::new("m").tag("k", "v".repeat(MAX_SERIES_KEY_BYTES)), "bytes"),
        (with_tags(DEFAULT_MAX_TAGS + 1), "tags"),
        (with_tags(MAX_SERIES_TAGS + 1), "tags"),
    ]
}

/// Number of tags that a database allows by default.
const DEFAULT_MAX_TAGS: usize = 64;

fn with_tags(count: usize) -> SeriesKey {
    (0..count).fold(SeriesKey::new("m"), |key, n| key.tag(format!("k{n}"), "v"))
}

#[test]
fn bad_names_are_refused_with_their_whole_batch() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("good", 0), [(1, 1.0)])).unwrap();
    for (bad, field) in bad_keys() {
        let mut mixed = batch(&key("good", 0), [(2, 2.0)]);
        mixed.push_key(&key("good", 1), at(2), 2.0);
        mixed.push_key(&bad, at(2), 2.0);
        mixed.push_key(&key("good", 2), at(2), 2.0);
        for error in [
            unchanged(&db, |db| db.write_blocking(mixed)),
            unchanged(&db, |db| db.create_series(bad.clone()).blocking()),
            unchanged(&db, |db| db.create_many_series([key("good", 3), bad.clone()]).blocking()),
        ] {
            let named = match &error {
                Error::InvalidName { field, .. } => *field,
                Error::KeyTooLong { .. } => "bytes",
                Error::TooManyTags { .. } => "tags",
                _ => panic!("{error:?}"),
            };
            assert!(named.contains(field), "{error} does not name the {field}");
        }
    }
    drop(db);
    let db = home.open();
    assert_eq!((db.stats().series, db.stats().points), (1, 1));
    // The largest permitted keys.
    let most = with_tags(DEFAULT_MAX_TAGS);
    let longest = SeriesKey::new("ü".repeat(MAX_SERIES_KEY_BYTES / 2));
    let controls = SeriesKey::new("a\nb\0").tag("k\0", "v\u{85}\r\n").tag("\t", "\u{7f}");
    for key in [most, longest, controls, SeriesKey::new("ok").tag("quote\"", "{}=,\\\"")] {
        db.write_blocking(batch(&key, [(1, true)])).unwrap();
        assert_eq!(all::<bool>(&db.snapshot(), &key), [(1, true)]);
    }
    drop(db);
    let listed = home.open().snapshot().list_series(&Selector::all());
    assert_eq!(listed.len(), 5);
    for info in listed {
        assert_eq!(info.to_string().parse::<SeriesKey>().unwrap(), info.key);
    }
}

#[test]
fn the_limit_of_tags_is_an_option_and_series_beyond_it_go_on() {
    let home = Home::new();
    let (few, many) = (with_tags(2), with_tags(MAX_SERIES_TAGS));
    let db = home.builder().max_tags(MAX_SERIES_TAGS).open_blocking().unwrap();
    db.write_blocking(batch(&many, [(1, 1.0)])).unwrap();
    db.write_blocking(batch(&with_tags(3), [(1, 1.0)])).unwrap();
    db.flush_blocking().unwrap();
    db.compact_blocking().unwrap();
    db.close_blocking().unwrap();
    // One of the two definitions is in the log when the directory is opened with the smaller limit.
    let db = home.builder().max_tags(MAX_SERIES_TAGS).open_blocking().unwrap();
    let logged = many.clone().with_metric("logged");
    db.write_blocking(batch(&logged, [(1, 1.0)])).unwrap();
    drop(db);
    let db = home.builder().max_tags(2).open_blocking().unwrap();
    for key in [&many, &logged] {
        db.write_blocking(batch(key, [(2, 2.0)])).unwrap();
        assert_eq!(all::<f64>(&db.snapshot(), key), [(1, 1.0), (2, 2.0)]);
        let last = Selector::all().tag(format!("k{}", MAX_SERIES_TAGS - 1), "v");
        assert_eq!(db.snapshot().count_series(&last), 2);
    }
    let mut mixed = batch(&few, [(1, 1.0)]);
    let refused = with_tags(3).with_metric("new");
    mixed.push_key(&refused, at(1), 1.0);
    let error = unchanged(&db, |db| db.write_blocking(mixed.clone()));
    assert!(matches!(error, Error::TooManyTags { tags: 3, limit: 2, .. }), "{error:?}");
    let error = unchanged(&db, |db| db.create_series(refused.clone()).blocking());
    assert!(matches!(error, Error::TooManyTags { tags: 3, limit: 2, .. }), "{error:?}");
    let report = db.write_with_options_blocking(mixed, &WriteOptions::new().skip_rejected(true)).unwrap();
    assert_eq!((report.points, report.skipped_count), (1, 1));
    assert!(matches!(report.skipped[0].error, Error::TooManyTags { limit: 2, .. }));
}

#[test]
fn another_type_is_an_error_with_series_expected_and_found() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    let mut mixed = batch(&key("new", 0), [(1, 1.0)]);
    mixed.push_key(&key("m", 0), at(2), 2_i64);
    let mut within = batch(&key("new", 1), [(1, 1.0)]);
    within.push_key(&key("new", 1), at(2), true);
    let snapshot = db.snapshot();
    for (error, name, found) in [
        (unchanged(&db, |db| db.write_blocking(mixed)), key("m", 0), ValueType::I64),
        (unchanged(&db, |db| db.write_blocking(within)), key("new", 1), ValueType::Bool),
        (
            unchanged(&db, |db| db.create_series(key("m", 0)).value_type::<u64>().blocking()),
            key("m", 0),
            ValueType::U64,
        ),
        (snapshot.series::<bool>(&key("m", 0)).unwrap_err(), key("m", 0), ValueType::Bool),
    ] {
        let Error::TypeMismatch { series, expected, found: told, .. } = error else { panic!("{error:?}") };
        assert_eq!((series, expected, told), (name.to_string(), ValueType::F64, found));
    }
    let missing = snapshot.series::<f64>(&key("nobody", 0)).unwrap_err();
    assert!(
        matches!(&missing, Error::SeriesNotFound { key, .. } if *key == crate::common::key("nobody", 0).to_string())
    );
}

#[test]
fn a_series_of_another_opening_is_unknown() {
    let (home, other) = (Home::new(), Home::new());
    let db = home.open();
    let old = db.create_series(key("m", 0)).blocking().unwrap();
    let strange = other.open().create_series(key("m", 0)).blocking().unwrap();
    drop(db);
    let db = home.open();
    let own = db.create_series(key("m", 0)).blocking().unwrap();
    for stale in [old, strange] {
        let mut alone = Batch::new();
        alone.push(stale, at(1), 1.0);
        let mut mixed = Batch::new();
        mixed.push(own, at(1), 1.0);
        mixed.push(stale, at(1), 1.0);
        for batch in [alone, mixed] {
            let error = unchanged(&db, |db| db.write_blocking(batch));
            assert!(matches!(error, Error::StaleSeries { id: 0, .. }), "{error:?}");
        }
        let snapshot = db.snapshot();
        assert!(matches!(snapshot.scan(stale, ..).collect_blocking(), Err(Error::StaleSeries { id: 0, .. })));
        assert!(matches!(snapshot.latest_blocking(stale), Err(Error::StaleSeries { id: 0, .. })));
    }
    // A series that was created after the snapshot is not a series of the snapshot.
    let before = db.snapshot();
    let later = db.create_series(key("m", 1)).blocking().unwrap();
    assert!(matches!(before.scan(later, ..).collect_blocking(), Err(Error::StaleSeries { id: 1, .. })));
}

#[test]
fn a_batch_of_a_million_points_fits_and_one_more_does_not() {
    let home = Home::new();
    let db = home.open();
    let mut points = batch(&key("m", 0), (0..1_000_000).map(|n| (n, true)));
    points.push_key(&key("m", 0), at(0), false);
    let error = unchanged(&db, |db| db.write_blocking(points));
    assert!(matches!(error, Error::TooLarge { size: 1_000_001, limit: 1_000_000, .. }), "{error:?}");
    db.write_blocking(batch(&key("m", 0), (0..1_000_000).map(|n| (n, true)))).unwrap();
    drop(db);
    assert_eq!(home.open().stats().points, 1_000_000);
    // The limit by bytes: few points, long keys.
    let home = Home::new();
    let db = home.open();
    let mut keys = Batch::new();
    for n in 0..2_100 {
        keys.push_key(&SeriesKey::new(format!("{n}{}", "m".repeat(16_000))), at(1), 1.0);
    }
    let error = unchanged(&db, |db| db.write_blocking(keys));
    assert!(matches!(error, Error::TooLarge { limit: 33_554_432, .. }), "{error:?}");
}

#[test]
fn a_flood_of_new_series_is_refused_and_old_ones_go_on() {
    let home = Home::new();
    let db = home.builder().max_series(5).open_blocking().unwrap();
    let series = db.create_many_series((0..4).map(|n| key("m", n))).blocking().unwrap();
    let two = batch(&key("m", 4), [(1, 1.0)]);
    let mut too_many = two.clone();
    too_many.push_key(&key("m", 5), at(1), 1.0);
    let error = unchanged(&db, |db| db.write_blocking(too_many));
    assert!(matches!(error, Error::TooManySeries { cap: 5, .. }), "{error:?}");
    db.write_blocking(two).unwrap();
    for n in 5..8 {
        let error = unchanged(&db, |db| db.create_series(key("m", n)).blocking());
        assert!(matches!(error, Error::TooManySeries { cap: 5, .. }), "{error:?}");
    }
    let mut more = Batch::new();
    for series in &series {
        more.push(*series, at(2), 2.0);
    }
    db.write_blocking(more).unwrap();
    assert_eq!(db.create_series(key("m", 4)).blocking().unwrap().id().get(), 4);
    drop(db);
    // A smaller limit keeps the existing series; a greater limit accepts more.
    let db = home.builder().max_series(2).open_blocking().unwrap();
    db.write_blocking(batch(&key("m", 4), [(3, 3.0)])).unwrap();
    drop(db);
    let db = home.builder().max_series(6).open_blocking().unwrap();
    db.write_blocking(batch(&key("m", 5), [(3, 3.0)])).unwrap();
    assert_eq!((db.stats().series, db.stats().points), (6, 7));
}

#[test]
fn thousands_of_series_are_made_in_one_commit() {
    let home = Home::new();
    let db = home.open();
    let keys = || (0..5_000).map(|n| key("many", n));
    let series = db.create_many_series(keys()).blocking().unwrap();
    assert_eq!((db.stats().seq, db.stats().series), (1, 5_000));
    assert!(series.iter().map(|series| series.id().get()).eq(0..5_000));
    // The keys are found again, and a repeated key is one series.
    assert_eq!(db.create_many_series(keys().chain([key("many", 7)])).blocking().unwrap()[5_000].id().get(), 7);
    assert_eq!(db.stats().seq, 1);
    let mut points = Batch::new();
    for series in &series {
        points.push(*series, at(1), 0.5);
    }
    db.write_blocking(points).unwrap();
    drop(db);
    let db = home.open();
    assert!(keys().all(|key| all::<f64>(&db.snapshot(), &key) == [(1, 0.5)]));
}
