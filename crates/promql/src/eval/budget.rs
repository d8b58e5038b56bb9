//! Limits of a running query and its cancellation, shared by its threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use timestrata::{QueryThread, RunningQuery};

use super::cancellation::Cancellation;
use super::error::QueryError;
use super::options::EngineOptions;

/// Samples of a column between two checks of the time.
const SAMPLES_PER_CHECK: usize = 1 << 18;

/// Check of time and cancellation within a column, which may take long: windows may hold many samples.
///
/// Once it is due, it stays so: a loop may end early, and [`Budget::check`] then gives the error.
#[derive(Debug, Default)]
pub(crate) struct StopCheck {
    deadline: Option<Instant>,
    cancellation: Option<Arc<Cancellation>>,
    /// Samples since the last check.
    samples: usize,
    is_due: bool,
}

impl StopCheck {
    /// Counts samples that are worked on; returns `true` if the query must end.
    #[inline]
    pub(crate) fn is_due(&mut self, samples: usize) -> bool {
        self.samples = self.samples.saturating_add(samples);
        if self.samples >= SAMPLES_PER_CHECK {
            self.samples = 0;
            let is_cancelled = self.cancellation.as_ref().is_some_and(|cancellation| cancellation.is_cancelled());
            self.is_due = is_cancelled || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        }
        self.is_due
    }
}

/// Budget of a running query.
#[derive(Debug)]
pub(crate) struct Budget {
    options: EngineOptions,
    started_at: Instant,
    cancellation: Arc<Cancellation>,
    samples: AtomicU64,
    series: AtomicU64,
    bytes: AtomicU64,
    summaries: AtomicU64,
    /// Slot of the runtime; `None` while the query is planned.
    running: Option<RunningQuery>,
}

impl Budget {
    /// Starts the budget of a query.
    pub(crate) fn new(options: EngineOptions, cancellation: Arc<Cancellation>) -> Self {
        let (samples, series, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let summaries = AtomicU64::new(0);
        let started_at = Instant::now();
        Self { options, started_at, cancellation, samples, series, bytes, summaries, running: None }
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

    /// Forgets what was counted, before the pass that counts.
    pub(crate) fn reset(&self) {
        self.samples.store(0, Ordering::Relaxed);
        self.series.store(0, Ordering::Relaxed);
        self.remove_bytes(usize::MAX);
    }

    /// Returns a check of time and cancellation for a loop over many samples.
    pub(crate) fn stop_check(&self) -> StopCheck {
        let deadline = self.options.timeout.and_then(|timeout| self.started_at.checked_add(timeout));
        StopCheck { deadline, cancellation: Some(Arc::clone(&self.cancellation)), samples: 0, is_due: false }
    }

    /// Returns the flag that ends the query.
    pub(crate) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Checks time and cancellation.
    ///
    /// # Errors
    /// [`QueryError::Cancelled`] and [`QueryError::Timeout`].
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancellation.is_cancelled() {
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

    /// Counts the cells of a column that is about to be made.
    ///
    /// # Errors
    /// As for [`add_bytes`](Self::add_bytes).
    pub(crate) fn add_cells(&self, cells: usize) -> Result<(), QueryError> {
        self.add_bytes(cells.saturating_mul(size_of::<f64>()))
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
