//! Metadata of a metric: the flush of a memtable makes durable what was set before its freeze, and nothing that was set
//! later.

use loom::thread;

use crate::explore::{Exploration, Witness, explore};
use crate::types::options::Durability;
use crate::world::{HistoryOp, ModelDatabase, ModelSetup, PolledAnswer};

/// The first two records are flushed by a flush command, the others by the close.
const ORDER: [HistoryOp; 4] =
    [HistoryOp::Write(&[5]), HistoryOp::SetUnit("s"), HistoryOp::Write(&[3]), HistoryOp::SetUnit("ms")];

/// Explores the model. A batch, a unit and a flush wait in the inbox; another batch and another unit follow, which no
/// sync covers, and a crash falls between any two steps.
pub fn metadata() -> Exploration {
    explore("metadata", 9_000, body)
}

fn body(witness: &Witness) {
    let setup = ModelSetup { watched: true, durability: Durability::Os, ..ModelSetup::default() };
    let (world, actors) = ModelDatabase::new(&setup);
    drop(world.write_with(&[5], Durability::Os, None));
    world.set_unit("s");
    let mut flushed = PolledAnswer::new(world.flush().recv());

    let running = actors.start(&world);
    let (store, witness) = (world.store.clone(), witness.clone());
    let crashing = thread::spawn(move || {
        let acknowledged = if flushed.has_come() { 2 } else { 0 };
        let copy = store.copy();
        copy.assert_crash_safe_metadata(&ORDER, acknowledged);
        if copy.is_mid_flush() {
            witness.seen();
        }
        flushed
    });
    drop(world.write_with(&[3], Durability::Os, None));
    world.set_unit("ms");
    let closed = world.close();
    let flushed = crashing.join().expect("the crash's assertions hold");
    running.end();

    flushed.wait().expect("every request is answered").expect("nothing fails here");
    closed.recv_blocking().expect("every request is answered").expect("nothing fails here");
    world.store.copy().assert_crash_safe_metadata(&ORDER, 4);
}
