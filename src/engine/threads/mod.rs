//! One opening of a database: its threads, timers and shutdown.
//!
//! Each actor runs on a separate thread, because a sync blocks and must not block a user's task.

mod drive;
mod reader_engine;
mod retention_cutoffs;
mod shared_resources;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

pub(crate) use drive::TimerQueue;
use drive::block_on_with_timers;
pub(crate) use drive::{block_on, run_on_new_thread};
pub(crate) use reader_engine::ReaderEngine;
pub(crate) use shared_resources::SharedResources;

use crate::engine::actor::{
    self, CallerId, CancelFlag, CompactorCommand, FlushJob, QueuedCommand, Writer, WriterCommand, WriterEvent,
    WriterMessage, WriterSettings,
};
use crate::engine::store::{self, OpenReport, ReadContext};
use crate::platform::env::{Env, OwnerProcess};
use crate::state::version::Version;
use crate::state::watch::Watch;
use crate::sync::{Permit, Permits, ReplyReceiver, Sender, channel};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::{Options, RetentionPolicy};
use crate::types::series::OpeningNumber;

/// Maximum number of queued requests without data, such as syncs and flushes.
const MAX_CONTROL_REQUESTS: usize = 1 << 10;

/// Number of series whose postings an opening builds on a thread of its own; fewer are built when they are first needed,
/// in a few milliseconds.
const MIN_POSTINGS_BUILT_AHEAD: usize = 1 << 13;

/// An opening of a database, shared by all clones of a handle.
///
/// When the last clone is dropped, the WAL is synced and the actors stop.
#[derive(Debug)]
pub(crate) struct Engine {
    owner: OwnerProcess,
    inbox: Sender<WriterMessage>,
    version_watch: Arc<Watch<Version>>,
    /// `None` after a close, so that the directory is unlocked when the last snapshot is dropped.
    read_context: Mutex<Option<Arc<ReadContext>>>,
    pub(crate) permits: Permits,
    /// For deletes, so that they need not wait behind the writes for which they make room.
    pub(crate) delete_permits: Permits,
    /// For requests without data: a flush must not wait behind writes that wait for the flush.
    pub(crate) control_permits: Permits,
    pub(crate) options: Options,
    pub(crate) duplicates: DuplicatePolicy,
    env: Arc<dyn Env>,
    pub(crate) report: OpenReport,
    /// Identifies the opening; `Series` handles of another opening are rejected.
    pub(crate) opening_id: u64,
    next_caller: AtomicU64,
    /// Identifies the opening within this process, for `CachedSeries`.
    pub(crate) opening_number: OpeningNumber,
    /// `true` after an actor panicked.
    poisoned: Arc<AtomicBool>,
    /// `true` once a close was requested.
    closed: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Share of the memory of a group of openings; `None` without one, and after a close.
    memory: Mutex<Option<Permit>>,
}

/// Actors of an opening, not yet running.
pub(crate) struct Actors {
    pub(crate) writer: ActorFuture,
    pub(crate) flusher: ActorFuture,
    pub(crate) compactor: ActorFuture,
    /// Timers of the writer. The executor sends each due timer to the writer's inbox.
    pub(crate) timers: Arc<TimerQueue>,
    pub(crate) guard: PanicGuard,
}

/// Future of an actor. It ends when the engine stops.
pub(crate) type ActorFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Engine {
    /// Opens and recovers the directory, and starts each actor on a thread. Blocks.
    ///
    /// `cancel` ends the recovery at its next step, with the error `Closed`.
    pub(crate) fn open(
        env: Arc<dyn Env>,
        dir: &std::path::Path,
        options: Options,
        common: SharedResources,
        cancel: &CancelFlag,
    ) -> Result<Self> {
        let (mut engine, actors) = Self::assemble(env, dir, options, common, cancel)?;
        let Actors { writer, flusher, compactor, timers, guard } = actors;
        let due = engine.inbox.clone();
        // The writer is started last: if its thread cannot be started, dropping the writer ends the others.
        let mut threads = vec![
            guard.spawn("timestrata-compactor", move || block_on(compactor))?,
            guard.spawn("timestrata-flusher", move || block_on(flusher))?,
            guard.spawn("timestrata-writer", move || {
                block_on_with_timers(writer, &timers, &mut |timer| {
                    due.send(WriterMessage::Event(WriterEvent::TimerFired(timer)));
                });
            })?,
        ];
        // After the actors' threads, which an opening needs.
        threads.extend(engine.build_postings_ahead(&guard));
        engine.threads = Mutex::new(threads);
        Ok(engine)
    }

    /// Starts a thread that builds the postings of the opened series, which ends before a close does.
    ///
    /// `None` if they are few, or if the thread cannot be started: the first selector then builds them.
    fn build_postings_ahead(&self, guard: &PanicGuard) -> Option<JoinHandle<()>> {
        let series = self.version().series.clone();
        if series.unbuilt_postings() < MIN_POSTINGS_BUILT_AHEAD {
            return None;
        }
        let version_watch = Arc::clone(&self.version_watch);
        guard.spawn("timestrata-postings", move || series.build_postings(|| !version_watch.is_closed())).ok()
    }

    /// Opens and recovers the directory, and creates the actors, which the caller runs.
    pub(crate) fn assemble(
        env: Arc<dyn Env>,
        dir: &std::path::Path,
        options: Options,
        common: SharedResources,
        cancel: &CancelFlag,
    ) -> Result<(Self, Actors)> {
        options.check()?;
        retention_cutoffs::check_rules(&options.retention)?;
        let opened = store::open(Arc::clone(&env), dir, &options, common.index_pages.as_ref(), cancel)?;
        let now = env.wall_clock_nanos();
        let (version, retention, pending_retention) =
            retention_cutoffs::start_retention(opened.version, &options.retention, opened.rule_cutoffs, now)?;
        let report = OpenReport { pending_retention, ..opened.report };
        let version_watch = Arc::new(Watch::new(Arc::new(version)));
        let (inbox, commands) = channel();
        let (flusher_inbox, flush_jobs) = channel::<FlushJob>();
        let (compactor_inbox, compactor_commands) = channel::<CompactorCommand>();
        let timers = Arc::new(TimerQueue::new(Arc::clone(&env)));
        let writer = Writer::new(
            opened.storage,
            Arc::clone(&timers),
            writer_settings(&options, retention, opened.duplicates),
            flusher_inbox,
            compactor_inbox,
            Arc::clone(&version_watch),
            opened.generation,
        )
        .with_unlogged_series(&opened.unlogged_series);
        let poisoned = Arc::new(AtomicBool::new(false));
        let guard = PanicGuard {
            poisoned: Arc::clone(&poisoned),
            version_watch: Arc::clone(&version_watch),
            inbox: inbox.clone(),
        };
        let actors = Actors {
            writer: Box::pin(writer.run(commands)),
            flusher: Box::pin(actor::run_flusher(opened.flusher, flush_jobs, inbox.clone())),
            compactor: Box::pin(actor::run_compactor(opened.compactor, compactor_commands, inbox.clone())),
            timers,
            guard,
        };
        let shares = options.memory_shares();
        let engine = Self {
            owner: OwnerProcess::current(),
            inbox,
            version_watch,
            read_context: Mutex::new(Some(opened.read_context)),
            permits: Permits::new(shares.queue),
            delete_permits: Permits::new(shares.queued_deletes),
            control_permits: Permits::new(MAX_CONTROL_REQUESTS),
            options,
            duplicates: opened.duplicates,
            env,
            report,
            opening_id: opened.opening_id,
            next_caller: AtomicU64::new(0),
            opening_number: OpeningNumber::next(),
            poisoned,
            closed: AtomicBool::new(false),
            threads: Mutex::default(),
            memory: Mutex::new(common.memory),
        };
        Ok((engine, actors))
    }

    /// Sends a command to the writer. `caller` is `None` for close and release.
    pub(crate) fn send(&self, command: WriterCommand, caller: Option<CallerId>, permit: Option<Permit>) {
        self.inbox.send(WriterMessage::Command(QueuedCommand { command, caller, permit }));
    }

    /// Returns an id that no other handle of the opening has.
    pub(crate) fn new_caller_id(&self) -> CallerId {
        CallerId(self.next_caller.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn version(&self) -> Arc<Version> {
        self.version_watch.load()
    }

    /// Returns the wall clock in nanoseconds since the Unix epoch; see [`Env::wall_clock_nanos`].
    pub(crate) fn wall_clock_nanos(&self) -> i64 {
        self.env.wall_clock_nanos()
    }

    pub(crate) fn version_watch(&self) -> &Arc<Watch<Version>> {
        &self.version_watch
    }

    pub(crate) fn read_context(&self) -> Option<Arc<ReadContext>> {
        self.read_context.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns `ForkedHandle` in a process other than the one that opened the database.
    ///
    /// Must come before any lock, which a thread that the fork did not copy may hold.
    pub(crate) fn check_owner(&self) -> Result<()> {
        self.owner.check()
    }

    pub(crate) fn owner(&self) -> OwnerProcess {
        self.owner
    }

    /// Returns an error if an actor panicked.
    pub(crate) fn check_not_poisoned(&self) -> Result<()> {
        if self.poisoned.load(Ordering::Acquire) { Err(Error::EnginePanicked) } else { Ok(()) }
    }

    /// Returns the reason why a request was dropped without a reply.
    ///
    /// A regular shutdown closes the watch before it drops requests. A panic sets the poisoned flag before it closes
    /// the watch. So if the watch is open or the flag is set, an actor panicked.
    pub(crate) fn unanswered_error(&self) -> Error {
        if self.check_not_poisoned().is_ok() && self.version_watch.is_closed() {
            Error::Closed
        } else {
            Error::EnginePanicked
        }
    }

    /// Flushes, syncs, and stops the actors. Blocks until their threads end, if they have threads.
    ///
    /// # Errors
    /// `ForkedHandle`; `Closed` if a close was requested before; those of the flush and the sync.
    pub(crate) async fn close(&self) -> Result<()> {
        self.check_owner()?;
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(Error::Closed);
        }
        let (reply, answer): (_, ReplyReceiver<Result<()>>) = crate::sync::reply_channel();
        self.send(WriterCommand::Close { reply }, None, None);
        let outcome = answer.recv().await.unwrap_or(Err(Error::EnginePanicked));
        self.join();
        self.read_context.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome
    }

    /// Returns `true` if the actors run on threads, which a close waits for.
    pub(crate) fn has_threads(&self) -> bool {
        !self.threads.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // A waker that runs on an actor's thread may drop the last handle. A thread cannot join itself.
        if threads.iter().any(|thread| thread.thread().id() == thread::current().id()) {
            return;
        }
        for thread in threads {
            // The guard of the thread has already handled a panic.
            drop(thread.join());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.owner.is_current() {
            // The threads exist in the parent only. Even a detach would act on memory of a thread that does not exist.
            std::mem::forget(std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner)));
            // Its return takes a lock, which a thread that does not exist here may hold.
            std::mem::forget(self.memory.get_mut().unwrap_or_else(PoisonError::into_inner).take());
            return;
        }
        self.send(WriterCommand::Release, None, None);
        self.join();
    }
}

/// Returns the settings of the writer.
fn writer_settings(options: &Options, retention: RetentionPolicy, duplicates: DuplicatePolicy) -> WriterSettings {
    WriterSettings {
        durability: options.durability,
        flush_at_bytes: options.flush_at_bytes(),
        flush_age: options.flush_age,
        stall_timeout: options.stall_timeout,
        max_series: options.max_series,
        max_tags: options.max_tags,
        reject_behind_cutoff: options.reject_behind_cutoff,
        max_series_key_bytes: options.max_series_key_bytes,
        retention,
        duplicates,
    }
}

/// Guard that stops the engine if an actor panics.
pub(crate) struct PanicGuard {
    poisoned: Arc<AtomicBool>,
    version_watch: Arc<Watch<Version>>,
    inbox: Sender<WriterMessage>,
}

impl PanicGuard {
    /// Returns the inbox that due timers are sent to.
    #[cfg(feature = "testing")]
    pub(crate) fn inbox(&self) -> Sender<WriterMessage> {
        self.inbox.clone()
    }

    /// Starts a named thread whose panic stops the engine, so that waiting calls get an error.
    fn spawn(&self, name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
        let (poisoned, version_watch, inbox) =
            (Arc::clone(&self.poisoned), Arc::clone(&self.version_watch), self.inbox.clone());
        let guarded = move || {
            if std::panic::catch_unwind(AssertUnwindSafe(body)).is_err() {
                poisoned.store(true, Ordering::Release);
                inbox.send(WriterMessage::Event(WriterEvent::ActorPanicked));
                version_watch.close();
            }
        };
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(guarded);
        spawned.map_err(|error| Error::thread_start(name, error))
    }
}
