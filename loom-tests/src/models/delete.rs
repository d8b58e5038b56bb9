//! Deletes beside a running flush and a running compaction: each delete hides all older points in its range and no
//! others, at every moment and after every crash.

use crate::engine::actor::WriterCommand;
use crate::explore::{Exploration, Witness, explore};
use crate::state::version::{BASE, Version};
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::options::Durability;
use crate::types::time_range::TimeRange;
use crate::world::{HistoryOp, ModelDatabase, ModelDisk, ModelSetup};

/// The first batch is in an SST outside the range of the delete. The second batch is in a memtable that is being
/// flushed when the delete arrives.
const FLUSHING: [HistoryOp; 4] = [
    HistoryOp::Write(&[1, 2]),
    HistoryOp::Write(&[3, 6]),
    HistoryOp::Delete(TimeRange::new(3, 5)),
    HistoryOp::Write(&[5]),
];

/// Explores the model of a delete during a flush. A batch and its flush wait in the inbox. A client deletes a part of
/// the batch, writes into the same time range, and closes.
pub fn delete() -> Exploration {
    explore("delete", 6_200, in_flush)
}

fn in_flush(witness: &Witness) {
    let (world, actors) =
        ModelDatabase::new(&ModelSetup { watched: true, flushed: &[&[1, 2]], ..ModelSetup::default() });
    let before = world.write(&[3, 6]);
    let flushed = world.flush();

    let running = actors.start(&world);
    let deleted = world.delete(3, 5);
    look(&world, &FLUSHING);
    let ack = ended(deleted.recv_blocking());
    assert!(world.store.look(ModelDisk::durable_seq) >= ack.seq, "acked is durable");
    let version = look(&world, &FLUSHING);
    assert!(version.seq >= ack.seq, "acked is visible");
    if !version.frozen.is_empty() {
        witness.seen();
    }
    let (after, closed) = (world.write(&[5]), world.close());
    look(&world, &FLUSHING);
    for answer in [flushed, closed] {
        ended(answer.recv_blocking());
    }
    running.end();
    for answer in [before, after] {
        ended(answer.recv_blocking());
    }
    look(&world, &FLUSHING);
}

/// The first batch is in an SST that is being compacted when the delete arrives. The delete becomes durable before or
/// after the end of the compaction. Until the delete is durable, a crash may lose the delete and the batch before it.
const MERGING: [HistoryOp; 4] = [
    HistoryOp::Write(&[1, 3, 5]),
    HistoryOp::Write(&[6]),
    HistoryOp::Delete(TimeRange::new(3, 5)),
    HistoryOp::Write(&[4]),
];

/// Explores the model of a delete during a compaction. A compaction, a batch, a delete and a batch in the time range of
/// the delete wait in the inbox; none of them requires a sync. A client flushes, and the reports arrive in any order.
pub fn delete_in_compaction() -> Exploration {
    explore("delete_in_compaction", 150_000, in_compaction)
}

fn in_compaction(witness: &Witness) {
    let setup = ModelSetup { flushed: &[&[1, 3, 5]], durability: Durability::Os, ..ModelSetup::default() };
    let (world, actors) = ModelDatabase::new(&setup);
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
        // The delete moved from the WAL to the manifest while a compaction that does not include it was running on the
        // deleted points.
        witness.seen();
    }
    for answer in [compacted, flushed] {
        ended(answer.recv_blocking());
    }
    look(&world, &MERGING);
    for answer in [before, deleted, after] {
        ended(answer.recv_blocking());
    }
    world.send(WriterCommand::Release);
    running.end();
    look(&world, &MERGING);
}

/// The first batch is in an SST that the delete hides whole. The flush of the second batch fails, as on a full disk.
/// The third is not synced before the delete: without it, to lose the delete would look as if it had been kept.
const FULL: [HistoryOp; 5] = [
    HistoryOp::Write(&[3, 5]),
    HistoryOp::Write(&[6]),
    HistoryOp::Write(&[7]),
    HistoryOp::Delete(TimeRange::new(3, 5)),
    HistoryOp::Write(&[4]),
];

/// Explores the model of a delete that makes room. No flush succeeds, so the delete stays in the WAL, and the file that
/// it hides goes before any edit has the tombstone. Only the last batch asks for a sync, which the delete may share.
pub fn delete_ahead_of_flush() -> Exploration {
    explore("delete_ahead_of_flush", 1_000, ahead_of_flush)
}

fn ahead_of_flush(witness: &Witness) {
    let setup = ModelSetup {
        watched: true,
        flushed: &[&[3, 5]],
        failing_flushes: usize::MAX,
        durability: Durability::Os,
        ..ModelSetup::default()
    };
    let (world, actors) = ModelDatabase::new(&setup);
    let before = world.write_with(&[6], Durability::Os, None);
    let flushed = world.flush();

    let running = actors.start(&world);
    flushed.recv_blocking().expect("every request is answered").expect_err("every flush fails");
    let unsynced = world.write_with(&[7], Durability::Os, None);
    let deleted = world.delete(3, 5);
    let after = world.write_with(&[4], Durability::Sync, None);
    look(&world, &FULL);
    ended(deleted.recv_blocking());
    let version = look(&world, &FULL);
    if version.ssts.iter().next().is_none() {
        // The file is gone, and its delete is only in the WAL.
        witness.seen();
    }
    drop(version);
    look(&world, &FULL);
    world.send(WriterCommand::Release);
    running.end();
    for answer in [before, unsynced, after] {
        ended(answer.recv_blocking());
    }
    let version = look(&world, &FULL);
    assert!(version.ssts.iter().next().is_none(), "the delete made room");
}

fn ended<T>(answer: Option<Result<T>>) -> T {
    answer.expect("every request is answered").expect("nothing fails here")
}

/// Asserts that the newest version, and every disk that a crash may leave, agrees with the history.
fn look(world: &ModelDatabase, order: &[HistoryOp]) -> Arc<Version> {
    let version = world.latest.load();
    world.shows_what_is_not_deleted(&version, order);
    let copy = world.store.copy();
    copy.assert_crash_safe_history(order, copy.durable_seq());
    copy.assert_reader_shows_a_prefix(order);
    version
}
