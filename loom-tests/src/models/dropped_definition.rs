//! Drop of a definition beside a write: the definition of an empty series goes, unless a point of the series was
//! written.

use loom::thread;

use crate::engine::actor::WriterCommand;
use crate::explore::{Exploration, Witness, explore};
use crate::types::error::Error;
use crate::world::{ModelDatabase, ModelSetup, SERIES};

/// Explores the model. The series is empty in the manifest, and no SST names it, so the first check finds that its
/// definition can be dropped. A client writes a point meanwhile, by the id of the series.
pub fn dropped_definition() -> Exploration {
    explore("dropped_definition", 4_200, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { is_empty: true, ..ModelSetup::default() });
    let running = actors.start_compacting(&world);
    let client = world.clone();
    let client = thread::spawn(move || client.write(&[5]).recv_blocking().expect("every request is answered"));
    let written = client.join().expect("the client waits for the answer");
    let after = world.latest.load();
    match &written {
        Ok(_) => assert_eq!(world.points(&after), [(5, 50)], "an acknowledged point is visible"),
        Err(error) => {
            assert!(matches!(error, Error::StaleSeries { .. }), "nothing else fails here: {error:?}");
            assert!(after.series.get(SERIES).is_none(), "the series is dropped");
            // The drop came before the write, and after the start of the check.
            witness.seen();
        }
    }
    world.send(WriterCommand::Release);
    running.end();
    let last = world.latest.load();
    let is_defined = last.series.get(SERIES).is_some();
    assert!(is_defined || world.points(&last).is_empty(), "every series with a point has a definition");
    assert_eq!(is_defined, written.is_ok(), "the definition is dropped unless a point was written");
}
