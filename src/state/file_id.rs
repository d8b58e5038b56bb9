//! Ids of WAL files and SSTs, and their allocator.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Number in a file's name. WAL segments, spare segments and SSTs share one sequence.
///
/// No two files have the same id at one time, and an id that an edit has named is never reused. Id 0 names no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FileId(u64);

impl FileId {
    pub(crate) const fn new(id: u64) -> Self {
        Self(id)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Allocator of file ids for the writer (segments, spares), the flusher and the compactor (SSTs).
///
/// Within one opening ids rise and never repeat. The next opening starts above every id that the manifest or a file
/// name contains; it may allocate an id again that was allocated before a crash and is in neither.
#[derive(Debug)]
pub(crate) struct FileIdAllocator(AtomicU64);

impl FileIdAllocator {
    /// Creates an allocator whose first id is `next`, or 1 if `next` is 0.
    ///
    /// Recovery sets `next` above every id in the manifest and in the directory.
    pub(crate) fn new(next: FileId) -> Self {
        Self(AtomicU64::new(next.get().max(1)))
    }

    /// Allocates the next id.
    pub(crate) fn allocate(&self) -> FileId {
        // Relaxed: the ids only have to be unique; no other data is published through the counter.
        FileId::new(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns an id above all allocated ones, the next to be allocated.
    ///
    /// An edit stores it as `next_file_id`.
    pub(crate) fn peek_next(&self) -> FileId {
        FileId::new(self.0.load(Ordering::Relaxed))
    }
}
