//! Backpressure: two memtables are frozen and the third is full. Later writes are stalled until a flush is reported.

use crate::sync::block_on;

use crate::engine::actor::WriterCommand;
use crate::explore::{Exploration, Witness, explore};
use crate::sync::Permits;
use crate::sync::bounds::MAX_FROZEN_MEMTABLES;
use crate::types::options::Durability;
use crate::world::{ModelDatabase, ModelSetup};

/// Each batch fills a memtable. Flush commands freeze the first two, the third stays active, and the fourth is stalled.
/// The fifth is never written.
const BATCHES: [&[i64]; 5] = [&[5], &[3], &[6], &[4], &[7]];

/// Explores the model. The queue has memory for three batches, so the client waits for the permit of the fourth.
pub fn backpressure() -> Exploration {
    explore("backpressure", 21_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { flush_at_bytes: 1, ..ModelSetup::default() });
    let permits = Permits::new(3);
    let write = |batch: &[i64]| {
        let permit = block_on(permits.acquire(1));
        world.write_with(batch, Durability::Sync, Some(permit))
    };
    let first = write(BATCHES[0]);
    drop(world.flush());
    let second = write(BATCHES[1]);
    drop(world.flush());
    let third = write(BATCHES[2]);

    let running = actors.start(&world);
    let fourth = write(BATCHES[3]);
    if look(&world) {
        witness.seen();
    }
    let last = fourth.recv_blocking().expect("every request is answered").expect("nothing fails here");
    assert!(permits.try_acquire(3).is_some(), "the queue's memory is free before the answer arrives");
    for (seq, ack) in (1..).zip([first, second, third]) {
        let ack = ack.recv_blocking().expect("every request is answered").expect("nothing fails here");
        assert_eq!(ack.seq, seq, "stalled writes go through in order");
    }
    assert_eq!(last.seq, 4, "stalled writes go through in order");
    look(&world);
    world.send(WriterCommand::Release);
    running.end();
}

/// Asserts that the newest version shows each point once and has at most two frozen memtables. Returns `true` if the
/// next write must be stalled.
fn look(world: &ModelDatabase) -> bool {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    assert!(version.frozen.len() <= MAX_FROZEN_MEMTABLES, "no third memtable is frozen");
    version.frozen.len() == MAX_FROZEN_MEMTABLES && version.active.points() > 0
}
