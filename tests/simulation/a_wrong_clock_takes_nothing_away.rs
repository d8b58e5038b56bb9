//! A clock that jumps, together with points that are stamped by it, hides nothing before it has been so for a grace.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use timestrata::testing::{Executor, SimDisk};
use timestrata::{Ack, Batch, Db, DbBuilder, Error, RejectReason, SeriesKey, Timestamp};

const DAY: Duration = Duration::from_hours(24);
/// Wall clock of the first point: 2026-01-01.
const START: i64 = 1_767_225_600_000_000_000;

struct House {
    disk: SimDisk,
    executor: Executor,
}

fn days(days: i64) -> i64 {
    days * i64::try_from(DAY.as_nanos()).unwrap()
}

fn key() -> SeriesKey {
    SeriesKey::new("temp")
}

fn builder() -> DbBuilder {
    Db::builder("/data/db").retain_for(30 * DAY)
}

impl House {
    fn new() -> Self {
        let disk = SimDisk::new(1);
        disk.set_wall(START);
        Self { executor: Executor::new(&disk, 1), disk }
    }

    fn open(&mut self, builder: DbBuilder) -> Db {
        self.executor.open(builder).unwrap()
    }

    /// Writes one point that is stamped by the wall clock, and flushes.
    fn write_now(&mut self, db: &Db) -> Ack {
        let mut batch = Batch::new();
        batch.push_key(&key(), Timestamp::from_nanos(self.disk.wall()), 1.0);
        let writer = db.clone();
        let ack = self.executor.block_on(async move { writer.write(batch).await }).unwrap().unwrap();
        self.flush(db);
        ack
    }

    fn flush(&mut self, db: &Db) {
        let db = db.clone();
        self.executor.block_on(async move { db.flush().await }).unwrap().unwrap();
        self.executor.run_until_idle();
    }

    fn apply_now(&mut self, db: &Db) {
        let db = db.clone();
        self.executor.block_on(async move { db.apply_retention_now().await }).unwrap().unwrap();
    }

    fn close(&mut self, db: Db) {
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
        let snapshot = db.snapshot();
        let Ok(series) = snapshot.series::<f64>(&key()) else { return 0 };
        snapshot.scan(series, ..).collect_blocking().unwrap().len()
    }

    /// Moves the wall clock, and no other clock.
    fn jump(&self, by: i64) {
        self.disk.set_wall(self.disk.wall() + by);
    }
}

/// The clock is 40 days ahead, one point is stamped by it, then the clock is right again.
#[test]
fn a_clock_ahead_and_a_point_that_it_stamped_hide_nothing() {
    let mut house = House::new();
    let db = house.open(builder());
    house.write_days(&db, 10);
    let files = db.stats().files;
    house.jump(days(40));
    _ = house.write_now(&db);
    let stats = db.stats();
    let pending = stats.pending_retention.expect("the move waits");
    assert_eq!(pending.cutoff, Some(Timestamp::from_nanos(START + days(20))), "{pending:?}");
    assert_eq!((stats.files_dropped, House::visible(&db)), (0, 11), "{stats:?}");
    assert!(stats.files > files, "{stats:?}");
    house.executor.advance(DAY);
    assert_eq!(House::visible(&db), 11, "after a day");
    house.jump(-days(40));
    let ack = house.write_now(&db);
    assert_eq!((ack.points_behind_cutoff, House::visible(&db)), (0, 12));
    assert_eq!(db.stats().pending_retention, None, "clock and elapsed time agree again");
    house.executor.advance(15 * DAY);
    assert_eq!(House::visible(&db), 12, "no point is older than 30 days");
    house.executor.advance(8 * DAY);
    assert!(House::visible(&db) < 12, "retention goes on by the right clock");
    house.close(db);
}

/// The same, while the process is off: it starts with a wrong clock, and later with the right one.
#[test]
fn a_clock_that_jumps_while_the_process_is_off_hides_nothing() {
    let mut house = House::new();
    let db = house.open(builder());
    house.write_days(&db, 10);
    house.close(db);
    house.jump(days(40));
    let db = house.open(builder());
    _ = house.write_now(&db);
    assert!(db.stats().pending_retention.is_some(), "{:?}", db.stats());
    house.executor.advance(Duration::from_hours(2));
    house.close(db);
    let db = house.open(builder());
    let left = db.open_report().pending_retention.expect("it still waits").grace_left;
    assert!(left <= GRACE.saturating_sub(Duration::from_hours(2)), "{left:?} are left after two hours");
    assert_eq!(House::visible(&db), 11);
    house.close(db);
    house.jump(-days(40));
    let db = house.open(builder());
    assert_eq!(db.open_report().pending_retention, None);
    let ack = house.write_now(&db);
    assert_eq!((ack.points_behind_cutoff, House::visible(&db)), (0, 12));
    house.close(db);
}

/// Time that passed while the database was closed is applied after the grace, which openings serve together. A kill
/// loses at most five minutes of it.
#[test]
fn a_move_is_applied_after_its_grace_over_several_openings() {
    let mut house = House::new();
    let db = house.open(builder());
    house.write_days(&db, 10);
    house.close(db);
    // A long vacation.
    house.jump(days(35));
    let mut left = Duration::from_hours(90);
    for opening in 0.. {
        let db = house.open(builder());
        _ = house.write_now(&db);
        let Some(pending) = db.stats().pending_retention else {
            assert!((14..=16).contains(&opening), "{opening} openings of 6 hours");
            assert_eq!(House::visible(&db), opening + 1, "the points since the vacation: {:?}", db.stats());
            house.close(db);
            break;
        };
        assert!(pending.grace_left <= left, "{pending:?}, {left:?} before");
        assert_eq!(db.stats().files_dropped, 0);
        house.executor.advance(Duration::from_hours(6));
        left = pending.grace_left.saturating_sub(Duration::from_hours(6) - Duration::from_mins(5));
        if opening % 2 == 0 {
            house.close(db);
        } else {
            house.executor.kill();
            drop(db);
        }
    }
}

#[test]
fn a_much_shorter_age_waits_until_the_owner_applies_it() {
    let mut house = House::new();
    let db = house.open(builder());
    house.write_days(&db, 10);
    house.apply_now(&db);
    house.close(db);
    let db = house.open(Db::builder("/data/db").retain_for(2 * DAY));
    house.flush(&db);
    let pending = db.stats().pending_retention.expect("the shorter age waits");
    assert_eq!(db.open_report().pending_retention.map(|pending| pending.cutoff), Some(pending.cutoff));
    assert_eq!(House::visible(&db), 10);
    house.apply_now(&db);
    let stats = db.stats();
    assert_eq!((stats.pending_retention, stats.retention_cutoff), (None, pending.cutoff));
    assert_eq!(House::visible(&db), 3, "{stats:?}");
    house.close(db);
}

#[test]
fn a_write_behind_the_cutoff_is_counted_or_refused() {
    let mut house = House::new();
    let db = house.open(builder().retention_grace(Duration::ZERO));
    house.write_days(&db, 40);
    house.flush(&db);
    let late = || {
        let mut batch = Batch::new();
        for day in [0, 39, 1] {
            batch.push_key(&key(), Timestamp::from_nanos(START + days(day) + 1), 1.0);
        }
        batch
    };
    let writer = db.clone();
    let ack = house.executor.block_on(async move { writer.write(late()).await }).unwrap().unwrap();
    assert_eq!((ack.points_behind_cutoff, db.stats().points_behind_cutoff), (2, 2));
    let seq = db.stats().seq;
    house.close(db);
    let db = house.open(builder().reject_behind_cutoff(true));
    let writer = db.clone();
    let refused = house.executor.block_on(async move { writer.write(late()).await }).unwrap();
    let Err(Error::RejectedPoints { points, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(points.iter().map(|point| point.index).collect::<Vec<_>>(), [0, 2]);
    assert!(matches!(points[0].reason, RejectReason::BehindCutoff { .. }), "{points:?}");
    assert_eq!((db.stats().seq, db.stats().points_behind_cutoff), (seq, 0));
    house.close(db);
}

/// An age of more than 292 years does not fit in a timestamp.
#[test]
fn an_age_of_four_hundred_years_keeps_everything() {
    let mut house = House::new();
    // In 1720, more than 292 years before the present.
    let old = -days(365 * 250);
    let db = house.open(Db::builder("/data/db").retain_for(400 * 365 * DAY));
    let mut batch = Batch::new();
    for nanos in [old, START] {
        batch.push_key(&key(), Timestamp::from_nanos(nanos), 1.0);
    }
    let writer = db.clone();
    _ = house.executor.block_on(async move { writer.write(batch).await }).unwrap().unwrap();
    house.flush(&db);
    house.apply_now(&db);
    assert_eq!((House::visible(&db), db.stats().retention_cutoff), (2, None));
    house.close(db);
}

/// Step of a history. Between two steps the wall clock may be wrong; the right time goes on.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Writes points that are stamped by the wall clock.
    Write,
    Flush,
    Compact,
    Advance {
        hours: u64,
    },
    /// The wall clock becomes wrong by a number of days.
    Wrong {
        days: i64,
    },
    /// The wall clock is set right, and stays so for two hours.
    Right,
    Close {
        hours_off: u64,
    },
    Kill {
        hours_off: u64,
    },
    PowerLoss {
        choice: usize,
        hours_off: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let hours_off = || prop_oneof![Just(0), 0..48_u64, 0..800_u64];
    prop_oneof![
        12 => Just(Step::Write),
        4 => Just(Step::Flush),
        1 => Just(Step::Compact),
        8 => (1..40_u64).prop_map(|hours| Step::Advance { hours }),
        4 => (-400..400_i64).prop_map(|days| Step::Wrong { days }),
        3 => Just(Step::Right),
        1 => hours_off().prop_map(|hours_off| Step::Close { hours_off }),
        1 => hours_off().prop_map(|hours_off| Step::Kill { hours_off }),
        1 => (0..64_usize, hours_off()).prop_map(|(choice, hours_off)| Step::PowerLoss { choice, hours_off }),
    ]
}

/// A history, and the right time in it.
struct History {
    house: House,
    db: Option<Db>,
    /// Right time in nanoseconds since the Unix epoch.
    right: i64,
    /// Open time with a wrong clock since it was last right.
    wrong_for: Duration,
    /// Timestamp of each written point; its value is its index.
    written: Vec<i64>,
}

/// The default grace of an age of 30 days.
const GRACE: Duration = Duration::from_hours(90);

impl History {
    fn new() -> Self {
        Self { house: House::new(), db: None, right: START, wrong_for: Duration::ZERO, written: Vec::new() }
    }

    fn db(&mut self) -> Db {
        let db = self.db.take().unwrap_or_else(|| self.house.open(builder()));
        self.db = Some(db.clone());
        db
    }

    fn is_wrong(&self) -> bool {
        self.house.disk.wall() != self.right
    }

    fn advance(&mut self, by: Duration) {
        _ = self.db();
        if self.is_wrong() && self.wrong_for + by >= GRACE {
            self.set_right();
        }
        if self.is_wrong() {
            self.wrong_for += by;
        }
        self.house.executor.advance(by);
        self.right += i64::try_from(by.as_nanos()).unwrap();
    }

    /// Sets the clock right until it was observed.
    fn set_right(&mut self) {
        self.house.disk.set_wall(self.right);
        self.wrong_for = Duration::ZERO;
        self.advance(Duration::from_hours(2));
    }

    fn write(&mut self) {
        let db = self.db();
        let mut batch = Batch::new();
        let now = self.house.disk.wall();
        for _ in 0..2 {
            #[expect(clippy::cast_precision_loss, reason = "a small index")]
            batch.push_key(&key(), Timestamp::from_nanos(now), self.written.len() as f64);
            self.written.push(now);
        }
        let ack = self.house.executor.block_on(async move { db.write(batch).await }).unwrap().unwrap();
        if now >= self.oldest_kept() {
            assert_eq!(ack.points_behind_cutoff, 0, "{now} at {}", self.right);
        }
    }

    /// Returns the time from which on no point may be hidden.
    fn oldest_kept(&self) -> i64 {
        self.right - days(30)
    }

    fn off(&mut self, hours: u64) {
        self.db = None;
        self.house.executor.run_until_idle();
        let off = Duration::from_hours(hours);
        let wrong_by = self.house.disk.wall() - self.right;
        self.right += i64::try_from(off.as_nanos()).unwrap();
        self.house.disk.set_wall(self.right + wrong_by);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Write => self.write(),
            Step::Flush => {
                let db = self.db();
                self.house.flush(&db);
            }
            Step::Compact => {
                let db = self.db();
                self.house.executor.block_on(async move { db.compact().await }).unwrap().unwrap();
            }
            Step::Advance { hours } => self.advance(Duration::from_hours(hours)),
            Step::Wrong { days: by } => self.house.disk.set_wall(self.right + days(by)),
            Step::Right => self.set_right(),
            Step::Close { hours_off } => {
                let db = self.db();
                self.db = None;
                self.house.close(db);
                self.off(hours_off);
            }
            Step::Kill { hours_off } => {
                self.house.executor.kill();
                self.off(hours_off);
            }
            Step::PowerLoss { choice, hours_off } => {
                self.house.executor.kill();
                self.db = None;
                let wall = self.house.disk.wall();
                let images = self.house.disk.state().images(choice + 1, choice as u64);
                self.house.disk = SimDisk::from_image(&images.last().expect("at least one is left"), choice as u64);
                self.house.disk.set_wall(wall);
                self.house.executor = Executor::new(&self.house.disk, choice as u64);
                self.off(hours_off);
            }
        }
    }

    /// Returns the indices of the visible points.
    fn visible(&mut self) -> BTreeSet<usize> {
        let snapshot = self.db().snapshot();
        let Ok(series) = snapshot.series::<f64>(&key()) else { return BTreeSet::new() };
        let points = snapshot.scan(series, ..).collect_blocking().unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small index")]
        let visible: Vec<usize> = points.iter().map(|point| point.value as usize).collect();
        let distinct: BTreeSet<usize> = visible.iter().copied().collect();
        assert_eq!(distinct.len(), visible.len(), "a point is doubled");
        distinct
    }

    fn check(&mut self) {
        let (visible, oldest) = (self.visible(), self.oldest_kept());
        for (index, at) in self.written.iter().enumerate() {
            assert!(*at < oldest || visible.contains(&index), "point {index} of {at} is hidden at {}", self.right);
        }
    }

    /// Once the clock has been right for a grace, retention hides what is old by the right time.
    fn end(&mut self) {
        self.set_right();
        for _ in 0..2 {
            self.write();
            self.advance(GRACE + Duration::from_hours(2));
            self.check();
        }
        self.write();
        let db = self.db();
        self.house.flush(&db);
        let (visible, oldest) = (self.visible(), self.oldest_kept() - days(1) / 12);
        for index in visible {
            let at = self.written[index];
            assert!(at >= oldest, "point {index} of {at} is visible at {}: {:?}", self.right, db.stats());
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    /// A clock that is wrong for less than a grace hides no point that the right clock would keep, and delays no more.
    #[test]
    fn any_history_of_wrong_clocks_hides_what_is_old_and_nothing_else(steps in vec(step(), 1..60)) {
        let mut history = History::new();
        history.house.disk.record(false);
        for step in steps {
            history.step(step);
            history.check();
        }
        history.end();
    }
}
