//! With `skip_rejected`, a write leaves out exactly the points that are rejected when they are written alone, names them,
//! and writes the others. Errors of the database are not taken for those of points.

use std::time::Duration;

use timestrata::{
    Batch, CachedSeries, Db, Error, ErrorKind, RejectReason, RejectionCode, Series, SeriesKey, SkippedPoint, Timestamp,
    Value, WriteOptions, WriteReport,
};

use crate::common::{Home, all, at, key};

const SKIP: fn() -> WriteOptions = || WriteOptions::new().skip_rejected(true);

fn skip(db: &Db, batch: &mut Batch) -> WriteReport {
    let report = db.write_with_options_blocking(&mut *batch, &SKIP()).unwrap();
    assert!(batch.is_empty());
    assert_eq!(report.skipped.len(), report.skipped_count);
    report
}

fn indices(report: &WriteReport) -> Vec<usize> {
    report.skipped.iter().map(|point| point.index).collect()
}

#[test]
fn without_options_nothing_differs_from_a_write() {
    let home = Home::new();
    let db = home.open();
    let mut batch = Batch::new();
    batch.push_key(&key("m", 0), at(1), 1.0);
    batch.push_key(&key("m", 0), at(2), true);
    let options = WriteOptions::default();
    assert!(matches!(db.write_with_options_blocking(&mut batch, &options), Err(Error::TypeMismatch { .. })));
    assert_eq!((batch.len(), db.stats().series), (2, 0));
    batch.clear();
    batch.push_key(&key("m", 0), at(1), 1.0);
    let report = db.write_with_options_blocking(&mut batch, &options).unwrap();
    assert!(batch.is_empty());
    assert_eq!((report.pieces.len(), report.points, report.skipped_count), (1, 1, 0));
    assert_eq!((report.pieces[0].points.clone(), report.pieces[0].seq), (0..1, db.stats().seq));
    assert_eq!(report.durability, timestrata::Durability::Os);
    let synced = WriteOptions::new().durability(timestrata::Durability::Sync);
    batch.push_key(&key("m", 0), at(2), 1.0);
    let report = db.write_with_options_blocking(&mut batch, &synced).unwrap();
    assert_eq!(report.durability, timestrata::Durability::Sync);
    let report = db.write_with_options_blocking(Batch::new(), &SKIP()).unwrap();
    assert_eq!((report.pieces.len(), report.points), (0, 0));
}

#[test]
fn each_kind_of_bad_point_is_named_and_the_good_ones_are_written() {
    let (home, other) = (Home::new(), Home::new());
    let db = home.open();
    let good: Series<f64> = db.create_series(key("m", 0)).blocking().unwrap();
    let foreign: Series<f64> = other.open().create_series(key("m", 5)).blocking().unwrap();
    let cached = [CachedSeries::new(key("m", 1)), CachedSeries::new(SeriesKey::new(""))];
    let mut batch = Batch::new();
    batch.push(foreign, at(1), 1.0);
    batch.push(good, at(1), 1.0);
    batch.push_key(&key("m", 0), at(2), 2_i64);
    batch.push_key(&key("m", 0), at(2), 2.0);
    batch.push_key(&SeriesKey::new("a").tag("__name__", "b"), at(1), 1.0);
    batch.push_cached(&cached[0], at(1), 1.0);
    batch.push_cached(&cached[0], at(2), true);
    batch.push_cached(&cached[1], at(1), 1.0);
    batch.push_key(&key("new", 0), at(1), 1_u64);
    batch.push_key(&key("new", 0), at(2), 1.0);
    batch.push(good, at(3), 3.0);
    batch.push(foreign, at(2), 1.0);
    let report = skip(&db, &mut batch);
    assert_eq!(indices(&report), [0, 2, 4, 6, 7, 9, 11]);
    let kinds: Vec<_> = report.skipped.iter().map(|point| &point.error).collect();
    assert!(matches!(kinds[0], Error::StaleSeries { id: 0, .. }));
    assert_eq!(&*report.skipped[0].series, "#0", "not the series that has this id here");
    assert!(matches!(kinds[1], Error::TypeMismatch { .. }));
    assert!(matches!(kinds[2], Error::InvalidName { field: "tag key", .. }));
    assert!(matches!(kinds[3], Error::TypeMismatch { .. }));
    assert!(matches!(kinds[4], Error::InvalidName { .. }));
    assert!(matches!(kinds[5], Error::TypeMismatch { .. }));
    assert!(report.skipped.iter().all(|point| point.error.kind() == ErrorKind::InvalidInput));
    let codes: Vec<_> = report.skipped.iter().filter_map(|point| Some(point.code()?.as_str())).collect();
    let (stale, ty, name) = ("stale-series", "type-mismatch", "invalid-name");
    assert_eq!(codes, [stale, ty, name, ty, name, ty, stale]);
    let SkippedPoint { series, timestamp, .. } = &report.skipped[3];
    assert_eq!((&**series, *timestamp), ("m{n=\"1\"}", at(2)));
    let text = report.skipped[3].to_string();
    assert!(text.starts_with("point 6 of m{n=\"1\"} at ") && text.contains("holds f64, not bool"), "{text}");
    assert_eq!((report.points, report.pieces.len()), (5, 1));
    assert_eq!(report.pieces[0].points, 0..12);
    let snapshot = db.snapshot();
    assert_eq!(all::<f64>(&snapshot, &key("m", 0)), [(1, 1.0), (2, 2.0), (3, 3.0)]);
    assert_eq!(all::<f64>(&snapshot, &key("m", 1)), [(1, 1.0)]);
    assert_eq!(all::<u64>(&snapshot, &key("new", 0)), [(1, 1)]);
    assert_eq!((db.stats().series, db.stats().points), (3, 5));
}

#[test]
fn only_handles_of_this_opening_are_written_whichever_comes_first() {
    let home = Home::new();
    let old: Series<f64> = home.open().create_series(key("m", 0)).blocking().unwrap();
    let db = home.open();
    let own: Series<f64> = db.create_series(key("m", 1)).blocking().unwrap();
    for stale_first in [true, false] {
        let mut batch = Batch::new();
        for n in 0..6 {
            let series = if (n % 2 == 0) == stale_first { old } else { own };
            batch.push_columns(series, &[at(n)], &[1.0]);
        }
        let report = skip(&db, &mut batch);
        assert_eq!(indices(&report), if stale_first { [0, 2, 4] } else { [1, 3, 5] });
    }
    assert!(all::<f64>(&db.snapshot(), &key("m", 0)).is_empty());
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 1)).len(), 6);
}

#[test]
fn points_too_far_from_the_clock_or_behind_the_cutoff_are_left_out() {
    let day = Duration::from_hours(24);
    let home = Home::new();
    let builder = home.builder().reject_ahead_of_clock(day).retain_for(10 * day).retention_grace(Duration::ZERO);
    let db = builder.reject_behind_cutoff(true).open_blocking().unwrap();
    let now = Timestamp::now();
    let mut batch = Batch::new();
    for age in 0..40 {
        batch.push_key(&key("m", 1), now - age * day, 1.0);
    }
    db.write_blocking(&mut batch).unwrap();
    db.flush_blocking().unwrap();
    db.apply_retention_now_blocking().unwrap();
    assert!(db.stats().retention_cutoff.is_some());
    for timestamp in [now, now + 3 * day, now - 30 * day, now - day, at(i64::MAX), at(0)] {
        batch.push_key(&key("m", 0), timestamp, 1.0);
    }
    let report = skip(&db, &mut batch);
    assert_eq!(indices(&report), [1, 2, 4, 5]);
    for point in &report.skipped {
        let Error::RejectedPoints { points, .. } = &point.error else { panic!("{point}") };
        assert_eq!((points.len(), points[0].index, points[0].timestamp), (1, point.index, point.timestamp));
        let is_ahead = matches!(points[0].reason, RejectReason::AheadOfClock { .. });
        assert_eq!(is_ahead, point.index % 3 == 1, "{point}");
        let code = if is_ahead { RejectionCode::AheadOfClock } else { RejectionCode::BehindCutoff };
        assert_eq!((point.code(), points[0].reason.code()), (Some(code), code));
    }
    assert_eq!((report.points, report.points_behind_cutoff), (2, 0));
}

#[test]
fn series_beyond_a_limit_are_left_out_and_existing_ones_are_written() {
    let home = Home::new();
    let db = home.builder().max_series(3).open_blocking().unwrap();
    let mut batch = Batch::new();
    for n in 0..6 {
        batch.push_key(&key("m", n), at(1), 1.0);
    }
    let report = skip(&db, &mut batch);
    assert_eq!(indices(&report), [3, 4, 5]);
    assert!(report.skipped.iter().all(|point| matches!(point.error, Error::TooManySeries { cap: 3, .. })));
    assert!(report.skipped.iter().all(|point| point.code() == Some(RejectionCode::TooManySeries)));
    let cached: Vec<_> = (0..6).map(|n| CachedSeries::new(key("m", n))).collect();
    for series in cached.iter().rev() {
        batch.push_cached(series, at(2), 2.0);
    }
    let report = skip(&db, &mut batch);
    assert_eq!((indices(&report), db.stats().points), (vec![0, 1, 2], 6));
}

#[test]
fn the_list_is_bounded_and_the_count_is_not() {
    let home = Home::new();
    let db = home.open();
    let mut batch = Batch::new();
    for nanos in 0..5_000 {
        batch.push_key(&SeriesKey::new(""), at(nanos), 1.0);
    }
    for (options, listed) in [(SKIP(), 1_000), (SKIP().skipped_limit(7), 7), (SKIP().skipped_limit(0), 0)] {
        let report = db.write_with_options_blocking(batch.clone(), &options).unwrap();
        assert_eq!((report.skipped.len(), report.skipped_count), (listed, 5_000));
        assert_eq!((report.pieces.len(), report.points), (0, 0), "no point is left to write");
    }
    assert_eq!((db.stats().seq, db.stats().points), (0, 0));
}

#[test]
fn errors_that_concern_no_point_fail_the_write() {
    let home = Home::new();
    let db = home.open();
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new(""), at(1), 1.0);
    batch.push_key_columns(&key("m", 0), &[at(1), at(2)], &[1.0]);
    let error = db.write_with_options_blocking(&mut batch, &SKIP()).unwrap_err();
    assert!(matches!(error, Error::ColumnLengths { timestamps: 2, values: 1, .. }), "{error}");
    let zero = SKIP().durability(timestrata::Durability::Interval(Duration::ZERO));
    let error = db.write_with_options_blocking(&mut batch, &zero).unwrap_err();
    assert!(matches!(error, Error::InvalidOption { .. }), "{error}");
    let clone = db.clone();
    db.close_blocking().unwrap();
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new(""), at(1), 1.0);
    batch.push_key(&key("m", 0), at(1), 1.0);
    let error = clone.write_with_options_blocking(&mut batch, &SKIP()).unwrap_err();
    assert!(matches!(error, Error::Closed) && batch.len() == 2, "{error}");
}

#[test]
fn a_point_is_left_out_if_and_only_if_it_is_rejected_alone() {
    for seed in 1..20_u64 {
        let home = Home::new();
        let db = home.open();
        let alone = home.beside("alone");
        let alone = Db::builder(alone).durability(timestrata::Durability::Os).open_blocking().unwrap();
        for db in [&db, &alone] {
            db.create_series(key("m", 0)).blocking().unwrap();
            db.create_series(key("m", 1)).value_type::<i64>().blocking().unwrap();
            db.create_series(key("m", 2)).value_type::<bool>().blocking().unwrap();
        }
        let keys = [key("m", 0), key("m", 1), key("m", 2), SeriesKey::new(""), key("x", 0).tag("n", "1")];
        let cached: Vec<_> = keys.iter().map(|key| CachedSeries::new(key.clone())).collect();
        let mut state = seed;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for round in 0..10_i64 {
            let (mut batch, mut expected) = (Batch::new(), Vec::new());
            for point in 0..random(40) {
                let nanos = round * 100 + i64::try_from(point).unwrap();
                let value = [Value::F64(0.5), Value::I64(-1), Value::Bool(true)][random(3)];
                let (n, by_key) = (random(keys.len()), random(2) == 0);
                let push = |batch: &mut Batch| {
                    if by_key {
                        batch.push_key(&keys[n], at(nanos), value);
                    } else {
                        batch.push_cached(&cached[n], at(nanos), value);
                    }
                };
                push(&mut batch);
                let mut single = Batch::new();
                push(&mut single);
                if alone.write_blocking(single).is_err() {
                    expected.push(point);
                }
            }
            assert_eq!(indices(&skip(&db, &mut batch)), expected, "seed {seed}, round {round}");
        }
        let (ours, theirs) = (db.snapshot(), alone.snapshot());
        assert_eq!(all::<f64>(&ours, &keys[0]), all::<f64>(&theirs, &keys[0]));
        assert_eq!(all::<i64>(&ours, &keys[1]), all::<i64>(&theirs, &keys[1]));
        assert_eq!(all::<bool>(&ours, &keys[2]), all::<bool>(&theirs, &keys[2]));
        assert_eq!(db.stats().series, 3);
    }
}
