//! The compactor: runs compactions and empty-series checks, one by one.
//!
//! It reports each result to the writer, which decides what runs and installs the results; see
//! [`compactor_schedule`](super::compactor_schedule).

use super::interfaces::{CompactionExecutor, CompactionJob, EmptySeriesJob, SeriesToCheck};
use super::messages::{CompactorCommand, WriterEvent, WriterMessage};
use crate::sync::{Receiver, Sender};

/// Runs jobs until the writer drops the sender of the inbox.
pub(crate) async fn run<M: CompactionExecutor>(
    mut executor: M,
    inbox: Receiver<CompactorCommand>,
    writer: Sender<WriterMessage>,
) {
    while let Some(command) = inbox.recv().await {
        // Each job is dropped before its result is sent. The writer removes files that only the writer holds; a job
        // that still existed would keep them until the next sweep.
        let event = match command {
            CompactorCommand::Compact(job) => compact(&mut executor, job),
            CompactorCommand::CheckEmptySeries(job) => check_empty_series(&mut executor, job),
        };
        writer.send(WriterMessage::Event(event));
    }
}

fn compact<M: CompactionExecutor>(executor: &mut M, job: Box<CompactionJob>) -> WriterEvent {
    let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let span = tracing::debug_span!("compaction", files = job.plan.inputs.len(), level = job.plan.output.level());
    let outcome = span.in_scope(|| executor.compact(&job));
    drop(job);
    WriterEvent::Compacted { inputs, outcome }
}

fn check_empty_series<M: CompactionExecutor>(executor: &mut M, job: EmptySeriesJob) -> WriterEvent {
    let SeriesToCheck { candidates, droppable } = &job.series;
    let span =
        tracing::debug_span!("empty_series_check", candidates = candidates.count(), droppable = droppable.count());
    let outcome = span.in_scope(|| executor.find_empty_series(&job));
    let EmptySeriesJob { version, series, .. } = job;
    let seq = version.seq;
    drop(version);
    WriterEvent::EmptySeriesChecked { seq, series, outcome }
}
