//! Environment of the actors in a model: a disk, no timers, and functions that send requests and check results. The
//! environment decides nothing: the protocols that the models check are in the production files.

mod crash;
mod disk;
mod history;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::sync::block_on;
use crate::types::time_range::TimeRange;
use loom::thread::{self, JoinHandle};

use crate::engine::actor::{
    Ack, CallerId, DeleteRequest, QueuedCommand, Timer, Timers, WriteReply, WriteRequest, Writer, WriterCommand,
    WriterEvent, WriterMessage, WriterSettings, run_compactor, run_flusher,
};
use crate::state::file_id::FileId;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::metric_metadata::MetadataChange;
use crate::state::series_index::SeriesIndex;
use crate::state::series_index::empty_series::ManifestSeriesSets;
use crate::state::version::{Cutoffs, Version};
use crate::state::watch::Watch;
use crate::sync::{Arc, Permit, Receiver, ReplyReceiver, Sender, Waker, channel, reply_channel};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::metric_metadata::MetricMetadata;
use crate::types::options::{Durability, RetentionPolicy};
use crate::types::point::{Batch, Timestamp, ValueType};
use crate::types::series::{Series, SeriesId, SeriesInfo, SeriesKey, SeriesPredicate, SeriesSet};

pub(crate) use disk::{ModelDisk, ModelPoint, ModelStorage, read_series};
pub(crate) use history::{HistoryOp, points_after_history};

/// Timers that never fire by themselves. A model fires a timer with [`ModelDatabase::fire_timer`].
#[derive(Debug)]
pub(crate) struct NoTimers;

impl Timers for NoTimers {
    fn arm(&mut self, _timer: Timer, _after: Duration) {}

    fn arm_no_later(&mut self, _timer: Timer, _after: Duration) {}

    fn monotonic_now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_clock_nanos(&self) -> i64 {
        i64::MAX
    }
}

/// The only series; it exists from the start.
pub(crate) const SERIES: SeriesId = SeriesId::new(0);
/// Metric of the series.
const METRIC: &str = "m";
/// Id of the opening in the handles of the series.
const NONCE: u64 = 1;

/// Handle of the database, which the threads of a model share.
#[derive(Debug, Clone)]
pub(crate) struct ModelDatabase {
    pub(crate) store: ModelStorage,
    pub(crate) latest: Arc<Watch<Version>>,
    pub(crate) inbox: Sender<WriterMessage>,
}

/// Writer, and the inboxes of writer, flusher and compactor, before the threads start.
#[derive(Debug)]
pub(crate) struct ModelActors {
    pub(crate) writer: Writer<ModelStorage, NoTimers>,
    pub(crate) commands: Receiver<WriterMessage>,
    pub(crate) frozen: Receiver<crate::engine::actor::FlushJob>,
    pub(crate) plans: Receiver<crate::engine::actor::CompactorCommand>,
}

/// Threads of the running actors.
#[derive(Debug)]
pub(crate) struct ActorThreads {
    writer: JoinHandle<()>,
    /// Threads of the flusher and the compactor, which end with the writer.
    others: Vec<JoinHandle<()>>,
}

impl ModelActors {
    /// Starts the writer and the flusher, each on a thread of the model. Commands to the compactor are dropped.
    pub(crate) fn start(self, world: &ModelDatabase) -> ActorThreads {
        let Self { writer, commands, frozen, plans: _ } = self;
        let (tables, reports) = (world.store.clone(), world.inbox.clone());
        let flusher = thread::spawn(move || block_on(run_flusher(tables, frozen, reports)));
        let writer = spawn_writer(writer, commands);
        ActorThreads { writer, others: vec![flusher] }
    }

    /// Starts the writer and the compactor, each on a thread of the model. The model must request no flush.
    pub(crate) fn start_compacting(self, world: &ModelDatabase) -> ActorThreads {
        let Self { writer, commands, frozen: _, plans } = self;
        let (merges, reports) = (world.store.clone(), world.inbox.clone());
        let compactor = thread::spawn(move || block_on(run_compactor(merges, plans, reports)));
        let writer = spawn_writer(writer, commands);
        ActorThreads { writer, others: vec![compactor] }
    }

    /// Starts the writer, the flusher and the compactor, each on a thread of the model.
    pub(crate) fn start_all(self, world: &ModelDatabase) -> ActorThreads {
        let Self { writer, commands, frozen, plans } = self;
        let (tables, reports) = (world.store.clone(), world.inbox.clone());
        let flusher = thread::spawn(move || block_on(run_flusher(tables, frozen, reports)));
        let (merges, reports) = (world.store.clone(), world.inbox.clone());
        let compactor = thread::spawn(move || block_on(run_compactor(merges, plans, reports)));
        let writer = spawn_writer(writer, commands);
        ActorThreads { writer, others: vec![flusher, compactor] }
    }
}

/// Starts the writer on a thread of the model.
///
/// Its stack is larger than loom's default of 32 KiB, which the sources with all faults exceed.
pub(crate) fn spawn_writer(
    writer: Writer<ModelStorage, NoTimers>,
    commands: Receiver<WriterMessage>,
) -> JoinHandle<()> {
    const STACK_WORDS: usize = 16 << 10;
    let thread = thread::Builder::new().stack_size(STACK_WORDS);
    thread.spawn(move || block_on(writer.run(commands))).expect("a thread of the model starts")
}

impl ActorThreads {
    /// Waits until all started actors have ended.
    pub(crate) fn end(self) {
        self.writer.join().expect("the writer ends");
        for other in self.others {
            other.join().expect("the flusher and the compactor end with the writer");
        }
    }
}

/// Settings of a model.
#[derive(Debug)]
pub(crate) struct ModelSetup {
    pub(crate) flush_at_bytes: usize,
    /// `true` if threads can interleave between any two steps of the disk.
    pub(crate) watched: bool,
    /// `true` if the model moves the directory.
    pub(crate) moves: bool,
    /// Number of attempts to begin an SST that fail, from the first one on.
    pub(crate) failing_flushes: usize,
    /// Batches that are in one SST each when the database is opened. They are the first records of the history.
    pub(crate) flushed: &'static [&'static [i64]],
    /// Time since a failed flush after which stalled commands are rejected. The clock of a model does not advance, so
    /// only zero rejects any.
    pub(crate) stall_timeout: Duration,
    /// Durability of deletes.
    pub(crate) durability: Durability,
    /// Cutoff of retention, and the age of the opening. The cutoff was set under an age of two by the newest time.
    pub(crate) retained: Option<(i64, Duration)>,
    /// `true` if the manifest names the series as empty.
    pub(crate) is_empty: bool,
}

impl Default for ModelSetup {
    fn default() -> Self {
        Self {
            flush_at_bytes: usize::MAX,
            watched: false,
            moves: false,
            failing_flushes: 0,
            flushed: &[],
            stall_timeout: Duration::MAX,
            durability: Durability::Sync,
            retained: None,
            is_empty: false,
        }
    }
}

/// Future of a reply that can be polled before it is awaited.
pub(crate) struct PolledAnswer<T> {
    wait: Pin<Box<dyn Future<Output = Option<T>> + Send>>,
    come: Poll<Option<T>>,
}

impl<T: Send + 'static> PolledAnswer<T> {
    pub(crate) fn new(wait: impl Future<Output = Option<T>> + Send + 'static) -> Self {
        Self { wait: Box::pin(wait), come: Poll::Pending }
    }

    /// Polls once, and returns `true` if the reply has arrived or the request was dropped without a reply.
    pub(crate) fn has_come(&mut self) -> bool {
        if self.come.is_pending() {
            self.come = self.wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        self.come.is_ready()
    }

    /// Waits for the reply; `None` if the request was dropped without a reply.
    pub(crate) fn wait(self) -> Option<T> {
        match self.come {
            Poll::Ready(answer) => answer,
            Poll::Pending => block_on(self.wait),
        }
    }
}

impl ModelDatabase {
    /// Creates a database that was just opened, and its actors, which do not run yet.
    pub(crate) fn new(setup: &ModelSetup) -> (Self, ModelActors) {
        let mut series = SeriesIndex::default();
        series
            .find_or_create(
                &SeriesKey::new(METRIC),
                ValueType::U64,
                None,
                crate::state::series_index::NewSeriesSettings {
                    seq: 0,
                    cap: 8,
                    max_tags: 64,
                    key_bytes_cap: u64::MAX,
                    duplicates: DuplicatePolicy::default(),
                },
            )
            .expect("an empty index takes a series");
        series.revive(&[SERIES], 8).expect("one series is below the limit");
        if setup.is_empty {
            let empty = SeriesSet::from_sorted([SERIES]);
            let sets = ManifestSeriesSets { empty, ..ManifestSeriesSets::default() };
            series.restore_sets(1, &sets).expect("the series is defined");
        }
        let store = ModelStorage::new(setup);
        if let Some((cutoff, _)) = setup.retained {
            store.retain(cutoff);
        }
        let durable = store.look(|disk| disk.durable.clone());
        let cutoffs = Cutoffs::new(durable.cutoff, Vec::new());
        let latest = Arc::new(Watch::new(Arc::new(Version::from_durable(series, &durable, cutoffs))));
        let (inbox, commands) = channel();
        let (flusher, frozen) = channel();
        let (compactor, plans) = channel();
        let settings = WriterSettings {
            durability: setup.durability,
            flush_at_bytes: setup.flush_at_bytes,
            flush_age: Duration::from_hours(1),
            stall_timeout: setup.stall_timeout,
            duplicates: DuplicatePolicy::default(),
            max_series: 8,
            max_tags: 64,
            max_series_key_bytes: u64::MAX,
            reject_behind_cutoff: false,
            retention: RetentionPolicy { age: setup.retained.map(|(_, age)| age), ..RetentionPolicy::default() },
        };
        let newest = setup.flushed.len() as u64;
        let writer = Writer::new(store.clone(), NoTimers, settings, flusher, compactor, Arc::clone(&latest), newest);
        (Self { store, latest, inbox }, ModelActors { writer, commands, frozen, plans })
    }

    /// Sends a batch of points of the series, to be acknowledged after a sync. The value of each point is ten times its
    /// timestamp.
    pub(crate) fn write(&self, timestamps: &[i64]) -> AckReceiver {
        self.write_with(timestamps, Durability::Sync, None)
    }

    /// Sends a batch as [`write`](Self::write) does, with the given durability and permit.
    pub(crate) fn write_with(&self, timestamps: &[i64], durability: Durability, permit: Option<Permit>) -> AckReceiver {
        let (work, answer) = write_of(timestamps, durability);
        self.inbox.send(WriterMessage::Command(QueuedCommand { command: work, caller: None, permit }));
        answer
    }

    /// Sends a batch as [`write`](Self::write) does, from a caller.
    pub(crate) fn write_from(&self, caller: Option<CallerId>, timestamps: &[i64]) -> AckReceiver {
        let (command, answer) = write_of(timestamps, Durability::Sync);
        self.send_from(caller, command);
        answer
    }

    pub(crate) fn flush(&self) -> ReplyReceiver<Result<()>> {
        let (reply, answer) = reply_channel();
        self.send(WriterCommand::Flush { reply });
        answer
    }

    /// Requests a compaction of all current SSTs into the base.
    pub(crate) fn compact(&self) -> ReplyReceiver<Result<()>> {
        let (reply, answer) = reply_channel();
        self.send(WriterCommand::Compact { reply });
        answer
    }

    /// Deletes the points of the series between the two times, both included.
    pub(crate) fn delete(&self, first: i64, last: i64) -> AckReceiver {
        self.delete_from(None, first, last)
    }

    /// Deletes as [`delete`](Self::delete) does, from a caller.
    pub(crate) fn delete_from(&self, caller: Option<CallerId>, first: i64, last: i64) -> AckReceiver {
        let (reply, answer) = reply_channel();
        let found = SeriesSet::from_sorted([SERIES]);
        let predicate = Arc::new(MatchNone);
        let delete = DeleteRequest {
            selected: found,
            resolved_end: 1,
            predicate,
            range: TimeRange::new(first, last),
            reply: Some(reply),
        };
        self.send_from(caller, WriterCommand::Delete(Box::new(delete)));
        AckReceiver::Delete(answer)
    }

    /// Sets the unit of the metric.
    pub(crate) fn set_unit(&self, unit: &str) {
        let change = MetadataChange { metric: METRIC.to_owned(), metadata: MetricMetadata::default().with_unit(unit) };
        self.send(WriterCommand::SetMetadata { change, reply: reply_channel().0 });
    }

    pub(crate) fn close(&self) -> ReplyReceiver<Result<()>> {
        let (reply, answer) = reply_channel();
        self.send(WriterCommand::Close { reply });
        answer
    }

    pub(crate) fn send(&self, command: WriterCommand) {
        self.send_from(None, command);
    }

    fn send_from(&self, caller: Option<CallerId>, command: WriterCommand) {
        self.inbox.send(WriterMessage::Command(QueuedCommand { command, caller, permit: None }));
    }

    /// Fires a timer.
    pub(crate) fn fire_timer(&self, timer: Timer) {
        self.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(timer)));
    }

    /// Returns all points that a version shows, from all its sources, in time order.
    pub(crate) fn points(&self, version: &Version) -> Vec<ModelPoint> {
        self.store.points(version)
    }

    /// Asserts that a version lists the series if it shows a point of the series.
    pub(crate) fn assert_listed_if_visible(&self, version: &Version) {
        let is_listed = !version.series.empty_series().contains(SERIES);
        assert!(is_listed || self.points(version).is_empty(), "every series with a point is listed");
    }

    /// Asserts that a version shows each point of its prefix of `batches` exactly once, and no other point.
    pub(crate) fn shows_each_point_once(&self, version: &Version, batches: &[&[i64]]) {
        assert_eq!(
            self.points(version),
            points_after_batches(batches, version.seq),
            "each point exactly once over active, frozen, SSTs"
        );
    }

    /// Asserts the same as [`shows_each_point_once`](Self::shows_each_point_once), for a history with deletes.
    pub(crate) fn shows_what_is_not_deleted(&self, version: &Version, order: &[HistoryOp]) {
        assert_eq!(
            self.points(version),
            points_after_history(order, version.seq),
            "what came before a delete is hidden, what comes after it visible, nothing else touched"
        );
    }

    /// Asserts that the disk contains exactly the SSTs that the newest version and the manifest name. Valid only if no
    /// reader and no job is active.
    pub(crate) fn assert_only_named_ssts(&self) {
        let version = self.latest.load();
        let sorted = |mut ids: Vec<FileId>| {
            ids.sort_unstable();
            ids
        };
        let seen = sorted(version.ssts.iter().map(|sst| sst.id).collect());
        let named = self.store.look(|disk| sorted(disk.durable.ssts.iter().map(|sst| sst.id).collect()));
        assert_eq!(seen, named, "version and manifest name the same SSTs");
        assert_eq!(self.store.look(ModelDisk::ssts), named, "the disk keeps the named SSTs and no other");
    }
}

/// Predicate that matches no series: no model creates a series after it requested a delete.
#[derive(Debug)]
struct MatchNone;

impl SeriesPredicate for MatchNone {
    fn matches(&self, _key: &SeriesKey) -> bool {
        false
    }
}

/// Returns the hidden ranges of the series in a source whose max seq is `max_seq`.
fn hidden_ranges(version: &Version, max_seq: u64) -> HiddenRanges {
    let key = SeriesKey::new("m");
    let def =
        SeriesInfo { id: SERIES, key, value_type: ValueType::U64, duplicates: DuplicatePolicy::default(), seq: 0 };
    version.hidden_ranges(&def, max_seq)
}

/// Receiver of the acknowledgement of a write or a delete. Another thread can await it.
pub(crate) enum AckReceiver {
    Write(ReplyReceiver<WriteReply>),
    Delete(ReplyReceiver<Result<Ack>>),
}

impl AckReceiver {
    pub(crate) async fn recv(self) -> Option<Result<Ack>> {
        match self {
            Self::Write(reply) => reply.recv().await.map(|reply| reply.result),
            Self::Delete(reply) => reply.recv().await,
        }
    }

    pub(crate) fn recv_blocking(self) -> Option<Result<Ack>> {
        match self {
            Self::Write(reply) => reply.recv_blocking().map(|reply| reply.result),
            Self::Delete(reply) => reply.recv_blocking(),
        }
    }
}

/// Creates a write command and the receiver of its acknowledgement.
pub(crate) fn write_of(timestamps: &[i64], durability: Durability) -> (WriterCommand, AckReceiver) {
    let mut batch = Batch::new();
    for at in timestamps {
        batch.push(Series::<u64>::new(SERIES, NONCE), Timestamp::from_nanos(*at), value_of(*at));
    }
    let (reply, answer) = reply_channel();
    (
        WriterCommand::Write(Box::new(WriteRequest { batch, durability, may_wait: true, reply })),
        AckReceiver::Write(answer),
    )
}

pub(crate) fn value_of(timestamp: i64) -> u64 {
    timestamp.unsigned_abs() * 10
}

/// Returns the points of the first `seq` batches in time order: a version of that seq must show exactly these.
pub(crate) fn points_after_batches(batches: &[&[i64]], seq: u64) -> Vec<ModelPoint> {
    let prefix: Vec<i64> = (0..seq).zip(batches).flat_map(|(_, batch)| batch.iter().copied()).collect();
    model_points(&prefix)
}

/// Returns the points with these timestamps, in time order.
pub(crate) fn model_points(timestamps: &[i64]) -> Vec<ModelPoint> {
    let mut points: Vec<ModelPoint> = timestamps.iter().map(|at| (*at, value_of(*at))).collect();
    points.sort_unstable();
    points
}
