//! A database on a simulated disk, beside the points that it must show.
//!
//! One thread runs the engine, so that memtables can be held frozen, and retention moves exactly when a test applies it:
//! an age is counted from the newest timestamp, which is that of a metric of its own, `clock`.

use std::future::Future;

use proptest::prelude::*;
use timestrata::testing::{Executor, SimDisk};
use timestrata::{Batch, Db, DuplicatePolicy, Runtime, Selector, SeriesKey, Snapshot, ValueType};

use super::{Points, Question, SERIES, key, visible};
use crate::common::at;

/// Age of the points that retention keeps: far longer than the times of all points.
const AGE: i64 = 1_000_000;
/// Series with a shorter age, by a rule.
const RULED_SERIES: usize = 1;
const RULE_AGE: i64 = AGE - 300;
/// Time of the points of other series, behind every range.
const FAR: i64 = 500_000;

/// Treatment of the memtable or of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    Flush,
    /// Freezes the memtable; the flusher does not run until the next flush or compaction. At most two are frozen.
    Freeze,
    Compact,
}

/// Operation on the database.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A number of points at equal intervals, beginning at a time.
    Write {
        series: usize,
        from: i64,
        step: i64,
        count: i64,
        seed: i64,
    },
    /// A delete of a range, of one series or of all.
    Delete {
        series: Option<usize>,
        from: i64,
        length: i64,
    },
    /// Hides the points before a time, and of one series those of 300 ns more.
    Retain {
        cutoff: i64,
    },
    Then(Then),
    Ask(Question),
}

/// Returns random steps, with queries between them.
pub(crate) fn steps(questions: impl Strategy<Value = Question>) -> impl Strategy<Value = Step> {
    let write = (0..SERIES, 0..2_500_i64, 0..6_i64, 1..400_i64, any::<i16>());
    let delete = (prop::option::of(0..SERIES), 0..2_500_i64, 0..700_i64);
    prop_oneof![
        8 => write.prop_map(|(series, from, step, count, seed)| {
            Step::Write { series, from, step, count, seed: seed.into() }
        }),
        2 => delete.prop_map(|(series, from, length)| Step::Delete { series, from, length }),
        3 => Just(Step::Then(Then::Flush)),
        2 => Just(Step::Then(Then::Freeze)),
        2 => Just(Step::Then(Then::Compact)),
        1 => (0..1_500_i64).prop_map(|cutoff| Step::Retain { cutoff }),
        10 => questions.prop_map(Step::Ask),
    ]
}

/// Returns whole numbers: below 700, or below 31 so that they repeat. Zeros have both signs; NaN and infinity are rare.
fn value(seed: i64, n: i64) -> f64 {
    let mixed = (seed.wrapping_mul(6_364_136) ^ n.wrapping_mul(1_442_695)).rem_euclid(997);
    let number = |n: i64| f64::from(i32::try_from(n).unwrap());
    match mixed {
        0 if seed % 5 == 0 => f64::NAN,
        1 if seed % 7 == 0 => f64::INFINITY,
        2..5 => -0.0,
        5..9 => 0.0,
        _ if seed % 2 == 0 => number(mixed % 40 - 9),
        // No value is below zero, so that a zero is the minimum.
        _ if seed % 3 == 0 => number(mixed),
        _ => number(mixed - 300),
    }
}

/// Returns a value that a series of integers can have.
fn as_integer(value: f64) -> f64 {
    if value.is_finite() { value + 0.0 } else { 11.0 }
}

pub(crate) struct TestDatabase {
    pub(crate) db: Db,
    executor: Executor,
    duplicates: DuplicatePolicy,
    pub(crate) value_type: ValueType,
    /// Points that no delete and no cutoff hides, in order of arrival.
    points: [Points; SERIES],
    cutoff: i64,
}

impl TestDatabase {
    /// Creates a database of series of doubles or of integers, with retention by age and by a rule.
    ///
    /// The ids of the series are in the order of their keys, in which the oracle merges the series of a group. The ids of
    /// other series of the metric come first. They have no point in any range, but a query reads them: with hundreds of
    /// them it starts a second thread before it reaches the series with points.
    pub(crate) fn new(duplicates: DuplicatePolicy, value_type: ValueType, other_series: usize) -> Self {
        let disk = SimDisk::new(7);
        disk.record(false);
        let mut executor = Executor::new(&disk, 7);
        let age = |nanos: i64| std::time::Duration::from_nanos(nanos.unsigned_abs());
        let ruled = Selector::metric("m").tag("n", RULED_SERIES.to_string());
        let two_threads = Runtime::builder().threads(2).build().unwrap();
        let builder = Db::builder("/data/db").duplicates(duplicates).runtime(&two_threads).retain_for(age(AGE));
        let builder = builder.retain_series_for(ruled, age(RULE_AGE)).retention_grace(std::time::Duration::ZERO);
        let db = executor.open(builder).unwrap();
        let points = Default::default();
        let mut created = Self { db, executor, duplicates, value_type, points, cutoff: i64::MIN };
        let other = |n: usize| SeriesKey::new("m").tag("other", n.to_string());
        let mut batch = Batch::new();
        (0..other_series).for_each(|n| created.push(&mut batch, &other(n), FAR, 1.0));
        created.request(|db| async move { db.write(batch).await.map(drop) });
        let keys: Vec<SeriesKey> = (0..SERIES).map(key).collect();
        created.request(move |db| async move {
            match value_type {
                ValueType::I64 => db.create_many_series(keys).value_type::<i64>().await.map(drop),
                _ => db.create_many_series(keys).await.map(drop),
            }
        });
        created
    }

    fn request<T: 'static, F>(&mut self, call: impl FnOnce(Db) -> F) -> T
    where
        F: Future<Output = timestrata::Result<T>> + 'static,
    {
        self.executor.block_on(call(self.db.clone())).unwrap().unwrap()
    }

    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    fn push(&self, batch: &mut Batch, key: &SeriesKey, time: i64, value: f64) {
        match self.value_type {
            ValueType::I64 => batch.push_key(key, at(time), value as i64),
            _ => batch.push_key(key, at(time), value),
        }
    }

    /// Returns the visible points of each series, in time order.
    pub(crate) fn seen(&self) -> [Points; SERIES] {
        self.points.each_ref().map(|points| visible(points, self.duplicates))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.db.snapshot()
    }

    /// Executes a step, except a query.
    pub(crate) fn apply(&mut self, step: &Step) {
        match step {
            Step::Write { series, from, step, count, seed } => {
                let points: Points = (0..*count).map(|n| (from + n * step, value(*seed, n))).collect();
                self.write(*series, &points);
            }
            Step::Delete { series, from, length } => self.delete(*series, *from, from + length),
            Step::Retain { cutoff } => self.retain(*cutoff),
            Step::Then(then) => self.treat(*then),
            Step::Ask(_) => {}
        }
    }

    fn write(&mut self, series: usize, points: &[(i64, f64)]) {
        let is_integer = self.value_type == ValueType::I64;
        let points = points.iter().map(|(at, value)| (*at, if is_integer { as_integer(*value) } else { *value }));
        let points: Points = points.collect();
        let mut batch = Batch::new();
        for (time, value) in &points {
            self.push(&mut batch, &key(series), *time, *value);
        }
        self.request(|db| async move { db.write(batch).await.map(drop) });
        self.points[series].extend(points);
        self.hide();
    }

    fn delete(&mut self, series: Option<usize>, from: i64, until: i64) {
        let select = Selector::metric("m");
        let select = series.map_or_else(|| select.clone(), |series| select.clone().tag("n", series.to_string()));
        self.request(|db| async move { db.delete(select, at(from)..at(until)).await.map(drop) });
        for (n, points) in self.points.iter_mut().enumerate() {
            if series.is_none_or(|series| series == n) {
                points.retain(|(at, _)| *at < from || *at >= until);
            }
        }
    }

    /// Moves the cutoff, which never moves back.
    fn retain(&mut self, cutoff: i64) {
        let mut batch = Batch::new();
        batch.push_key(&SeriesKey::new("clock"), at(cutoff + AGE), true);
        self.request(|db| async move {
            db.write(batch).await?;
            db.apply_retention_now().await
        });
        self.cutoff = self.cutoff.max(cutoff);
        assert_eq!(self.db.stats().retention_cutoff, Some(at(self.cutoff)), "a cutoff of the engine");
        self.hide();
    }

    fn hide(&mut self) {
        for (series, points) in self.points.iter_mut().enumerate() {
            let more = if series == RULED_SERIES { AGE - RULE_AGE } else { 0 };
            points.retain(|(at, _)| *at >= self.cutoff.saturating_add(more));
        }
    }

    fn treat(&mut self, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Flush => {
                self.executor.pause_flusher(false);
                self.request(|db| async move { db.flush().await });
            }
            Then::Compact => {
                self.executor.pause_flusher(false);
                self.request(|db| async move { db.compact().await });
            }
            Then::Freeze => {
                let before = self.db.stats();
                if before.active_points == 0 || before.frozen_memtables == 2 {
                    return;
                }
                self.executor.pause_flusher(true);
                let db = self.db.clone();
                drop(self.executor.spawn(async move { db.flush().await }));
                self.executor.run_until_idle();
                assert_eq!(self.db.stats().frozen_memtables, before.frozen_memtables + 1);
            }
        }
    }
}
