//! Crashes a scenario after every operation of its disk, opens what each crash may leave, and asks the oracle.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use timestrata::Db;
use timestrata::testing::{Executor, Image, Op, SimDisk};

use crate::oracle::{Crash, Number, Oracle, found, found_series};
use crate::scenarios::Scenario;
use crate::world::{World, small};

/// How much of what there is to try is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    /// Images of each crash.
    pub(crate) images: usize,
    /// Of these images, each so many-th is crashed again in its recovery; 0: none.
    pub(crate) recover_every: usize,
    /// Images of each crash inside a recovery.
    pub(crate) images_in_recovery: usize,
}

/// What was tried.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) operations: u64,
    pub(crate) images: u64,
    /// Different images that were opened, those in recoveries included.
    pub(crate) distinct: u64,
    pub(crate) in_recovery: u64,
}

/// A crash after which the database shows what it must not.
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

/// What opening an image showed.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    batches: BTreeSet<Number>,
    series: BTreeSet<u32>,
}

/// Opens images, each distinct one once: what an image shows does not depend on when it was left.
#[derive(Debug, Default)]
struct Opener {
    known: HashMap<u64, Result<Rc<Shown>, String>>,
}

/// Runs a scenario on a disk and crashes it everywhere.
pub(crate) fn crash_everywhere(scenario: Scenario, disk: SimDisk, depth: Depth) -> Result<Counts, Box<Violation>> {
    let mut world = World::new(disk, 1);
    let ran = catch_unwind(AssertUnwindSafe(|| (scenario.run)(&mut world)));
    let mut counts = Counts::default();
    let violation = |operation: usize, after: String, what: String, tried: Counts| {
        Box::new(Violation { scenario: scenario.name, operation, after, what, tried })
    };
    if let Err(panic) = ran {
        // Whatever the scenario held is as wrong as the scenario found it.
        let what = panic_text(panic.as_ref());
        std::mem::forget(world);
        return Err(violation(0, "running it".to_owned(), what, counts));
    }
    let oracle = world.oracle.borrow().clone();
    let (mut state, log) = (world.disk.base(), world.disk.log());
    let mut opener = Opener::default();
    for operation in 0..=log.len() {
        let after = operation.checked_sub(1).map(|last| &log[last]);
        if let Some(op) = after {
            state.apply(op);
        }
        counts.operations += 1;
        // The process alone dies: the next opening meets what the page cache held, and the power may fail then.
        let cached = SimDisk::from_state(state.clone(), 5);
        match opener.crash_recovery(&cached, Crash::Process, &oracle, operation, depth) {
            Ok(images) => counts.in_recovery += images,
            Err(what) => return Err(violation(operation, brief(after), format!("killed: {what}"), counts)),
        }
        for image in state.images(depth.images, operation as u64) {
            counts.images += 1;
            let checked = opener.open(&image).and_then(|shown| shown.check(&oracle, Crash::Power, operation));
            let again = depth.recover_every > 0 && counts.images.is_multiple_of(depth.recover_every as u64);
            let checked = checked.and_then(|()| {
                if again {
                    let disk = SimDisk::from_image(&image, 4);
                    counts.in_recovery += opener.crash_recovery(&disk, Crash::Power, &oracle, operation, depth)?;
                }
                Ok(())
            });
            if let Err(what) = checked {
                return Err(violation(operation, brief(after), what, counts));
            }
        }
        counts.distinct = opener.known.len() as u64;
    }
    Ok(counts)
}

fn open(disk: &SimDisk) -> Result<(Executor, Db), String> {
    let mut executor = Executor::new(disk, 2);
    match executor.open(small()) {
        Ok(db) => Ok((executor, db)),
        Err(error) => Err(format!("it does not open: {error}")),
    }
}

impl Shown {
    fn of(db: &Db) -> Result<Self, String> {
        let snapshot = db.snapshot();
        Ok(Self { batches: found(&snapshot)?, series: found_series(&snapshot)? })
    }

    fn check(&self, oracle: &Oracle, crash: Crash, now: usize) -> Result<(), String> {
        oracle.check_series(&self.series, now)?;
        oracle.check(&self.batches, crash, now)
    }
}

impl Opener {
    /// Opens what a crash left.
    fn open(&mut self, image: &Image) -> Result<Rc<Shown>, String> {
        let open = || {
            let disk = SimDisk::from_image(image, 3);
            disk.record(false);
            let (_executor, db) = open(&disk)?;
            Shown::of(&db).map(Rc::new)
        };
        self.known.entry(image.hash()).or_insert_with(open).clone()
    }

    /// Recovers what a crash left, with a power loss after each operation of the recovery: whatever that leaves is
    /// opened again, and shows what it may; once the recovery has ended, exactly what that showed. Returns how many
    /// images it were.
    fn crash_recovery(
        &mut self,
        disk: &SimDisk,
        crash: Crash,
        oracle: &Oracle,
        now: usize,
        depth: Depth,
    ) -> Result<u64, String> {
        let shown = {
            let (_executor, db) = open(disk)?;
            Shown::of(&db)?
        };
        shown.check(oracle, crash, now)?;
        let (mut state, log) = (disk.base(), disk.log());
        let mut images = 0;
        for step in 0..=log.len() {
            if let Some(op) = step.checked_sub(1).map(|last| &log[last]) {
                state.apply(op);
            }
            for image in state.images(depth.images_in_recovery, step as u64) {
                images += 1;
                let again = self.open(&image).and_then(|again| {
                    again.check(oracle, Crash::Power, now)?;
                    let differs = step == log.len() && *again != shown;
                    if differs { Err(format!("one opening showed {shown:?}, the next {again:?}")) } else { Ok(()) }
                });
                again.map_err(|what| format!("in recovery, after its operation {step} of {}: {what}", log.len()))?;
            }
        }
        Ok(images)
    }
}

/// An operation without its bytes.
fn brief(op: Option<&Op>) -> String {
    match op {
        None => "before the first".to_owned(),
        Some(Op::Write { inode, offset, bytes }) => format!("{} bytes at {offset} of {inode:?}", bytes.len()),
        Some(other) => format!("{other:?}"),
    }
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
