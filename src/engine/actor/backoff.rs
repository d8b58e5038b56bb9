//! Backoff between the tries of a failed job.

use std::time::Duration;

/// Time until the retry after the first failure in a row.
pub(super) const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// Longest time until a retry.
pub(super) const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Time until the retry of a failed job, doubled by each failure in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    shortest: Duration,
    longest: Duration,
    current: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self::starting_at(MIN_BACKOFF)
    }

    /// Creates a backoff with another time until the first retry.
    pub(super) fn starting_at(shortest: Duration) -> Self {
        Self::between(shortest, MAX_BACKOFF)
    }

    /// Creates a backoff with another time until the first retry, and another longest time.
    pub(super) fn between(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, current: shortest }
    }

    /// Returns the time until the retry after the next failure.
    pub(super) fn current(&self) -> Duration {
        self.current
    }

    /// Returns the time until the retry, and doubles it for the next failure.
    pub(super) fn after_failure(&mut self) -> Duration {
        let wait = self.current;
        self.current = (wait * 2).min(self.longest);
        wait
    }

    /// Starts again with the shortest time, after a success.
    pub(super) fn reset(&mut self) {
        self.current = self.shortest;
    }
}
