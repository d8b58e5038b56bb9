//! Runs creation, opening, writes, flushes and close of a database on a disk with a limited number of free pages, for
//! every such number. Each failure reports that the disk is full, and acknowledged data stays. After space is freed the
//! database continues: in the same opening, or after a reopening if it is read-only.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, DbBuilder, Durability, Error, Result, Selector, SeriesKey, Timestamp, verify};

use crate::child::{child_of, value_from_parent};
use crate::common::{Home, contents};
use crate::processes::{Told, ending, found, numbered, pause};

/// The test of this module that a child process runs.
const CHILD: &str = "a_full_disk_loses_nothing_and_freeing_space_is_enough::a_child_meets_its_full_disk";
const PAGE: usize = 4096;
/// Upper bound of the free pages: no case needs more.
const MOST_PAGES: usize = 100;
/// Mounts memory as a disk, in a namespace of the child: nothing of it outlives the child.
const MOUNT: &str = r#"mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@""#;
/// The same with 4 MiB.
const MOUNT_LARGE: &str = r#"mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@""#;
/// The test that a child with the larger disk runs.
const LARGE_CHILD: &str = "a_full_disk_loses_nothing_and_freeing_space_is_enough::a_child_fills_its_large_disk";
/// Time limit without progress. After it the test frees space, because a write then waits for a flush.
const STALLED: Duration = Duration::from_millis(300);
/// Upper bound of every operation after space is freed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The operation during which the disk gets full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Making,
    Opening,
    Writing,
    Closing,
}

#[derive(Debug, Default)]
struct Counts {
    cases: usize,
    failed_writes: usize,
    unknown_writes: usize,
    failed_flushes: usize,
    failed_openings: usize,
    failed_closes: usize,
    stalled: usize,
    went_on: usize,
    read_only: usize,
    /// Flushes that returned a failure from before space was freed.
    late_answers: usize,
}

/// A small disk and the file that fills it.
struct Disk(PathBuf);

impl Disk {
    fn db(&self) -> PathBuf {
        self.0.join("db")
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    fn fill_but(&self, pages: usize) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        let mut written = 0;
        while file.write_all(&[1; PAGE]).is_ok() {
            written += 1;
        }
        assert!(written > pages, "the disk is full before it is filled");
        file.set_len(((written - pages) * PAGE) as u64).unwrap();
    }

    fn make_room(&self) {
        drop(std::fs::remove_file(self.ballast()));
    }

    /// Returns the number of pages that the database takes.
    fn pages(&self) -> usize {
        contents(&self.db()).values().map(|bytes| bytes.len().div_ceil(PAGE)).sum()
    }
}

fn is_full(error: &Error) -> bool {
    error.io_kind() == Some(std::io::ErrorKind::StorageFull)
}

/// One database and the answers that it gave.
struct Case<'a> {
    disk: &'a Disk,
    /// Uses small memtables, so that each batch after the first few waits for a flush.
    small: bool,
    of: String,
    told: Told,
    next: i64,
    visible: BTreeSet<i64>,
    /// An answer reported that the database is read-only.
    read_only: bool,
    counts: &'a mut Counts,
}

impl Case<'_> {
    fn options(&self) -> DbBuilder {
        let options = Db::builder(self.disk.db()).wal_segment_bytes(4 << 10);
        if self.small { options.flush_at_bytes(16 << 10) } else { options }
    }

    fn note(&mut self, error: &Error) {
        assert!(is_full(error), "{}: {error}", self.of);
        self.read_only |= matches!(error, Error::ReadOnly { .. } | Error::OutcomeUnknown { .. });
    }

    fn write(&mut self, db: &Db) -> Result<()> {
        self.next += 1;
        // Every third batch is larger than a page.
        let number = self.next * 10 + if self.next % 3 == 0 { 7 } else { 0 };
        self.told.begun.insert(number);
        let durability = match self.next % 4 {
            0 => Durability::Sync,
            1 => Durability::Os,
            _ => Durability::Interval(Duration::from_hours(1)),
        };
        let outcome = db.write_with_blocking(numbered(number), durability);
        self.told.hear(&ending(number, &outcome));
        match &outcome {
            Ok(_) => drop(self.visible.insert(number)),
            Err(error) => {
                assert!(!self.read_only || matches!(error, Error::ReadOnly { .. }), "{}: {error}", self.of);
                self.note(error);
                self.counts.unknown_writes += usize::from(matches!(error, Error::OutcomeUnknown { .. }));
                self.counts.failed_writes += usize::from(matches!(error, Error::WriteFailed { .. }));
            }
        }
        outcome.map(drop)
    }

    fn flush(&mut self, db: &Db) {
        if let Err(error) = db.flush_blocking() {
            self.note(&error);
            self.counts.failed_flushes += 1;
        }
    }

    /// Flushes until a flush succeeds. While both memtables wait for a flush that failed, the answer is that failure.
    /// The request starts the next attempt, which then succeeds.
    fn flush_until_done(&mut self, db: &Db) {
        let until = Instant::now() + PATIENCE;
        while let Err(error) = db.flush_blocking() {
            assert!(is_full(&error) && Instant::now() < until, "{}: {error}", self.of);
            self.counts.late_answers += 1;
            pause(Duration::from_millis(5));
        }
    }

    /// Writes and flushes, and ignores failures.
    fn work(&mut self, db: &Db, progress: &dyn Fn()) {
        for n in 0..24 {
            drop(self.write(db));
            progress();
            if n % 9 == 8 {
                self.flush(db);
                progress();
            }
        }
    }

    /// Does the same on a full disk. Frees space if a write waits for it.
    fn work_while_full(&mut self, db: &Db) {
        let (disk, case) = (self.disk, &mut *self);
        let stalled = std::thread::scope(|scope| {
            let (progress, seen) = channel();
            let worker = scope.spawn(move || case.work(db, &|| progress.send(()).unwrap()));
            let mut stalled = 0;
            loop {
                let patience = if stalled == 0 { STALLED } else { PATIENCE };
                match seen.recv_timeout(patience) {
                    Ok(()) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                        assert_eq!(stalled, 0, "there is room and nothing goes on");
                        stalled = 1;
                        disk.make_room();
                    }
                }
            }
            worker.join().unwrap();
            stalled
        });
        self.counts.stalled += stalled;
    }

    /// Frees space. The database then continues in this opening, or is read-only and readable.
    fn go_on(&mut self, db: Db) {
        self.disk.make_room();
        assert_eq!(found(&db).unwrap(), self.visible, "{}", self.of);
        if self.read_only {
            self.counts.read_only += 1;
            assert!(matches!(self.write(&db), Err(Error::ReadOnly { .. })), "{}", self.of);
            return;
        }
        self.counts.went_on += 1;
        // After a lack of space the log needs a new reserve, which is tried every second.
        let until = Instant::now() + PATIENCE;
        while let Err(error) = self.write(&db) {
            assert!(is_full(&error) && Instant::now() < until, "{}: {error}", self.of);
            pause(Duration::from_millis(20));
        }
        for _ in 0..12 {
            self.write(&db).unwrap_or_else(|error| panic!("{}: {error}", self.of));
        }
        self.flush_until_done(&db);
        self.write(&db).unwrap();
        assert_eq!(found(&db).unwrap(), self.visible, "{}", self.of);
        db.close_blocking().unwrap_or_else(|error| panic!("{}: {error}", self.of));
    }

    /// Frees space. A new opening finds all acknowledged data and accepts writes.
    fn settle(&mut self) {
        self.disk.make_room();
        let db = self.options().open_blocking().unwrap_or_else(|error| panic!("{}: {error}", self.of));
        let found = found(&db).unwrap();
        assert_eq!(self.told.broken_by(&found), None, "{}", self.of);
        self.read_only = false;
        self.write(&db).unwrap();
        db.close_blocking().unwrap();
        let findings = verify(self.disk.db()).unwrap().findings;
        assert!(findings.is_empty(), "{}: {findings:?}", self.of);
    }

    /// Opens the database repeatedly on the full disk: a failed opening must not reduce the space for the next one.
    fn open_while_full(&mut self) -> Option<Db> {
        let mut pages = Vec::new();
        for _ in 0..4 {
            match self.options().open_blocking() {
                Ok(db) => return Some(db),
                Err(error) => self.note(&error),
            }
            self.counts.failed_openings += 1;
            pages.push(self.disk.pages());
        }
        assert!(pages[3] <= pages[0], "{}: openings that failed left ever more: {pages:?}", self.of);
        None
    }
}

/// Runs one case: an operation and a number of free pages. Returns `true` if anything failed for lack of space.
fn met(disk: &Disk, when: When, small: bool, pages: usize, counts: &mut Counts) -> bool {
    drop(std::fs::remove_dir_all(disk.db()));
    counts.cases += 1;
    let before = (counts.failed_openings, counts.failed_closes, counts.stalled, counts.failed_flushes);
    let of = format!("{when:?} with {pages} pages, small memtables: {small}");
    let (told, visible) = (Told::default(), BTreeSet::new());
    let mut case = Case { disk, small, of, told, next: 1, visible, read_only: false, counts };
    let made = (when != When::Making).then(|| case.options().open_blocking().unwrap());
    if let Some(db) = &made {
        for _ in 0..10 {
            case.write(db).unwrap();
        }
        db.flush_blocking().unwrap();
        for _ in 0..11 {
            case.write(db).unwrap();
        }
    }
    match (when, made) {
        (When::Making | When::Opening, made) => {
            drop(made);
            disk.fill_but(pages);
            if let Some(db) = case.open_while_full() {
                case.work_while_full(&db);
                case.go_on(db);
            }
        }
        (When::Closing, Some(db)) => {
            disk.fill_but(pages);
            if let Err(error) = db.close_blocking() {
                case.note(&error);
                case.counts.failed_closes += 1;
            }
        }
        (_, made) => {
            let db = made.unwrap();
            disk.fill_but(pages);
            case.work_while_full(&db);
            case.go_on(db);
        }
    }
    case.settle();
    let harmed = !case.told.refused.is_empty() || !case.told.unknown.is_empty();
    harmed || before != (counts.failed_openings, counts.failed_closes, counts.stalled, counts.failed_flushes)
}

/// The child's part: the child has its own small disk.
#[test]
fn a_child_meets_its_full_disk() {
    let Some(told) = value_from_parent() else { return };
    let disk = Disk(Path::new(&told).to_owned());
    let mut counts = Counts::default();
    for when in [When::Making, When::Opening, When::Writing, When::Closing] {
        for small in [false, true] {
            // Increases the number of pages until no operation fails.
            let enough = (0..MOST_PAGES).find(|pages| !met(&disk, when, small, *pages, &mut counts));
            println!("told: {when:?}, small memtables: {small}: {enough:?} pages are enough");
            assert!(enough.is_some_and(|pages| pages > 0), "{when:?} was never met by a full disk, or always");
        }
    }
    println!("told: {counts:?}");
    let Counts { failed_writes, unknown_writes, failed_flushes, failed_openings, failed_closes, .. } = counts;
    let Counts { went_on, read_only, .. } = counts;
    let seen = [failed_writes, failed_flushes, failed_openings, failed_closes, went_on];
    assert!(seen.iter().all(|count| *count > 0), "something was never met: {counts:?}");
    assert_eq!(
        (unknown_writes, read_only),
        (0, 0),
        "a tmpfs writes in place, so that every failed write is sealed off"
    );
}

/// Runs a call on a thread of its own. Fails if it takes longer than a few seconds.
fn answered<R: Send + 'static>(what: &str, call: impl FnOnce() -> R + Send + 'static) -> R {
    let (reply, answer) = channel();
    std::thread::spawn(move || reply.send(call()));
    answer.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{what} is not answered"))
}

/// Repeats a call until it succeeds.
fn retried<R>(what: &str, mut call: impl FnMut() -> Result<R>) -> R {
    let until = Instant::now() + PATIENCE;
    loop {
        match call() {
            Ok(done) => return done,
            Err(error) => assert!(error.is_retryable() && Instant::now() < until, "{what}: {error}"),
        }
        pause(Duration::from_millis(20));
    }
}

/// The child's part on a disk of 4 MiB: flushes fail and both memtables wait, or appends fail, whichever comes first.
#[test]
fn a_child_fills_its_large_disk() {
    let Some(told) = value_from_parent() else { return };
    let disk = Disk(Path::new(&told).to_owned());
    // Without ballast the log and the files fill the disk; with little room left the log does.
    for pages in [None, Some(40), Some(8)] {
        drop(std::fs::remove_dir_all(disk.db()));
        let options = || {
            let options = Db::builder(disk.db()).wal_segment_bytes(64 << 10).flush_at_bytes(256 << 10);
            options.stall_timeout(Duration::from_secs(1))
        };
        let db = options().open_blocking().unwrap();
        let (mut number, mut written) = (0, 0);
        for _ in 0..20 {
            db.write_blocking(noise(number)).unwrap();
            number += 1;
            written += 1;
        }
        db.flush_blocking().unwrap();
        if let Some(pages) = pages {
            disk.fill_but(pages);
        }
        let mut failed = 0;
        while failed < 100 {
            number += 1;
            let handle = db.clone();
            match answered("a write", move || handle.write_blocking(noise(number))) {
                Ok(_) => (failed, written) = (0, written + 1),
                Err(error) => {
                    assert!(is_full(&error) && error.is_retryable(), "{error}");
                    assert!(!matches!(error, Error::ReadOnly { .. } | Error::OutcomeUnknown { .. }), "{error}");
                    failed += 1;
                }
            }
            assert!(number < 2_000, "the disk does not get full");
        }
        let handle = db.clone();
        answered("try_write", move || handle.try_write_blocking(&mut noise(0))).unwrap_err();
        let handle = db.clone();
        answered("a creation", move || handle.create_series(SeriesKey::new("new")).blocking()).unwrap_err();
        assert_eq!(points(&db), written * NOISE, "reads go on");
        let other = tempfile::tempdir().unwrap();
        let (handle, backup) = (db.clone(), other.path().join("backup"));
        let report = answered("a backup", move || handle.backup_blocking(backup)).unwrap();
        assert!(report.unflushed > 0 || report.points == (written * NOISE) as u64, "{report:?}");
        let backup = Db::open_blocking(other.path().join("backup")).unwrap();
        assert_eq!(points(&backup) as u64, report.points);
        let handle = db.clone();
        answered("a delete", move || handle.delete_blocking(Selector::metric("noise"), ..)).unwrap();
        assert_eq!(points(&db), 0);
        // The files that the delete hides whole make room, or the ballast does.
        if pages.is_some() {
            disk.make_room();
        }
        retried("there is room", || db.write_blocking(noise(3)));
        retried("there is room", || db.flush_blocking());
        assert_eq!(points(&db), NOISE);
        assert_eq!(db.stats().failed_flush, None);
        db.close_blocking().unwrap();
        let db = options().open_blocking().unwrap();
        assert_eq!(points(&db), NOISE);
        println!("told: Counts {{ {pages:?}: {written} batches before it was full }}");
    }
}

/// Number of points of a batch of noise.
const NOISE: usize = 2_000;

/// Returns a batch of values that no encoding shortens.
fn noise(number: i64) -> Batch {
    let mut batch = Batch::new();
    let mut state = u64::try_from(number).unwrap() | 1 << 40;
    for value in 0..i64::try_from(NOISE).unwrap() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let time = Timestamp::from_nanos(number * 10_000 + value);
        batch.push_key(&SeriesKey::new("noise"), time, state ^ state >> 29);
    }
    batch
}

fn points(db: &Db) -> usize {
    let snapshot = db.snapshot();
    let points = snapshot.query(Selector::metric("noise")).points();
    points.collect::<Result<Vec<_>>>().unwrap().len()
}

/// Returns the beginning of a command line that mounts a small disk, or `None` if no method works on this machine.
fn mounting(place: &Path) -> Option<Vec<&'static str>> {
    // First as a user with its own namespace, then as root.
    [vec!["-rm"], vec!["-m"]].into_iter().find(|how| {
        let mut command = Command::new("unshare");
        command.args(how).args(["sh", "-c", MOUNT]).arg(place).arg("true");
        command.output().is_ok_and(|output| output.status.success())
    })
}

#[test]
fn a_full_disk_loses_nothing_and_freeing_space_is_enough() {
    on_a_disk(MOUNT, CHILD);
}

#[test]
fn every_call_on_a_full_disk_is_answered_and_deletes_make_room() {
    on_a_disk(MOUNT_LARGE, LARGE_CHILD);
}

/// Runs a test in a child that has a small disk of its own.
fn on_a_disk(mount: &str, test: &str) {
    let begun = Instant::now();
    let home = Home::new();
    let place = home.beside("disk");
    std::fs::create_dir(&place).unwrap();
    let Some(how) = mounting(&place) else {
        println!("skipped: no small disk can be mounted here (unshare and a tmpfs were tried)");
        return;
    };
    let mut starter = Command::new("unshare");
    starter.args(how).args(["sh", "-c", mount]).arg(&place);
    let output = child_of(starter, test, place.to_str().unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter_map(|line| line.split_once("told: ")).for_each(|(_, line)| println!("{line}"));
    println!("in {:?}", begun.elapsed());
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Counts {"), "the child did not run: {said}");
}
