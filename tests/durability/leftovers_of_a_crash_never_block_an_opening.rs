//! Unfinished files, SSTs that no edit names, and spare segments do not make an opening fail. The opening removes those
//! of its own database.

use crate::common::{Home, all, batch, contents, copy_dir, ending, key, names, restore};

/// Returns the greatest id in any name.
fn greatest_id(names: &[String]) -> u64 {
    let digits = |name: &String| name.split(['-', '.']).filter_map(|part| u64::from_str_radix(part, 16).ok()).max();
    names.iter().filter_map(digits).max().unwrap()
}

#[test]
fn a_file_in_the_making_does_not_keep_a_database_shut() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    drop(db);
    // The flusher was killed during a write: its file has the id that the next opening would assign.
    let greatest = greatest_id(&names(&home.path()));
    let mut left: Vec<String> = (greatest + 1..greatest + 5).map(|id| format!("{id:016x}.sst.tmp")).collect();
    // The writer was killed while it rewrote the series log.
    left.push(format!("series-{:016x}.log", greatest + 5));
    for name in &left {
        std::fs::write(home.path().join(name), b"half a file").unwrap();
    }
    std::fs::write(home.path().join("manifest.tmp"), b"half a manifest").unwrap();
    let db = home.open();
    assert!(left.iter().all(|name| db.open_report().removed.contains(name)), "{:?}", db.open_report());
    assert_eq!(names(&home.path()).iter().filter(|name| name.starts_with("series-")).count(), 1);
    assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)), [(1, 1.0)]);
    assert_eq!(ending(&names(&home.path()), ".tmp"), Vec::<&String>::new());
}

#[test]
fn an_opening_that_did_not_finish_is_begun_again() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0), (2, 2.0)])).unwrap();
    drop(db);
    let before = contents(&home.path());
    // An opening replays into an SST and creates a WAL segment. The manifest that names both is written last.
    drop(home.open());
    let mut half = contents(&home.path());
    let (old_segment, bytes) = before.iter().find(|(name, _)| name.starts_with("wal-")).unwrap();
    half.insert(old_segment.clone(), bytes.clone());
    half.insert("manifest".to_owned(), before["manifest"].clone());
    restore(&home.path(), &half);
    let orphan = (*ending(&half.keys().cloned().collect::<Vec<_>>(), ".sst")[0]).clone();
    for _ in 0..2 {
        let db = home.open();
        assert_eq!(all::<f64>(&db.snapshot(), &key("m", 0)), [(1, 1.0), (2, 2.0)]);
        assert!(!names(&home.path()).contains(&orphan));
    }
}

#[test]
fn a_copy_of_a_directory_is_the_same_database() {
    let home = Home::new();
    let db = home.small().open_blocking().unwrap();
    for n in 0..100_i64 {
        db.write_blocking(batch(&key("m", 0), (0..50).map(|at| (at, n)))).unwrap();
    }
    drop(db);
    let copied = Home::new();
    copy_dir(&home.path(), &copied.path());
    assert_eq!(all::<i64>(&copied.open().snapshot(), &key("m", 0)), all::<i64>(&home.open().snapshot(), &key("m", 0)));
}
