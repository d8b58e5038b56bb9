//! Freeze and flush against late appends and readers: each point exactly once over active, frozen and SSTs.

use loom::thread;

use crate::explore::{Explored, Witness, explore};
use crate::world::{Setup, World};

/// The first is frozen by a flush command; the second comes while it may be frozen, and the close freezes again.
const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// A batch and a flush wait in the inbox; a client sends another batch and a close, and two readers look.
pub fn flush() -> Explored {
    explore("flush", 60_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup::default());
    let first = world.write(BATCHES[0]);
    let flushed = world.flush();

    let running = actors.start(&world);
    let sending = world.clone();
    let client = thread::spawn(move || (sending.write(BATCHES[1]), sending.close()));
    let (reading, other) = (world.clone(), witness.clone());
    let reader = thread::spawn(move || {
        look(&reading, &other);
    });
    let seen = look(&world, witness);
    assert!(seen <= look(&world, witness), "a reader never goes back");
    reader.join().expect("the reader's assertions hold");
    running.end();
    let (second, closed) = client.join().expect("the client sends and ends");

    for answer in [flushed, closed] {
        answer.wait_blocking().expect("every request is answered").expect("nothing fails here");
    }
    for ack in [first, second] {
        ack.wait_blocking().expect("every request is answered").expect("nothing fails here");
    }
    let version = world.latest.load();
    assert!(version.frozen.is_empty() && version.flushed_seq == 2, "close flushes everything");
    look(&world, witness);
}

/// Loads the newest version and holds it to show each point of its prefix exactly once.
fn look(world: &World, witness: &Witness) -> u64 {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    if !version.frozen.is_empty() && version.active.points() > 0 {
        witness.seen();
    }
    version.seq
}
