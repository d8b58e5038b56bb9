//! Crashes: a thread copies the disk between any two of its steps, and the production files' recovery reads the copy.

use loom::thread;

use crate::explore::{Explored, Witness, explore};
use crate::options::Durability;
use crate::world::{Asked, Setup, World, write_of};

/// Both are flushed, the second while the first flush may be under way.
const BATCHES: [&[i64]; 2] = [&[5, 6], &[3]];

/// A batch and a flush wait in the inbox, another batch and a close follow, and the crash falls wherever it likes.
pub fn crash() -> Explored {
    explore("crash", 5_600, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup { watched: true, ..Setup::default() });
    let first = world.write(BATCHES[0]);
    let flushed = world.flush();
    let (second, answer) = write_of(BATCHES[1], Durability::Sync);
    let mut acks = [first, answer].map(Asked::new);

    let running = actors.start(&world);
    let (store, witness) = (world.store.clone(), witness.clone());
    let crashing = thread::spawn(move || {
        // Whoever has an answer had it before the copy, which therefore must hold the batch.
        let acknowledged = acks.iter_mut().map(Asked::has_come).filter(|come| *come).count();
        let copy = store.copy();
        copy.survives_a_crash(&BATCHES, acknowledged as u64);
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
        answer.wait_blocking().expect("every request is answered").expect("nothing fails here");
    }
    for ack in acks {
        ack.wait().expect("every request is answered").expect("nothing fails here");
    }
    world.store.copy().survives_a_crash(&BATCHES, 2);
}
