//! Files that the manifest names and the directory lacks are listed by name. No file is created in their place.

use timestrata::Error;

use crate::common::{Home, all, batch, contents, ending, key, names, restore};

fn missing(home: &Home) -> Vec<String> {
    let before = contents(&home.path());
    let opened = home.builder().open_blocking();
    let mut after = contents(&home.path());
    if let Some(lock) = before.get("LOCK") {
        after.insert("LOCK".to_owned(), lock.clone());
    }
    assert!(after == before, "the directory was changed");
    match opened {
        Err(Error::MissingFiles { files, .. }) => files,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_file_is_named() {
    let home = Home::new();
    let db = home.open();
    for n in 0..3_i64 {
        db.write_blocking(batch(&key("m", 0), [(n, n)])).unwrap();
        db.flush_blocking().unwrap();
    }
    db.write_blocking(batch(&key("m", 0), [(9, 9_i64)])).unwrap();
    drop(db);
    let sound = contents(&home.path());
    let listed = names(&home.path());
    let ssts: Vec<String> = ending(&listed, ".sst").into_iter().cloned().collect();
    for gone in [&ssts[..1], &ssts[1..], &ssts[..]] {
        for name in gone {
            std::fs::remove_file(home.path().join(name)).unwrap();
        }
        assert_eq!(missing(&home), gone);
        restore(&home.path(), &sound);
    }
    let starting = |prefix: &str| listed.iter().find(|name| name.starts_with(prefix)).unwrap().as_str();
    for name in [starting("wal-"), starting("series-"), "manifest"] {
        std::fs::remove_file(home.path().join(name)).unwrap();
        assert_eq!(missing(&home), [name]);
        restore(&home.path(), &sound);
    }
    assert_eq!(all::<i64>(&home.open().snapshot(), &key("m", 0)), [(0, 0), (1, 1), (2, 2), (9, 9)]);
}

#[test]
fn an_sst_of_another_length_is_damage() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.close_blocking().unwrap();
    let sound = contents(&home.path());
    let name = sound.keys().find(|name| crate::common::is_sst(name)).unwrap();
    for change in [|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1), |bytes: &mut Vec<u8>| bytes.push(0)] {
        let mut files = sound.clone();
        change(files.get_mut(name).unwrap());
        restore(&home.path(), &files);
        let opened = home.builder().open_blocking();
        assert!(matches!(&opened, Err(Error::Corrupt { file, .. }) if file.ends_with(name)), "{opened:?}");
    }
}
