//! The writer alone, over a storage and timers that the test moves: what once went wrong, and must not again.

mod bounds;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::retention::TRIED_A_TURN;
use super::*;
use crate::error::{Error, Result};
use crate::latest::Latest;
use crate::options::{Duplicates, Durability, RetentionLimits};
use crate::point::{Batch, Timestamp, ValueType};
use crate::series::{Matcher, SeriesDef, SeriesId, SeriesKey, SeriesSet};
use crate::sync::{Answer, Arc, Receiver, Sender, channel, reply};
use crate::version::{
    BASE, Cutoffs, Durable, DyadicBox, Edit, FileId, L0, Making, Rectangle, Rule, SeriesIndex, SstMeta, Tombstone,
    Version,
};

#[derive(Debug, Default)]
struct State {
    now: Duration,
    due: [Option<Duration>; Timer::ALL.len()],
    syncs: usize,
    segments: u64,
    install_fails: bool,
    pinned: Pinned,
}

/// A file of one point and record, and ten nanoseconds from a time on.
fn l0_file(number: u64, len: u64, first_time: i64) -> SstMeta {
    let series = SeriesId::new(0);
    SstMeta {
        id: FileId::new(number),
        len,
        footer_crc: 0,
        rectangle: Rectangle { first_series: series, last_series: series, first_time, last_time: first_time + 9 },
        min_seq: number,
        max_seq: number,
        points: 1,
        blocks: 1,
        series: 1,
        level: L0,
        age: number,
        space: DyadicBox::ALL,
        origin: 0,
    }
}

#[derive(Debug, Clone, Default)]
struct Mock(Arc<Mutex<State>>);

impl Mock {
    fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.0.lock().unwrap())
    }
}

impl Storage for Mock {
    fn append(&mut self, _: &[LogRecord<'_>]) -> Result<(), AppendError> {
        Ok(())
    }
    fn sync(&mut self) -> Result<()> {
        self.look(|state| state.syncs += 1);
        Ok(())
    }
    fn mark(&mut self) -> Result<()> {
        Ok(())
    }
    fn rotate(&mut self) -> Result<FileId, AppendError> {
        Ok(self.look(|state| {
            state.syncs += 1;
            state.segments += 1;
            FileId::new(state.segments)
        }))
    }
    fn install(&mut self, _: Edit, _: &[Arc<SeriesDef>]) -> Result<()> {
        if self.look(|state| state.install_fails) { Err(Error::Overloaded) } else { Ok(()) }
    }
    fn drop_segments(&mut self) {}
    fn remove(&mut self, _: &[FileId]) {}
    fn note_retired(&mut self, pinned: Pinned) {
        self.look(|state| state.pinned = pinned);
    }
}

impl Timers for Mock {
    fn arm(&mut self, timer: Timer, after: Duration) {
        self.look(|state| state.due[timer as usize] = Some(state.now + after));
    }

    fn arm_no_later(&mut self, timer: Timer, after: Duration) {
        self.look(|state| {
            let at = state.now + after;
            state.due[timer as usize] = Some(state.due[timer as usize].map_or(at, |due| due.min(at)));
        });
    }

    fn now(&self) -> Duration {
        self.look(|state| state.now)
    }

    fn wall(&self) -> i64 {
        i64::MAX
    }
}

struct World {
    mock: Mock,
    inbox: Sender<ToWriter>,
    flushes: Receiver<Flush>,
    plans: Receiver<ToCompactor>,
    latest: Arc<Latest<Version>>,
    run: Pin<Box<dyn Future<Output = ()>>>,
}

impl World {
    fn new() -> Self {
        Self::opened(&Durable::default(), usize::MAX)
    }

    fn opened(durable: &Durable, flush_at_bytes: usize) -> Self {
        let version = Version::opened(SeriesIndex::default(), durable, Cutoffs::default());
        Self::over(version, RetentionLimits::default(), flush_at_bytes)
    }

    fn over(version: Version, retention: RetentionLimits, flush_at_bytes: usize) -> Self {
        let mock = Mock::default();
        let generation = version.ssts.iter().map(|sst| sst.age).max().unwrap_or_default();
        let latest = Arc::new(Latest::new(Arc::new(version)));
        let (inbox, commands) = channel();
        let (to_flusher, flushes) = channel();
        let (to_compactor, plans) = channel();
        let settings = Settings {
            durability: Durability::Os,
            flush_at_bytes,
            flush_age: Duration::from_hours(1),
            max_series: 1_000_000,
            duplicates: Duplicates::default(),
            retention,
        };
        let shown = Arc::clone(&latest);
        let writer = Writer::new(mock.clone(), mock.clone(), settings, to_flusher, to_compactor, latest, generation);
        Self { mock, inbox, flushes, plans, latest: shown, run: Box::pin(writer.run(commands)) }
    }

    /// Lets the writer go on until it waits; whether it ended.
    fn go(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        (0..10).any(|_| matches!(self.run.as_mut().poll(&mut context), Poll::Ready(())))
    }

    fn send(&self, work: Work) {
        self.inbox.send(ToWriter::Command(Command { work, permit: None }));
    }

    fn write(&self, durability: Durability) -> Answer<Result<Ack>> {
        self.write_to("m", 1, durability)
    }

    fn write_to(&self, metric: &str, at: i64, durability: Durability) -> Answer<Result<Ack>> {
        let mut batch = Batch::new();
        batch.push_key(&SeriesKey::new(metric), Timestamp::from_nanos(at), 1.0);
        let (reply, answer) = reply();
        self.send(Work::Write(Box::new(Write { batch, durability, reply })));
        answer
    }

    fn flush(&self) -> Answer<Result<()>> {
        let (reply, answer) = reply();
        self.send(Work::Flush { reply });
        answer
    }

    fn due(&self, timer: Timer) -> Option<Duration> {
        self.mock.look(|state| state.due[timer as usize])
    }
}

/// A request that reaches the inbox as the actor goes must be answered: its caller holds the sender, so nothing else
/// ever drops the queue.
#[test]
fn a_message_left_in_an_inbox_is_dropped_with_its_receiver() {
    let (sender, receiver) = channel();
    let (reply, answer) = reply::<()>();
    sender.send(reply);
    drop(receiver);
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || done.send(answer.wait_blocking()));
    assert_eq!(is_done.recv_timeout(Duration::from_secs(3)), Ok(None), "the caller waits for ever");
    drop(sender);
}

/// The flusher panicked with a memtable in its hands, and a close comes in the same turn.
#[test]
fn a_close_beside_a_panic_of_the_flusher_ends() {
    let mut world = World::new();
    let _write = world.write(Durability::Os);
    let _flush = world.flush();
    assert!(!world.go());
    assert!(world.flushes.try_recv().is_some(), "the flusher has it, and panics");
    let (reply, _answer) = reply();
    world.send(Work::Close { reply });
    world.inbox.send(ToWriter::Report(Report::Panicked));
    assert!(world.go(), "the writer waits for a flusher that is gone, and the close with it");
}

#[test]
fn a_shorter_interval_does_not_put_off_the_sync_of_a_longer_one() {
    let mut world = World::new();
    let _first = world.write(Durability::Interval(Duration::from_secs(10)));
    assert!(!world.go());
    assert_eq!(world.due(Timer::Sync), Some(Duration::from_secs(10)));
    world.mock.look(|state| state.now = Duration::from_secs(9));
    let _second = world.write(Durability::Interval(Duration::from_secs(8)));
    assert!(!world.go());
    assert_eq!(world.due(Timer::Sync), Some(Duration::from_secs(10)), "the first write was promised a sync by then");
}

/// The manifest failed; the WAL is sound, and what it acknowledged was promised a sync.
#[test]
fn what_was_acknowledged_is_synced_though_an_install_failed() {
    let mut world = World::new();
    let _first = world.write(Durability::Os);
    let _flush = world.flush();
    assert!(!world.go());
    let second = world.write(Durability::Interval(Duration::from_secs(1)));
    assert!(!world.go());
    assert!(second.wait_blocking().unwrap().is_ok());
    let before = world.mock.look(|state| {
        state.install_fails = true;
        state.syncs
    });
    world.inbox.send(ToWriter::Report(Report::Flushed { generation: 1, outcome: Ok(Made::default()) }));
    world.inbox.send(ToWriter::Report(Report::Due(Timer::Sync)));
    world.send(Work::Release);
    assert!(world.go());
    assert!(world.mock.look(|state| state.syncs) > before, "neither the timer nor the end synced it");
}

#[test]
fn new_series_do_not_put_off_the_flush_of_older_ones() {
    let mut world = World::new();
    for (hour, name) in [(0, "a"), (1, "b")] {
        world.mock.look(|state| state.now = Duration::from_secs(1800 * hour));
        let (reply, _answer) = reply();
        world.send(Work::MakeSeries { keys: vec![(SeriesKey::new(name), ValueType::F64)], duplicates: None, reply });
        assert!(!world.go());
    }
    assert_eq!(world.due(Timer::Age), Some(Duration::from_hours(1)));
}

/// Two memtables are frozen, more is written, and the disk is full for hours.
#[test]
fn a_flush_that_finds_no_room_hears_why_flushes_fail() {
    let mut world = World::new();
    for _ in 0..2 {
        let _write = world.write(Durability::Os);
        let _flush = world.flush();
    }
    let _write = world.write(Durability::Os);
    let third = world.flush();
    let (reply, synced) = reply();
    world.send(Work::Sync { reply });
    for _ in 0..5 {
        assert!(!world.go());
        let outcome = Err(Error::Overloaded);
        world.inbox.send(ToWriter::Report(Report::Flushed { generation: 1, outcome }));
        assert!(!world.go());
        world.inbox.send(ToWriter::Report(Report::Due(Timer::Retry)));
    }
    assert!(!world.go());
    for (what, answer) in [("flush", third), ("sync", synced)] {
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || done.send(answer.wait_blocking()));
        assert!(is_done.recv_timeout(Duration::from_secs(2)).is_ok(), "the {what} waits while five flushes failed");
    }
}

/// Names every other series, and counts how often it was asked.
#[derive(Debug, Default)]
struct EveryOther(AtomicUsize);

impl Matcher for EveryOther {
    fn matches(&self, key: &SeriesKey) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        key.metric().ends_with(['0', '2', '4', '6', '8'])
    }
}

/// So many series, all in one file that ends at time 1,000.
fn many_series(count: u32, cutoffs: Cutoffs) -> Version {
    let mut series = SeriesIndex::default();
    for number in 0..count {
        let making = Making { seq: 1, cap: count, duplicates: Duplicates::default() };
        series.find_or_make(&SeriesKey::new(format!("m{number}")), ValueType::F64, None, making).unwrap();
    }
    let rectangle = Rectangle {
        first_series: SeriesId::new(0),
        last_series: SeriesId::new(count - 1),
        first_time: 0,
        last_time: 1_000,
    };
    let (id, space) = (FileId::new(1), DyadicBox::ALL);
    let sst = SstMeta {
        id,
        len: 1,
        footer_crc: 0,
        rectangle,
        min_seq: 1,
        max_seq: 1,
        points: u64::from(count),
        blocks: 1,
        series: u64::from(count),
        level: BASE,
        age: 0,
        space,
        origin: 0,
    };
    Version::opened(series, &Durable { ssts: vec![sst], flushed_seq: 1, ..Durable::default() }, cutoffs)
}

/// A rule over a hundred thousand series: trying all of them at once would keep every writer waiting.
#[test]
fn a_rules_delete_tries_a_part_of_the_series_each_turn_and_reaches_all() {
    const SERIES: u32 = 100_000;
    let matcher = Arc::new(EveryOther::default());
    let rule = Rule { select: String::new(), matcher: matcher.clone(), cutoff: None };
    let limits = RetentionLimits { rules: vec![Some(Duration::from_nanos(100))], ..RetentionLimits::default() };
    let mut world = World::over(many_series(SERIES, Cutoffs::new(None, vec![rule])), limits, usize::MAX);
    let deleted = |world: &World| {
        let series = |tombstone: &Arc<Tombstone>| tombstone.series.iter().count();
        world
            .latest
            .load()
            .tombstones
            .iter()
            .map(|tombstone| (series(tombstone), tombstone.last_time))
            .collect::<Vec<_>>()
    };
    let turn = |world: &mut World| {
        let before = matcher.0.load(Ordering::Relaxed);
        world.inbox.send(ToWriter::Report(Report::Due(Timer::Retain)));
        assert!(!world.go());
        matcher.0.load(Ordering::Relaxed) - before
    };
    assert!(!world.go());
    assert_eq!(matcher.0.load(Ordering::Relaxed), TRIED_A_TURN, "as it opens");
    let (mut turns, mut tried) = (0, TRIED_A_TURN);
    while deleted(&world) == Vec::<(usize, i64)>::new() {
        assert!(world.due(Timer::Retain).unwrap() <= Duration::from_millis(10), "it goes on soon");
        let in_turn = turn(&mut world);
        assert!(in_turn <= TRIED_A_TURN, "{in_turn} series in one turn");
        (turns, tried) = (turns + 1, tried + in_turn);
        assert!(turns <= 10, "the delete never comes");
    }
    assert_eq!((turns, tried), (6, SERIES as usize), "each once");
    assert_eq!(deleted(&world), [(50_000, 899)]);
    // One made in the turn in which the next delete is due, one before; neither costs the others another try.
    let _first = world.write_to("a2", 1, Durability::Os);
    assert!(!world.go());
    let _second = world.write_to("a4", 2_000, Durability::Os);
    assert!(!world.go());
    let _third = world.write_to("a6", 1, Durability::Os);
    assert_eq!(turn(&mut world), 3);
    assert_eq!(deleted(&world), [(50_000, 899), (50_003, 1_899)]);
}

/// Sixteen old files are being merged when a flush brings the database over its bytes: the only file that is free to go is
/// the newest, and a cutoff behind it would hide all there is.
#[test]
fn bytes_too_many_do_not_hide_everything_while_the_oldest_files_are_being_merged() {
    let sst = |number: u64| l0_file(number, 100, i64::try_from(number).unwrap() * 10);
    let ssts: Vec<SstMeta> = (1..=16).map(sst).collect();
    let mut series = SeriesIndex::default();
    let making = Making { seq: 1, cap: 1, duplicates: Duplicates::default() };
    series.find_or_make(&SeriesKey::new("m"), ValueType::F64, None, making).unwrap();
    let durable = Durable { ssts, flushed_seq: 16, ..Durable::default() };
    let version = Version::opened(series, &durable, Cutoffs::default());
    let limits = RetentionLimits { bytes: Some(1_650), ..RetentionLimits::default() };
    let mut world = World::over(version, limits, usize::MAX);
    assert!(!world.go());
    let Some(ToCompactor::Compact(job)) = world.plans.try_recv() else { panic!("a merge is due") };
    assert_eq!(job.plan.inputs.len(), 16);
    let _write = world.write_to("m", 179, Durability::Os);
    let _flush = world.flush();
    assert!(!world.go());
    let generation = world.flushes.try_recv().unwrap().job.frozen.generation;
    let made = Made { ssts: vec![SstMeta { age: generation, ..sst(17) }], took: Duration::ZERO };
    world.inbox.send(ToWriter::Report(Report::Flushed { generation, outcome: Ok(made) }));
    assert!(!world.go());
    let version = world.latest.load();
    assert!(
        version.cutoffs.all() <= Some(20),
        "all before {:?} is hidden for 50 bytes too many",
        version.cutoffs.all()
    );
    assert!(version.ssts.iter().any(|sst| sst.id == FileId::new(17)), "the newest file went");
    // Once they are merged the oldest goes, with nobody's help.
    let (old, rest) = (sst(1), SstMeta { len: 1_500, level: 1, ..sst(16) });
    let rest =
        SstMeta { rectangle: Rectangle { first_time: 20, ..rest.rectangle }, id: FileId::new(31), age: 99, ..rest };
    let old = SstMeta { id: FileId::new(30), level: 1, age: 99, ..old };
    let (min_seq, max_seq) = (1, 16);
    let ssts = [old, rest].into_iter().map(|sst| SstMeta { min_seq, max_seq, ..sst }).collect();
    let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let outcome = Ok(Made { ssts, took: Duration::ZERO });
    world.inbox.send(ToWriter::Report(Report::Compacted { inputs, outcome }));
    assert!(!world.go());
    assert_eq!(world.latest.load().cutoffs.all(), Some(20));
}

/// Whoever asks for a compaction waits for a look at the suspects that there are, not at those that go on coming.
#[test]
fn a_compaction_ends_though_deletes_go_on() {
    let mut world = World::new();
    let _write = world.write(Durability::Os);
    let delete = |world: &World| {
        let found = SeriesSet::from_sorted([SeriesId::new(0)]);
        let matcher = Arc::new(EveryOther::default());
        world.send(Work::Delete(Box::new(Delete { found, known: 1, matcher, times: (5, 6), reply: None })));
    };
    delete(&world);
    assert!(!world.go());
    let begun = |world: &World| match world.plans.try_recv() {
        Some(ToCompactor::Count(job)) => job,
        other => panic!("{other:?}"),
    };
    // The first began before anyone asked.
    let mut job = begun(&world);
    let (reply, compacted) = reply();
    world.send(Work::Compact { reply });
    for _ in 0..2 {
        delete(&world);
        assert!(!world.go());
        let (seq, suspects, outcome) = (job.version.seq, job.suspects, Ok(SeriesSet::default()));
        world.inbox.send(ToWriter::Report(Report::Counted { seq, suspects, outcome }));
        assert!(!world.go());
        job = match world.plans.try_recv() {
            Some(ToCompactor::Count(job)) => job,
            _ => break,
        };
    }
    let wait = std::pin::pin!(compacted.wait());
    let outcome = wait.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(outcome, Poll::Ready(Some(Ok(())))), "{outcome:?}");
}
