//! Sender of jobs to the flusher and the compactor, and allocator of generations.

use super::compactor_schedule::durable_tombstones;
use super::interfaces::{CancelFlag, CompactionJob, EmptySeriesJob, FlushJob, SeriesToCheck};
use super::messages::CompactorCommand;
use crate::state::memtable::FrozenMemtable;
use crate::state::version::Version;
use crate::state::version::pick::CompactionPlan;
use crate::sync::{Arc, Sender};

/// Senders to the inboxes of flusher and compactor, with the state that jobs share.
#[derive(Debug)]
pub(super) struct JobSender {
    flusher: Sender<FlushJob>,
    compactor: Sender<CompactorCommand>,
    /// Cancel flag of all jobs of the compactor.
    cancel: CancelFlag,
    /// Generation of the last freeze or compaction, or of the newest SST at opening.
    generation: u64,
}

impl JobSender {
    /// Creates a sender. No SST has a greater generation than `generation`.
    pub(super) fn new(flusher: Sender<FlushJob>, compactor: Sender<CompactorCommand>, generation: u64) -> Self {
        Self { flusher, compactor, cancel: CancelFlag::new(), generation }
    }

    /// Returns the next generation; no two freezes or compactions of an opening get the same.
    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    pub(super) fn start_flush(&self, frozen: Arc<FrozenMemtable>, version: &Version) {
        let (cutoffs, newest_flushed_time) = (version.cutoffs.clone(), version.newest_flushed_time());
        self.flusher.send(FlushJob { frozen, cutoffs, newest_flushed_time });
    }

    pub(super) fn start_compaction(&mut self, plan: CompactionPlan, version: &Version) {
        let job = CompactionJob {
            plan,
            output_generation: self.next_generation(),
            series: version.series.clone(),
            tombstones: durable_tombstones(version),
            cutoffs: version.cutoffs.clone(),
            flushed_seq: version.flushed_seq,
            cancel: self.cancel.clone(),
        };
        self.compactor.send(CompactorCommand::Compact(Box::new(job)));
    }

    pub(super) fn start_empty_series_check(&self, series: SeriesToCheck, version: Arc<Version>) {
        let job = EmptySeriesJob { version, series, cancel: self.cancel.clone() };
        self.compactor.send(CompactorCommand::CheckEmptySeries(job));
    }

    /// Cancels the running job of the compactor and every later one.
    pub(super) fn cancel_compactor(&self) {
        self.cancel.set();
    }
}
