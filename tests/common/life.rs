//! What a child does with its database, step by step and the same each time, so that its system calls can be counted.
//! It tells of each batch and each failure, and holds its own reader to what was acknowledged; it knows nothing of faults.

use std::path::Path;
use std::time::Duration;

use timestrata::{Builder, Db, Durability, Result};

use super::pause;
use super::processes::{ending, found, numbered};
use super::strace::Parent;

/// Faults never outlast so many openings.
const OPENINGS: usize = 3;

/// The threads whose calls a parent can reach: the child's own, and the engine's by their names.
pub(crate) const THREADS: [&str; 3] = ["main", "timestrata-writer", "timestrata-flusher"];

pub(crate) fn options(path: &Path) -> Builder {
    // The smallest segments, so that there are rotations; memtables are frozen where a life says so.
    Db::builder(path).wal_segment_bytes(4 << 10)
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Write(i64, Durability),
    Sync,
    Flush,
    /// Long enough for the writer to leave its mark.
    Idle,
}

const OS: Durability = Durability::Os;
const SYNC: Durability = Durability::Sync;
const INTERVAL: Durability = Durability::Interval(Duration::from_hours(1));

/// Each life by its name. Batches whose numbers end with a 7 fill a segment, and each batch makes a series.
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

/// Leads the life that the orders name: path, socket, life, and the thread that the parent means, with bars between.
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
    if db.open_report().forgiven.is_some() {
        parent.say("forgiven");
    }
    if !is_main {
        parent.be_attached_to(Some(thread));
    }
    live(&mut parent, db, steps);
    parent.say("end");
}

/// A failed opening leaves nothing behind that keeps the next one out.
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
