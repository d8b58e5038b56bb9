//! Counters of flushes and compactions since the opening.
//!
//! They are part of the version, so that the numbers of a snapshot agree with each other.

use std::time::Duration;

/// Sums over all installed jobs of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct JobCounters {
    /// Number of jobs.
    pub(crate) runs: u64,
    pub(crate) files_read: u64,
    pub(crate) bytes_read: u64,
    pub(crate) files_written: u64,
    pub(crate) bytes_written: u64,
    /// Running time of the jobs, by the monotonic clock.
    pub(crate) duration: Duration,
}

impl JobCounters {
    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.files_read += other.files_read;
        self.bytes_read += other.bytes_read;
        self.files_written += other.files_written;
        self.bytes_written += other.bytes_written;
        self.duration += other.duration;
    }
}

/// Counters of all kinds of jobs since the opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MaintenanceCounters {
    pub(crate) flushes: JobCounters,
    pub(crate) compactions: JobCounters,
    /// Number of files that were dropped because retention or a delete hides them completely.
    pub(crate) files_dropped: u64,
    /// Number of points that were behind a cutoff when they were written.
    pub(crate) points_behind_cutoff: u64,
}
