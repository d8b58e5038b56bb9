//! Tests of the actors.
//!
//! Tables of events drive the state machines, without threads and storage. The tests in this file drive the whole
//! writer over mocks of storage and timers; most of them are regression tests.

mod admission;
mod bounds;
mod compactor_schedule;
mod empty_series;
mod flush;
mod group_commit;
mod install;
mod retention;
mod shutdown;
mod stall_timeout;
mod tables;

use crate::state::log_record::{AppendError, LogRecord};
use crate::types::time_range::TimeRange;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::interfaces::EmptySeriesFound;
use super::retention::MAX_TESTS_PER_TURN;
use super::*;
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::series_index::{NewSeriesSettings, SeriesIndex};
use crate::state::tombstone::Tombstone;
use crate::state::version::{BASE, Cutoffs, DurableState, DyadicBox, L0, RetentionRule, SstMeta, Version, VersionEdit};
use crate::state::watch::Watch;
use crate::sync::{Arc, Receiver, ReplyReceiver, Sender, channel, reply_channel};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::{Durability, RetentionPolicy};
use crate::types::point::{Batch, Timestamp, ValueType};
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey, SeriesPredicate, SeriesSet};

/// Time since a failed flush after which the writers of these tests reject stalled commands.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

const ENOSPC: std::io::ErrorKind = std::io::ErrorKind::StorageFull;

#[derive(Debug, Default)]
struct MockState {
    now: Duration,
    due: [Option<Duration>; Timer::ALL.len()],
    syncs: usize,
    appends: usize,
    /// `true` if there is room for deletes only.
    is_full: bool,
    segments: u64,
    /// Number of sync marks that cannot be written.
    marks_fail: usize,
    /// Whether a sync mark makes the database read-only.
    marks_outcome_unknown: bool,
    /// Error of the next edit.
    install_fails: Option<AppendError>,
    removed_ssts: Vec<FileId>,
    spares_given_up: usize,
    unused_space_removed: usize,
    pinned: PinStats,
    /// Causes for which the database was reported as read-only.
    read_only: Vec<String>,
    failed_flush: Option<Error>,
}

/// Returns an L0 file with one point and one record; it covers the 10 ns from `first_time`.
fn l0_file(number: u64, len: u64, first_time: i64) -> SstMeta {
    let series = SeriesId::new(0);
    SstMeta {
        id: FileId::new(number),
        file_len: len,
        footer_crc: 0,
        rectangle: Rectangle::of_series(series, TimeRange::new(first_time, first_time + 9)),
        min_seq: number,
        max_seq: number,
        points: 1,
        blocks: 1,
        series: 1,
        level: L0,
        generation: number,
        partition: DyadicBox::ALL,
        origin: 0,
    }
}

#[derive(Debug, Clone, Default)]
struct MockStorage {
    state: Arc<Mutex<MockState>>,
    no_space: Option<Error>,
}

impl MockStorage {
    fn look<R>(&self, look: impl FnOnce(&mut MockState) -> R) -> R {
        look(&mut self.state.lock().unwrap())
    }
}

impl WriterStorage for MockStorage {
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        self.restore_reserves();
        self.look(|state| state.appends += 1);
        match &self.no_space {
            Some(error) if group.iter().any(|record| record.delete.is_none()) => {
                Err(AppendError::NotWritten(error.clone()))
            }
            _ => Ok(()),
        }
    }
    fn sync(&mut self) -> Result<()> {
        self.look(|state| state.syncs += 1);
        Ok(())
    }
    fn write_sync_mark(&mut self) -> Result<(), AppendError> {
        if self.look(|state| state.marks_outcome_unknown) {
            return Err(AppendError::OutcomeUnknown(Error::QueueFull));
        }
        self.look(|state| match state.marks_fail.checked_sub(1) {
            None => Ok(()),
            Some(left) => {
                state.marks_fail = left;
                Err(AppendError::NotWritten(Error::QueueFull))
            }
        })
    }
    fn rotate_wal(&mut self) -> Result<FileId, AppendError> {
        Ok(self.look(|state| {
            state.syncs += 1;
            state.segments += 1;
            FileId::new(state.segments)
        }))
    }
    fn prepare_series_log(&mut self, _: &[Arc<SeriesInfo>]) -> Result<()> {
        Ok(())
    }

    fn commit_edit(&mut self, _: VersionEdit, _: &[Arc<SeriesInfo>]) -> Result<(), AppendError> {
        match self.look(|state| state.install_fails.take()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
    fn no_space(&self) -> Option<&Error> {
        self.no_space.as_ref()
    }
    fn restore_reserves(&mut self) {
        self.no_space = self.look(|state| state.is_full.then(|| Error::io("write", "wal", ENOSPC.into())));
    }
    fn give_up_spares(&mut self) {
        self.look(|state| state.spares_given_up += 1);
    }
    fn remove_unused_wal_space(&mut self) {
        self.look(|state| state.unused_space_removed += 1);
    }
    fn drop_wal_segments(&mut self) {}
    fn remove_ssts(&mut self, ids: &[FileId]) {
        self.look(|state| state.removed_ssts.extend(ids));
    }
    fn report_pins(&mut self, pinned: PinStats) {
        self.look(|state| state.pinned = pinned);
    }
    fn report_read_only(&mut self, cause: &Error, _: i64) {
        self.look(|state| state.read_only.push(cause.to_string()));
    }
    fn report_failed_flush(&mut self, error: Option<&Error>, _: i64) {
        self.look(|state| state.failed_flush = error.cloned());
    }
}

impl Timers for MockStorage {
    fn arm(&mut self, timer: Timer, after: Duration) {
        self.look(|state| state.due[timer as usize] = Some(state.now + after));
    }

    fn arm_no_later(&mut self, timer: Timer, after: Duration) {
        self.look(|state| {
            let at = state.now + after;
            state.due[timer as usize] = Some(state.due[timer as usize].map_or(at, |due| due.min(at)));
        });
    }

    fn monotonic_now(&self) -> Duration {
        self.look(|state| state.now)
    }

    fn wall_clock_nanos(&self) -> i64 {
        i64::MAX
    }
}

struct WriterHarness {
    mock: MockStorage,
    inbox: Sender<WriterMessage>,
    flushes: Receiver<FlushJob>,
    plans: Receiver<CompactorCommand>,
    latest: Arc<Watch<Version>>,
    run: Pin<Box<dyn Future<Output = ()>>>,
}

/// Receiver of the reply to a write; returns the outcome without the batch.
struct WriteAnswer(ReplyReceiver<WriteReply>);

impl WriteAnswer {
    async fn recv(self) -> Option<Result<Ack>> {
        self.0.recv().await.map(|reply| reply.result)
    }

    fn recv_blocking(self) -> Option<Result<Ack>> {
        self.0.recv_blocking().map(|reply| reply.result)
    }
}

impl WriterHarness {
    fn new() -> Self {
        Self::opened(&DurableState::default(), usize::MAX)
    }

    fn opened(durable: &DurableState, flush_at_bytes: usize) -> Self {
        let version = Version::from_durable(SeriesIndex::default(), durable, Cutoffs::default());
        Self::over(version, RetentionPolicy::default(), flush_at_bytes)
    }

    fn over(version: Version, retention: RetentionPolicy, flush_at_bytes: usize) -> Self {
        let mock = MockStorage::default();
        let generation = version.ssts.iter().map(|sst| sst.generation).max().unwrap_or_default();
        let latest = Arc::new(Watch::new(Arc::new(version)));
        let (inbox, commands) = channel();
        let (to_flusher, flushes) = channel();
        let (to_compactor, plans) = channel();
        let settings = WriterSettings {
            durability: Durability::Os,
            flush_at_bytes,
            flush_age: Duration::from_hours(1),
            stall_timeout: STALL_TIMEOUT,
            max_series: 1_000_000,
            max_tags: 64,
            reject_behind_cutoff: false,
            max_series_key_bytes: 1 << 30,
            duplicates: DuplicatePolicy::default(),
            retention,
        };
        let shown = Arc::clone(&latest);
        let writer = Writer::new(mock.clone(), mock.clone(), settings, to_flusher, to_compactor, latest, generation);
        Self { mock, inbox, flushes, plans, latest: shown, run: Box::pin(writer.run(commands)) }
    }

    /// Polls the writer at most ten times. Returns `true` if the writer ended.
    fn go(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        (0..10).any(|_| matches!(self.run.as_mut().poll(&mut context), Poll::Ready(())))
    }

    fn send(&self, command: WriterCommand) {
        self.send_from(None, command);
    }

    fn send_from(&self, caller: Option<CallerId>, command: WriterCommand) {
        self.inbox.send(WriterMessage::Command(QueuedCommand { command, caller, permit: None }));
    }

    fn write(&self, durability: Durability) -> WriteAnswer {
        self.write_to("m", 1, durability)
    }

    fn write_to(&self, metric: &str, at: i64, durability: Durability) -> WriteAnswer {
        let mut batch = Batch::new();
        batch.push_key(&SeriesKey::new(metric), Timestamp::from_nanos(at), 1.0);
        let (reply, answer) = reply_channel();
        self.send(WriterCommand::Write(Box::new(WriteRequest { batch, durability, may_wait: true, reply })));
        WriteAnswer(answer)
    }

    fn flush(&self) -> ReplyReceiver<Result<()>> {
        let (reply, answer) = reply_channel();
        self.send(WriterCommand::Flush { reply });
        answer
    }

    fn on_timer(&self, timer: Timer) -> Option<Duration> {
        self.mock.look(|state| state.due[timer as usize])
    }
}

/// A request that is in the inbox when the actor ends must be answered.
/// Its caller holds the sender, so only the receiver can drop the queue.
#[test]
fn a_message_left_in_an_inbox_is_dropped_with_its_receiver() {
    let (sender, receiver) = channel();
    let (reply, answer) = reply_channel::<()>();
    sender.send(reply);
    drop(receiver);
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || done.send(answer.recv_blocking()));
    assert_eq!(is_done.recv_timeout(Duration::from_secs(3)), Ok(None), "the caller waits for ever");
    drop(sender);
}

/// The flusher panics during a flush, and a close command arrives in the same turn.
#[test]
fn a_close_beside_a_panic_of_the_flusher_ends() {
    let mut world = WriterHarness::new();
    let _write = world.write(Durability::Os);
    let _flush = world.flush();
    assert!(!world.go());
    assert!(world.flushes.try_recv().is_some(), "the flusher has it, and panics");
    let (reply, _answer) = reply_channel();
    world.send(WriterCommand::Close { reply });
    world.inbox.send(WriterMessage::Event(WriterEvent::ActorPanicked));
    assert!(world.go(), "the writer waits for a flusher that is gone, and the close with it");
}

#[test]
fn a_shorter_interval_does_not_put_off_the_sync_of_a_longer_one() {
    let mut world = WriterHarness::new();
    let _first = world.write(Durability::Interval(Duration::from_secs(10)));
    assert!(!world.go());
    assert_eq!(world.on_timer(Timer::Sync), Some(Duration::from_secs(10)));
    world.mock.look(|state| state.now = Duration::from_secs(9));
    let _second = world.write(Durability::Interval(Duration::from_secs(8)));
    assert!(!world.go());
    assert_eq!(
        world.on_timer(Timer::Sync),
        Some(Duration::from_secs(10)),
        "the first write was promised a sync by then"
    );
}

/// A manifest edit failed, but the WAL is intact: acknowledged writes must still be synced.
#[test]
fn what_was_acknowledged_is_synced_though_an_install_failed() {
    let mut world = WriterHarness::new();
    let _first = world.write(Durability::Os);
    let _flush = world.flush();
    assert!(!world.go());
    let second = world.write(Durability::Interval(Duration::from_secs(1)));
    assert!(!world.go());
    assert!(second.recv_blocking().unwrap().is_ok());
    let before = world.mock.look(|state| {
        state.install_fails = Some(AppendError::OutcomeUnknown(Error::QueueFull));
        state.syncs
    });
    world.inbox.send(WriterMessage::Event(WriterEvent::Flushed { generation: 1, outcome: Ok(JobOutput::default()) }));
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::Sync)));
    world.send(WriterCommand::Release);
    assert!(world.go());
    assert!(world.mock.look(|state| state.syncs) > before, "neither the timer nor the end synced it");
    let causes = world.mock.look(|state| state.read_only.clone());
    assert_eq!(causes, [Error::QueueFull.to_string()], "the statistics say why the database is read-only, once");
}

#[test]
fn new_series_do_not_put_off_the_flush_of_older_ones() {
    let mut world = WriterHarness::new();
    for (hour, name) in [(0, "a"), (1, "b")] {
        world.mock.look(|state| state.now = Duration::from_secs(1800 * hour));
        let (reply, _answer) = reply_channel();
        world.send(WriterCommand::CreateSeries {
            keys: vec![(SeriesKey::new(name), ValueType::F64)],
            duplicates: None,
            reply,
        });
        assert!(!world.go());
    }
    assert_eq!(world.on_timer(Timer::MemtableAge), Some(Duration::from_hours(1)));
}

/// Two memtables are frozen, the active memtable has records, and every flush fails.
#[test]
fn a_flush_command_without_room_returns_the_error_of_the_failed_flush() {
    let mut world = WriterHarness::new();
    for _ in 0..2 {
        let _write = world.write(Durability::Os);
        let _flush = world.flush();
    }
    let _write = world.write(Durability::Os);
    let third = world.flush();
    let (reply, synced) = reply_channel();
    world.send(WriterCommand::Sync { reply });
    for _ in 0..5 {
        assert!(!world.go());
        let outcome = Err(Error::QueueFull);
        world.inbox.send(WriterMessage::Event(WriterEvent::Flushed { generation: 1, outcome }));
        assert!(!world.go());
        world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::FlushRetry)));
    }
    assert!(!world.go());
    for (what, answer) in [("flush", third), ("sync", synced)] {
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || done.send(answer.recv_blocking()));
        assert!(is_done.recv_timeout(Duration::from_secs(2)).is_ok(), "the {what} waits while five flushes failed");
    }
}

/// Predicate that matches metrics with an even last digit, and counts its calls.
#[derive(Debug, Default)]
struct EvenMetricPredicate(AtomicUsize);

impl SeriesPredicate for EvenMetricPredicate {
    fn matches(&self, key: &SeriesKey) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        key.metric().ends_with(['0', '2', '4', '6', '8'])
    }
}

/// Returns a version with `count` series, all in one file of the base from time 0 to 1,000.
fn many_series(count: u32, cutoffs: Cutoffs) -> Version {
    let mut series = SeriesIndex::default();
    for number in 0..count {
        let making = NewSeriesSettings {
            seq: 1,
            cap: count,
            max_tags: 64,
            key_bytes_cap: u64::MAX,
            duplicates: DuplicatePolicy::default(),
        };
        series.find_or_create(&SeriesKey::new(format!("m{number}")), ValueType::F64, None, making).unwrap();
    }
    let rectangle = Rectangle {
        first_series: SeriesId::new(0),
        last_series: SeriesId::new(count - 1),
        times: TimeRange::new(0, 1_000),
    };
    let (id, partition) = (FileId::new(1), DyadicBox::ALL);
    let sst = SstMeta {
        id,
        file_len: 1,
        footer_crc: 0,
        rectangle,
        min_seq: 1,
        max_seq: 1,
        points: u64::from(count),
        blocks: 1,
        series: u64::from(count),
        level: BASE,
        generation: 0,
        partition,
        origin: 0,
    };
    Version::from_durable(
        series,
        &DurableState { ssts: [sst].into_iter().collect(), flushed_seq: 1, ..DurableState::default() },
        cutoffs,
    )
}

/// A test of all 100,000 series against the rule in one turn would delay every write.
#[test]
fn a_rules_delete_tries_a_part_of_the_series_each_turn_and_reaches_all() {
    const SERIES: u32 = 100_000;
    let predicate = Arc::new(EvenMetricPredicate::default());
    let rule = RetentionRule { selector: Vec::new(), predicate: predicate.clone(), cutoff: None };
    let limits = RetentionPolicy {
        rules: vec![Some(Duration::from_nanos(100))],
        grace: Some(Duration::ZERO),
        ..RetentionPolicy::default()
    };
    let mut world = WriterHarness::over(many_series(SERIES, Cutoffs::new(None, vec![rule])), limits, usize::MAX);
    let deleted = |world: &WriterHarness| {
        let series = |tombstone: &Arc<Tombstone>| tombstone.series.iter().count();
        world
            .latest
            .load()
            .tombstones
            .iter()
            .map(|tombstone| (series(tombstone), tombstone.range.last()))
            .collect::<Vec<_>>()
    };
    let turn = |world: &mut WriterHarness| {
        let before = predicate.0.load(Ordering::Relaxed);
        world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::Retention)));
        assert!(!world.go());
        predicate.0.load(Ordering::Relaxed) - before
    };
    assert!(!world.go());
    assert_eq!(predicate.0.load(Ordering::Relaxed), MAX_TESTS_PER_TURN, "as it opens");
    let (mut turns, mut tried) = (0, MAX_TESTS_PER_TURN);
    while deleted(&world) == Vec::<(usize, i64)>::new() {
        assert!(world.on_timer(Timer::Retention).unwrap() <= Duration::from_millis(10), "it goes on soon");
        let in_turn = turn(&mut world);
        assert!(in_turn <= MAX_TESTS_PER_TURN, "{in_turn} series in one turn");
        (turns, tried) = (turns + 1, tried + in_turn);
        assert!(turns <= 10, "the delete never comes");
    }
    assert_eq!((turns, tried), (6, SERIES as usize), "each once");
    assert_eq!(deleted(&world), [(50_000, 899)]);
    // Three new series, the last one in the turn in which the next delete is due: each is tested once, and no other
    // series is tested again.
    let _first = world.write_to("a2", 1, Durability::Os);
    assert!(!world.go());
    let _second = world.write_to("a4", 2_000, Durability::Os);
    assert!(!world.go());
    let _third = world.write_to("a6", 2_000, Durability::Os);
    assert_eq!(turn(&mut world), 3);
    assert_eq!(deleted(&world), [(50_000, 899), (50_003, 1_899)]);
}

/// A compaction reads the sixteen old files when a flush exceeds the limit in bytes.
/// Only the newest file could be dropped, and a cutoff behind it would hide every point.
#[test]
fn bytes_too_many_do_not_hide_everything_while_the_oldest_files_are_being_merged() {
    let sst = |number: u64| l0_file(number, 100, i64::try_from(number).unwrap() * 10);
    let ssts = (1..=16).map(sst).collect();
    let mut series = SeriesIndex::default();
    let making = NewSeriesSettings {
        seq: 1,
        cap: 1,
        max_tags: 64,
        key_bytes_cap: u64::MAX,
        duplicates: DuplicatePolicy::default(),
    };
    series.find_or_create(&SeriesKey::new("m"), ValueType::F64, None, making).unwrap();
    let durable = DurableState { ssts, flushed_seq: 16, ..DurableState::default() };
    let version = Version::from_durable(series, &durable, Cutoffs::default());
    let limits = RetentionPolicy { bytes: Some(1_650), ..RetentionPolicy::default() };
    let mut world = WriterHarness::over(version, limits, usize::MAX);
    assert!(!world.go());
    let Some(CompactorCommand::Compact(job)) = world.plans.try_recv() else { panic!("a merge is due") };
    assert_eq!(job.plan.inputs.len(), 16);
    let _write = world.write_to("m", 179, Durability::Os);
    let _flush = world.flush();
    assert!(!world.go());
    let generation = world.flushes.try_recv().unwrap().frozen.generation;
    let made = JobOutput { ssts: vec![SstMeta { generation, ..sst(17) }], duration: Duration::ZERO };
    world.inbox.send(WriterMessage::Event(WriterEvent::Flushed { generation, outcome: Ok(made) }));
    assert!(!world.go());
    let version = world.latest.load();
    assert!(
        version.cutoffs.global() <= Some(20),
        "all before {:?} is hidden for 50 bytes too many",
        version.cutoffs.global()
    );
    assert!(version.ssts.iter().any(|sst| sst.id == FileId::new(17)), "the newest file went");
    // The install of the compaction applies the limit again: the cutoff moves behind the oldest output.
    let (old, rest) = (sst(1), SstMeta { file_len: 1_500, level: 1, ..sst(16) });
    let rest = SstMeta {
        rectangle: Rectangle { times: TimeRange::new(20, rest.rectangle.times.last()), ..rest.rectangle },
        id: FileId::new(31),
        generation: 99,
        ..rest
    };
    let old = SstMeta { id: FileId::new(30), level: 1, generation: 99, ..old };
    let (min_seq, max_seq) = (1, 16);
    let ssts = [old, rest].into_iter().map(|sst| SstMeta { min_seq, max_seq, ..sst }).collect();
    let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let outcome = Ok(JobOutput { ssts, duration: Duration::ZERO });
    world.inbox.send(WriterMessage::Event(WriterEvent::Compacted { inputs, outcome }));
    assert!(!world.go());
    assert_eq!(world.latest.load().cutoffs.global(), Some(20));
}

/// A compact command waits for a check of the present candidates, not of later ones.
#[test]
fn a_compaction_ends_though_deletes_go_on() {
    let mut world = WriterHarness::new();
    let _write = world.write(Durability::Os);
    let delete = |world: &WriterHarness| {
        let found = SeriesSet::from_sorted([SeriesId::new(0)]);
        let predicate = Arc::new(EvenMetricPredicate::default());
        world.send(WriterCommand::Delete(Box::new(DeleteRequest {
            selected: found,
            resolved_end: 1,
            predicate,
            range: TimeRange::new(5, 6),
            reply: None,
        })));
    };
    delete(&world);
    assert!(!world.go());
    let begun = |world: &WriterHarness| match world.plans.try_recv() {
        Some(CompactorCommand::CheckEmptySeries(job)) => job,
        other => panic!("{other:?}"),
    };
    // The first check starts before the compact command.
    let mut job = begun(&world);
    let (reply, compacted) = reply_channel();
    world.send(WriterCommand::Compact { reply });
    for _ in 0..2 {
        delete(&world);
        assert!(!world.go());
        let (seq, series, outcome) = (job.version.seq, job.series, Ok(EmptySeriesFound::default()));
        world.inbox.send(WriterMessage::Event(WriterEvent::EmptySeriesChecked { seq, series, outcome }));
        assert!(!world.go());
        job = match world.plans.try_recv() {
            Some(CompactorCommand::CheckEmptySeries(job)) => job,
            _ => break,
        };
    }
    let wait = std::pin::pin!(compacted.recv());
    let outcome = wait.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(outcome, Poll::Ready(Some(Ok(())))), "{outcome:?}");
}
