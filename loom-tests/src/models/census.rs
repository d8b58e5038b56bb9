//! A census against a write: whoever is found without a point is gone, unless a point came since.

use crate::actor::{Timer, Work};
use crate::explore::{Explored, Witness, explore};
use crate::world::{SERIES, Setup, World};

const FLUSHED: &[&[i64]] = &[&[1, 2]];

/// A delete of everything there is waits in the inbox; a client looks, writes, and looks again while the census of the
/// delete is asked for, made, and reported.
pub fn census() -> Explored {
    explore("census", 2_000, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup { flushed: FLUSHED, ..Setup::default() });
    let deleted = world.delete(1, 2);

    let running = actors.start_compacting(&world);
    let ack = deleted.wait_blocking().expect("every request is answered").expect("nothing fails here");
    let before = world.latest.load();
    world.lists_what_it_shows(&before);
    let was_gone = before.series.gone().contains(SERIES);
    let written = world.write(&[5]).wait_blocking().expect("every request is answered").expect("nothing fails here");
    assert!(written.seq > ack.seq);
    let after = world.latest.load();
    world.lists_what_it_shows(&after);
    assert!(!after.series.gone().contains(SERIES), "whoever has a point is listed");
    world.fall_due(Timer::Census);
    world.send(Work::Release);
    running.end();
    let last = world.latest.load();
    world.lists_what_it_shows(&last);
    if was_gone {
        // It left the listing, and came back.
        witness.seen();
    }
}
