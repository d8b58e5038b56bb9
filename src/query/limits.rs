//! What a query may take: memory for its answer, time, threads; and whether anybody still wants it.
//! Its threads share one, so that whichever meets a limit stops them all.

use std::time::{Duration, Instant};

use super::blocking::Wanted;
use crate::error::{Error, Result};
use crate::sync::atomic::{AtomicU64, Ordering};

/// The limits of a query, as they are chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) memory_bytes: usize,
    pub(super) deadline: Option<Duration>,
    /// `None`: as many as there are processors.
    pub(super) threads: Option<usize>,
}

impl Default for Chosen {
    /// The memory is what the whole database may take by default.
    fn default() -> Self {
        Self { memory_bytes: 1 << 30, deadline: None, threads: None }
    }
}

impl Chosen {
    pub(super) fn check(self) -> Result<()> {
        if self.threads == Some(0) {
            return Err(Error::InvalidQuery { what: "0 threads: use 1 or more".to_owned() });
        }
        Ok(())
    }
}

/// The limits of a query that runs.
#[derive(Debug)]
pub(super) struct Limits<'a> {
    wanted: &'a Wanted,
    chosen: Chosen,
    started: Instant,
    /// Bytes of the answer, as far as it is there.
    held_bytes: AtomicU64,
    /// Points that were folded one by one: what work was done.
    points: AtomicU64,
    /// 1 once a thread failed: the others may stop.
    failed: AtomicU64,
}

impl<'a> Limits<'a> {
    pub(super) fn new(wanted: &'a Wanted, chosen: Chosen) -> Self {
        let (held_bytes, points, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { wanted, chosen, started: Instant::now(), held_bytes, points, failed }
    }

    /// Whether to read on; false if what is read would be thrown away.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`].
    pub(super) fn go_on(&self) -> Result<bool> {
        if let Some(deadline) = self.chosen.deadline
            && self.started.elapsed() >= deadline
        {
            return Err(Error::DeadlineExceeded { deadline });
        }
        Ok(self.wanted.still() && self.failed.load(Ordering::Relaxed) == 0)
    }

    /// Lets the other threads stop.
    pub(super) fn fail(&self) {
        self.failed.store(1, Ordering::Relaxed);
    }

    pub(super) fn folded(&self, points: usize) {
        self.points.fetch_add(points as u64, Ordering::Relaxed);
    }

    pub(super) fn points(&self) -> u64 {
        self.points.load(Ordering::Relaxed)
    }

    /// Notes that a part of the answer grew from `before` bytes to `now`.
    ///
    /// # Errors
    /// [`Error::QueryTooLarge`] if all parts together are too large.
    pub(super) fn hold(&self, before: usize, now: usize) -> Result<()> {
        let grown = (now as u64).wrapping_sub(before as u64);
        let held = self.held_bytes.fetch_add(grown, Ordering::Relaxed).wrapping_add(grown);
        let most = self.chosen.memory_bytes;
        if now > before && held > most as u64 {
            return Err(Error::QueryTooLarge { needed: usize::try_from(held).unwrap_or(usize::MAX), most });
        }
        Ok(())
    }

    /// How many threads may read; asked only where more than one pays, since the operating system is asked, too.
    pub(super) fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.chosen.threads.unwrap_or_else(available)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
