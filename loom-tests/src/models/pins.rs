//! Retired files: an input stays on the disk while anybody holds its entry, and goes once nobody does.

use loom::thread;

use crate::actor::{Timer, Work};
use crate::explore::{Explored, Witness, explore};
use crate::world::{Disk, Setup, World};

const FLUSHED: &[&[i64]] = &[&[1, 5], &[3]];

/// A compaction waits in the inbox; one reader keeps a file's entry alone, as an open file does, another a snapshot.
pub fn pins() -> Explored {
    explore("pins", 4_200, body)
}

fn body(witness: &Witness) {
    let (world, actors) = World::new(&Setup { flushed: FLUSHED, ..Setup::default() });
    let compacted = world.compact();

    let running = actors.start_compacting(&world);
    let reading = world.clone();
    let reader = thread::spawn(move || {
        let snapshot = reading.latest.load();
        reading.shows_each_point_once(&snapshot, FLUSHED);
        // Time passes: a turn of the writer or a sweep may fall here.
        reading.fall_due(Timer::Sweep);
        reading.shows_each_point_once(&snapshot, FLUSHED);
    });
    let held = world.latest.load().ssts[0].clone();
    let is_there = || world.store.look(|disk| disk.holds(held.id));
    assert!(is_there(), "a file is on the disk while someone reads it");
    compacted.wait_blocking().expect("every request is answered").expect("no merge fails here");
    assert!(is_there(), "a file is on the disk while someone reads it");
    let newest = world.latest.load();
    if newest.ssts.iter().all(|sst| sst.id != held.id) {
        // It is read although no version names it.
        witness.seen();
    }
    reader.join().expect("the reader's assertions hold");
    assert!(is_there(), "a file is on the disk while someone reads it");
    drop((held, newest));
    world.fall_due(Timer::Sweep);
    world.send(Work::Release);
    running.end();
    assert_eq!(world.store.look(Disk::named_ssts), 1, "the two became one");
    world.keeps_named_ssts_alone();
}
