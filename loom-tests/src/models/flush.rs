//! Freeze and flush against late appends and readers: each point exactly once over active, frozen and SSTs.

use loom::future::block_on;
use loom::thread;

use crate::actor::{Work, run_flusher};
use crate::explore::{Explored, Witness, explore};
use crate::sync::reply;
use crate::world::{World, points_through};

/// The first is frozen by a flush command; the second comes while it may be frozen, and the close freezes again.
const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// Two batches, a flush between them and a close wait in the inbox; flusher and reader run beside the writer.
pub fn flush() -> Explored {
    explore("flush", 4_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(usize::MAX);
    let (flushed, flush_answer) = reply();
    let (closed, close_answer) = reply();
    let acks = [world.write(BATCHES[0]), {
        world.send(Work::Flush { reply: flushed });
        world.write(BATCHES[1])
    }];
    world.send(Work::Close { reply: closed });

    let reports = world.inbox.clone();
    let tables = world.store.clone();
    let flushing = thread::spawn(move || block_on(run_flusher(tables, actors.frozen, reports)));
    let writer = thread::spawn(move || block_on(actors.writer.run(actors.commands)));
    let seen = look(&world, witness);
    assert!(seen <= look(&world, witness), "a reader never goes back");
    writer.join().expect("the writer ends");
    flushing.join().expect("the flusher ends with the writer");

    for answer in [flush_answer, close_answer] {
        answer.wait_blocking().expect("every request is answered").expect("nothing fails here");
    }
    for ack in acks {
        ack.wait_blocking().expect("every request is answered").expect("nothing fails here");
    }
    let version = world.latest.load();
    assert!(version.frozen.is_empty() && version.flushed_seq == 2, "close flushes everything");
    look(&world, witness);
}

/// Loads the newest version and holds it to show each point of its prefix exactly once.
fn look(world: &World, witness: &Witness) -> u64 {
    let version = world.latest.load();
    assert_eq!(
        world.points(&version),
        points_through(&BATCHES, version.seq),
        "each point exactly once over active, frozen, SSTs"
    );
    if !version.frozen.is_empty() && version.active.points() > 0 {
        witness.seen();
    }
    version.seq
}
