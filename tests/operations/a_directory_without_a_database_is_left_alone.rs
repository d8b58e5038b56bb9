//! A database is created only where the caller permits it: not without `create_if_missing`, and not in a directory with
//! foreign files.

use timestrata::{Db, Error};

use crate::common::{Home, contents, names};

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
