//! Limits of a query: memory, threads, series, points and time.
//!
//! All hold for windows. Those on series and time hold for the points themselves and the latest points, too; that on points
//! for the points themselves, those on memory and threads for the latest points.

use std::time::Duration;

use super::Query;

impl Query {
    /// Sets the memory that the selection, the intermediate windows and the result may take, in bytes. Default: 1 GiB.
    ///
    /// Buffers for decoding are not included: about 300 KiB for each thread and each file from which a series is read
    /// at once.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory_bytes = bytes;
        self
    }

    /// Sets the number of threads that may read, at least 1. Default: that of the [`Runtime`](crate::Runtime).
    ///
    /// More than one is used only for several series with many points, and only while the runtime has threads left.
    pub fn threads(mut self, threads: usize) -> Self {
        self.limits.threads = Some(threads);
        self
    }

    /// Sets how many series the query may select. Default: no limit.
    ///
    /// A query that selects more fails with [`Error::QueryLimitExceeded`](crate::Error::QueryLimitExceeded) before it
    /// reads.
    pub fn max_series(mut self, series: u64) -> Self {
        self.limits.max_series = Some(series);
        self
    }

    /// Sets how many points the query may read one by one; points that statistics answer do not count. Default: no
    /// limit.
    ///
    /// A query that reads more fails with [`Error::QueryLimitExceeded`](crate::Error::QueryLimitExceeded).
    pub fn max_points(mut self, points: u64) -> Self {
        self.limits.max_points = Some(points);
        self
    }

    /// Sets how long the query may run. Default: no limit.
    ///
    /// The time counts from the call that runs the query. The wait for a slot of the [`Runtime`](crate::Runtime) ends at the
    /// limit; while the query reads, the limit is checked between blocks.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = Some(deadline);
        self
    }
}
