//! A database is made only where it may be: not where it was not asked for, and not among another's files.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, contents, names};
use timestrata::{Db, Error};

#[test]
fn without_create_a_missing_database_is_an_error() {
    let home = Home::new();
    let open = || home.builder().create(false).open_blocking();
    assert!(matches!(open(), Err(Error::NotFound { dir }) if dir == home.path()));
    assert!(!home.path().exists());
    std::fs::create_dir(home.path()).unwrap();
    assert!(matches!(open(), Err(Error::NotFound { .. })));
    assert_eq!(names(&home.path()), Vec::<String>::new());
    // With it, the empty directory becomes one, and its parents too if they are not there.
    assert!(home.open().open_report().created);
    let deep = home.beside("a").join("b").join("c");
    assert!(Db::open_blocking(&deep).unwrap().open_report().created);
    assert!(!home.builder().create(false).open_blocking().unwrap().open_report().created);
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
    // A file is no directory.
    std::fs::write(home.beside("file"), b"text").unwrap();
    assert!(matches!(Db::open_blocking(home.beside("file")), Err(Error::Io { .. })));
}

#[test]
fn strangers_among_a_databases_files_are_left_alone_and_told() {
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
