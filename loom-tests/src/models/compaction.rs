//! Compaction against flushes and readers: the outputs take the place of the inputs, by their ids, in one store.

use loom::thread;

use crate::actor::{Compact, Merges, Report, Timer, ToWriter, Work};
use crate::explore::{Explored, Witness, explore};
use crate::sync::block_on;
use crate::version::BASE;
use crate::world::{Setup, World};

/// The first two are in SSTs that overlap; the third is flushed while they are being merged, or before, or after.
const BATCHES: [&[i64]; 3] = [&[1, 5], &[3], &[4]];
const FLUSHED: &[&[i64]] = &[BATCHES[0], BATCHES[1]];

/// A compaction waits in the inbox, and behind it a batch and its flush; the two reports race.
pub fn compaction() -> Explored {
    explore("compaction", 27_000, merges)
}

fn merges(witness: &Witness) {
    let (world, actors) = World::new(&Setup { watched: true, flushed: FLUSHED, ..Setup::default() });
    let compacted = world.compact();
    let written = world.write(BATCHES[2]);
    let flushed = world.flush();

    let running = actors.start_all(&world);
    look(&world, witness);
    look(&world, witness);
    compacted.wait_blocking().expect("every request is answered").expect("no merge fails here");
    flushed.wait_blocking().expect("every request is answered").expect("no flush fails here");
    written.wait_blocking().expect("every request is answered").expect("nothing fails here");
    look(&world, witness);
    world.fall_due(Timer::Sweep);
    world.send(Work::Release);
    running.end();
    world.keeps_named_ssts_alone();
    look(&world, witness);
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

/// A plan whose inputs are gone: the compactor reports on one plan twice, with other outputs each time.
pub fn stale_plan() -> Explored {
    explore("stale_plan", 500, reports_twice)
}

fn reports_twice(witness: &Witness) {
    let (world, actors) = World::new(&Setup { flushed: FLUSHED, ..Setup::default() });
    let compacted = world.compact();
    let (writer, commands, plans) = (actors.writer, actors.commands, actors.plans);
    let writer = thread::spawn(move || block_on(writer.run(commands)));
    let (reading, witness) = (world.clone(), witness.clone());
    let reader = thread::spawn(move || {
        let version = reading.latest.load();
        reading.shows_each_point_once(&version, FLUSHED);
        let is_base = version.ssts.iter().all(|sst| sst.level == BASE);
        let unnamed = reading.store.look(|disk| disk.ssts().len()) > version.ssts.len() + FLUSHED.len();
        if is_base && unnamed {
            // The second report is not acted on yet, or being given up.
            witness.seen();
        }
    });

    let Compact { job } = block_on(plans.recv()).expect("a compaction was asked for");
    let inputs: Vec<_> = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let mut merges = world.store.clone();
    let outcomes = [merges.merge(&job), merges.merge(&job)];
    drop(job);
    for outcome in outcomes {
        world.inbox.send(ToWriter::Report(Report::Compacted { inputs: inputs.clone(), outcome }));
    }
    compacted.wait_blocking().expect("every request is answered").expect("the first report is acted on");
    reader.join().expect("the reader's assertions hold");
    world.fall_due(Timer::Sweep);
    world.send(Work::Release);
    writer.join().expect("the writer ends");
    world.shows_each_point_once(&world.latest.load(), FLUSHED);
    world.keeps_named_ssts_alone();
}
