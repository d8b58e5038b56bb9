//! Points on shared times are counted with the column that would distinguish them; a run without points leaves nothing.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{Ended, Place};

/// Runs an ingest into `d` that must succeed, and returns its notes.
#[track_caller]
fn notes(place: &Place, options: &str) -> String {
    let ended = place.run(&format!("ingest f.csv --db d {options}"));
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    ended.err
}

#[test]
fn rows_sorted_by_an_id_that_is_no_tag_are_counted_exactly() {
    let place = Place::new();
    let mut text = "time,sensor_id,v\n".to_owned();
    for sensor in 1..=3 {
        for minute in 0..50 {
            writeln!(text, "2024-01-01 00:{minute:02},{sensor},{sensor}.5").unwrap();
        }
    }
    place.file("f.csv", text);
    let said = notes(&place, "");
    assert!(said.contains("200 points fell on a time that their series already had"), "{said}");
    assert!(said.contains("is `sensor_id` a tag? --tags sensor_id"), "{said}");
    let said = notes(&moved(place), "--tags sensor_id");
    assert!(!said.contains("share"), "{said}");
}

/// Returns a place with the same file and no database.
fn moved(place: Place) -> Place {
    std::fs::remove_dir_all(place.path("d")).unwrap();
    place
}

#[test]
fn a_database_that_keeps_one_point_per_time_says_at_least() {
    let place = Place::new();
    place.file("f.csv", "time,id,v\n2024-01-01,1,1\n2024-01-01,2,1\n2024-01-02,1,1\n2024-01-01,3,1\n");
    let said = notes(&place, "--duplicates last");
    assert!(said.contains("at least 2 points fell on a time") && said.contains("--tags id"), "{said}");
}

#[test]
fn neither_a_part_of_a_full_time_nor_a_measurement_is_suggested() {
    let place = Place::new();
    let mut text = "time,origin,month,count\n".to_owned();
    for origin in ["EWR", "JFK"] {
        for month in 1..=12 {
            for day in 1..=28 {
                writeln!(text, "2013-{month:02}-{day:02} 06:00,{origin},{month},{}", month * 31 + day * 7).unwrap();
            }
        }
    }
    place.file("f.csv", text);
    let said = notes(&place, "");
    assert!(said.contains("is `origin` a tag? --tags origin"), "{said}");
    let mut text = "time,glucose\n".to_owned();
    for minute in 0..60 {
        writeln!(text, "2024-01-01 00:{minute:02},{}\n2024-01-01 00:{minute:02},{}", 100 + minute, 200 + minute)
            .unwrap();
    }
    let place = Place::new();
    place.file("f.csv", text);
    let said = notes(&place, "");
    assert!(said.contains("60 points fell on a time") && !said.contains("--tags"), "{said}");
}

#[test]
fn two_columns_are_named_if_one_does_not_suffice() {
    let place = Place::new();
    let mut text = "time,host,cpu,v\n".to_owned();
    for minute in 0..5 {
        for host in ["a", "b"] {
            for cpu in 0..2 {
                writeln!(text, "2024-01-01 00:{minute:02},{host},{cpu},0.5").unwrap();
            }
        }
    }
    place.file("f.csv", text);
    let said = notes(&place, "");
    assert!(said.contains("--tags host,cpu"), "{said}");
}

#[test]
fn a_file_that_is_read_twice_is_reported() {
    let place = Place::new();
    place.file("f.csv", "time,v\n2024-01-01,1\n2024-01-02,2\n");
    assert!(!notes(&place, "").contains("share"));
    let said = notes(&place, "");
    assert!(said.contains("2 points fell on a time that their series already had"), "{said}");
    assert!(said.contains("was this input read before?"), "{said}");
    place.file("f.csv", "time,v\n2024-01-03,1\n");
    assert!(!notes(&place, "").contains("share"));
}

#[test]
fn a_run_in_which_every_row_is_refused_leaves_no_database() {
    let place = Place::new();
    place.file("f.csv", "time,v\n2024-01-01,x\n2024-01-02,y\n");
    let error = place.run("ingest f.csv --db d --values v --skip-bad").fails(1);
    assert!(error.contains("every row was refused, 2 in all") && error.contains("f.csv line 2"), "{error}");
    place.run("ingest f.csv --db d --values v").fails(2);
    assert!(!place.path("d").exists());
    assert_eq!(place.run("ingest f.csv --db d --values v --missing x,y").code, Some(1));
    assert!(!place.path("d").exists(), "a run without points makes no database");
}

#[test]
fn a_tag_with_a_value_per_row_is_warned_of() {
    let place = Place::new();
    let mut text = "time,request,v\n".to_owned();
    (0..100).for_each(|row| writeln!(text, "2024-01-01 00:{:02}:00,r{row},1", row % 60).unwrap());
    place.file("f.csv", text);
    let said = notes(&place, "--tags request");
    assert!(said.contains("the tag request has a value per row"), "{said}");
}

#[test]
fn several_files_have_a_summary_each_and_one_of_all() {
    let place = Place::new();
    place.file("a.csv", "time,v\n2024-01-01,1\n");
    place.file("b.csv", "time;v\n2024-01-02;2\n2024-01-03;3\n");
    let out = place.run("ingest a.csv b.csv --db d").ok();
    assert!(out.contains("a.csv -> d\nrows      1, 0 refused"), "{out}");
    assert!(out.contains("b.csv -> d\nrows      2, 0 refused"), "{out}");
    assert!(out.contains("2 files -> d\nrows      3, 0 refused\npoints    3, 1 new series"), "{out}");
    assert_eq!(place.points("--db d v").len(), 3);
}

#[test]
fn a_sniff_shows_what_is_understood_and_stores_nothing() {
    let place = Place::new();
    place.file("f.csv", "time;host;v\n31/12/2024 10:00;a;1,5\n");
    let out = place.run("sniff f.csv --decimal , --tags host").ok();
    for text in ["delimiter     ;", "time format   %d/%m/%Y %H:%M", "tags          host", "v: v (f64)", "v{host=\"a\"}"]
    {
        assert!(out.contains(text), "{text}: {out}");
    }
    assert!(place.run("sniff f.csv").fails(2).contains("--decimal ,"));
}

#[test]
fn rows_of_a_pipe_are_durable_within_a_second() {
    const PATIENCE: Duration = Duration::from_secs(30);
    let place = Place::new();
    let mut command = place.command(["ingest", "-", "--db", "d"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"time,v\n2024-01-01,1\n2024-01-02,2\n").unwrap();
    input.flush().unwrap();
    let began = Instant::now();
    // The pipe stays open. Another process sees what is durable.
    while !place.run("query v --db d --format csv").out.contains("2024-01-02") {
        assert!(began.elapsed() < PATIENCE, "no row became durable");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    input.write_all(b"2024-01-03,3\n").unwrap();
    drop(input);
    let ended = Ended::from(child.wait_with_output().unwrap());
    ended.ok();
    assert_eq!(place.points("--db d v").len(), 3);
}

#[test]
fn a_tag_with_a_value_per_row_behind_the_sample_is_warned_of_while_the_run_goes_on() {
    let place = Place::new();
    let mut command = place.command(["ingest", "-", "--db", "d", "--tags", "request"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut text = "time,request,v\n".to_owned();
    for row in 0..5_000 {
        let request = if row < 2_000 { 0 } else { row };
        writeln!(text, "2024-01-01 {:02}:{:02}:{:02},r{request},1", row / 3_600, row / 60 % 60, row % 60).unwrap();
    }
    input.write_all(text.as_bytes()).unwrap();
    input.flush().unwrap();
    // The pipe stays open until the warning has come.
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("nearly a value per row") {
        assert!(std::io::BufRead::read_line(&mut lines, &mut said).unwrap() > 0, "{said}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_run_without_a_value_is_no_success() {
    let place = Place::new();
    place.file("f.csv", "time,v,w\n2024-01-01,,1\n2024-01-02,NA,2\n");
    for options in ["--values v", "--values v --skip-bad", "--types v=u64 --values v"] {
        let ended = place.run(&format!("ingest f.csv --db d {options}"));
        assert_eq!(ended.code, Some(1), "{}{}", ended.out, ended.err);
        assert!(ended.err.contains("no row has a value") && ended.err.contains("read from v"), "{}", ended.err);
        assert!(!place.path("d").exists());
    }
    // Of several named columns the empty one is noted.
    let said = notes(&place, "--values v,w");
    assert!(said.contains("no value was read from v:"), "{said}");
    place.file("f.json", "{\"time\":\"2024-01-01\",\"v\":null,\"w\":1}\n");
    assert_eq!(place.run("ingest f.json --db e --values v").code, Some(1));
}

#[test]
fn every_option_of_the_documentation_is_one_of_the_tool() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ingest.md");
    let text = std::fs::read_to_string(path).unwrap();
    let place = Place::new();
    let help = ["ingest --help", "export --help"].map(|command| place.run(command).ok()).concat();
    let mut count = 0;
    for part in text.split("`--").skip(1) {
        let option: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        assert!(help.contains(&format!("--{option}")), "--{option}");
        count += 1;
    }
    assert!(count > 30, "{count} options");
    for option in help.split("--").skip(1) {
        let option: String = option.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        let is_documented = text.contains(&format!("--{option}")) || matches!(option.as_str(), "help" | "db");
        assert!(option.is_empty() || is_documented, "--{option} is not in docs/ingest.md");
    }
}

#[test]
fn an_hour_that_comes_twice_goes_on_in_the_next_file() {
    let place = Place::new();
    place.file("a.csv", "time,v\n2024-10-27 01:30,0\n2024-10-27 02:00,1\n2024-10-27 02:30,2\n");
    place.file("b.csv", "time,v\n2024-10-27 02:00,3\n2024-10-27 02:30,4\n2024-10-27 03:00,5\n");
    let ended = place.run("ingest a.csv b.csv --db d --time-zone Europe/Berlin");
    assert!(ended.code == Some(0) && !ended.err.contains("fell on a time"), "{}", ended.err);
    let times: Vec<String> = place.points("--db d v").into_iter().map(|[_, time, value]| time + &value).collect();
    let hours = ["6T23:30", "7T00:00", "7T00:30", "7T01:00", "7T01:30", "7T02:00"];
    let expected = hours.iter().enumerate().map(|(value, time)| format!("2024-10-2{time}:00Z{value}"));
    assert_eq!(times, expected.collect::<Vec<_>>());
    assert!(place.run("sniff a.csv b.csv --time-zone Europe/Berlin").ok().contains("v 2024-10-27T01:00:00Z 3"));
}
