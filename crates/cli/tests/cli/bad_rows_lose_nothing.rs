//! A bad row stops an ingest after the rows before it. `--from-line` continues at exactly that row; `--skip-bad` skips
//! it.

use std::fmt::Write;

use crate::common::Place;

const ROWS: u32 = 25_000;
const BAD: u32 = 20_321;

fn file(bad: bool) -> String {
    let mut text = "t,x,y\n".to_owned();
    for row in 0..ROWS {
        let value = if bad && row == BAD { "oops".to_owned() } else { row.to_string() };
        writeln!(text, "{row},{value},1").unwrap();
    }
    text
}

fn expect_all(place: &Place) {
    let found = place.points("--db d x");
    let expected = (0..ROWS).map(|row| row.to_string());
    assert!(found.iter().map(|row| row[2].clone()).eq(expected), "{} points", found.len());
}

#[test]
fn an_ingest_stops_and_resumes_at_the_named_line() {
    let place = Place::new();
    place.file("f.csv", file(true));
    let error = place.run("ingest f.csv --db d --time t --time-format s --values x,y").fails(2);
    let line = BAD + 2;
    assert!(error.contains(&format!("f.csv line {line}: column x: \"oops\" is not a number")), "{error}");
    assert!(error.contains(&format!("all rows before it are durable ({BAD} in this run)")), "{error}");
    assert!(error.ends_with(&format!("go on with --from-line {line}")), "{error}");
    assert_eq!(place.points("--db d x").len(), usize::try_from(BAD).unwrap());
    place.file("f.csv", file(false));
    place.run(&format!("ingest f.csv --db d --time t --time-format s --from-line {line}")).ok();
    expect_all(&place);
}

#[test]
fn bad_rows_are_skipped_and_listed_with_skip_bad() {
    let place = Place::new();
    place.file("f.csv", "t,x\n1,1\n2,zwei\n3\n\nvier,4\n5,5\n");
    let out = place.run("ingest f.csv --db d --time t --time-format s --values x --skip-bad").ok();
    assert!(out.contains("rows      2, 3 refused"), "{out}");
    assert!(out.contains("  line 3: column x: \"zwei\" is not a number\n"), "{out}");
    assert!(out.contains("  line 4: it has 1 cells, the header has 2\n"), "{out}");
    assert!(out.contains("  line 6: column t: \"vier\" is not a number of seconds\n"), "{out}");
    assert_eq!(place.points("--db d x").len(), 2);
}

#[test]
fn another_type_than_that_of_the_series_is_an_error_with_a_next_step() {
    let place = Place::new();
    place.file("f.csv", "t,x\n2013-01-01,1\n");
    place.run("ingest f.csv --db d --types x=i64").ok();
    let error = place.run("ingest f.csv --db d").fails(2);
    assert!(error.contains("series x holds i64, not f64"), "{error}");
    assert!(error.contains("try --types x=i64") && error.ends_with("go on with --from-line 2"), "{error}");
    place.run("ingest f.csv --db d --types x=i64").ok();
    assert_eq!(place.points("--db d x").len(), 2);
}

#[test]
fn a_wrong_file_makes_no_database() {
    let place = Place::new();
    place.file("empty.csv", "");
    place.file("double.csv", "t,x,x\n2013-01-01,1,2\n");
    for (line, expected) in [
        ("ingest none.csv --db d", "cannot read none.csv"),
        ("ingest . --db d", "is a directory"),
        ("ingest empty.csv --db d", "its first line must name the columns"),
        ("ingest double.csv --db d", "more than once: x"),
        ("ingest double.csv", "give --db DIR, or set TIMESTRATA_DB"),
    ] {
        let error = place.run(line).fails(2);
        assert!(error.contains(expected), "{line}: {error}");
    }
    assert!(!place.path("d").exists());
}

#[test]
fn the_files_before_one_that_fails_are_reported_as_stored() {
    let place = Place::new();
    place.file("s1.csv", "time,v\n2024-01-01,1\n");
    place.file("s2.csv", "time,v\n2024-01-02,bad\n2024-01-03,3\n");
    for (nth, second) in ["s2.csv", "none.csv"].into_iter().enumerate() {
        let ended = place.run(&format!("ingest s1.csv {second} --db d{nth} --values v"));
        assert!(ended.out.contains("s1.csv -> ") && ended.out.contains("rows      1, 0 refused"), "{}", ended.out);
        let error = ended.fails(2);
        assert!(error.ends_with("the files before it are stored, 1 row of s1.csv: leave them out"), "{error}");
        assert_eq!(place.points(&format!("--db d{nth} v")).len(), 1);
    }
}
