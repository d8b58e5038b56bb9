//! Backpressure: two memtables are frozen, the third is full, and what comes next is parked until a flush is reported.

use crate::sync::block_on;

use crate::actor::Work;
use crate::explore::{Explored, Witness, explore};
use crate::options::Durability;
use crate::sync::Permits;
use crate::sync::bounds::FROZEN;
use crate::world::{Setup, World};

/// Each fills a memtable. The first two are frozen by flushes, the third stays active, and the others are parked.
const BATCHES: [&[i64]; 5] = [&[5], &[3], &[6], &[4], &[7]];

/// Queue memory is for three batches: the client waits for each next share.
pub fn backpressure() -> Explored {
    explore("backpressure", 21_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup { flush_at_bytes: 1, ..Setup::default() });
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
    let last = fourth.wait_blocking().expect("every request is answered").expect("nothing fails here");
    assert!(permits.try_acquire(3).is_some(), "whoever has its answer finds the memory free");
    for (seq, ack) in (1..).zip([first, second, third]) {
        let ack = ack.wait_blocking().expect("every request is answered").expect("nothing fails here");
        assert_eq!(ack.seq, seq, "parked writes go through in order");
    }
    assert_eq!(last.seq, 4, "parked writes go through in order");
    look(&world);
    world.send(Work::Release);
    running.end();
}

/// Holds the newest version to its bounds; whether the next write must be parked.
fn look(world: &World) -> bool {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    assert!(version.frozen.len() <= FROZEN, "no third memtable is frozen");
    version.frozen.len() == FROZEN && version.active.points() > 0
}
