//! A flush fails and is retried: no point is lost before the retry, and the retry duplicates no point.

use loom::thread;

use crate::engine::actor::Timer;
use crate::explore::{Exploration, Witness, explore};
use crate::world::{ModelDatabase, ModelDisk, ModelSetup};

/// The flush of the first batch fails; the memtable with the second batch is frozen behind it.
const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// Explores the model. A batch and a flush wait in the inbox, and the first attempt to write an SST fails. Another
/// client sends a batch and a flush. The retry timer fires, although that flush may already have started the retry.
pub fn flush_fails() -> Exploration {
    explore("flush_fails", 75_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { failing_flushes: 1, ..ModelSetup::default() });
    let first = world.write(BATCHES[0]);
    let failed = world.flush();

    let running = actors.start(&world);
    let sending = world.clone();
    // The client runs before or after the failure: its flush also gets the error, or starts the retry.
    let client = thread::spawn(move || (sending.write(BATCHES[1]), sending.flush()));
    let heard = failed.recv_blocking().expect("every request is answered");
    assert!(heard.is_err(), "a flush command is answered with the error of its flush");
    look(&world);
    world.fire_timer(Timer::FlushRetry);
    look(&world);
    let (second, behind) = client.join().expect("the client sends and ends");
    let closed = world.close();
    if behind.recv_blocking().expect("every request is answered").is_ok() {
        witness.seen();
    }
    closed.recv_blocking().expect("every request is answered").expect("a flush that failed is tried again");
    running.end();

    for ack in [first, second] {
        ack.recv_blocking().expect("every request is answered").expect("no write fails here");
    }
    look(&world);
    assert_eq!(world.store.look(ModelDisk::named_ssts), 2, "nothing is named twice");
    // No SST may be begun and then discarded, either: a second flush of one memtable would be discarded, but only after
    // the cost of writing its SST.
    assert_eq!(world.store.look(ModelDisk::started_ssts), 2, "nothing is flushed twice");
}

/// Asserts that the newest version, and every disk that a crash may leave, shows each point exactly once.
fn look(world: &ModelDatabase) {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().assert_crash_safe(&BATCHES, version.seq);
}
