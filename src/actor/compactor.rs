//! The compactor: merges the SSTs of one plan after the other, looks which series have no point left, and reports. It picks
//! nothing and installs nothing.

use super::message::{Report, ToCompactor, ToWriter};
use super::storage::{CensusJob, MergeJob, Merges};
use crate::sync::{Receiver, Sender};

/// Runs until the writer drops its end of the inbox.
pub(crate) async fn run<M: Merges>(mut merges: M, inbox: Receiver<ToCompactor>, writer: Sender<ToWriter>) {
    while let Some(message) = inbox.recv().await {
        // Each drops its job before the report: the writer removes what only it still holds, and this turn must not
        // outlive that.
        let report = match message {
            ToCompactor::Compact(job) => compact(&mut merges, job),
            ToCompactor::Count(job) => count(&mut merges, job),
        };
        writer.send(ToWriter::Report(report));
    }
}

fn compact<M: Merges>(merges: &mut M, job: Box<MergeJob>) -> Report {
    let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
    let span = tracing::debug_span!("compaction", files = job.plan.inputs.len(), level = job.plan.output.level());
    let outcome = span.in_scope(|| merges.merge(&job));
    #[cfg(not(feature = "mutant_compactor_keeps_its_plan"))]
    drop(job);
    #[cfg(feature = "mutant_compactor_keeps_its_plan")]
    std::mem::forget(job);
    Report::Compacted { inputs, outcome }
}

fn count<M: Merges>(merges: &mut M, job: CensusJob) -> Report {
    let span = tracing::debug_span!("census", series = job.suspects.count());
    let outcome = span.in_scope(|| merges.count(&job));
    let CensusJob { version, suspects, .. } = job;
    let seq = version.seq;
    drop(version);
    Report::Counted { seq, suspects, outcome }
}
