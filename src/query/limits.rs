//! Limits of a query (memory of its result, time, threads) and its cancellation.
//!
//! The threads of a query share the budget, so that a limit stops all of them.

use std::time::{Duration, Instant};

use super::offload::CancelToken;
use crate::types::error::{Error, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// Limits that the caller sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryLimits {
    pub(super) memory_bytes: usize,
    pub(super) deadline: Option<Duration>,
    /// Number of threads; `None` means one per processor.
    pub(super) threads: Option<usize>,
}

impl Default for QueryLimits {
    /// Returns the default limits. The memory limit is the default budget of a database.
    fn default() -> Self {
        Self { memory_bytes: 1 << 30, deadline: None, threads: None }
    }
}

impl QueryLimits {
    pub(super) fn check(self) -> Result<()> {
        if self.threads == Some(0) {
            return Err(Error::InvalidQuery { detail: "0 threads, at least 1 is needed".to_owned() });
        }
        Ok(())
    }
}

/// Budget of a running query.
#[derive(Debug)]
pub(super) struct QueryBudget<'a> {
    cancel: &'a CancelToken,
    chosen: QueryLimits,
    started_at: Instant,
    /// Bytes of the result so far.
    tracked_bytes: AtomicU64,
    /// Points that were aggregated one by one.
    points: AtomicU64,
    /// 1 once a thread failed and the others can stop.
    failed: AtomicU64,
}

impl<'a> QueryBudget<'a> {
    pub(super) fn new(cancel: &'a CancelToken, chosen: QueryLimits) -> Self {
        let (tracked_bytes, points, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { cancel, chosen, started_at: Instant::now(), tracked_bytes, points, failed }
    }

    /// Returns `true` if reading continues; `false` if the result would be discarded.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`].
    pub(super) fn check_continue(&self) -> Result<bool> {
        if let Some(deadline) = self.chosen.deadline
            && self.started_at.elapsed() >= deadline
        {
            return Err(Error::DeadlineExceeded { deadline });
        }
        Ok(!self.cancel.is_cancelled() && self.failed.load(Ordering::Relaxed) == 0)
    }

    /// Stops the other threads.
    pub(super) fn fail(&self) {
        self.failed.store(1, Ordering::Relaxed);
    }

    pub(super) fn add_points(&self, points: usize) {
        self.points.fetch_add(points as u64, Ordering::Relaxed);
    }

    pub(super) fn points(&self) -> u64 {
        self.points.load(Ordering::Relaxed)
    }

    /// Records that a part of the result grew from `before` to `now` bytes.
    ///
    /// # Errors
    /// [`Error::QueryTooLarge`] if all parts together are too large.
    pub(super) fn track_bytes(&self, before: usize, now: usize) -> Result<()> {
        let grown = (now as u64).wrapping_sub(before as u64);
        let held = self.tracked_bytes.fetch_add(grown, Ordering::Relaxed).wrapping_add(grown);
        let most = self.chosen.memory_bytes;
        if now > before && held > most as u64 {
            return Err(Error::QueryTooLarge { needed: usize::try_from(held).unwrap_or(usize::MAX), limit: most });
        }
        Ok(())
    }

    /// Returns the maximum number of threads.
    ///
    /// If the caller set no number, this is a system call, so it is called only if several threads are worthwhile.
    pub(super) fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.chosen.threads.unwrap_or_else(available)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started_at.elapsed()
    }
}
