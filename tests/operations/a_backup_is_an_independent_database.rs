//! A backup is a separate database: it holds exactly the earlier writes, passes `verify` and accepts writes. Later
//! changes of the original do not affect the backup, and vice versa.

use std::path::Path;

use timestrata::{Db, DuplicatePolicy, Error, Selector, Snapshot, verify};

use crate::common::{Home, all, batch, contents, ending, key, names};

/// Returns all series with their points in scan order.
fn shown(snapshot: &Snapshot) -> Vec<(String, Vec<(i64, i64)>)> {
    let series = snapshot.list_series(&Selector::all());
    series.iter().map(|info| (info.key.to_string(), all::<i64>(snapshot, &info.key))).collect()
}

fn write(db: &Db, series: usize, points: std::ops::Range<i64>) {
    db.write_blocking(batch(&key("m", series), points.map(|n| (n, n * 3)))).unwrap();
}

/// Database with several files, points in the memtable and a series without a point.
fn filled(home: &Home) -> Db {
    let db = home.small().open_blocking().unwrap();
    for round in 0..5 {
        for series in 0..3 {
            write(&db, series, round * 400..(round + 1) * 400);
        }
    }
    db.create_series(key("empty", 0)).value_type::<i64>().blocking().unwrap();
    db
}

fn check_sound(dir: &Path) -> u64 {
    let report = verify(dir).unwrap();
    assert_eq!((&report.findings[..], &report.notes[..]), (&[][..], &[][..]));
    report.points
}

#[test]
fn it_holds_what_was_written_before_it_and_is_sound() {
    let home = Home::new();
    let db = filled(&home);
    let (before, seq) = (shown(&db.snapshot()), db.stats().seq);
    let report = db.backup_blocking(home.beside("new/backup")).unwrap();
    write(&db, 0, 5000..5001);
    db.create_series(key("later", 0)).value_type::<i64>().blocking().unwrap();

    let stats = db.stats();
    assert_eq!((report.files, report.linked, report.copied), (stats.files, stats.files, 0));
    assert_eq!((report.points, report.series, report.seq), (6000, 4, seq));
    assert_eq!(report.bytes, stats.file_bytes);
    assert!(report.files > 1, "{report:?}");
    assert_eq!(check_sound(&home.beside("new/backup")), 6000);

    let backup = Db::builder(home.beside("new/backup")).create_if_missing(false).open_blocking().unwrap();
    assert_eq!(shown(&backup.snapshot()), before);
    assert!(!backup.open_report().created);
    assert_eq!((backup.open_report().replayed_records, &backup.open_report().removed[..]), (0, &[][..]));
    backup.close_blocking().unwrap();
    assert_eq!(check_sound(&home.beside("new/backup")), 6000);
    let backup = Db::open_blocking(home.beside("new/backup")).unwrap();
    assert_eq!(shown(&backup.snapshot()), before, "opened once more");
}

#[test]
fn neither_notices_what_becomes_of_the_other() {
    let home = Home::new();
    let db = filled(&home);
    let before = shown(&db.snapshot());
    db.backup_blocking(home.beside("backup")).unwrap();
    let untouched = contents(&home.beside("backup"));

    // Changes the original: new files, new series, a reopening.
    write(&db, 0, 9000..9500);
    write(&db, 7, 0..10);
    db.flush_blocking().unwrap();
    let original = shown(&db.snapshot());
    db.close_blocking().unwrap();
    assert_eq!(contents(&home.beside("backup")), untouched);

    // Changes the backup: it assigns the same series ids, sequence numbers and file ids to other content.
    let backup = Db::open_blocking(home.beside("backup")).unwrap();
    write(&backup, 1, -10..0);
    write(&backup, 8, 0..20);
    backup.flush_blocking().unwrap();
    let changed = shown(&backup.snapshot());
    assert_eq!(changed.iter().map(|(_, points)| points.len()).sum::<usize>(), 6030);
    backup.close_blocking().unwrap();

    assert_eq!(check_sound(&home.path()), 6510);
    assert_eq!(shown(&home.open().snapshot()), original);
    std::fs::remove_dir_all(home.path()).unwrap();
    assert_eq!(check_sound(&home.beside("backup")), 6030);
    let backup = Db::open_blocking(home.beside("backup")).unwrap();
    assert_eq!(shown(&backup.snapshot()), changed);
    assert_ne!(changed, before);
}

#[test]
fn a_backup_of_a_backup_needs_neither_of_those_before() {
    let home = Home::new();
    let db = filled(&home);
    db.backup_blocking(home.beside("first")).unwrap();
    let first = Db::open_blocking(home.beside("first")).unwrap();
    write(&first, 4, 0..100);
    let before = shown(&first.snapshot());
    // The files of this backup come from two databases.
    first.backup_blocking(home.beside("second")).unwrap();
    drop((db, first));
    std::fs::remove_dir_all(home.path()).unwrap();
    std::fs::remove_dir_all(home.beside("first")).unwrap();

    assert_eq!(check_sound(&home.beside("second")), 6100);
    let second = Db::open_blocking(home.beside("second")).unwrap();
    assert_eq!(shown(&second.snapshot()), before);
    let manifest = timestrata::inspect(home.beside("second").join("manifest")).unwrap().to_string();
    assert_eq!(manifest.matches("origin database").count(), 2, "{manifest}");
}

#[test]
fn a_backup_of_nothing_is_an_empty_database() {
    let home = Home::new();
    let db = home.builder().duplicates(DuplicatePolicy::KeepLast).open_blocking().unwrap();
    let report = db.backup_blocking(home.beside("backup")).unwrap();
    assert_eq!((report.files, report.points, report.series, report.seq), (0, 0, 0, 0));
    let backup = Db::open_blocking(home.beside("backup")).unwrap();
    assert_eq!(backup.duplicates(), DuplicatePolicy::KeepLast);
    write(&backup, 0, 0..3);
    assert_eq!(backup.stats().points, 3);
}

#[test]
fn a_directory_that_is_in_use_is_refused_and_left_alone() {
    let home = Home::new();
    let db = filled(&home);
    let others = home.beside("others");
    std::fs::create_dir(&others).unwrap();
    std::fs::write(others.join("letter"), b"dear").unwrap();
    let refused = db.backup_blocking(&others).unwrap_err();
    assert!(matches!(&refused, Error::BackupTargetNotEmpty { found, .. } if found == "letter"), "{refused}");
    assert_eq!(names(&others), ["letter"]);

    db.backup_blocking(home.beside("backup")).unwrap();
    let whole = contents(&home.beside("backup"));
    assert!(matches!(db.backup_blocking(home.beside("backup")), Err(Error::BackupTargetNotEmpty { .. })));
    assert_eq!(contents(&home.beside("backup")), whole);

    for inside in [home.path(), home.path().join("backup"), home.beside("x/../db/backup")] {
        let refused = db.backup_blocking(&inside).unwrap_err();
        assert!(matches!(refused, Error::BackupInsideDatabase { .. }), "{refused}");
    }
    assert!(!home.path().join("backup").exists() && !home.beside("x").exists());
    assert!(matches!(db.backup_blocking(others.join("letter")), Err(Error::Io { .. })));

    // An existing empty directory is accepted.
    std::fs::create_dir(home.beside("empty")).unwrap();
    db.backup_blocking(home.beside("empty")).unwrap();
    let clone = db.clone();
    db.close_blocking().unwrap();
    assert!(matches!(clone.backup_blocking(home.beside("closed")), Err(Error::Closed)));
    assert!(!home.beside("closed").exists());
}

#[test]
fn writes_and_reads_go_on_while_it_is_made() {
    let home = Home::new();
    let db = home.small().open_blocking().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..300).for_each(|n| write(&db, 0, n * 10..(n + 1) * 10)));
        for round in 0..5 {
            let dir = home.beside(&format!("backup{round}"));
            let least = db.stats().points;
            let report = db.backup_blocking(&dir).unwrap();
            assert!(report.points >= least, "{report:?}");
            // The backup holds whole batches in order: a prefix.
            let backup = Db::open_blocking(&dir).unwrap();
            let points = all::<i64>(&backup.snapshot(), &key("m", 0));
            assert_eq!(points.len() as u64, report.points);
            assert!(points.len().is_multiple_of(10) && points.iter().zip(0..).all(|(point, n)| *point == (n, n * 3)));
        }
        writer.join().unwrap();
    });
    assert_eq!(db.stats().points, 3000);
}

/// A file of the original that an edit of the backup removed, and that a crash left behind, is garbage and not a
/// foreign file.
#[test]
fn a_leftover_of_the_original_does_not_lock_the_backup_out() {
    let home = Home::new();
    let db = filled(&home);
    db.backup_blocking(home.beside("backup")).unwrap();
    Db::open_blocking(home.beside("backup")).unwrap().close_blocking().unwrap();
    write(&db, 0, 9000..9001);
    db.flush_blocking().unwrap();
    let (ours, theirs) = (names(&home.path()), names(&home.beside("backup")));
    let newest = (*ending(&ours, ".sst").last().unwrap()).clone();
    assert!(!theirs.contains(&newest), "the backup has none of this number");
    std::fs::copy(home.path().join(&newest), home.beside("backup").join(&newest)).unwrap();

    let report = verify(home.beside("backup")).unwrap();
    assert!(report.findings.is_empty() && report.notes[0].contains("the next opening removes it"), "{report:?}");
    let backup = Db::open_blocking(home.beside("backup")).unwrap();
    assert!(backup.open_report().removed.contains(&newest), "{:?}", backup.open_report());
    assert_eq!(backup.stats().points, 6000);
}

#[test]
fn the_root_of_a_file_system_is_an_empty_target() {
    let home = Home::new();
    let db = filled(&home);
    let target = home.beside("disk");
    std::fs::create_dir_all(target.join("lost+found")).unwrap();
    db.backup_blocking(&target).unwrap();
    assert_eq!(shown(&Db::open_blocking(&target).unwrap().snapshot()), shown(&db.snapshot()));
    assert_eq!(check_sound(&target), 6000);
}
