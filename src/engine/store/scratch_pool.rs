//! Pool of decoding buffers that scans reuse.
//!
//! To create a buffer costs as much as to decode thousands of points.

use std::sync::{Mutex, PoisonError};

use crate::format::sst::BlockScratch;
use crate::types::options::MemoryShares;

/// Maximum number of buffers in the pool.
const MAX_POOLED_SCRATCHES: usize = 32;
/// Maximum size of a buffer in the pool, in bytes; larger ones are freed.
const MAX_SCRATCH_BYTES: usize = 256 << 10;

/// Decoding buffers that no scan uses at the moment.
#[derive(Debug)]
pub(crate) struct ScratchPool {
    scratches: Mutex<Vec<BlockScratch>>,
    max_scratches: usize,
}

impl ScratchPool {
    pub(super) fn new(shares: &MemoryShares) -> Self {
        let max_scratches = (shares.open_files / 2 / MAX_SCRATCH_BYTES).clamp(1, MAX_POOLED_SCRATCHES);
        Self { scratches: Mutex::default(), max_scratches }
    }

    /// Takes a buffer out of the pool, or creates one if the pool is empty.
    ///
    /// The caller returns it with [`put_back`](Self::put_back).
    pub(crate) fn take(&self) -> BlockScratch {
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Returns a buffer to the pool. Frees it if it is too large or the pool is full.
    pub(crate) fn put_back(&self, scratch: BlockScratch) {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if scratches.len() < self.max_scratches && scratch.byte_len() <= MAX_SCRATCH_BYTES {
            scratches.push(scratch);
        }
    }
}
