//! The program of a child: the same operations on its database in every run, so that its system calls can be counted.
//! It prints each batch and each failure, and checks its own reads against the acknowledged batches. It does not depend
//! on the faults.

use std::path::Path;
use std::time::Duration;

use timestrata::{Db, DbBuilder, Durability, Result};

use crate::processes::{ending, found, numbered, pause};
use crate::strace::Parent;

/// Upper bound of the openings in sequence: faults end earlier.
const OPENINGS: usize = 3;

/// The threads whose calls the parent can trace: the main thread of the child, and the engine's threads by name.
pub(crate) const THREADS: [&str; 3] = ["main", "timestrata-writer", "timestrata-flusher"];

pub(crate) fn options(path: &Path) -> DbBuilder {
    // The smallest segments, so that rotations occur. Memtables are frozen where a step says so.
    Db::builder(path).wal_segment_bytes(4 << 10)
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Write(i64, Durability),
    Sync,
    Flush,
    /// Waits long enough for the writer to append its sync mark.
    Idle,
}

const OS: Durability = Durability::Os;
const SYNC: Durability = Durability::Sync;
const INTERVAL: Durability = Durability::Interval(Duration::from_hours(1));

/// The programs by name. A batch whose number ends with 7 fills a segment, and each batch creates a series.
const LIVES: [(&str, &[Step]); 4] = [
    (
        "long",
        &[
            Step::Write(1, SYNC),
            Step::Write(2, OS),
            Step::Write(7, INTERVAL),
            Step::Write(8, SYNC),
            Step::Write(17, OS),
            Step::Write(18, OS),
            Step::Sync,
            Step::Flush,
            Step::Write(19, INTERVAL),
            Step::Write(27, SYNC),
            Step::Write(28, OS),
            Step::Flush,
            Step::Write(29, OS),
            Step::Write(30, SYNC),
        ],
    ),
    ("short", &[Step::Write(31, SYNC), Step::Write(37, OS), Step::Write(38, INTERVAL)]),
    ("quiet", &[Step::Write(41, SYNC), Step::Idle, Step::Write(42, SYNC)]),
    ("again", &[Step::Write(45, OS), Step::Write(47, SYNC), Step::Write(48, INTERVAL)]),
];

/// Runs the program that `orders` names: path, socket, program, and the thread that the parent traces, separated by
/// bars.
pub(crate) fn lead(orders: &str) {
    let [path, socket, life, thread] = orders.split('|').collect::<Vec<_>>()[..] else { panic!("{orders}") };
    let (_, steps) = LIVES.iter().find(|(name, _)| *name == life).unwrap();
    let mut parent = Parent::call(socket);
    parent.say(&format!("process {}", std::process::id()));
    let is_main = thread == THREADS[0];
    if is_main {
        parent.be_attached_to(None);
    }
    let db = open(&mut parent, Path::new(path));
    if db.open_report().torn_tail.is_some() {
        parent.say("forgiven");
    }
    if !is_main {
        parent.be_attached_to(Some(thread));
    }
    live(&mut parent, db, steps);
    parent.say("end");
}

/// Opens the database. A failed opening must not leave anything behind that makes the next one fail.
fn open(parent: &mut Parent, path: &Path) -> Db {
    for _ in 0..OPENINGS {
        match options(path).open_blocking() {
            Ok(db) => return db,
            Err(error) => parent.say(&format!("failed opening: {error}")),
        }
    }
    panic!("{OPENINGS} openings failed");
}

fn live(parent: &mut Parent, db: Db, steps: &[Step]) {
    let mut visible = found(&db);
    for step in steps {
        match *step {
            Step::Write(number, durability) => {
                parent.say(&format!("begin {number}"));
                let outcome = db.write_with_blocking(numbered(number), durability);
                parent.say(&ending(number, &outcome));
                if let (Ok(visible), true) = (&mut visible, outcome.is_ok()) {
                    visible.insert(number);
                }
            }
            Step::Sync => tell_failure(parent, "sync", db.sync_blocking()),
            Step::Flush => tell_failure(parent, "flush", db.flush_blocking()),
            Step::Idle => pause(Duration::from_millis(150)),
        }
    }
    match (found(&db), visible) {
        (Ok(now), Ok(expected)) => assert_eq!(now, expected, "a reader sees what was acknowledged and nothing else"),
        (Err(error), _) | (_, Err(error)) => tell_failure(parent, "scan", Err(error)),
    }
    tell_failure(parent, "close", db.close_blocking());
}

fn tell_failure(parent: &mut Parent, what: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        parent.say(&format!("failed {what}: {error}"));
    }
}
