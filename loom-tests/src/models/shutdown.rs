//! Shutdown: a close, or the drop of the last handle, arrives while a flush is running.

use loom::thread;

use crate::engine::actor::WriterCommand;
use crate::explore::{Exploration, Witness, explore};
use crate::sync::block_on;
use crate::types::error::Error;
use crate::types::options::Durability;
use crate::world::{ModelDatabase, ModelSetup, PolledAnswer};

const BATCHES: [&[i64]; 2] = [&[5], &[3]];

/// Explores the model of a close. A batch and a flush that will fail wait in the inbox. A close arrives before, during
/// or after the failure, and the batch of another client arrives before or after the close.
pub fn shutdown() -> Exploration {
    explore("shutdown", 15_000, closes)
}

fn closes(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { failing_flushes: 1, ..ModelSetup::default() });
    let ack = world.write(BATCHES[0]);
    let mut flushed = PolledAnswer::new(world.flush().recv());

    let running = actors.start(&world);
    let other = world.clone();
    let client = thread::spawn(move || match other.write(BATCHES[1]).recv_blocking() {
        Some(Ok(_)) => 2,
        Some(Err(error)) => {
            assert!(matches!(error, Error::Closed), "a request behind a close is answered with Closed");
            1
        }
        None => {
            assert!(other.latest.is_closed(), "a caller without an answer can read the cause");
            1
        }
    });
    let had_failed = flushed.has_come();
    let closed = world.close().recv_blocking().expect("every request is answered");
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
    ack.recv_blocking().expect("every request is answered").expect("what came before the close is carried out");
    assert!(flushed.wait().expect("every request is answered").is_err(), "the flush failed");
    assert_eq!(version.seq, acknowledged, "what is refused is not carried out");
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().assert_crash_safe(&BATCHES, acknowledged);
    if had_failed {
        witness.seen();
    }
}

/// Explores the model of the drop of the last handle. A batch and a flush wait in the inbox. The last handle sends two
/// more batches that require no sync, and is dropped. A watcher waits for new versions.
pub fn release() -> Exploration {
    explore("release", 7_400, releases)
}

const RELEASED: [&[i64]; 3] = [&[5], &[3], &[6]];

fn releases(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup::default());
    let first = world.write(RELEASED[0]);
    let flushed = world.flush();

    let running = actors.start(&world);
    let watching = world.clone();
    let watcher = thread::spawn(move || watch(&watching));
    let [second, third] = [RELEASED[1], RELEASED[2]].map(|batch| world.write_with(batch, Durability::Os, None));
    world.send(WriterCommand::Release);
    if !world.latest.load().frozen.is_empty() {
        witness.seen();
    }
    watcher.join().expect("a watcher ends with the database");
    running.end();

    for ack in [first, second, third] {
        ack.recv_blocking().expect("every request is answered").expect("what came before the release is carried out");
    }
    // The shutdown may complete before the flush; then the flush gets no reply.
    if let Some(answer) = flushed.recv_blocking() {
        answer.expect("nothing fails here");
    }
    world.shows_each_point_once(&world.latest.load(), &RELEASED);
    world.store.copy().assert_crash_safe(&RELEASED, 3);
}

/// Waits for new versions until the watch is closed.
fn watch(world: &ModelDatabase) {
    let (mut number, mut seq) = (0, 0);
    while let Some((newer, version)) = block_on(world.latest.changed(number)) {
        assert!(newer > number && version.seq >= seq, "a reader never goes back");
        (number, seq) = (newer, version.seq);
    }
}
