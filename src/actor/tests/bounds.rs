//! What holds memory down: writes wait while L0 is full and a merge is under way, and what old snapshots pin is told.

use super::*;
use crate::actor::storage::PinnedSum;
use crate::sync::{Permit, Permits};

const FULL: u64 = super::super::compacting::MOST_L0_FILES as u64;

/// As many files of L0 as make a freeze wait, and the first merge of them under way.
fn full_world() -> (World, Box<MergeJob>) {
    let ssts = (1..=FULL).map(|number| l0_file(number, 1 << 10, 0)).collect();
    let mut world = World::opened(&Durable { ssts, flushed_seq: FULL, ..Durable::default() }, 1);
    assert!(!world.go());
    let Some(ToCompactor::Compact(job)) = world.plans.try_recv() else { panic!("a merge is due") };
    (world, job)
}

/// A write with its share of the queue, as the handle sends it.
fn queued(world: &World, permit: Permit) -> Answer<Result<Ack>> {
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("m"), Timestamp::from_nanos(1), 1.0);
    let (reply, answer) = reply();
    let work = Work::Write(Box::new(Write { batch, durability: Durability::Os, reply }));
    world.inbox.send(ToWriter::Command(Command { work, permit: Some(permit) }));
    answer
}

fn is_answered(answer: Answer<Result<Ack>>) -> bool {
    let wait = std::pin::pin!(answer.wait());
    matches!(wait.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(Ok(_))))
}

fn compacted(world: &World, job: &MergeJob, outcome: Result<Made>) {
    let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
    world.inbox.send(ToWriter::Report(Report::Compacted { inputs, outcome }));
}

/// Fills the memtable and the queue; who tries to write now finds no room.
fn parked(world: &mut World) -> (Permits, Vec<Answer<Result<Ack>>>) {
    assert!(!world.go());
    let first = world.write(Durability::Os);
    assert!(!world.go());
    assert!(is_answered(first), "the memtable takes one batch");
    let permits = Permits::new(3);
    let answers = (0..3).map(|_| queued(world, permits.try_acquire(1).expect("there is room in the queue"))).collect();
    assert!(!world.go());
    assert!(permits.try_acquire(1).is_none(), "`try_write` says `Overloaded`");
    (permits, answers)
}

#[test]
fn writes_wait_while_l0_is_full_and_a_merge_is_under_way() {
    let (mut world, plan) = full_world();
    let (permits, answers) = parked(&mut world);
    for _ in 0..5 {
        world.inbox.send(ToWriter::Report(Report::Due(Timer::Age)));
        assert!(!world.go());
    }
    let active = world.latest.load().active.bytes();
    let frozen: usize = world.latest.load().frozen.iter().map(|frozen| frozen.view.bytes()).sum();
    assert!(active + frozen <= 3 * 1_024, "nothing of what waits is in memtables: {active} and {frozen} bytes");
    // The merge makes one file of many, and all go through.
    let made = Made { ssts: vec![SstMeta { level: 1, ..l0_file(FULL + 1, 1 << 10, 0) }], ..Made::default() };
    compacted(&world, &plan, Ok(made));
    for generation in 1..=FULL {
        assert!(!world.go());
        world
            .inbox
            .send(ToWriter::Report(Report::Flushed { generation: FULL + generation, outcome: Ok(Made::default()) }));
    }
    assert!(permits.try_acquire(3).is_some(), "the queue is empty");
    assert!(answers.into_iter().all(is_answered));
}

/// A damaged file of old must not stop every write for ever: reads get slower, memory does not grow.
#[test]
fn writes_go_on_once_the_merge_fails_however_full_l0_is() {
    let (mut world, plan) = full_world();
    let (permits, mut answers) = parked(&mut world);
    compacted(&world, &plan, Err(Error::Overloaded));
    assert!(!world.go());
    assert!(is_answered(answers.remove(0)), "the failure lets the first one go");
    assert!(world.due(Timer::Compact).is_some(), "it is tried again");
    assert!(world.latest.load().frozen.len() <= 2, "memory stays bounded by the memtables that may be frozen");
    // While it is tried again writes wait again, and a close still ends.
    world.inbox.send(ToWriter::Report(Report::Due(Timer::Compact)));
    assert!(!world.go());
    assert!(world.plans.try_recv().is_some());
    let (reply, _closed) = reply();
    world.send(Work::Close { reply });
    assert!(!world.go());
    assert!(permits.try_acquire(3).is_some(), "what was queued before the close went in");
    assert!(answers.into_iter().all(is_answered));
}

#[test]
fn memory_that_a_snapshot_holds_over_a_flush_is_told_until_it_is_dropped() {
    let mut world = World::new();
    let pinned = |world: &World| world.mock.look(|state| state.pinned.memtables);
    let _write = world.write(Durability::Os);
    assert!(!world.go());
    let snapshot = world.latest.load();
    let bytes = snapshot.active.bytes() as u64;
    let _flush = world.flush();
    assert!(!world.go());
    assert_eq!(pinned(&world).count, 0, "it is frozen, and the budget counts it");
    world.mock.look(|state| state.now = Duration::from_secs(7));
    drop(world.flushes.try_recv());
    world.inbox.send(ToWriter::Report(Report::Flushed { generation: 1, outcome: Ok(Made::default()) }));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinnedSum { count: 1, bytes, since: Some(Duration::from_secs(7)) });
    // Another one, seen by a second snapshot alone.
    let _write = world.write(Durability::Os);
    assert!(!world.go());
    let second = world.latest.load();
    let _flush = world.flush();
    assert!(!world.go());
    world.mock.look(|state| state.now = Duration::from_secs(9));
    drop(world.flushes.try_recv());
    world.inbox.send(ToWriter::Report(Report::Flushed { generation: 2, outcome: Ok(Made::default()) }));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinnedSum { count: 2, bytes: 2 * bytes, since: Some(Duration::from_secs(7)) });
    drop(snapshot);
    assert!(world.due(Timer::Sweep).is_some(), "a timer brings the next turn");
    world.inbox.send(ToWriter::Report(Report::Due(Timer::Sweep)));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinnedSum { count: 1, bytes, since: Some(Duration::from_secs(9)) });
    drop(second);
    world.inbox.send(ToWriter::Report(Report::Due(Timer::Sweep)));
    assert!(!world.go());
    assert_eq!(pinned(&world), PinnedSum::default());
}
