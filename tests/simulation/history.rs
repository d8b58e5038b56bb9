//! Random histories. Each step contains all its choices, so that its meaning does not change when other steps are
//! removed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use timestrata::testing::{CallKind, Fault, FaultRates, FaultTrigger, SimDisk, SyncStep, TaskHandle};
use timestrata::{Durability, Snapshot};

use crate::beside::Beside;
use crate::crash::panic_text;
use crate::oracle::{Crash, Found, Limits, Number, SERIES};
use crate::world::World;

/// Durability that a write asks for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Asked {
    Sync,
    Interval,
    Os,
}

/// A fault that occurs once.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Wrong {
    Write {
        taken: u16,
    },
    /// By its index among all syncs.
    Sync {
        step: u8,
    },
    Rename {
        happens: bool,
    },
    Create,
    Open,
    Read,
    List,
    Remove,
    /// The directory is moved; the next opening finds it at its path again.
    Moved,
    /// The process has no descriptor left for a number of calls.
    NoDescriptors {
        calls: u8,
    },
}

/// The limits of retention.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Kept {
    Everything,
    Age,
    OfRuled,
    AgeAndOfRuled,
    Bytes,
}

/// One step of a history.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Step {
    /// A number of concurrent writes, each of its own client.
    Write {
        asked: Asked,
        batches: u8,
    },
    /// Polls tasks that are ready.
    Turns {
        turns: u8,
    },
    /// Polls tasks until none is ready.
    Settle,
    /// The client of the newest write drops it.
    Cancel,
    Series {
        series: u8,
    },
    Sync,
    Flush,
    /// Deletes the marked points of the newest batch that has some.
    Delete,
    Compact,
    Wait {
        millis: u16,
    },
    Look,
    /// Holds a snapshot, which must show the same content until it is dropped.
    Hold,
    LetGo,
    Fail {
        wrong: Wrong,
        after: u8,
    },
    Mend,
    Close,
    Release,
    Kill,
    PowerLoss {
        choice: u8,
    },
    /// Limits the free space of the disk to a number of bytes.
    Fill {
        room: u16,
    },
    /// Every call may fail at random, at this rate per thousand.
    Rate {
        in_a_thousand: u8,
    },
    /// The clock jumps: ages and retries are due at once.
    Jump {
        hours: u8,
    },
    /// Sets the retention limits of later openings: an age of this kind, or a number of KiB.
    Retain {
        what: Kept,
        much: u8,
    },
    /// Sets the wall clock to a time near the newest batches, or to a much later time.
    SetClock {
        back: Option<u8>,
    },
    /// Opens a reader beside the writer, or refreshes it, and checks what it shows.
    Read,
    /// Applies retention without its grace.
    ApplyRetention,
    /// Tries another opening during this one.
    OpenTwice,
    /// Tries an opening if the database is not open. If a fault makes it fail, it is not repeated at once.
    TryOpen,
}

impl Step {
    /// Returns `true` if the step needs an open database. Other steps also occur between two openings.
    fn needs_open(&self) -> bool {
        let between = matches!(
            self,
            Self::Fail { .. }
                | Self::Fill { .. }
                | Self::Rate { .. }
                | Self::Mend
                | Self::Kill
                | Self::PowerLoss { .. }
                | Self::Retain { .. }
                | Self::SetClock { .. }
                | Self::Read
        );
        !between && !matches!(self, Self::TryOpen)
    }
}

fn wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        4 => (0..200_u16).prop_map(|taken| Wrong::Write { taken }),
        4 => (0..64_u8).prop_map(|step| Wrong::Sync { step }),
        2 => any::<bool>().prop_map(|happens| Wrong::Rename { happens }),
        1 => Just(Wrong::Create),
        1 => Just(Wrong::Open),
        1 => Just(Wrong::Read),
        1 => Just(Wrong::List),
        1 => Just(Wrong::Remove),
        1 => Just(Wrong::Moved),
        1 => (1..8_u8).prop_map(|calls| Wrong::NoDescriptors { calls }),
    ]
}

fn kept() -> impl Strategy<Value = Kept> {
    prop_oneof![
        2 => Just(Kept::Everything),
        2 => Just(Kept::Age),
        2 => Just(Kept::OfRuled),
        1 => Just(Kept::AgeAndOfRuled),
        1 => Just(Kept::Bytes),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let asked = prop_oneof![3 => Just(Asked::Sync), 1 => Just(Asked::Interval), 2 => Just(Asked::Os)];
    prop_oneof![
        60 => (asked, 1..4_u8).prop_map(|(asked, batches)| Step::Write { asked, batches }),
        30 => (1..6_u8).prop_map(|turns| Step::Turns { turns }),
        30 => Just(Step::Settle),
        4 => Just(Step::Cancel),
        4 => (0..u8::try_from(SERIES).unwrap()).prop_map(|series| Step::Series { series }),
        4 => Just(Step::Sync),
        6 => Just(Step::Flush),
        8 => Just(Step::Delete),
        4 => Just(Step::Compact),
        8 => (0..400_u16).prop_map(|millis| Step::Wait { millis }),
        6 => Just(Step::Look),
        3 => Just(Step::Hold),
        3 => Just(Step::LetGo),
        6 => (wrong(), 0..4_u8).prop_map(|(wrong, after)| Step::Fail { wrong, after }),
        4 => Just(Step::Mend),
        1 => Just(Step::Close),
        1 => Just(Step::Release),
        3 => Just(Step::Kill),
        3 => any::<u8>().prop_map(|choice| Step::PowerLoss { choice }),
        1 => (0..6_000_u16).prop_map(|room| Step::Fill { room }),
        1 => (1..40_u8).prop_map(|in_a_thousand| Step::Rate { in_a_thousand }),
        1 => (1..4_u8).prop_map(|hours| Step::Jump { hours }),
        2 => (kept(), any::<u8>()).prop_map(|(what, much)| Step::Retain { what, much }),
        3 => prop::option::of(any::<u8>()).prop_map(|back| Step::SetClock { back }),
        1 => Just(Step::OpenTwice),
        4 => Just(Step::TryOpen),
        2 => Just(Step::ApplyRetention),
        8 => Just(Step::Read),
    ]
}

/// State of a running history.
struct Run {
    world: World,
    newest: Option<(Number, TaskHandle<()>)>,
    held: Vec<(Snapshot, Found)>,
    beside: Beside,
    after: Crash,
    ran: Ran,
}

/// Totals of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ran {
    pub(crate) steps: u64,
    pub(crate) openings: u64,
    /// Faults that were injected one by one, and faults that occurred, including those of a full disk and of a rate.
    pub(crate) planted: u64,
    pub(crate) struck: u64,
    /// Batches that the end of an interval made durable.
    pub(crate) intervals_over: u64,
    /// Number of times that readers saw a cutoff move.
    pub(crate) cutoffs_moved: u64,
    /// Number of answers of readers beside the writer.
    pub(crate) read_beside: u64,
    pub(crate) trace: u64,
}

impl Ran {
    pub(crate) fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.openings += other.openings;
        self.planted += other.planted;
        self.struck += other.struck;
        self.intervals_over += other.intervals_over;
        self.cutoffs_moved += other.cutoffs_moved;
        self.read_beside += other.read_beside;
    }
}

/// A database with more batches is replaced by an empty one, because each check reads all of it.
const BATCHES: Number = 80;

fn quiet_world(seed: u64) -> World {
    let disk = SimDisk::new(seed);
    disk.record(false);
    World::new(disk, seed)
}

/// Runs a history on a disk of this seed. Returns an error if the result contradicts the oracle, panics or hangs.
pub(crate) fn run(seed: u64, steps: &[Step]) -> Result<Ran, String> {
    let mut run = Run {
        world: quiet_world(seed),
        newest: None,
        held: Vec::new(),
        beside: Beside::default(),
        after: Crash::Process,
        ran: Ran::default(),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for (at, step) in steps.iter().enumerate() {
            run.ran.steps = at as u64 + 1;
            run.renew();
            if step.needs_open() {
                run.ensure_open();
            }
            run.step(step);
            run.ran.trace = run.ran.trace.rotate_left(1) ^ run.world.disk.trace_hash();
        }
        run.world.mend();
        run.ensure_open();
        run.world.executor.run_until_idle();
        run.step(&Step::Look);
        run.count();
    }));
    match outcome {
        Ok(()) => Ok(run.ran),
        Err(panic) => {
            let what = format!("step {}: {}", run.ran.steps, panic_text(panic.as_ref()));
            // In the middle of a turn its parts cannot be dropped in order.
            std::mem::forget(run);
            Err(what)
        }
    }
}

impl Run {
    /// Opens the database. An opening fails only by a fault, and succeeds after the faults are cleared.
    fn ensure_open(&mut self) {
        if self.world.db.is_some() {
            return;
        }
        self.beside.keep_promises(&self.world);
        if !self.world.open_again(self.after) {
            // The first attempt ended with the process.
            self.beside.end();
        }
        self.beside.trust();
        self.ran.openings += 1;
        self.after = Crash::Process;
    }

    /// Between two openings, replaces an old database with an empty disk.
    fn renew(&mut self) {
        if self.world.db.is_none() && self.world.next_number() > BATCHES {
            self.count();
            let seed = self.world.disk.trace_hash();
            self.world = quiet_world(seed);
            self.beside.renew();
            self.after = Crash::Process;
        }
    }

    fn try_open(&mut self) {
        if self.world.db.is_none() {
            self.ran.openings += 1;
            self.beside.keep_promises(&self.world);
            if self.world.open(self.after).is_ok() {
                self.beside.trust();
                self.after = Crash::Process;
            } else {
                self.beside.doubt();
                self.beside.end();
                self.world.kill();
            }
        }
    }

    /// Adds the counts of this disk before it is replaced.
    fn count(&mut self) {
        self.ran.struck += self.world.disk.faults_hit();
        self.ran.intervals_over += self.world.intervals_over as u64;
        self.world.intervals_over = 0;
        self.ran.cutoffs_moved += self.world.oracle.borrow().cutoffs_moved();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write { asked, batches } => self.write(*asked, *batches),
            Step::Turns { turns } => (0..*turns).for_each(|_| _ = self.world.executor.poll_one()),
            Step::Settle => self.world.executor.run_until_idle(),
            Step::Cancel => self.cancel(),
            Step::Series { series } => self.world.send_series(u32::from(*series)),
            Step::Sync => _ = self.world.sync(),
            Step::Flush => _ = self.world.flush(),
            Step::Delete => _ = self.world.send_delete(),
            Step::Compact => _ = self.world.compact(),
            Step::Wait { millis } => self.world.wait(Duration::from_millis(u64::from(*millis))),
            Step::Look => self.look(),
            Step::Fill { room } => self.world.fill(usize::from(*room)),
            Step::Rate { in_a_thousand } => {
                self.world.disk.fault_rate(Some(FaultRates::everywhere(u32::from(*in_a_thousand) * 1_000)));
            }
            Step::Jump { hours } => self.world.wait(Duration::from_hours(u64::from(*hours))),
            Step::Retain { what, much } => self.retain(*what, *much),
            Step::SetClock { back } => {
                let newest = i64::from(self.world.next_number()) * 500;
                let at = back.map_or(i64::MAX / 2, |back| newest - i64::from(back) * 100);
                self.world.set_clock(at);
            }
            Step::ApplyRetention => _ = self.world.apply_retention_now(),
            Step::Read => self.ran.read_beside += u64::from(self.beside.look(&self.world)),
            Step::OpenTwice => self.world.open_twice(),
            Step::TryOpen => self.try_open(),
            Step::Hold => self.hold(),
            Step::LetGo => self.let_go(),
            Step::Fail { wrong, after } => self.fail(*wrong, *after),
            Step::Mend => self.world.mend(),
            Step::Close => {
                self.let_go();
                _ = self.world.close();
            }
            Step::Release => {
                self.let_go();
                // A write that waits for a flush keeps its handle open: this gives the last retry time and space.
                self.world.mend();
                self.world.wait(Duration::from_secs(61));
                self.world.release();
            }
            Step::Kill => self.end(World::kill, Crash::Process),
            Step::PowerLoss { choice } => self.end(|world| world.lose_power(usize::from(*choice)), Crash::Power),
        }
    }

    /// Sets ages of up to fifty batches, by the clock or by the marked points, whose times are 1,000 apart.
    fn retain(&mut self, what: Kept, much: u8) {
        let age = Some(Duration::from_nanos(1 + u64::from(much) * 100));
        let double = age.map(|age| age * 2);
        let none = Limits::default();
        self.world.retain(match what {
            Kept::Everything => none,
            Kept::Age => Limits { age, ..none },
            Kept::OfRuled => Limits { ruled: age, ..none },
            Kept::AgeAndOfRuled => Limits { age: double, ruled: age, ..none },
            Kept::Bytes => Limits { bytes: Some((4 + u64::from(much) / 8) << 10), ..none },
        });
    }

    fn write(&mut self, asked: Asked, batches: u8) {
        let durability = match asked {
            Asked::Sync => Durability::Sync,
            Asked::Interval => Durability::Interval(Duration::from_millis(50)),
            Asked::Os => Durability::Os,
        };
        for _ in 0..batches {
            let (number, task) = self.world.send_numbered(durability);
            self.newest = Some((number, task));
        }
    }

    fn cancel(&mut self) {
        if let Some((number, task)) = self.newest.take() {
            self.world.give_up(number, &task);
        }
    }

    fn look(&mut self) {
        self.world.executor.run_until_idle();
        let Some(shown) = self.world.look() else { return };
        // A cancelled write that waits for a flush may still become visible.
        if self.world.db().stats().queued_bytes == 0 {
            self.world.oracle.borrow_mut().settled(&shown, self.world.now());
        }
    }

    /// Takes a snapshot in the middle of other operations.
    fn hold(&mut self) {
        let snapshot = self.world.db().snapshot();
        if let Some(shown) = self.world.shown(&snapshot) {
            self.world.looked(&shown);
            self.held.push((snapshot, shown));
        }
    }

    fn let_go(&mut self) {
        for (snapshot, before) in std::mem::take(&mut self.held) {
            if let Some(shown) = self.world.shown(&snapshot) {
                assert_eq!(shown, before, "a snapshot holds still");
            }
        }
    }

    fn fail(&mut self, wrong: Wrong, after: u8) {
        let error = Fault::Error(std::io::ErrorKind::Other);
        let skip = u64::from(after);
        self.ran.planted += 1;
        let (kind, fault) = match wrong {
            Wrong::Write { taken } => (CallKind::Write, Fault::ShortWrite(usize::from(taken))),
            Wrong::Sync { step } => {
                let step = SyncStep::ALL[usize::from(step) % SyncStep::ALL.len()];
                return self.world.disk.inject(FaultTrigger::Sync { step, skip, times: 1 }, error);
            }
            Wrong::Rename { happens } => (CallKind::Rename, if happens { Fault::AppliedButFailed } else { error }),
            Wrong::Create => (CallKind::Create, Fault::TooManyFiles),
            Wrong::Open => (CallKind::Open, Fault::TooManyFiles),
            Wrong::Read => (CallKind::Read, error),
            Wrong::List => (CallKind::List, error),
            Wrong::Remove => (CallKind::Remove, error),
            Wrong::Moved => (CallKind::CheckPlace, error),
            Wrong::NoDescriptors { calls } => {
                for kind in [CallKind::Create, CallKind::Open, CallKind::List, CallKind::Lock] {
                    let at = FaultTrigger::Kind { kind, skip: 0, times: u64::from(calls) };
                    self.world.disk.inject(at, Fault::TooManyFiles);
                }
                return;
            }
        };
        self.world.disk.inject(FaultTrigger::Kind { kind, skip, times: 1 }, fault);
    }

    /// Ends the process without a close.
    fn end(&mut self, how: impl FnOnce(&mut World), after: Crash) {
        self.let_go();
        self.beside.doubt_if_read_only(&self.world);
        self.beside.end();
        self.newest = None;
        // A new disk counts from zero.
        let struck = self.world.disk.faults_hit();
        how(&mut self.world);
        if self.world.disk.faults_hit() < struck {
            self.ran.struck += struck;
        }
        // After a power loss, a later kill does not restore the lost data: the next opening is checked as after a power
        // loss.
        if after == Crash::Power {
            self.after = after;
        }
    }
}
