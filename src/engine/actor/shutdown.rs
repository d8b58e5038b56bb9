//! The shutdown state machine: a close flushes and syncs, a release only syncs.
//!
//! A release is queued when the last handle is dropped.
//!
//! ```text
//!            Requested             Started                  Continue
//!   Running ───────────▶ Requested ────────▶ Closing   ─────────────────▶ Stopped: sync, then the close is answered
//!                                      └───▶ Releasing ─────────────────▶ Stopped: sync
//! ```
//!
//! Invariants:
//! - Commands queued before the close or release are executed. From the request on they enter the memtable whatever its
//!   size, so that they need not wait for a flush; the permits bound them.
//! - Commands behind the close or release are rejected with `Closed`; otherwise a close might never end.
//! - A close does not wait for the retry of a failed flush, and a release waits for no flush: what is not flushed is
//!   synced in the WAL. A flush in backoff is tried once more, at once; if it fails, the close returns its error.
//! - The WAL is synced before the close is answered, also if the close fails: acknowledged records become durable if
//!   the WAL still works. A sync mark follows, so that a process that reads the directory shows the last records.
//! - After a panic of another actor the writer stops at once. It executes no further command: a close would wait for an
//!   actor that has ended.

use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, FreezeOrigin, MachineEvent};
use super::flush::{FlushEvent, has_active_records};
use super::retention::RetentionEvent;
use crate::state::version::Version;
use crate::sync::ReplySender;
use crate::sync::bounds::MAX_FROZEN_MEMTABLES;
use crate::types::error::{Error, Result};

/// Progress of the shutdown.
#[derive(Debug)]
pub(super) enum ShutdownState {
    Running,
    /// A close or release waits in the queue.
    Requested,
    /// A close has started; contains its reply.
    Closing(ReplySender<Result<()>>),
    /// A release has started.
    Releasing,
    /// The writer ends with this turn.
    Stopped,
}

/// Event for the shutdown state machine.
#[derive(Debug)]
pub(super) enum ShutdownEvent {
    /// A close or release was queued.
    Requested,
    /// A close (with its reply) or a release is at the head of the queue.
    Started(Option<ReplySender<Result<()>>>),
    /// The queue was executed as far as possible.
    ///
    /// `writable` is an error if the database is read-only.
    Continue { writable: Result<()>, flush_error: Option<Error> },
    /// The freeze for a close has succeeded or failed.
    FreezeFinished(Result<()>),
    /// Another actor panicked.
    ActorPanicked,
}

impl ShutdownState {
    /// Returns `true` once a close or release was queued, or another actor panicked.
    pub(super) fn is_requested(&self) -> bool {
        !matches!(self, Self::Running)
    }

    /// Returns `true` once a close or release reached the head of the queue, or an actor panicked.
    ///
    /// No further command is executed then.
    pub(super) fn has_started(&self) -> bool {
        matches!(self, Self::Closing(_) | Self::Releasing | Self::Stopped)
    }

    pub(super) fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped)
    }

    pub(super) fn on(&mut self, event: ShutdownEvent, version: &Version) -> Effects {
        match event {
            ShutdownEvent::Requested if self.is_requested() => Effects::new(),
            ShutdownEvent::Requested => {
                *self = Self::Requested;
                vec![Effect::Handle(MachineEvent::Compactor(CompactorEvent::ShutdownRequested))]
            }
            ShutdownEvent::Started(reply) => {
                *self = reply.map_or(Self::Releasing, Self::Closing);
                vec![
                    Effect::RejectQueue,
                    Effect::Handle(MachineEvent::Retention(RetentionEvent::Stop)),
                    Effect::Handle(MachineEvent::Flush(FlushEvent::ShutdownStarted)),
                ]
            }
            ShutdownEvent::Continue { writable, flush_error } => self.on_continue(writable, flush_error, version),
            // The close continues once the frozen memtable is flushed.
            ShutdownEvent::FreezeFinished(Ok(())) => Effects::new(),
            ShutdownEvent::FreezeFinished(outcome) => self.stop(outcome),
            ShutdownEvent::ActorPanicked => {
                *self = Self::Stopped;
                vec![
                    Effect::Handle(MachineEvent::Compactor(CompactorEvent::Halt)),
                    Effect::Handle(MachineEvent::Retention(RetentionEvent::Halt)),
                ]
            }
        }
    }

    fn on_continue(&mut self, writable: Result<()>, flush_error: Option<Error>, version: &Version) -> Effects {
        match self {
            Self::Running | Self::Requested | Self::Stopped => Effects::new(),
            Self::Releasing => self.stop(Ok(())),
            Self::Closing(_) => {
                if writable.is_err() {
                    return self.stop(writable);
                }
                if let Some(error) = flush_error {
                    return self.stop(Err(error));
                }
                if has_active_records(version) && version.frozen.len() < MAX_FROZEN_MEMTABLES {
                    return vec![Effect::Freeze(FreezeOrigin::Close)];
                }
                if version.frozen.is_empty() { self.stop(Ok(())) } else { Effects::new() }
            }
        }
    }

    fn stop(&mut self, outcome: Result<()>) -> Effects {
        match std::mem::replace(self, Self::Stopped) {
            Self::Closing(reply) => vec![Effect::SyncAndReply { reply, outcome }],
            // A release has no reply; a failed sync is logged.
            Self::Releasing => vec![Effect::Sync],
            Self::Running | Self::Requested | Self::Stopped => Effects::new(),
        }
    }
}
