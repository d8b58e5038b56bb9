//! A database on a simulated disk, with clients whose every answer the oracle hears at the moment it is given.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use timestrata::testing::{Executor, SimDisk, Task};
use timestrata::{Builder, Db, Durability};

use crate::oracle::{self, Crash, Number, Oracle, SERIES, found, key};

pub(crate) const DIR: &str = "/data/db";

/// Freezes, flushes and rotations after a handful of batches.
pub(crate) fn small() -> Builder {
    Db::builder(DIR).flush_at_bytes(12 << 10).wal_segment_bytes(4 << 10)
}

/// Disk, executor, oracle and, while it is open, the database.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) executor: Executor,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
    pub(crate) db: Option<Db>,
    next: Number,
    /// Operations of the disks before this one: moments go on over a power loss.
    base: usize,
}

impl World {
    pub(crate) fn new(disk: SimDisk, seed: u64) -> Self {
        let executor = Executor::new(&disk, seed);
        Self { disk, executor, oracle: Rc::default(), db: None, next: 0, base: 0 }
    }

    pub(crate) fn db(&self) -> &Db {
        self.db.as_ref().expect("the scenario has opened it")
    }

    /// The number of the next batch.
    pub(crate) fn next_number(&self) -> Number {
        self.next
    }

    /// How many operations the disk has seen.
    pub(crate) fn now(&self) -> usize {
        self.base + self.disk.ops()
    }

    /// The clock by which a task's answers are told.
    fn clock(&self) -> Clock {
        Clock { base: self.base, disk: self.disk.clone(), woken_at: self.executor.woken_at() }
    }

    /// Opens after whatever came before, and holds what is shown to the oracle.
    pub(crate) fn open(&mut self, after: Crash) -> timestrata::Result<()> {
        let crashed = self.now();
        let db = self.executor.open(small())?;
        let struck = self.disk.struck();
        let mut shown = found(&db.snapshot());
        if self.disk.struck() > struck {
            // A planted fault met the look, not the opening.
            self.disk.mend();
            shown = found(&db.snapshot());
        }
        let shown = shown.expect("what an opening shows is whole");
        let checked = self.oracle.borrow().check(&shown, after, crashed);
        assert_eq!(checked, Ok(()), "after {after:?}");
        self.oracle.borrow_mut().decided(&shown, self.now());
        self.db = Some(db);
        Ok(())
    }

    /// Sends the next batch. Its task ends with its answer.
    pub(crate) fn send(&mut self, durability: Durability) -> Task<()> {
        self.send_numbered(durability).1
    }

    /// The same, with its number.
    pub(crate) fn send_numbered(&mut self, durability: Durability) -> (Number, Task<()>) {
        let number = self.next;
        self.next += 1;
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let task = self.executor.spawn(async move {
            oracle.borrow_mut().sent(number, clock.now());
            let answer = db.write_with(oracle::batch(number), durability).await;
            oracle.borrow_mut().answered(number, clock.told(), &answer);
        });
        (number, task)
    }

    /// Batches of several clients, which meet in one group, and their answers.
    pub(crate) fn write(&mut self, durabilities: &[Durability]) {
        for durability in durabilities {
            drop(self.send(*durability));
        }
        self.executor.settle();
    }

    /// One synced batch.
    pub(crate) fn write_one(&mut self) {
        self.write(&[Durability::Sync]);
    }

    pub(crate) fn make_series(&mut self, series: u32) {
        self.send_series(series);
        self.executor.settle();
    }

    /// Asks for a series without waiting for it.
    pub(crate) fn send_series(&mut self, series: u32) {
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        drop(self.executor.spawn(async move {
            let made = match series % 3 {
                0 => db.series(key(series)).await.map(drop),
                1 => db.series_as::<i64>(key(series)).await.map(drop),
                _ => db.series_as::<u64>(key(series)).await.map(drop),
            };
            if made.is_ok() {
                oracle.borrow_mut().series_made(series, clock.told());
            }
        }));
    }

    /// A sync; what was acknowledged before it is durable once it says so.
    pub(crate) fn sync(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let synced = self.executor.run(async move {
            let synced = db.sync().await;
            if synced.is_ok() {
                oracle.borrow_mut().promised(&before, clock.told());
            }
            synced.is_ok()
        });
        synced.expect("a sync is answered")
    }

    /// A flush to its first answer, good or bad; what was acknowledged before it is durable if good.
    pub(crate) fn flush(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let flushed = self.executor.run(async move {
            let flushed = db.flush().await;
            if flushed.is_ok() {
                oracle.borrow_mut().promised(&before, clock.told());
            }
            flushed.is_ok()
        });
        flushed.expect("a flush is answered")
    }

    /// Closes; whether it went well. Everything acknowledged is then durable.
    pub(crate) fn close(&mut self) -> bool {
        let db = self.db.take().expect("the scenario has opened it");
        let before = self.oracle.borrow().acknowledged();
        let (oracle, clock) = (Rc::clone(&self.oracle), self.clock());
        let closed = self.executor.run(async move {
            let closed = db.close().await;
            if closed.is_ok() {
                oracle.borrow_mut().promised(&before, clock.told());
            }
            closed.is_ok()
        });
        self.executor.settle();
        closed.expect("a close is answered")
    }

    /// Drops the last handle: what was acknowledged is synced.
    pub(crate) fn release(&mut self) {
        self.db = None;
        self.executor.settle();
    }

    /// The process dies; files and page cache stay.
    pub(crate) fn kill(&mut self) {
        self.executor.kill();
        self.db = None;
    }

    /// Lets time pass: marks, interval syncs, retries.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.executor.advance(time);
    }

    /// The power fails: of what no sync covered, one of the possible parts is left.
    pub(crate) fn lose_power(&mut self, choice: usize) {
        self.kill();
        let image = self.disk.state().images(choice + 1, choice as u64).last().expect("if only nothing is left");
        self.base += self.disk.ops();
        self.disk = SimDisk::from_image(&image, choice as u64);
        self.disk.record(false);
        self.executor = Executor::new(&self.disk, choice as u64);
    }

    /// What every reader sees now is what was acknowledged, at least; and it survives the process.
    pub(crate) fn look(&self) {
        let shown = found(&self.db().snapshot()).expect("what a snapshot shows is whole");
        self.looked(&shown);
    }

    pub(crate) fn looked(&self, shown: &BTreeSet<Number>) {
        assert_eq!(self.oracle.borrow().check(shown, Crash::Process, self.now()), Ok(()), "in a snapshot");
        self.oracle.borrow_mut().visible(shown, self.now());
    }
}

/// When an answer was given, in operations of the disk.
struct Clock {
    base: usize,
    disk: SimDisk,
    woken_at: Rc<Cell<usize>>,
}

impl Clock {
    fn now(&self) -> usize {
        self.base + self.disk.ops()
    }

    fn told(&self) -> usize {
        self.base + self.woken_at.get()
    }
}

/// All series, made at once.
pub(crate) fn make_all_series(world: &mut World) {
    for series in 0..SERIES {
        world.make_series(series);
    }
}
