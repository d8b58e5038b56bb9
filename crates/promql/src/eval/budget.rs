//! Limits of a running query and its cancellation, shared by its threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use timestrata::{QueryThread, RunningQuery};

use super::error::QueryError;
use super::options::EngineOptions;

/// Budget of a running query.
#[derive(Debug)]
pub(crate) struct Budget {
    options: EngineOptions,
    started_at: Instant,
    is_cancelled: Arc<AtomicBool>,
    samples: AtomicU64,
    series: AtomicU64,
    bytes: AtomicU64,
    summaries: AtomicU64,
    /// Slot of the runtime; `None` while the query is planned.
    running: Option<RunningQuery>,
}

impl Budget {
    /// Starts the budget of a query.
    pub(crate) fn new(options: EngineOptions, is_cancelled: Arc<AtomicBool>) -> Self {
        let (samples, series, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let summaries = AtomicU64::new(0);
        let started_at = Instant::now();
        Self { options, started_at, is_cancelled, samples, series, bytes, summaries, running: None }
    }

    /// Begins to count against the bounds of the runtime, and forgets what the plan has counted.
    pub(crate) fn run_as(&mut self, running: RunningQuery) {
        (self.samples, self.series, self.bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        self.running = Some(running);
    }

    /// Returns what is left of the time limit; `None` without a limit.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.options.timeout.map(|timeout| timeout.saturating_sub(self.started_at.elapsed()))
    }

    /// Returns the permission to start one more thread.
    pub(crate) fn try_start_thread(&self) -> Option<QueryThread> {
        self.running.as_ref().and_then(RunningQuery::try_start_thread)
    }

    /// Checks time and cancellation.
    ///
    /// # Errors
    /// [`QueryError::Cancelled`] and [`QueryError::Timeout`].
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.is_cancelled.load(Ordering::Relaxed) {
            return Err(QueryError::Cancelled);
        }
        match self.options.timeout {
            Some(timeout) if self.started_at.elapsed() >= timeout => Err(QueryError::Timeout { timeout }),
            _ => Ok(()),
        }
    }

    /// Returns the error of a query that has used up its time.
    pub(crate) fn timed_out(&self) -> QueryError {
        QueryError::Timeout { timeout: self.options.timeout.unwrap_or_default() }
    }

    /// Counts samples that were read or computed.
    ///
    /// # Errors
    /// [`QueryError::LimitExceeded`].
    pub(crate) fn add_samples(&self, samples: usize) -> Result<(), QueryError> {
        add(&self.samples, samples, self.options.max_samples, "samples", "max_samples")
    }

    /// Counts a block whose summary takes the place of its samples.
    pub(crate) fn add_summary(&self) {
        self.summaries.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of blocks that were not read.
    pub(crate) fn summaries(&self) -> u64 {
        self.summaries.load(Ordering::Relaxed)
    }

    /// Counts series that a selector matches.
    ///
    /// # Errors
    /// As for [`add_samples`](Self::add_samples).
    pub(crate) fn add_series(&self, series: usize) -> Result<(), QueryError> {
        add(&self.series, series, self.options.max_series, "series", "max_series")
    }

    /// Counts bytes of columns, also against the memory of the runtime.
    ///
    /// # Errors
    /// As for [`add_samples`](Self::add_samples); [`QueryError::Storage`] for the limit of the runtime.
    pub(crate) fn add_bytes(&self, bytes: usize) -> Result<(), QueryError> {
        if let Some(running) = &self.running {
            running.track_bytes(0, bytes)?;
        }
        add(&self.bytes, bytes, self.options.max_memory_bytes, "bytes of memory", "max_memory_bytes")
    }

    /// Counts bytes of columns that are dropped; at most as many as were added.
    pub(crate) fn remove_bytes(&self, bytes: usize) {
        let less = |held: u64| Some(held.saturating_sub(bytes as u64));
        let held = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or(0);
        if let Some(running) = &self.running {
            // Memory that shrinks exceeds no limit.
            let _ = running.track_bytes(bytes.min(usize::try_from(held).unwrap_or(usize::MAX)), 0);
        }
    }

    /// Returns the number of samples that were read or computed.
    pub(crate) fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }

    /// Returns the number of series that selectors matched.
    pub(crate) fn series(&self) -> u64 {
        self.series.load(Ordering::Relaxed)
    }
}

fn add(
    counter: &AtomicU64,
    more: usize,
    limit: u64,
    what: &'static str,
    option: &'static str,
) -> Result<(), QueryError> {
    let more = more as u64;
    let found = counter.fetch_add(more, Ordering::Relaxed).saturating_add(more);
    if found > limit { Err(QueryError::LimitExceeded { what, limit, option }) } else { Ok(()) }
}
