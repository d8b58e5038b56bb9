//! The one source of new file ids, shared by the writer (segments, spares) and the flusher and compactor (SSTs).
//! Ids rise and never repeat, whoever asks; what a crash burns is gone for good.

use super::sst::FileId;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Gives each asker a file id that nobody else gets.
#[derive(Debug)]
pub(crate) struct FileIds(AtomicU64);

impl FileIds {
    /// Begins at `next`, which recovery chooses above every id that it found or read; never at 0, which stands for "none".
    pub(crate) fn new(next: FileId) -> Self {
        Self(AtomicU64::new(next.get().max(1)))
    }

    pub(crate) fn take(&self) -> FileId {
        // Relaxed: only uniqueness counts, nothing is published by the number.
        FileId::new(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// The id that the next `take` gives: what an edit stores as `next_file`.
    pub(crate) fn next(&self) -> FileId {
        FileId::new(self.0.load(Ordering::Relaxed))
    }
}
