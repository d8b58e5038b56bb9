//! Counters of the server, which `/metrics` shows.

mod engine;
mod metric_text;
mod protocol;
mod render;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
pub(crate) use protocol::Protocol;
pub(crate) use render::render;
use timestrata_ingest::bodies::BodySummary;

use crate::store::Stored;

/// Counters of the server. Those of the engine are in `Db::stats`.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    stored: [AtomicU64; Protocol::ALL.len()],
    received_bytes: [AtomicU64; Protocol::ALL.len()],
    exemplars: AtomicU64,
    metadata: AtomicU64,
    merged_samples: AtomicU64,
    left_out_of_exports: AtomicU64,
    text_values: AtomicU64,
    unauthorized: AtomicU64,
    forbidden: AtomicU64,
    rate_limited: AtomicU64,
    /// Refused points by protocol and reason. Locked only by requests with refusals.
    refused: Mutex<BTreeMap<(Protocol, &'static str), u64>>,
}

impl Counters {
    /// Counts the points of a request, and its refusals by reason.
    pub(crate) fn stored(&self, protocol: Protocol, stored: &Stored) {
        self.stored[protocol as usize].fetch_add(stored.points, Ordering::Relaxed);
        if stored.refusals.total() > 0 {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            for (reason, count) in stored.refusals.counts() {
                *refused.entry((protocol, reason)).or_default() += count;
            }
        }
    }

    /// Counts the bytes of a body as they were received.
    pub(crate) fn received(&self, protocol: Protocol, bytes: usize) {
        self.received_bytes[protocol as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a request that was refused before it ran, by the status of its answer.
    pub(crate) fn denied(&self, status: StatusCode) {
        let counter = match status {
            StatusCode::UNAUTHORIZED => &self.unauthorized,
            StatusCode::FORBIDDEN => &self.forbidden,
            _ => &self.rate_limited,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts values of text that were left out, as an option asked.
    pub(crate) fn left_out_text_values(&self, count: u64) {
        self.text_values.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts what a decoder of a body left out beside samples: exemplars, and metadata that no database can hold.
    pub(crate) fn left_out(&self, summary: &BodySummary) {
        self.exemplars.fetch_add(summary.exemplars, Ordering::Relaxed);
        self.metadata.fetch_add(summary.metadata, Ordering::Relaxed);
    }

    /// Counts points that share their millisecond with a later one, which alone was read.
    pub(crate) fn merged_samples(&self, count: u64) {
        self.merged_samples.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts points that an export left out, because its format cannot hold them.
    pub(crate) fn left_out_of_exports(&self, count: u64) {
        self.left_out_of_exports.fetch_add(count, Ordering::Relaxed);
    }
}
