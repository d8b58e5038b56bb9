//! The directory of a running process is moved, replaced by another database, replaced by an older copy of itself, or
//! removed. The process acknowledges nothing that its path does not lead to, and changes no other directory.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use timestrata::{Db, Durability};

use crate::child::{child, value_from_parent};
use crate::common::{Home, contents, copy_dir};
use crate::processes::{ending, found, heard, numbered, say};

/// The test of this module that a child process runs.
const CHILD: &str = "a_moved_directory_takes_no_write::a_child_writes_before_and_after";

/// Upper bound of every wait.
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes one batch, waits for a line of the parent, and continues as if nothing had happened.
#[test]
fn a_child_writes_before_and_after() {
    let Some(path) = value_from_parent() else { return };
    let db = Db::builder(path).wal_segment_bytes(4 << 10).open_blocking().unwrap();
    say(std::io::stdout(), &ending(1, &db.write_blocking(numbered(1))));
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    for number in 2..8 {
        let durability = if number % 2 == 0 { Durability::Sync } else { Durability::Os };
        say(std::io::stdout(), &ending(number, &db.write_with_blocking(numbered(number), durability)));
    }
    let outcome = |what: &str, outcome: timestrata::Result<()>| match outcome {
        Ok(()) => format!("{what} succeeded"),
        Err(error) => format!("{what} failed: {error}"),
    };
    say(std::io::stdout(), &outcome("flush", db.flush_blocking()));
    say(std::io::stdout(), &outcome("compact", db.compact_blocking()));
    say(std::io::stdout(), &format!("found {:?}", found(&db).unwrap()));
    say(std::io::stdout(), &outcome("close", db.close_blocking()));
}

/// Runs the child on `db` and changes the directories after its first batch. Returns the later lines.
fn lines_after(home: &Home, change: impl FnOnce()) -> Vec<String> {
    let mut command = child(CHILD, home.path().to_str().unwrap());
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = heard(running.stdout.take().unwrap());
    while lines.recv_timeout(PATIENCE).unwrap() != "ack 1" {}
    change();
    running.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut later = Vec::new();
    while later.last().is_none_or(|line: &String| !line.starts_with("close")) {
        later.push(lines.recv_timeout(PATIENCE).unwrap());
    }
    running.wait().unwrap();
    later
}

fn assert_refused(lines: &[String]) {
    for number in 2..8 {
        let start = format!("refused {number} ");
        let told = lines.iter().any(|line| line.starts_with(&start) && line.contains("was moved or replaced"));
        assert!(told, "write {number} is not refused: {lines:#?}");
    }
    for what in ["flush", "compact", "close"] {
        let told = lines.iter().any(|line| line.starts_with(&format!("{what} failed")) && line.contains("was moved"));
        assert!(told, "{what} does not fail: {lines:#?}");
    }
    assert!(lines.contains(&"found {1}".to_owned()), "reads continue: {lines:#?}");
}

fn assert_holds_the_first_batch(dir: &Path) {
    let db = Db::open_blocking(dir).unwrap();
    assert_eq!(found(&db).unwrap(), [1].into(), "{}", dir.display());
    db.close_blocking().unwrap();
    assert_eq!(timestrata::verify(dir).unwrap().findings, []);
}

#[test]
fn a_moved_directory_takes_no_write() {
    let home = Home::new();
    let moved = home.beside("moved");
    assert_refused(&lines_after(&home, || std::fs::rename(home.path(), &moved).unwrap()));
    assert!(!home.path().exists(), "nothing was created at the old path");
    assert_holds_the_first_batch(&moved);
}

#[test]
fn a_removed_directory_takes_no_write() {
    let home = Home::new();
    assert_refused(&lines_after(&home, || std::fs::remove_dir_all(home.path()).unwrap()));
    assert!(!home.path().exists(), "nothing was created at the old path");
}

#[test]
fn a_database_in_place_of_another_is_not_touched() {
    let home = Home::new();
    let (moved, other) = (home.beside("moved"), home.beside("other"));
    let db = Db::open_blocking(&other).unwrap();
    db.write_blocking(numbered(99)).unwrap();
    db.close_blocking().unwrap();
    let before = contents(&other);
    let swap = || {
        std::fs::rename(home.path(), &moved).unwrap();
        std::fs::rename(&other, home.path()).unwrap();
    };
    assert_refused(&lines_after(&home, swap));
    assert_eq!(contents(&home.path()), before);
    assert_eq!(found(&Db::open_blocking(home.path()).unwrap()).unwrap(), [99].into());
    assert_holds_the_first_batch(&moved);
}

/// An operator restores an older copy while the process is running.
#[test]
fn a_restored_copy_is_not_touched() {
    let home = Home::new();
    let (moved, copy) = (home.beside("moved"), home.beside("copy"));
    let db = Db::open_blocking(home.path()).unwrap();
    db.write_blocking(numbered(0)).unwrap();
    db.close_blocking().unwrap();
    copy_dir(&home.path(), &copy);
    let before = contents(&copy);
    let restore = || {
        std::fs::rename(home.path(), &moved).unwrap();
        std::fs::rename(&copy, home.path()).unwrap();
    };
    let lines = lines_after(&home, restore);
    assert!(lines.iter().any(|line| line.starts_with("refused 2 ")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("ack")), "{lines:#?}");
    assert_eq!(contents(&home.path()), before);
    assert_eq!(found(&Db::open_blocking(home.path()).unwrap()).unwrap(), [0].into());
    assert_eq!(found(&Db::open_blocking(&moved).unwrap()).unwrap(), [0, 1].into());
}

/// A directory that is back at its path before the next write is the same directory: nothing happened.
#[test]
fn a_directory_that_is_back_before_the_next_write_is_in_use() {
    let home = Home::new();
    let moved = home.beside("moved");
    let there_and_back = || {
        std::fs::rename(home.path(), &moved).unwrap();
        std::fs::rename(&moved, home.path()).unwrap();
    };
    let lines = lines_after(&home, there_and_back);
    assert!((2..8).all(|number| lines.contains(&format!("ack {number}"))), "{lines:#?}");
    assert!(lines.contains(&"close succeeded".to_owned()), "{lines:#?}");
    assert_eq!(found(&Db::open_blocking(home.path()).unwrap()).unwrap(), (1..8).collect());
}
