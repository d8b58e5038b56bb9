//! A read-only opening beside an open database: what it shows, what a refresh reads, and what it changes, which is
//! nothing.

use std::time::{Duration, Instant};

use timestrata::{
    Batch, Db, DbReader, DbReaderBuilder, Durability, Error, ErrorKind, RefreshReport, Selector, SeriesKey,
};

use crate::common::{Home, all, at, batch, contents, ending, is_sst, key, names, pause};

fn reading(home: &Home) -> DbReaderBuilder {
    Db::builder(home.path()).read_only()
}

fn read(home: &Home) -> DbReader {
    reading(home).open_blocking().unwrap()
}

/// Writes one synced point.
fn write(db: &Db, time: i64) {
    db.write_with_blocking(batch(&key("m", 0), [(time, 1.0)]), Durability::Sync).unwrap();
}

fn times(reader: &DbReader) -> Vec<i64> {
    all::<f64>(&reader.snapshot(), &key("m", 0)).into_iter().map(|(time, _)| time).collect()
}

/// Refreshes until the reader shows as many points, and returns the sums of the reports.
fn refresh_until(reader: &DbReader, points: usize) -> RefreshReport {
    let (begun, mut sum) = (Instant::now(), RefreshReport::default());
    loop {
        let report = reader.refresh_blocking().unwrap();
        sum.changed |= report.changed;
        sum.manifest_records += report.manifest_records;
        sum.series_definitions += report.series_definitions;
        sum.files_opened += report.files_opened;
        sum.segments_opened += report.segments_opened;
        sum.log_records += report.log_records;
        if times(reader).len() == points {
            return sum;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{points} points were never shown: {:?}", times(reader));
        pause(Duration::from_millis(5));
    }
}

#[test]
fn a_reader_shows_what_is_flushed_and_what_a_later_record_covers() {
    let home = Home::new();
    let db = home.open();
    write(&db, 1);
    db.flush_blocking().unwrap();
    let reader = read(&home);
    assert_eq!(times(&reader), [1]);
    // Nothing states yet that the second record was synced; the third one does.
    write(&db, 2);
    write(&db, 3);
    reader.refresh_blocking().unwrap();
    assert!(times(&reader).starts_with(&[1, 2]), "{:?}", times(&reader));
    // The sync mark of an idle writer covers the last record.
    refresh_until(&reader, 3);
    assert_eq!(reader.stats().seq, db.stats().seq);
    assert_eq!((reader.stats().points, reader.stats().files), (3, 1));
    assert_eq!(reader.duplicates(), db.duplicates());
}

#[test]
fn all_records_are_shown_once_the_writer_has_ended() {
    let home = Home::new();
    let db = home.open();
    write(&db, 1);
    drop(db);
    assert_eq!(times(&read(&home)), [1], "the end of a writer without a flush states that the log is synced");
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(2, 1.0)])).unwrap();
    drop(db);
    assert_eq!(times(&read(&home)), [1, 2], "so it does for a record that was not synced when it was acknowledged");
    home.open().close_blocking().unwrap();
    assert_eq!(times(&read(&home)), [1, 2]);
}

#[test]
fn a_record_that_was_not_synced_is_not_shown() {
    let home = Home::new();
    let db = home.open();
    let begun = Instant::now();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.write_blocking(batch(&key("m", 0), [(2, 1.0)])).unwrap();
    let reader = read(&home);
    // An idle writer syncs and writes its mark after 100 ms.
    if begun.elapsed() < Duration::from_millis(90) {
        assert_eq!(times(&reader), [], "both are in the page cache only");
    }
    write(&db, 3);
    write(&db, 4);
    reader.refresh_blocking().unwrap();
    assert!(times(&reader).starts_with(&[1, 2, 3]));
}

#[test]
fn a_refresh_reads_only_what_is_new() {
    let home = Home::new();
    let db = home.open();
    for time in 0..50 {
        write(&db, time);
    }
    db.flush_blocking().unwrap();
    for time in 50..100 {
        write(&db, time);
    }
    let reader = read(&home);
    refresh_until(&reader, 100);
    let mut nothing = RefreshReport::default();
    nothing.attempts = 1;
    for _ in 0..3 {
        assert_eq!(reader.refresh_blocking().unwrap(), nothing, "nothing is new");
    }
    write(&db, 100);
    write(&db, 101);
    let report = refresh_until(&reader, 102);
    assert_eq!((report.log_records, report.manifest_records, report.files_opened), (2, 0, 0), "{report:?}");
    assert_eq!((report.segments_opened, report.series_definitions), (0, 0), "{report:?}");

    // A flush moves the records to one file: they are not read again.
    db.flush_blocking().unwrap();
    let report = reader.refresh_blocking().unwrap();
    assert!(report.changed);
    assert_eq!((report.manifest_records, report.files_opened, report.segments_opened), (1, 1, 1), "{report:?}");
    assert_eq!((report.log_records, report.series_definitions), (0, 0), "{report:?}");
    assert_eq!(times(&reader), (0..102).collect::<Vec<_>>());
    assert_eq!((reader.stats().active_points, reader.stats().files), (0, 2));

    // A compaction replaces both files by one.
    db.compact_blocking().unwrap();
    let report = reader.refresh_blocking().unwrap();
    assert!(report.manifest_records > 0 && report.log_records == 0, "{report:?}");
    assert!((1..=report.manifest_records).contains(&report.files_opened), "{report:?}");
    assert_eq!(times(&reader), (0..102).collect::<Vec<_>>());

    // Of new series, only their definitions are read.
    db.create_series(key("new", 1)).blocking().unwrap();
    db.write_with_blocking(batch(&key("new", 1), [(1, 1.0)]), Durability::Sync).unwrap();
    db.flush_blocking().unwrap();
    let report = reader.refresh_blocking().unwrap();
    assert_eq!((report.manifest_records, report.series_definitions), (1, 1), "{report:?}");
    assert_eq!(reader.snapshot().count_series(&Selector::all()), 2);
}

#[test]
fn a_reader_changes_no_byte_and_takes_no_lock() {
    let home = Home::new();
    let db = home.small().open_blocking().unwrap();
    (0..200).for_each(|time| write(&db, time));
    db.close_blocking().unwrap();
    let before = contents(&home.path());
    let reader = read(&home);
    assert_eq!(times(&reader).len(), 200);
    reader.refresh_blocking().unwrap();
    assert_eq!(contents(&home.path()), before);
    // Neither a second reader nor the writer is in the way, and the snapshot outlives the reader.
    let (second, snapshot) = (read(&home), reader.snapshot());
    drop(reader);
    let db = home.open();
    assert_eq!(times(&second).len(), 200);
    assert_eq!(all::<f64>(&snapshot, &key("m", 0)).len(), 200);
    write(&db, 200);
    db.close_blocking().unwrap();
    refresh_until(&second, 201);
}

#[test]
fn a_directory_without_a_database_is_reported_and_left_alone() {
    let home = Home::new();
    assert!(matches!(reading(&home).open_blocking(), Err(Error::DatabaseNotFound { .. })));
    assert!(!home.path().exists());
    std::fs::create_dir(home.path()).unwrap();
    assert!(matches!(reading(&home).open_blocking(), Err(Error::DatabaseNotFound { .. })));
    assert_eq!(names(&home.path()), Vec::<String>::new());
    drop(home.open());
    std::fs::remove_file(home.path().join("manifest")).unwrap();
    assert!(matches!(reading(&home).open_blocking(), Err(Error::MissingFiles { .. })));
}

#[test]
fn a_snapshot_reads_files_that_were_removed() {
    let home = Home::new();
    let db = home.open();
    for time in 0..4 {
        write(&db, time);
        db.flush_blocking().unwrap();
    }
    let (reader, few) = (read(&home), reading(&home).max_held_files(0).open_blocking().unwrap());
    let (snapshot, unheld) = (reader.snapshot(), few.snapshot());
    db.compact_blocking().unwrap();
    let removed = || names(&home.path()).into_iter().filter(|name| is_sst(name)).count() == 1;
    let begun = Instant::now();
    while !removed() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the inputs of the compaction stay");
        pause(Duration::from_millis(5));
        write(&db, 10);
    }
    assert_eq!(all::<f64>(&snapshot, &key("m", 0)).len(), 4);

    let series = unheld.series::<f64>(&key("m", 0)).unwrap();
    let error = unheld.scan(series, ..).collect_blocking().unwrap_err();
    assert!(matches!(error, Error::SnapshotExpired { .. }), "{error}");
    assert!(error.kind() == ErrorKind::Busy && error.is_retryable());
    assert!(few.refresh_blocking().unwrap().changed);
    assert!(times(&few).len() >= 4);
}

/// Files that the writer removed take room as long as they are held open.
#[cfg(target_os = "linux")]
#[test]
fn a_reader_without_snapshots_releases_removed_files_with_the_next_refresh() {
    let home = Home::new();
    let db = home.open();
    for time in 0..4 {
        write(&db, time);
        db.flush_blocking().unwrap();
    }
    let reader = read(&home);
    db.compact_blocking().unwrap();
    let begun = Instant::now();
    while names(&home.path()).into_iter().filter(|name| is_sst(name)).count() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the inputs of the compaction stay");
        pause(Duration::from_millis(5));
        write(&db, 10);
    }
    let removed_and_open = || {
        let links =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
        let links = links.filter(|link| link.starts_with(home.path()));
        links.filter(|link| link.to_string_lossy().ends_with(".sst (deleted)")).count()
    };
    reader.refresh_blocking().unwrap();
    assert_eq!(removed_and_open(), 0, "after the refresh that no longer needs them");
    let snapshot = reader.snapshot();
    write(&db, 11);
    db.flush_blocking().unwrap();
    db.compact_blocking().unwrap();
    reader.refresh_blocking().unwrap();
    drop(snapshot);
    reader.refresh_blocking().unwrap();
    assert_eq!(removed_and_open(), 0, "after the end of the snapshot that needed them");
}

#[test]
fn a_reader_skips_records_that_were_flushed_meanwhile() {
    let home = Home::new();
    let db = home.small().open_blocking().unwrap();
    write(&db, 0);
    db.flush_blocking().unwrap();
    let reader = read(&home);
    for n in 0..40 {
        db.write_blocking(batch(&key("n", n), (0..200).map(|time| (time, 1.0)))).unwrap();
    }
    write(&db, 1);
    db.flush_blocking().unwrap();
    let report = reader.refresh_blocking().unwrap();
    assert_eq!((report.log_records, report.series_definitions), (0, 40), "{report:?}");
    assert_eq!(reader.snapshot().count_series(&Selector::metric("n")), 40);
    let found = reader.snapshot().query(Selector::metric("n")).points().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(found.len(), 40 * 200);
    assert_eq!(times(&reader), [0, 1]);
}

#[test]
fn deletes_and_empty_series_are_followed() {
    let home = Home::new();
    let db = home.open();
    for time in 0..10 {
        write(&db, time);
    }
    db.flush_blocking().unwrap();
    for time in 10..20 {
        write(&db, time);
    }
    let reader = read(&home);
    refresh_until(&reader, 20);
    db.delete_blocking(Selector::metric("m"), at(5)..at(15)).unwrap();
    db.sync_blocking().unwrap();
    refresh_until(&reader, 10);
    db.flush_blocking().unwrap();
    reader.refresh_blocking().unwrap();
    assert_eq!(times(&reader), (0..5).chain(15..20).collect::<Vec<_>>());

    db.delete_blocking(Selector::metric("m"), ..).unwrap();
    db.sync_blocking().unwrap();
    refresh_until(&reader, 0);
    assert_eq!(reader.snapshot().count_series(&Selector::all()), 0);
    // The manifest names the series as empty; its next point, in the log, makes it listed again.
    db.flush_blocking().unwrap();
    write(&db, 30);
    refresh_until(&reader, 1);
    assert_eq!(reader.snapshot().count_series(&Selector::all()), 1);
    let other = read(&home);
    assert_eq!((times(&other), other.snapshot().count_series(&Selector::all())), (vec![30], 1));
    // A new manifest does not hide it.
    db.compact_blocking().unwrap();
    reader.refresh_blocking().unwrap();
    assert_eq!((times(&reader), reader.snapshot().count_series(&Selector::all())), (vec![30], 1));
}

#[test]
fn retention_is_followed() {
    let home = Home::new();
    let age = Duration::from_secs(20);
    let builder = home.builder().retain_series_for(Selector::metric("m"), age).retention_grace(Duration::ZERO);
    let db = builder.open_blocking().unwrap();
    let now = timestrata::Timestamp::now().as_nanos();
    for seconds in [90, 60, 0] {
        write(&db, now - seconds * 1_000_000_000);
    }
    db.flush_blocking().unwrap();
    let begun = Instant::now();
    let reader = read(&home);
    while all::<f64>(&db.snapshot(), &key("m", 0)).len() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(30), "retention never hides anything");
        pause(Duration::from_millis(50));
    }
    db.flush_blocking().unwrap();
    refresh_until(&reader, 1);
}

#[test]
fn an_unflushed_log_beyond_the_budget_is_an_error_that_a_flush_ends() {
    let home = Home::new();
    let db = home.builder().flush_at_bytes(200 << 20).open_blocking().unwrap();
    // So many series have too few points each for an early flush.
    let keys = (0..5_000).map(|n| SeriesKey::new("big").tag("n", n.to_string()));
    let series = db.create_many_series(keys).blocking().unwrap();
    let mut batch = Batch::new();
    for n in 0..40_i64 {
        for (time, series) in (n * 20..n * 20 + 20).flat_map(|time| series.iter().map(move |series| (time, *series))) {
            batch.push(series, at(time), 0.5);
        }
        db.write_blocking(&mut batch).unwrap();
    }
    db.sync_blocking().unwrap();
    write(&db, 1);
    write(&db, 2);
    let small = || reading(&home).memory_budget(64 << 20).open_blocking();
    let error = small().unwrap_err();
    assert!(matches!(error, Error::UnflushedLogTooLarge { .. }), "{error}");
    assert!(error.kind() == ErrorKind::LimitExceeded && error.to_string().contains("memory_budget"), "{error}");
    let reader = read(&home);
    assert!(reader.stats().active_points > 3_000_000, "{:?}", reader.stats());
    db.flush_blocking().unwrap();
    let small = small().unwrap();
    assert_eq!(times(&small), [1, 2]);
    // It stays usable at its last state, and continues after the next flush.
    for n in 0..40_i64 {
        for (time, series) in (n * 20..n * 20 + 20).flat_map(|time| series.iter().map(move |series| (time, *series))) {
            batch.push(series, at(time), 0.5);
        }
        db.write_blocking(&mut batch).unwrap();
    }
    write(&db, 3);
    write(&db, 4);
    for _ in 0..2 {
        assert!(matches!(small.refresh_blocking(), Err(Error::UnflushedLogTooLarge { .. })));
        assert_eq!(times(&small), [1, 2]);
    }
    db.flush_blocking().unwrap();
    small.refresh_blocking().unwrap();
    assert_eq!(times(&small), [1, 2, 3, 4]);
}

#[test]
fn an_older_state_or_another_directory_is_refused() {
    let home = Home::new();
    let db = home.open();
    write(&db, 1);
    db.close_blocking().unwrap();
    let older = contents(&home.path());
    let db = home.open();
    write(&db, 2);
    db.close_blocking().unwrap();
    let reader = read(&home);
    assert_eq!(times(&reader), [1, 2]);
    crate::common::restore(&home.path(), &older);
    let refused = |reader: &DbReader| matches!(reader.refresh_blocking(), Err(Error::ForeignFile { .. }));
    assert!(refused(&reader), "an older state: {:?}", reader.refresh_blocking());
    assert_eq!(times(&reader).len(), 2, "the last snapshot stays");
    std::fs::remove_dir_all(home.path()).unwrap();
    drop(home.open());
    let moved = reader.refresh_blocking();
    assert!(cfg!(not(unix)) || matches!(moved, Err(Error::DirectoryMoved { .. })), "another directory: {moved:?}");
    assert_eq!(times(&reader).len(), 2, "the last snapshot stays");
}

#[test]
fn a_handle_of_a_reader_leads_to_the_series_that_replaces_a_dropped_one() {
    let home = Home::new();
    let db = home.open();
    for n in 0..10 {
        db.write_blocking(batch(&key("m", n), [(1, 1.0)])).unwrap();
    }
    db.flush_blocking().unwrap();
    let reader = read(&home);
    let handle = reader.series::<f64>(&key("m", 3)).unwrap();
    let scan = |reader: &DbReader| -> Vec<i64> {
        let points = reader.snapshot().scan(handle, ..).collect_blocking().unwrap();
        points.into_iter().map(|point| point.timestamp.as_nanos()).collect()
    };
    assert_eq!(scan(&reader), [1]);
    db.delete_blocking(Selector::all(), ..).unwrap();
    db.compact_blocking().unwrap();
    assert_eq!((db.stats().series, db.stats().empty_series), (0, 0), "the definitions are dropped");
    reader.refresh_blocking().unwrap();
    assert_eq!(scan(&reader), [], "no point, and no error");
    db.write_blocking(batch(&key("m", 3), [(2, 2.0)])).unwrap();
    db.flush_blocking().unwrap();
    reader.refresh_blocking().unwrap();
    assert_eq!(scan(&reader), [2]);
}

#[test]
fn a_follower_wakes_watches_until_it_is_dropped() {
    let home = Home::new();
    let db = home.open();
    let reader = read(&home);
    assert!(matches!(reader.follow(Duration::ZERO), Err(Error::InvalidOption { .. })));
    let mut watch = reader.watch();
    reader.follow(Duration::from_millis(2)).unwrap();
    write(&db, 1);
    write(&db, 2);
    let shown = watch.next_blocking().unwrap();
    assert!(!all::<f64>(&shown, &key("m", 0)).is_empty());
    reader.follow(Duration::from_millis(1)).unwrap();
    write(&db, 3);
    while times(&reader).len() < 3 {
        watch.next_blocking().unwrap();
    }
    assert!(reader.follow_error().is_none());
    std::fs::rename(home.path(), home.beside("moved")).unwrap();
    let begun = Instant::now();
    while reader.follow_error().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "a failing refresh is never reported");
        pause(Duration::from_millis(1));
    }
    std::fs::rename(home.beside("moved"), home.path()).unwrap();
    drop(reader);
    while watch.next_blocking().is_some() {}
    assert_eq!(ending(&names(&home.path()), ".tmp").len(), 0);
}

#[tokio::test]
async fn a_reader_has_async_forms() {
    let home = Home::new();
    let db = home.open();
    write(&db, 1);
    db.close().await.unwrap();
    let reader = reading(&home).open().await.unwrap();
    assert!(!reader.refresh().await.unwrap().changed);
    assert_eq!(reader.find_series(&key("m", 0)).map(|info| info.key), Some(key("m", 0)));
}
