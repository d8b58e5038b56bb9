//! The directory is moved while batches, a flush and a close are in flight: what is acknowledged was durable before the
//! move, and what is refused was never written.

use loom::thread;

use crate::explore::{Exploration, Witness, explore};
use crate::types::error::Error;
use crate::world::{ModelDatabase, ModelDisk, ModelSetup};

const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// Explores the model. One batch waits in the inbox; another batch, a flush and a close follow; a thread moves the
/// directory.
pub fn moved_directory() -> Exploration {
    explore("moved_directory", 1_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { moves: true, ..ModelSetup::default() });
    let first = world.write(BATCHES[0]);
    let running = actors.start(&world);
    let store = world.store.clone();
    let mover = thread::spawn(move || store.move_directory());
    let second = world.write(BATCHES[1]);
    let (flushed, closed) = (world.flush(), world.close());
    let at_the_move = mover.join().expect("the directory is moved");
    let closed = closed.recv_blocking().expect("every request is answered");
    running.end();

    let (mut acknowledged, mut unknown, mut refused) = (0, 0, 0);
    for ack in [first, second] {
        match ack.recv_blocking().expect("every request is answered") {
            Ok(_) => {
                assert_eq!(unknown + refused, 0, "nothing is acknowledged once the database is read-only");
                acknowledged += 1;
            }
            Err(Error::OutcomeUnknown { .. }) => unknown += 1,
            Err(Error::ReadOnly { .. }) => refused += 1,
            Err(other) => panic!("the directory was moved, and a write fails for another reason: {other}"),
        }
    }
    let flushed = flushed.recv_blocking().expect("every request is answered");
    assert!(acknowledged == 2 || (flushed.is_err() && closed.is_err()), "a flush or close hides the move");
    // What the path led to until the move has every acknowledged batch.
    at_the_move.assert_crash_safe(&BATCHES, acknowledged);
    let written = world.store.look(ModelDisk::written_seq);
    assert!(written <= acknowledged + unknown, "a refused batch was written");
    let version = world.latest.load();
    assert_eq!(version.seq, acknowledged, "only acknowledged batches are visible");
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().assert_crash_safe(&BATCHES, acknowledged);
    if acknowledged == 1 && refused == 1 {
        witness.seen();
    }
}
