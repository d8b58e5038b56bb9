//! What flushes and compactions have written since the opening: part of the version, so that a snapshot's numbers agree.

use std::time::Duration;

/// Sums over all work of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work {
    /// How often it was done.
    pub(crate) times: u64,
    pub(crate) files_read: u64,
    pub(crate) bytes_read: u64,
    pub(crate) files_written: u64,
    pub(crate) bytes_written: u64,
    /// By the clock of whoever did it.
    pub(crate) took: Duration,
}

impl Work {
    pub(crate) fn add(&mut self, other: &Self) {
        self.times += other.times;
        self.files_read += other.files_read;
        self.bytes_read += other.bytes_read;
        self.files_written += other.files_written;
        self.bytes_written += other.bytes_written;
        self.took += other.took;
    }
}

/// Since the opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) flushes: Work,
    pub(crate) compactions: Work,
    /// Files that retention or a delete dropped whole.
    pub(crate) files_dropped: u64,
}
