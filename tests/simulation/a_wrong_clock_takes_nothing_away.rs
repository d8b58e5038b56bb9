//! A clock that jumps, together with points that are stamped by it, hides nothing before it has been so for a grace.

use std::collections::BTreeSet;
use std::time::Duration;

use timestrata::testing::{Executor, SimDisk};
use timestrata::{Ack, Batch, Db, DbBuilder, Error, RejectReason, SeriesKey, Timestamp};

pub(crate) const DAY: Duration = Duration::from_hours(24);
/// The default grace of an age of 30 days.
pub(crate) const GRACE: Duration = Duration::from_hours(90);
/// Wall clock of the first point: 2026-01-01.
pub(crate) const START: i64 = 1_767_225_600_000_000_000;

/// A database on a simulated disk, whose clocks the test sets.
pub(crate) struct SimDb {
    pub(crate) disk: SimDisk,
    pub(crate) executor: Executor,
}

pub(crate) fn days(days: i64) -> i64 {
    days * i64::try_from(DAY.as_nanos()).unwrap()
}

pub(crate) fn key() -> SeriesKey {
    SeriesKey::new("temp")
}

pub(crate) fn builder() -> DbBuilder {
    Db::builder("/data/db").retain_for(30 * DAY)
}

impl SimDb {
    pub(crate) fn new() -> Self {
        let disk = SimDisk::new(1);
        disk.set_wall(START);
        Self { executor: Executor::new(&disk, 1), disk }
    }

    pub(crate) fn open(&mut self, builder: DbBuilder) -> Db {
        self.executor.open(builder).unwrap()
    }

    /// Writes one point that is stamped by the wall clock, and flushes.
    fn write_now(&mut self, db: &Db) -> Ack {
        let mut batch = Batch::new();
        batch.push_key(&key(), Timestamp::from_nanos(self.disk.wall()), 1.0);
        let ack = self.write(db, batch).unwrap();
        self.flush(db);
        ack
    }

    pub(crate) fn write(&mut self, db: &Db, batch: Batch) -> timestrata::Result<Ack> {
        let db = db.clone();
        self.executor.block_on(async move { db.write(batch).await }).expect("a write is answered")
    }

    pub(crate) fn compact(&mut self, db: &Db) {
        let db = db.clone();
        self.executor.block_on(async move { db.compact().await }).unwrap().unwrap();
    }

    pub(crate) fn flush(&mut self, db: &Db) {
        let db = db.clone();
        self.executor.block_on(async move { db.flush().await }).unwrap().unwrap();
        self.executor.run_until_idle();
    }

    pub(crate) fn apply_now(&mut self, db: &Db) {
        let db = db.clone();
        self.executor.block_on(async move { db.apply_retention_now().await }).unwrap().unwrap();
    }

    pub(crate) fn close(&mut self, db: Db) {
        self.executor.block_on(async move { db.close().await }).unwrap().unwrap();
        self.executor.run_until_idle();
    }

    /// Writes a point a day for `count` days, while the clocks go on.
    fn write_days(&mut self, db: &Db, count: usize) {
        for _ in 0..count {
            _ = self.write_now(db);
            self.executor.advance(DAY);
        }
    }

    fn visible(db: &Db) -> usize {
        Self::visible_times(db).len()
    }

    /// Returns the timestamps of the visible points.
    fn visible_times(db: &Db) -> Vec<i64> {
        let snapshot = db.snapshot();
        let Ok(series) = snapshot.series::<f64>(&key()) else { return Vec::new() };
        let points = snapshot.scan(series, ..).collect_blocking().unwrap();
        points.iter().map(|point| point.timestamp.as_nanos()).collect()
    }

    /// Moves the wall clock, and no other clock.
    fn jump(&self, by: i64) {
        self.disk.set_wall(self.disk.wall() + by);
    }
}

/// The clock is 40 days ahead, one point is stamped by it, then the clock is right again.
#[test]
fn a_clock_ahead_and_a_point_that_it_stamped_hide_nothing() {
    let mut sim = SimDb::new();
    let db = sim.open(builder());
    sim.write_days(&db, 10);
    let files = db.stats().files;
    sim.jump(days(40));
    _ = sim.write_now(&db);
    let stats = db.stats();
    let pending = stats.pending_retention.expect("the move waits");
    assert_eq!(pending.cutoff, Some(Timestamp::from_nanos(START + days(20))), "{pending:?}");
    assert_eq!((stats.files_dropped, SimDb::visible(&db)), (0, 11), "{stats:?}");
    assert!(stats.files > files, "{stats:?}");
    sim.executor.advance(DAY);
    assert_eq!(SimDb::visible(&db), 11, "after a day");
    sim.jump(-days(40));
    let ack = sim.write_now(&db);
    assert_eq!((ack.points_behind_cutoff, SimDb::visible(&db)), (0, 12));
    assert_eq!(db.stats().pending_retention, None, "clock and elapsed time agree again");
    sim.executor.advance(15 * DAY);
    assert_eq!(SimDb::visible(&db), 12, "no point is older than 30 days");
    sim.executor.advance(8 * DAY);
    assert!(SimDb::visible(&db) < 12, "retention goes on by the right clock");
    sim.close(db);
}

/// The same, while the process is off: it starts with a wrong clock, and later with the right one.
#[test]
fn a_clock_that_jumps_while_the_process_is_off_hides_nothing() {
    let mut sim = SimDb::new();
    let db = sim.open(builder());
    sim.write_days(&db, 10);
    sim.close(db);
    sim.jump(days(40));
    let db = sim.open(builder());
    _ = sim.write_now(&db);
    assert!(db.stats().pending_retention.is_some(), "{:?}", db.stats());
    sim.executor.advance(Duration::from_hours(2));
    sim.close(db);
    let db = sim.open(builder());
    let left = db.open_report().pending_retention.expect("it still waits").grace_left;
    assert!(left <= GRACE.saturating_sub(Duration::from_hours(2)), "{left:?} are left after two hours");
    assert_eq!(SimDb::visible(&db), 11);
    sim.close(db);
    sim.jump(-days(40));
    let db = sim.open(builder());
    assert_eq!(db.open_report().pending_retention, None);
    let ack = sim.write_now(&db);
    assert_eq!((ack.points_behind_cutoff, SimDb::visible(&db)), (0, 12));
    sim.close(db);
}

/// Time that passed while the database was closed is applied after the grace, which openings serve together. A kill
/// loses at most five minutes of it.
#[test]
fn a_move_is_applied_after_its_grace_over_several_openings() {
    let mut sim = SimDb::new();
    let db = sim.open(builder());
    sim.write_days(&db, 10);
    sim.close(db);
    // A long vacation.
    sim.jump(days(35));
    let mut left = Duration::from_hours(90);
    for opening in 0.. {
        let db = sim.open(builder());
        _ = sim.write_now(&db);
        let Some(pending) = db.stats().pending_retention else {
            assert!((14..=16).contains(&opening), "{opening} openings of 6 hours");
            assert_eq!(SimDb::visible(&db), opening + 1, "the points since the vacation: {:?}", db.stats());
            sim.close(db);
            break;
        };
        assert!(pending.grace_left <= left, "{pending:?}, {left:?} before");
        assert_eq!(db.stats().files_dropped, 0);
        sim.executor.advance(Duration::from_hours(6));
        left = pending.grace_left.saturating_sub(Duration::from_hours(6) - Duration::from_mins(5));
        if opening % 2 == 0 {
            sim.close(db);
        } else {
            sim.executor.kill();
            drop(db);
        }
    }
}

#[test]
fn a_much_shorter_age_waits_until_the_owner_applies_it() {
    let mut sim = SimDb::new();
    let db = sim.open(builder());
    sim.write_days(&db, 10);
    sim.apply_now(&db);
    sim.close(db);
    let db = sim.open(Db::builder("/data/db").retain_for(2 * DAY));
    sim.flush(&db);
    let pending = db.stats().pending_retention.expect("the shorter age waits");
    assert_eq!(db.open_report().pending_retention.map(|pending| pending.cutoff), Some(pending.cutoff));
    assert_eq!(SimDb::visible(&db), 10);
    sim.apply_now(&db);
    let stats = db.stats();
    assert_eq!((stats.pending_retention, stats.retention_cutoff), (None, pending.cutoff));
    assert_eq!(SimDb::visible(&db), 3, "{stats:?}");
    sim.close(db);
}

#[test]
fn a_write_behind_the_cutoff_is_counted_or_refused() {
    let mut sim = SimDb::new();
    let db = sim.open(builder().retention_grace(Duration::ZERO));
    sim.write_days(&db, 40);
    sim.flush(&db);
    let late = || {
        let mut batch = Batch::new();
        for day in [0, 39, 1] {
            batch.push_key(&key(), Timestamp::from_nanos(START + days(day) + 1), 1.0);
        }
        batch
    };
    let ack = sim.write(&db, late()).unwrap();
    assert_eq!((ack.points_behind_cutoff, db.stats().points_behind_cutoff), (2, 2));
    let seq = db.stats().seq;
    sim.close(db);
    let db = sim.open(builder().reject_behind_cutoff(true));
    let refused = sim.write(&db, late());
    let Err(Error::RejectedPoints { points, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(points.iter().map(|point| point.index).collect::<Vec<_>>(), [0, 2]);
    assert!(matches!(points[0].reason, RejectReason::BehindCutoff { .. }), "{points:?}");
    assert_eq!((db.stats().seq, db.stats().points_behind_cutoff), (seq, 0));
    sim.close(db);
}

/// An age of more than 292 years does not fit in a timestamp.
#[test]
fn an_age_of_four_hundred_years_keeps_everything() {
    let mut sim = SimDb::new();
    // In 1720, more than 292 years before the present.
    let old = -days(365 * 250);
    let db = sim.open(Db::builder("/data/db").retain_for(400 * 365 * DAY));
    let mut batch = Batch::new();
    for nanos in [old, START] {
        batch.push_key(&key(), Timestamp::from_nanos(nanos), 1.0);
    }
    _ = sim.write(&db, batch).unwrap();
    sim.flush(&db);
    sim.apply_now(&db);
    assert_eq!((SimDb::visible(&db), db.stats().retention_cutoff), (2, None));
    sim.close(db);
}

/// The owner applies retention while the clock is ahead. Once the clock is right, what is written is visible; what was
/// hidden stays hidden, in the database and in a backup.
#[test]
fn a_cutoff_of_a_wrong_clock_is_taken_back_and_brings_nothing_back() {
    for on_request in [false, true] {
        let mut sim = SimDb::new();
        let db = sim.open(builder());
        sim.write_days(&db, 10);
        sim.jump(days(40));
        _ = sim.write_now(&db);
        sim.apply_now(&db);
        assert_eq!(SimDb::visible(&db), 1);
        sim.jump(-days(40));
        let ack = sim.write_now(&db);
        assert_eq!((ack.points_behind_cutoff, SimDb::visible(&db)), (1, 1), "not silent");
        if on_request {
            sim.apply_now(&db);
        } else {
            sim.executor.advance(Duration::from_hours(2));
        }
        let cutoff = db.stats().retention_cutoff.unwrap().as_nanos();
        assert!(cutoff <= sim.disk.wall() - days(30), "{cutoff}");
        assert_eq!(SimDb::visible(&db), 1, "what was hidden stays hidden");
        // A backup has no record behind the last flush, so not the delete that hides these points.
        let (copy, handle) = (format!("/data/copy-{on_request}"), db.clone());
        let target = copy.clone();
        sim.executor.block_on(async move { handle.backup(target).await }).unwrap().unwrap();
        assert_eq!(sim.write_now(&db).points_behind_cutoff, 0);
        assert_eq!(SimDb::visible(&db), 2);
        sim.compact(&db);
        assert_eq!(SimDb::visible(&db), 2, "{:?}", db.stats());
        sim.executor.kill();
        drop(db);
        let db = sim.open(builder());
        assert_eq!(SimDb::visible(&db), 2);
        sim.close(db);
        let db = sim.open(Db::builder(copy));
        assert_eq!(SimDb::visible(&db), 1, "in the backup");
        sim.close(db);
    }
}

/// An opening with a longer age shows what is written late, and nothing that was hidden.
#[test]
fn a_longer_age_takes_the_cutoff_back() {
    let mut sim = SimDb::new();
    let short = || Db::builder("/data/db").retain_for(2 * DAY);
    let db = sim.open(short());
    sim.write_days(&db, 10);
    sim.apply_now(&db);
    assert_eq!(SimDb::visible(&db), 3);
    sim.close(db);
    let db = sim.open(builder());
    let mut batch = Batch::new();
    batch.push_key(&key(), Timestamp::from_nanos(START + days(1) + 1), 1.0);
    let ack = sim.write(&db, batch).unwrap();
    assert_eq!((ack.points_behind_cutoff, SimDb::visible(&db)), (0, 4));
    sim.flush(&db);
    sim.executor.kill();
    drop(db);
    let db = sim.open(builder());
    assert_eq!(SimDb::visible(&db), 4);
    sim.close(db);
}

/// The process or the power fails at any operation while a cutoff is taken back, and a point is written behind it.
#[test]
fn a_crash_while_a_cutoff_is_taken_back_brings_nothing_back() {
    let mut sim = SimDb::new();
    let db = sim.open(builder());
    sim.write_days(&db, 10);
    sim.jump(days(40));
    let ahead = sim.disk.wall();
    _ = sim.write_now(&db);
    sim.apply_now(&db);
    sim.jump(-days(40));
    let right = sim.disk.wall();
    let first = sim.disk.ops();
    sim.apply_now(&db);
    _ = sim.write_now(&db);
    let acknowledged = sim.disk.ops();
    sim.compact(&db);
    assert_eq!(SimDb::visible_times(&db), [right, ahead]);
    let (mut state, log) = (sim.disk.base(), sim.disk.log());
    let mut checked = 0;
    for operation in 1..=log.len() {
        state.apply(&log[operation - 1]);
        if operation < first {
            continue;
        }
        let killed = SimDisk::from_state(state.clone(), 5);
        let images = state.images(16, operation as u64).map(|image| SimDisk::from_image(&image, 3));
        for disk in images.chain([killed]) {
            disk.record(false);
            disk.set_wall(right);
            let mut sim = SimDb { executor: Executor::new(&disk, 1), disk };
            let db = sim.open(builder());
            // The opening takes both steps of taking the cutoff back, the second one, or none.
            for _ in 0..2 {
                let seen: BTreeSet<i64> = SimDb::visible_times(&db).into_iter().collect();
                let must: BTreeSet<i64> = if operation < acknowledged { [ahead].into() } else { [right, ahead].into() };
                let may: BTreeSet<i64> = [right, ahead].into();
                assert!(must.is_subset(&seen) && seen.is_subset(&may), "after operation {operation}: {seen:?}");
                sim.executor.advance(Duration::from_hours(2));
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked} crashes");
}
