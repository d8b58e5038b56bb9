//! What the writer does while flushes fail or there is no space: it ends commands that would wait too long, and makes room.
//!
//! - A command that waits for a failing flush is rejected after the stall timeout.
//! - After an append that had no space no command that needs room is tried, until the storage has made its reserves.
//! - Deletes are executed all the same, before the waiting commands of other callers: the files that they hide whole are removed before the next flush.

use std::time::Duration;

use super::admission::admits_stalled_delete;
use super::effects::MachineEvent;
use super::interfaces::{Timer, Timers, WriterStorage};
use super::messages::{QueuedCommand, WriterCommand};
use super::retention::RetentionEvent;
use super::writer::Writer;
use crate::sync::bounds::MAX_FROZEN_MEMTABLES;
use crate::types::error::Error;

/// Time to the next attempt to make the reserves after there was no room for them. Each failed attempt doubles it, and
/// each write that is rejected for a lack of space starts it again.
pub(super) const MIN_RESERVE_BACKOFF: Duration = Duration::from_secs(1);

impl<S: WriterStorage, T: Timers> Writer<S, T> {
    /// Returns the lack of space because of which no freeze is tried for commands; `None` if one may succeed.
    ///
    /// A freeze needs a file. The timer of the reserves ends the wait.
    pub(super) fn no_room_to_freeze(&self) -> Option<Error> {
        self.storage.no_space().or(self.freeze_lacks_space.as_ref()).cloned()
    }

    /// Rejects the next group, except its syncs, and deletes for which the full memtable has room.
    pub(super) fn commit_without_freeze(&mut self, error: &Error) {
        let admits_delete = admits_stalled_delete(self.versions.current(), self.memtable.is_epoch_exhausted());
        let mut group = self.queue.take_group();
        let is_rejected =
            |queued: &mut QueuedCommand| queued.command.needs_room() || (queued.command.is_delete() && !admits_delete);
        group.extract_if(.., is_rejected).for_each(|queued| queued.command.reject(error));
        // A caller wants to write: look for room again in a moment.
        self.reserve_backoff.reset();
        if !group.is_empty() {
            self.commit_commands(group);
        }
    }

    /// Answers the commands that need not wait, or must not wait longer, while writes are stalled.
    ///
    /// Returns `true` if the first queued command was among them.
    pub(super) fn answer_while_stalled(&mut self) -> bool {
        let first_was_sync = self.answer_syncs_while_stalled();
        self.reject_stalled_commands() || first_was_sync
    }

    /// Answers commands that wait for a failing flush.
    ///
    /// After the timeout all that need room are rejected, before only those that must not wait. A rejected command
    /// never got a seq, so it is certainly absent. Deletes make room, so they pass the commands of other callers, and
    /// get a later seq than everything acknowledged. Commands that wait for a running flush, or for a compaction, stay:
    /// it ends. Returns `true` if a command was answered.
    fn reject_stalled_commands(&mut self) -> bool {
        let waits_for_flush = self.versions.current().frozen.len() >= MAX_FROZEN_MEMTABLES;
        let Some(failure) = self.flush.failure().filter(|_| waits_for_flush) else { return false };
        let left = failure.time_left(self.timers.monotonic_now(), self.stall_timeout);
        let error = Error::write_stalled(failure.error.clone());
        let must_end = |command: &WriterCommand| command.needs_room() && (left.is_zero() || command.refuses_to_wait());
        let rejected = self.queue.drain_matching(must_end);
        if !left.is_zero() {
            self.timers.arm_no_later(Timer::StallTimeout, left);
        }
        let was_rejected = !rejected.is_empty();
        for queued in rejected {
            queued.command.reject(&error);
        }
        self.execute_stalled_deletes(left.is_zero(), &error) || was_rejected
    }

    /// Executes the deletes that may pass, or rejects them after the timeout if the memtable takes no more.
    ///
    /// Returns `true` if there were any and they were answered.
    fn execute_stalled_deletes(&mut self, has_timed_out: bool, error: &Error) -> bool {
        let is_admitted = admits_stalled_delete(self.versions.current(), self.memtable.is_epoch_exhausted());
        if !(is_admitted || has_timed_out) {
            return false;
        }
        let deletes = self.queue.take_passing_deletes();
        if deletes.is_empty() {
            return false;
        }
        if is_admitted {
            self.commit_commands(deletes);
        } else {
            for queued in deletes {
                queued.command.reject(error);
            }
        }
        true
    }

    /// Drops the files that deletes hide whole, if there is a lack of space; otherwise compactions remove the points.
    ///
    /// The deletes are synced and marked before. Without a mark the files stay until a later one.
    pub(super) fn make_room_by_deletes(&mut self) {
        let flush_lacks_space = self.flush.failure().is_some_and(|failure| failure.error.is_out_of_space());
        let lacks_space = flush_lacks_space || self.storage.no_space().is_some();
        if lacks_space && self.sync_now().is_ok() && self.write_sync_mark().is_ok() {
            self.dispatch(MachineEvent::Retention(RetentionEvent::Apply));
        }
    }

    /// Gives up what only saves time, after a failure for a lack of space.
    pub(super) fn make_room_after(&mut self, error: &Error) {
        if error.is_out_of_space() && self.read_only_cause.is_none() {
            self.storage.give_up_spares();
        }
    }

    /// Tries to make the reserves again.
    pub(super) fn retry_reserves(&mut self) {
        if self.read_only_cause.is_some() {
            return;
        }
        self.storage.restore_reserves();
        self.freeze_lacks_space = None;
        match self.storage.no_space() {
            // The end of the turn arms the timer.
            Some(_) => _ = self.reserve_backoff.after_failure(),
            None => self.reserve_backoff.reset(),
        }
    }

    /// Arms the timer of the next try to make the reserves, if they are needed, or to freeze the memtable.
    pub(super) fn arm_reserve_retry(&mut self) {
        if self.no_room_to_freeze().is_some() && self.read_only_cause.is_none() {
            self.timers.arm_no_later(Timer::ReserveRetry, self.reserve_backoff.current());
        }
    }

    /// Publishes the failure of the last flush for `Stats`.
    pub(super) fn report_failed_flush(&mut self) {
        let error = self.flush.failure().map(|failure| &failure.error);
        self.storage.report_failed_flush(error, self.timers.wall_clock_nanos());
    }
}
