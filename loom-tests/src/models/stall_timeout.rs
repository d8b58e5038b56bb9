//! Timed-out writes: two memtables are frozen, the third is full, and flushes fail. A stalled write is answered with an
//! error, and is then certainly absent.

use crate::sync::block_on;

use crate::engine::actor::{Timer, WriterCommand};
use crate::explore::{Exploration, Witness, explore};
use crate::sync::Permits;
use crate::types::error::Error;
use crate::types::options::Durability;
use crate::world::{ModelDatabase, ModelSetup};
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
