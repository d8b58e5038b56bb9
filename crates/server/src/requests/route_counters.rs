//! Counters of the requests of each route.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;

use super::histogram::Histogram;

/// Counters of requests by route. The routes are those of the router and one for all other paths, so their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct RequestCounters {
    routes: RwLock<BTreeMap<String, Arc<RouteCounters>>>,
    running: AtomicU64,
}

/// Counters of one route.
#[derive(Debug, Default)]
pub(crate) struct RouteCounters {
    /// Answers by the first digit of their status, from 1.
    statuses: [AtomicU64; 5],
    pub(crate) durations: Histogram,
}

impl RequestCounters {
    /// Counts a request that begins.
    pub(crate) fn begin(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that ended, with an answer or without.
    pub(crate) fn end(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns the number of requests that run.
    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::Relaxed)
    }

    /// Counts an answer of a route.
    pub(crate) fn answered(&self, route: &str, status: StatusCode, duration: Duration) {
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        let counters = known.unwrap_or_else(|| {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(routes.entry(route.to_owned()).or_default())
        });
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        counters.statuses[class].fetch_add(1, Ordering::Relaxed);
        counters.durations.record(duration);
    }

    /// Returns all routes that had a request, in the order of their paths.
    pub(crate) fn all(&self) -> Vec<(String, Arc<RouteCounters>)> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        routes.iter().map(|(route, counters)| (route.clone(), Arc::clone(counters))).collect()
    }
}

impl RouteCounters {
    /// Returns the classes of statuses, such as `2xx`, and their counts.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ["1xx", "2xx", "3xx", "4xx", "5xx"]
            .into_iter()
            .zip(&self.statuses)
            .map(|(class, count)| (class, count.load(Ordering::Relaxed)))
    }
}
