//! Tables, CSV and JSON. Output has no colour where colour is not wanted, and a reader that closes early is not an
//! error.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::Place;

fn place() -> Place {
    let place = Place::new();
    let mut text = "t,x,n\n".to_owned();
    for row in 0..20_000 {
        writeln!(text, "{row},{}.25,{row}", row % 100).unwrap();
    }
    place.file("f.csv", text);
    place.run("ingest f.csv --db d --time t --time-format s --types n=i64").ok();
    place
}

#[test]
fn a_table_that_is_no_terminal_is_whole_and_plain() {
    let place = place();
    let table = place.run("query x --db d").ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 20_002);
    assert_eq!(lines[0], "series  time                  value");
    assert_eq!(lines[2], "x       1970-01-01T00:00:00Z   0.25");
    assert!(!table.contains('\u{1b}'));
}

#[test]
fn colour_is_left_out_on_request_even_if_forced_elsewhere() {
    let place = place();
    let run = |name: &str| {
        let output = place.command(["query", "x", "--db", "d", "--limit", "1"]).env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run("CLICOLOR_FORCE").contains('\u{1b}'));
    assert!(!run("NO_COLOR").contains('\u{1b}'));
}

#[test]
fn json_is_a_line_a_point() {
    let place = place();
    let out = place.run("query n --db d --format json --limit 2").ok();
    assert_eq!(
        out,
        "{\"series\":\"n\",\"metric\":\"n\",\"tags\":{},\"time\":\"1970-01-01T00:00:00Z\",\"value\":0}\n\
         {\"series\":\"n\",\"metric\":\"n\",\"tags\":{},\"time\":\"1970-01-01T00:00:01Z\",\"value\":1}\n"
    );
    assert_eq!(
        place.run("series n --db d --format json").ok(),
        "{\"series\":\"n\",\"metric\":\"n\",\"tags\":{},\"type\":\"i64\"}\n"
    );
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = place();
    for words in
        [&["query", "{}", "--db", "d", "--format", "csv"][..], &["query", "{}", "--db", "d"], &["completions", "zsh"]]
    {
        let mut command = place.command(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{words:?}: {ended:?}");
    }
}

#[test]
fn completions_name_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&format!("completions {shell}")).ok();
        for word in ["values-except", "group-by", "stddev", "explain"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

/// Runs the program as the script of bash does when the last of some words is to be completed.
fn completed(place: &Place, words: &[&str]) -> Vec<String> {
    let mut command = place.command(["--", "timestrata"].iter().chain(words));
    let index = words.len().to_string();
    for (name, value) in [
        ("COMPLETE", "bash"),
        ("_CLAP_COMPLETE_INDEX", index.as_str()),
        ("_CLAP_COMPLETE_COMP_TYPE", "9"),
        ("_CLAP_COMPLETE_SPACE", "false"),
        ("_CLAP_IFS", "\n"),
    ] {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn completions_name_metrics_tags_and_values_of_the_database() {
    let place = Place::new();
    place.file("f.csv", "t,host,load,heat\n1,alpha,1,2\n2,beta,1,2\n");
    place.run("ingest f.csv --db d --time t --time-format s --tags host").ok();
    let complete = |words: &[&str]| completed(&place, words);
    assert_eq!(complete(&["query", "--db", "d", "lo"]), ["load"]);
    assert_eq!(complete(&["series", "--db=d", "load{ho"]), ["load{host"]);
    assert_eq!(complete(&["export", "--db", "d", "load{host=\"b"]), ["load{host=\"beta"]);
    assert_eq!(complete(&["promql", "--db", "d", "sum by (host) (rate(h"]), ["sum by (host) (rate(heat"]);
    assert_eq!(complete(&["promql", "--db", "d", "'sum by (h"]), ["sum by (host"]);
    assert!(complete(&["promql", "--db", "nothing", "lo"]).is_empty());
    assert!(complete(&["promql", "--exp"]).contains(&"--experimental".to_owned()));
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&format!("completions {shell} --names")).ok();
        assert!(script.contains("COMPLETE=") || script.contains("_CLAP"), "{shell}: {script}");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let place = Place::new();
    let help = place.run("--help").ok();
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
    assert!(place.run("ingest --help").ok().contains("doubles its points"));
    let query = place.run("query --help").ok();
    for example in
        ["--every 1d", "--agg min,mean,p95,max", "--group-by region,host --fill previous --top 5 --by max", "--plot"]
    {
        assert!(query.contains(example), "{example}: {query}");
    }
    assert_eq!(place.run("nonsense").code, Some(2));
    assert_eq!(place.run("query x --db d --every 0s").code, Some(2));
}
