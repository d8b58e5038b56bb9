//! A flush fails and is tried again: nothing is lost meanwhile, and nothing doubled by the second try.

use loom::thread;

use crate::actor::Timer;
use crate::explore::{Explored, Witness, explore};
use crate::world::{Disk, Setup, World};

/// The first is in the flush that fails; the second is frozen behind it.
const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// A batch and a flush wait in the inbox, and the first try to write an SST fails; another client sends a batch and a
/// flush, and the timer for the next try falls due, though that flush may have begun it already.
pub fn flush_fails() -> Explored {
    explore("flush_fails", 75_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup { failing_flushes: 1, ..Setup::default() });
    let first = world.write(BATCHES[0]);
    let failed = world.flush();

    let running = actors.start(&world);
    let sending = world.clone();
    // Before or after the failure: its flush hears of it, too, or begins the second try.
    let client = thread::spawn(move || (sending.write(BATCHES[1]), sending.flush()));
    let heard = failed.wait_blocking().expect("every request is answered");
    assert!(heard.is_err(), "whoever waits for a flush hears why it failed");
    look(&world);
    world.fall_due(Timer::Retry);
    look(&world);
    let (second, behind) = client.join().expect("the client sends and ends");
    let closed = world.close();
    if behind.wait_blocking().expect("every request is answered").is_ok() {
        witness.seen();
    }
    closed.wait_blocking().expect("every request is answered").expect("a flush that failed is tried again");
    running.end();

    for ack in [first, second] {
        ack.wait_blocking().expect("every request is answered").expect("no write fails here");
    }
    look(&world);
    assert_eq!(world.store.look(Disk::named_ssts), 2, "nothing is named twice");
    // Not even in vain: a second flush of one memtable would be given up, and has cost its writing.
    assert_eq!(world.store.look(Disk::begun_ssts), 2, "nothing is flushed twice");
}

/// Holds the newest version, and what a crash would leave of the disk, to show each point exactly once.
fn look(world: &World) {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().survives_a_crash(&BATCHES, version.seq);
}
