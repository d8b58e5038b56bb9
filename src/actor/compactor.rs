//! The compactor: merges the SSTs of one plan after the other, and reports. It picks nothing and installs nothing.

use super::message::{Compact, Report, ToWriter};
use super::storage::Merges;
use crate::sync::{Receiver, Sender};

/// Runs until the writer drops its end of the inbox.
pub(crate) async fn run<M: Merges>(mut merges: M, inbox: Receiver<Compact>, writer: Sender<ToWriter>) {
    while let Some(Compact { job }) = inbox.recv().await {
        let inputs = job.plan.inputs.iter().map(|sst| sst.id).collect();
        let outcome = merges.merge(&job);
        // Before the report: the writer removes what only it still holds, and this turn must not outlive that.
        #[cfg(not(feature = "mutant_compactor_keeps_its_plan"))]
        drop(job);
        #[cfg(feature = "mutant_compactor_keeps_its_plan")]
        std::mem::forget(job);
        writer.send(ToWriter::Report(Report::Compacted { inputs, outcome }));
    }
}
