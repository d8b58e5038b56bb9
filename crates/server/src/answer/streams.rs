//! Bound on the answers that read the store while they are sent.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// Streamed reads at once. Each holds a snapshot, a list of series and the buffers of a cursor.
const MAX_STREAMS: usize = 32;

/// Permits of streamed reads: exports and remote reads.
#[derive(Debug, Clone)]
pub(crate) struct Streams(Arc<Semaphore>);

/// Permit of a streamed read, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit(#[expect(dead_code, reason = "held until dropped")] OwnedSemaphorePermit);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

impl Streams {
    /// Takes a permit.
    ///
    /// # Errors
    ///
    /// 503 if all are taken.
    pub(crate) fn begin(&self) -> Result<StreamPermit, Failure> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.map(StreamPermit).map_err(|_| {
            Failure::busy(format!("{MAX_STREAMS} exports and remote reads run already, the limit; try again later"))
        })
    }

    /// Returns the number of permits that are taken.
    pub(crate) fn running(&self) -> usize {
        MAX_STREAMS - self.0.available_permits()
    }
}
