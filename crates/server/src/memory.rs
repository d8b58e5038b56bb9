//! Limits of memory: of all bodies that are being read, decoded or written, and of answers that are being sent.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// Bytes per permit of the semaphore.
const UNIT_BYTES: usize = 1 << 10;

/// Limit of the memory of all bodies, or of all answers, together.
///
/// A body that does not fit is refused at once with 503; it is not queued.
#[derive(Debug, Clone)]
pub(crate) struct MemoryLimit {
    units: Arc<Semaphore>,
    limit_bytes: usize,
    /// Name of the bounded objects in error messages: "bodies", "answers".
    what: &'static str,
}

/// Share of [`MemoryLimit`], given back when it is dropped.
#[derive(Debug)]
pub(crate) struct MemoryPermit {
    memory: MemoryLimit,
    held: OwnedSemaphorePermit,
}

impl MemoryLimit {
    /// Creates a bound of about this number of bytes. `what` is the name of the bounded objects in
    /// error messages: "bodies" or "answers".
    pub(crate) fn new(limit_bytes: usize, what: &'static str) -> Self {
        let units = (limit_bytes / UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(units)), limit_bytes: units * UNIT_BYTES, what }
    }

    /// Admits a body of this size.
    ///
    /// # Errors
    ///
    /// 413 if it never fits, 503 if it does not fit now.
    pub(crate) fn admit(&self, bytes: usize) -> Result<MemoryPermit, Failure> {
        Ok(MemoryPermit { memory: self.clone(), held: self.acquire(bytes)? })
    }

    /// Returns the number of bytes that are held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.limit_bytes - self.units.available_permits() * UNIT_BYTES
    }

    /// Returns the bound in bytes.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    fn too_large(&self, bytes: usize) -> Failure {
        let message =
            format!("{bytes} bytes of memory are needed, and all {} together have {}", self.what, self.limit_bytes);
        Failure::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    fn acquire(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok().filter(|_| bytes <= self.limit_bytes);
        let Some(units) = units else { return Err(self.too_large(bytes)) };
        Arc::clone(&self.units)
            .try_acquire_many_owned(units)
            .map_err(|_| Failure::busy(format!("the memory of all {} together is in use; try again later", self.what)))
    }
}

impl MemoryPermit {
    /// Admits further bytes of the same body.
    ///
    /// # Errors
    ///
    /// As for [`MemoryLimit::admit`].
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Failure> {
        let whole = (self.held.num_permits() * UNIT_BYTES).saturating_add(bytes);
        if whole > self.memory.limit_bytes {
            return Err(self.memory.too_large(whole));
        }
        let more = self.memory.acquire(bytes)?;
        self.held.merge(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_refused_at_once_when_the_memory_is_in_use() {
        let memory = MemoryLimit::new(8 << 10, "bodies");
        let mut first = memory.admit(4_000).unwrap();
        first.grow(3_000).unwrap();
        assert_eq!(memory.held_bytes(), 7 << 10);
        assert_eq!(memory.admit(2_000).unwrap_err().status, 503);
        assert_eq!(memory.admit(20_000).unwrap_err().status, 413);
        // Alone it would not fit either.
        assert_eq!(first.grow(2_000).unwrap_err().status, 413);
        drop(first);
        assert_eq!(memory.held_bytes(), 0);
        assert!(memory.admit(8_000).is_ok());
    }
}
