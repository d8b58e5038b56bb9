//! Deletes against a flush and a compaction that are under way: each hides what came before it and nothing else, at
//! every moment and after every crash.

use crate::actor::Work;
use crate::error::Result;
use crate::explore::{Explored, Witness, explore};
use crate::sync::{Answer, Arc};
use crate::version::{BASE, Version};
use crate::world::{Asks, Setup, World};

/// The first is in an SST, the second in a memtable that is being flushed when the delete comes.
const FLUSHING: [Asks; 4] = [Asks::Write(&[1, 4]), Asks::Write(&[3, 6]), Asks::Delete(3, 5), Asks::Write(&[5])];

/// A batch and its flush wait in the inbox; a client deletes from it and from what was flushed before, and closes.
pub fn delete() -> Explored {
    explore("delete", 5_500, in_flush)
}

fn in_flush(witness: &Witness) {
    let (world, actors) = World::new(&Setup { watched: true, flushed: &[&[1, 4]], ..Setup::default() });
    let before = world.write(&[3, 6]);
    let flushed = world.flush();

    let running = actors.start(&world);
    let ack = ended(world.delete(3, 5));
    let version = look(&world, &FLUSHING);
    assert!(version.seq >= ack.seq, "acked is visible");
    if !version.frozen.is_empty() {
        witness.seen();
    }
    let (after, closed) = (world.write(&[5]), world.close());
    look(&world, &FLUSHING);
    for answer in [flushed, closed] {
        ended(answer);
    }
    running.end();
    for answer in [before, after] {
        ended(answer);
    }
    look(&world, &FLUSHING);
}

/// The first is in an SST that is being merged when the delete comes, and the delete durable by a flush before that ends
/// or after.
const MERGING: [Asks; 3] = [Asks::Write(&[1, 3, 5]), Asks::Delete(3, 5), Asks::Write(&[4])];

/// A compaction, a delete, a batch of the same time and a flush wait in the inbox; the two reports race.
pub fn delete_in_compaction() -> Explored {
    explore("delete_in_compaction", 58_000, in_compaction)
}

fn in_compaction(witness: &Witness) {
    let (world, actors) = World::new(&Setup { flushed: &[&[1, 3, 5]], ..Setup::default() });
    let compacted = world.compact();
    let deleted = world.delete(3, 5);
    let after = world.write(&[4]);
    let flushed = world.flush();

    let running = actors.start_all(&world);
    let version = look(&world, &MERGING);
    let is_merging = version.ssts.iter().any(|sst| sst.level != BASE && sst.max_seq == 1);
    if version.flushed_seq == 3 && is_merging {
        // The delete left the WAL for the manifest while what it hides was being merged without it.
        witness.seen();
    }
    for answer in [compacted, flushed] {
        ended(answer);
    }
    look(&world, &MERGING);
    for answer in [deleted, after] {
        ended(answer);
    }
    world.send(Work::Release);
    running.end();
    look(&world, &MERGING);
}

fn ended<T>(answer: Answer<Result<T>>) -> T {
    answer.wait_blocking().expect("every request is answered").expect("nothing fails here")
}

/// Holds the newest version, and what a crash would leave of the disk, to the order.
fn look(world: &World, order: &[Asks]) -> Arc<Version> {
    let version = world.latest.load();
    world.shows_what_is_not_deleted(&version, order);
    world.store.copy().survives_a_crash_in(order, version.seq);
    version
}
