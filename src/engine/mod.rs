//! One opening of a database: its threads, its timers, its end.
//! Each actor runs on a thread of its own, since a sync blocks and must never block a user's task.

mod drive;
mod retention;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

pub(crate) use drive::Alarm;
use drive::drive_with;
pub(crate) use drive::{block_on, off_thread};

use crate::actor::{self, Command, Flush, Report, Settings, ToCompactor, ToWriter, Work, Writer};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::latest::Latest;
use crate::options::{Duplicates, Options, RetentionLimits};
use crate::query::Snapshot;
use crate::store::{self, OpenReport, Opened, Readers};
use crate::sync::{Answer, Permit, Permits, Sender, channel};
use crate::version::Version;

/// Syncs and flushes that may be queued at once: each is small, and more than this only wait for the same thing.
const PLAIN_REQUESTS: usize = 1 << 10;

/// What every clone of a handle shares. The last one dropped syncs and stops.
#[derive(Debug)]
pub(crate) struct Engine {
    inbox: Sender<ToWriter>,
    latest: Arc<Latest<Version>>,
    /// Taken at close, so that the directory is free once the last snapshot is gone.
    readers: Mutex<Option<Arc<Readers>>>,
    pub(crate) permits: Permits,
    /// For requests that carry nothing: a flush must not wait behind the writes that wait for it.
    pub(crate) plain_permits: Permits,
    pub(crate) options: Options,
    pub(crate) duplicates: Duplicates,
    env: Arc<dyn Env>,
    pub(crate) report: OpenReport,
    /// Tells this opening's `Series` from all others.
    pub(crate) nonce: u64,
    poisoned: Arc<AtomicBool>,
    closed: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The actors of an opening, for whoever drives them.
pub(crate) struct Actors {
    pub(crate) writer: Actor,
    pub(crate) flusher: Actor,
    pub(crate) compactor: Actor,
    /// The writer's timers; what falls due goes to its inbox.
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) guard: Guard,
}

/// An actor's whole life; it ends with the engine.
pub(crate) type Actor = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Engine {
    /// Opens the directory, recovers it, and starts the actors on threads of their own. Blocks.
    pub(crate) fn open(env: Arc<dyn Env>, dir: &std::path::Path, options: Options) -> Result<Self> {
        let (mut engine, actors) = Self::assemble(env, dir, options)?;
        let Actors { writer, flusher, compactor, alarm, guard } = actors;
        let due = engine.inbox.clone();
        // The writer last: if its thread cannot be had, dropping it ends the others.
        let threads = vec![
            guard.spawn("timestrata-compactor", move || block_on(compactor))?,
            guard.spawn("timestrata-flusher", move || block_on(flusher))?,
            guard.spawn("timestrata-writer", move || {
                drive_with(writer, &alarm, &mut |timer| due.send(ToWriter::Report(Report::Due(timer))));
            })?,
        ];
        engine.threads = Mutex::new(threads);
        Ok(engine)
    }

    /// Opens the directory and recovers it; nothing goes on before the actors are driven.
    pub(crate) fn assemble(env: Arc<dyn Env>, dir: &std::path::Path, options: Options) -> Result<(Self, Actors)> {
        options.check()?;
        retention::check(&options.retention)?;
        let opened = store::open(Arc::clone(&env), dir, &options)?;
        let Opened { storage, tables, merges, readers, version, ruled, generation, duplicates, report, nonce } = opened;
        let (cutoffs, rules) = retention::cutoffs(&options.retention, version.cutoffs.all(), ruled)?;
        let version = Version { cutoffs, ..version };
        let latest = Arc::new(Latest::new(Arc::new(version)));
        let (inbox, commands) = channel();
        let (flusher, frozen) = channel::<Flush>();
        let (compactor, plans) = channel::<ToCompactor>();
        let alarm = Arc::new(Alarm::new(Arc::clone(&env)));
        let settings = Settings {
            durability: options.durability,
            flush_at_bytes: options.flush_at_bytes(),
            flush_age: options.flush_age,
            max_series: options.max_series,
            retention: RetentionLimits { age: options.retention.age, bytes: options.retention.bytes, rules },
            duplicates,
        };
        let writer =
            Writer::new(storage, Arc::clone(&alarm), settings, flusher, compactor, Arc::clone(&latest), generation);
        let poisoned = Arc::new(AtomicBool::new(false));
        let guard = Guard { poisoned: Arc::clone(&poisoned), latest: Arc::clone(&latest), inbox: inbox.clone() };
        let actors = Actors {
            writer: Box::pin(writer.run(commands)),
            flusher: Box::pin(actor::run_flusher(tables, frozen, inbox.clone())),
            compactor: Box::pin(actor::run_compactor(merges, plans, inbox.clone())),
            alarm,
            guard,
        };
        let engine = Self {
            inbox,
            latest,
            readers: Mutex::new(Some(readers)),
            permits: Permits::new(options.shares().queue),
            plain_permits: Permits::new(PLAIN_REQUESTS),
            options,
            duplicates,
            env,
            report,
            nonce,
            poisoned,
            closed: AtomicBool::new(false),
            threads: Mutex::default(),
        };
        Ok((engine, actors))
    }

    /// Queues a request.
    pub(crate) fn send(&self, work: Work, permit: Option<Permit>) {
        self.inbox.send(ToWriter::Command(Command { work, permit }));
    }

    /// The version of this moment, and the files it names unless the database is closed.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.latest.load(), self.readers(), self.nonce)
    }

    pub(crate) fn version(&self) -> Arc<Version> {
        self.latest.load()
    }

    /// The wall clock; see [`Env::wall`].
    pub(crate) fn wall(&self) -> i64 {
        self.env.wall()
    }

    pub(crate) fn latest(&self) -> &Arc<Latest<Version>> {
        &self.latest
    }

    pub(crate) fn readers(&self) -> Option<Arc<Readers>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether an actor panicked. Told before anyone learns that an answer will not come.
    pub(crate) fn check_sound(&self) -> Result<()> {
        if self.poisoned.load(Ordering::Acquire) { Err(Error::Poisoned) } else { Ok(()) }
    }

    /// Why a request went unanswered. An orderly end closes `latest` before it drops what it never took; a panic
    /// poisons before it does.
    pub(crate) fn gone(&self) -> Error {
        if self.check_sound().is_ok() && self.latest.is_closed() { Error::Closed } else { Error::Poisoned }
    }

    /// Flushes, syncs, and stops the actors. Blocks if they have threads.
    pub(crate) async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(Error::Closed);
        }
        let (reply, answer): (_, Answer<Result<()>>) = crate::sync::reply();
        self.send(Work::Close { reply }, None);
        let outcome = answer.wait().await.unwrap_or(Err(Error::Poisoned));
        self.join();
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome
    }

    /// Whether the actors have threads, which a close waits for.
    pub(crate) fn has_threads(&self) -> bool {
        !self.threads.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // A waker runs on the writer's thread, and may drop the last handle: that thread ends by itself, later.
        if threads.iter().any(|thread| thread.thread().id() == thread::current().id()) {
            return;
        }
        for thread in threads {
            // A panic inside was told to everyone who waited.
            drop(thread.join());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.send(Work::Release, None);
        self.join();
    }
}

/// What a panicking actor leaves for the others.
pub(crate) struct Guard {
    poisoned: Arc<AtomicBool>,
    latest: Arc<Latest<Version>>,
    inbox: Sender<ToWriter>,
}

impl Guard {
    /// Where what falls due goes.
    #[cfg(feature = "testing")]
    pub(crate) fn inbox(&self) -> Sender<ToWriter> {
        self.inbox.clone()
    }

    /// A named thread whose panic stops the engine instead of hanging those who wait for it.
    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
        let (poisoned, latest, inbox) = (Arc::clone(&self.poisoned), Arc::clone(&self.latest), self.inbox.clone());
        let guarded = move || {
            if std::panic::catch_unwind(AssertUnwindSafe(body)).is_err() {
                poisoned.store(true, Ordering::Release);
                inbox.send(ToWriter::Report(Report::Panicked));
                latest.close();
            }
        };
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(guarded);
        spawned.map_err(|error| Error::io("start a thread for", name, error))
    }
}
