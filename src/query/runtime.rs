//! The query runtime: threads, memory, admission and index cache of the queries of several databases of a process.
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
//! its caller, and on threads that it starts while fewer than the bound of the runtime are running. Cursors, scans and
//! streams take neither a slot nor a thread of the runtime, so that holding several of them cannot block a query.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::limits::Deadline;
use super::parallel::SINGLE_THREAD_POINTS;
use super::slots::Slots;
use crate::engine::threads::block_on;
use crate::format::sst::IndexPages;
use crate::sync::{Permit, Permits};
use crate::types::error::{Error, Result};

/// Number of small queries that may run at once per thread of the runtime.
const SMALL_SLOTS_PER_THREAD: usize = 16;
/// Default bound on the queries that wait in a lane.
const DEFAULT_MAX_QUEUED: usize = 1024;
/// Default memory of all running queries together, in bytes.
const DEFAULT_MEMORY_BYTES: usize = 1 << 30;

/// Threads, memory, admission and index cache that the queries of several databases share.
///
/// Every database of a process uses the [default](Runtime::default) runtime, unless
/// [`DbBuilder::runtime`](crate::DbBuilder::runtime) sets another one. Clones share one runtime.
///
/// A query is large if it is expected to read more than 100,000 points. As many large queries run at once as the runtime
/// has threads, and sixteen times as many small ones; others wait, about in order of arrival. The memory of all queries
/// together has a bound. With [`index_cache_bytes`](RuntimeBuilder::index_cache_bytes) the databases share one cache of index
/// pages, too.
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
    threads: usize,
    memory_limit: u64,
    small: Lane,
    large: Lane,
    /// Threads besides those of the callers.
    extra_threads: Permits,
    memory: AtomicU64,
    finished: AtomicU64,
    /// `None` if each database has a cache of its own.
    index_pages: Option<Arc<IndexPages>>,
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
    /// Threads that queries have started besides those of their callers, and that are running.
    pub extra_threads: u64,
    /// Memory of the results and intermediate windows of running queries, in bytes.
    pub memory_bytes: u64,
    /// Queries that had a slot and have ended.
    pub finished: u64,
    /// Queries that had to wait for a slot.
    pub waited: u64,
    /// Queries that were rejected because their queue was full.
    pub rejected: u64,
    /// Size of the shared index cache, in bytes; 0 if each database has a cache of its own.
    pub index_cache_bytes: u64,
}

/// Options of a [`Runtime`]; made by [`Runtime::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing is made before `build`"]
pub struct RuntimeBuilder {
    threads: Option<usize>,
    memory_bytes: usize,
    max_queued: usize,
    index_cache_bytes: Option<usize>,
}

impl RuntimeBuilder {
    /// Sets the number of threads: that of large queries which run at once, and of threads that queries may start.
    ///
    /// Default: the number of processors.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Sets the memory of all running queries together, in bytes. Default: 1 GiB.
    ///
    /// It covers results and intermediate windows until a query returns. A query that would exceed it fails with
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

    /// Makes the runtime. No thread is started before a query needs it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for 0 threads or 0 bytes.
    pub fn build(self) -> Result<Runtime> {
        let invalid = |option| Err(Error::InvalidOption { option, detail: "it is 0".to_owned() });
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
            threads,
            memory_limit: self.memory_bytes as u64,
            small: lane(threads.saturating_mul(SMALL_SLOTS_PER_THREAD)),
            large: lane(threads),
            extra_threads: Permits::new(threads),
            memory: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            index_pages: self.index_cache_bytes.map(|bytes| Arc::new(IndexPages::new(bytes))),
        }))
    }
}

/// Returns the runtime that all databases of the process share unless they are given another one.
impl Default for Runtime {
    fn default() -> Self {
        static SHARED: OnceLock<Runtime> = OnceLock::new();
        SHARED.get_or_init(|| Runtime::builder().into_runtime()).clone()
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
            index_cache_bytes: self.0.index_pages.as_ref().map_or(0, |pages| pages.bytes()),
        }
    }

    /// Returns the index pages that the databases of the runtime share; `None` if each has a cache of its own.
    pub(crate) fn shared_index_pages(&self) -> Option<&Arc<IndexPages>> {
        self.0.index_pages.as_ref()
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
            return Err(Error::QueryRuntimeBusy { detail: format!("{} queries wait for a slot", lane.max_queued) });
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
                detail: format!("all queries together need more than {limit} bytes"),
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
mod tests {
    use super::*;

    fn unlimited() -> Deadline {
        Deadline::new(None, std::time::Instant::now())
    }

    #[test]
    fn a_full_queue_of_futures_that_nobody_polls_leaves_a_free_slot_to_the_next_query() {
        let runtime = Runtime::builder().threads(1).max_queued(1).build().unwrap();
        let slot = runtime.try_admit(u64::MAX).unwrap();
        let mut left_alone = Box::pin(runtime.admit(u64::MAX, unlimited()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(left_alone.as_mut().poll(&mut context).is_pending());
        assert!(runtime.admit_blocking(u64::MAX, unlimited()).is_err());
        drop(slot);
        assert!(runtime.admit_blocking(u64::MAX, unlimited()).is_ok());
        assert_eq!((runtime.stats().queued, runtime.stats().rejected), (1, 1));
    }

    #[test]
    fn a_lane_admits_as_many_queries_as_it_has_slots_and_queues_the_others() {
        let runtime = Runtime::builder().threads(1).max_queued(1).build().unwrap();
        let large = runtime.try_admit(u64::MAX).unwrap();
        assert!(runtime.try_admit(u64::MAX).is_none());
        // Small queries have slots of their own.
        let small: Vec<_> = (0..SMALL_SLOTS_PER_THREAD).map(|_| runtime.try_admit(1).unwrap()).collect();
        assert!(runtime.try_admit(1).is_none());
        drop(small);

        let waits = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| runtime.admit_blocking(u64::MAX, unlimited()).map(drop));
            while runtime.stats().queued == 0 {
                std::thread::yield_now();
            }
            let rejected = runtime.admit_blocking(u64::MAX, unlimited());
            assert!(matches!(rejected, Err(Error::QueryRuntimeBusy { .. })));
            drop(large);
            waiting.join().unwrap()
        });
        assert!(waits.is_ok());
        let stats = runtime.stats();
        assert_eq!((stats.running, stats.queued, stats.waited, stats.rejected), (0, 0, 1, 1), "{stats:?}");
        assert_eq!(stats.finished, 2 + SMALL_SLOTS_PER_THREAD as u64);
    }

    #[test]
    fn a_waiting_query_that_is_dropped_leaves_the_queue() {
        let runtime = Runtime::builder().threads(1).build().unwrap();
        let slot = runtime.try_admit(u64::MAX).unwrap();
        let mut waiting = Box::pin(runtime.admit(u64::MAX, unlimited()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(runtime.stats().queued, 1);
        drop(waiting);
        assert_eq!(runtime.stats().queued, 0);
        drop(slot);
        assert!(runtime.try_admit(u64::MAX).is_some());
    }

    #[test]
    fn the_memory_of_all_queries_has_a_bound() {
        let runtime = Runtime::builder().memory_bytes(100).build().unwrap();
        assert!(runtime.track_bytes(0, 60).is_ok() && runtime.track_bytes(0, 40).is_ok());
        assert!(matches!(runtime.track_bytes(40, 41), Err(Error::QueryRuntimeBusy { .. })));
        assert!(runtime.track_bytes(101, 0).is_ok());
        assert_eq!(runtime.stats().memory_bytes, 0);
        assert!(Runtime::builder().threads(0).build().is_err() && Runtime::builder().memory_bytes(0).build().is_err());
    }
}
