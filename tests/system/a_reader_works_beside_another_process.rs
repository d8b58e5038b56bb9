//! Read-only openings by other processes: beside a writer that is killed at random moments, as another user, in a
//! directory that cannot be written, and on a disk that is mounted read-only or full.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use timestrata::testing::SeededRng;
use timestrata::{Db, DbBuilder, DbReader, Durability, Error};

use crate::child::{child, child_of, value_from_parent};
use crate::common::{Home, contents};
use crate::processes::{ending, found, found_in, heard, numbered, say};

/// The tests of this module that child processes run.
const WRITER: &str = "a_reader_works_beside_another_process::a_child_writes_and_is_killed";
const READER: &str = "a_reader_works_beside_another_process::a_child_reads";
/// Number of writers that are killed, one after the other, beside one reader.
const LIVES: i64 = 12;
const PATIENCE: Duration = Duration::from_secs(30);
/// Mounts a directory again, read-only, in a namespace of the child.
const MOUNT_READ_ONLY: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@""#;

fn options(path: &Path) -> DbBuilder {
    // Small sizes, so that freezes, flushes, compactions and rotations occur all the time.
    Db::builder(path).flush_at_bytes(24 << 10).wal_segment_bytes(8 << 10)
}

fn tell(line: &str) {
    say(std::io::stdout().lock(), line);
}

/// Writes batches of all durabilities, with flushes and compactions between them, until it is killed.
#[test]
fn a_child_writes_and_is_killed() {
    let Some(told) = value_from_parent() else { return };
    let (path, life) = told.split_once('|').unwrap();
    let db = options(Path::new(path)).open_blocking().unwrap();
    for number in life.parse::<i64>().unwrap() * 10_000.. {
        tell(&format!("begin {number}"));
        let durability = if number % 2 == 0 { Durability::Sync } else { Durability::Os };
        let outcome = db.write_with_blocking(numbered(number), durability);
        tell(&ending(number, &outcome));
        match number % 60 {
            29 => db.flush_blocking().unwrap(),
            59 => db.compact_blocking().unwrap(),
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    refreshes: u64,
    changed: u64,
    overtaken: u64,
    shown: usize,
}

/// A reader of this process. What it shows never goes back.
struct Follower {
    reader: DbReader,
    shown: BTreeSet<i64>,
    counts: Counts,
}

impl Follower {
    fn refresh(&mut self) {
        let report = self.reader.refresh_blocking().unwrap();
        self.counts.refreshes += 1;
        self.counts.overtaken += u64::from(report.attempts > 1);
        if report.changed {
            self.counts.changed += 1;
            let shown = found_in(&self.reader.snapshot()).unwrap();
            let lost: Vec<_> = self.shown.difference(&shown).collect();
            assert!(lost.is_empty(), "{lost:?} were shown before");
            self.shown = shown;
        }
    }
}

#[test]
fn beside_a_writer_that_is_killed_again_and_again() {
    let home = Home::in_memory();
    options(&home.path()).open_blocking().unwrap().close_blocking().unwrap();
    let reader = Db::builder(home.path()).read_only().open_blocking().unwrap();
    let mut follower = Follower { reader, shown: BTreeSet::new(), counts: Counts::default() };
    let mut numbers = SeededRng::new(7);
    for life in 0..LIVES {
        let mut command = child(WRITER, &format!("{}|{life}", home.path().display()));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = heard(child.stdout.take().unwrap());
        let (mut begun, mut acknowledged) = (0, 0);
        let batches = 20 + numbers.below(400);
        while acknowledged < batches {
            follower.refresh();
            while let Ok(line) = lines.try_recv() {
                begun += u64::from(line.starts_with("begin"));
                acknowledged += u64::from(line.starts_with("ack"));
            }
            if begun == 0 {
                let line = lines.recv_timeout(PATIENCE).unwrap();
                begun += u64::from(line.starts_with("begin"));
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        follower.refresh();
        follower.refresh();
        if life % 3 == 2 {
            // What the reader showed is there for a writer, too.
            let db = options(&home.path()).open_blocking().unwrap();
            let kept = found(&db).unwrap();
            assert!(follower.shown.is_subset(&kept), "{:?}", follower.shown.difference(&kept).collect::<Vec<_>>());
            db.close_blocking().unwrap();
            follower.refresh();
            assert_eq!(follower.shown, kept);
        }
    }
    let Follower { shown, mut counts, .. } = follower;
    counts.shown = shown.len();
    println!("{counts:?}");
    // Each life writes at least one batch that the reader is shown.
    assert!(counts.changed >= LIVES.unsigned_abs() && counts.shown > 500, "{counts:?}");
}

/// Reads a database, and prints how many batches it shows.
#[test]
fn a_child_reads() {
    let Some(path) = value_from_parent() else { return };
    let opened = Db::builder(&path).read_only().open_blocking();
    let reader = opened.unwrap_or_else(|error| panic!("{error}"));
    reader.refresh_blocking().unwrap();
    // Where only reading is allowed, a writer is refused.
    let written = Db::builder(&path).open_blocking();
    let refusal = matches!(written, Err(Error::Io { .. } | Error::Locked { .. }));
    tell(&format!("shows {} batches, writes: {}", found_in(&reader.snapshot()).unwrap().len(), !refusal));
}

/// Creates a database with batches in files and in the log.
fn written(path: &Path) {
    let db = options(path).open_blocking().unwrap();
    for number in 0..20 {
        db.write_with_blocking(numbered(number), Durability::Sync).unwrap();
    }
    db.close_blocking().unwrap();
}

fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// The directory and its files allow only reading, to a user who does not own them.
#[test]
fn as_another_user() {
    let home = Home::new();
    written(&home.path());
    let before = contents(&home.path());
    let allow = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    allow(home.path().parent().unwrap(), 0o755);
    allow(&home.path(), 0o555);
    for name in before.keys() {
        allow(&home.path().join(name), 0o444);
    }
    let mut command = child(READER, home.path().to_str().unwrap());
    if is_root() {
        // The test binary must be readable for that user: it is copied to a place that is.
        let copy = home.beside("test");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        allow(&copy, 0o755);
        command = Command::new(copy);
        command.args(["--exact", READER, "--nocapture", "--test-threads=1"]);
        command.env("TIMESTRATA_TEST_CHILD", home.path()).current_dir("/").uid(65_534).gid(65_534);
    }
    let said = run(command);
    assert!(said.contains("shows 20 batches, writes: false"), "{said}");
    assert_eq!(contents(&home.path()), before);
    allow(&home.path(), 0o755);
}

#[test]
fn on_a_disk_that_is_mounted_read_only() {
    let home = Home::in_memory();
    written(&home.path());
    let before = contents(&home.path());
    let mut hows = [vec!["-rm"], vec!["-m"]].into_iter();
    let works = |how: &Vec<&str>| {
        let mut command = Command::new("unshare");
        command.args(how).args(["sh", "-c", MOUNT_READ_ONLY]).arg(home.path()).arg("true");
        command.output().is_ok_and(|output| output.status.success())
    };
    let Some(how) = hows.find(works) else {
        println!("skipped: nothing can be mounted here (unshare and a bind mount were tried)");
        return;
    };
    let mut starter = Command::new("unshare");
    starter.args(how).args(["sh", "-c", MOUNT_READ_ONLY]).arg(home.path());
    let said = run(child_of(starter, READER, home.path().to_str().unwrap()));
    assert!(said.contains("shows 20 batches, writes: false"), "{said}");
    assert_eq!(contents(&home.path()), before);
}

/// A reader in another process sees the writer of this one.
#[test]
fn in_another_process_than_the_writer() {
    let home = Home::new();
    written(&home.path());
    let db = options(&home.path()).open_blocking().unwrap();
    db.write_with_blocking(numbered(20), Durability::Sync).unwrap();
    let begun = Instant::now();
    loop {
        let said = run(child(READER, home.path().to_str().unwrap()));
        assert!(said.contains("writes: false"), "{said}");
        if said.contains("shows 21 batches") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{said}");
    }
    db.close_blocking().unwrap();
}
