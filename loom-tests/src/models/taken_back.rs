//! A cutoff of retention that is taken back: what it hid stays hidden, what is written later counts by the earlier
//! cutoff, at every moment and after every crash.

use std::time::Duration;

use loom::thread;

use crate::explore::{Exploration, Witness, explore};
use crate::state::version::Version;
use crate::types::options::Durability;
use crate::world::{ModelDatabase, ModelPoint, ModelSetup, PolledAnswer, model_points};

/// In an SST. A cutoff of 4 hides the first two points.
const FLUSHED: [&[i64]; 1] = [&[1, 3, 6]];
/// Cutoff as the opening finds it. Under the longer age of the opening it is 2.
const CUTOFF: i64 = 4;
const AGE: Duration = Duration::from_nanos(4);
/// Written later. The cutoff of the opening hides it, the earlier one does not.
const LATE: &[i64] = &[2];

/// Explores the model. The writer takes the cutoff back as it starts, while a batch waits in the inbox; a crash falls
/// between any two steps. Deletes need no sync, except for the one that allows to take the cutoff back.
pub fn taken_back() -> Exploration {
    explore("taken_back", 2_000, body)
}

fn body(witness: &Witness) {
    let retained = Some((CUTOFF, AGE));
    let setup =
        ModelSetup { watched: true, flushed: &FLUSHED, durability: Durability::Os, retained, ..ModelSetup::default() };
    let (world, actors) = ModelDatabase::new(&setup);
    let mut late = PolledAnswer::new(world.write(LATE).recv());

    let running = actors.start(&world);
    let (store, seen) = (world.store.clone(), witness.clone());
    let crashing = thread::spawn(move || {
        // An acknowledgement that has arrived was sent before the copy, so the copy must have the batch.
        let is_acknowledged = late.has_come();
        let copy = store.copy();
        let with_late = shown(3);
        let allowed = if is_acknowledged { vec![with_late] } else { vec![shown(1), with_late] };
        copy.assert_recovers_one_of(&allowed, "what a cutoff hid stays hidden, what comes later does not");
        copy.assert_reader_shows_one_of(&[shown(1), shown(3)]);
        if copy.durable_cutoff() == Some(CUTOFF) && copy.durable_seq() == 2 {
            // The delete is durable, and the earlier cutoff is not.
            seen.seen();
        }
        late
    });
    look(&world);
    let closed = world.close();
    let late = crashing.join().expect("the assertions of the crash hold");
    running.end();

    closed.recv_blocking().expect("every request is answered").expect("nothing fails here");
    late.wait().expect("every request is answered").expect("nothing fails here");
    let version = look(&world);
    assert_eq!(version.cutoffs.global(), Some(2), "the cutoff is taken back");
    world.store.copy().assert_recovers_one_of(&[shown(3)], "what is acknowledged as durable is recovered");
}

/// Returns the points that are visible once the record `seq` is: the flushed batch, the delete, the late batch.
fn shown(seq: u64) -> Vec<ModelPoint> {
    model_points(if seq < 3 { &[6] } else { &[2, 6] })
}

/// Asserts that the newest version shows what it must.
fn look(world: &ModelDatabase) -> crate::sync::Arc<Version> {
    let version = world.latest.load();
    assert_eq!(world.points(&version), shown(version.seq), "what a cutoff hid stays hidden from readers");
    version
}
