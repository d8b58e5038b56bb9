//! Compaction against flushes and readers: the outputs take the place of the inputs, by their ids, in one store, and
//! those of a plan whose inputs are gone take none.

use loom::thread;

use crate::actor::{Merges, Report, Timer, ToCompactor, ToWriter, Work, run_flusher};
use crate::explore::{Explored, Witness, explore};
use crate::sync::{Receiver, block_on};
use crate::version::BASE;
use crate::world::{Actors, Setup, World};

/// The first two are in SSTs that overlap; the third is flushed while they are being merged, or before, or after.
const BATCHES: [&[i64]; 3] = [&[1, 5], &[3], &[4]];
const FLUSHED: &[&[i64]] = &[BATCHES[0], BATCHES[1]];

/// A compaction waits in the inbox, and behind it a batch and its flush; the reports race.
pub fn compaction() -> Explored {
    explore("compaction", 24_000, body)
}

fn body(witness: &Witness) {
    let (world, Actors { writer, commands, frozen, plans }) =
        World::new(&Setup { watched: true, flushed: FLUSHED, ..Setup::default() });
    let compacted = world.compact();
    let written = world.write(BATCHES[2]);
    let flushed = world.flush();

    let (tables, reports) = (world.store.clone(), world.inbox.clone());
    let flushing = thread::spawn(move || block_on(run_flusher(tables, frozen, reports)));
    let merging = world.clone();
    let compactor = thread::spawn(move || merge_twice(&merging, &plans));
    let writer = thread::spawn(move || block_on(writer.run(commands)));
    look(&world, witness);
    look(&world, witness);
    compacted.wait_blocking().expect("every request is answered").expect("the first report is acted on");
    flushed.wait_blocking().expect("every request is answered").expect("no flush fails here");
    written.wait_blocking().expect("every request is answered").expect("nothing fails here");
    look(&world, witness);
    // The second report may still be under way; nobody takes it once the writer is gone.
    compactor.join().expect("the compactor has one plan");
    world.fall_due(Timer::Sweep);
    world.send(Work::Release);
    writer.join().expect("the writer ends");
    flushing.join().expect("the flusher ends with the writer");
    world.keeps_named_ssts_alone();
    look(&world, witness);
}

/// A compactor that reports on its plan twice, with other outputs each time. When the second report comes, its inputs
/// are gone; it names a tier, where its outputs would be welcome but for that.
fn merge_twice(world: &World, plans: &Receiver<ToCompactor>) {
    let Some(ToCompactor::Compact(job)) = block_on(plans.recv()) else { panic!("a compaction was asked for") };
    let inputs: Vec<_> = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let mut merges = world.store.clone();
    let outcomes = [merges.merge(&job), merges.merge(&job)];
    drop(job);
    for (level, outcome) in [None, Some(BASE - 1)].into_iter().zip(outcomes) {
        let mut made = outcome.expect("no merge fails here");
        made.ssts.iter_mut().for_each(|sst| sst.level = level.unwrap_or(sst.level));
        world.inbox.send(ToWriter::Report(Report::Compacted { inputs: inputs.clone(), outcome: Ok(made) }));
    }
}

/// Holds the newest version, and what a crash would leave of the disk, to show each point exactly once.
fn look(world: &World, witness: &Witness) {
    let version = world.latest.load();
    world.shows_each_point_once(&version, &BATCHES);
    world.store.copy().survives_a_crash(&BATCHES, version.seq);
    if version.ssts.len() > FLUSHED.len() {
        // The flush landed while its elders were being merged.
        witness.seen();
    }
}
