//! Limits of a query (memory of its result, series, points, time, threads) and its cancellation.
//!
//! The threads of a query share the budget, so that a limit stops all of them.

use std::time::{Duration, Instant};

use super::memory::QueryMemory;
use super::offload::CancelToken;
use super::runtime::Runtime;
use crate::types::error::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// Limits that the caller sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryLimits {
    pub(super) memory_bytes: usize,
    pub(super) deadline: Option<Duration>,
    /// Number of threads; `None` means those of the runtime.
    pub(super) threads: Option<usize>,
    pub(super) max_series: Option<u64>,
    pub(super) max_points: Option<u64>,
}

impl Default for QueryLimits {
    /// Returns the default limits. The memory limit is the default budget of a database.
    fn default() -> Self {
        Self { memory_bytes: 1 << 30, deadline: None, threads: None, max_series: None, max_points: None }
    }
}

impl QueryLimits {
    pub(super) fn check(self) -> Result<()> {
        if self.threads == Some(0) {
            return Err(Error::InvalidQuery { detail: "0 threads, at least 1 is needed".to_owned() });
        }
        Ok(())
    }

    /// Checks the number of selected series.
    pub(super) fn check_series(self, series: usize) -> Result<()> {
        match self.max_series {
            Some(limit) if series as u64 > limit => {
                Err(Error::QueryLimitExceeded { what: "series", found: series as u64, limit })
            }
            _ => Ok(()),
        }
    }
}

/// Time limit of a query, from its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    limit: Option<Duration>,
    started_at: Instant,
}

impl Deadline {
    /// `limit` is `None` for a query that may run for ever.
    pub(super) fn new(limit: Option<Duration>, started_at: Instant) -> Self {
        Self { limit, started_at }
    }

    /// Returns the moment at which the limit ends; `None` if it does not end.
    pub(super) fn end(self) -> Option<Instant> {
        self.started_at.checked_add(self.limit?)
    }

    pub(super) fn elapsed(self) -> Duration {
        self.started_at.elapsed()
    }

    /// # Errors
    /// [`Error::DeadlineExceeded`].
    pub(super) fn check(self) -> Result<()> {
        match self.limit {
            Some(deadline) if self.elapsed() >= deadline => Err(Error::DeadlineExceeded { deadline }),
            _ => Ok(()),
        }
    }
}

/// Budget of a running query.
#[derive(Debug)]
pub(crate) struct QueryBudget<'a> {
    cancel: &'a CancelToken,
    runtime: Runtime,
    chosen: QueryLimits,
    deadline: Deadline,
    memory: QueryMemory,
    /// Points that were read one by one.
    points: AtomicU64,
    /// Stale markers that were skipped.
    stale_markers: AtomicU64,
    /// 1 once a thread failed and the others can stop.
    failed: AtomicU64,
}

impl<'a> QueryBudget<'a> {
    /// Creates the budget of a query. `memory` already counts what the query holds.
    pub(super) fn new(
        cancel: &'a CancelToken,
        runtime: Runtime,
        chosen: QueryLimits,
        (deadline, memory): (Deadline, QueryMemory),
    ) -> Self {
        let (points, stale_markers, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { cancel, runtime, chosen, deadline, memory, points, stale_markers, failed }
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Returns `true` if reading continues; `false` if the result would be discarded.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`].
    pub(super) fn check_continue(&self) -> Result<bool> {
        self.deadline.check()?;
        Ok(!self.cancel.is_cancelled() && self.failed.load(Ordering::Relaxed) == 0)
    }

    /// Stops the other threads.
    pub(super) fn fail(&self) {
        self.failed.store(1, Ordering::Relaxed);
    }

    /// Counts points that were read one by one.
    ///
    /// # Errors
    /// [`Error::QueryLimitExceeded`].
    pub(super) fn add_points(&self, points: usize) -> Result<()> {
        let found = self.points.fetch_add(points as u64, Ordering::Relaxed) + points as u64;
        match self.chosen.max_points {
            Some(limit) if found > limit => Err(Error::QueryLimitExceeded { what: "points", found, limit }),
            _ => Ok(()),
        }
    }

    pub(super) fn points(&self) -> u64 {
        self.points.load(Ordering::Relaxed)
    }

    /// Counts stale markers that were skipped.
    pub(super) fn add_stale_markers(&self, markers: usize) {
        if markers > 0 {
            self.stale_markers.fetch_add(markers as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn stale_markers(&self) -> u64 {
        self.stale_markers.load(Ordering::Relaxed)
    }

    pub(super) fn memory(&self) -> &QueryMemory {
        &self.memory
    }

    /// Returns the maximum number of threads.
    pub(super) fn threads(&self) -> usize {
        self.chosen.threads.unwrap_or_else(|| self.runtime.threads())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.deadline.elapsed()
    }
}
