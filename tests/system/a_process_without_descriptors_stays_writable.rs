//! A child process that may have few descriptors uses them up, all but none or one, before each step: writes, flushes,
//! compactions, a backup, the close. Steps may fail, but no write gets an unknown outcome, the database is never
//! read-only, and once there are descriptors again every step succeeds.

use std::fs::File;
use std::process::Command;

use timestrata::{Db, Error, Result};

use crate::child::{child_of, value_from_parent};
use crate::common::Home;
use crate::processes::{found, numbered};

/// The test of this module that a child process runs.
const CHILD: &str = "a_process_without_descriptors_stays_writable::a_child_runs_out_of_descriptors";
/// Sets the limit of the child, then becomes the child.
const LIMIT: &str = r#"ulimit -n 96 && exec "$0" "$@""#;

/// Opens files until no descriptor is left, and closes `free` of them again.
fn use_up(free: usize) -> Vec<File> {
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
        assert!(files.len() < 1 << 10, "the limit was not set");
    }
    files.truncate(files.len() - free);
    files
}

/// Runs a step without descriptors, then with. Returns `true` if it failed without.
fn step(what: &str, free: usize, mut act: impl FnMut() -> Result<()>) -> bool {
    let held = use_up(free);
    let without = act();
    drop(held);
    if let Err(error) = &without {
        let cause = if let Error::WriteFailed { cause, .. } = error { cause } else { error };
        assert!(matches!(cause, Error::OutOfResources { .. }), "{what} with {free} descriptors: {error}");
        // A flush that failed meanwhile may answer the first attempt.
        let again = act().or_else(|_| act());
        again.unwrap_or_else(|error| panic!("{what} with descriptors again: {error}"));
    }
    without.is_err()
}

fn life(home: &Home, free: usize) -> usize {
    let path = home.beside(&format!("db{free}"));
    let db = Db::builder(&path).wal_segment_bytes(4 << 10).open_blocking().unwrap();
    let (mut number, mut acknowledged, mut failed) = (0, Vec::new(), 0);
    for round in 0..4 {
        for _ in 0..4 {
            failed += usize::from(step("a write", free, || {
                number += 1;
                db.write_blocking(numbered(number)).map(|_| acknowledged.push(number))
            }));
        }
        failed += usize::from(step("a flush", free, || db.flush_blocking()));
        if round == 2 {
            failed += usize::from(step("a compaction", free, || db.compact_blocking()));
        }
    }
    let backup = home.beside(&format!("backup{free}"));
    failed += usize::from(step("a backup", free, || db.backup_blocking(&backup).map(drop)));
    let held = use_up(free);
    let closed = db.close_blocking();
    drop(held);
    if let Err(error) = closed {
        assert!(matches!(error, Error::OutOfResources { .. }), "the close with {free} descriptors: {error}");
        failed += 1;
    }
    for path in [&path, &backup] {
        let db = Db::open_blocking(path).unwrap();
        assert_eq!(found(&db).unwrap(), acknowledged.iter().copied().collect());
    }
    failed
}

#[test]
fn a_child_runs_out_of_descriptors() {
    if value_from_parent().is_none() {
        return;
    }
    let home = Home::new();
    let failed: Vec<usize> = [0, 1, 2].into_iter().map(|free| life(&home, free)).collect();
    println!("\nsteps that failed with 0, 1 and 2 descriptors: {failed:?}");
    assert!(failed[0] > 0, "the lack of descriptors was never met");
}

#[test]
fn a_process_without_descriptors_stays_writable() {
    let mut starter = Command::new("sh");
    starter.args(["-c", LIMIT]);
    let output = child_of(starter, CHILD, "-").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    println!("{told}");
    assert!(told.contains("steps that failed"), "{told}");
}
