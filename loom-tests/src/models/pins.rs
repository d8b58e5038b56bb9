//! Retired files: an input of a compaction stays on the disk while its entry is pinned. A sweep after the drop of the
//! last pin removes it.

use loom::thread;

use crate::engine::actor::{Timer, WriterCommand};
use crate::explore::{Exploration, Witness, explore};
use crate::world::{ModelDatabase, ModelDisk, ModelSetup};

const FLUSHED: &[&[i64]] = &[&[1, 5], &[3]];

/// Explores the model. A compaction waits in the inbox. A reader holds a snapshot, and then only the entry of a file,
/// as an open file does.
pub fn pins() -> Exploration {
    explore("pins", 4_200, body)
}

fn body(witness: &Witness) {
    let (world, actors) = ModelDatabase::new(&ModelSetup { flushed: FLUSHED, ..ModelSetup::default() });
    let compacted = world.compact();

    let running = actors.start_compacting(&world);
    let (reading, witness) = (world.clone(), witness.clone());
    let reader = thread::spawn(move || read(&reading, &witness));
    compacted.recv_blocking().expect("every request is answered").expect("no merge fails here");
    reader.join().expect("the reader's assertions hold");
    world.fire_timer(Timer::RetiredSweep);
    world.send(WriterCommand::Release);
    running.end();
    assert_eq!(world.store.look(ModelDisk::named_ssts), 1, "the two became one");
    world.assert_only_named_ssts();
}

fn read(world: &ModelDatabase, witness: &Witness) {
    let snapshot = world.latest.load();
    world.shows_each_point_once(&snapshot, FLUSHED);
    let held = snapshot.ssts.iter().next().expect("a file is in the version").clone();
    // The writer checks the pins at each sweep. This sweep may find the snapshot, the next one at most the entry.
    world.fire_timer(Timer::RetiredSweep);
    world.shows_each_point_once(&snapshot, FLUSHED);
    drop(snapshot);
    world.fire_timer(Timer::RetiredSweep);
    let newest = world.latest.load();
    assert!(world.store.look(|disk| disk.holds(held.id)), "a file is on the disk while someone reads it");
    if newest.ssts.iter().all(|sst| sst.id != held.id) {
        // The file is pinned although no version names it.
        witness.seen();
    }
}
