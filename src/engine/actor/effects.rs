//! Events that the writer's state machines take, and effects that they return.
//!
//! A state machine changes its own state and returns effects; it has no access to the writer, to storage or to timers.
//! The writer performs the effects in the order of the list. An effect can lead to an event: [`Effect::Handle`]
//! contains one, [`Effect::Install`] and [`Effect::Freeze`] end with one. The writer handles this event, and performs
//! all of its effects, before the next effect of the list.

use std::time::Duration;

use super::compaction::CompactionEvent;
use super::compactor_schedule::CompactorEvent;
use super::empty_series::EmptySeriesEvent;
use super::flush::FlushEvent;
use super::interfaces::{SeriesToCheck, Timer};
use super::messages::DeleteRequest;
use super::retention::RetentionEvent;
use super::shutdown::ShutdownEvent;
use crate::state::file_id::FileId;
use crate::state::memtable::FrozenMemtable;
use crate::state::version::Version;
use crate::state::version::pick::CompactionPlan;
use crate::sync::{Arc, ReplySender};
use crate::types::error::{Error, Result};
use crate::types::series::SeriesSet;

/// Event for one of the state machines.
#[derive(Debug)]
pub(super) enum MachineEvent {
    Flush(FlushEvent),
    Compactor(CompactorEvent),
    Retention(RetentionEvent),
    Shutdown(ShutdownEvent),
}

impl MachineEvent {
    /// Returns the event that reports a failed install to the machine whose event would have followed it.
    ///
    /// The edit is certainly absent, and the files that it added are removed.
    pub(super) fn install_failed(self, error: Error, now: Duration) -> Self {
        match self {
            Self::Flush(FlushEvent::Installed { generation, .. }) => {
                Self::Flush(FlushEvent::Finished { generation, outcome: Err(error), now })
            }
            Self::Compactor(CompactorEvent::Compaction(_)) => {
                Self::Compactor(CompactorEvent::Compaction(CompactionEvent::InstallFailed(error)))
            }
            Self::Retention(_) => Self::Retention(RetentionEvent::InstallFailed(error)),
            // An empty-series check that found droppable series: they are checked again, like the candidates.
            Self::Compactor(CompactorEvent::EmptySeries(EmptySeriesEvent::DropDue { .. })) => {
                Self::Compactor(CompactorEvent::EmptySeries(EmptySeriesEvent::DropFailed { for_waiters: Some(error) }))
            }
            // An empty-series check: its candidates stay, and are checked again.
            Self::Compactor(_) => Self::Compactor(CompactorEvent::FailWaiters(error)),
            other => other,
        }
    }

    /// Returns the tracing span of the event and all of its effects.
    pub(super) fn span(&self) -> tracing::Span {
        match self {
            Self::Flush(FlushEvent::Finished { generation, .. }) => tracing::debug_span!("install_flush", generation),
            Self::Retention(RetentionEvent::Apply | RetentionEvent::CheckDue) => tracing::debug_span!("retention"),
            _ => tracing::Span::none(),
        }
    }
}

/// Action that a state machine requests from the writer.
#[derive(Debug)]
pub(super) enum Effect {
    /// Sends a flush of the memtable to the flusher.
    StartFlush(Arc<FrozenMemtable>),
    /// Sends a compaction to the compactor. Boxed, because the plan is large.
    StartCompaction(Box<CompactionPlan>),
    /// Sends an empty-series check of these series, in the newest version, to the compactor.
    StartEmptySeriesCheck(SeriesToCheck),
    /// Drops the definitions of those of these series that nothing names, if they are enough, then handles `then`.
    ///
    /// If the series log cannot be rewritten, nothing changes and a later check tries again.
    DropDefinitions { unnamed: SeriesSet, then: MachineEvent },
    /// Cancels the running job of the compactor and every later one.
    CancelCompactor,
    /// Freezes the active memtable, then handles the event that reports the outcome.
    Freeze(FreezeOrigin),
    /// Makes the version durable and visible, then handles the event `then`.
    ///
    /// If the edit is certainly absent, the [failure](MachineEvent::install_failed) of `then` is handled instead. If it
    /// may be durable, the database becomes read-only.
    Install { next: Box<Version>, then: MachineEvent },
    /// Makes a version visible without an edit of the manifest.
    ///
    /// What differs from the newest version needs no edit, or will be part of a later one.
    Publish(Box<Version>),
    /// Removes SSTs that were not installed.
    RemoveSsts(Vec<FileId>),
    /// Recycles or removes the WAL segments below the floor of the last committed edit.
    DropWalSegments,
    /// Sets the timer to the given time from now, whatever its deadline was.
    ArmTimer(Timer, Duration),
    /// Sets the timer to the given time from now, but keeps an earlier deadline.
    ArmTimerNoLater(Timer, Duration),
    /// Sends the reply of a command.
    Reply(ReplySender<Result<()>>, Result<()>),
    /// Commits deletes in a synced group of their own, before any queued command, then handles the event `then`.
    ///
    /// If they cannot be committed, `then` is not handled, and retention gets `NotHidden`.
    HidePoints { deletes: Vec<DeleteRequest>, then: MachineEvent },
    /// Adds a delete at the end of the command queue.
    QueueDelete(Box<DeleteRequest>),
    /// Answers all queued flush commands with the error, wherever they are in the queue.
    RejectQueuedFlushes(Error),
    /// Answers all queued commands with `Closed`.
    RejectQueue,
    /// Syncs the WAL, then replies with `outcome` or, if that is `Ok`, the result of the sync.
    SyncAndReply { reply: ReplySender<Result<()>>, outcome: Result<()> },
    /// Syncs the WAL. No reply reports a failure.
    Sync,
    /// Routes an event to its state machine.
    Handle(MachineEvent),
}

/// Effects in the order in which the writer performs them. An empty list allocates nothing.
pub(super) type Effects = Vec<Effect>;

/// Trigger of a freeze, with the data for the event that reports the outcome.
#[derive(Debug)]
pub(super) enum FreezeOrigin {
    /// A flush command; contains its reply.
    FlushCommand(ReplySender<Result<()>>),
    /// The active memtable has reached the flush age.
    MemtableAge,
    /// A close, which flushes all records before it ends.
    Close,
}

impl FreezeOrigin {
    /// Returns the event that reports the outcome of the freeze.
    pub(super) fn finished(self, outcome: Result<()>) -> MachineEvent {
        match self {
            Self::FlushCommand(reply) => MachineEvent::Flush(FlushEvent::CommandFreezeFinished { reply, outcome }),
            Self::MemtableAge => MachineEvent::Flush(FlushEvent::AgeFreezeFinished(outcome)),
            Self::Close => MachineEvent::Shutdown(ShutdownEvent::FreezeFinished(outcome)),
        }
    }
}
