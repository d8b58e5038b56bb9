//! Churn under retention, without a compact command: the definitions of series whose points a rule or the age of all
//! series has hidden leave memory, the series log and the manifest, whatever else the files and the tombstones name.

use std::path::Path;
use std::time::Duration;

use timestrata::testing::{Executor, SimDisk, verify};
use timestrata::{Batch, Db, DbBuilder, Selector, SeriesKey, Timestamp};

use crate::world::DIR;

const HOUR: Duration = Duration::from_hours(1);
/// Wall clock at the start, in nanoseconds.
const START: i64 = 1_700_000_000_000_000_000;
/// Age beyond which points are hidden, in hours.
const AGE: u64 = 24;
const NEW_PER_HOUR: u64 = 20;

/// What the age applies to.
#[derive(Debug, Clone, Copy)]
enum Retention {
    /// The series of the metric "job".
    Rule,
    AllSeries,
}

/// Series beside those that come and go.
#[derive(Debug, Clone, Copy)]
struct Beside {
    /// Series that the rule does not match, written every hour. Half of them have ids below those of all others.
    kept: u64,
    /// Series that the rule matches, written every hour.
    ruled: u64,
    /// Ids that were used up before the first hour.
    burnt: u64,
}

/// Database on a simulated disk, whose clock the test moves.
struct Churn {
    disk: SimDisk,
    executor: Executor,
    db: Option<Db>,
}

/// What definitions take.
#[derive(Debug, Clone, Copy)]
struct Usage {
    definitions: u64,
    memory: u64,
    log: u64,
}

fn key(metric: &str, number: u64) -> SeriesKey {
    SeriesKey::new(metric).tag("n", format!("{number:08}"))
}

/// Flushes are much more frequent than the deletes of a rule: a definition waits for the flush of such a delete.
fn options(retention: Retention) -> DbBuilder {
    let builder = Db::builder(DIR).flush_age(Duration::from_mins(10)).retention_grace(Duration::ZERO);
    let age = Duration::from_hours(AGE);
    match retention {
        Retention::Rule => builder.retain_series_for(Selector::metric("job"), age),
        Retention::AllSeries => builder.retain_for(age),
    }
}

impl Churn {
    fn new(retention: Retention) -> Self {
        let disk = SimDisk::new(1);
        disk.record(false);
        disk.set_wall(START);
        let mut executor = Executor::new(&disk, 1);
        let db = executor.open(options(retention)).unwrap();
        Self { disk, executor, db: Some(db) }
    }

    fn db(&self) -> Db {
        self.db.clone().unwrap()
    }

    /// Writes a point of each series now, and one 10 minutes later.
    fn write(&mut self, keys: impl Iterator<Item = SeriesKey>) {
        let (mut batch, now, db) = (Batch::new(), self.disk.wall(), self.db());
        for key in keys {
            for minutes in [0, 10] {
                batch.push_key(&key, Timestamp::from_nanos(now + minutes * 60_000_000_000), 1.5);
            }
        }
        self.executor.block_on(async move { db.write(batch).await }).unwrap().unwrap();
    }

    fn delete(&mut self, selector: Selector) {
        let db = self.db();
        self.executor.block_on(async move { db.delete(selector, ..).await }).unwrap().unwrap();
    }

    /// Returns the bytes of the files whose names begin with `prefix`.
    fn file_bytes(&self, prefix: &str) -> u64 {
        let image = self.disk.live_image();
        let is_meant = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        image.files().iter().filter(|(path, _)| is_meant(path)).map(|(_, bytes)| bytes.len() as u64).sum()
    }

    fn usage(&self) -> Usage {
        let stats = self.db().stats();
        let definitions = stats.series + stats.empty_series;
        Usage { definitions, memory: stats.series_bytes, log: self.file_bytes("series-") }
    }

    /// Closes the database and checks its files.
    fn close(&mut self) {
        let db = self.db.take().unwrap();
        self.executor.block_on(async move { db.close().await }).unwrap().unwrap();
        self.executor.run_until_idle();
        let report = verify(&self.disk, Path::new(DIR)).unwrap();
        assert_eq!(&report.findings[..], &[]);
    }
}

impl Beside {
    fn first_keys(self) -> impl Iterator<Item = SeriesKey> {
        (0..self.kept / 2).map(|number| key("kept", number))
    }

    fn last_keys(self) -> impl Iterator<Item = SeriesKey> {
        let kept = (self.kept / 2..self.kept).map(|number| key("kept", number));
        kept.chain((0..self.ruled).map(|number| key("job", number)))
    }
}

fn new_keys(hour: u64) -> impl Iterator<Item = SeriesKey> {
    (0..NEW_PER_HOUR).map(move |number| key("job", 1_000_000 + hour * NEW_PER_HOUR + number))
}

/// Returns what the live series of a moment take in a database that has no other ones.
fn fresh_usage(retention: Retention, beside: Beside) -> Usage {
    let mut fresh = Churn::new(retention);
    fresh.write(beside.first_keys().chain(beside.last_keys()));
    // An hour apart: a flush appends its definitions to the log as a group with a header.
    for hour in 0..AGE {
        fresh.write(new_keys(hour));
        fresh.executor.advance(HOUR);
    }
    fresh.usage()
}

/// Asserts that a number is at most 1.3 times another one.
#[track_caller]
fn within(what: &str, found: u64, live: u64) {
    assert!(found * 10 <= live * 13, "{what}: {found} where the live series take {live}");
}

fn churns(retention: Retention, beside: Beside, hours: u64) {
    let live = fresh_usage(retention, beside);
    let mut churn = Churn::new(retention);
    churn.write(beside.first_keys());
    if beside.burnt > 0 {
        churn.write((0..beside.burnt).map(|number| key("burnt", number)));
        churn.delete(Selector::metric("burnt"));
        churn.executor.advance(2 * HOUR);
        assert_eq!(churn.usage().definitions, beside.kept / 2, "the definitions of burnt ids are dropped");
    }
    // The greatest size of the manifest in the first and in the second half.
    let mut manifest = [0, 0];
    let mut worst = Usage { definitions: 0, memory: 0, log: 0 };
    for hour in 0..hours {
        churn.write(beside.first_keys().chain(beside.last_keys()).chain(new_keys(hour)));
        churn.executor.advance(HOUR);
        let Usage { definitions, memory, log } = churn.usage();
        let when = |what: &str| format!("{what} after {hour} hours of {beside:?}, {:?}", churn.db().stats().levels);
        within(&when("definitions"), definitions, live.definitions);
        within(&when("memory"), memory, live.memory);
        within(&when("series log"), log, live.log);
        let half = &mut manifest[usize::from(hour >= hours / 2)];
        *half = (*half).max(churn.file_bytes("manifest"));
        worst.definitions = worst.definitions.max(definitions);
        worst.memory = worst.memory.max(memory);
        worst.log = worst.log.max(log);
    }
    within("manifest", manifest[1], manifest[0]);
    let stats = churn.db().stats();
    println!(
        "{retention:?}, {beside:?}: live {live:?}, worst {worst:?}, manifest {manifest:?}, merged {:?}",
        stats.compactions
    );
    assert!(stats.series >= live.definitions, "no live series is dropped: {stats:?}");
    churn.close();
    let db = churn.executor.open(options(retention)).unwrap();
    let opened = db.stats();
    within("definitions after an opening", opened.series + opened.empty_series, live.definitions);
    let listed = |metric| db.snapshot().count_series(&Selector::metric(metric));
    assert_eq!(listed("kept") as u64, beside.kept);
    assert!(listed("job") as u64 >= beside.ruled + NEW_PER_HOUR * AGE);
}

#[test]
fn without_any_other_series() {
    churns(Retention::Rule, Beside { kept: 0, ruled: 0, burnt: 0 }, 120);
}

/// Their files keep the tombstones of the rule, which named the series that are gone now.
#[test]
fn beside_many_series_without_a_rule() {
    churns(Retention::Rule, Beside { kept: 400, ruled: 0, burnt: 0 }, 120);
}

/// Deletes cover a small part of the ids of a file, so the picker alone would purge it late.
#[test]
fn beside_few_series_among_many_burnt_ids() {
    churns(Retention::Rule, Beside { kept: 40, ruled: 10, burnt: 20_000 }, 96);
}

/// Their files are hidden whole only long after the last point of a series that is gone.
#[test]
fn under_an_age_of_all_series() {
    churns(Retention::AllSeries, Beside { kept: 40, ruled: 10, burnt: 0 }, 120);
}
