//! Memory of one query, counted against its own limit and against that of all queries of the runtime.

use std::sync::atomic::{AtomicU64, Ordering};

use super::runtime::Runtime;
use crate::types::error::{Error, Result};

/// Memory of a query: its selection, intermediate windows and result.
///
/// The threads of the query share it. On drop the runtime's count is reduced: the memory belongs to the caller then, or
/// was freed after an error.
#[derive(Debug)]
pub(super) struct QueryMemory {
    runtime: Runtime,
    limit: usize,
    held_bytes: AtomicU64,
}

impl QueryMemory {
    /// Returns an account without memory. `limit` is that of the query, in bytes.
    pub(super) fn new(runtime: Runtime, limit: usize) -> Self {
        Self { runtime, limit, held_bytes: AtomicU64::new(0) }
    }

    /// Records that a part grew from `before` to `now` bytes, or shrank. The change counts even after an error.
    ///
    /// # Errors
    /// [`Error::QueryTooLarge`] if it grew and all parts together exceed the limit of the query;
    /// [`Error::QueryRuntimeBusy`] if all queries together exceed that of the runtime.
    pub(super) fn track(&self, before: usize, now: usize) -> Result<()> {
        let grown = (now as u64).wrapping_sub(before as u64);
        let held = self.held_bytes.fetch_add(grown, Ordering::Relaxed).wrapping_add(grown);
        let shared = self.runtime.track_bytes(before, now);
        if now > before && held > self.limit as u64 {
            let needed = usize::try_from(held).unwrap_or(usize::MAX);
            return Err(Error::QueryTooLarge { needed, limit: self.limit });
        }
        shared
    }
}

impl Drop for QueryMemory {
    fn drop(&mut self) {
        let held = usize::try_from(*self.held_bytes.get_mut()).unwrap_or(usize::MAX);
        // Memory that shrinks exceeds no bound.
        let _ = self.runtime.track_bytes(held, 0);
    }
}

/// Part of the memory of a query that grows in small steps: it is recorded in steps of some size.
#[derive(Debug)]
pub(super) struct GrowingPart<'a> {
    /// `None` in tests of the aggregation alone.
    memory: Option<&'a QueryMemory>,
    recorded_bytes: usize,
}

impl<'a> GrowingPart<'a> {
    /// Growth in bytes that is not recorded at once.
    const STEP: usize = 64 << 10;

    pub(super) fn new(memory: Option<&'a QueryMemory>) -> Self {
        Self { memory, recorded_bytes: 0 }
    }

    /// Records the size if it has grown by a step.
    ///
    /// # Errors
    /// Those of [`QueryMemory::track`].
    pub(super) fn record_steps(&mut self, bytes: usize) -> Result<()> {
        if bytes < self.recorded_bytes + Self::STEP { Ok(()) } else { self.record(bytes) }
    }

    /// Records the size.
    ///
    /// # Errors
    /// Those of [`QueryMemory::track`].
    pub(super) fn record(&mut self, bytes: usize) -> Result<()> {
        let before = std::mem::replace(&mut self.recorded_bytes, bytes);
        self.memory.filter(|_| before != bytes).map_or(Ok(()), |memory| memory.track(before, bytes))
    }
}
