//! What reading SSTs has cost so far, for statistics, `explain` and tests.
//! The counts are independent of each other: no reader may conclude from one to another.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Work done on behalf of all readers that share it.
#[derive(Debug, Default)]
pub(crate) struct IoCounters {
    files_opened: AtomicU64,
    index_pages_read: AtomicU64,
    blocks_decoded: AtomicU64,
    bytes_read: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IoCounts {
    pub(crate) files_opened: u64,
    /// From the file, not from the cache.
    pub(crate) index_pages_read: u64,
    pub(crate) blocks_decoded: u64,
    pub(crate) bytes_read: u64,
}

impl IoCounters {
    pub(crate) fn counts(&self) -> IoCounts {
        IoCounts {
            files_opened: self.files_opened.load(Ordering::Relaxed),
            index_pages_read: self.index_pages_read.load(Ordering::Relaxed),
            blocks_decoded: self.blocks_decoded.load(Ordering::Relaxed),
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

    pub(super) fn bytes_read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
