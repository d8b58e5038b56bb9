//! Statistics of the writer's storage, for `Stats`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::wal_stats::{WalCounters, WalStats};
use crate::engine::actor::PinStats;
use crate::types::error::{Error, ErrorKind};
use crate::types::point::Timestamp;

/// Statistics that the writer updates and that any thread may read.
#[derive(Debug, Default)]
pub(crate) struct StorageStats {
    /// Groups and syncs of the WAL.
    pub(super) wal: WalCounters,
    wal_bytes: AtomicU64,
    spare_wal_bytes: AtomicU64,
    reserve_bytes: AtomicU64,
    pins: Mutex<PinStats>,
    read_only: OnceLock<ReadOnlyState>,
    failed_flush: Mutex<Option<FailedFlush>>,
}

/// Since when, and why, a database is read-only; see [`Stats::read_only`](crate::Stats::read_only).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReadOnlyState {
    /// Wall clock when the database became read-only.
    pub since: Timestamp,
    /// Kind of the failure that made it read-only, such as [`StorageFull`](ErrorKind::StorageFull) or
    /// [`Io`](ErrorKind::Io).
    pub kind: ErrorKind,
    /// Text of that failure, without a next step.
    pub cause: String,
}

/// Since when, and why, flushes fail; see [`Stats::failed_flush`](crate::Stats::failed_flush).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FailedFlush {
    /// Wall clock of the first failure after the last success.
    pub since: Timestamp,
    /// Kind of the last failure, such as [`StorageFull`](ErrorKind::StorageFull).
    pub kind: ErrorKind,
    /// Text of the last failure, without a next step.
    pub cause: String,
}

impl StorageStats {
    pub(super) fn set_wal_bytes(&self, replay_bytes: u64, spare_bytes: u64) {
        self.wal_bytes.store(replay_bytes, Ordering::Relaxed);
        self.spare_wal_bytes.store(spare_bytes, Ordering::Relaxed);
    }

    /// Returns the counts of the groups and the syncs of the WAL.
    pub(crate) fn wal(&self) -> WalStats {
        self.wal.load()
    }

    /// Returns the number of bytes of the WAL that an opening would read.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Relaxed)
    }

    /// Returns the total length of the spare WAL segments, in bytes.
    pub(crate) fn spare_wal_bytes(&self) -> u64 {
        self.spare_wal_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_reserve_bytes(&self, bytes: u64) {
        self.reserve_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the length of the reserves for a full disk, in bytes.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.reserve_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_pins(&self, pins: PinStats) {
        *self.pins.lock().unwrap_or_else(PoisonError::into_inner) = pins;
    }

    /// Records the error of the last flush; `None` after a success.
    pub(super) fn set_failed_flush(&self, error: Option<&Error>, wall_clock_nanos: i64) {
        let mut failed = self.failed_flush.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failed.take().map_or(Timestamp::from_nanos(wall_clock_nanos), |before| before.since);
        *failed = error.map(|error| FailedFlush { since, kind: error.kind(), cause: error.summary().to_string() });
    }

    /// Returns since when, and why, flushes fail; `None` after a success.
    pub(crate) fn failed_flush(&self) -> Option<FailedFlush> {
        self.failed_flush.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the totals of the retired files and memtables.
    pub(crate) fn pins(&self) -> PinStats {
        *self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the database became read-only. The first failure counts.
    pub(super) fn set_read_only(&self, cause: &Error, wall_clock_nanos: i64) {
        // The root cause: "the outcome is unknown" describes the write that met the failure.
        let cause = cause.root_cause();
        let since = Timestamp::from_nanos(wall_clock_nanos);
        self.read_only.get_or_init(|| ReadOnlyState { since, kind: cause.kind(), cause: cause.summary().to_string() });
    }

    /// Returns since when, and why, the database is read-only; `None` while it is writable.
    pub(crate) fn read_only(&self) -> Option<&ReadOnlyState> {
        self.read_only.get()
    }
}
