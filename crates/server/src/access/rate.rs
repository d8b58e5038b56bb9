//! Token bucket: how many requests a token may send.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bucket that fills at a rate, up to the requests of one second, and from which each request takes one.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_second: f64,
    state: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    level: f64,
    /// Time of `level`; `None` before the first request.
    filled: Option<Instant>,
}

impl RateLimit {
    /// Creates a full bucket.
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, state: Mutex::new(Bucket { level: per_second.max(1.0), filled: None }) }
    }

    /// Takes a request out of the bucket, or returns the time until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut bucket = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(filled) = bucket.filled {
            let gained = now.saturating_duration_since(filled).as_secs_f64() * self.per_second;
            bucket.level = (bucket.level + gained).min(self.per_second.max(1.0));
        }
        bucket.filled = Some(now);
        if bucket.level >= 1.0 {
            bucket.level -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.level) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_requests_passes_at_once_and_then_the_rate() {
        let (limit, start) = (RateLimit::new(4.0), Instant::now());
        for _ in 0..4 {
            assert_eq!(limit.take(start), Ok(()));
        }
        assert_eq!(limit.take(start), Err(Duration::from_millis(250)));
        assert_eq!(limit.take(start + Duration::from_millis(250)), Ok(()));
        assert!(limit.take(start + Duration::from_millis(300)).is_err());
        let later = start + Duration::from_hours(1);
        assert_eq!((0..9).filter(|_| limit.take(later).is_ok()).count(), 4);
    }
}
