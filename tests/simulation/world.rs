//! A database on a simulated disk, with clients whose every answer the oracle hears at the moment it is given.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use timestrata::testing::{Executor, SimDisk, Task};
use timestrata::{Builder, Db, Durability, Error, Select, Snapshot, Timestamp};

use crate::fleeting;
use crate::oracle::{
    self, Backup, Crash, DELETES, Found, Limits, Moment, Number, Oracle, SERIES, count_points, found, found_series,
    key, marked_times, ruled,
};

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
    /// Of the next opening, and what it takes for calls that choose no durability of their own.
    builder: Builder,
    durability: Durability,
    /// Of the next opening, and of this one.
    retain: Limits,
    limits: Limits,
    /// Faults that had struck when this life began.
    struck: u64,
    /// Batches that an interval's end has made durable.
    pub(crate) intervals_over: usize,
    /// Operations of the disks before this one: moments go on over a power loss.
    base: usize,
}

impl World {
    pub(crate) fn new(disk: SimDisk, seed: u64) -> Self {
        let executor = Executor::new(&disk, seed);
        Self {
            disk,
            executor,
            oracle: Rc::default(),
            db: None,
            next: 0,
            builder: small(),
            durability: Durability::Sync,
            retain: Limits::default(),
            limits: Limits::default(),
            struck: 0,
            intervals_over: 0,
            base: 0,
        }
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
    pub(crate) fn clock(&self) -> Clock {
        Clock { base: self.base, disk: self.disk.clone(), woken_at: self.executor.woken_at(), struck: self.struck }
    }

    /// Whether any fault has struck in this life: else no call has a reason to fail.
    pub(crate) fn is_troubled(&self) -> bool {
        self.disk.struck() > self.struck
    }

    /// Options of the openings from now on.
    pub(crate) fn options(&mut self, builder: Builder, durability: Durability) {
        self.builder = builder.durability(durability);
        self.durability = durability;
    }

    /// What the openings from now on are to keep.
    pub(crate) fn retain(&mut self, limits: Limits) {
        self.retain = limits;
    }

    /// Sets the wall clock, forwards or back.
    pub(crate) fn set_clock(&mut self, nanos: i64) {
        self.note_clock(self.now());
        self.disk.set_wall(nanos);
        self.note_clock(self.now());
    }

    /// From `since` on the clock has come no further than it is now.
    fn note_clock(&self, since: usize) {
        self.oracle.borrow_mut().clock(since, self.disk.wall(), self.limits);
    }

    /// The options of the next opening.
    fn options_now(&self) -> Builder {
        let Limits { age, ruled: rule, bytes } = self.retain;
        let mut builder = self.builder.clone();
        if let Some(age) = age {
            builder = builder.retain_for(age);
        }
        if let Some(age) = rule {
            builder = builder.retain_series_for(ruled(), age);
        }
        if let Some(bytes) = bytes {
            builder = builder.retain_bytes(bytes);
        }
        builder
    }

    /// Opens after whatever came before, and holds what is shown to the oracle.
    pub(crate) fn open(&mut self, after: Crash) -> timestrata::Result<()> {
        let crashed = self.now();
        let struck = self.disk.struck();
        let db = self.executor.open(self.options_now()).inspect_err(|error| {
            assert!(self.disk.struck() > struck, "it does not open: {error}");
        })?;
        let struck = self.disk.struck();
        let look = |db: &Db| Ok((found(&db.snapshot())?, found_series(&db.snapshot())?));
        let mut shown: Result<_, String> = look(&db);
        if self.disk.struck() > struck {
            // A planted fault met the look, not the opening.
            self.disk.mend();
            shown = look(&db);
        }
        let (shown, series) = shown.expect("what an opening shows is whole");
        let mut oracle = self.oracle.borrow_mut();
        assert_eq!(oracle.check_series(&series, after, crashed), Ok(()), "after {after:?}");
        assert_eq!(oracle.check(&shown, after, crashed), Ok(()), "after {after:?}");
        oracle.decided(&shown, &series, self.now());
        drop(oracle);
        self.struck = self.disk.struck();
        self.limits = self.retain;
        self.note_clock(crashed);
        self.db = Some(db);
        Ok(())
    }

    /// Opens although a fault may strike; whether none did.
    pub(crate) fn open_again(&mut self, after: Crash) -> bool {
        if self.open(after).is_ok() {
            return true;
        }
        self.mend();
        self.kill();
        self.open(after).unwrap_or_else(|error| panic!("it does not open once mended: {error}"));
        false
    }

    /// From now on nothing goes wrong.
    pub(crate) fn mend(&self) {
        self.disk.mend();
        self.disk.capacity(None);
    }

    /// Leaves room for so many bytes.
    pub(crate) fn fill(&self, room: usize) {
        let image = self.disk.image_live();
        let used: usize = image.files().values().map(|bytes| bytes.len()).sum();
        self.disk.capacity(Some((used + room) as u64));
    }

    /// While one has it open, nobody else gets in, and nothing is touched.
    pub(crate) fn open_twice(&mut self) {
        let (operations, struck) = (self.disk.ops(), self.disk.struck());
        let second = self.executor.open(small());
        let locked = matches!(second, Err(Error::Locked { .. }));
        assert!(locked || second.is_err() && self.disk.struck() > struck, "a second opening: {second:?}");
        assert_eq!(self.disk.ops(), operations, "a second opening changes the disk");
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
            oracle.borrow_mut().sent(number, durability, clock.now());
            let answer = db.write_with(oracle::batch(number), durability).await;
            oracle.borrow_mut().answered(number, clock.moment(), &answer);
        });
        (number, task)
    }

    /// Asks for the marked points of the newest batch that has any to be deleted, without waiting; whether there was one.
    pub(crate) fn send_delete(&mut self) -> bool {
        let Some(batch) = self.oracle.borrow().to_delete() else { return false };
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let (number, durability) = (DELETES + batch, self.durability);
        let (first, last) = marked_times(batch);
        oracle.borrow_mut().sent(number, durability, clock.now());
        drop(self.executor.spawn(async move {
            let range = Timestamp::from_nanos(first)..=Timestamp::from_nanos(last);
            let answer = db.delete(Select::metric("m"), range).await;
            oracle.borrow_mut().answered(number, clock.moment(), &answer);
        }));
        true
    }

    /// The same, to its answer.
    pub(crate) fn delete(&mut self) -> bool {
        let sent = self.send_delete();
        self.executor.settle();
        sent
    }

    /// A compaction of everything to its first answer, good or bad; as durable as a flush.
    pub(crate) fn compact(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let compacted = self.executor.run(async move {
            let compacted = db.compact().await;
            if compacted.is_ok() {
                oracle.borrow_mut().promised(&before, clock.told());
            }
            compacted.is_ok()
        });
        let compacted = compacted.expect("a compaction is answered");
        assert!(compacted || self.is_troubled(), "a compaction fails where nothing failed");
        compacted
    }

    /// Asks for a compaction of everything, without waiting for it.
    pub(crate) fn send_compact(&mut self) {
        let (db, clock) = (self.db().clone(), self.clock());
        drop(self.executor.spawn(async move {
            let compacted = db.compact().await;
            assert!(compacted.is_ok() || clock.moment().troubled, "a compaction fails where nothing failed");
        }));
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
        let durability = self.durability;
        drop(self.executor.spawn(async move {
            let made = match series % 3 {
                0 => db.series(key(series)).await.map(drop),
                1 => db.series_as::<i64>(key(series)).await.map(drop),
                _ => db.series_as::<u64>(key(series)).await.map(drop),
            };
            let excused = clock.moment().troubled || oracle.borrow().closing;
            match made {
                Ok(()) => oracle.borrow_mut().series_made(series, durability, clock.told()),
                Err(error) => assert!(excused, "series {series} is refused where nothing failed: {error}"),
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
        let synced = synced.expect("a sync is answered");
        assert!(synced || self.is_troubled(), "a sync fails where nothing failed");
        synced
    }

    /// A flush to its first answer, good or bad; what was acknowledged before it is durable if good.
    pub(crate) fn flush(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let flushed = self.executor.run(async move {
            let flushed = db.flush().await;
            if flushed.is_ok() {
                assert!(db.stats().flushed_seq >= before.seq, "{:?} after a flush of {}", db.stats(), before.seq);
                oracle.borrow_mut().promised(&before, clock.told());
            }
            flushed.is_ok()
        });
        let flushed = flushed.expect("a flush is answered");
        assert!(flushed || self.is_troubled(), "a flush fails where nothing failed");
        flushed
    }

    /// A backup, and whether it was made. What is acknowledged and nothing more is in it: no client is writing.
    pub(crate) fn backup(&mut self, dir: &'static str) -> bool {
        self.executor.settle();
        let snapshot = self.db().snapshot();
        let batches = found(&snapshot).expect("what a snapshot shows is whole");
        let series = found_series(&snapshot).expect("what a snapshot shows is whole");
        self.oracle.borrow_mut().backups.push(Backup { dir, batches, series, told: None });
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let made = self.executor.run(async move {
            let made = db.backup(dir).await;
            if made.is_ok()
                && let Some(backup) = oracle.borrow_mut().backups.last_mut()
            {
                backup.told = Some(clock.now());
            }
            made.is_ok()
        });
        let made = made.expect("a backup is answered");
        assert!(made || self.is_troubled(), "a backup fails where nothing failed");
        made
    }

    /// Closes; whether it went well. Everything acknowledged is then durable.
    pub(crate) fn close(&mut self) -> bool {
        let db = self.db.take().expect("the scenario has opened it");
        let before = self.oracle.borrow().acknowledged();
        self.oracle.borrow_mut().closing = true;
        let (oracle, clock) = (Rc::clone(&self.oracle), self.clock());
        let closed = self.executor.run(async move {
            let closed = db.close().await;
            if closed.is_ok() {
                oracle.borrow_mut().promised(&before, clock.told());
            }
            closed.is_ok()
        });
        self.executor.settle();
        let closed = closed.expect("a close is answered");
        assert!(closed || self.is_troubled(), "a close fails where nothing failed");
        closed
    }

    /// Drops the last handle: what was acknowledged is synced.
    pub(crate) fn release(&mut self) {
        self.executor.settle();
        let before = self.oracle.borrow().acknowledged();
        self.db = None;
        self.executor.settle();
        if !self.is_troubled() {
            self.oracle.borrow_mut().promised(&before, self.now());
        }
    }

    /// The process dies; files and page cache stay.
    pub(crate) fn kill(&mut self) {
        self.executor.kill();
        self.db = None;
    }

    /// Lets time pass: marks, interval syncs, retries.
    pub(crate) fn wait(&mut self, time: Duration) {
        let since = self.now();
        self.executor.advance(time);
        self.note_clock(since);
        if !self.is_troubled() {
            let over = self.oracle.borrow_mut().intervals_over(self.disk.now(), self.now());
            self.intervals_over += over;
        }
    }

    /// The power fails: of what no sync covered, one of the possible parts is left.
    pub(crate) fn lose_power(&mut self, choice: usize) {
        self.kill();
        let image = self.disk.state().images(choice + 1, choice as u64).last().expect("if only nothing is left");
        self.base += self.disk.ops();
        self.disk = SimDisk::from_image(&image, choice as u64);
        self.struck = 0;
        self.disk.record(false);
        self.executor = Executor::new(&self.disk, choice as u64);
    }

    /// What a snapshot shows, unless a fault strikes the read.
    pub(crate) fn shown(&self, snapshot: &Snapshot) -> Option<Found> {
        let struck = self.disk.struck();
        match found(snapshot) {
            Ok(shown) => Some(shown),
            Err(what) if self.disk.struck() > struck && what.contains("a read fails") => None,
            Err(what) => panic!("{what}"),
        }
    }

    /// What every reader sees now is what was acknowledged, at least; and it survives the process.
    pub(crate) fn look(&self) -> Option<Found> {
        let shown = self.shown(&self.db().snapshot())?;
        // What is deleted is counted until a merge has taken it out.
        let (seen, written) = count_points(&shown);
        let counted = self.db().stats().points;
        assert!(
            (seen..=written.saturating_add(fleeting::MOST_POINTS)).contains(&counted),
            "{counted} points are counted, {seen} seen of {written}"
        );
        self.looked(&shown);
        Some(shown)
    }

    /// The same when nothing is under way any more: a write that was given up is there by now, or never will be.
    pub(crate) fn look_settled(&self) {
        let shown = found(&self.db().snapshot()).expect("what a snapshot shows is whole");
        self.looked(&shown);
        self.oracle.borrow_mut().settled(&shown, self.now());
    }

    /// Whoever sent it hears nothing of it any more, unless the answer is already there.
    pub(crate) fn give_up(&mut self, number: Number, task: &Task<()>) {
        if task.take().is_none() {
            self.executor.cancel(task);
            self.oracle.borrow_mut().cancelled(number);
        }
    }

    pub(crate) fn looked(&self, shown: &Found) {
        // Whoever waited for an answer may have let time pass.
        self.note_clock(self.now());
        assert_eq!(self.oracle.borrow().check_snapshot(shown, self.now()), Ok(()), "in a snapshot");
        self.oracle.borrow_mut().visible(shown, self.now());
    }
}

/// When an answer was given, in operations of the disk.
pub(crate) struct Clock {
    base: usize,
    disk: SimDisk,
    woken_at: Rc<Cell<usize>>,
    /// Faults that had struck when the life began.
    struck: u64,
}

impl Clock {
    fn now(&self) -> usize {
        self.base + self.disk.ops()
    }

    fn told(&self) -> usize {
        self.base + self.woken_at.get()
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { operations: self.told(), time: self.disk.now(), troubled: self.disk.struck() > self.struck }
    }
}

/// All series, made at once.
pub(crate) fn make_all_series(world: &mut World) {
    for series in 0..SERIES {
        world.make_series(series);
    }
}
