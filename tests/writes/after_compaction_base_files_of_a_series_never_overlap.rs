//! The number of files stays bounded, and a query opens only the files that overlap its range.

use timestrata::{Batch, Db, Series, SeriesKey, Timestamp};

fn series(db: &Db) -> Vec<Series<f64>> {
    let keys = (0..4).map(|n| SeriesKey::new("m").tag("n", n.to_string()));
    db.create_many_series(keys).blocking().unwrap()
}

/// Writes `points` points of each series, one per second, beginning at second `from`.
fn write(db: &Db, series: &[Series<f64>], from: i32, points: i32) {
    let mut batch = Batch::new();
    for at in from..from + points {
        for one in series {
            batch.push(*one, Timestamp::from_secs(i64::from(at)), f64::from(at));
        }
    }
    db.write_blocking(batch).unwrap();
}

#[test]
fn after_compaction_base_files_of_a_series_never_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    let series = series(&db);
    for part in 0..6 {
        write(&db, &series, part * 50, 60);
        db.flush_blocking().unwrap();
    }
    assert_eq!(db.stats().levels[0].level, 0);
    db.compact_blocking().unwrap();
    let stats = db.stats();
    assert_eq!(stats.levels.iter().map(|level| (level.level, level.points)).collect::<Vec<_>>(), [(7, 4 * 360)]);
    let (opened, decoded) = (stats.files_opened, stats.blocks_decoded);
    let range = Timestamp::from_secs(100)..Timestamp::from_secs(110);
    // Seconds 100 to 109 were written twice: both points of each second are kept.
    assert_eq!(db.snapshot().scan(series[0], range).collect_blocking().unwrap().len(), 20);
    let stats = db.stats();
    assert_eq!((stats.files_opened - opened, stats.blocks_decoded - decoded), (1, 1), "one file, one block");
    let later = Timestamp::from_secs(10_000)..;
    assert_eq!(db.snapshot().scan(series[0], later).collect_blocking().unwrap().len(), 0);
    assert_eq!(db.stats().blocks_decoded, stats.blocks_decoded, "no file holds it, and none is looked into");
}

/// Sixteen files of L0 are merged without a request.
#[test]
fn files_do_not_pile_up() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_blocking(dir.path().join("db")).unwrap();
    let series = series(&db);
    for part in 0..20 {
        write(&db, &series, part * 10, 10);
        db.flush_blocking().unwrap();
    }
    let mut changes = db.watch();
    while db.stats().compactions.runs == 0 {
        changes.next_blocking().unwrap();
    }
    let stats = db.stats();
    assert!(stats.files < 20 && stats.points == 800, "{stats:?}");
    assert!(stats.write_amplification().is_some_and(|written| written > 1.0), "{stats:?}");
    assert_eq!(db.snapshot().scan(series[3], ..).collect_blocking().unwrap().len(), 200);
}

/// A file that a snapshot reads stays on disk as long as the snapshot, is reported in the statistics, and is removed
/// afterwards.
#[test]
fn a_file_stays_while_a_snapshot_holds_it_and_is_removed_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open_blocking(&path).unwrap();
    let series = series(&db);
    write(&db, &series, 0, 10);
    db.flush_blocking().unwrap();
    let held = db.snapshot();
    write(&db, &series, 10, 10);
    db.compact_blocking().unwrap();
    let names = || std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = || names().filter(|name| name.strip_suffix(".sst").is_some()).count();
    // The writer checks the pins at the end of a turn. The second write comes after that check.
    (20..22).for_each(|at| write(&db, &series, at, 1));
    // One file is named by the snapshot only, the other one is the file of the base.
    let stats = db.stats();
    assert_eq!((files(), stats.files, stats.pinned_files), (2, 1, 1), "{stats:?}");
    assert!(stats.pinned_file_bytes > 0);
    assert_eq!(held.scan(series[0], ..).collect_blocking().unwrap().len(), 10);
    drop(held);
    // Any turn of the writer removes the file. The first turn may have begun before the snapshot was dropped.
    for at in 22..30 {
        write(&db, &series, at, 1);
    }
    assert_eq!(files(), 1, "{:?}", names().collect::<Vec<_>>());
    assert_eq!((db.stats().pinned_files, db.stats().pinned_file_bytes), (0, 0));
}
