//! State that the snapshots of an opening share.
//!
//! It is the cache of open files, the pool of decoding buffers, statistics, and the lock of the directory.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::open_files::OpenFileCache;
use super::recovery_input::DirectoryLock;
use super::scratch_pool::ScratchPool;
use super::storage_stats::StorageStats;
use crate::format::sst::IndexPages;
use crate::platform::env::Dir;
use crate::types::options::MemoryShares;

/// State for reads, shared by the engine, the writer's storage and every snapshot of an opening.
///
/// The directory is unlocked when the last of them is dropped.
#[derive(Debug)]
pub(crate) struct ReadContext {
    pub(crate) files: OpenFileCache,
    pub(crate) scratches: ScratchPool,
    pub(crate) stats: StorageStats,
    /// Lock of the directory, released when this is dropped; `None` in a reader without a lock.
    _lock: Option<DirectoryLock>,
}

impl ReadContext {
    pub(super) fn new(
        dir: Dir,
        uuid: Uuid,
        shares: &MemoryShares,
        max_open_files: usize,
        shared_pages: Option<&Arc<IndexPages>>,
        lock: DirectoryLock,
    ) -> Self {
        let files = OpenFileCache::new(dir, uuid, shares, max_open_files, shared_pages);
        Self::with_files(files, shares, Some(lock))
    }

    /// Creates the context of a reader without a lock, which keeps up to `max_held_files` files open.
    pub(super) fn without_lock(
        dir: Dir,
        uuid: Uuid,
        shares: &MemoryShares,
        max_held_files: usize,
        shared_pages: Option<&Arc<IndexPages>>,
    ) -> Self {
        let files = OpenFileCache::with_held_files(dir, uuid, shares, max_held_files, shared_pages);
        Self::with_files(files, shares, None)
    }

    fn with_files(files: OpenFileCache, shares: &MemoryShares, lock: Option<DirectoryLock>) -> Self {
        Self { files, scratches: ScratchPool::new(shares), stats: StorageStats::default(), _lock: lock }
    }

    /// Returns the wall clock in nanoseconds since the Unix epoch.
    pub(crate) fn wall_clock_nanos(&self) -> i64 {
        self.files.dir().env().wall_clock_nanos()
    }

    /// Returns the time since `since`, a reading of the monotonic clock.
    pub(crate) fn elapsed(&self, since: Duration) -> Duration {
        self.files.dir().env().monotonic_now().saturating_sub(since)
    }
}
