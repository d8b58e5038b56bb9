//! Identity of a handle towards the writer, and its requests that are not answered yet.
//!
//! A delete has room of its own in the queue, because it makes room on a full disk. It must not overtake an earlier
//! request of its handle, which may be a write that is stalled. So it waits until the earlier requests are answered
//! before it takes any room, and leaves the room of deletes to other handles meanwhile.

use crate::engine::actor::CallerId;
use crate::sync::{Permit, Permits};

/// A handle as the origin of requests. Clones of a handle are callers of their own.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: CallerId,
    /// One permit for each request other than a delete that was begun and is not answered.
    unanswered: Permits,
}

impl Caller {
    pub(super) fn new(id: CallerId) -> Self {
        Self { id, unanswered: Permits::new(usize::MAX) }
    }

    /// Counts a request as unanswered. The permit must live until the reply has arrived, or is no longer awaited.
    ///
    /// Waits while a delete of this handle that was begun earlier waits.
    pub(super) async fn begin_request(&self) -> Permit {
        self.unanswered.acquire(1).await
    }

    /// Counts a request as unanswered; `None` while a delete of this handle waits.
    pub(super) fn try_begin_request(&self) -> Option<Permit> {
        self.unanswered.try_acquire(1)
    }

    /// Waits until all requests that were begun earlier are answered.
    pub(super) async fn wait_until_answered(&self) {
        drop(self.unanswered.acquire(usize::MAX).await);
    }
}
