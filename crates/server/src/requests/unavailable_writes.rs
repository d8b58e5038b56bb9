//! Log of writes that the server cannot store for the moment, as with a full disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::observe::error_message;

/// Shortest time between two lines: senders repeat each write until it is stored.
const INTERVAL: Duration = Duration::from_secs(10);

/// When a line was last logged, and how many were left out since.
#[derive(Debug, Default)]
pub(crate) struct UnavailableWrites(Mutex<LogState>);

#[derive(Debug, Default)]
struct LogState {
    logged: Option<Instant>,
    /// Answers since then.
    left_out: u64,
}

impl UnavailableWrites {
    /// Counts an answer. Returns the number of answers that were left out before it if it is to be logged.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.logged.is_some_and(|logged| now.saturating_duration_since(logged) < INTERVAL) {
            state.left_out += 1;
            return None;
        }
        state.logged = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

/// Layer around the endpoints that write: logs an answer of 503 with its message, at most one in 10 seconds.
pub(crate) async fn log_unavailable_writes(
    State(log): State<Arc<UnavailableWrites>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE
        && let Some(left_out) = log.count(Instant::now())
    {
        let (route, error) = (route.as_ref().map(MatchedPath::as_str), error_message(&response));
        tracing::warn!(route, error, left_out, "a write was not stored; its sender may repeat it");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_has_the_number_of_those_left_out() {
        let (log, start) = (UnavailableWrites::default(), Instant::now());
        let after = |secs| log.count(start + Duration::from_secs(secs));
        assert_eq!([after(0), after(1), after(9), after(10), after(11)], [Some(0), None, None, Some(2), None]);
    }
}
