//! Statistics of the writer's storage, for `Stats`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::actor::PinStats;

/// Statistics that the writer updates and that any thread may read.
#[derive(Debug, Default)]
pub(crate) struct StorageStats {
    wal_bytes: AtomicU64,
    pins: Mutex<PinStats>,
}

impl StorageStats {
    pub(super) fn set_wal_bytes(&self, bytes: u64) {
        self.wal_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the number of bytes of the WAL that an opening would read.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_pins(&self, pins: PinStats) {
        *self.pins.lock().unwrap_or_else(PoisonError::into_inner) = pins;
    }

    /// Returns the totals of the retired files and memtables.
    pub(crate) fn pins(&self) -> PinStats {
        *self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
