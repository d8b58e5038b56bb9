//! Timed-out writes: two memtables are frozen, the third is full, and flushes fail. A stalled write is answered with an
//! error, and is then certainly absent. Without a timeout a delete of another caller passes the stalled write.

use crate::sync::block_on;

use crate::engine::actor::{CallerId, Timer, WriterCommand};
use crate::explore::{Exploration, Witness, explore};
use crate::sync::Permits;
use crate::types::error::Error;
use crate::types::options::Durability;
use crate::types::time_range::TimeRange;
use crate::world::{AckReceiver, HistoryOp, ModelDatabase, ModelDisk, ModelSetup};
use std::time::Duration;

/// Each batch fills a memtable. Flush commands freeze the first two, the third stays active, and the fourth stalls.
const BATCHES: [&[i64]; 4] = [&[5], &[3], &[6], &[4]];

/// Explores the model. A flush fails before or after the fourth batch arrives; if the second flush command ends the
/// backoff, that flush fails, too. The timeout is zero. The retry timer fires only after the answer, so nothing but the
/// timeout can end the stall.
pub fn stall_timeout() -> Exploration {
    explore("stall_timeout", 300, body)
}

fn body(witness: &Witness) {
    let setup =
        ModelSetup { flush_at_bytes: 1, failing_flushes: 2, stall_timeout: Duration::ZERO, ..ModelSetup::default() };
    let (world, actors) = ModelDatabase::new(&setup);
    let permits = Permits::new(1);
    for batch in &BATCHES[..2] {
        drop(world.write(batch));
        drop(world.flush());
    }
    let third = world.write(BATCHES[2]);

    let running = actors.start(&world);
    // Otherwise the fourth batch could share its group.
    third.recv_blocking().expect("every request is answered").expect("the third memtable has room");
    let permit = block_on(permits.acquire(1));
    let fourth = world.write_with(BATCHES[3], Durability::Sync, Some(permit));
    let answer = fourth.recv_blocking().expect("every request is answered");
    let error = answer.expect_err("the flush fails, and nothing retries it");
    assert!(matches!(error, Error::WriteStalled { .. }), "the error names the failed flush: {error}");
    if world.latest.load().seq == 3 {
        witness.seen();
    }
    look(&world);
    world.fire_timer(Timer::FlushRetry);
    world.send(WriterCommand::Release);
    running.end();
    assert!(permits.try_acquire(1).is_some(), "the queue's memory is free");
    look(&world);
}

/// Asserts that the newest version, and every disk that a crash may leave, has no point of the timed-out batch.
fn look(world: &ModelDatabase) {
    let version = world.latest.load();
    assert!(version.seq <= 3, "a timed-out write is absent");
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().assert_crash_safe(&BATCHES[..3], version.seq);
}

/// The batches, with the passing delete before the stalled batch, and the delete of the stalled batch's caller behind it.
/// Both deletes have the time of the stalled batch in their range.
const PASSED: [HistoryOp; 6] = [
    HistoryOp::Write(BATCHES[0]),
    HistoryOp::Write(BATCHES[1]),
    HistoryOp::Write(BATCHES[2]),
    HistoryOp::Delete(TimeRange::new(3, 4)),
    HistoryOp::Write(BATCHES[3]),
    HistoryOp::Delete(TimeRange::new(4, 5)),
];

/// Explores the model of a delete that passes. The first flush fails, and stalled writes wait for ever. One caller sends
/// the fourth batch and a delete, then another caller sends a delete. Only that one is executed before the flush is retried.
pub fn passing_delete() -> Exploration {
    explore("passing_delete", 50_000, passing)
}

fn passing(witness: &Witness) {
    let [writing, deleting] = [1, 2].map(|id| Some(CallerId(id)));
    let setup = ModelSetup { flush_at_bytes: 1, failing_flushes: 1, ..ModelSetup::default() };
    let (world, actors) = ModelDatabase::new(&setup);
    let running = actors.start(&world);
    // One after the other: batches that share a group share a memtable.
    for batch in &BATCHES[..3] {
        world.write(batch).recv_blocking().expect("every request is answered").expect("the memtable has room");
    }
    let stalled = world.write_from(writing, BATCHES[3]);
    let behind = world.delete_from(writing, 4, 5);
    let passed = world.delete_from(deleting, 3, 4);
    if look_at_history(&world) == 4 {
        witness.seen();
    }
    let seq = |answer: AckReceiver| {
        answer.recv_blocking().expect("every request is answered").expect("no write times out").seq
    };
    assert_eq!(seq(passed), 4, "the delete passes the stalled write");
    assert!(world.store.look(ModelDisk::durable_seq) >= 4, "acked is durable");
    assert_eq!(look_at_history(&world), 4);
    world.fire_timer(Timer::FlushRetry);
    assert_eq!((seq(stalled), seq(behind)), (5, 6), "each caller's commands keep their order");
    world.send(WriterCommand::Release);
    running.end();
    assert_eq!(look_at_history(&world), 6);
}

/// Asserts that the newest version, and every disk that a crash may leave, agrees with the history. Returns the newest seq.
fn look_at_history(world: &ModelDatabase) -> u64 {
    let version = world.latest.load();
    world.shows_what_is_not_deleted(&version, &PASSED);
    let copy = world.store.copy();
    copy.assert_crash_safe_history(&PASSED, copy.durable_seq());
    version.seq
}
