//! Missing, foreign, locked and damaged databases: the command reports exit code and reason, and changes no byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use timestrata::Db;

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    place.file("f.csv", "t,x\n2013-01-01,1\n2013-01-02,2\n2013-01-03,4\n");
    place.run("ingest f.csv --db d").ok();
    place
}

fn bytes(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_missing_one_is_not_made_by_reading() {
    let place = Place::new();
    for line in ["query x", "series", "stats", "verify"] {
        let error = place.run(&format!("{line} --db none")).fails(2);
        assert!(error.contains("no database in none"), "{line}: {error}");
        assert!(place.run(line).fails(2).contains("TIMESTRATA_DB"));
    }
    assert!(!place.path("none").exists());
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path("mine")).unwrap();
    place.file("mine/letter.txt", "dear");
    place.file("f.csv", "t,x\n2013-01-01,1\n");
    let error = place.run("ingest f.csv --db mine").fails(2);
    assert!(error.contains("letter.txt"), "{error}");
    assert_eq!(fs::read_dir(place.path("mine")).unwrap().count(), 1);
}

#[test]
fn one_that_is_open_elsewhere_is_locked_by_that_process() {
    let place = place();
    let db = Db::builder(place.path("d")).create_if_missing(false).open_blocking().unwrap();
    for line in ["query x --db d", "series --db d", "stats --db d"] {
        assert!(!place.run(line).ok().is_empty(), "{line} only reads");
    }
    for line in ["compact --db d", "delete x --db d", "verify --db d", "ingest f.csv --db d"] {
        let error = place.run(line).fails(2);
        assert!(error.contains(&format!("is locked by process {}", std::process::id())), "{line}: {error}");
    }
    db.close_blocking().unwrap();
    place.run("query x --db d").ok();
}

#[test]
fn verify_names_what_is_damaged_and_changes_nothing() {
    let place = place();
    let dir = place.path("d");
    let whole = bytes(&dir);
    let out = place.run("verify --db d").ok();
    assert!(out.contains("3 points") && out.contains("every checksum and invariant holds"), "{out}");
    assert_eq!(bytes(&dir), whole);

    let sst = whole.keys().find(|path| path.extension().is_some_and(|ext| ext == "sst")).unwrap();
    let mut damaged = whole[sst].clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(sst, &damaged).unwrap();
    let before = bytes(&dir);
    let ended = place.run("verify --db d");
    assert!(ended.out.contains(sst.file_name().unwrap().to_str().unwrap()), "{}", ended.out);
    assert!(ended.fails(1).contains("is damaged in"));
    assert_eq!(bytes(&dir), before);
}

#[test]
fn inspect_describes_each_kind_of_file() {
    let place = place();
    for path in bytes(&place.path("d")).keys() {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.to_lowercase().starts_with("lock") || name.starts_with("spare") {
            continue;
        }
        let out = place.run(&format!("inspect d/{name}")).ok();
        assert!(!out.trim().is_empty(), "{name}");
    }
    assert!(place.run("inspect f.csv").fails(2).contains("f.csv"));
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let place = Place::new();
    for name in ["notes.txt", "manifest", "wal-0000000000000001.log", "blank.csv"] {
        place.file(name, "");
    }
    place.file("blank.csv", "\n\n");
    place.file("header.csv", "t,x\n\n");
    for (line, expected) in [
        ("inspect notes.txt", "notes.txt is empty"),
        ("inspect manifest", "the file is empty"),
        ("inspect wal-0000000000000001.log", "the file is empty"),
        ("ingest notes.txt --db d", "notes.txt is empty"),
        ("ingest blank.csv --db d", "blank.csv is empty"),
        ("ingest - --db d", "standard input is empty"),
    ] {
        let error = place.run(line).fails(2);
        assert!(error.contains(expected), "{line}: {error}");
    }
    // A header alone is what a scheduled export of a quiet day writes.
    let ended = place.run("ingest header.csv --db d");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("header.csv has no row behind the header"), "{}", ended.err);
    assert!(!ended.err.contains("--from-line"), "{}", ended.err);
    assert!(!place.path("d").exists());
}

#[test]
fn a_path_of_the_wrong_kind_is_an_error_with_a_next_step() {
    let place = place();
    for (line, way_out) in [
        ("stats --db f.csv", "name a database's directory"),
        ("ingest f.csv --db f.csv", "name a database's directory"),
        ("inspect d", "name a file"),
        ("inspect d/nothing.sst", "check the path"),
    ] {
        let error = place.run(line).fails(2);
        assert!(error.contains(way_out), "{line}: {error}");
    }
}
