//! Queries that other crates evaluate over a snapshot, within the bounds of the runtime.

use std::fmt;
use std::time::{Duration, Instant};

use super::limits::Deadline;
use super::memory::QueryMemory;
use super::runtime::{QuerySlot, Runtime};
use crate::sync::Permit;
use crate::types::error::Result;

/// Query that another crate evaluates, such as one in a query language: its slot of the [`Runtime`], and its memory.
///
/// Made by [`Runtime::begin_query`]. On drop the slot and the memory are given back. A query that reads through a
/// [`SeriesScan`](crate::SeriesScan) without one is not counted among the running queries.
///
/// ```
/// use timestrata::{Db, Runtime};
///
/// let runtime = Runtime::builder().threads(2).memory_bytes(1 << 20).build()?;
/// let db = Db::builder("example").in_memory().runtime(&runtime).open_blocking()?;
/// let snapshot = db.snapshot();
/// let query = snapshot.runtime().try_begin_query(1_000).expect("no other query runs");
/// query.track_bytes(0, 1 << 16)?;
/// assert_eq!((runtime.stats().running, runtime.stats().memory_bytes), (1, 1 << 16));
/// assert!(query.track_bytes(0, 1 << 20).is_err());
/// drop(query);
/// assert_eq!((runtime.stats().running, runtime.stats().memory_bytes), (0, 0));
/// # Ok::<(), timestrata::Error>(())
/// ```
#[must_use = "the slot is given back when this is dropped"]
pub struct RunningQuery {
    memory: QueryMemory,
    runtime: Runtime,
    _slot: QuerySlot,
}

/// Permission to run one more thread for a query; made by [`RunningQuery::try_start_thread`], given back on drop.
#[must_use = "the permission is given back when this is dropped"]
pub struct QueryThread(#[expect(dead_code, reason = "held until dropped")] Permit);

impl Runtime {
    /// Waits for a slot for a query that is expected to read this many points; see
    /// [`Snapshot::expected_points`](crate::Snapshot::expected_points).
    ///
    /// The future needs no async runtime. While it waits it takes no thread; dropping it ends the wait.
    ///
    /// # Errors
    /// [`Error::QueryRuntimeBusy`](crate::Error::QueryRuntimeBusy) if too many queries wait
    /// ([`max_queued`](crate::RuntimeBuilder::max_queued));
    /// [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded) after the timeout;
    /// [`Error::ForkedHandle`](crate::Error::ForkedHandle) in a forked process.
    pub async fn begin_query(&self, expected_points: u64, timeout: Option<Duration>) -> Result<RunningQuery> {
        self.check_owner()?;
        let deadline = Deadline::new(timeout, Instant::now());
        let slot = match self.try_admit(expected_points) {
            Some(slot) => slot,
            None => self.admit(expected_points, deadline).await?,
        };
        Ok(self.running(slot))
    }

    /// Returns a slot at once; `None` if none is free, or other queries wait for one.
    #[must_use]
    pub fn try_begin_query(&self, expected_points: u64) -> Option<RunningQuery> {
        self.check_owner().ok()?;
        self.try_admit(expected_points).map(|slot| self.running(slot))
    }

    fn running(&self, slot: QuerySlot) -> RunningQuery {
        RunningQuery { memory: QueryMemory::new(self.clone(), usize::MAX), runtime: self.clone(), _slot: slot }
    }
}

impl RunningQuery {
    /// Counts that a part of the query's memory grew from `before` to `now` bytes, or shrank. The change counts even after
    /// an error.
    ///
    /// # Errors
    /// [`Error::QueryRuntimeBusy`](crate::Error::QueryRuntimeBusy) if it grew and all queries of the runtime together hold
    /// more than [`memory_bytes`](crate::RuntimeBuilder::memory_bytes).
    pub fn track_bytes(&self, before: usize, now: usize) -> Result<()> {
        self.memory.track(before, now)
    }

    /// Returns the permission to start one more thread, if fewer than the
    /// [bound of the runtime](crate::RuntimeBuilder::threads) run.
    #[must_use]
    pub fn try_start_thread(&self) -> Option<QueryThread> {
        self.runtime.try_start_thread().map(QueryThread)
    }
}

impl fmt::Debug for RunningQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningQuery").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl fmt::Debug for QueryThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryThread").finish_non_exhaustive()
    }
}
