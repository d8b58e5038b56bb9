//! SSTs open for reading, shared by every snapshot, and the directory's lock, which they hold together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use uuid::Uuid;

use crate::actor::Pinned;
use crate::env::{Dir, Lock};
use crate::error::Result;
use crate::options::Shares;
use crate::sst::{BlockScratch, IoCounters, IoCounts, PageCache, SstReader, SteadyHasher};
use crate::version::{FileId, SstMeta};

/// Open files kept for the next read: well under the usual limit of 1,024 descriptors a process.
const OPEN_FILES: u64 = 256;

/// Decoding buffers kept for the next scan, and how large one may be.
const SCRATCHES: usize = 32;
const SCRATCH_BYTES: usize = 256 << 10;

/// An open file weighs what it holds in memory, and so much at least that there are never too many.
#[derive(Debug, Clone)]
struct OpenBytes {
    least: u64,
}

impl Weighter<FileId, Arc<SstReader>> for OpenBytes {
    fn weight(&self, _: &FileId, reader: &Arc<SstReader>) -> u64 {
        (reader.byte_len() as u64).max(self.least)
    }
}

/// What a snapshot reads SSTs through.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(super) dir: Dir,
    uuid: Uuid,
    open: Cache<FileId, Arc<SstReader>, OpenBytes, SteadyHasher>,
    pages: Arc<PageCache>,
    /// Buffers between two scans: making one costs as much as decoding thousands of points.
    scratches: Mutex<Vec<BlockScratch>>,
    most_scratches: usize,
    /// Kept up by the store.
    pub(super) wal_bytes: AtomicU64,
    pinned: Mutex<Pinned>,
    _lock: Box<dyn Lock>,
}

impl Readers {
    pub(super) fn new(dir: Dir, uuid: Uuid, shares: &Shares, lock: Box<dyn Lock>) -> Self {
        let pages = Arc::new(PageCache::new(shares.index_cache, Arc::new(IoCounters::default())));
        // Half for open files, half for buffers.
        let least = (shares.open_files as u64 / 2).div_ceil(OPEN_FILES).max(1);
        Self {
            dir,
            uuid,
            open: Cache::with(
                256,
                least * OPEN_FILES,
                OpenBytes { least },
                SteadyHasher::default(),
                DefaultLifecycle::default(),
            ),
            pages,
            scratches: Mutex::default(),
            most_scratches: (shares.open_files / 2 / SCRATCH_BYTES).clamp(1, SCRATCHES),
            wal_bytes: AtomicU64::new(0),
            pinned: Mutex::default(),
            _lock: lock,
        }
    }

    /// The open file of an SST, opened and checked now if it is not open yet.
    pub(crate) fn open(&self, meta: &SstMeta) -> Result<Arc<SstReader>> {
        self.open.get_or_insert_with(&meta.id, || {
            SstReader::open(&self.dir, self.uuid, meta, Arc::clone(&self.pages)).map(Arc::new)
        })
    }

    /// The database's identity.
    pub(super) fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// A buffer for decoding, to be given back.
    pub(crate) fn take_scratch(&self) -> BlockScratch {
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, scratch: BlockScratch) {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if scratches.len() < self.most_scratches && scratch.byte_len() <= SCRATCH_BYTES {
            scratches.push(scratch);
        }
    }

    /// What reading has cost since the opening.
    pub(crate) fn io_counts(&self) -> IoCounts {
        self.pages.counters().counts()
    }

    /// Lets go of a file that is about to be removed.
    pub(super) fn forget(&self, id: FileId) {
        self.open.remove(&id);
    }

    pub(super) fn note_pinned(&self, pinned: Pinned) {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = pinned;
    }

    /// What only old snapshots and scans still hold.
    pub(crate) fn pinned(&self) -> Pinned {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago something was, by the clock that `since` is of.
    pub(crate) fn elapsed(&self, since: Duration) -> Duration {
        self.dir.env().now().saturating_sub(since)
    }

    /// What a reopening would read of the WAL.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Relaxed)
    }
}
