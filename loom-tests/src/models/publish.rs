//! Acknowledgement against load: what is acknowledged is visible, and a reader sees prefixes of the order that only grow.

use loom::future::block_on;
use loom::thread;

use crate::actor::Work;
use crate::explore::{Explored, Witness, explore};
use crate::world::{World, points_through};

/// The batches in the order in which the one client sends them.
const BATCHES: [&[i64]; 2] = [&[1, 2], &[4, 3]];

/// A client writes two batches, the second partly late, while a reader loads twice.
pub fn publish() -> Explored {
    explore("publish", 80_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(usize::MAX);
    let writer = thread::spawn(move || block_on(actors.writer.run(actors.commands)));
    let reading = world.clone();
    let witness = witness.clone();
    let reader = thread::spawn(move || {
        let first = look(&reading);
        let second = look(&reading);
        assert!(first <= second, "a reader never goes back");
        if first == 1 {
            witness.seen();
        }
    });
    for (at, batch) in (1..).zip(BATCHES) {
        let ack = world.write(batch).wait_blocking().expect("every request is answered").expect("nothing fails here");
        assert_eq!(ack.seq, at);
        assert!(look(&world) >= ack.seq, "acked is visible");
        world.store.look(|disk| assert!(disk.synced as u64 >= ack.seq, "acked is durable"));
    }
    world.send(Work::Release);
    reader.join().expect("the reader's assertions hold");
    writer.join().expect("the writer ends");
}

/// Loads the newest version, holds it to be an exact prefix of the order, and returns its length in batches.
fn look(world: &World) -> u64 {
    let version = world.latest.load();
    assert_eq!(
        world.points(&version),
        points_through(&BATCHES, version.seq),
        "a snapshot is an exact prefix of the order"
    );
    version.seq
}
