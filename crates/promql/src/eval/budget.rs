//! Limits of a running query and its cancellation, shared by its threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

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
}

impl Budget {
    /// Starts the budget of a query.
    pub(crate) fn new(options: EngineOptions, is_cancelled: Arc<AtomicBool>) -> Self {
        let (samples, series, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { options, started_at: Instant::now(), is_cancelled, samples, series, bytes }
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

    /// Counts samples that were read or computed.
    ///
    /// # Errors
    /// [`QueryError::LimitExceeded`].
    pub(crate) fn add_samples(&self, samples: usize) -> Result<(), QueryError> {
        add(&self.samples, samples, self.options.max_samples, "samples", "max_samples")
    }

    /// Counts series that a selector matches.
    ///
    /// # Errors
    /// As for [`add_samples`](Self::add_samples).
    pub(crate) fn add_series(&self, series: usize) -> Result<(), QueryError> {
        add(&self.series, series, self.options.max_series, "series", "max_series")
    }

    /// Counts bytes of columns.
    ///
    /// # Errors
    /// As for [`add_samples`](Self::add_samples).
    pub(crate) fn add_bytes(&self, bytes: usize) -> Result<(), QueryError> {
        add(&self.bytes, bytes, self.options.max_memory_bytes, "bytes of memory", "max_memory_bytes")
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
