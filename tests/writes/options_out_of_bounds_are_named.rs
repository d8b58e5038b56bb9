//! The error for an invalid option names the option before any file is touched. An option at its bound works.

use std::time::Duration;

use timestrata::{DbBuilder, Durability, Error};

use crate::common::{Home, all, batch, key};

type Change = fn(DbBuilder) -> DbBuilder;

#[test]
fn options_out_of_bounds_are_named() {
    let bad: [(&str, Change); 17] = [
        ("memory_budget", |builder| builder.memory_budget(0)),
        ("memory_budget", |builder| builder.memory_budget((64 << 20) - 1)),
        ("memory_budget", |builder| {
            builder.memory_budget(64 << 20).flush_at_bytes(16 << 20).index_cache_bytes(16 << 20)
        }),
        ("flush_at_bytes", |builder| builder.flush_at_bytes(0)),
        ("flush_at_bytes", |builder| builder.memory_budget(64 << 20).flush_at_bytes((16 << 20) + 1)),
        ("flush_at_bytes", |builder| builder.flush_at_bytes(usize::MAX)),
        ("wal_segment_bytes", |builder| builder.wal_segment_bytes(4095)),
        ("wal_segment_bytes", |builder| builder.wal_segment_bytes((4 << 30) + 1)),
        ("wal_segment_bytes", |builder| builder.wal_segment_bytes(u64::MAX)),
        ("index_cache_bytes", |builder| builder.memory_budget(64 << 20).index_cache_bytes((16 << 20) + 1)),
        ("max_series", |builder| builder.max_series(0)),
        ("max_series", |builder| builder.max_series(u32::MAX)),
        ("max_tags", |builder| builder.max_tags(0)),
        ("max_tags", |builder| builder.max_tags(257)),
        ("max_series_key_bytes", |builder| builder.max_series_key_bytes(0)),
        ("flush_age", |builder| builder.flush_age(Duration::ZERO)),
        ("durability", |builder| builder.durability(Durability::Interval(Duration::ZERO))),
    ];
    for (name, change) in bad {
        let home = Home::new();
        match change(home.builder()).open_blocking() {
            Err(Error::InvalidOption { option, detail, .. }) => assert!(option == name && !detail.is_empty()),
            other => panic!("{name}: {other:?}"),
        }
        assert!(!home.path().exists(), "{name}");
    }
}

#[test]
fn options_at_their_bounds_work() {
    let good: [Change; 6] = [
        |builder| builder.memory_budget(64 << 20).flush_at_bytes(16 << 20),
        |builder| builder.flush_at_bytes(1).wal_segment_bytes(4096),
        |builder| builder.wal_segment_bytes(4 << 30).max_series(1 << 31),
        |builder| builder.index_cache_bytes(0),
        |builder| builder.flush_age(Duration::MAX).durability(Durability::Interval(Duration::MAX)),
        |builder| builder.durability(Durability::Interval(Duration::from_nanos(1))).flush_age(Duration::from_nanos(1)),
    ];
    for change in good {
        let home = Home::new();
        let db = change(home.builder()).open_blocking().unwrap();
        for n in 0..30_i64 {
            db.write_blocking(batch(&key("m", 0), [(n, n)])).unwrap();
        }
        db.flush_blocking().unwrap();
        let expected: Vec<(i64, i64)> = (0..30).map(|n| (n, n)).collect();
        assert_eq!(all::<i64>(&db.snapshot(), &key("m", 0)), expected);
        db.close_blocking().unwrap();
        assert_eq!(all::<i64>(&change(home.builder()).open_blocking().unwrap().snapshot(), &key("m", 0)), expected);
    }
}

#[test]
fn a_memtable_is_flushed_by_age_however_small_it_is() {
    let home = Home::new();
    let db = home.builder().flush_age(Duration::from_millis(1)).open_blocking().unwrap();
    let mut changes = db.watch();
    for n in 1..=3 {
        db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
        while db.stats().file_points < n {
            changes.next_blocking().unwrap();
        }
    }
    assert_eq!((db.stats().active_points, db.stats().frozen_memtables), (0, 0));
}

#[test]
fn a_flush_of_an_empty_database_is_nothing() {
    let home = Home::new();
    let db = home.open();
    for _ in 0..3 {
        db.flush_blocking().unwrap();
    }
    // A flush of series without points writes no file either.
    db.create_series(key("m", 0)).blocking().unwrap();
    db.flush_blocking().unwrap();
    assert_eq!((db.stats().files, db.stats().series, db.stats().seq), (0, 1, 1));
    db.close_blocking().unwrap();
    let db = home.open();
    assert_eq!((db.stats().series, db.open_report().replayed_records), (1, 0));
}
