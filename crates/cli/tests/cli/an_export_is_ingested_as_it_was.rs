//! `timestrata export`, and `ingest` of what it wrote.

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    let rows =
        ["2024-01-01T00:00:00Z,a b,1.5,7", "2024-01-01T00:00:01.000000001Z,a b,-0,8", "2024-01-01T00:00:00Z,c,1e300,9"];
    place.file("f.csv", format!("time,host,P{{W}},n\n{}\n", rows.join("\n")));
    place.run("ingest f.csv --db d --tags host --types n=u64").ok();
    place
}

fn points(place: &Place, db: &str) -> String {
    let series = place.run(&format!("series --db {db} --format csv")).ok();
    let mut points: Vec<String> =
        place.run(&format!("query {{}} --db {db} --format csv")).ok().lines().map(str::to_owned).collect();
    points.sort();
    format!("{series}{}", points.join("\n"))
}

#[test]
fn every_exact_format_makes_the_same_database() {
    let place = place();
    let expected = points(&place, "d");
    for (db, file) in [("a", "x.csv"), ("b", "x.csv.gz"), ("c", "x.jsonl.zst"), ("e", "x.lp")] {
        let format = if file.contains("csv") {
            "csv"
        } else if file.contains("jsonl") {
            "jsonl"
        } else {
            "line-protocol"
        };
        place.run(&format!("export --db d --format {format} --output {file}")).ok();
        place.run(&format!("ingest {file} --db {db}")).ok();
        assert_eq!(points(&place, db), expected, "{file}");
    }
    let text = place.run("export --db d").ok();
    place.run_with_input("ingest - --db f", &text).ok();
    assert_eq!(points(&place, "f"), expected);
}

#[test]
fn points_that_a_format_cannot_hold_are_counted_and_left_out_unless_lossy() {
    let place = place();
    let error = place.run("export --db d --format openmetrics --output x.om").fails(1);
    assert!(
        error.contains(
            "3 points were written, and 3 were left out: 3 because the value is no f64; the first is n{host=\"a b\"}"
        ),
        "{error}"
    );
    place.run("ingest x.om --db a").ok();
    assert_eq!(place.run("query {} --db a --format csv").ok().lines().count(), 4, "a header and the points of f64");
    let out = place.run("export --db d --format openmetrics --lossy").ok();
    assert!(out.contains("n{host=\"c\"} 9 1704067200\n") && out.ends_with("# EOF\n"), "{out}");
}

#[test]
fn a_selection_and_a_range_are_exported() {
    let place = place();
    let out = place.run("export n{host=\"c\"} --db d --to 2024-02").ok();
    assert_eq!(out, "series,type,time,value\n\"n{host=\"\"c\"\"}\",u64,2024-01-01T00:00:00Z,9\n");
    assert_eq!(place.run("export n --db d --from 2024-02").ok(), "series,type,time,value\n");
    assert!(place.run("export m --db d").fails(1).contains('m'));
}

#[test]
fn a_failed_export_leaves_no_file() {
    let place = place();
    let error = place.run("export --db d --output nowhere/x.csv").fails(2);
    assert!(error.contains("cannot write nowhere/x.csv"), "{error}");
    std::fs::create_dir(place.path("x")).unwrap();
    assert!(place.run("export --db d --output x").fails(2).contains("is a directory"));
    let left = std::fs::read_dir(place.path("."))
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".tmp")));
    assert_eq!(left.count(), 0);
}
