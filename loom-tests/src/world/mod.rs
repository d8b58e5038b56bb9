//! What surrounds the actors in a model: a disk, no timers, and ways to ask and to look.
//! It decides nothing: every rule that a model checks is in the production files.

mod crash;
mod disk;
mod order;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::sync::block_on;
use loom::thread::{self, JoinHandle};

use crate::actor::{
    Ack, Command, Delete, Report, Settings, Timer, Timers, ToWriter, Work, Write, Writer, run_compactor, run_flusher,
};
use crate::error::Result;
use crate::latest::Latest;
use crate::options::{Duplicates, Durability, RetentionLimits};
use crate::point::{Batch, Timestamp, ValueType};
use crate::series::{Matcher, Series, SeriesDef, SeriesId, SeriesKey, SeriesSet};
use crate::sync::{Answer, Arc, Permit, Receiver, Sender, Waker, channel, reply};
use crate::version::{Cutoffs, FileId, Hidden, SeriesIndex, Version};

pub(crate) use disk::{Disk, Seen, Store};
pub(crate) use order::{Asks, points_after};

/// No timer falls due in a model unless the model says so.
#[derive(Debug)]
pub(crate) struct NoTimers;

impl Timers for NoTimers {
    fn arm(&mut self, _timer: Timer, _after: Duration) {}

    fn arm_no_later(&mut self, _timer: Timer, _after: Duration) {}

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> i64 {
        i64::MAX
    }
}

/// One series that exists from the start.
pub(crate) const SERIES: SeriesId = SeriesId::new(0);
const NONCE: u64 = 1;

/// The doors that a model's threads use.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) latest: Arc<Latest<Version>>,
    pub(crate) inbox: Sender<ToWriter>,
}

/// The actors, to be run on threads of the model.
#[derive(Debug)]
pub(crate) struct Actors {
    pub(crate) writer: Writer<Store, NoTimers>,
    pub(crate) commands: Receiver<ToWriter>,
    pub(crate) frozen: Receiver<crate::actor::Flush>,
    pub(crate) plans: Receiver<crate::actor::ToCompactor>,
}

/// Actors under way.
#[derive(Debug)]
pub(crate) struct Running {
    writer: JoinHandle<()>,
    /// Whoever ends with the writer.
    others: Vec<JoinHandle<()>>,
}

impl Actors {
    /// Starts writer and flusher, each on a thread of the model. Nothing is compacted: what is sent to be is dropped.
    pub(crate) fn start(self, world: &World) -> Running {
        let Self { writer, commands, frozen, plans: _ } = self;
        let (tables, reports) = (world.store.clone(), world.inbox.clone());
        let flusher = thread::spawn(move || block_on(run_flusher(tables, frozen, reports)));
        let writer = thread::spawn(move || block_on(writer.run(commands)));
        Running { writer, others: vec![flusher] }
    }

    /// Starts writer and compactor. Nothing is flushed: no model that has no flusher asks for that.
    pub(crate) fn start_compacting(self, world: &World) -> Running {
        let Self { writer, commands, frozen: _, plans } = self;
        let (merges, reports) = (world.store.clone(), world.inbox.clone());
        let compactor = thread::spawn(move || block_on(run_compactor(merges, plans, reports)));
        let writer = thread::spawn(move || block_on(writer.run(commands)));
        Running { writer, others: vec![compactor] }
    }

    /// Starts all three.
    pub(crate) fn start_all(self, world: &World) -> Running {
        let Self { writer, commands, frozen, plans } = self;
        let (tables, reports) = (world.store.clone(), world.inbox.clone());
        let flusher = thread::spawn(move || block_on(run_flusher(tables, frozen, reports)));
        let (merges, reports) = (world.store.clone(), world.inbox.clone());
        let compactor = thread::spawn(move || block_on(run_compactor(merges, plans, reports)));
        let writer = thread::spawn(move || block_on(writer.run(commands)));
        Running { writer, others: vec![flusher, compactor] }
    }
}

impl Running {
    /// Waits until all have ended.
    pub(crate) fn end(self) {
        self.writer.join().expect("the writer ends");
        for other in self.others {
            other.join().expect("whoever works for the writer ends with it");
        }
    }
}

/// What a model chooses of its world.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) flush_at_bytes: usize,
    /// Whether threads meet between any two steps of the disk.
    pub(crate) watched: bool,
    /// How many of the first flushes fail.
    pub(crate) failing_flushes: usize,
    /// Batches that are in an SST each when the database is opened; the first records of the order.
    pub(crate) flushed: &'static [&'static [i64]],
    /// Of deletes.
    pub(crate) durability: Durability,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            flush_at_bytes: usize::MAX,
            watched: false,
            failing_flushes: 0,
            flushed: &[],
            durability: Durability::Sync,
        }
    }
}

/// An answer that may be looked for before it is waited for.
pub(crate) struct Asked<T> {
    wait: Pin<Box<dyn Future<Output = Option<T>> + Send>>,
    come: Poll<Option<T>>,
}

impl<T: Send + 'static> Asked<T> {
    pub(crate) fn new(answer: Answer<T>) -> Self {
        Self { wait: Box::pin(answer.wait()), come: Poll::Pending }
    }

    /// Whether it is there.
    pub(crate) fn has_come(&mut self) -> bool {
        if self.come.is_pending() {
            self.come = self.wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        self.come.is_ready()
    }

    /// Waits for it; `None` if whoever had the request dropped it.
    pub(crate) fn wait(self) -> Option<T> {
        match self.come {
            Poll::Ready(answer) => answer,
            Poll::Pending => block_on(self.wait),
        }
    }
}

impl World {
    pub(crate) fn new(setup: &Setup) -> (Self, Actors) {
        let mut series = SeriesIndex::default();
        series
            .find_or_make(
                &SeriesKey::new("m"),
                ValueType::U64,
                None,
                crate::version::Making { seq: 0, cap: 8, duplicates: Duplicates::default() },
            )
            .expect("an empty index takes a series");
        let store = Store::new(setup.watched, setup.failing_flushes, setup.flushed);
        let latest = Arc::new(Latest::new(Arc::new(Version::opened(
            series,
            &store.look(|disk| disk.durable.clone()),
            Cutoffs::default(),
        ))));
        let (inbox, commands) = channel();
        let (flusher, frozen) = channel();
        let (compactor, plans) = channel();
        let settings = Settings {
            durability: setup.durability,
            flush_at_bytes: setup.flush_at_bytes,
            flush_age: Duration::from_hours(1),
            duplicates: Duplicates::default(),
            max_series: 8,
            retention: RetentionLimits::default(),
        };
        let newest = setup.flushed.len() as u64;
        let writer = Writer::new(store.clone(), NoTimers, settings, flusher, compactor, Arc::clone(&latest), newest);
        (Self { store, latest, inbox }, Actors { writer, commands, frozen, plans })
    }

    /// Sends a batch of points of the one series; each point's value is its timestamp, ten times.
    pub(crate) fn write(&self, timestamps: &[i64]) -> Answer<Result<Ack>> {
        self.write_with(timestamps, Durability::Sync, None)
    }

    pub(crate) fn write_with(
        &self,
        timestamps: &[i64],
        durability: Durability,
        permit: Option<Permit>,
    ) -> Answer<Result<Ack>> {
        let (work, answer) = write_of(timestamps, durability);
        self.inbox.send(ToWriter::Command(Command { work, permit }));
        answer
    }

    pub(crate) fn flush(&self) -> Answer<Result<()>> {
        let (reply, answer) = reply();
        self.send(Work::Flush { reply });
        answer
    }

    /// Asks for everything in SSTs by now to be merged into the base.
    pub(crate) fn compact(&self) -> Answer<Result<()>> {
        let (reply, answer) = reply();
        self.send(Work::Compact { reply });
        answer
    }

    /// Deletes what the one series has between these two times, both included.
    pub(crate) fn delete(&self, first: i64, last: i64) -> Answer<Result<Ack>> {
        let (reply, answer) = reply();
        let found = SeriesSet::from_sorted([SERIES]);
        let matcher = Arc::new(NoOther);
        let delete = Delete { found, known: 1, matcher, times: (first, last), reply: Some(reply) };
        self.send(Work::Delete(Box::new(delete)));
        answer
    }

    pub(crate) fn close(&self) -> Answer<Result<()>> {
        let (reply, answer) = reply();
        self.send(Work::Close { reply });
        answer
    }

    pub(crate) fn send(&self, work: Work) {
        self.inbox.send(ToWriter::Command(Command { work, permit: None }));
    }

    /// A timer falls due.
    pub(crate) fn fall_due(&self, timer: Timer) {
        self.inbox.send(ToWriter::Report(Report::Due(timer)));
    }

    /// Every point that a version shows, from all its parts, in order of time.
    pub(crate) fn points(&self, version: &Version) -> Vec<Seen> {
        self.store.points(version)
    }

    /// Holds a version to list the one series wherever it shows a point of it.
    pub(crate) fn lists_what_it_shows(&self, version: &Version) {
        let is_listed = !version.series.gone().contains(SERIES);
        assert!(is_listed || self.points(version).is_empty(), "whoever has a point is listed");
    }

    /// Holds a version to show each point of its prefix of the order exactly once.
    pub(crate) fn shows_each_point_once(&self, version: &Version, batches: &[&[i64]]) {
        assert_eq!(
            self.points(version),
            points_through(batches, version.seq),
            "each point exactly once over active, frozen, SSTs"
        );
    }

    /// The same where deletes are among what was asked for.
    pub(crate) fn shows_what_is_not_deleted(&self, version: &Version, order: &[Asks]) {
        assert_eq!(
            self.points(version),
            points_after(order, version.seq),
            "what came before a delete is hidden, what comes after it visible, nothing else touched"
        );
    }

    /// Holds the disk, once nobody reads and nothing is under way, to the SSTs that version and manifest name.
    pub(crate) fn keeps_named_ssts_alone(&self) {
        let version = self.latest.load();
        let sorted = |mut ids: Vec<FileId>| {
            ids.sort_unstable();
            ids
        };
        let seen = sorted(version.ssts.iter().map(|sst| sst.id).collect());
        let named = self.store.look(|disk| sorted(disk.durable.ssts.iter().map(|sst| sst.id).collect()));
        assert_eq!(seen, named, "version and manifest name the same SSTs");
        assert_eq!(self.store.look(Disk::ssts), named, "the disk keeps the named SSTs and no other");
    }
}

/// No series is made after a delete was asked for.
#[derive(Debug)]
struct NoOther;

impl Matcher for NoOther {
    fn matches(&self, _key: &SeriesKey) -> bool {
        false
    }
}

/// What a version hides of the one series in a source up to a record.
fn hidden_of(version: &Version, max_seq: u64) -> Hidden {
    let key = SeriesKey::new("m");
    let def = SeriesDef { id: SERIES, key, ty: ValueType::U64, duplicates: Duplicates::default(), seq: 0 };
    version.hidden(&def, max_seq)
}

/// A write to be sent, and its answer, which another thread may have.
pub(crate) fn write_of(timestamps: &[i64], durability: Durability) -> (Work, Answer<Result<Ack>>) {
    let mut batch = Batch::new();
    for at in timestamps {
        batch.push(Series::<u64>::new(SERIES, NONCE), Timestamp::from_nanos(*at), value_of(*at));
    }
    let (reply, answer) = reply();
    (Work::Write(Box::new(Write { batch, durability, reply })), answer)
}

pub(crate) fn value_of(timestamp: i64) -> u64 {
    timestamp.unsigned_abs() * 10
}

/// The points of the first `seq` batches: what a version of that seq must show.
pub(crate) fn points_through(batches: &[&[i64]], seq: u64) -> Vec<Seen> {
    let prefix: Vec<i64> = (0..seq).zip(batches).flat_map(|(_, batch)| batch.iter().copied()).collect();
    points_of(&prefix)
}

/// The points that batches of these timestamps come to.
pub(crate) fn points_of(timestamps: &[i64]) -> Vec<Seen> {
    let mut points: Vec<Seen> = timestamps.iter().map(|at| (*at, value_of(*at))).collect();
    points.sort_unstable();
    points
}
