//! Tests of the bounds of memory: a full L0 stalls writes, and pinned memory is reported.

use super::*;
use crate::engine::actor::interfaces::PinTotal;
use crate::sync::{Permit, Permits};

const FULL: u64 = super::super::compaction::L0_STALL_FILES as u64;

/// Creates a writer with as many L0 files as stall writes, and starts the first compaction.
fn full_world() -> (WriterHarness, Box<CompactionJob>) {
    let ssts = (1..=FULL).map(|number| l0_file(number, 1 << 10, 0)).collect();
    let mut world = WriterHarness::opened(&DurableState { ssts, flushed_seq: FULL, ..DurableState::default() }, 1);
    assert!(!world.go());
    let Some(CompactorCommand::Compact(job)) = world.plans.try_recv() else { panic!("a merge is due") };
    (world, job)
}

/// Sends a write with its permit, as a handle does.
fn queued(world: &WriterHarness, permit: Permit) -> WriteAnswer {
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(1), 1.0);
    let (reply, answer) = reply_channel();
    let work =
        WriterCommand::Write(Box::new(WriteRequest { batch, durability: Durability::Os, may_wait: true, reply }));
    world.inbox.send(WriterMessage::Command(QueuedCommand { command: work, caller: None, permit: Some(permit) }));
    WriteAnswer(answer)
}

fn is_answered(answer: WriteAnswer) -> bool {
    let wait = std::pin::pin!(answer.recv());
    matches!(wait.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(Ok(_))))
}

fn on_compacted(world: &WriterHarness, job: &CompactionJob, outcome: Result<JobOutput>) {
    let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
    world.inbox.send(WriterMessage::Event(WriterEvent::Compacted { inputs, outcome }));
}

/// Fills the memtable and the queue, so that `try_write` would return `QueueFull`.
fn with_stalled_writes(world: &mut WriterHarness) -> (Permits, Vec<WriteAnswer>) {
    assert!(!world.go());
    let first = world.write(Durability::Os);
    assert!(!world.go());
    assert!(is_answered(first), "the memtable takes one batch");
    let permits = Permits::new(3);
    let answers = (0..3).map(|_| queued(world, permits.try_acquire(1).expect("there is room in the queue"))).collect();
    assert!(!world.go());
    assert!(permits.try_acquire(1).is_none(), "`try_write` says `QueueFull`");
    (permits, answers)
}

#[test]
fn writes_wait_while_l0_is_full_and_a_merge_is_under_way() {
    let (mut world, plan) = full_world();
    let (permits, answers) = with_stalled_writes(&mut world);
    for _ in 0..5 {
        world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::MemtableAge)));
        assert!(!world.go());
    }
    let active = world.latest.load().active.bytes();
    let frozen: usize = world.latest.load().frozen.iter().map(|frozen| frozen.view.bytes()).sum();
    assert!(active + frozen <= 3 * 1_024, "nothing of what waits is in memtables: {active} and {frozen} bytes");
    // The compaction replaces its inputs by one file, and all waiting writes are admitted.
    let made = JobOutput { ssts: vec![SstMeta { level: 1, ..l0_file(FULL + 1, 1 << 10, 0) }], ..JobOutput::default() };
    on_compacted(&world, &plan, Ok(made));
    for generation in 1..=FULL {
        assert!(!world.go());
        world.inbox.send(WriterMessage::Event(WriterEvent::Flushed {
            generation: FULL + generation,
            outcome: Ok(JobOutput::default()),
        }));
    }
    assert!(permits.try_acquire(3).is_some(), "the queue is empty");
    assert!(answers.into_iter().all(is_answered));
}

/// A compaction that always fails must not stop writes permanently.
/// An example is a compaction of a damaged file. Reads get slower, but memory does not grow.
#[test]
fn writes_go_on_once_the_merge_fails_however_full_l0_is() {
    let (mut world, plan) = full_world();
    let (permits, mut answers) = with_stalled_writes(&mut world);
    on_compacted(&world, &plan, Err(Error::QueueFull));
    assert!(!world.go());
    assert!(is_answered(answers.remove(0)), "the failure lets the first one go");
    assert!(world.on_timer(Timer::CompactionRetry).is_some(), "it is tried again");
    assert!(world.latest.load().frozen.len() <= 2, "memory stays bounded by the memtables that may be frozen");
    // The retry stalls writes again; a close command still admits the writes that are queued before it.
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::CompactionRetry)));
    assert!(!world.go());
    assert!(world.plans.try_recv().is_some());
    let (reply, _closed) = reply_channel();
    world.send(WriterCommand::Close { reply });
    assert!(!world.go());
    assert!(permits.try_acquire(3).is_some(), "what was queued before the close went in");
    assert!(answers.into_iter().all(is_answered));
}

#[test]
fn memory_that_a_snapshot_holds_over_a_flush_is_reported_until_it_is_dropped() {
    let mut world = WriterHarness::new();
    let pinned = |world: &WriterHarness| world.mock.look(|state| state.pinned.memtables);
    let _write = world.write(Durability::Os);
    assert!(!world.go());
    let snapshot = world.latest.load();
    let bytes = snapshot.active.bytes() as u64;
    let _flush = world.flush();
    assert!(!world.go());
    assert_eq!(pinned(&world).count, 0, "it is frozen, and the budget counts it");
    world.mock.look(|state| state.now = Duration::from_secs(7));
    drop(world.flushes.try_recv());
    world.inbox.send(WriterMessage::Event(WriterEvent::Flushed { generation: 1, outcome: Ok(JobOutput::default()) }));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinTotal { count: 1, bytes, oldest_retired_at: Some(Duration::from_secs(7)) });
    // A second memtable, which only the second snapshot pins.
    let _write = world.write(Durability::Os);
    assert!(!world.go());
    let second = world.latest.load();
    let _flush = world.flush();
    assert!(!world.go());
    world.mock.look(|state| state.now = Duration::from_secs(9));
    drop(world.flushes.try_recv());
    world.inbox.send(WriterMessage::Event(WriterEvent::Flushed { generation: 2, outcome: Ok(JobOutput::default()) }));
    assert!(!world.go());
    assert_eq!(
        pinned(&world),
        PinTotal { count: 2, bytes: 2 * bytes, oldest_retired_at: Some(Duration::from_secs(7)) }
    );
    drop(snapshot);
    assert!(world.on_timer(Timer::RetiredSweep).is_some(), "a timer brings the next turn");
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::RetiredSweep)));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinTotal { count: 1, bytes, oldest_retired_at: Some(Duration::from_secs(9)) });
    drop(second);
    world.inbox.send(WriterMessage::Event(WriterEvent::TimerFired(Timer::RetiredSweep)));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinTotal::default());
}
