//! A database on a simulated disk, with clients. The oracle records every answer at the moment of the answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use timestrata::testing::{Executor, SimDisk, TaskHandle};
use timestrata::{Db, DbBuilder, Durability, Error, Selector, Snapshot, Timestamp};

use crate::fleeting;
use crate::oracle::{
    self, Backup, Crash, DELETES, Found, Limits, Moment, Number, Oracle, SERIES, count_points, found, found_series,
    key, marked_times, ruled,
};

pub(crate) const DIR: &str = "/data/db";

/// Returns options that cause freezes, flushes and rotations after a few batches.
pub(crate) fn small() -> DbBuilder {
    Db::builder(DIR).flush_at_bytes(12 << 10).wal_segment_bytes(4 << 10)
}

/// Disk, executor, oracle and, while it is open, the database.
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) executor: Executor,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
    pub(crate) db: Option<Db>,
    next: Number,
    /// Number of the next change of metadata.
    pub(crate) changes: Rc<Cell<Number>>,
    /// Options of the next opening, and the durability of calls that have no durability argument.
    builder: DbBuilder,
    durability: Durability,
    /// Retention limits of the next opening, and of the current one.
    retain: Limits,
    limits: Limits,
    /// Grace of retention of the next opening, and of the current one. Without one, what a jump of the clock may hide is
    /// hidden at once, while a crash is near.
    grace: Duration,
    open_grace: Duration,
    /// While the wall clock is wrong: the time that a right clock showed when it jumped, and the time of the timers then.
    right_clock: Option<(i64, Duration)>,
    /// Number of faults that had occurred when this opening began.
    struck: u64,
    /// Number of batches that the end of an interval has made durable.
    pub(crate) intervals_over: usize,
    /// Operations of the disks before this one: moments continue after a power loss.
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
            changes: Rc::default(),
            builder: small(),
            durability: Durability::Sync,
            retain: Limits::default(),
            limits: Limits::default(),
            grace: Duration::ZERO,
            open_grace: Duration::ZERO,
            right_clock: None,
            struck: 0,
            intervals_over: 0,
            base: 0,
        }
    }

    pub(crate) fn db(&self) -> &Db {
        self.db.as_ref().expect("the scenario has opened it")
    }

    /// Returns the number of the next batch.
    pub(crate) fn next_number(&self) -> Number {
        self.next
    }

    /// Returns the durability of calls that have no durability argument.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Returns the number of operations of the disk.
    pub(crate) fn now(&self) -> usize {
        self.base + self.disk.ops()
    }

    /// Returns the clock for the answers of a task.
    pub(crate) fn clock(&self) -> Clock {
        Clock { base: self.base, disk: self.disk.clone(), woken_at: self.executor.woken_at(), struck: self.struck }
    }

    /// Returns `true` if any fault has occurred in this opening; otherwise no call has a reason to fail.
    pub(crate) fn is_troubled(&self) -> bool {
        self.disk.faults_hit() > self.struck
    }

    /// Sets the options of later openings.
    pub(crate) fn options(&mut self, builder: DbBuilder, durability: Durability) {
        self.builder = builder.durability(durability);
        self.durability = durability;
    }

    /// Sets the retention limits of later openings.
    pub(crate) fn retain(&mut self, limits: Limits) {
        self.retain = limits;
    }

    /// Sets the grace of retention of later openings.
    pub(crate) fn grace(&mut self, grace: Duration) {
        self.grace = grace;
    }

    /// Sets the wall clock to the right time, forwards or backwards.
    pub(crate) fn set_clock(&mut self, nanos: i64) {
        self.note_clock(self.now());
        self.right_clock = None;
        self.disk.set_wall(nanos);
        self.note_clock(self.now());
    }

    /// Sets the wall clock to a wrong time. Under a grace, retention hides no more than under the right time.
    pub(crate) fn set_wrong_clock(&mut self, nanos: i64) {
        self.note_clock(self.now());
        self.right_clock = self.right_clock.or(Some((self.disk.wall(), self.disk.now())));
        self.disk.set_wall(nanos);
        self.note_clock(self.now());
    }

    /// Sets a wrong wall clock to the right time.
    pub(crate) fn set_clock_right(&mut self) {
        if let Some(right) = self.right_time() {
            self.set_clock(right);
        }
    }

    /// Returns the right time while the wall clock is wrong.
    fn right_time(&self) -> Option<i64> {
        let (wall, at) = self.right_clock?;
        let elapsed = self.disk.now().saturating_sub(at).as_nanos();
        Some(wall.saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX)))
    }

    /// Records the present wall clock, or the right one under a grace, as an upper bound since `since`.
    fn note_clock(&self, since: usize) {
        let right = self.right_time().filter(|_| !self.open_grace.is_zero());
        let wall = right.unwrap_or_else(|| self.disk.wall());
        self.oracle.borrow_mut().clock(since, wall, self.limits);
    }

    /// Applies retention without a grace, by the wall clock as it is.
    pub(crate) fn apply_retention_now(&mut self) -> bool {
        self.right_clock = None;
        self.note_clock(self.now());
        let db = self.db().clone();
        let applied = self.executor.block_on(async move { db.apply_retention_now().await });
        let applied = applied.expect("retention is answered").is_ok();
        assert!(applied || self.is_troubled(), "retention fails where nothing failed");
        applied
    }

    /// Returns the options of the next opening.
    fn options_now(&self) -> DbBuilder {
        let Limits { age, ruled: rule, bytes } = self.retain;
        let mut builder = self.builder.clone().retention_grace(self.grace);
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

    /// Opens the database after any history, and checks its content against the oracle.
    pub(crate) fn open(&mut self, after: Crash) -> timestrata::Result<()> {
        let crashed = self.now();
        let before = self.disk.faults_hit();
        let struck = before;
        let db = self.executor.open(self.options_now()).inspect_err(|error| {
            assert!(self.disk.faults_hit() > struck, "it does not open: {error}");
        })?;
        let struck = self.disk.faults_hit();
        let look = |db: &Db| Ok((found(&db.snapshot())?, found_series(&db.snapshot())?));
        let mut shown: Result<_, String> = look(&db);
        if self.disk.faults_hit() > struck {
            // An injected fault made the check fail, not the opening.
            self.disk.clear_faults();
            shown = look(&db);
        }
        let (shown, series) = shown.expect("what an opening shows is whole");
        let mut oracle = self.oracle.borrow_mut();
        assert_eq!(oracle.check_series(&series, after, crashed), Ok(()), "after {after:?}");
        assert_eq!(oracle.check(&shown, after, crashed), Ok(()), "after {after:?}");
        oracle.decided(&shown, &series, self.now());
        drop(oracle);
        // An opening that a full disk has struck lacks its reserve: writes fail until there is room for one.
        self.struck = if struck > before { before } else { self.disk.faults_hit() };
        self.limits = self.retain;
        self.open_grace = self.grace;
        self.note_clock(crashed);
        self.db = Some(db);
        Ok(())
    }

    /// Opens the database although a fault may occur. Returns `true` if no fault made it fail.
    pub(crate) fn open_again(&mut self, after: Crash) -> bool {
        if self.open(after).is_ok() {
            return true;
        }
        self.mend();
        self.kill();
        self.open(after).unwrap_or_else(|error| panic!("it does not open once mended: {error}"));
        false
    }

    /// Removes all faults and limits of the disk.
    pub(crate) fn mend(&self) {
        self.disk.clear_faults();
        self.disk.capacity(None);
    }

    /// Limits the free space to a number of bytes.
    pub(crate) fn fill(&self, room: usize) {
        let image = self.disk.live_image();
        let used: usize = image.files().values().map(|bytes| bytes.len()).sum();
        self.disk.capacity(Some((used + room) as u64));
    }

    /// Checks that a second opening fails while the database is open, and changes nothing.
    pub(crate) fn open_twice(&mut self) {
        let (operations, struck) = (self.disk.ops(), self.disk.faults_hit());
        let second = self.executor.open(small());
        let locked = matches!(second, Err(Error::Locked { .. }));
        assert!(locked || second.is_err() && self.disk.faults_hit() > struck, "a second opening: {second:?}");
        assert_eq!(self.disk.ops(), operations, "a second opening changes the disk");
    }

    /// Sends the next batch. Its task ends with its answer.
    pub(crate) fn send(&mut self, durability: Durability) -> TaskHandle<()> {
        self.send_numbered(durability).1
    }

    /// Does the same, and also returns the batch's number.
    pub(crate) fn send_numbered(&mut self, durability: Durability) -> (Number, TaskHandle<()>) {
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

    /// Requests the delete of the marked points of the newest batch that has some, without waiting. Returns `true` if
    /// there was such a batch.
    pub(crate) fn send_delete(&mut self) -> bool {
        let Some(batch) = self.oracle.borrow().to_delete() else { return false };
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let (number, durability) = (DELETES + batch, self.durability);
        let (first, last) = marked_times(batch);
        oracle.borrow_mut().sent(number, durability, clock.now());
        drop(self.executor.spawn(async move {
            let range = Timestamp::from_nanos(first)..=Timestamp::from_nanos(last);
            let answer = db.delete(Selector::metric("m"), range).await;
            oracle.borrow_mut().answered(number, clock.moment(), &answer);
        }));
        true
    }

    /// Does the same, and waits for the answer.
    pub(crate) fn delete(&mut self) -> bool {
        let sent = self.send_delete();
        self.executor.run_until_idle();
        sent
    }

    /// Requests a compaction of everything and waits for its first answer, success or failure. It makes data durable
    /// like a flush.
    pub(crate) fn compact(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let compacted = self.executor.block_on(async move {
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

    /// Requests a compaction of everything, without waiting for it.
    pub(crate) fn send_compact(&mut self) {
        let (db, clock) = (self.db().clone(), self.clock());
        drop(self.executor.spawn(async move {
            let compacted = db.compact().await;
            assert!(compacted.is_ok() || clock.moment().troubled, "a compaction fails where nothing failed");
        }));
    }

    /// Sends batches of several clients, which form one group, and waits for their answers.
    pub(crate) fn write(&mut self, durabilities: &[Durability]) {
        for durability in durabilities {
            drop(self.send(*durability));
        }
        self.executor.run_until_idle();
    }

    /// Writes one synced batch.
    pub(crate) fn write_one(&mut self) {
        self.write(&[Durability::Sync]);
    }

    pub(crate) fn make_series(&mut self, series: u32) {
        self.send_series(series);
        self.executor.run_until_idle();
    }

    /// Requests a series without waiting for it.
    pub(crate) fn send_series(&mut self, series: u32) {
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let durability = self.durability;
        drop(self.executor.spawn(async move {
            let made = match series % 3 {
                0 => db.create_series(key(series)).await.map(drop),
                1 => db.create_series(key(series)).value_type::<i64>().await.map(drop),
                _ => db.create_series(key(series)).value_type::<u64>().await.map(drop),
            };
            let excused = clock.moment().troubled || oracle.borrow().closing;
            match made {
                Ok(()) => oracle.borrow_mut().series_made(series, durability, clock.told()),
                Err(error) => assert!(excused, "series {series} is refused where nothing failed: {error}"),
            }
        }));
    }

    /// Syncs. After success, everything that was acknowledged before is durable.
    pub(crate) fn sync(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let synced = self.executor.block_on(async move {
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

    /// Requests a flush and waits for its first answer, success or failure. After success, everything that was
    /// acknowledged before is durable.
    pub(crate) fn flush(&mut self) -> bool {
        let before = self.oracle.borrow().acknowledged();
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let flushed = self.executor.block_on(async move {
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

    /// Makes a backup. Returns `true` on success. The backup holds exactly the acknowledged data, because no client is
    /// writing.
    pub(crate) fn backup(&mut self, dir: &'static str) -> bool {
        self.executor.run_until_idle();
        let snapshot = self.db().snapshot();
        let batches = found(&snapshot).expect("what a snapshot shows is whole");
        let series = found_series(&snapshot).expect("what a snapshot shows is whole");
        self.oracle.borrow_mut().backups.push(Backup { dir, batches, series, told: None });
        let (db, oracle, clock) = (self.db().clone(), Rc::clone(&self.oracle), self.clock());
        let made = self.executor.block_on(async move {
            let made = db.backup(dir).await;
            // On a full disk a backup may hold only what was flushed.
            if made.as_ref().is_ok_and(|made| made.unflushed == 0)
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

    /// Closes the database. Returns `true` on success: everything acknowledged is then durable.
    pub(crate) fn close(&mut self) -> bool {
        let db = self.db.take().expect("the scenario has opened it");
        let before = self.oracle.borrow().acknowledged();
        self.oracle.borrow_mut().closing = true;
        let (oracle, clock) = (Rc::clone(&self.oracle), self.clock());
        let closed = self.executor.block_on(async move {
            let closed = db.close().await;
            if closed.is_ok() {
                oracle.borrow_mut().promised(&before, clock.told());
            }
            closed.is_ok()
        });
        self.executor.run_until_idle();
        let closed = closed.expect("a close is answered");
        assert!(closed || self.is_troubled(), "a close fails where nothing failed");
        closed
    }

    /// Drops the last handle: acknowledged data is synced.
    pub(crate) fn release(&mut self) {
        self.executor.run_until_idle();
        let before = self.oracle.borrow().acknowledged();
        self.db = None;
        self.executor.run_until_idle();
        if !self.is_troubled() {
            self.oracle.borrow_mut().promised(&before, self.now());
        }
    }

    /// Kills the process. Files and page cache stay.
    pub(crate) fn kill(&mut self) {
        self.executor.kill();
        self.db = None;
    }

    /// Lets time pass: sync marks, interval syncs, retries.
    pub(crate) fn wait(&mut self, time: Duration) {
        let since = self.now();
        self.executor.advance(time);
        self.note_clock(since);
        if !self.is_troubled() {
            let over = self.oracle.borrow_mut().intervals_over(self.disk.now(), self.now());
            self.intervals_over += over;
        }
    }

    /// Fails the power. Of the data that no sync covered, one of the possible parts remains.
    pub(crate) fn lose_power(&mut self, choice: usize) {
        self.kill();
        let image = self.disk.state().images(choice + 1, choice as u64).last().expect("if only nothing is left");
        self.base += self.disk.ops();
        self.disk = SimDisk::from_image(&image, choice as u64);
        self.right_clock = None;
        self.struck = 0;
        self.disk.record(false);
        self.executor = Executor::new(&self.disk, choice as u64);
    }

    /// Returns the content of a snapshot, or `None` if a fault makes the read fail.
    pub(crate) fn shown(&self, snapshot: &Snapshot) -> Option<Found> {
        let struck = self.disk.faults_hit();
        match found(snapshot) {
            Ok(shown) => Some(shown),
            Err(what) if self.disk.faults_hit() > struck && what.contains("a read fails") => None,
            Err(what) => panic!("{what}"),
        }
    }

    /// Checks that every reader sees at least the acknowledged data. The visible data survives the process from now on.
    pub(crate) fn look(&self) -> Option<Found> {
        let shown = self.shown(&self.db().snapshot())?;
        // Deleted points are counted until a merge removes them.
        let (seen, written) = count_points(&shown);
        let counted = self.db().stats().points;
        assert!(
            (seen..=written.saturating_add(fleeting::MOST_POINTS)).contains(&counted),
            "{counted} points are counted, {seen} seen of {written}"
        );
        self.looked(&shown);
        Some(shown)
    }

    /// Does the same when no operation is running: a cancelled write is visible now or stays absent.
    pub(crate) fn look_settled(&self) {
        let shown = found(&self.db().snapshot()).expect("what a snapshot shows is whole");
        self.looked(&shown);
        self.oracle.borrow_mut().settled(&shown, self.now());
    }

    /// Cancels a write: its client receives no answer, unless the answer is already there.
    pub(crate) fn give_up(&mut self, number: Number, task: &TaskHandle<()>) {
        if task.take().is_none() {
            self.executor.cancel(task);
            self.oracle.borrow_mut().cancelled(number);
        }
    }

    pub(crate) fn looked(&self, shown: &Found) {
        // Time may have passed while a caller waited for an answer.
        self.note_clock(self.now());
        assert_eq!(self.oracle.borrow().check_snapshot(shown, self.now()), Ok(()), "in a snapshot");
        self.oracle.borrow_mut().visible(shown, self.now());
    }
}

/// The time of an answer, in operations of the disk.
pub(crate) struct Clock {
    base: usize,
    disk: SimDisk,
    woken_at: Rc<Cell<usize>>,
    /// Number of faults that had occurred when the opening began.
    struck: u64,
}

impl Clock {
    pub(crate) fn now(&self) -> usize {
        self.base + self.disk.ops()
    }

    fn told(&self) -> usize {
        self.base + self.woken_at.get()
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { operations: self.told(), time: self.disk.now(), troubled: self.disk.faults_hit() > self.struck }
    }
}

/// Creates all series at once.
pub(crate) fn make_all_series(world: &mut World) {
    for series in 0..SERIES {
        world.make_series(series);
    }
}
