//! The compaction state machine: from a plan to installed outputs.
//!
//! ```text
//!          start(plan)             Finished(Ok)
//!   idle ──────────────▶ running ───────────────▶ idle, Install ──▶ Installed ──▶ retention, then the next job
//!    ▲                      │ Finished(Err)
//!    │ RetryDue, or a       ▼
//!    └─────────────────  backoff   (the inputs stay)
//!      compact command
//! ```
//!
//! Invariants:
//! - One plan runs at a time. Its inputs stay in every version until its outputs replace them, in one store.
//! - Outputs are installed only if every input is still in the version and the next version keeps all invariants.
//!   Otherwise the outputs, which no version contained, are removed, and the compaction counts as failed.
//! - A cancelled plan (`Closed`) is not a failure: it arms no timer and starts no other job.

use std::time::Duration;

use super::backoff::Backoff;
use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, MachineEvent};
use super::interfaces::{JobOutput, Timer};
use super::retention::RetentionEvent;
use crate::state::file_id::FileId;
use crate::state::version::pick::CompactionPlan;
use crate::state::version::{JobCounters, L0, SstMeta, Version};
use crate::sync::Arc;
use crate::types::error::{Error, Result};

/// Number of L0 files at which a freeze waits for the running compaction.
///
/// Reads merge all L0 files that overlap, so they get slower with each further one.
pub(super) const L0_STALL_FILES: usize = 256;

/// Event for the compaction state machine.
#[derive(Debug)]
pub(super) enum CompactionEvent {
    /// The compactor finished the plan with these inputs.
    Finished { inputs: Vec<FileId>, outcome: Result<JobOutput> },
    /// The outputs are durable and visible.
    Installed { inputs: usize, outputs: usize, duration: Duration },
    /// The edit with the outputs could not be written. The outputs are removed.
    InstallFailed(Error),
    /// The backoff is over.
    RetryDue,
}

/// The running compaction, and the backoff after a failed one.
#[derive(Debug)]
pub(super) struct CompactionScheduler {
    /// Inputs of the running plan; `None` if none runs.
    running_inputs: Option<Vec<FileId>>,
    /// `true` after a failure, until the retry is due or a compact command ends the backoff.
    in_backoff: bool,
    backoff: Backoff,
}

impl CompactionScheduler {
    pub(super) fn new() -> Self {
        Self { running_inputs: None, in_backoff: false, backoff: Backoff::new() }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running_inputs.is_some()
    }

    pub(super) fn in_backoff(&self) -> bool {
        self.in_backoff
    }

    /// Returns the inputs of the running plan; empty if none runs.
    pub(super) fn inputs(&self) -> &[FileId] {
        self.running_inputs.as_deref().unwrap_or_default()
    }

    /// Returns `true` if a freeze must wait for the running compaction: L0 has too many files.
    ///
    /// Writes stall only while a compaction runs. During a backoff they continue: a cause that stays, such as a damaged
    /// file or a disk without room for the outputs, would otherwise stall them for ever. Each further L0 file makes
    /// reads slower. It does not take more memory, since memtables are flushed all the same and the number of open
    /// files is bounded.
    pub(super) fn l0_stalls_writes(&self, version: &Version) -> bool {
        self.is_running() && l0_file_count(version) >= L0_STALL_FILES
    }

    /// Ends the backoff early, for a compact command.
    pub(super) fn end_backoff(&mut self) {
        self.in_backoff = false;
    }

    /// Records that a plan runs. Returns the effect that sends it to the compactor.
    pub(super) fn start(&mut self, plan: CompactionPlan) -> Effect {
        let inputs: Vec<FileId> = plan.inputs.iter().map(|sst| sst.id).collect();
        tracing::debug!(inputs = inputs.len(), output = ?plan.output, "compaction started");
        self.running_inputs = Some(inputs);
        Effect::StartCompaction(Box::new(plan))
    }

    pub(super) fn on(&mut self, event: CompactionEvent, version: &Version) -> Effects {
        match event {
            CompactionEvent::Finished { inputs, outcome } => {
                self.running_inputs = None;
                match outcome {
                    Ok(output) => self.install_compaction(&inputs, output, version),
                    Err(Error::Closed) => Effects::new(),
                    Err(error) => self.on_failed(error),
                }
            }
            CompactionEvent::Installed { inputs, outputs, duration } => {
                tracing::debug!(inputs, outputs, ?duration, "compaction installed");
                self.backoff.reset();
                vec![
                    // Retention keeps the inputs of a running compaction. The outputs may be dropped now.
                    Effect::Handle(MachineEvent::Retention(RetentionEvent::Apply)),
                    Effect::Handle(MachineEvent::Compactor(CompactorEvent::Wake)),
                ]
            }
            CompactionEvent::InstallFailed(error) => self.on_failed(error),
            CompactionEvent::RetryDue => {
                self.in_backoff = false;
                vec![Effect::Handle(MachineEvent::Compactor(CompactorEvent::Wake))]
            }
        }
    }

    /// Arms the retry and fails the waiters. The inputs stay.
    fn on_failed(&mut self, error: Error) -> Effects {
        let wait = self.backoff.after_failure();
        tracing::warn!(%error, ?wait, "compaction failed; inputs are kept, retrying");
        self.in_backoff = true;
        vec![
            Effect::ArmTimer(Timer::CompactionRetry, wait),
            Effect::Handle(MachineEvent::Compactor(CompactorEvent::FailWaiters(error))),
        ]
    }

    fn install_compaction(&mut self, inputs: &[FileId], output: JobOutput, version: &Version) -> Effects {
        let outputs: Vec<FileId> = output.ssts.iter().map(|sst| sst.id).collect();
        let counters = compaction_counters(inputs, &output, version);
        let duration = output.duration;
        let added: Vec<Arc<SstMeta>> = output.ssts.into_iter().map(Arc::new).collect();
        let next = version.after_compaction(inputs, added, &counters);
        let next = next.ok_or("an input is not in the version any more");
        match next.and_then(|next| next.violated_invariant().map_or(Ok(next), Err)) {
            Ok(next) => {
                let installed = CompactionEvent::Installed { inputs: inputs.len(), outputs: outputs.len(), duration };
                let then = MachineEvent::Compactor(CompactorEvent::Compaction(installed));
                vec![Effect::Install { next: Box::new(next), then }]
            }
            Err(reason) => {
                // The outputs were never in a version, so no reader has seen them. The inputs stay.
                tracing::warn!(reason, "compaction output discarded");
                let mut effects = vec![Effect::RemoveSsts(outputs)];
                effects.extend(self.on_failed(Error::internal(reason)));
                effects
            }
        }
    }
}

pub(super) fn l0_file_count(version: &Version) -> usize {
    version.ssts.iter().filter(|sst| sst.level == L0).count()
}

fn compaction_counters(inputs: &[FileId], output: &JobOutput, version: &Version) -> JobCounters {
    let read = inputs.iter().filter_map(|id| version.ssts.get(*id)).map(|sst| sst.file_len);
    JobCounters {
        runs: 1,
        files_read: inputs.len() as u64,
        bytes_read: read.sum(),
        files_written: output.ssts.len() as u64,
        bytes_written: output.ssts.iter().map(|sst| sst.file_len).sum(),
        duration: output.duration,
    }
}
