//! A database is created only where the caller permits it: not without `create_if_missing`, and not in a directory with
//! foreign files.

use timestrata::{Db, Error, disk_usage};

use crate::common::{Home, batch, contents, key, names};

#[test]
fn without_create_a_missing_database_is_an_error() {
    let home = Home::new();
    let open = || home.builder().create_if_missing(false).open_blocking();
    assert!(matches!(open(), Err(Error::DatabaseNotFound { dir, .. }) if dir == home.path()));
    assert!(!home.path().exists());
    std::fs::create_dir(home.path()).unwrap();
    assert!(matches!(open(), Err(Error::DatabaseNotFound { .. })));
    assert_eq!(names(&home.path()), Vec::<String>::new());
    // With it, the empty directory becomes a database. Missing parent directories are created too.
    assert!(home.open().open_report().created);
    let deep = home.beside("a").join("b").join("c");
    assert!(Db::open_blocking(&deep).unwrap().open_report().created);
    assert!(!home.builder().create_if_missing(false).open_blocking().unwrap().open_report().created);
}

#[test]
fn a_directory_of_other_files_is_not_a_database() {
    let home = Home::new();
    std::fs::create_dir(home.path()).unwrap();
    std::fs::write(home.path().join("thesis.tex"), b"years of work").unwrap();
    let before = contents(&home.path());
    for _ in 0..2 {
        let opened = home.builder().open_blocking();
        assert!(matches!(&opened, Err(Error::NotADatabase { found, .. }) if found == "thesis.tex"), "{opened:?}");
        assert!(contents(&home.path()) == before);
    }
    std::fs::remove_file(home.path().join("thesis.tex")).unwrap();
    std::fs::create_dir(home.path().join("letters")).unwrap();
    let opened = home.builder().open_blocking();
    assert!(matches!(&opened, Err(Error::NotADatabase { found, .. }) if found == "letters"), "{opened:?}");
    // A file is not a directory.
    std::fs::write(home.beside("file"), b"text").unwrap();
    assert!(matches!(Db::open_blocking(home.beside("file")), Err(Error::Io { .. })));
}

#[test]
fn foreign_files_in_a_database_are_left_alone_and_reported() {
    let home = Home::new();
    drop(home.open());
    let strangers = ["00000000000000AB.sst", "README.txt", "wal-12.log"];
    for name in strangers {
        std::fs::write(home.path().join(name), name).unwrap();
    }
    let db = home.open();
    assert_eq!(db.open_report().unknown, strangers);
    db.close_blocking().unwrap();
    for name in strangers {
        assert_eq!(std::fs::read_to_string(home.path().join(name)).unwrap(), name);
    }
}

/// The root of an ext file system holds the directory `lost+found`, which is no reason to refuse a database there.
#[test]
fn the_root_of_a_file_system_counts_as_empty() {
    let home = Home::new();
    let lost_and_found = home.path().join("lost+found");
    std::fs::create_dir_all(&lost_and_found).unwrap();
    let db = home.open();
    assert!(db.open_report().created && db.open_report().unknown.is_empty(), "{:?}", db.open_report());
    db.close_blocking().unwrap();
    assert!(home.open().open_report().unknown.is_empty());
    assert!(timestrata::verify(home.path()).unwrap().notes.is_empty());
    assert!(lost_and_found.is_dir());
    // A file with this name is content.
    let other = home.beside("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("lost+found"), "text").unwrap();
    let opened = Db::open_blocking(&other);
    assert!(matches!(&opened, Err(Error::NotADatabase { found, .. }) if found == "lost+found"), "{opened:?}");
}

#[test]
fn every_file_counts_in_exactly_one_part_of_the_disk_usage() {
    let home = Home::new();
    let db = home.small().open_blocking().unwrap();
    for round in 0..40 {
        db.write_blocking(batch(&key("m", 0), (0..300).map(|n| (round * 300 + n, n)))).unwrap();
    }
    db.compact_blocking().unwrap();
    let stats = db.stats();
    assert!(stats.spare_wal_bytes > 0);
    assert_eq!(disk_usage(home.path()).unwrap().spare_wal_segments.bytes, stats.spare_wal_bytes);
    // A new opening counts the spares that it finds. It has nothing to compact, so that no file changes.
    db.close_blocking().unwrap();
    let db = home.small().open_blocking().unwrap();
    for name in ["forgiven-1-2.bytes", "manifest.tmp", "README.txt", "00000000000000ab.sst.tmp"] {
        std::fs::write(home.path().join(name), name).unwrap();
    }
    std::fs::create_dir(home.path().join("letters")).unwrap();
    let (usage, stats) = (disk_usage(home.path()).unwrap(), db.stats());
    let files: Vec<u64> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap())
        .filter(std::fs::Metadata::is_file)
        .map(|meta| meta.len())
        .collect();
    assert_eq!((usage.total().files, usage.total().bytes), (files.len() as u64, files.iter().sum()));
    assert_eq!((usage.ssts.files, usage.ssts.bytes), (stats.files, stats.file_bytes));
    assert!(stats.spare_wal_bytes > 0 && stats.wal_bytes > 0);
    assert_eq!(usage.spare_wal_segments.bytes, stats.spare_wal_bytes);
    assert!(usage.wal_segments.bytes >= stats.wal_bytes);
    assert_eq!((usage.metadata.files, usage.temporaries.files, usage.torn_tail_copies.files), (2, 2, 1));
    assert_eq!((usage.other.files, usage.directories), (2, 1), "the lock and README.txt");
    assert!(matches!(disk_usage(home.beside("none")), Err(Error::DatabaseNotFound { .. })));
}
