//! Engine of a read-only opening: the newest version, and a thread that refreshes it at an interval.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::SharedResources;
use super::retention_cutoffs::initial_cutoffs;
use crate::engine::store::{DirectoryReader, ReadContext, ReaderSettings, RefreshReport};
use crate::platform::env::{Env, OwnerProcess};
use crate::state::version::Version;
use crate::state::watch::Watch;
use crate::sync::Permit;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::{Options, RetentionOptions};

/// A read-only opening, shared by all clones of a handle.
#[derive(Debug)]
pub(crate) struct ReaderEngine {
    owner: OwnerProcess,
    shared: Arc<SharedReader>,
    follower: Mutex<Option<FollowThread>>,
    /// Identifies the opening; `Series` handles of another opening are rejected.
    pub(crate) opening_id: u64,
    pub(crate) duplicates: DuplicatePolicy,
    /// Share of the memory of a group of openings, held for its drop.
    memory: Option<Permit>,
}

/// State that the handle and the thread share.
#[derive(Debug)]
struct SharedReader {
    env: Arc<dyn Env>,
    /// Locked during a refresh; reads do not take it.
    directory: Mutex<DirectoryReader>,
    latest: Arc<Watch<Version>>,
    context: Arc<ReadContext>,
    /// Error of the last refresh by the thread; `None` if it succeeded.
    follow_error: Mutex<Option<Error>>,
}

/// Thread that refreshes at an interval.
#[derive(Debug)]
struct FollowThread {
    is_stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl ReaderEngine {
    /// Opens a directory and reads its newest durable state. Blocks.
    pub(crate) fn open(
        env: Arc<dyn Env>,
        dir: &Path,
        options: &Options,
        max_held_files: usize,
        shared: SharedResources,
    ) -> Result<Self> {
        options.check()?;
        let memory = options.memory_shares();
        let settings = ReaderSettings {
            shares: memory,
            shared_pages: shared.index_pages,
            max_log_bytes: options.memory_budget.saturating_sub(memory.index_cache + memory.open_files),
            max_held_files,
            cutoffs: |global, rules| Ok(initial_cutoffs(&RetentionOptions::default(), global, rules)?.0),
        };
        let (directory, version) = DirectoryReader::open(Arc::clone(&env), dir, settings)?;
        let duplicates = directory.duplicates();
        let opening_id = env.random_uuid().as_u64_pair().0;
        let reader = SharedReader {
            env,
            context: Arc::clone(directory.context()),
            directory: Mutex::new(directory),
            latest: Arc::new(Watch::new(version)),
            follow_error: Mutex::default(),
        };
        Ok(Self {
            owner: OwnerProcess::current(),
            shared: Arc::new(reader),
            follower: Mutex::default(),
            opening_id,
            duplicates,
            memory: shared.memory,
        })
    }

    /// Returns the process that opened the reader, the only one that may use it.
    pub(crate) fn owner(&self) -> OwnerProcess {
        self.owner
    }

    pub(crate) fn version(&self) -> Arc<Version> {
        self.shared.latest.load()
    }

    pub(crate) fn version_watch(&self) -> &Arc<Watch<Version>> {
        &self.shared.latest
    }

    pub(crate) fn read_context(&self) -> &Arc<ReadContext> {
        &self.shared.context
    }

    /// Reads what is new and publishes it. Blocks.
    pub(crate) fn refresh(&self) -> Result<RefreshReport> {
        self.owner.check()?;
        self.shared.refresh()
    }

    /// Returns the error of the last refresh by [`follow`](Self::follow).
    pub(crate) fn follow_error(&self) -> Option<Error> {
        if let Err(error) = self.owner.check() {
            return Some(error);
        }
        self.shared.follow_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a thread that refreshes at an interval, in place of an earlier one.
    ///
    /// # Errors
    /// `InvalidOption` for an interval of zero; `ThreadStart`.
    pub(crate) fn follow(&self, interval: Duration) -> Result<()> {
        self.owner.check()?;
        if interval.is_zero() {
            let detail = "must be longer than zero".to_owned();
            return Err(Error::InvalidOption { option: "follow", detail });
        }
        let (shared, is_stopped) = (Arc::clone(&self.shared), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&is_stopped);
        let name = "timestrata-follow";
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || shared.follow(interval, &stopped));
        let thread = spawned.map_err(|error| Error::thread_start(name, error))?;
        let started = FollowThread { is_stopped, thread };
        let earlier = self.follower.lock().unwrap_or_else(PoisonError::into_inner).replace(started);
        if let Some(earlier) = earlier {
            earlier.stop();
        }
        Ok(())
    }
}

impl Drop for ReaderEngine {
    fn drop(&mut self) {
        let follower = self.follower.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if !self.owner.is_current() {
            // The thread exists in the parent only. Even a detach would act on memory of a thread that does not exist.
            std::mem::forget(follower);
            // Its return takes a lock, which a thread that does not exist here may hold.
            std::mem::forget(self.memory.take());
            return;
        }
        if let Some(follower) = follower {
            follower.stop();
        }
        self.shared.latest.close();
    }
}

impl SharedReader {
    fn refresh(&self) -> Result<RefreshReport> {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        // Snapshots may have ended since the last refresh.
        self.context.files.release_unused();
        let (version, report) = directory.refresh()?;
        if let Some(version) = version {
            // Under the lock, so that versions are published in their order.
            self.latest.publish(version);
            // Nothing has the last version any more, unless a snapshot does.
            self.context.files.release_unused();
        }
        Ok(report)
    }

    /// Refreshes at an interval, measured from start to start, until stopped.
    fn follow(&self, interval: Duration, is_stopped: &AtomicBool) {
        let mut due = self.env.monotonic_now();
        while !is_stopped.load(Ordering::Acquire) {
            let wait = due.saturating_sub(self.env.monotonic_now());
            if !wait.is_zero() {
                thread::park_timeout(wait);
                continue;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| self.refresh())).unwrap_or(Err(Error::EnginePanicked));
            *self.follow_error.lock().unwrap_or_else(PoisonError::into_inner) = outcome.err();
            due = due.saturating_add(interval).max(self.env.monotonic_now());
        }
    }
}

impl FollowThread {
    /// Stops the thread and waits for its end, unless it is the current thread.
    fn stop(self) {
        self.is_stopped.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.thread().id() != thread::current().id() {
            // A panic was caught in the thread.
            drop(self.thread.join());
        }
    }
}
