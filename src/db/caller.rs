//! Identity of a handle towards the writer, and its requests that wait for room in the queue.
//!
//! A delete has room of its own in the queue, because it makes room on a full disk. It must not overtake an earlier
//! request of its handle that waits for room, so it then waits behind that request.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::actor::CallerId;

/// A handle as the origin of requests. Clones of a handle are callers of their own.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: CallerId,
    /// Number of requests that were begun, and are not yet in the inbox of the writer.
    waiting: AtomicUsize,
}

/// A request that is counted as waiting until this is dropped.
pub(super) struct WaitingRequest<'a>(&'a Caller);

impl Caller {
    pub(super) fn new(id: CallerId) -> Self {
        Self { id, waiting: AtomicUsize::new(0) }
    }

    /// Counts a request as waiting. The guard must live until the request is sent to the writer.
    pub(super) fn begin_request(&self) -> WaitingRequest<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        WaitingRequest(self)
    }

    /// Returns `true` if a request waits for room in the queue.
    pub(super) fn has_waiting_request(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }
}

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
