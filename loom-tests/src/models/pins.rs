//! Retired files: an input stays on the disk while anybody holds its entry, and goes once nobody does.

use loom::thread;

use crate::actor::{Timer, Work};
use crate::explore::{Explored, Witness, explore};
use crate::world::{Disk, Setup, World};

const FLUSHED: &[&[i64]] = &[&[1, 5], &[3]];

/// A compaction waits in the inbox; a reader keeps a snapshot, and then a file's entry alone, as an open file does.
pub fn pins() -> Explored {
    explore("pins", 4_200, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup { flushed: FLUSHED, ..Setup::default() });
    let compacted = world.compact();

    let running = actors.start_compacting(&world);
    let (reading, witness) = (world.clone(), witness.clone());
    let reader = thread::spawn(move || read(&reading, &witness));
    compacted.wait_blocking().expect("every request is answered").expect("no merge fails here");
    reader.join().expect("the reader's assertions hold");
    world.fall_due(Timer::Sweep);
    world.send(Work::Release);
    running.end();
    assert_eq!(world.store.look(Disk::named_ssts), 1, "the two became one");
    world.keeps_named_ssts_alone();
}

fn read(world: &World, witness: &Witness) {
    let snapshot = world.latest.load();
    world.shows_each_point_once(&snapshot, FLUSHED);
    let held = snapshot.ssts[0].clone();
    // The writer looks each turn; this one sees the snapshot, the next the entry alone.
    world.fall_due(Timer::Sweep);
    world.shows_each_point_once(&snapshot, FLUSHED);
    drop(snapshot);
    world.fall_due(Timer::Sweep);
    let newest = world.latest.load();
    assert!(world.store.look(|disk| disk.holds(held.id)), "a file is on the disk while someone reads it");
    if newest.ssts.iter().all(|sst| sst.id != held.id) {
        // It is read although no version names it.
        witness.seen();
    }
}
