//! Stopping: close flushes and syncs, release (the last handle is gone) only syncs. Both carry out what was queued
//! before them, and neither waits for a flush that fails: what is synced in the WAL is not lost by stopping.

use super::message::{Command, Work};
use super::storage::{Storage, Timers};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::sync::Reply;
use crate::sync::bounds::FROZEN;

/// How far the writer is on its way out.
#[derive(Debug)]
pub(super) enum Stop {
    No,
    /// A close or release waits in the queue: what is before it goes in without regard to the memtable's size.
    Asked,
    Closing(Reply<Result<()>>),
    Releasing,
    Done,
}

impl Stop {
    pub(super) fn is_asked(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// Whether a close or release has come to the head of the queue: nothing behind it is carried out.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self, Self::Closing(_) | Self::Releasing | Self::Done)
    }
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// `Work::Close` or `Work::Release` has come to the head of the queue; whether it was there.
    pub(super) fn begin_stop(&mut self) -> bool {
        match self.queue.pop_front() {
            Some(Command { work: Work::Close { reply }, .. }) => self.stop = Stop::Closing(reply),
            Some(_) => self.stop = Stop::Releasing,
            None => return false,
        }
        // Whoever still asks has lost the race against the close.
        self.queue.drain(..).for_each(|command| command.work.refuse(&Error::Closed));
        // A flush that waits out its backoff gets one more chance at once.
        #[cfg(not(feature = "mutant_close_tries_no_failed_flush_again"))]
        if self.flush_error.take().is_some() {
            self.flush_next();
        }
        true
    }

    /// Goes on with a stop that has begun, as far as it can without waiting.
    pub(super) fn finish_stop(&mut self) {
        match std::mem::replace(&mut self.stop, Stop::Done) {
            Stop::Closing(reply) => match self.close_step() {
                Some(outcome) => {
                    let synced = self.sync_now();
                    reply.send(outcome.and(synced));
                }
                None => self.stop = Stop::Closing(reply),
            },
            // Nobody is left to hear of a failure, and the log has told.
            #[cfg(not(feature = "mutant_release_does_not_sync"))]
            Stop::Releasing => drop(self.sync_now()),
            #[cfg(feature = "mutant_release_does_not_sync")]
            Stop::Releasing => {}
            other => self.stop = other,
        }
    }

    /// How the close ended, or `None` while a flush is under way.
    fn close_step(&mut self) -> Option<Result<()>> {
        if let Err(error) = self.writable() {
            return Some(Err(error));
        }
        #[cfg(not(feature = "mutant_close_waits_for_a_failed_flush"))]
        if let Some(error) = &self.flush_error {
            return Some(Err(error.clone()));
        }
        if self.has_unfrozen()
            && self.version.frozen.len() < FROZEN
            && let Err(error) = self.freeze()
        {
            return Some(Err(error));
        }
        #[cfg(feature = "mutant_close_waits_for_no_flush")]
        return Some(Ok(()));
        #[cfg(not(feature = "mutant_close_waits_for_no_flush"))]
        if self.version.frozen.is_empty() { Some(Ok(())) } else { None }
    }
}
