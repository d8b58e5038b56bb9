//! A small run of every engine of the default build: each answers each measure, and no answer is wrong.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::path::Path;
use std::process::{Command, Output};

fn run(dir: &Path, arguments: &[&str]) -> Output {
    // Not the interpreter of the machine: whether it has DuckDB is no matter of this test.
    let fixed = ["--points", "20000", "--rounds", "1", "--seconds", "0.05", "--timeout", "120", "--python", "/none"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_timestrata-peers"));
    command.args(fixed).arg("--dir").arg(dir).args(arguments).output().unwrap()
}

#[test]
fn every_engine_of_the_default_build_answers_every_measure() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.md");
    let mut arguments = vec!["--out", page.to_str().unwrap()];
    for engine in ["timestrata", "fjall", "redb", "sqlite", "tsink", "duckdb"] {
        arguments.extend(["--only", engine]);
    }
    let output = run(dir.path(), &arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(!text.contains("wrong") && !text.contains("failed"), "{text}\n{errors}");
    assert!(text.contains("### 1,000 series x 20 points") && text.contains("### 200 series x 100 points"), "{text}");
    assert!(text.contains("DuckDB: not installed: `pip install duckdb numpy`"), "{text}");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && !line.contains("measure")).collect();
    assert_eq!(rows.len(), 19 + 10, "{text}");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "{row}");
        let has_number = |cell: &&str| cell.starts_with(|c: char| c.is_ascii_digit());
        assert!(cells[1..6].iter().all(has_number), "{row}");
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["page.md"], "the databases are removed");
}

#[test]
fn an_engine_that_is_ended_has_the_timeout_in_every_cell() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["--only", "SQLite", "--shape", "long", "--timeout", "0.001"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(text.contains("| its close, ms | failed: timeout after 0.001 s |"), "{text}");
    assert!(text.contains("| open, ms | failed: no data |"), "{text}");
}

#[test]
fn help_names_every_option_and_an_unknown_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let help = run(dir.path(), &["--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("--durable-points N"));
    let refused = run(dir.path(), &["--fast", "1"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--fast: no such option"));
}
