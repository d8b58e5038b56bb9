//! The runtime: threads, memory and admission of the queries of several databases of a process, and what the databases share.
//!
//! A query takes a slot once its cost is estimated, and holds it until its result is complete. There are two lanes, so
//! that a small query does not wait behind large ones:
//!
//! ```text
//!   query -- select series, estimate points --> small (up to 100,000 points): many slots
//!                                          \--> large: one slot per thread of the runtime
//! ```
//!
//! Each lane serves its queries about in order of arrival, and its queue has a bound. A running query reads on the thread of
//! its caller, and on threads that it starts while fewer than the bound of the runtime are running. An asynchronous query
//! runs on tokio's blocking pool or, if it had to wait, on a thread that is started for it; slots bound their number. Cursors, scans and
//! streams take neither a slot nor a thread of the runtime, so that holding several of them cannot block a query.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::limits::Deadline;
use super::parallel::SINGLE_THREAD_POINTS;
use super::slots::Slots;
use super::storage_share::{MIN_DATABASE_BYTES, StorageMemory, StorageShare};
use crate::engine::threads::{SharedResources, block_on};
use crate::format::sst::IndexPages;
use crate::platform::env::OwnerProcess;
use crate::sync::{Permit, Permits};
use crate::types::error::{Error, Result};
use crate::types::options::Options;

/// Number of small queries that may run at once per thread of the runtime.
const SMALL_SLOTS_PER_THREAD: usize = 16;
/// Default bound on the queries that wait in a lane.
const DEFAULT_MAX_QUEUED: usize = 1024;
/// Default memory of all running queries together, in bytes.
const DEFAULT_MEMORY_BYTES: usize = 1 << 30;

/// Threads, memory and admission that the queries of several databases share, and bounds on the databases themselves.
///
/// Every database of a process uses the [default](Runtime::default) runtime, unless
/// [`DbBuilder::runtime`](crate::DbBuilder::runtime) sets another one. Clones share one runtime.
///
/// A query is large if it is expected to cost as much as 100,000 points; a series costs as much as 300 points beside its own, so
/// a query of 334 series is large. As many large queries run at once as the runtime
/// has threads, and sixteen times as many small ones; others wait, about in order of arrival. The memory of all queries
/// together has a bound. On request the databases share one [cache of index pages](RuntimeBuilder::index_cache_bytes), and
/// divide a [memory](RuntimeBuilder::storage_memory_bytes) among themselves.
///
/// A forked process must make a runtime of its own for the databases that it opens; the default one is then a new one.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Db, Runtime};
///
/// let runtime = Runtime::builder().threads(4).memory_bytes(256 << 20).index_cache_bytes(32 << 20).build()?;
/// let metrics = Db::builder(dir.path().join("metrics")).runtime(&runtime).open_blocking()?;
/// let prices = Db::builder(dir.path().join("prices")).runtime(&runtime).open_blocking()?;
/// assert_eq!(runtime.stats().running, 0);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
pub struct Runtime(Arc<RuntimeState>);

struct RuntimeState {
    owner: OwnerProcess,
    threads: usize,
    memory_limit: u64,
    small: Lane,
    large: Lane,
    /// Threads besides those of the callers.
    extra_threads: Permits,
    memory: AtomicU64,
    finished: AtomicU64,
    storage: StorageShare,
}

/// Queries of one kind.
struct Lane {
    slots: Slots,
    max_queued: usize,
    queued: AtomicU64,
    waited: AtomicU64,
    rejected: AtomicU64,
}

/// Counters of a [`Runtime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RuntimeStats {
    /// Queries that are running.
    pub running: u64,
    /// Queries that wait for a slot.
    pub queued: u64,
    /// Threads that queries have started to read in parallel, and that are running.
    pub extra_threads: u64,
    /// Memory of the selections, intermediate windows and results of queries that run or wait, and of the selections of
    /// cursors and streams, in bytes.
    pub memory_bytes: u64,
    /// Queries that had a slot and have ended.
    pub finished: u64,
    /// Queries that had to wait for a slot.
    pub waited: u64,
    /// Queries that were rejected because their queue was full.
    pub rejected: u64,
    /// Size of the shared index cache, in bytes; 0 if each database has a cache of its own.
    pub index_cache_bytes: u64,
    /// Memory budgets of the open databases, in bytes; 0 without
    /// [`storage_memory_bytes`](RuntimeBuilder::storage_memory_bytes).
    pub storage_memory_bytes: u64,
}

/// Options of a [`Runtime`]; made by [`Runtime::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing is made before `build`"]
pub struct RuntimeBuilder {
    threads: Option<usize>,
    memory_bytes: usize,
    max_queued: usize,
    index_cache_bytes: Option<usize>,
    storage_memory_bytes: Option<usize>,
}

impl RuntimeBuilder {
    /// Sets the number of threads: that of large queries which run at once, and of threads that queries may start to read in
    /// parallel.
    ///
    /// Default: the number of processors.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Sets the memory of all running queries together, in bytes. Default: 1 GiB.
    ///
    /// It covers the selected series, also while a query waits or a cursor is idle, and results and intermediate windows
    /// until a query returns. A query that would exceed it fails with
    /// [`Error::QueryRuntimeBusy`].
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Sets how many small and how many large queries may wait for a slot. Default: 1,024 each.
    ///
    /// A further query fails at once with [`Error::QueryRuntimeBusy`].
    pub fn max_queued(mut self, queries: usize) -> Self {
        self.max_queued = queries;
        self
    }

    /// Sets the size of one cache of index pages for all databases of the runtime, in bytes.
    ///
    /// Default: each database has a cache of its own, see
    /// [`DbBuilder::index_cache_bytes`](crate::DbBuilder::index_cache_bytes), which has no effect if this is set. A database
    /// that is closed leaves the cache.
    pub fn index_cache_bytes(mut self, bytes: usize) -> Self {
        self.index_cache_bytes = Some(bytes);
        self
    }

    /// Sets the memory of all databases of the runtime together, in bytes, at least 64 MiB. Default: no bound.
    ///
    /// Each database and each read-only opening takes its [`memory_budget`](crate::DbBuilder::memory_budget) of it while it
    /// is open; if it has set none, a quarter, at least 64 MiB. An opening that does not fit fails with
    /// [`Error::InvalidOption`]. Queries ([`memory_bytes`](Self::memory_bytes)) and a shared cache of index pages
    /// ([`index_cache_bytes`](Self::index_cache_bytes)) have bounds of their own.
    ///
    /// ```
    /// use timestrata::{Db, Error, Runtime};
    ///
    /// let runtime = Runtime::builder().storage_memory_bytes(256 << 20).build()?;
    /// let open = |bytes: usize| {
    ///     Db::builder("metrics").in_memory().runtime(&runtime).memory_budget(bytes).open_blocking()
    /// };
    /// let one = open(192 << 20)?;
    /// assert!(matches!(open(128 << 20), Err(Error::InvalidOption { option: "memory_budget", .. })));
    /// drop(one);
    /// open(128 << 20)?;
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn storage_memory_bytes(mut self, bytes: usize) -> Self {
        self.storage_memory_bytes = Some(bytes);
        self
    }

    /// Makes the runtime. No thread is started before a query needs it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for 0 threads or bytes, and for less than 64 MiB for databases.
    pub fn build(self) -> Result<Runtime> {
        let invalid = |option| Err(Error::InvalidOption { option, detail: "it is 0".to_owned() });
        if self.storage_memory_bytes.is_some_and(|bytes| bytes < MIN_DATABASE_BYTES) {
            let detail = "must be at least 64 MiB, the smallest memory_budget of a database".to_owned();
            return Err(Error::InvalidOption { option: "storage_memory_bytes", detail });
        }
        if self.threads == Some(0) {
            return invalid("threads");
        }
        if self.memory_bytes == 0 {
            return invalid("memory_bytes");
        }
        Ok(self.into_runtime())
    }

    fn into_runtime(self) -> Runtime {
        let available = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = self.threads.unwrap_or_else(available);
        let lane = |slots: usize| Lane {
            slots: Slots::new(slots),
            max_queued: self.max_queued,
            queued: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        };
        Runtime(Arc::new(RuntimeState {
            owner: OwnerProcess::current(),
            threads,
            memory_limit: self.memory_bytes as u64,
            small: lane(threads.saturating_mul(SMALL_SLOTS_PER_THREAD)),
            large: lane(threads),
            extra_threads: Permits::new(threads),
            memory: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            storage: StorageShare {
                index_pages: self.index_cache_bytes.map(|bytes| Arc::new(IndexPages::new(bytes))),
                memory: self.storage_memory_bytes.map(StorageMemory::new),
            },
        }))
    }
}

/// Returns the runtime that all databases of the process share unless they are given another one.
impl Default for Runtime {
    fn default() -> Self {
        static SHARED: ProcessRuntime = ProcessRuntime { runtime: OnceLock::new(), after_fork: OnceLock::new() };
        SHARED.get()
    }
}

/// The default runtime of the process that made it, and that of a process which was forked from it.
struct ProcessRuntime {
    runtime: OnceLock<Runtime>,
    after_fork: OnceLock<Box<ProcessRuntime>>,
}

impl ProcessRuntime {
    /// Returns the runtime of this process. That of a parent has slots and locks of threads that do not exist here.
    fn get(&self) -> Runtime {
        let runtime = self.runtime.get_or_init(|| Runtime::builder().into_runtime());
        if runtime.0.owner.is_current() {
            return runtime.clone();
        }
        let empty = || Box::new(Self { runtime: OnceLock::new(), after_fork: OnceLock::new() });
        self.after_fork.get_or_init(empty).get()
    }
}

impl Runtime {
    /// Returns options with their defaults.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder {
            threads: None,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            max_queued: DEFAULT_MAX_QUEUED,
            index_cache_bytes: None,
            storage_memory_bytes: None,
        }
    }

    /// Returns the number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads
    }

    /// Returns the counters. They are read one after the other.
    #[must_use]
    pub fn stats(&self) -> RuntimeStats {
        let (small, large) = (&self.0.small, &self.0.large);
        let both =
            |of: fn(&Lane) -> &AtomicU64| [small, large].map(|lane| of(lane).load(Ordering::Relaxed)).iter().sum();
        RuntimeStats {
            running: (small.slots.in_use() + large.slots.in_use()) as u64,
            queued: both(|lane| &lane.queued),
            extra_threads: self.0.extra_threads.in_use() as u64,
            memory_bytes: self.0.memory.load(Ordering::Relaxed),
            finished: self.0.finished.load(Ordering::Relaxed),
            waited: both(|lane| &lane.waited),
            rejected: both(|lane| &lane.rejected),
            index_cache_bytes: self.0.storage.index_pages.as_ref().map_or(0, |pages| pages.bytes()),
            storage_memory_bytes: self.0.storage.memory.as_ref().map_or(0, |memory| memory.taken_bytes() as u64),
        }
    }

    /// Returns the options and the shared resources of a database that is opened; see [`StorageShare::for_opening`].
    pub(crate) fn share_with_opening(
        &self,
        options: Options,
        has_memory_budget: bool,
    ) -> Result<(Options, SharedResources)> {
        self.0.owner.check()?;
        self.0.storage.for_opening(options, has_memory_budget)
    }

    /// Returns [`Error::ForkedHandle`] in a process other than the one that made the runtime.
    pub(super) fn check_owner(&self) -> Result<()> {
        self.0.owner.check()
    }

    fn lane(&self, expected_points: u64) -> &Lane {
        if expected_points > SINGLE_THREAD_POINTS { &self.0.large } else { &self.0.small }
    }

    /// Returns the slot that was taken in a lane.
    fn slot(&self, expected_points: u64) -> QuerySlot {
        QuerySlot { runtime: self.clone(), expected_points }
    }

    /// Returns a slot for a query that is expected to read this many points, if one is free and no other query waits.
    pub(super) fn try_admit(&self, expected_points: u64) -> Option<QuerySlot> {
        self.lane(expected_points).slots.try_take().then(|| self.slot(expected_points))
    }

    /// Waits for a slot, at most until the deadline.
    ///
    /// # Errors
    /// [`Error::QueryRuntimeBusy`] if too many queries wait; [`Error::DeadlineExceeded`].
    pub(super) async fn admit(&self, expected_points: u64, deadline: Deadline) -> Result<QuerySlot> {
        let lane = self.lane(expected_points);
        if let Some(_waiting) = lane.try_enter_queue() {
            lane.slots.take(deadline).await?;
        } else if !lane.slots.try_take_first() {
            lane.rejected.fetch_add(1, Ordering::Relaxed);
            let detail = format!("{} queries wait for a slot (`max_queued`)", lane.max_queued);
            return Err(Error::QueryRuntimeBusy { detail });
        }
        Ok(self.slot(expected_points))
    }

    /// Blocking variant of [`admit`](Self::admit).
    pub(super) fn admit_blocking(&self, expected_points: u64, deadline: Deadline) -> Result<QuerySlot> {
        self.try_admit(expected_points).map_or_else(|| block_on(self.admit(expected_points, deadline)), Ok)
    }

    /// Returns the permit to start one more thread, if fewer than the bound are running.
    pub(super) fn try_start_thread(&self) -> Option<Permit> {
        self.0.extra_threads.try_acquire(1)
    }

    /// Adds the change of a query's memory.
    ///
    /// # Errors
    /// [`Error::QueryRuntimeBusy`] if it grew and all queries together hold too much; the change counts nevertheless.
    pub(super) fn track_bytes(&self, before: usize, now: usize) -> Result<()> {
        let grown = (now as u64).wrapping_sub(before as u64);
        let held = self.0.memory.fetch_add(grown, Ordering::Relaxed).wrapping_add(grown);
        if now > before && held > self.0.memory_limit {
            let limit = self.0.memory_limit;
            return Err(Error::QueryRuntimeBusy {
                detail: format!("all queries together need more than {limit} bytes (`memory_bytes`)"),
            });
        }
        Ok(())
    }
}

impl Lane {
    /// Returns a place in the queue; `None` if the queue is full.
    fn try_enter_queue(&self) -> Option<Waiting<'_>> {
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.max_queued as u64 {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        self.waited.fetch_add(1, Ordering::Relaxed);
        Some(Waiting(self))
    }
}

/// Place in the queue of a lane.
struct Waiting<'a>(&'a Lane);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Slot of a running query; returned when dropped.
pub(super) struct QuerySlot {
    runtime: Runtime,
    /// Estimate by which the lane was chosen.
    expected_points: u64,
}

impl Drop for QuerySlot {
    fn drop(&mut self) {
        self.runtime.0.finished.fetch_add(1, Ordering::Relaxed);
        self.runtime.lane(self.expected_points).slots.give_back();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("threads", &self.0.threads)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
