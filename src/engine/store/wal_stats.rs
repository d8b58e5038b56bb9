//! Counts of the groups and the syncs of the WAL.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Groups of records that were written to the WAL, and its syncs, since the opening; see [`Stats::wal`](crate::Stats::wal).
///
/// A group is what one write to the file holds, and one sync makes durable: the commands that waited while the group before
/// it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WalStats {
    /// Records that were written: batches, deletes and changes of metadata.
    pub records: u64,
    /// Groups by their number of records: up to each of [`GROUP_BOUNDS`](Self::GROUP_BOUNDS), and at last those of more.
    pub groups: [u64; Self::GROUP_BOUNDS.len() + 1],
    /// Syncs by their duration: up to each of [`SYNC_BOUNDS`](Self::SYNC_BOUNDS), and at last the longer ones.
    pub syncs: [u64; Self::SYNC_BOUNDS.len() + 1],
    /// Time that the syncs took together.
    pub sync_duration: Duration,
}

impl WalStats {
    /// Upper bounds of the sizes of groups, in records.
    pub const GROUP_BOUNDS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
    /// Upper bounds of the durations of syncs.
    pub const SYNC_BOUNDS: [Duration; 10] = [
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(100),
        Duration::from_millis(500),
        Duration::from_millis(2_500),
    ];
}

/// Counters behind [`WalStats`], which the writer updates.
#[derive(Debug, Default)]
pub(super) struct WalCounters {
    records: AtomicU64,
    groups: [AtomicU64; WalStats::GROUP_BOUNDS.len() + 1],
    syncs: [AtomicU64; WalStats::SYNC_BOUNDS.len() + 1],
    sync_nanos: AtomicU64,
}

impl WalCounters {
    /// Counts a group that was written.
    pub(super) fn add_group(&self, records: usize) {
        let records = records as u64;
        self.records.fetch_add(records, Ordering::Relaxed);
        let at = WalStats::GROUP_BOUNDS.partition_point(|bound| *bound < records);
        self.groups[at].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a sync that succeeded.
    pub(super) fn add_sync(&self, duration: Duration) {
        let at = WalStats::SYNC_BOUNDS.partition_point(|bound| *bound < duration);
        self.syncs[at].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sync_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns the counts.
    pub(super) fn load(&self) -> WalStats {
        let mut stats = WalStats { records: self.records.load(Ordering::Relaxed), ..WalStats::default() };
        for (count, counter) in stats.groups.iter_mut().zip(&self.groups) {
            *count = counter.load(Ordering::Relaxed);
        }
        for (count, counter) in stats.syncs.iter_mut().zip(&self.syncs) {
            *count = counter.load(Ordering::Relaxed);
        }
        stats.sync_duration = Duration::from_nanos(self.sync_nanos.load(Ordering::Relaxed));
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_syncs_are_counted_in_their_buckets() {
        let counters = WalCounters::default();
        for records in [1, 2, 3, 1_000] {
            counters.add_group(records);
        }
        for micros in [250, 251, 10_000_000] {
            counters.add_sync(Duration::from_micros(micros));
        }
        let stats = counters.load();
        assert_eq!((stats.records, stats.groups), (1_006, [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(stats.syncs, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(stats.sync_duration, Duration::from_micros(10_000_501));
    }
}
