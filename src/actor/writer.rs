//! The writer: the one actor that changes anything. It owns the storage, the memtable and the newest version.
//! Commands wait their turn in one queue; reports are acted on at once, since commands may be waiting for them.

use std::collections::VecDeque;
use std::time::Duration;

use super::census::Census;
use super::compacting::Compacting;
use super::install::FIRST_RETRY;
use super::message::{Command, Flush, Report, ToCompactor, ToWriter, Work};
use super::retention::Retaining;
use super::shutdown::Stop;
use super::storage::{AppendError, Storage, Timer, Timers};
use crate::error::{Error, Result};
use crate::latest::Latest;
use crate::memtable::{Frozen, Memtable};
use crate::options::{Duplicates, Durability, RetentionLimits};
use crate::series::SeriesDef;
use crate::sync::bounds::{FROZEN, GROUP_REQUESTS};
use crate::sync::{Arc, Receiver, Reply, Sender, yield_now};
use crate::version::Version;

/// How long the writer idles before it leaves a mark: long against a group, short against a user's patience.
pub(super) const MARK_AFTER: Duration = Duration::from_millis(100);

/// Deletes at which a memtable is frozen: each read of one of its series, and its flush, look through them all.
const MOST_DELETES: usize = 1 << 10;

/// What the writer needs of the options.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// For what no single call chooses.
    pub(crate) durability: Durability,
    pub(crate) flush_at_bytes: usize,
    pub(crate) flush_age: Duration,
    pub(crate) max_series: u32,
    /// For series that are made without a choice of their own.
    pub(crate) duplicates: Duplicates,
    pub(crate) retention: RetentionLimits,
}

/// Where the flush of the oldest frozen memtable stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushing {
    Idle,
    Running,
    /// It waits for [`Timer::Retry`].
    Failed,
}

/// The writer's state between two turns.
#[derive(Debug)]
pub(crate) struct Writer<S, T> {
    pub(super) storage: S,
    pub(super) timers: T,
    pub(super) settings: Settings,
    pub(super) flusher: Sender<Flush>,
    pub(super) latest: Arc<Latest<Version>>,
    /// The newest published version.
    pub(super) version: Arc<Version>,
    pub(super) memtable: Memtable,
    /// In the WAL and not yet in the series log, in order.
    pub(super) definitions: VecDeque<Arc<SeriesDef>>,
    /// In order of arrival; the first may be waiting for a flush.
    pub(super) queue: VecDeque<Command>,
    /// The number of the last freeze.
    pub(super) generation: u64,
    /// The newest record that is frozen or flushed.
    pub(super) frozen_seq: u64,
    pub(super) flushing: Flushing,
    /// Why the last flush failed, until one succeeds; and how long the next failure will wait.
    pub(super) flush_error: Option<Error>,
    pub(super) retry_after: Duration,
    /// Who waits for a generation to be in SSTs.
    pub(super) flush_waiters: Vec<(u64, Reply<Result<()>>)>,
    pub(super) compacting: Compacting,
    pub(super) retaining: Retaining,
    pub(super) census: Census,
    /// Records were appended that no sync has covered yet.
    pub(super) unsynced: bool,
    pub(super) stop: Stop,
    /// Why no write is taken any more.
    pub(super) read_only: Option<String>,
}

/// Whether the memtable takes another group.
#[derive(Debug)]
enum Room {
    Free,
    /// Two memtables wait for the flusher; its report will make room.
    Wait,
    Refused(Error),
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// A writer over an opened storage. `generation` is the greatest age that any SST bears.
    pub(crate) fn new(
        storage: S,
        timers: T,
        settings: Settings,
        flusher: Sender<Flush>,
        compactor: Sender<ToCompactor>,
        latest: Arc<Latest<Version>>,
        generation: u64,
    ) -> Self {
        let version = latest.load();
        let retaining = Retaining::new(&version.cutoffs);
        Self {
            storage,
            timers,
            settings,
            flusher,
            latest,
            frozen_seq: version.seq,
            version,
            memtable: Memtable::new(),
            definitions: VecDeque::new(),
            queue: VecDeque::new(),
            generation,
            flushing: Flushing::Idle,
            flush_error: None,
            retry_after: FIRST_RETRY,
            flush_waiters: Vec::new(),
            compacting: Compacting::new(compactor),
            retaining,
            census: Census::default(),
            unsynced: false,
            stop: Stop::No,
            read_only: None,
        }
    }

    /// Runs until it is told to stop. Everything between two awaits is one step to all others.
    pub(crate) async fn run(mut self, inbox: Receiver<ToWriter>) {
        // What was left to do when the database was closed.
        self.retain();
        self.compact_next();
        while let Some(message) = inbox.recv().await {
            self.retaining.begin_turn();
            self.take(message);
            // Whatever waits already joins this turn, so that it can share the turn's sync.
            for _ in 1..GROUP_REQUESTS {
                let Some(message) = inbox.try_recv() else { break };
                self.take(message);
            }
            self.work();
            self.census_next(false);
            self.sweep();
            if matches!(self.stop, Stop::Done) {
                break;
            }
            #[cfg(feature = "mutant_reports_wait_behind_commands")]
            while !self.queue.is_empty() {
                std::future::pending::<()>().await;
            }
            // Under steady load the inbox is never empty; timers get their turn all the same.
            yield_now().await;
        }
        #[cfg(feature = "mutant_inbox_goes_before_the_end_is_told")]
        drop(inbox);
        // Before the inbox goes, and with it whatever is left there unanswered: who asked there learns why from this.
        self.latest.close();
    }

    fn take(&mut self, message: ToWriter) {
        match message {
            // It has lost the race against the close, which would never end if it took in what comes meanwhile.
            ToWriter::Command(command) if self.stop.has_begun() => command.work.refuse(&Error::Closed),
            ToWriter::Command(command) => {
                if matches!(command.work, Work::Close { .. } | Work::Release) && !self.stop.is_asked() {
                    self.stop = Stop::Asked;
                    self.compacting.cancel();
                    self.compacting.refuse_waiters(&Error::Closed);
                }
                #[cfg(feature = "mutant_release_drops_what_waits")]
                self.queue.retain(|_| !matches!(command.work, Work::Release));
                self.queue.push_back(command);
            }
            ToWriter::Report(Report::Flushed { generation, outcome }) => self.flushed(generation, outcome),
            ToWriter::Report(Report::Compacted { inputs, outcome }) => self.compacted(&inputs, outcome),
            ToWriter::Report(Report::Counted { seq, suspects, outcome }) => self.counted(seq, &suspects, outcome),
            ToWriter::Report(Report::Due(timer)) => self.due(timer),
            ToWriter::Report(Report::Panicked) => self.stop = Stop::Done,
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Mark => {
                let marked = if self.read_only.is_none() { self.storage.mark() } else { Ok(()) };
                self.or_read_only(marked);
            }
            Timer::Sync => drop(self.sync_now()),
            Timer::Age => self.freeze_by_age(),
            #[cfg(feature = "mutant_retry_starts_a_second_flush")]
            Timer::Retry if std::mem::replace(&mut self.flushing, Flushing::Idle) == Flushing::Idle => {}
            Timer::Retry => self.flush_next(),
            Timer::Compact => self.compact_again(),
            Timer::Census => self.census_next(false),
            Timer::Retain => self.retain(),
            // Each turn ends with it.
            Timer::Sweep => {}
        }
    }

    /// Carries out what waits, in order, until nothing waits or the first must wait for a flush.
    fn work(&mut self) {
        // After a panic elsewhere nothing is carried out, a close least of all: it would wait for who is gone.
        if matches!(self.stop, Stop::Done) {
            return;
        }
        while let Some(Command { work, .. }) = self.queue.front() {
            let went = match work {
                Work::Write(_) | Work::MakeSeries { .. } | Work::Delete(_) | Work::Sync { .. } => self.commit_next(),
                Work::Flush { .. } => self.flush_on_command(),
                Work::Compact { .. } => self.compact_next_command(),
                Work::Close { .. } | Work::Release => self.begin_stop(),
            };
            if !went || matches!(self.stop, Stop::Done) {
                break;
            }
        }
        self.finish_stop();
    }

    /// Commits the next group if the memtable has room for it; whether it went.
    fn commit_next(&mut self) -> bool {
        match self.make_room() {
            Room::Wait => return self.sync_past_parked(),
            Room::Free => self.commit_group(),
            Room::Refused(error) => self.take_group().into_iter().for_each(|command| command.work.refuse(&error)),
        }
        true
    }

    fn make_room(&mut self) -> Room {
        let deletes = self.version.active.deletes().len();
        let full = self.memtable.bytes() >= self.settings.flush_at_bytes
            || self.memtable.is_spent()
            || deletes >= MOST_DELETES;
        // While stopping, what is queued goes in regardless: it is bounded by the permits.
        let regardless = self.read_only.is_some() || (self.stop.is_asked() && !self.memtable.is_spent());
        if !full || regardless {
            return Room::Free;
        }
        #[cfg(not(feature = "mutant_third_memtable_is_frozen"))]
        if self.version.frozen.len() >= FROZEN || self.l0_is_full() {
            return Room::Wait;
        }
        match self.freeze() {
            Ok(()) => Room::Free,
            Err(error) => Room::Refused(Error::WriteFailed { reason: format!("the memtable is full and {error}") }),
        }
    }

    /// Answers the syncs among what is parked: they need no room, and are about what is acknowledged, which no parked
    /// write is. Whether the first in the queue was one.
    fn sync_past_parked(&mut self) -> bool {
        let first = matches!(self.queue.front(), Some(Command { work: Work::Sync { .. }, .. }));
        let syncs = self.take_queued(|work| matches!(work, Work::Sync { .. }));
        if syncs.is_empty() {
            return false;
        }
        let synced = self.sync_now();
        for command in syncs {
            match (command.work, &synced) {
                (Work::Sync { reply }, Ok(())) => reply.send(Ok(())),
                (work, Err(error)) => work.refuse(error),
                (work, Ok(())) => work.refuse(&Error::Closed),
            }
        }
        first
    }

    /// Takes some of what is queued out of its turn.
    pub(super) fn take_queued(&mut self, wanted: impl Fn(&Work) -> bool) -> VecDeque<Command> {
        let (taken, left) = self.queue.drain(..).partition(|command| wanted(&command.work));
        self.queue = left;
        taken
    }

    /// Whether any record is in neither a frozen memtable nor an SST.
    pub(super) fn has_unfrozen(&self) -> bool {
        self.version.seq > self.frozen_seq
    }

    /// Closes the active memtable and opens an empty one. After an error nothing has changed.
    pub(super) fn freeze(&mut self) -> Result<()> {
        let _span = tracing::debug_span!("freeze", seq = self.version.seq).entered();
        // The next segment first: once this is flushed, every segment before it can go. A crash here leaves an empty
        // segment behind a sealed one, which replay walks through.
        let next_segment = match self.storage.rotate() {
            Ok(id) => id,
            Err(AppendError::Absent(error)) => return Err(error),
            Err(AppendError::Unknown(error)) => {
                self.go_read_only(&error);
                return Err(error);
            }
        };
        // The rotation synced the old segment.
        self.unsynced = false;
        self.generation += 1;
        let frozen = Arc::new(Frozen {
            generation: self.generation,
            view: self.memtable.view(),
            series: self.version.series.clone(),
            min_seq: self.frozen_seq + 1,
            max_seq: self.version.seq,
            next_segment,
        });
        self.frozen_seq = frozen.max_seq;
        #[cfg(not(feature = "mutant_swap_after_copy"))]
        {
            self.memtable = Memtable::new();
        }
        // One store: no reader sees the points twice, or not at all.
        self.publish(self.version.after_freeze(frozen));
        tracing::debug!(generation = self.generation, seq = self.frozen_seq, "memtable frozen");
        if self.flushing == Flushing::Idle {
            self.flush_next();
        }
        Ok(())
    }

    pub(super) fn publish(&mut self, next: Version) {
        debug_assert_eq!(next.broken_invariant(), None);
        let next = Arc::new(next);
        self.version = Arc::clone(&next);
        self.latest.publish(next);
    }

    /// Syncs what was acknowledged before its sync.
    ///
    /// Also of a read-only database: if it was the manifest that failed, the WAL is sound and its promise stands.
    pub(super) fn sync_now(&mut self) -> Result<()> {
        if !self.unsynced {
            return Ok(());
        }
        let synced = self.storage.sync();
        match &synced {
            Ok(()) => self.note_synced(),
            Err(error) => self.go_read_only(error),
        }
        synced
    }

    /// Everything so far is on disk; a mark will say so if nothing else does soon.
    pub(super) fn note_synced(&mut self) {
        self.unsynced = false;
        self.timers.arm(Timer::Mark, MARK_AFTER);
    }

    pub(super) fn or_read_only(&mut self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.go_read_only(&error);
        }
    }

    /// Takes no write from now on; readers notice nothing. Reopening decides what is durable.
    pub(super) fn go_read_only(&mut self, error: &Error) {
        tracing::error!(%error, "the database is read-only from now on");
        self.read_only.get_or_insert_with(|| error.to_string());
        let read_only = Error::ReadOnly { reason: error.to_string() };
        for (_, reply) in self.flush_waiters.drain(..) {
            reply.send(Err(read_only.clone()));
        }
        self.compacting.refuse_waiters(&read_only);
    }

    /// The error for whoever asks for a change of a read-only database.
    pub(super) fn writable(&self) -> Result<()> {
        match &self.read_only {
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

impl Work {
    /// Answers with an error, whatever was asked for.
    pub(super) fn refuse(self, error: &Error) {
        match self {
            Self::Write(write) => write.reply.send(Err(error.clone())),
            Self::MakeSeries { reply, .. } => reply.send(Err(error.clone())),
            Self::Delete(delete) => drop(delete.reply.map(|reply| reply.send(Err(error.clone())))),
            Self::Sync { reply } | Self::Flush { reply } | Self::Compact { reply } | Self::Close { reply } => {
                reply.send(Err(error.clone()));
            }
            Self::Release => {}
        }
    }
}
