//! Random histories of a clock that is right and wrong in turn, with kills and power losses, held to a simple rule: a
//! point that the right clock would keep is visible.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use timestrata::testing::{Executor, SimDisk};
use timestrata::{Batch, Db, Timestamp};

use crate::a_wrong_clock_takes_nothing_away::{GRACE, START, SimDb, builder, days, key};

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
    /// The owner applies retention, whatever the clock says.
    ApplyNow,
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
        4 => (-300..300_i64).prop_map(|days| Step::Wrong { days }),
        3 => Just(Step::Right),
        1 => Just(Step::ApplyNow),
        1 => hours_off().prop_map(|hours_off| Step::Close { hours_off }),
        1 => hours_off().prop_map(|hours_off| Step::Kill { hours_off }),
        1 => (0..64_usize, hours_off()).prop_map(|(choice, hours_off)| Step::PowerLoss { choice, hours_off }),
    ]
}

/// A history, and the right time in it.
struct History {
    sim: SimDb,
    db: Option<Db>,
    /// Right time in nanoseconds since the Unix epoch.
    right: i64,
    /// Open time with a wrong clock since it was last right.
    wrong_for: Duration,
    /// Timestamp of each written point; its value is its index.
    written: Vec<i64>,
    /// `true` after the owner has applied a wrong clock, until the clock was right for two hours.
    is_misled: bool,
    /// Number of points that were written before that: a wrong clock may have hidden them.
    excused: usize,
}

impl History {
    fn new() -> Self {
        Self {
            sim: SimDb::new(),
            db: None,
            right: START,
            wrong_for: Duration::ZERO,
            written: Vec::new(),
            is_misled: false,
            excused: 0,
        }
    }

    fn db(&mut self) -> Db {
        let db = self.db.take().unwrap_or_else(|| self.sim.open(builder()));
        self.db = Some(db.clone());
        db
    }

    fn is_wrong(&self) -> bool {
        self.sim.disk.wall() != self.right
    }

    fn advance(&mut self, by: Duration) {
        _ = self.db();
        if self.is_wrong() && self.wrong_for + by >= GRACE {
            self.set_right();
        }
        if self.is_wrong() {
            self.wrong_for += by;
        }
        self.sim.executor.advance(by);
        self.right += i64::try_from(by.as_nanos()).unwrap();
    }

    /// Sets the clock right until it was observed.
    fn set_right(&mut self) {
        self.sim.disk.set_wall(self.right);
        self.wrong_for = Duration::ZERO;
        self.advance(Duration::from_hours(2));
        if std::mem::take(&mut self.is_misled) {
            self.excused = self.written.len();
        }
    }

    fn write(&mut self) {
        let db = self.db();
        let mut batch = Batch::new();
        let now = self.sim.disk.wall();
        for _ in 0..2 {
            #[expect(clippy::cast_precision_loss, reason = "a small index")]
            batch.push_key(&key(), Timestamp::from_nanos(now), self.written.len() as f64);
            self.written.push(now);
        }
        let ack = self.sim.write(&db, batch).unwrap();
        if now >= self.oldest_kept() && !self.is_misled {
            assert_eq!(ack.points_behind_cutoff, 0, "{now} at {}", self.right);
        }
    }

    /// Returns the time from which on no point may be hidden.
    fn oldest_kept(&self) -> i64 {
        self.right - days(30)
    }

    fn off(&mut self, hours: u64) {
        self.db = None;
        self.sim.executor.run_until_idle();
        let off = Duration::from_hours(hours);
        let wrong_by = self.sim.disk.wall() - self.right;
        self.right += i64::try_from(off.as_nanos()).unwrap();
        self.sim.disk.set_wall(self.right + wrong_by);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Write => self.write(),
            Step::Flush => {
                let db = self.db();
                self.sim.flush(&db);
            }
            Step::Compact => {
                let db = self.db();
                self.sim.compact(&db);
            }
            Step::Advance { hours } => self.advance(Duration::from_hours(hours)),
            Step::Wrong { days: by } => self.sim.disk.set_wall(self.right + days(by)),
            Step::Right => self.set_right(),
            Step::ApplyNow => {
                let db = self.db();
                self.sim.apply_now(&db);
                self.is_misled |= self.is_wrong();
            }
            Step::Close { hours_off } => {
                let db = self.db();
                self.db = None;
                self.sim.close(db);
                self.off(hours_off);
            }
            Step::Kill { hours_off } => {
                self.sim.executor.kill();
                self.off(hours_off);
            }
            Step::PowerLoss { choice, hours_off } => {
                self.sim.executor.kill();
                self.db = None;
                let wall = self.sim.disk.wall();
                let images = self.sim.disk.state().images(choice + 1, choice as u64);
                self.sim.disk = SimDisk::from_image(&images.last().expect("at least one is left"), choice as u64);
                self.sim.disk.set_wall(wall);
                self.sim.executor = Executor::new(&self.sim.disk, choice as u64);
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
        let excused = if self.is_misled { self.written.len() } else { self.excused };
        for (index, at) in self.written.iter().enumerate().skip(excused) {
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
        self.sim.flush(&db);
        let (visible, oldest) = (self.visible(), self.oldest_kept() - days(1) / 12);
        for index in visible {
            let at = self.written[index];
            assert!(at >= oldest, "point {index} of {at} is visible at {}: {:?}", self.right, db.stats());
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    /// A clock that is wrong for less than a grace hides no point that the right clock would keep, unless the owner has
    /// applied it, and then only until it is right. What is old by the right clock is hidden.
    #[test]
    fn and_nothing_else(steps in vec(step(), 1..60)) {
        let mut history = History::new();
        history.sim.disk.record(false);
        for step in steps {
            history.step(step);
            history.check();
        }
        history.end();
    }
}
