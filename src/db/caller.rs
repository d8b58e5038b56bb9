//! Identity of a handle towards the writer, and its requests that are not answered yet.
//!
//! A delete has room of its own in the queue, because it makes room on a full disk. It must not overtake an earlier
//! request of its handle, so it would hold that room while it waits behind a write that is stalled. As long as its handle
//! has an unanswered request, a delete therefore takes the room of writes, and leaves that of deletes to other handles.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::actor::CallerId;

/// A handle as the origin of requests. Clones of a handle are callers of their own.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: CallerId,
    /// Number of requests other than deletes that were begun and are not answered.
    unanswered: AtomicUsize,
}

/// A request that is counted as unanswered until this is dropped.
pub(super) struct UnansweredRequest<'a>(&'a Caller);

impl Caller {
    pub(super) fn new(id: CallerId) -> Self {
        Self { id, unanswered: AtomicUsize::new(0) }
    }

    /// Counts a request as unanswered. The guard must live until the reply has arrived, or is no longer awaited.
    pub(super) fn begin_request(&self) -> UnansweredRequest<'_> {
        self.unanswered.fetch_add(1, Ordering::AcqRel);
        UnansweredRequest(self)
    }

    /// Returns `true` if a request is not answered.
    pub(super) fn has_unanswered_request(&self) -> bool {
        self.unanswered.load(Ordering::Acquire) > 0
    }
}

impl Drop for UnansweredRequest<'_> {
    fn drop(&mut self) {
        self.0.unanswered.fetch_sub(1, Ordering::AcqRel);
    }
}
