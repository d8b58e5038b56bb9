//! The end: a close, or the last handle's drop, comes while a flush is under way.

use loom::thread;

use crate::actor::Work;
use crate::error::Error;
use crate::explore::{Explored, Witness, explore};
use crate::options::Durability;
use crate::sync::block_on;
use crate::world::{Asked, Setup, World};

const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// A batch and a flush that will fail wait in the inbox; a close comes before, while or after it fails, and another
/// client's batch before or behind the close.
pub fn shutdown() -> Explored {
    explore("shutdown", 15_000, closes)
}

fn closes(witness: &Witness) {
    let (world, actors) = World::new(&Setup { failing_flushes: 1, ..Setup::default() });
    let ack = world.write(BATCHES[0]);
    let mut flushed = Asked::new(world.flush());

    let running = actors.start(&world);
    let other = world.clone();
    let client = thread::spawn(move || match other.write(BATCHES[1]).wait_blocking() {
        Some(Ok(_)) => 2,
        Some(Err(error)) => {
            assert!(matches!(error, Error::Closed), "a request behind a close hears that it is closed");
            1
        }
        None => {
            assert!(other.latest.is_closed(), "whoever gets no answer can see why");
            1
        }
    });
    let had_failed = flushed.has_come();
    let closed = world.close().wait_blocking().expect("every request is answered");
    let acknowledged = client.join().expect("the other client's assertions hold");
    running.end();

    let version = world.latest.load();
    match closed {
        Ok(()) => {
            let flushed = version.frozen.is_empty() && version.flushed_seq == acknowledged;
            assert!(flushed, "a close that is Ok flushed everything");
        }
        Err(_) => assert!(!had_failed, "a close tries a failed flush once more"),
    }
    ack.wait_blocking().expect("every request is answered").expect("what came before the close is carried out");
    assert!(flushed.wait().expect("every request is answered").is_err(), "the flush failed");
    assert_eq!(version.seq, acknowledged, "what is refused is not carried out");
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().survives_a_crash(&BATCHES, acknowledged);
    if had_failed {
        witness.seen();
    }
}

/// A batch and a flush wait in the inbox; the last handle sends two more batches that need no sync, and goes.
pub fn release() -> Explored {
    explore("release", 7_400, releases)
}

const RELEASED: [&[i64]; 3] = [&[5], &[3], &[6]];

fn releases(witness: &Witness) {
    let (world, actors) = World::new(&Setup::default());
    let first = world.write(RELEASED[0]);
    let flushed = world.flush();

    let running = actors.start(&world);
    let watching = world.clone();
    let watcher = thread::spawn(move || watch(&watching));
    let [second, third] = [RELEASED[1], RELEASED[2]].map(|batch| world.write_with(batch, Durability::Os, None));
    world.send(Work::Release);
    if !world.latest.load().frozen.is_empty() {
        witness.seen();
    }
    watcher.join().expect("whoever waits for changes hears of the end");
    running.end();

    for ack in [first, second, third] {
        ack.wait_blocking().expect("every request is answered").expect("what came before the release is carried out");
    }
    // The end may come before the flush's; then nobody is left to hear of it.
    if let Some(answer) = flushed.wait_blocking() {
        answer.expect("nothing fails here");
    }
    world.shows_each_point_once(&world.latest.load(), &RELEASED);
    world.store.copy().survives_a_crash(&RELEASED, 3);
}

/// Follows the changes until the end.
fn watch(world: &World) {
    let (mut number, mut seq) = (0, 0);
    while let Some((newer, version)) = block_on(world.latest.changed(number)) {
        assert!(newer > number && version.seq >= seq, "a reader never goes back");
        (number, seq) = (newer, version.seq);
    }
}
