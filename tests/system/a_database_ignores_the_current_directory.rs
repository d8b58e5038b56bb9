//! A child process opens a database by a relative path and changes its current directory to one that has another
//! database of the same name: every write, flush and backup concerns the database that was opened.

use timestrata::{Db, Error};

use crate::child::{child, value_from_parent};
use crate::common::{Home, contents};
use crate::processes::{found, numbered};

/// The test of this module that a child process runs.
const CHILD: &str = "a_database_ignores_the_current_directory::a_child_changes_its_directory";

#[test]
fn a_child_changes_its_directory() {
    let Some(root) = value_from_parent() else { return };
    let root = std::path::PathBuf::from(root);
    std::env::set_current_dir(root.join("one")).unwrap();
    let db = Db::builder("db").wal_segment_bytes(4 << 10).open_blocking().unwrap();
    db.write_blocking(numbered(1)).unwrap();
    std::env::set_current_dir(root.join("two")).unwrap();
    for number in 2..12 {
        db.write_blocking(numbered(number)).unwrap();
        if number % 4 == 0 {
            db.flush_blocking().unwrap();
        }
    }
    db.compact_blocking().unwrap();
    let inside = db.backup_blocking(root.join("one/db/backup"));
    assert!(matches!(inside, Err(Error::BackupInsideDatabase { .. })), "{inside:?}");
    db.backup_blocking("backup").unwrap();
    assert_eq!(found(&db).unwrap(), (1..12).collect());
    db.close_blocking().unwrap();
    println!("\nall written");
}

#[test]
fn a_database_ignores_the_current_directory() {
    let home = Home::new();
    for name in ["one", "two"] {
        std::fs::create_dir(home.beside(name)).unwrap();
    }
    let stranger = home.beside("two").join("db");
    let db = Db::open_blocking(&stranger).unwrap();
    db.write_blocking(numbered(99)).unwrap();
    db.close_blocking().unwrap();
    let before = contents(&stranger);
    let output = child(CHILD, home.beside("one").parent().unwrap().to_str().unwrap()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("all written"), "{told}");
    assert_eq!(contents(&stranger), before, "the other database is unchanged");
    for (path, numbers) in [("one/db", 1..12), ("two/backup", 1..12), ("two/db", 99..100)] {
        let path = home.beside(path);
        assert_eq!(found(&Db::open_blocking(&path).unwrap()).unwrap(), numbers.collect(), "{}", path.display());
        assert_eq!(timestrata::verify(&path).unwrap().findings, []);
    }
}
