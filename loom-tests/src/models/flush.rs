//! Freeze and flush beside late points and readers: each point is visible exactly once over active memtable, frozen
//! memtables and SSTs.

use loom::thread;

use crate::explore::{Exploration, Witness, explore};
use crate::world::{ModelDatabase, ModelSetup};

/// A flush command freezes the memtable with the first batch. The second batch arrives before or after that. The close
/// freezes the memtable again.
const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// Explores the model. A batch and a flush wait in the inbox. A client sends another batch and a close, and two readers
/// load versions.
pub fn flush() -> Exploration {
    explore("flush", 60_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup::default());
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
        answer.recv_blocking().expect("every request is answered").expect("nothing fails here");
    }
    for ack in [first, second] {
        ack.recv_blocking().expect("every request is answered").expect("nothing fails here");
    }
    let version = world.latest.load();
    assert!(version.frozen.is_empty() && version.flushed_seq == 2, "close flushes everything");
    look(&world, witness);
}

/// Loads the newest version, asserts that it shows each point of its prefix once, and returns its seq.
fn look(world: &ModelDatabase, witness: &Witness) -> u64 {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    if !version.frozen.is_empty() && version.active.points() > 0 {
        witness.seen();
    }
    version.seq
}
