//! Crashes a scenario after every operation of its disk, opens the images that each crash may leave, and checks them
//! against the oracle.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;

use timestrata::testing::{DiskImage, DiskOp, DiskState, Executor, SimDisk, verify};
use timestrata::{Db, Durability, Error};

use crate::fleeting;
use crate::oracle::{Crash, Found, Oracle, batch, count_points, found, found_series};
use crate::scenarios::Scenario;
use crate::world::{DIR, World, small};

/// Sizes of the samples that are tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    /// Number of images per crash.
    pub(crate) images: usize,
    /// Of these images, every n-th is crashed again during its recovery; 0: none.
    pub(crate) recover_every: u64,
    /// Number of images per crash inside a recovery; 0: recoveries are not crashed.
    pub(crate) images_in_recovery: usize,
    /// Of the images left inside a recovery, every n-th is crashed again in its own recovery; 0: none.
    pub(crate) recover_twice_every: u64,
    /// Of the distinct images, every n-th is verified; 0: none.
    pub(crate) verify_every: u64,
    /// Of the distinct images, every n-th is written to after its opening; 0: none.
    pub(crate) go_on_every: u64,
}

impl Depth {
    /// One image per crash, and nothing else.
    pub(crate) const SHALLOW: Self = Self {
        images: 1,
        recover_every: 0,
        images_in_recovery: 0,
        recover_twice_every: 0,
        verify_every: 0,
        go_on_every: 0,
    };
}

/// Counts of the tried images and operations.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) operations: u64,
    pub(crate) images: u64,
    /// Number of distinct images that were opened, including those inside recoveries.
    pub(crate) distinct: u64,
    pub(crate) in_recovery: u64,
    /// Images of a crash in the recovery from a crash in a recovery.
    pub(crate) in_second_recovery: u64,
    pub(crate) verified: u64,
    /// Images that were written to, flushed, closed and opened once more.
    pub(crate) gone_on: u64,
    /// Backups that a power loss left, opened.
    pub(crate) backups: u64,
}

/// A crash after which the database shows content that the oracle forbids.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) scenario: &'static str,
    pub(crate) operation: usize,
    pub(crate) after: String,
    pub(crate) what: String,
    pub(crate) tried: Counts,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, operation, after, what, tried } = self;
        write!(f, "{scenario}: crashed after operation {operation} ({after}): {what}; {tried:?}")
    }
}

/// Content after the opening of an image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    batches: Found,
    series: BTreeSet<u32>,
}

/// Content after the opening of a backup; `None` if the directory is not a database.
type ShownBackup = Result<Option<Rc<Shown>>, String>;

/// Opens images, each distinct one once: the content of an image does not depend on the time of its crash.
#[derive(Debug)]
pub(crate) struct Opener {
    depth: Depth,
    known: HashMap<u64, Result<Rc<Shown>, String>>,
    /// By image and directory; `None` if there is no database.
    backups: HashMap<(u64, &'static str), ShownBackup>,
    pub(crate) counts: Counts,
}

/// The operations of a scenario on its disk, and the oracle with the answers that the scenario received.
pub(crate) struct Ran {
    pub(crate) state: DiskState,
    pub(crate) log: Vec<DiskOp>,
    pub(crate) oracle: Oracle,
}

/// Runs a scenario on a disk. A failed check inside the scenario is returned as a violation.
pub(crate) fn run(scenario: Scenario, disk: SimDisk) -> Result<Ran, Box<Violation>> {
    let mut world = World::new(disk, 1);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (scenario.run)(&mut world))) {
        std::mem::forget(world);
        let (after, tried) = ("running it".to_owned(), Counts::default());
        let what = panic_text(panic.as_ref());
        return Err(Box::new(Violation { scenario: scenario.name, operation: 0, after, what, tried }));
    }
    let oracle = world.oracle.borrow().clone();
    Ok(Ran { state: world.disk.base(), log: world.disk.log(), oracle })
}

/// Runs a scenario on a disk and crashes it after every operation.
pub(crate) fn crash_everywhere(scenario: Scenario, disk: SimDisk, depth: Depth) -> Result<Counts, Box<Violation>> {
    let ran = run(scenario, disk)?;
    let mut opener = Opener::new(depth);
    opener.crash_from(scenario.name, ran, 0)?;
    Ok(opener.counts)
}

fn open(disk: &SimDisk) -> Result<(Executor, Db), String> {
    let mut executor = Executor::new(disk, 2);
    match executor.open(small()) {
        Ok(db) => Ok((executor, db)),
        Err(error) => Err(format!("it does not open: {error}")),
    }
}

/// Opens a backup that a crash left, unless it is not a database.
fn open_backup(image: &DiskImage, dir: &'static str) -> ShownBackup {
    let disk = SimDisk::from_image(image, 7);
    disk.record(false);
    let mut executor = Executor::new(&disk, 2);
    match executor.open(Db::builder(dir).create_if_missing(false)) {
        Ok(db) => Shown::of(&db).map(|shown| Some(Rc::new(shown))),
        Err(Error::DatabaseNotFound { .. }) => Ok(None),
        Err(Error::MissingFiles { files, .. }) if files == ["manifest"] => Ok(None),
        Err(error) => Err(format!("it does not open: {error}")),
    }
}

impl Shown {
    fn of(db: &Db) -> Result<Self, String> {
        let snapshot = db.snapshot();
        Ok(Self { batches: found(&snapshot)?, series: found_series(&snapshot)? })
    }

    fn check(&self, oracle: &Oracle, crash: Crash, now: usize) -> Result<(), String> {
        oracle.check_series(&self.series, crash, now)?;
        oracle.check(&self.batches, crash, now)
    }
}

impl Opener {
    pub(crate) fn new(depth: Depth) -> Self {
        Self { depth, known: HashMap::new(), backups: HashMap::new(), counts: Counts::default() }
    }

    /// Crashes after each operation, beginning with operation `first`.
    pub(crate) fn crash_from(&mut self, scenario: &'static str, ran: Ran, first: usize) -> Result<(), Box<Violation>> {
        let Ran { mut state, log, oracle } = ran;
        for operation in 0..=log.len() {
            let after = operation.checked_sub(1).map(|last| &log[last]);
            if let Some(op) = after {
                state.apply(op);
            }
            if operation < first {
                continue;
            }
            self.counts.operations += 1;
            let crashed = self.crash_at(&state, &oracle, operation);
            self.counts.distinct = self.known.len() as u64;
            let tried = self.counts;
            let violation = |what| Box::new(Violation { scenario, operation, after: brief(after), what, tried });
            crashed.map_err(violation)?;
        }
        Ok(())
    }

    /// Crashes once with a kill of the process, and once with a power loss.
    fn crash_at(&mut self, state: &DiskState, oracle: &Oracle, now: usize) -> Result<(), String> {
        // Kill of the process: the next opening finds the content of the page cache, and a power loss may follow then.
        let cached = SimDisk::from_state(state.clone(), 5);
        let killed = self.crash_recovery(&cached, Crash::Process, oracle, now, false);
        killed.map_err(|what| format!("killed: {what}"))?;
        for image in state.images(self.depth.images, now as u64) {
            self.counts.images += 1;
            self.open(&image)?.check(oracle, Crash::Power, now)?;
            self.check_backups(&image, oracle, now)?;
            if nth(self.counts.images, self.depth.recover_every) {
                self.crash_recovery(&SimDisk::from_image(&image, 4), Crash::Power, oracle, now, false)?;
            }
        }
        Ok(())
    }

    /// Checks that a backup is not a database before it is complete, and that it is present after its success was
    /// returned.
    fn check_backups(&mut self, image: &DiskImage, oracle: &Oracle, now: usize) -> Result<(), String> {
        let dirs: BTreeSet<&'static str> = oracle.backups.iter().map(|backup| backup.dir).collect();
        for dir in dirs {
            let shown = self.backups.entry((image.hash(), dir)).or_insert_with(|| open_backup(image, dir)).clone();
            let shown = shown.map_err(|what| format!("the backup {dir}: {what}"))?;
            let mut asked = oracle.backups.iter().filter(|backup| backup.dir == dir);
            let told = oracle.backups.iter().any(|backup| backup.dir == dir && backup.told.is_some_and(|at| at <= now));
            match shown {
                None if told => return Err(format!("the backup {dir} is gone")),
                None => {}
                Some(shown) => {
                    self.counts.backups += 1;
                    if !asked.any(|backup| (&backup.batches, &backup.series) == (&shown.batches, &shown.series)) {
                        return Err(format!("the backup {dir} shows {shown:?}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens up to `images` images of a power loss, and checks each against the oracle.
    pub(crate) fn lose_power(
        &mut self,
        state: &DiskState,
        oracle: &Oracle,
        now: usize,
        images: usize,
    ) -> Result<(), String> {
        for image in state.images(images, now as u64) {
            self.counts.images += 1;
            self.open(&image)?.check(oracle, Crash::Power, now)?;
        }
        Ok(())
    }

    /// Opens an image, or returns the known result.
    fn open(&mut self, image: &DiskImage) -> Result<Rc<Shown>, String> {
        if let Some(known) = self.known.get(&image.hash()) {
            return known.clone();
        }
        let shown = self.open_first(image);
        self.known.insert(image.hash(), shown.clone());
        shown
    }

    /// Opens an image that is not known yet. No crash leaves anything that `verify` reports as damage.
    fn open_first(&mut self, image: &DiskImage) -> Result<Rc<Shown>, String> {
        let disk = SimDisk::from_image(image, 3);
        disk.record(false);
        let number = self.known.len() as u64;
        let verified = if nth(number, self.depth.verify_every) { check_sound(&disk, false)? } else { None };
        let (mut executor, db) = open(&disk)?;
        let shown = Shown::of(&db)?;
        if let Some(counted) = verified {
            self.counts.verified += 1;
            // `verify` ran before the opening. It also counts points in the WAL, and deleted points until a merge
            // removes them.
            let (seen, written) = count_points(&shown.batches);
            if !(seen..=written.saturating_add(fleeting::MOST_POINTS)).contains(&counted) {
                return Err(format!("verify counts {counted} points, and an opening shows {seen} of {written}"));
            }
        }
        if nth(number, self.depth.go_on_every) {
            self.counts.gone_on += 1;
            go_on(&disk, &mut executor, db, &shown).map_err(|what| format!("life goes on, and {what}"))?;
        }
        Ok(Rc::new(shown))
    }

    /// Recovers an image, with a power loss after each operation of the recovery. Each resulting image is opened again
    /// and must satisfy the oracle; an image of the completed recovery must show exactly the same content as the
    /// recovery.
    fn crash_recovery(
        &mut self,
        disk: &SimDisk,
        crash: Crash,
        oracle: &Oracle,
        now: usize,
        again: bool,
    ) -> Result<(), String> {
        let shown = {
            let (_executor, db) = open(disk)?;
            Shown::of(&db)?
        };
        shown.check(oracle, crash, now)?;
        let (mut state, log) = (disk.base(), disk.log());
        for step in 0..=log.len() {
            if let Some(op) = step.checked_sub(1).map(|last| &log[last]) {
                state.apply(op);
            }
            let ended = (step == log.len()).then_some(&shown);
            for image in state.images(self.depth.images_in_recovery, step as u64) {
                let place = |what| format!("in recovery, after its operation {step} of {}: {what}", log.len());
                self.in_recovery(&image, ended, oracle, now, again).map_err(place)?;
            }
        }
        Ok(())
    }

    fn in_recovery(
        &mut self,
        image: &DiskImage,
        ended: Option<&Shown>,
        oracle: &Oracle,
        now: usize,
        again: bool,
    ) -> Result<(), String> {
        let shown = self.open(image)?;
        shown.check(oracle, Crash::Power, now)?;
        if let Some(before) = ended.filter(|before| **before != *shown) {
            return Err(format!("one opening showed {before:?}, the next {shown:?}"));
        }
        if again {
            self.counts.in_second_recovery += 1;
            return Ok(());
        }
        self.counts.in_recovery += 1;
        if nth(self.counts.in_recovery, self.depth.recover_twice_every) {
            self.crash_recovery(&SimDisk::from_image(image, 6), Crash::Power, oracle, now, true)?;
        }
        Ok(())
    }
}

/// Returns `true` for every `every`-th number.
fn nth(number: u64, every: u64) -> bool {
    every > 0 && number.is_multiple_of(every)
}

/// Returns the number of points that `verify` counts, or `None` if there is no database. No crash leaves damage, and a
/// close leaves no note, except for the copy of a torn tail that an opening kept aside.
fn check_sound(disk: &SimDisk, closed: bool) -> Result<Option<u64>, String> {
    let unfinished = |note: &String| !note.starts_with("forgiven-");
    match verify(disk, Path::new(DIR)) {
        Err(Error::DatabaseNotFound { .. }) if !closed => Ok(None),
        Ok(report) if report.findings.is_empty() && !(closed && report.notes.iter().any(unfinished)) => {
            Ok(Some(report.points))
        }
        other => Err(format!("verify says {other:?}")),
    }
}

/// Checks that an opened image is usable: it is written to, flushed, closed and opened again.
fn go_on(disk: &SimDisk, executor: &mut Executor, db: Db, shown: &Shown) -> Result<(), String> {
    // Numbers beyond all that a scenario writes.
    let more = [(100_000, Durability::Os), (100_001, Durability::Sync), (100_002, Durability::Os)];
    let life = async move {
        for (number, durability) in more {
            db.write_with(batch(number), durability).await?;
            if durability == Durability::Sync {
                db.flush().await?;
            }
        }
        let shown = Shown::of(&db);
        db.close().await.map(|()| shown)
    };
    let before = executor.block_on(life).ok_or("no answer")?.map_err(|error| error.to_string())??;
    executor.run_until_idle();
    let mut all = shown.batches.clone();
    let more = more.map(|(number, _)| number);
    all.batches.extend(more.into_iter().filter(|number| shown.batches.leaves(*number) != (false, false)));
    check_sound(disk, true)?;
    let (_executor, db) = open(disk)?;
    let after = Shown::of(&db)?;
    let same = before.batches == all && after == before;
    if same { Ok(()) } else { Err(format!("{shown:?} became {before:?} and then {after:?}")) }
}

/// Describes an operation without its bytes.
fn brief(op: Option<&DiskOp>) -> String {
    match op {
        None => "before the first".to_owned(),
        Some(DiskOp::Write { inode, offset, bytes }) => format!("{} bytes at {offset} of {inode:?}", bytes.len()),
        Some(other) => format!("{other:?}"),
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
