//! A write through a cached series does what a write through its key does: in every database, after every opening, and
//! after the series was dropped. No point reaches another series.

use std::collections::BTreeMap;

use timestrata::{
    Batch, CachedSeries, Db, DuplicatePolicy, Error, MAX_BATCH_BYTES, Selector, SeriesKey, Snapshot, ValueType,
    WriteOptions,
};

use crate::common::{Home, all, at, key};

fn write_one(db: &Db, series: &CachedSeries, nanos: i64, value: impl Into<timestrata::Value>) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.push_cached(series, at(nanos), value);
    db.write_blocking(batch).map(|_| ())
}

fn push_all(batch: &mut Batch, series: &[CachedSeries], nanos: i64) {
    for series in series {
        batch.push_cached(series, at(nanos), 1.0);
    }
}

fn cached(n: usize) -> CachedSeries {
    CachedSeries::new(key("m", n))
}

fn id(db: &Db, n: usize) -> u32 {
    db.snapshot().find_series(&key("m", n)).unwrap().id.get()
}

#[test]
fn equal_ids_of_two_databases_are_not_mixed_up() {
    let (home, other) = (Home::new(), Home::new());
    let (db, second) = (home.open(), other.open());
    let series = [cached(0), cached(1)];
    for n in [0, 1] {
        write_one(&db, &series[n], 0, n as u64).unwrap();
    }
    for n in [1, 0] {
        write_one(&second, &series[n], 0, n as u64).unwrap();
    }
    assert_eq!([id(&db, 0), id(&db, 1), id(&second, 0), id(&second, 1)], [0, 1, 1, 0], "the ids coincide");
    for round in 1..50 {
        for db in [&db, &second] {
            for (n, series) in series.iter().enumerate() {
                write_one(db, series, round, n as u64).unwrap();
            }
        }
    }
    for db in [&db, &second] {
        for n in [0, 1] {
            let points = all::<u64>(&db.snapshot(), &key("m", n));
            assert_eq!(points, (0..50).map(|round| (round, n as u64)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_cached_series_survives_openings_and_is_made_again_in_a_new_database() {
    let home = Home::new();
    let series: Vec<_> = (0..10).map(cached).collect();
    for round in 0..4_i64 {
        if round == 2 {
            std::fs::remove_dir_all(home.path()).unwrap();
        }
        let db = home.open();
        // The order of the first writes differs from database to database, and so do the ids.
        let mut batch = Batch::new();
        for n in 0..10 {
            let n = if round < 2 { n } else { 9 - n };
            batch.push_cached(&series[n], at(round), n as u64);
        }
        db.write_blocking(batch).unwrap();
        for (n, series) in series.iter().enumerate() {
            write_one(&db, series, round, 100 + n as u64).unwrap();
            let first = if round < 2 { 0 } else { 2 };
            let own = |round| [(round, n as u64), (round, 100 + n as u64)];
            let expected: Vec<_> = (first..=round).flat_map(own).collect();
            assert_eq!(all::<u64>(&db.snapshot(), &key("m", n)), expected);
        }
        assert_eq!(db.stats().series, 10);
    }
}

#[test]
fn a_dropped_series_is_made_again_under_a_new_id() {
    let home = Home::new();
    let db = home.open();
    let series: Vec<_> = (0..100).map(cached).collect();
    for series in &series {
        write_one(&db, series, 1, 1_u64).unwrap();
    }
    db.flush_blocking().unwrap();
    db.delete_blocking(Selector::all(), ..).unwrap();
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (0, 0), "the definitions are dropped");
    let mut batch = Batch::new();
    for (n, series) in series.iter().enumerate().rev() {
        batch.push_cached(series, at(2), n as u64);
    }
    db.write_blocking(batch).unwrap();
    for (n, series) in series.iter().enumerate() {
        assert_eq!(id(&db, n), 199 - u32::try_from(n).unwrap());
        write_one(&db, series, 3, n as u64).unwrap();
        assert_eq!(all::<u64>(&db.snapshot(), &key("m", n)), [(2, n as u64), (3, n as u64)]);
    }
    assert_eq!(db.stats().series, 100);
}

#[test]
fn an_empty_series_is_revived_or_superseded_as_by_its_key() {
    let home = Home::new();
    let db = home.open();
    let series = cached(0);
    write_one(&db, &series, 1, 1.0).unwrap();
    db.delete_blocking(Selector::all(), ..).unwrap();
    write_one(&db, &series, 2, 2.0).unwrap();
    assert_eq!((id(&db, 0), all::<f64>(&db.snapshot(), &key("m", 0))), (0, vec![(2, 2.0)]), "it is revived");
    db.delete_blocking(Selector::all(), ..).unwrap();
    // Of two types for one empty series the batch decides on none.
    let mut batch = Batch::new();
    batch.push_cached(&series, at(3), true);
    batch.push_cached(&series, at(3), 3_i64);
    assert!(matches!(db.write_blocking(&mut batch), Err(Error::TypeMismatch { .. })));
    assert_eq!(batch.len(), 2);
    write_one(&db, &series, 3, true).unwrap();
    assert_eq!((id(&db, 0), all::<bool>(&db.snapshot(), &key("m", 0))), (1, vec![(3, true)]), "it has a new type");
    let error = write_one(&db, &series, 4, 4.0).unwrap_err();
    assert!(matches!(error, Error::TypeMismatch { expected: ValueType::Bool, found: ValueType::F64, .. }), "{error}");
    write_one(&db, &series, 4, false).unwrap();
    assert_eq!(all::<bool>(&db.snapshot(), &key("m", 0)), [(3, true), (4, false)]);
}

#[test]
fn a_key_a_handle_and_a_cached_series_of_one_batch_are_one_series() {
    let home = Home::new();
    let db = home.open();
    for round in 0..3 {
        let series = cached(round);
        let mut batch = Batch::new();
        let clone = series.clone();
        batch.push_cached(&series, at(1), 1.0);
        batch.push_key(&key("m", round), at(2), 2.0);
        batch.push_cached(&clone, at(3), 3.0);
        batch.push_cached(&CachedSeries::new(key("m", round)), at(4), 4.0);
        if round == 2 {
            let handle = db.create_series(key("m", round)).duplicates(DuplicatePolicy::KeepLast).blocking().unwrap();
            batch.push(handle, at(5), 5.0);
        }
        db.write_blocking(batch).unwrap();
        let expected: Vec<_> =
            (1..=if round == 2 { 5 } else { 4 }).map(|n: i32| (i64::from(n), f64::from(n))).collect();
        assert_eq!(all::<f64>(&db.snapshot(), &key("m", round)), expected);
    }
    assert_eq!(db.stats().series, 3);
}

#[test]
fn a_refused_write_is_not_remembered() {
    let home = Home::new();
    let db = home.builder().max_series(1).open_blocking().unwrap();
    let mut batch = Batch::new();
    let series = [cached(0), cached(1)];
    push_all(&mut batch, &series, 1);
    assert!(matches!(db.write_blocking(&mut batch), Err(Error::TooManySeries { cap: 1, .. })));
    assert_eq!((batch.len(), db.stats().series), (2, 0));
    // The id that the refused batch gave to the first series is that of the second one now.
    write_one(&db, &series[1], 1, 1.0).unwrap();
    assert_eq!(id(&db, 1), 0);
    assert!(matches!(write_one(&db, &series[0], 2, 2.0), Err(Error::TooManySeries { .. })));
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 1)), [(1, 1.0)]);
}

#[test]
fn invalid_keys_and_columns_are_refused_with_their_batch() {
    let home = Home::new();
    let db = home.open();
    let bad = CachedSeries::new(SeriesKey::new(""));
    let mut batch = Batch::new();
    batch.push_cached(&cached(0), at(1), 1.0);
    batch.push_cached(&bad, at(1), 1.0);
    for _ in 0..2 {
        assert!(matches!(db.write_blocking(&mut batch), Err(Error::InvalidName { field: "metric name", .. })));
    }
    assert!(matches!(db.try_write_blocking(&mut batch), Err(Error::InvalidName { .. })));
    for columns in [
        |batch: &mut Batch| batch.push_cached_columns(&cached(0), &[at(1)], &[1.0, 2.0]),
        |batch: &mut Batch| batch.push_key_columns(&key("m", 0), &[at(1)], &[1.0, 2.0]),
    ] {
        let mut batch = Batch::new();
        columns(&mut batch);
        let error = db.write_blocking(&mut batch).unwrap_err();
        assert!(matches!(error, Error::ColumnLengths { timestamps: 1, values: 2, .. }), "{error}");
    }
    assert_eq!((db.stats().series, db.stats().points), (0, 0));
}

#[test]
fn columns_are_written_as_single_points_are() {
    let home = Home::new();
    let db = home.open();
    let times: Vec<_> = (0..1_000).map(at).collect();
    let values: Vec<i64> = (0..1_000).map(|n| n * n).collect();
    let mut batch = Batch::new();
    batch.push_cached_columns(&cached(0), &times, &values);
    batch.push_key_columns(&key("m", 1), &times, &values);
    // Without points no series is created.
    batch.push_cached_columns::<f64>(&cached(2), &[], &[]);
    batch.push_key_columns::<f64>(&key("m", 3), &[], &[]);
    db.write_blocking(batch).unwrap();
    let expected: Vec<_> = (0..1_000).map(|n| (n, n * n)).collect();
    for n in [0, 1] {
        assert_eq!(all::<i64>(&db.snapshot(), &key("m", n)), expected);
    }
    assert_eq!(db.stats().series, 2);
}

#[test]
fn the_keys_of_new_series_count_once_against_the_size_of_a_batch() {
    let home = Home::new();
    let db = home.open();
    let long = |n: usize| CachedSeries::new(key(&"m".repeat(16_000), n));
    let count = MAX_BATCH_BYTES / 16_000 + 1;
    let series: Vec<_> = (0..count).map(long).collect();
    let mut batch = Batch::new();
    push_all(&mut batch, &series, 1);
    let error = db.write_blocking(&mut batch).unwrap_err();
    assert!(matches!(error, Error::TooLarge { item: "a batch, in bytes,", .. }), "{error}");
    assert_eq!(db.stats().series, 0);
    for part in series.chunks(count / 2 + 1) {
        let mut batch = Batch::new();
        for nanos in 0..3 {
            push_all(&mut batch, part, nanos);
        }
        db.write_blocking(batch).unwrap();
    }
    // Existing series cost no key, in this opening and in the next one.
    for nanos in 3..5 {
        let mut batch = Batch::new();
        push_all(&mut batch, &series, nanos);
        db.write_blocking(batch).unwrap();
    }
    drop(db);
    let db = home.open();
    let mut batch = Batch::new();
    push_all(&mut batch, &series, 5);
    db.write_blocking(batch).unwrap();
    assert_eq!((db.stats().series, db.stats().points), (count as u64, count as u64 * 6));
}

/// Points that must be in a database, by series and time.
type Expected = BTreeMap<(usize, i64), u64>;

fn check(snapshot: &Snapshot, expected: &Expected) {
    for n in 0..8 {
        let own: Vec<_> = expected.range((n, i64::MIN)..=(n, i64::MAX)).map(|((_, at), v)| (*at, *v)).collect();
        assert_eq!(all::<u64>(snapshot, &key("m", n)), own, "series {n}");
    }
}

#[test]
fn any_history_over_two_databases_agrees_with_its_keys() {
    for seed in 0..12_u64 {
        let homes = [Home::new(), Home::new()];
        let mut dbs = [Some(homes[0].open()), Some(homes[1].open())];
        let mut expected = [Expected::new(), Expected::new()];
        let series: Vec<_> = (0..8).map(cached).collect();
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for step in 0..120_i64 {
            let db = usize::try_from(random(2)).unwrap();
            let open = dbs[db].clone().unwrap();
            match random(12) {
                0 => {
                    drop(open);
                    dbs[db].take().unwrap().close_blocking().unwrap();
                    dbs[db] = Some(homes[db].open());
                    continue;
                }
                1 | 2 => {
                    let n = usize::try_from(random(8)).unwrap();
                    let selector: Selector = format!("m{{n=~\"{n}|{}\"}}", n / 2).parse().unwrap();
                    open.delete_blocking(selector, ..).unwrap();
                    expected[db].retain(|(series, _), _| *series != n && *series != n / 2);
                }
                3 => open.compact_blocking().unwrap(),
                _ => {
                    let mut batch = Batch::new();
                    for place in 0..=random(6) {
                        let n = usize::try_from(random(8)).unwrap();
                        let time = step * 10 + i64::try_from(place).unwrap();
                        let value = random(1_000);
                        batch.push_cached(&series[n], at(time), value);
                        expected[db].insert((n, time), value);
                    }
                    open.write_blocking(batch).unwrap();
                }
            }
            check(&open.snapshot(), &expected[db]);
        }
    }
}

/// The series has no point left, so that a key with another type replaces it. The same batch has a point of the old type.
#[test]
fn a_batch_with_an_emptied_cached_series_and_its_key_of_another_type_is_rejected() {
    let home = Home::new();
    let db = home.open();
    let series = cached(0);
    write_one(&db, &series, 1, 1.0).unwrap();
    db.delete_blocking(Selector::all(), ..).unwrap();
    let batch = || {
        let mut batch = Batch::new();
        batch.push_cached(&series, at(2), 2.0);
        batch.push_key(&key("m", 0), at(2), 7_i64);
        batch
    };
    assert!(matches!(db.write_blocking(batch()), Err(Error::TypeMismatch { .. })));
    let options = WriteOptions::new().skip_rejected(true);
    let report = db.write_with_options_blocking(batch(), &options).unwrap();
    assert_eq!((report.points, report.skipped_count), (1, 1));
    assert!(matches!(report.skipped[0].error, Error::TypeMismatch { .. }), "{:?}", report.skipped);
    db.flush_blocking().unwrap();
    drop(db);
    assert_eq!(home.open().stats().points, 1);
}

#[test]
fn a_handle_of_another_opening_without_points_changes_nothing() {
    let (home, other) = (Home::new(), Home::new());
    let (db, second) = (home.open(), other.open());
    let stale = second.create_series(key("m", 5)).blocking().unwrap();
    let mut batch = Batch::new();
    batch.push_columns::<f64>(stale, &[], &[]);
    batch.push_key(&key("m", 0), at(1), 1.0);
    db.write_blocking(batch).unwrap();
    assert_eq!((db.stats().series, db.stats().points), (1, 1));
}
