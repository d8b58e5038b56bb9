//! Crashes: a thread copies the disk between any two steps, and the production recovery reads the copy.

use loom::thread;

use crate::explore::{Exploration, Witness, explore};
use crate::types::options::Durability;
use crate::world::{ModelDatabase, ModelSetup, PolledAnswer, write_of};

/// A flush command flushes the first batch, and the close the second batch.
const BATCHES: [&[i64]; 2] = [&[5, 6], &[3]];

/// Explores the model. A batch and a flush wait in the inbox, another batch and a close follow, and the crash falls
/// between any two steps.
pub fn crash() -> Exploration {
    explore("crash", 5_600, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { watched: true, ..ModelSetup::default() });
    let first = world.write(BATCHES[0]);
    let flushed = world.flush();
    let (second, answer) = write_of(BATCHES[1], Durability::Sync);
    let mut acks = [first, answer].map(|ack| PolledAnswer::new(ack.recv()));

    let running = actors.start(&world);
    let (store, witness) = (world.store.clone(), witness.clone());
    let crashing = thread::spawn(move || {
        // An acknowledgement that has arrived was sent before the copy, so the copy must have the batch.
        let acknowledged = acks.iter_mut().map(PolledAnswer::has_come).filter(|come| *come).count();
        let copy = store.copy();
        copy.assert_crash_safe(&BATCHES, acknowledged as u64);
        if copy.is_mid_flush() {
            witness.seen();
        }
        acks
    });
    world.send(second);
    let closed = world.close();
    let acks = crashing.join().expect("the crash's assertions hold");
    running.end();

    for answer in [flushed, closed] {
        answer.recv_blocking().expect("every request is answered").expect("nothing fails here");
    }
    for ack in acks {
        ack.wait().expect("every request is answered").expect("nothing fails here");
    }
    world.store.copy().assert_crash_safe(&BATCHES, 2);
}
