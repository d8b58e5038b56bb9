//! The flush state machine: from frozen memtables to installed SSTs.
//!
//! ```text
//!            MemtableFrozen                    Finished(Ok)
//!   Idle ────────────────────────▶ Running ─────────────────▶ Idle, Install ──▶ Installed ──▶ Settled ──▶ next flush
//!    ▲                              ▲    │ Finished(Err)
//!    │                     RetryDue │    ▼
//!    │             flush command or └─ BackingOff   (the memtable and its WAL segments stay)
//!    └──────────       close
//! ```
//!
//! Invariants:
//! - One flush runs at a time, always of the oldest frozen memtable, so that `flushed_seq` and the WAL floor move in
//!   the order of the WAL.
//! - At [`MAX_FROZEN_MEMTABLES`] frozen memtables no further one is frozen, which bounds memory. A flush command then
//!   waits, unless the last flush failed: then it is answered with that error, since a full disk may last for hours.
//! - The waiters for a generation are answered after its flush is durable and visible and retention was applied, so
//!   that the files that retention hides whole have left the version by then. If retention makes the database
//!   read-only, the waiters get that error.
//! - A waiter waits for the generation of a memtable, never for the newest generation: a compaction takes a generation,
//!   too, and no flush reports it.
//! - The result of a flush that is not of the oldest frozen memtable is discarded: no edit is committed for it, and its
//!   SSTs are removed.
//! - While the machine backs off, a freeze does not start a flush. A flush command, a close, a release and the timer
//!   do.

use std::time::Duration;

use super::backoff::{Backoff, MAX_BACKOFF};
use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, FreezeOrigin, MachineEvent};
use super::interfaces::{JobOutput, Timer};
use super::retention::RetentionEvent;
use crate::state::version::{JobCounters, Version};
use crate::sync::bounds::MAX_FROZEN_MEMTABLES;
use crate::sync::{Arc, ReplySender};
use crate::types::error::{Error, Result};

/// State of the flush of the oldest frozen memtable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlushState {
    Idle,
    Running,
    /// Waits for [`Timer::FlushRetry`].
    BackingOff,
}

/// Event for the flush state machine.
#[derive(Debug)]
pub(super) enum FlushEvent {
    /// The active memtable was frozen.
    MemtableFrozen,
    /// A flush command is executed. `writable` is an error if the database is read-only.
    Requested { reply: ReplySender<Result<()>>, writable: Result<()> },
    /// The freeze for a flush command has succeeded or failed.
    CommandFreezeFinished { reply: ReplySender<Result<()>>, outcome: Result<()> },
    /// The active memtable has reached the flush age.
    MemtableAged,
    /// The freeze for the age has succeeded or failed.
    AgeFreezeFinished(Result<()>),
    /// The backoff is over.
    RetryDue,
    /// The flusher finished the memtable `generation`, at this time of the monotonic clock.
    Finished { generation: u64, outcome: Result<JobOutput>, now: Duration },
    /// The SSTs of the memtable are durable and visible.
    Installed { generation: u64, files: usize, duration: Duration },
    /// Retention was applied after the install.
    Settled { generation: u64 },
    /// The database became read-only.
    ReadOnly(Error),
    /// A close or release was started.
    ShutdownStarted,
}

/// Failed flushes without a success in between.
#[derive(Debug, Clone)]
pub(super) struct FlushFailure {
    /// Error of the last one.
    pub(super) error: Error,
    /// Time of the first one by the monotonic clock.
    pub(super) since: Duration,
}

impl FlushFailure {
    /// Returns the time until commands that wait for the flush are rejected; zero if it has passed.
    pub(super) fn time_left(&self, now: Duration, stall_timeout: Duration) -> Duration {
        self.since.saturating_add(stall_timeout).saturating_sub(now)
    }
}

/// Decides when a frozen memtable is flushed, and keeps the waiters of flush commands.
#[derive(Debug)]
pub(super) struct FlushScheduler {
    state: FlushState,
    /// Failure of the last flush; `None` after a success, and after a shutdown started.
    failure: Option<FlushFailure>,
    backoff: Backoff,
    /// Flush commands, each with the generation of the memtable that must be in SSTs.
    waiters: Vec<(u64, ReplySender<Result<()>>)>,
    is_read_only: bool,
}

/// Returns `true` if a record is in neither a frozen memtable nor an SST.
pub(super) fn has_active_records(version: &Version) -> bool {
    version.seq > frozen_seq(version)
}

/// Returns the seq of the newest record that is frozen or flushed.
pub(super) fn frozen_seq(version: &Version) -> u64 {
    version.frozen.last().map_or(version.flushed_seq, |frozen| frozen.max_seq)
}

impl FlushScheduler {
    pub(super) fn new() -> Self {
        Self {
            state: FlushState::Idle,
            failure: None,
            backoff: Backoff::new(),
            waiters: Vec::new(),
            is_read_only: false,
        }
    }

    /// Returns the failure of the last flush.
    ///
    /// `None` after a flush was installed, or a shutdown started.
    pub(super) fn failure(&self) -> Option<&FlushFailure> {
        self.failure.as_ref()
    }

    /// Returns `true` if a flush command must wait until another memtable may be frozen.
    pub(super) fn must_wait(&self, version: &Version) -> bool {
        let cannot_make_room = self.is_read_only || self.failure.is_some();
        is_full(version) && !cannot_make_room
    }

    pub(super) fn on(&mut self, event: FlushEvent, version: &Version) -> Effects {
        match event {
            FlushEvent::MemtableFrozen if self.state == FlushState::Idle => self.start_next(version),
            FlushEvent::Requested { reply, writable } => self.on_requested(reply, writable, version),
            FlushEvent::CommandFreezeFinished { reply, outcome } => self.answer_or_wait(reply, outcome, version),
            FlushEvent::MemtableAged => self.on_memtable_aged(version),
            // The WAL could not be rotated, for example on a full disk. The timer retries the freeze.
            FlushEvent::AgeFreezeFinished(Err(_)) => vec![Effect::ArmTimer(Timer::MemtableAge, MAX_BACKOFF)],
            FlushEvent::RetryDue => self.start_next(version),
            FlushEvent::Finished { generation, outcome, now } => self.on_flushed(generation, outcome, now, version),
            FlushEvent::Installed { generation, files, duration } => {
                let flushed_seq = version.flushed_seq;
                tracing::debug!(generation, flushed_seq, files, ?duration, "flush installed");
                self.on_installed(generation)
            }
            FlushEvent::Settled { generation } => self.on_settled(generation, version),
            FlushEvent::ReadOnly(error) => {
                self.is_read_only = true;
                self.fail_waiters(&error)
            }
            // A flush in backoff is tried once more, at once. If it fails, the close returns its error.
            FlushEvent::ShutdownStarted => {
                if self.failure.take().is_some() {
                    self.start_next(version)
                } else {
                    Effects::new()
                }
            }
            FlushEvent::MemtableFrozen | FlushEvent::AgeFreezeFinished(Ok(())) => Effects::new(),
        }
    }

    /// Sends the oldest frozen memtable to the flusher.
    ///
    /// Does nothing if there is none, a flush runs, or the database is read-only.
    fn start_next(&mut self, version: &Version) -> Effects {
        match version.frozen.first() {
            Some(oldest) if self.state != FlushState::Running && !self.is_read_only => {
                self.state = FlushState::Running;
                vec![Effect::StartFlush(Arc::clone(oldest))]
            }
            _ => Effects::new(),
        }
    }

    fn on_requested(&mut self, reply: ReplySender<Result<()>>, writable: Result<()>, version: &Version) -> Effects {
        let outcome = match &self.failure {
            Some(failure) if is_full(version) => Err(failure.error.clone()),
            _ => writable,
        };
        if outcome.is_ok() && has_active_records(version) {
            return vec![Effect::Freeze(FreezeOrigin::FlushCommand(reply))];
        }
        self.answer_or_wait(reply, outcome, version)
    }

    /// Answers a flush command, or lets it wait for the newest frozen memtable.
    ///
    /// Then starts a flush if none runs.
    fn answer_or_wait(&mut self, reply: ReplySender<Result<()>>, outcome: Result<()>, version: &Version) -> Effects {
        let newest = version.frozen.last().map(|frozen| frozen.generation);
        let mut effects = Effects::new();
        match (outcome, newest) {
            (Err(error), _) => effects.push(Effect::Reply(reply, Err(error))),
            (Ok(()), None) => {
                effects.push(Effect::Reply(reply, Ok(())));
                return effects;
            }
            (Ok(()), Some(generation)) => self.waiters.push((generation, reply)),
        }
        // A flush command ends a backoff early.
        effects.extend(self.start_next(version));
        effects
    }

    fn on_memtable_aged(&self, version: &Version) -> Effects {
        if !has_active_records(version) || self.is_read_only {
            return Effects::new();
        }
        if version.frozen.len() < MAX_FROZEN_MEMTABLES {
            vec![Effect::Freeze(FreezeOrigin::MemtableAge)]
        } else {
            vec![Effect::ArmTimer(Timer::MemtableAge, MAX_BACKOFF)]
        }
    }

    fn on_flushed(&mut self, generation: u64, outcome: Result<JobOutput>, now: Duration, version: &Version) -> Effects {
        self.state = FlushState::Idle;
        if self.is_read_only {
            return Effects::new();
        }
        match outcome {
            Ok(output) => install_flush(generation, output, version),
            Err(error) => self.on_flush_failed(generation, error, now),
        }
    }

    /// Answers the waiting flush commands with the error and arms the retry.
    ///
    /// The memtable and its WAL segments stay.
    fn on_flush_failed(&mut self, generation: u64, error: Error, now: Duration) -> Effects {
        let wait = self.backoff.after_failure();
        tracing::warn!(generation, %error, ?wait, "flush failed; points stay in memory and WAL, retrying");
        self.state = FlushState::BackingOff;
        let mut effects = vec![Effect::ArmTimer(Timer::FlushRetry, wait)];
        effects.extend(self.fail_waiters(&error));
        // Flush commands that are queued behind stalled writes get the error, too: the writes may stall as long as the
        // disk is full.
        effects.push(Effect::RejectQueuedFlushes(error.clone()));
        let since = self.failure.as_ref().map_or(now, |failure| failure.since);
        self.failure = Some(FlushFailure { error, since });
        effects
    }

    fn on_installed(&mut self, generation: u64) -> Effects {
        self.failure = None;
        self.backoff.reset();
        vec![
            Effect::DropWalSegments,
            Effect::Handle(MachineEvent::Retention(RetentionEvent::Apply)),
            // After retention, which may make the database read-only and so fail the waiters.
            Effect::Handle(MachineEvent::Flush(FlushEvent::Settled { generation })),
            Effect::Handle(MachineEvent::Compactor(CompactorEvent::Wake)),
        ]
    }

    fn on_settled(&mut self, generation: u64, version: &Version) -> Effects {
        let (done, waiting): (Vec<_>, Vec<_>) =
            self.waiters.drain(..).partition(|(waits_for, _)| *waits_for <= generation);
        self.waiters = waiting;
        let mut effects: Effects = done.into_iter().map(|(_, reply)| Effect::Reply(reply, Ok(()))).collect();
        effects.extend(self.start_next(version));
        effects
    }

    fn fail_waiters(&mut self, error: &Error) -> Effects {
        self.waiters.drain(..).map(|(_, reply)| Effect::Reply(reply, Err(error.clone()))).collect()
    }
}

/// Returns `true` if the active memtable has records and no further memtable may be frozen.
fn is_full(version: &Version) -> bool {
    has_active_records(version) && version.frozen.len() >= MAX_FROZEN_MEMTABLES
}

/// Returns the effects that install the result of a flush.
///
/// A result that is not of the oldest frozen memtable is discarded.
fn install_flush(generation: u64, output: JobOutput, version: &Version) -> Effects {
    let counters = JobCounters {
        runs: 1,
        files_written: output.ssts.len() as u64,
        bytes_written: output.ssts.iter().map(|sst| sst.file_len).sum(),
        duration: output.duration,
        ..JobCounters::default()
    };
    let ids: Vec<_> = output.ssts.iter().map(|sst| sst.id).collect();
    let added = output.ssts.into_iter().map(Arc::new).collect();
    // The result is not of the oldest frozen memtable, so no edit is committed for it.
    let Some(next) = version.after_flush(generation, added, &counters) else {
        tracing::warn!(generation, "unexpected flush output discarded");
        return vec![Effect::RemoveSsts(ids)];
    };
    // SSTs, floor and tombstones move in one edit. After a crash behind the edit nothing is replayed twice; a crash
    // before it leaves only files that no edit names.
    let installed = FlushEvent::Installed { generation, files: ids.len(), duration: output.duration };
    vec![Effect::Install { next: Box::new(next), then: MachineEvent::Flush(installed) }]
}
