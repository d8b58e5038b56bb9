//! Empty-series check beside a write: a series without a visible point becomes empty, unless a newer point was written.

use crate::engine::actor::{Timer, WriterCommand};
use crate::explore::{Exploration, Witness, explore};
use crate::world::{ModelDatabase, ModelSetup, SERIES};

const FLUSHED: &[&[i64]] = &[&[1, 2]];

/// Explores the model. A delete of all points waits in the inbox. A client loads a version, writes, and loads again,
/// while the empty-series check of the delete is requested, runs and is reported.
pub fn empty_series() -> Exploration {
    explore("empty_series", 2_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { flushed: FLUSHED, ..ModelSetup::default() });
    let deleted = world.delete(1, 2);

    let running = actors.start_compacting(&world);
    let ack = deleted.recv_blocking().expect("every request is answered").expect("nothing fails here");
    let before = world.latest.load();
    world.assert_listed_if_visible(&before);
    let was_gone = before.series.empty_series().contains(SERIES);
    let written = world.write(&[5]).recv_blocking().expect("every request is answered").expect("nothing fails here");
    assert!(written.seq > ack.seq);
    let after = world.latest.load();
    world.assert_listed_if_visible(&after);
    assert!(!after.series.empty_series().contains(SERIES), "every series with a point is listed");
    world.fire_timer(Timer::EmptySeriesCheck);
    world.send(WriterCommand::Release);
    running.end();
    let last = world.latest.load();
    world.assert_listed_if_visible(&last);
    if was_gone {
        // The series left the listing and returned.
        witness.seen();
    }
}
