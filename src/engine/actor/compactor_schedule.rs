//! Schedule of the compactor: picks its next job, and answers compact commands that wait.
//!
//! The compactor runs one job at a time: a compaction or an empty-series check. When it may be free, the schedule picks
//! the first of these jobs that applies:
//!
//! ```text
//!   1. empty-series check at once, if a waiter waits for nothing else          merges might never end
//!   2. empty-series check at once, if it is overdue                            empty series count in `max_series`
//!   3. purge, if tombstones are many or large and L0 is below half its limit   reads and edits go through them
//!   4. merge by the picker's rules
//!   5. merge of everything into the base, if a waiter waits
//!   6. purge, if enough of a file is deleted, or if a waiter waits
//!   7. purge, if a file keeps definitions of empty series from being dropped
//!   8. empty-series check: at once if a waiter waits, else after its shortest interval
//! ```
//!
//! No job starts while another one runs, on a read-only database, or once a shutdown was requested. While compaction
//! backs off, only an empty-series check starts, once its shortest interval is over.
//!
//! A waiter is answered as soon as no file outside the base and no durable tombstone has a record up to the waiter's
//! seq, and its empty-series check is finished. This is the first check that starts after the request; none is needed
//! if there is nothing to check. The waiter does not wait for candidates that come later, since there may always be
//! some.

use std::collections::BTreeSet;
use std::time::Duration;

use super::compaction::{CompactionEvent, CompactionScheduler, L0_STALL_FILES, l0_file_count};
use super::effects::{Effect, Effects};
use super::empty_series::{EmptySeriesCheck, EmptySeriesEvent};
use crate::state::file_id::FileId;
use crate::state::tombstone::Tombstone;
use crate::state::version::pick::pick_purge;
use crate::state::version::pick::{CompactionPlan, pick_compaction, pick_full_compaction};
use crate::state::version::{BASE, Version};
use crate::sync::{Arc, ReplySender};
use crate::types::error::{Error, Result};

/// Number of durable tombstones at which purging precedes merging.
pub(super) const PURGE_FIRST_TOMBSTONES: usize = 1 << 10;
/// Memory of the durable tombstones at which purging precedes merging.
const PURGE_FIRST_TOMBSTONE_BYTES: usize = 16 << 20;

/// Event for the compactor's schedule.
#[derive(Debug)]
pub(super) enum CompactorEvent {
    /// Something changed: answer the waiters that are done, and start the next job.
    Wake,
    /// A compact command is executed.
    CompactRequested(ReplySender<Result<()>>),
    Compaction(CompactionEvent),
    EmptySeries(EmptySeriesEvent),
    /// The writer's turn is over and there is something to check, or the timer of the check is due.
    CheckDue,
    /// A job failed: all waiters get the error.
    FailWaiters(Error),
    /// The database became read-only.
    ReadOnly(Error),
    /// A close or release was queued: the running job is cancelled, and no further job starts.
    ShutdownRequested,
    /// Another actor panicked: no further job starts.
    Halt,
}

/// A compact command that waits.
#[derive(Debug)]
struct CompactionWaiter {
    /// No file outside the base and no durable tombstone may have a record up to this seq.
    seq: u64,
    /// Number of the empty-series check that must be finished.
    check_number: u64,
    reply: ReplySender<Result<()>>,
}

/// Job that the compactor could run next.
///
/// With `at_once` a check starts even if the shortest interval since the last one is not over.
#[derive(Debug)]
enum CompactorJob {
    Compaction(CompactionPlan),
    EmptySeriesCheck { at_once: bool },
}

/// Schedule of the compactor.
#[derive(Debug)]
pub(super) struct CompactorSchedule {
    compaction: CompactionScheduler,
    empty_series: EmptySeriesCheck,
    waiters: Vec<CompactionWaiter>,
    is_read_only: bool,
    is_stopping: bool,
}

impl CompactorSchedule {
    pub(super) fn new(retention_age: Option<Duration>) -> Self {
        Self {
            compaction: CompactionScheduler::new(),
            empty_series: EmptySeriesCheck::new(retention_age),
            waiters: Vec::new(),
            is_read_only: false,
            is_stopping: false,
        }
    }

    pub(super) fn compaction(&self) -> &CompactionScheduler {
        &self.compaction
    }

    pub(super) fn empty_series(&mut self) -> &mut EmptySeriesCheck {
        &mut self.empty_series
    }

    pub(super) fn on(&mut self, event: CompactorEvent, version: &Version, now: Duration) -> Effects {
        match event {
            CompactorEvent::Wake => self.start_next(version, now),
            CompactorEvent::CompactRequested(reply) => {
                let (seq, check_number) = (version.flushed_seq, self.empty_series.next_number());
                self.waiters.push(CompactionWaiter { seq, check_number, reply });
                // A compact command ends a backoff early.
                self.compaction.end_backoff();
                self.start_next(version, now)
            }
            CompactorEvent::Compaction(CompactionEvent::Finished { inputs, outcome }) => {
                let outcome = self.unless_read_only(outcome);
                self.compaction.on(CompactionEvent::Finished { inputs, outcome }, version)
            }
            CompactorEvent::Compaction(event) => self.compaction.on(event, version),
            CompactorEvent::EmptySeries(EmptySeriesEvent::Finished { seq, series, outcome }) => {
                let outcome = self.unless_read_only(outcome);
                self.empty_series.on(EmptySeriesEvent::Finished { seq, series, outcome }, version, now)
            }
            CompactorEvent::EmptySeries(event) => self.empty_series.on(event, version, now),
            CompactorEvent::CheckDue => self.start_check(false, version, now),
            CompactorEvent::FailWaiters(error) => self.fail_waiters(&error),
            CompactorEvent::ReadOnly(error) => {
                self.is_read_only = true;
                self.fail_waiters(&error)
            }
            CompactorEvent::ShutdownRequested => {
                self.is_stopping = true;
                let mut effects = vec![Effect::CancelCompactor];
                effects.extend(self.fail_waiters(&Error::Closed));
                effects
            }
            CompactorEvent::Halt => {
                self.is_stopping = true;
                Effects::new()
            }
        }
    }

    /// Replaces a result by that of a cancelled job if the database is read-only.
    fn unless_read_only<R>(&self, outcome: Result<R>) -> Result<R> {
        if self.is_read_only { Err(Error::Closed) } else { outcome }
    }

    /// Answers the waiters that are done, then starts the next job if the compactor is free.
    fn start_next(&mut self, version: &Version, now: Duration) -> Effects {
        let mut effects = self.answer_waiters(version);
        if !self.is_idle() || self.compaction.in_backoff() || self.is_read_only || self.is_stopping {
            return effects;
        }
        match self.next_job(version, now) {
            CompactorJob::Compaction(plan) => {
                self.empty_series.compaction_started(&plan.inputs);
                effects.push(self.compaction.start(plan));
            }
            CompactorJob::EmptySeriesCheck { at_once } => effects.extend(self.start_check(at_once, version, now)),
        }
        effects
    }

    /// Returns `true` if the compactor runs no job.
    pub(super) fn is_idle(&self) -> bool {
        !self.compaction.is_running() && !self.empty_series.is_running()
    }

    /// Returns `true` if an empty-series check has something to do.
    pub(super) fn needs_check(&self, version: &Version) -> bool {
        self.empty_series.has_work(version)
    }

    /// Returns the next job in the order of the module's table.
    fn next_job(&self, version: &Version, now: Duration) -> CompactorJob {
        let is_checked = self.is_checked(version);
        let needs_check_only =
            |waiter: &CompactionWaiter| !is_checked(waiter) && !has_pending_compaction(waiter, version);
        if self.waiters.iter().any(needs_check_only) || self.empty_series.is_overdue(version, now) {
            return CompactorJob::EmptySeriesCheck { at_once: true };
        }
        let has_waiters = !self.waiters.is_empty();
        match pick_plan(version, has_waiters).or_else(|| self.empty_series.next_purge(version)) {
            Some(plan) => CompactorJob::Compaction(plan),
            None => CompactorJob::EmptySeriesCheck { at_once: has_waiters },
        }
    }

    /// Starts an empty-series check, unless a compaction runs or no job may start.
    fn start_check(&mut self, at_once: bool, version: &Version, now: Duration) -> Effects {
        if self.compaction.is_running() || self.is_read_only || self.is_stopping {
            return Effects::new();
        }
        self.empty_series.start(at_once, version, now)
    }

    /// Answers the waiters for which nothing is left to do.
    fn answer_waiters(&mut self, version: &Version) -> Effects {
        let is_checked = self.is_checked(version);
        let must_wait = |waiter: &CompactionWaiter| !is_checked(waiter) || has_pending_compaction(waiter, version);
        let (waiting, done): (Vec<_>, Vec<_>) = self.waiters.drain(..).partition(must_wait);
        self.waiters = waiting;
        done.into_iter().map(|waiter| Effect::Reply(waiter.reply, Ok(()))).collect()
    }

    fn fail_waiters(&mut self, error: &Error) -> Effects {
        self.waiters.drain(..).map(|waiter| Effect::Reply(waiter.reply, Err(error.clone()))).collect()
    }

    /// Returns a predicate: `true` for a waiter that need not wait for an empty-series check.
    fn is_checked(&self, version: &Version) -> impl Fn(&CompactionWaiter) -> bool + use<> {
        let nothing_to_check = !self.empty_series.is_running() && !self.empty_series.has_work(version);
        let finished = self.empty_series.finished();
        move |waiter| nothing_to_check || waiter.check_number <= finished
    }
}

/// Returns `true` if an SST outside the base or a durable tombstone has a record of the waiter.
fn has_pending_compaction(waiter: &CompactionWaiter, version: &Version) -> bool {
    version.ssts.iter().any(|sst| sst.level != BASE && sst.min_seq <= waiter.seq)
        || version.durable_tombstones().any(|tombstone| tombstone.seq <= waiter.seq)
}

/// Returns the next merge or purge; `None` if none is due.
fn pick_plan(version: &Version, has_waiters: bool) -> Option<CompactionPlan> {
    let ssts = &version.ssts.to_vec();
    let busy: BTreeSet<FileId> = BTreeSet::new();
    let tombstones = durable_tombstones(version);
    let bytes: usize = tombstones.iter().map(|tombstone| tombstone.byte_len()).sum();
    let purge_first = tombstones.len() >= PURGE_FIRST_TOMBSTONES || bytes >= PURGE_FIRST_TOMBSTONE_BYTES;
    if purge_first
        && l0_file_count(version) < L0_STALL_FILES / 2
        && let Some(purge) = pick_purge(ssts, &tombstones, true, &busy)
    {
        return Some(purge);
    }
    let everything = || if has_waiters { pick_full_compaction(ssts, &busy) } else { None };
    let purge = || pick_purge(ssts, &tombstones, has_waiters, &busy);
    pick_compaction(ssts, &busy).or_else(everything).or_else(purge)
}

/// Returns the tombstones that a compaction may apply: a power loss cannot undo their deletes.
pub(super) fn durable_tombstones(version: &Version) -> Vec<Arc<Tombstone>> {
    version.durable_tombstones().cloned().collect()
}
