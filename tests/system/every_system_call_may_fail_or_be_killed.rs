//! Runs a small process under strace. One system call on the database at a time is failed with EIO or ENOSPC, or the
//! process is killed at it: acknowledged batches are present once, refused ones are absent, nothing panics or hangs,
//! and the directory opens. Repeats this with directories that a kill left, so that recovery is interrupted and failed
//! as well.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use timestrata::verify;

use crate::child::value_from_parent;
use crate::common::{Home, contents, copy_dir, names};
use crate::life::{THREADS, lead, options};
use crate::processes::{Told, found, numbered};
use crate::strace::{Call, Fault, Run, missing, run};
use timestrata::testing::SeededRng;

/// The test of this module that a child process runs.
const CHILD: &str = "every_system_call_may_fail_or_be_killed::a_child_lives_its_life";
/// Environment variable: the number of random pairs of faults to try in addition, or `all`.
const PAIRS: &str = "TIMESTRATA_STRACE_PAIRS";
/// Number of children that run at the same time.
const WORKERS: usize = 2;

#[test]
fn a_child_lives_its_life() {
    if let Some(told) = value_from_parent() {
        lead(&told);
    }
}

/// Initial state of a child.
#[derive(Debug, Clone)]
struct Start {
    name: &'static str,
    life: &'static str,
    /// `None`: no directory exists yet.
    directory: Option<PathBuf>,
    told: Told,
}

/// One fault at one call of one thread of a run.
#[derive(Debug, Clone)]
struct Point<'a> {
    start: &'a Start,
    thread: &'static str,
    call: Call,
    fault: Fault,
}

/// A directory in which one child at a time runs.
struct Room {
    home: Home,
    lives: usize,
}

impl Room {
    fn new() -> Self {
        Self { home: Home::in_memory(), lives: 0 }
    }

    /// Copies the initial directory of a run to this place.
    fn furnish(&mut self, start: &Start) {
        drop(std::fs::remove_dir_all(self.home.path()));
        if let Some(directory) = &start.directory {
            copy_dir(directory, &self.home.path());
        }
    }

    fn run(&mut self, life: &str, thread: &str, faults: &[(Call, Fault)], told: &mut Told) -> Run {
        self.lives += 1;
        let socket = self.home.beside("socket");
        let orders = format!("{}|{}|{life}|{thread}", self.home.path().display(), socket.display());
        let run = run(CHILD, &orders, &socket, faults);
        for line in &run.said {
            told.hear(line);
        }
        run
    }

    /// Returns the calls of a thread on the database in a run without faults.
    fn calls(&mut self, start: &Start, thread: &str) -> Vec<Call> {
        self.furnish(start);
        let mut told = start.told.clone();
        let run = self.run(start.life, thread, &[], &mut told);
        assert!(run.complaints.is_empty(), "{run:#?}");
        let failed: Vec<&String> = run.said.iter().filter(|line| line.starts_with("failed")).collect();
        assert!(failed.is_empty() && run.said.last().unwrap() == "end", "{run:#?}");
        assert_eq!(run.said.contains(&"forgiven".to_owned()), start.name.contains("torn"), "{run:#?}");
        self.settle(&told, &format!("{} undisturbed", start.name));
        let here = self.home.beside("").to_str().unwrap().trim_end_matches('/').to_owned();
        run.calls.into_iter().filter(|call| call.line.contains(&here)).collect()
    }

    /// Opens the directory that a child left, and checks that every promise holds and that the database is usable.
    fn settle(&self, told: &Told, after: &str) {
        let path = self.home.path();
        let db = options(&path).open_blocking().unwrap_or_else(|error| panic!("{after}: {error}"));
        assert_eq!(db.open_report().unknown, Vec::<String>::new(), "{after}");
        assert_eq!(told.broken_by(&found(&db).unwrap()), None, "{after}");
        db.write_blocking(numbered(900)).unwrap_or_else(|error| panic!("{after}: {error}"));
        db.close_blocking().unwrap_or_else(|error| panic!("{after}: {error}"));
        let findings = verify(&path).unwrap().findings;
        assert!(findings.is_empty(), "{after}: {findings:?}");
    }
}

/// Checks the behaviour of a child under faults: it does not panic, every failure names a fault, and the child reaches
/// its end unless it was killed.
fn check_bearing(run: &Run, faults: &[(Call, Fault)], of: &str) {
    assert!(!run.complaints.iter().any(|line| line.contains("panicked")), "{of}: {run:#?}");
    assert!(run.killed || run.said.last().is_some_and(|line| line == "end"), "{of}: it did not end: {run:#?}");
    let named: Vec<&str> = faults.iter().filter_map(|(_, fault)| fault.text()).collect();
    for line in &run.said {
        let failed = ["failed", "refused", "unknown"].iter().any(|word| line.starts_with(word));
        assert!(!failed || named.iter().any(|text| line.contains(text)), "{of}: what does this say? {line}");
    }
}

/// Counts the outcomes of the points.
#[derive(Debug, Default)]
struct Counts {
    points: BTreeMap<Fault, usize>,
    refused: usize,
    unknown: usize,
    failed_openings: usize,
    failed_scans: usize,
    failed_flushes: usize,
    failed_closes: usize,
    unharmed: usize,
}

impl Counts {
    fn add(&mut self, fault: Fault, run: &Run, told: &Told) {
        *self.points.entry(fault).or_default() += 1;
        self.refused += told.refused.len();
        self.unknown += told.unknown.len();
        let failed = |what: &str| usize::from(run.said.iter().any(|line| line.starts_with(&format!("failed {what}"))));
        self.failed_openings += failed("opening");
        self.failed_scans += failed("scan");
        self.failed_flushes += failed("flush");
        self.failed_closes += failed("close");
        let harmed = !told.refused.is_empty() || !told.unknown.is_empty() || failed("") > 0;
        self.unharmed += usize::from(!harmed && !run.killed);
    }
}

fn try_point(room: &mut Room, point: &Point<'_>, counts: &Mutex<Counts>) {
    let Point { start, thread, call, fault } = point;
    let of = format!("{}, {thread}, {fault:?} at {} {}: {}", start.name, call.kind, call.nth, call.line);
    // Timers may shift the calls of a run, the more so on a busy machine; the same point is then tried again.
    for _ in 0..10 {
        room.furnish(start);
        let mut told = start.told.clone();
        let faults = [(call.clone(), *fault)];
        let run = room.run(start.life, thread, &faults, &mut told);
        check_bearing(&run, &faults, &of);
        room.settle(&told, &of);
        if run.met > 0 {
            return counts.lock().unwrap().add(*fault, &run, &told);
        }
    }
    panic!("{of}: the call was never met again");
}

/// Runs `work` on all items, with two workers that have a room each. A failure of one item does not stop the reports of
/// the other ones.
fn in_two_rooms<T: Sync>(all: &[T], work: impl Fn(&mut Room, &T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut room = Room::new();
                while let Some(item) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut room, item))).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                        room = Room::new();
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "{failed} of {} failed: see above", all.len());
}

/// Leaves the directory of a run that was killed at the last call of a thread that `pick` selects.
fn killed_at(room: &mut Room, start: &Start, thread: &str, pick: impl Fn(&Call) -> bool) -> Told {
    let calls = room.calls(start, thread);
    let call = calls.into_iter().rev().find(|call| pick(call)).expect("there is such a call");
    room.furnish(start);
    let mut told = start.told.clone();
    assert!(room.run(start.life, thread, &[(call, Fault::Kill)], &mut told).killed);
    told
}

/// Appends bytes after the last record of the newest segment, like a torn write.
fn tear(dir: &Path) {
    let newest = names(dir).into_iter().rfind(|name| name.starts_with("wal-")).unwrap();
    let mut bytes = contents(dir)[&newest].clone();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(end);
    bytes.extend([0x5a; 99]);
    std::fs::write(dir.join(newest), bytes).unwrap();
}

/// Returns the initial states: an empty directory; a closed database; a database that was killed between an SST and its
/// edit, with a torn tail; and a database whose recovery from that state was killed before its manifest was in place.
fn starts(kept: &Home) -> Vec<Start> {
    let mut room = Room::new();
    let keep = |room: &Room, name: &'static str, life: &'static str, told: &Told| {
        let directory = kept.beside(name);
        copy_dir(&room.home.path(), &directory);
        Start { name, life, directory: Some(directory), told: told.clone() }
    };
    let empty = Start { name: "empty", life: "long", directory: None, told: Told::default() };
    let mut told = Told::default();
    room.run("long", THREADS[0], &[], &mut told);
    let closed = keep(&room, "closed", "short", &told);
    let quiet = Start { name: "quiet", life: "quiet", ..closed.clone() };

    let is_edit = |call: &Call| call.kind == "pwrite64" && call.line.contains("/manifest>");
    let told = killed_at(&mut room, &empty, THREADS[1], is_edit);
    tear(&room.home.path());
    let torn = keep(&room, "killed-and-torn", "short", &told);

    let is_rename = |call: &Call| call.kind.starts_with("rename") && call.line.contains("manifest.tmp");
    let told = killed_at(&mut room, &torn, THREADS[0], is_rename);
    let twice = keep(&room, "killed-and-torn-twice", "short", &told);
    vec![empty, closed, quiet, torn, twice]
}

/// Returns every call of every thread in every run, with every fault.
fn points(starts: &[Start]) -> Vec<Point<'_>> {
    let mut lives: Vec<(&Start, &'static str)> = Vec::new();
    for start in starts {
        match start.name {
            "empty" => lives.extend(THREADS.map(|thread| (start, thread))),
            "closed" => lives.extend([(start, THREADS[0]), (start, THREADS[1]), (start, THREADS[2])]),
            "quiet" => lives.push((start, THREADS[1])),
            _ => lives.push((start, THREADS[0])),
        }
    }
    let found = Mutex::new(Vec::new());
    in_two_rooms(&lives, |room, (start, thread)| {
        for call in room.calls(start, thread) {
            let point = |fault| Point { start, thread, call: call.clone(), fault };
            found.lock().unwrap().extend(Fault::ALL.map(point));
        }
    });
    found.into_inner().unwrap()
}

/// Injects two faults: in one run if both can occur in one thread of it, otherwise the second one in an opening of the
/// directory that the first run left. Returns the number of faults that occurred; `None` if the two do not form a pair.
fn try_pair(room: &mut Room, first: &Point<'_>, second: &Point<'_>) -> Option<usize> {
    let of = format!("{first:?}, then {second:?}");
    let [one, two] = [first, second].map(|point| (point.call.clone(), point.fault));
    let one_place = (first.start.name, first.thread) == (second.start.name, second.thread);
    // strace supports one injection per kind of call, with one fault.
    let fit = first.call.kind != second.call.kind || (first.fault == second.fault && first.call.nth < second.call.nth);
    let one_life = one_place && fit && first.fault != Fault::Kill;
    let reopens = second.thread == THREADS[0] && second.start.directory.is_some();
    if !one_life && !reopens {
        return None;
    }
    room.furnish(first.start);
    let mut told = first.start.told.clone();
    let met = if one_life {
        let faults = [one, two];
        let run = room.run(first.start.life, first.thread, &faults, &mut told);
        check_bearing(&run, &faults, &of);
        run.met
    } else {
        let lives = [(first.start.life, first.thread, [one]), ("again", second.thread, [two])];
        let met = lives.map(|(life, thread, faults)| {
            let run = room.run(life, thread, &faults, &mut told);
            check_bearing(&run, &faults, &of);
            run.met
        });
        met.iter().sum()
    };
    room.settle(&told, &of);
    Some(met)
}

/// Tries the requested number of pairs, drawn from a printed seed; or all pairs.
fn try_pairs(points: &[Point<'_>], wanted: &str) {
    let begun = Instant::now();
    let all = points.len() * points.len();
    let (tried, met, next) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let seed = std::env::var("TIMESTRATA_SEED").map_or(42, |seed| seed.parse().unwrap());
    let most = if wanted == "all" { usize::MAX } else { wanted.parse().unwrap() };
    let workers: Vec<usize> = (0..WORKERS).collect();
    in_two_rooms(&workers, |room, worker| {
        let mut numbers = SeededRng::new(seed + *worker as u64);
        while tried.load(Ordering::Relaxed) < most {
            let pair = match most {
                usize::MAX => next.fetch_add(1, Ordering::Relaxed),
                _ => usize::try_from(numbers.below(all as u64)).unwrap(),
            };
            if pair >= all {
                break;
            }
            if let Some(faults) = try_pair(room, &points[pair / points.len()], &points[pair % points.len()]) {
                tried.fetch_add(1, Ordering::Relaxed);
                met.fetch_add(usize::from(faults == 2), Ordering::Relaxed);
            }
        }
    });
    let (tried, met) = (tried.into_inner(), met.into_inner());
    println!("seed {seed}: {tried} pairs of faults, {met} with both met, in {:?}", begun.elapsed());
    assert!(met > 0);
}

#[test]
fn every_system_call_may_fail_or_be_killed() {
    if let Some(why) = missing() {
        println!("skipped: {why}");
        return;
    }
    let begun = Instant::now();
    let kept = Home::in_memory();
    let starts = starts(&kept);
    let points = points(&starts);
    let mut by_place: BTreeMap<(&str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for point in &points {
        *by_place.entry((point.start.name, point.thread)).or_default().entry(&point.call.kind).or_default() += 1;
    }
    for (place, kinds) in &by_place {
        println!("{place:?}: {kinds:?}");
    }
    let counts = Mutex::new(Counts::default());
    in_two_rooms(&points, |room, point| try_point(room, point, &counts));
    let counts = counts.into_inner().unwrap();
    println!("{} points in {:?}: {counts:?}", points.len(), begun.elapsed());
    check_kinds(&points);
    if let Ok(wanted) = std::env::var(PAIRS) {
        try_pairs(&points, &wanted);
    }
}

/// Checks that the runs still make calls of every kind.
fn check_kinds(points: &[Point<'_>]) {
    let kinds: BTreeSet<&str> = points.iter().map(|point| point.call.kind.as_str()).collect();
    let wanted = [
        "open",
        "mkdir",
        "rename",
        "unlink",
        "ftruncate",
        "pwrite",
        "pread",
        "fsync",
        "fdatasync",
        "getdents",
        "flock",
    ];
    for kind in wanted {
        assert!(kinds.iter().any(|met| met.starts_with(kind)), "no {kind} among {kinds:?}");
    }
    assert!(points.len() > 600, "the life has grown short");
}
