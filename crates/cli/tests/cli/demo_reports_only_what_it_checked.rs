//! The demo runs to its end, prints a command that works as its last line, and replaces only its own directory.

use std::fs;

use crate::common::Place;

#[test]
fn it_writes_reads_compares_and_hands_over() {
    let place = Place::new();
    let out = place.run("demo").ok();
    for expected in ["26,115 rows", "wrote 237,175 points", "237,175 points of 30 series read back", "bytes/point"] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    assert!(out.contains("2013-11-03 01:00  53.96\n2013-11-03 01:00  51.98\n"), "{out}");
    let last = out.lines().last().unwrap();
    let table = place.run(last.strip_prefix("timestrata ").unwrap()).ok();
    assert_eq!(table.lines().count(), 2 + 7, "{table}");
    let first = table.lines().nth(2).unwrap();
    assert!(first.contains("2013-07-01T00:00:00Z"), "{table}");

    // A second run replaces the first. `--db` alone selects another directory, and the demo does not overwrite foreign
    // files.
    place.run("demo").ok();
    fs::create_dir(place.path("mine")).unwrap();
    place.file("mine/letter.txt", "dear");
    assert!(place.run("demo --db mine").fails(2).contains("left alone"));
    let output = place.command(["demo"]).env("TIMESTRATA_DB", "mine").output().unwrap();
    assert!(output.status.success());
    assert_eq!(fs::read_dir(place.path("mine")).unwrap().count(), 1);
}
