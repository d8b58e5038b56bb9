//! Compaction beside flushes and readers: the outputs replace the inputs, which are identified by their ids, in one
//! store of the version. The outputs of a plan whose inputs no longer exist are discarded.

use loom::thread;

use crate::engine::actor::{
    CompactionExecutor, CompactorCommand, Timer, WriterCommand, WriterEvent, WriterMessage, run_flusher,
};
use crate::explore::{Exploration, Witness, explore};
use crate::state::version::BASE;
use crate::sync::{Receiver, block_on};
use crate::world::{ModelActors, ModelDatabase, ModelSetup, spawn_writer};

/// The first two batches are in overlapping SSTs. The third batch is flushed before, during or after their compaction.
const BATCHES: [&[i64]; 3] = [&[1, 5], &[3], &[4]];
const FLUSHED: &[&[i64]] = &[BATCHES[0], BATCHES[1]];

/// Explores the model. A compaction, a batch and its flush wait in the inbox; the reports arrive in any order.
pub fn compaction() -> Exploration {
    explore("compaction", 24_000, body)
}

fn body(witness: &Witness) {
    let (world, ModelActors { writer, commands, frozen, plans }) =
        ModelDatabase::new(&ModelSetup { watched: true, flushed: FLUSHED, ..ModelSetup::default() });
    let compacted = world.compact();
    let written = world.write(BATCHES[2]);
    let flushed = world.flush();

    let (tables, reports) = (world.store.clone(), world.inbox.clone());
    let flushing = thread::spawn(move || block_on(run_flusher(tables, frozen, reports)));
    let merging = world.clone();
    let compactor = thread::spawn(move || merge_twice(&merging, &plans));
    let writer = spawn_writer(writer, commands);
    look(&world, witness);
    look(&world, witness);
    compacted.recv_blocking().expect("every request is answered").expect("the first report is acted on");
    flushed.recv_blocking().expect("every request is answered").expect("no flush fails here");
    written.recv_blocking().expect("every request is answered").expect("nothing fails here");
    look(&world, witness);
    // The second report may still be on its way; it has no receiver after the writer ends.
    compactor.join().expect("the compactor has one plan");
    world.fire_timer(Timer::RetiredSweep);
    world.send(WriterCommand::Release);
    writer.join().expect("the writer ends");
    flushing.join().expect("the flusher ends with the writer");
    world.assert_only_named_ssts();
    look(&world, witness);
}

/// Carries out one plan twice, as a faulty compactor, and reports both outputs. When the second report arrives, its
/// inputs no longer exist. Its output has a tier as level, where it would otherwise be valid.
fn merge_twice(world: &ModelDatabase, plans: &Receiver<CompactorCommand>) {
    let Some(CompactorCommand::Compact(job)) = block_on(plans.recv()) else { panic!("a compaction was asked for") };
    let inputs: Vec<_> = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let mut merges = world.store.clone();
    let outcomes = [merges.compact(&job), merges.compact(&job)];
    drop(job);
    for (level, outcome) in [None, Some(BASE - 1)].into_iter().zip(outcomes) {
        let mut made = outcome.expect("no merge fails here");
        made.ssts.iter_mut().for_each(|sst| sst.level = level.unwrap_or(sst.level));
        world.inbox.send(WriterMessage::Event(WriterEvent::Compacted { inputs: inputs.clone(), outcome: Ok(made) }));
    }
}

/// Asserts that the newest version, and every disk that a crash may leave, shows each point exactly once.
fn look(world: &ModelDatabase, witness: &Witness) {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().assert_crash_safe(&BATCHES, version.seq);
    if version.ssts.len() > FLUSHED.len() {
        // The flush was installed while older SSTs were being compacted.
        witness.seen();
    }
}
