//! Counters of the I/O of SST readers, for statistics, `explain` and tests.
//!
//! The counters are updated independently (relaxed atomics). Callers must not derive one count from another.

use crate::sync::atomic::{AtomicU64, Ordering};

/// I/O counters, shared by several SST readers.
#[derive(Debug, Default)]
pub(crate) struct IoCounters {
    files_opened: AtomicU64,
    index_pages_read: AtomicU64,
    blocks_decoded: AtomicU64,
    vectors_decoded: AtomicU64,
    bytes_read: AtomicU64,
}

/// Values of [`IoCounters`], loaded one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IoCountersSnapshot {
    pub(crate) files_opened: u64,
    /// Pages read from files; cache hits do not count.
    pub(crate) index_pages_read: u64,
    /// Blocks whose checksum was valid; each of them is decoded next.
    pub(crate) blocks_decoded: u64,
    /// Vectors of values, of up to 1,024 points each, that were decoded.
    pub(crate) vectors_decoded: u64,
    /// Bytes of footers, top pages, pages and blocks, with read-ahead.
    pub(crate) bytes_read: u64,
}

impl IoCounters {
    /// Returns the current values.
    pub(crate) fn counts(&self) -> IoCountersSnapshot {
        IoCountersSnapshot {
            files_opened: self.files_opened.load(Ordering::Relaxed),
            index_pages_read: self.index_pages_read.load(Ordering::Relaxed),
            blocks_decoded: self.blocks_decoded.load(Ordering::Relaxed),
            vectors_decoded: self.vectors_decoded.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
        }
    }

    pub(super) fn file_opened(&self) {
        self.files_opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn index_page_read(&self) {
        self.index_pages_read.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn block_decoded(&self) {
        self.blocks_decoded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn vectors_decoded(&self, vectors: usize) {
        self.vectors_decoded.fetch_add(vectors as u64, Ordering::Relaxed);
    }

    pub(super) fn bytes_read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
