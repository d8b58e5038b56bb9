//! Deletes against a flush and a compaction that are under way: each hides what came before it and nothing else, at
//! every moment and after every crash.

use crate::actor::Work;
use crate::error::Result;
use crate::explore::{Explored, Witness, explore};
use crate::options::Durability;
use crate::sync::{Answer, Arc};
use crate::version::{BASE, Version};
use crate::world::{Asks, Disk, Setup, World};

/// The first is in an SST that the delete spares, the second in a memtable that is being flushed when it comes.
const FLUSHING: [Asks; 4] = [Asks::Write(&[1, 2]), Asks::Write(&[3, 6]), Asks::Delete(3, 5), Asks::Write(&[5])];

/// A batch and its flush wait in the inbox; a client deletes from it, writes into the same time, and closes.
pub fn delete() -> Explored {
    explore("delete", 6_200, in_flush)
}

fn in_flush(witness: &Witness) {
    let (world, actors) = World::new(&Setup { watched: true, flushed: &[&[1, 2]], ..Setup::default() });
    let before = world.write(&[3, 6]);
    let flushed = world.flush();

    let running = actors.start(&world);
    let deleted = world.delete(3, 5);
    look(&world, &FLUSHING);
    let ack = ended(deleted);
    assert!(world.store.look(Disk::durable_seq) >= ack.seq, "acked is durable");
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

/// The first is in an SST that is being merged when the delete comes; the delete is durable before that ends or after,
/// and until then a crash may lose it, with the batch before it.
const MERGING: [Asks; 4] = [Asks::Write(&[1, 3, 5]), Asks::Write(&[6]), Asks::Delete(3, 5), Asks::Write(&[4])];

/// A compaction, a batch, a delete and a batch of the same time wait in the inbox, none of them with a sync; a client
/// flushes, and the reports race.
pub fn delete_in_compaction() -> Explored {
    explore("delete_in_compaction", 150_000, in_compaction)
}

fn in_compaction(witness: &Witness) {
    let setup = Setup { flushed: &[&[1, 3, 5]], durability: Durability::Os, ..Setup::default() };
    let (world, actors) = World::new(&setup);
    let compacted = world.compact();
    let before = world.write_with(&[6], Durability::Os, None);
    let deleted = world.delete(3, 5);
    let after = world.write_with(&[4], Durability::Os, None);

    let running = actors.start_all(&world);
    look(&world, &MERGING);
    let flushed = world.flush();
    let version = look(&world, &MERGING);
    let is_merging = version.ssts.iter().any(|sst| sst.level != BASE && sst.max_seq == 1);
    if version.flushed_seq == 4 && is_merging {
        // The delete left the WAL for the manifest while what it hides was being merged without it.
        witness.seen();
    }
    for answer in [compacted, flushed] {
        ended(answer);
    }
    look(&world, &MERGING);
    for answer in [before, deleted, after] {
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
    let copy = world.store.copy();
    copy.survives_a_crash_in(order, copy.durable_seq());
    version
}
