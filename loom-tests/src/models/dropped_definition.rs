//! Drop of a definition beside a write or a delete: the definition of an empty series goes, unless a point of the
//! series was written or an unflushed delete names it.

use loom::thread;

use crate::engine::actor::WriterCommand;
use crate::explore::{Exploration, Witness, explore};
use crate::state::memtable::MemtableView;
use crate::state::version::Version;
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

/// Explores the model of a delete in place of the write. The record of the delete names the series, so a replay would
/// apply it to a series that nothing defines if the definition was dropped behind it.
pub fn drop_beside_delete() -> Exploration {
    explore("drop_beside_delete", 4_000, beside_delete)
}

fn beside_delete(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { is_empty: true, ..ModelSetup::default() });
    let running = actors.start_compacting(&world);
    let client = world.clone();
    let client = thread::spawn(move || client.delete(1, 5).recv_blocking().expect("every request is answered"));
    client.join().expect("the client waits for the answer").expect("a delete does not fail here");
    let after = world.latest.load();
    assert_named_is_defined(&after);
    if is_named(&after) {
        // The delete came before the drop, and the check may have started before the delete.
        witness.seen();
    }
    world.send(WriterCommand::Release);
    running.end();
    let last = world.latest.load();
    assert_named_is_defined(&last);
    let is_defined = last.series.get(SERIES).is_some();
    assert_eq!(is_defined, is_named(&last), "the definition is dropped unless a delete names it");
}

/// Returns `true` if a tombstone or a delete in a memtable names the series.
fn is_named(version: &Version) -> bool {
    let frozen = version.frozen.iter().map(|frozen| &frozen.view);
    let in_memtables = frozen.chain([&version.active]).flat_map(MemtableView::deletes);
    version.tombstones.iter().chain(in_memtables).any(|delete| delete.series.contains(SERIES))
}

fn assert_named_is_defined(version: &Version) {
    assert!(version.series.get(SERIES).is_some() || !is_named(version), "every series that a delete names is defined");
}
