//! Execution of queued commands: commit groups, flush, compact, and the steps of a shutdown.

use super::admission::{ActiveMemtable, MemtableAdmission};
use super::compactor_schedule::CompactorEvent;
use super::effects::MachineEvent;
use super::flush::{FlushEvent, frozen_seq, has_active_records};
use super::group_builder::{CommitGroupBuilder, GroupSettings};
use super::group_commit::{CommitEffect, CommitEvent, CommitGroup};
use super::interfaces::{Timer, Timers, WriterStorage};
use super::messages::{DeleteRequest, QueuedCommand, WriterCommand};
use super::retention::RetentionEvent;
use super::shutdown::ShutdownEvent;
use super::writer::Writer;
use crate::state::log_record::AppendError;
use crate::state::memtable::{FrozenMemtable, Memtable};
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::options::Durability;

impl<S: WriterStorage, T: Timers> Writer<S, T> {
    /// Executes queued commands in order until none is left or the first one must wait.
    ///
    /// Then continues a started shutdown.
    pub(super) fn run_queue(&mut self) {
        // After a panic of another actor no command is executed: a close would wait for that actor for ever.
        if self.shutdown.is_stopped() {
            return;
        }
        while let Some(command) = self.queue.front() {
            let done = match command {
                WriterCommand::Flush { .. } => self.try_flush_command(),
                WriterCommand::Compact { .. } | WriterCommand::ApplyRetention { .. } => {
                    self.run_maintenance_command();
                    true
                }
                WriterCommand::Close { .. } | WriterCommand::Release => {
                    self.begin_shutdown();
                    true
                }
                _ => self.try_commit_group(),
            };
            if !done || self.shutdown.is_stopped() {
                break;
            }
        }
        self.continue_shutdown();
    }

    /// Commits the next group, or rejects it if the full memtable cannot be frozen.
    ///
    /// Returns `false` if the first command must wait.
    fn try_commit_group(&mut self) -> bool {
        // While flushes fail, a large command does not wait for them: that could last as long as the disk is full.
        let next = self.queue.front().filter(|_| self.flush.failure().is_none());
        let next_command_bytes = next.map_or(0, WriterCommand::memory_bytes);
        let active = ActiveMemtable {
            bytes: self.memtable.bytes(),
            flush_at_bytes: self.flush_at_bytes,
            points: self.memtable.points(),
            series: self.memtable.series_count(),
            is_epoch_exhausted: self.memtable.is_epoch_exhausted(),
            next_command_bytes,
        };
        let version = self.versions.current();
        let (is_read_only, is_stopping) = (self.read_only_cause.is_some(), self.shutdown.is_requested());
        let l0_stalls = || self.compactor.compaction().l0_stalls_writes(version);
        match MemtableAdmission::decide(version, active, is_read_only, is_stopping, l0_stalls) {
            MemtableAdmission::Admit => self.commit_next_group(),
            MemtableAdmission::Stall => return self.answer_while_stalled(),
            MemtableAdmission::FreezeEarly => {
                self.freeze_early();
                self.commit_next_group();
            }
            MemtableAdmission::FreezeFirst => match self.no_room_to_freeze().map_or_else(|| self.freeze(), Err) {
                // The memtable that was frozen now counts, too.
                Ok(()) if active.is_next_command_large() => return self.answer_while_stalled(),
                Ok(()) => self.commit_next_group(),
                Err(error) => {
                    tracing::warn!(%error, "the memtable is full and cannot be frozen, a group is rejected");
                    self.freeze_lacks_space = Some(error.clone()).filter(Error::is_out_of_space);
                    self.commit_without_freeze(&Error::write_failed(error));
                }
            },
        }
        true
    }

    /// Freezes a memtable that has room. After a failure it is not tried again before the memtable is full.
    fn freeze_early(&mut self) {
        if self.early_freeze_failed || self.no_room_to_freeze().is_some() {
            return;
        }
        if let Err(error) = self.freeze() {
            tracing::debug!(%error, "a memtable is not frozen before it is full");
            self.early_freeze_failed = true;
        }
    }

    /// Executes the queued syncs while writes are stalled.
    ///
    /// Returns `true` if the first queued command was a sync.
    ///
    /// A sync needs no room in the memtable. It covers acknowledged writes only, so it need not wait for queued ones.
    pub(super) fn answer_syncs_while_stalled(&mut self) -> bool {
        let is_sync = |command: &WriterCommand| matches!(command, WriterCommand::Sync { .. });
        let first_is_sync = self.queue.front().is_some_and(is_sync);
        let syncs = self.queue.drain_matching(is_sync);
        if syncs.is_empty() {
            return false;
        }
        let synced = self.sync_now();
        for queued in syncs {
            if let WriterCommand::Sync { reply } = queued.command {
                reply.send(synced.clone());
            }
        }
        first_is_sync
    }

    pub(super) fn commit_next_group(&mut self) {
        let commands = self.queue.take_group();
        self.commit_commands(commands);
    }

    /// Commits commands as one group. After a lack of space those that need room are rejected.
    pub(super) fn commit_commands(&mut self, mut commands: Vec<QueuedCommand>) {
        if let Some(error) = self.storage.no_space().filter(|_| self.read_only_cause.is_none()) {
            // No append is tried. Deletes go on: they make room, and the storage kept some for them.
            let error = Error::write_failed(error.clone());
            let needs_room = commands.extract_if(.., |queued| queued.command.needs_room());
            for queued in needs_room {
                queued.command.reject(&error);
                // A caller wants to write: look for room again in a moment.
                self.reserve_backoff.reset();
            }
        }
        let deletes = commands.iter().any(|queued| queued.command.is_delete());
        self.commit_group(commands);
        if deletes {
            self.make_room_by_deletes();
        }
    }

    /// Commits a group, or rejects it if the database is read-only.
    ///
    /// Appends the group, syncs it if a command asks for it, publishes it, then answers the commands.
    fn commit_group(&mut self, commands: Vec<QueuedCommand>) {
        if let Err(error) = self.check_writable() {
            return self.reject_group(commands, &error);
        }
        let builder = CommitGroupBuilder::new(self.versions.current(), self.group_settings);
        let (group, rejected) = builder.build(commands);
        for (queued, error) in rejected {
            queued.command.reject(&error);
        }
        _ = self.run_group(group);
    }

    /// Commits deletes of retention in a group of their own, whatever is queued. After success they are durable.
    ///
    /// # Errors
    /// Those of the append and the sync; `QueueFull` if the memtable must be frozen first.
    pub(super) fn commit_deletes(&mut self, deletes: Vec<DeleteRequest>) -> Result<()> {
        self.check_writable()?;
        if self.memtable.is_epoch_exhausted() {
            return Err(Error::QueueFull);
        }
        let settings = GroupSettings { durability: Durability::Sync, ..self.group_settings };
        let delete = |delete| {
            let command = WriterCommand::Delete(Box::new(delete));
            QueuedCommand { command, caller: None, permit: None }
        };
        let deletes = deletes.into_iter().map(delete).collect();
        // The builder rejects no delete.
        let (group, _) = CommitGroupBuilder::new(self.versions.current(), settings).build(deletes);
        self.run_group(group)
    }

    /// Commits deletes, and a sync mark behind them. Without deletes only the mark of earlier ones is written.
    ///
    /// A process that reads beside this one must show these deletes before the edit that relies on them.
    ///
    /// # Errors
    /// Those of [`commit_deletes`](Self::commit_deletes); the reason why there is no mark. The deletes may be durable
    /// then.
    pub(super) fn commit_marked_deletes(&mut self, deletes: Vec<DeleteRequest>) -> Result<()> {
        if !deletes.is_empty() {
            if let Some(error) = self.storage.no_space() {
                // The blocks that exist are for deletes that make room.
                return Err(error.clone());
            }
            self.commit_deletes(deletes)?;
            self.dispatch(MachineEvent::Retention(RetentionEvent::PointsDeleted));
        }
        self.write_sync_mark().map_err(Error::from)
    }

    /// Performs the steps of a group, and answers its commands.
    fn run_group(&mut self, mut group: CommitGroup) -> Result<()> {
        let mut event = CommitEvent::Prepared { has_unsynced: self.has_unsynced };
        loop {
            event = match group.on(event) {
                CommitEffect::Append => match self.storage.append(&group.records()) {
                    Ok(()) => {
                        (self.has_unsynced, self.has_unmarked) = (true, true);
                        CommitEvent::Appended
                    }
                    Err(error) => CommitEvent::AppendFailed(error),
                },
                CommitEffect::Sync => match self.storage.sync() {
                    Ok(()) => {
                        self.mark_synced();
                        CommitEvent::Synced
                    }
                    Err(error) => CommitEvent::SyncFailed(error),
                },
                CommitEffect::Apply => {
                    self.apply_group(&mut group);
                    CommitEvent::Applied
                }
                CommitEffect::Acknowledge => {
                    let version = self.versions.current();
                    group.register_handles(&version.series);
                    group.acknowledge(version.seq, self.has_unsynced);
                    return Ok(());
                }
                CommitEffect::Fail { error, read_only_cause } => {
                    if let Some(cause) = read_only_cause {
                        self.enter_read_only(&cause);
                    }
                    group.fail(&error);
                    return Err(error);
                }
            };
        }
    }

    /// Rejects a group on a read-only database, but executes its syncs: the WAL may be intact.
    fn reject_group(&mut self, commands: Vec<QueuedCommand>, error: &Error) {
        for queued in commands {
            match queued.command {
                WriterCommand::Sync { reply } => reply.send(self.sync_now()),
                command => command.reject(error),
            }
        }
    }

    /// Inserts the group into the memtable, and publishes points, series, deletes and metadata in one store.
    fn apply_group(&mut self, group: &mut CommitGroup) {
        let Some(series) = group.series.take() else { return };
        if !has_active_records(self.versions.current()) {
            self.timers.arm(Timer::MemtableAge, self.flush_age);
        }
        let mut deletes = Vec::new();
        for command in &group.commands {
            if let Some(record) = command.record().filter(|record| record.points.len() > 0) {
                self.memtable.insert(record.points);
            }
            if let Some(delete) = &command.delete {
                // In the order of the group: a delete hides the points of earlier commands, and of no later ones.
                self.memtable.delete(Arc::clone(delete));
                deletes.push(Arc::clone(delete));
            }
            if let Some(change) = &command.metadata {
                self.memtable.add_log_bytes(change.byte_len());
            }
            self.versions.add_unlogged_series(&command.definitions);
            // The command must be synced within the interval. A sync that is due earlier covers it, too.
            if let (Durability::Interval(interval), true) = (command.durability(), self.has_unsynced) {
                self.timers.arm_no_later(Timer::Sync, interval);
            }
        }
        for command in &group.commands {
            self.compactor.empty_series().record_changes(&command.series, command.delete.as_deref());
        }
        let (metadata, view) = (group.metadata.clone(), self.memtable.view());
        let mut next = self.versions.current().after_commit(group.seq, series, metadata, view);
        next.counters.points_behind_cutoff +=
            group.commands.iter().map(|command| command.points_behind_cutoff).sum::<u64>();
        for Tombstone { seq, series, range } in deletes.iter().map(|delete| &**delete) {
            let (first_time, last_time) = (range.first(), range.last());
            tracing::debug!(seq, series = series.count(), first_time, last_time, "points deleted");
        }
        self.versions.publish(next.with_tombstones(deletes));
    }

    /// Freezes the active memtable and opens an empty one.
    ///
    /// After an error the memtable stays active. If the outcome of the rotation is unknown, the database is read-only.
    pub(super) fn freeze(&mut self) -> Result<()> {
        let version = self.versions.current();
        let _span = tracing::debug_span!("freeze", seq = version.seq).entered();
        // The next segment is opened first: once the memtable is flushed, every segment before that one can be removed.
        // A crash here leaves an empty segment after a sealed one; replay reads it like any other.
        let next_segment = match self.storage.rotate_wal() {
            Ok(id) => id,
            Err(AppendError::NotWritten(error)) => return Err(error),
            Err(AppendError::OutcomeUnknown(error) | AppendError::ReadOnly(error)) => {
                self.enter_read_only(&error);
                return Err(error);
            }
        };
        // The rotation synced the old segment, and the header of the next one states it.
        (self.has_unsynced, self.has_unmarked) = (false, false);
        (self.freeze_lacks_space, self.early_freeze_failed) = (None, false);
        let frozen = Arc::new(FrozenMemtable {
            generation: self.jobs.next_generation(),
            view: self.memtable.view(),
            series: version.series.clone(),
            metadata: version.metadata.clone(),
            min_seq: frozen_seq(version) + 1,
            max_seq: version.seq,
            next_wal_segment: next_segment,
        });
        let (generation, seq) = (frozen.generation, frozen.max_seq);
        let next = version.after_freeze(frozen);
        self.memtable = Memtable::new();
        // One store, so that no reader sees the points in both memtables or in neither.
        self.versions.publish(next);
        tracing::debug!(generation, seq, "memtable frozen");
        self.dispatch(MachineEvent::Flush(FlushEvent::MemtableFrozen));
        Ok(())
    }

    /// Executes the flush command at the head of the queue. Returns `false` if it must wait.
    fn try_flush_command(&mut self) -> bool {
        if self.flush.must_wait(self.versions.current()) {
            return false;
        }
        if let Some(QueuedCommand { command: WriterCommand::Flush { reply }, .. }) = self.queue.pop() {
            let writable = self.check_writable();
            self.dispatch(MachineEvent::Flush(FlushEvent::Requested { reply, writable }));
        }
        true
    }

    /// Executes the compact or the application of retention at the head of the queue.
    ///
    /// Its state machine answers it later: see [`compactor_schedule`](super::compactor_schedule) and
    /// [`retention`](super::retention).
    fn run_maintenance_command(&mut self) {
        let writable = self.check_writable();
        let event = match (self.queue.pop().map(|queued| queued.command), writable) {
            (Some(WriterCommand::Compact { reply }), Ok(())) => {
                MachineEvent::Compactor(CompactorEvent::CompactRequested(reply))
            }
            (Some(WriterCommand::ApplyRetention { reply }), Ok(())) => {
                MachineEvent::Retention(RetentionEvent::ApplyNow(reply))
            }
            (Some(command), Err(error)) => return command.reject(&error),
            _ => return,
        };
        self.dispatch(event);
    }

    /// Starts the shutdown for the close or release at the head of the queue.
    fn begin_shutdown(&mut self) {
        let reply = match self.queue.pop().map(|queued| queued.command) {
            Some(WriterCommand::Close { reply }) => Some(reply),
            _ => None,
        };
        self.dispatch(MachineEvent::Shutdown(ShutdownEvent::Started(reply)));
    }

    /// Continues a started shutdown as far as possible without waiting.
    fn continue_shutdown(&mut self) {
        if self.shutdown.has_started() {
            let flush_error = self.flush.failure().map(|failure| failure.error.clone());
            let writable = self.check_writable();
            self.dispatch(MachineEvent::Shutdown(ShutdownEvent::Continue { writable, flush_error }));
        }
    }
}
