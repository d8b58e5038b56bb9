//! The writer: the shell around the state machines.
//!
//! It owns storage, timers, memtable and the newest version, and is the only actor that changes them.
//!
//! The writer takes messages in turns. Events are handled at once. Commands are queued, and executed in order after the
//! turn's messages were taken, so that commands that arrive together share one sync. The state machines decide; only
//! the shell (this file, [`commands`](super::commands), [`install`](super::install) and [`jobs`](super::jobs)) causes
//! syncs, publishes, messages, replies and changes of timers.

use std::time::Duration;

use super::backoff::Backoff;
use super::command_queue::CommandQueue;
use super::compaction::CompactionEvent;
use super::compactor_schedule::{CompactorEvent, CompactorSchedule};
use super::effects::{Effect, Effects, MachineEvent};
use super::empty_series::{EmptySeriesEvent, drop_limit, is_worth_a_drop};
use super::flush::{FlushEvent, FlushScheduler, frozen_seq};
use super::full_disk::MIN_RESERVE_BACKOFF;
use super::group_builder::GroupSettings;
use super::install::VersionInstaller;
use super::interfaces::{FlushJob, Timer, Timers, WriterStorage};
use super::jobs::JobSender;
use super::messages::{CompactorCommand, QueuedCommand, WriterCommand, WriterEvent, WriterMessage};
use super::retention::{RetentionEvent, RetentionInputs, RetentionScheduler};
use super::shutdown::{ShutdownEvent, ShutdownState};
use crate::state::log_record::AppendError;
use crate::state::memtable::Memtable;
use crate::state::version::Version;
use crate::state::watch::Watch;
use crate::sync::bounds::MAX_GROUP_REQUESTS;
use crate::sync::{Arc, Receiver, Sender, yield_now};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::{Durability, RetentionPolicy};
use crate::types::series::{SeriesInfo, SeriesSet};

/// Time after the last sync at which a sync mark is written.
///
/// It is long compared with a commit group, so that steady syncs cause no marks.
const SYNC_MARK_DELAY: Duration = Duration::from_millis(100);
/// Time to the next attempt after a sync mark could not be written.
const SYNC_MARK_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time to the next test of retired files if no other message causes a turn.
const RETIRED_SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Options of the writer.
#[derive(Debug, Clone)]
pub(crate) struct WriterSettings {
    /// Durability of deletes and of created series; each write has its own.
    pub(crate) durability: Durability,
    pub(crate) flush_at_bytes: usize,
    pub(crate) flush_age: Duration,
    /// Time since a failed flush after which commands that wait for it are rejected.
    pub(crate) stall_timeout: Duration,
    pub(crate) max_series: u32,
    /// Maximum number of tags of a new series.
    pub(crate) max_tags: usize,
    /// Reject batches with a point that a cutoff would hide at once.
    pub(crate) reject_behind_cutoff: bool,
    /// Maximum length of the texts of all series keys, in bytes.
    pub(crate) max_series_key_bytes: u64,
    /// Duplicate policy of series that are created without one.
    pub(crate) duplicates: DuplicatePolicy,
    pub(crate) retention: RetentionPolicy,
}

/// The writer: its storage, its state machines, and the state that they do not own.
#[derive(Debug)]
pub(crate) struct Writer<S, T> {
    pub(super) storage: S,
    pub(super) timers: T,
    pub(super) group_settings: GroupSettings,
    pub(super) flush_at_bytes: usize,
    pub(super) flush_age: Duration,
    pub(super) stall_timeout: Duration,
    pub(super) jobs: JobSender,
    pub(super) versions: VersionInstaller,
    /// The active memtable; the newest version has a view of it.
    pub(super) memtable: Memtable,
    pub(super) queue: CommandQueue,
    /// `true` if an appended record is not synced.
    pub(super) has_unsynced: bool,
    /// `true` if nothing in the log states that the last record is synced.
    pub(super) has_unmarked: bool,
    /// Failure that made the database read-only; `None` while it is writable.
    pub(super) read_only_cause: Option<Error>,
    pub(super) flush: FlushScheduler,
    pub(super) compactor: CompactorSchedule,
    pub(super) retention: RetentionScheduler,
    /// Lack of space because of which the full memtable was not frozen; `None` once it may be tried again.
    pub(super) freeze_lacks_space: Option<Error>,
    /// `true` if the active memtable could not be frozen early.
    pub(super) early_freeze_failed: bool,
    /// Time between the attempts to make the reserves while there is no room for them.
    pub(super) reserve_backoff: Backoff,
    pub(super) shutdown: ShutdownState,
}

impl<S: WriterStorage, T: Timers> Writer<S, T> {
    /// Creates a writer over opened storage. No SST has a greater generation than `generation`.
    pub(crate) fn new(
        storage: S,
        timers: T,
        settings: WriterSettings,
        flusher: Sender<FlushJob>,
        compactor: Sender<CompactorCommand>,
        published: Arc<Watch<Version>>,
        generation: u64,
    ) -> Self {
        let versions = VersionInstaller::new(published);
        debug_assert_eq!(versions.current().seq, frozen_seq(versions.current()), "opening freezes or flushes the WAL");
        let WriterSettings {
            durability, flush_at_bytes, flush_age, max_series, max_tags, max_series_key_bytes, ..
        } = settings;
        let WriterSettings { stall_timeout, duplicates, reject_behind_cutoff, retention: policy, .. } = settings;
        let compactor_schedule = CompactorSchedule::new(policy.age);
        let retention = RetentionScheduler::new(policy, versions.current());
        Self {
            storage,
            timers,
            group_settings: GroupSettings {
                max_series,
                max_tags,
                max_series_key_bytes,
                duplicates,
                durability,
                reject_behind_cutoff,
            },
            flush_at_bytes,
            flush_age,
            stall_timeout,
            jobs: JobSender::new(flusher, compactor, generation),
            versions,
            memtable: Memtable::new(),
            queue: CommandQueue::new(),
            has_unsynced: false,
            has_unmarked: false,
            read_only_cause: None,
            flush: FlushScheduler::new(),
            compactor: compactor_schedule,
            retention,
            freeze_lacks_space: None,
            early_freeze_failed: false,
            reserve_backoff: Backoff::starting_at(MIN_RESERVE_BACKOFF),
            shutdown: ShutdownState::Running,
        }
    }

    /// Adds series definitions that the opening found in the WAL and could not write to the series log.
    pub(crate) fn with_unlogged_series(mut self, definitions: &[Arc<SeriesInfo>]) -> Self {
        self.versions.add_unlogged_series(definitions);
        self
    }

    /// Runs until a shutdown ends, another actor panics, or all senders of the inbox are dropped.
    pub(crate) async fn run(mut self, inbox: Receiver<WriterMessage>) {
        // Memtables that the opening could not flush on a full disk.
        self.dispatch(MachineEvent::Flush(FlushEvent::MemtableFrozen));
        // Work that was left when the database was closed.
        self.dispatch(MachineEvent::Retention(RetentionEvent::Apply));
        self.dispatch(MachineEvent::Compactor(CompactorEvent::Wake));
        self.arm_reserve_retry();
        while let Some(message) = inbox.recv().await {
            self.retention.begin_turn();
            self.handle(message);
            // Messages that are queued already join this turn, so that their commands can share its sync.
            for _ in 1..MAX_GROUP_REQUESTS {
                let Some(message) = inbox.try_recv() else { break };
                self.handle(message);
            }
            self.run_queue();
            self.end_turn();
            if self.shutdown.is_stopped() {
                break;
            }
            // Under steady load the inbox is never empty. Yielding lets the executor fire due timers.
            yield_now().await;
        }
        // Before the inbox is dropped, and with it every request left in it: a caller whose request is dropped
        // unanswered finds the reason in the closed watch.
        self.versions.close();
    }

    fn handle(&mut self, message: WriterMessage) {
        match message {
            // A shutdown has started. It might never end if further commands were accepted.
            WriterMessage::Command(queued) if self.shutdown.has_started() => queued.command.reject(&Error::Closed),
            WriterMessage::Command(queued) => {
                if queued.command.is_shutdown() {
                    self.dispatch(MachineEvent::Shutdown(ShutdownEvent::Requested));
                }
                self.queue.push(queued);
            }
            WriterMessage::Event(WriterEvent::Flushed { generation, outcome }) => {
                if let Err(error) = &outcome {
                    self.make_room_after(error);
                }
                let now = self.timers.monotonic_now();
                self.dispatch(MachineEvent::Flush(FlushEvent::Finished { generation, outcome, now }));
                self.report_failed_flush();
            }
            WriterMessage::Event(WriterEvent::Compacted { inputs, outcome }) => {
                let finished = CompactionEvent::Finished { inputs, outcome };
                self.dispatch(MachineEvent::Compactor(CompactorEvent::Compaction(finished)));
            }
            WriterMessage::Event(WriterEvent::EmptySeriesChecked { seq, series, outcome }) => {
                let finished = EmptySeriesEvent::Finished { seq, series, outcome };
                self.dispatch(MachineEvent::Compactor(CompactorEvent::EmptySeries(finished)));
            }
            WriterMessage::Event(WriterEvent::TimerFired(timer)) => self.on_timer(timer),
            WriterMessage::Event(WriterEvent::ActorPanicked) => {
                self.dispatch(MachineEvent::Shutdown(ShutdownEvent::ActorPanicked));
            }
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::SyncMark => self.mark_when_idle(),
            Timer::Sync => drop(self.sync_now()),
            Timer::MemtableAge => self.dispatch(MachineEvent::Flush(FlushEvent::MemtableAged)),
            Timer::FlushRetry => self.dispatch(MachineEvent::Flush(FlushEvent::RetryDue)),
            Timer::CompactionRetry => {
                self.dispatch(MachineEvent::Compactor(CompactorEvent::Compaction(CompactionEvent::RetryDue)));
            }
            Timer::EmptySeriesCheck => self.dispatch(MachineEvent::Compactor(CompactorEvent::CheckDue)),
            Timer::Retention => self.dispatch(MachineEvent::Retention(RetentionEvent::CheckDue)),
            Timer::ReserveRetry => self.retry_reserves(),
            // These timers only cause a turn. It rejects stalled commands, and ends with the test of retired files.
            Timer::StallTimeout | Timer::RetiredSweep => {}
        }
    }

    fn end_turn(&mut self) {
        // Without work for a check nothing is dispatched, so that most turns do not read the clock.
        if self.compactor.is_idle() && self.compactor.needs_check(self.versions.current()) {
            self.dispatch(MachineEvent::Compactor(CompactorEvent::CheckDue));
        }
        self.arm_reserve_retry();
        if self.versions.remove_unpinned_files(&mut self.storage) {
            self.timers.arm_no_later(Timer::RetiredSweep, RETIRED_SWEEP_INTERVAL);
        }
    }

    /// Passes an event to its state machine and performs the effects.
    pub(super) fn dispatch(&mut self, event: MachineEvent) {
        let _span = event.span().entered();
        let version = self.versions.current();
        let effects: Effects = match event {
            MachineEvent::Flush(event) => self.flush.on(event, version),
            MachineEvent::Compactor(event) => self.compactor.on(event, version, self.timers.monotonic_now()),
            MachineEvent::Shutdown(event) => self.shutdown.on(event, version),
            MachineEvent::Retention(event) => {
                let busy = self.compactor.compaction().inputs();
                // A delete that is only in the log removes files only if room is needed, and only behind a sync mark: a
                // process that reads beside this one must not show a part of what the delete hides.
                let needs_room = self.storage.no_space().is_some() || self.flush.failure().is_some();
                let is_marked = !self.has_unsynced && !self.has_unmarked;
                let synced_seq = if needs_room && is_marked { version.seq } else { version.flushed_seq };
                let (wall_clock_nanos, monotonic_now) = (self.timers.wall_clock_nanos(), self.timers.monotonic_now());
                let inputs = RetentionInputs { busy, wall_clock_nanos, monotonic_now, synced_seq };
                self.retention.on(event, version, inputs)
            }
        };
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartFlush(frozen) => self.jobs.start_flush(frozen, self.versions.current()),
            Effect::StartCompaction(plan) => self.jobs.start_compaction(*plan, self.versions.current()),
            Effect::StartEmptySeriesCheck(series) => {
                self.jobs.start_empty_series_check(series, Arc::clone(self.versions.current()));
            }
            Effect::DropDefinitions { unnamed, then } => self.drop_definitions(&unnamed, then),
            Effect::CancelCompactor => self.jobs.cancel_compactor(),
            Effect::Freeze(origin) => {
                let outcome = self.freeze();
                self.dispatch(origin.finished(outcome));
            }
            Effect::Install { next, then } => self.install(*next, then),
            Effect::Publish(next) => self.versions.publish(*next),
            Effect::RemoveSsts(ids) => self.storage.remove_ssts(&ids),
            Effect::DropWalSegments => self.storage.drop_wal_segments(),
            Effect::ArmTimer(timer, after) => self.timers.arm(timer, after),
            Effect::ArmTimerNoLater(timer, after) => self.timers.arm_no_later(timer, after),
            Effect::Reply(reply, outcome) => reply.send(outcome),
            Effect::HidePoints { deletes, then } => match self.commit_marked_deletes(deletes) {
                Ok(()) => {
                    self.discard_queued_rule_deletes();
                    self.dispatch(then);
                }
                Err(error) => self.dispatch(MachineEvent::Retention(RetentionEvent::NotHidden(error))),
            },
            Effect::QueueDelete(delete) => {
                let command = WriterCommand::Delete(delete);
                self.queue.push(QueuedCommand { command, caller: None, permit: None });
            }
            Effect::RejectQueuedFlushes(error) => {
                self.reject_queued(|command| matches!(command, WriterCommand::Flush { .. }), &error);
            }
            Effect::RejectQueue => self.reject_queued(|_| true, &Error::Closed),
            Effect::SyncAndReply { reply, outcome } => {
                let synced = self.finish_wal();
                reply.send(outcome.and(synced));
            }
            Effect::Sync => drop(self.finish_wal()),
            Effect::Handle(event) => self.dispatch(event),
        }
    }

    fn install(&mut self, next: Version, then: MachineEvent) {
        match self.commit(next) {
            Ok(()) => self.dispatch(then),
            Err(AppendError::NotWritten(error)) => {
                self.dispatch(then.install_failed(error, self.timers.monotonic_now()));
            }
            Err(AppendError::OutcomeUnknown(_) | AppendError::ReadOnly(_)) => {}
        }
    }

    /// Discards the queued deletes of retention rules, whose ranges end at cutoffs that are taken back.
    ///
    /// They would hide points of writes before them in the queue, which the earlier cutoffs keep.
    fn discard_queued_rule_deletes(&mut self) {
        let is_rule_delete =
            |command: &WriterCommand| matches!(command, WriterCommand::Delete(delete) if delete.reply.is_none());
        drop(self.queue.drain_matching(is_rule_delete));
    }

    /// Makes a version durable and publishes it. Makes room, or makes the database read-only, if that fails.
    fn commit(&mut self, next: Version) -> Result<(), AppendError> {
        let committed = self.versions.install(next, &mut self.storage, &self.timers);
        match &committed {
            Ok(()) => {}
            Err(AppendError::NotWritten(error)) => self.make_room_after(error),
            // The edit may be durable, so its SSTs stay; the next opening decides.
            Err(AppendError::OutcomeUnknown(error) | AppendError::ReadOnly(error)) => self.enter_read_only(error),
        }
        committed
    }

    /// Drops the definitions of series that no SST named, if nothing else names them and they are enough.
    fn drop_definitions(&mut self, unnamed: &SeriesSet, then: MachineEvent) {
        let version = self.versions.current();
        let unnamed = &SeriesSet::from_sorted(unnamed.iter().take(drop_limit(version)));
        let dropped = version.droppable_among(unnamed);
        if self.read_only_cause.is_some() || !is_worth_a_drop(dropped.count(), version) {
            return self.dispatch(then);
        }
        let next = version.after_drop(&dropped);
        // Definitions of later records are in the WAL, and enter the log with the edit that covers them.
        let logged = next.series.iter().take_while(|def| def.seq <= next.flushed_seq);
        let logged: Vec<Arc<SeriesInfo>> = logged.cloned().collect();
        let left = next.series.len();
        let prepared = self.storage.prepare_series_log(&logged).map_err(AppendError::NotWritten);
        match prepared.and_then(|()| self.commit(next)) {
            Ok(()) => {
                tracing::info!(dropped = dropped.count(), left, "series definitions dropped");
                self.dispatch(then);
            }
            Err(AppendError::OutcomeUnknown(_) | AppendError::ReadOnly(_)) => {}
            Err(AppendError::NotWritten(error)) => {
                tracing::warn!(%error, "the series log could not be rewritten, retrying after a later check");
                let failed = EmptySeriesEvent::DropFailed { for_waiters: None };
                self.dispatch(MachineEvent::Compactor(CompactorEvent::EmptySeries(failed)));
            }
        }
    }

    fn reject_queued(&mut self, matches: impl Fn(&WriterCommand) -> bool, error: &Error) {
        for queued in self.queue.drain_matching(matches) {
            queued.command.reject(error);
        }
    }

    /// Syncs the WAL if a record is unsynced. A failure makes the database read-only.
    ///
    /// A read-only database is synced, too: after a failure of the manifest the WAL is intact, and writes that were
    /// acknowledged under `Interval` must still be synced.
    pub(super) fn sync_now(&mut self) -> Result<()> {
        if !self.has_unsynced {
            return Ok(());
        }
        let synced = self.storage.sync();
        match &synced {
            Ok(()) => self.mark_synced(),
            Err(error) => self.enter_read_only(error),
        }
        synced
    }

    /// Syncs, writes the sync mark that no timer will write any more, then removes what is unused.
    fn finish_wal(&mut self) -> Result<()> {
        self.sync_now()?;
        match self.write_sync_mark() {
            // All is synced; the next opening states it.
            Ok(()) | Err(AppendError::NotWritten(_)) => {}
            failed => return failed.map_err(Error::from),
        }
        if self.read_only_cause.is_none() {
            self.storage.remove_unused_wal_space();
        }
        Ok(())
    }

    /// Writes a sync mark, unless the database is read-only. A failure of the log makes it read-only.
    ///
    /// A process that reads beside this one shows only records that the log states to be synced.
    pub(super) fn write_sync_mark(&mut self) -> Result<(), AppendError> {
        if self.read_only_cause.is_some() {
            return Ok(());
        }
        let marked = self.storage.write_sync_mark();
        match &marked {
            Ok(()) => self.has_unmarked = false,
            Err(AppendError::NotWritten(_)) => self.timers.arm_no_later(Timer::SyncMark, SYNC_MARK_RETRY_DELAY),
            Err(AppendError::OutcomeUnknown(error) | AppendError::ReadOnly(error)) => self.enter_read_only(error),
        }
        marked
    }

    /// Writes the sync mark of an idle database. On a full disk, files that marked deletes hide can then go.
    fn mark_when_idle(&mut self) {
        let had_unmarked = self.has_unmarked;
        if self.write_sync_mark().is_ok() && had_unmarked {
            self.make_room_by_deletes();
        }
    }

    /// Records that everything appended is synced.
    ///
    /// A sync mark follows unless another sync comes first.
    pub(super) fn mark_synced(&mut self) {
        self.has_unsynced = false;
        self.timers.arm(Timer::SyncMark, SYNC_MARK_DELAY);
    }

    /// Makes the database read-only, and answers waiting flushes and compacts with the error.
    ///
    /// Reads continue. The next opening decides which records are durable.
    pub(super) fn enter_read_only(&mut self, error: &Error) {
        tracing::error!(%error, "database is now read-only");
        if self.read_only_cause.is_none() {
            self.read_only_cause = Some(error.clone());
            self.storage.report_read_only(error, self.timers.wall_clock_nanos());
        }
        let read_only = Error::read_only(error.clone());
        self.dispatch(MachineEvent::Flush(FlushEvent::ReadOnly(read_only.clone())));
        self.dispatch(MachineEvent::Compactor(CompactorEvent::ReadOnly(read_only.clone())));
        self.dispatch(MachineEvent::Retention(RetentionEvent::ReadOnly(read_only)));
    }

    /// Returns an error if the database is read-only.
    pub(super) fn check_writable(&self) -> Result<()> {
        match &self.read_only_cause {
            Some(error) => Err(Error::read_only(error.clone())),
            None => Ok(()),
        }
    }
}
