//! Bounded cache of SSTs that are open for reading, shared by all snapshots of an opening.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use uuid::Uuid;

use crate::format::sst::{DeterministicHasher, IoCounters, IoCountersSnapshot, PageCache, SstReader};
use crate::platform::env::Dir;
use crate::state::file_id::FileId;
use crate::state::version::SstMeta;
use crate::types::error::Result;
use crate::types::options::MemoryShares;

/// Maximum number of open files that are kept.
///
/// It is well under the usual limit of 1,024 descriptors per process.
const MAX_OPEN_FILES: u64 = 256;

/// Weight of an open file: its memory, but at least `min_bytes`, which bounds the number of files.
#[derive(Debug, Clone)]
struct OpenFileWeight {
    min_bytes: u64,
}

impl Weighter<FileId, Arc<SstReader>> for OpenFileWeight {
    fn weight(&self, _: &FileId, reader: &Arc<SstReader>) -> u64 {
        (reader.byte_len() as u64).max(self.min_bytes)
    }
}

/// Cache of open SSTs, with the cache of their index pages.
#[derive(Debug)]
pub(crate) struct OpenFileCache {
    dir: Dir,
    uuid: Uuid,
    files: Cache<FileId, Arc<SstReader>, OpenFileWeight, DeterministicHasher>,
    pages: Arc<PageCache>,
}

impl OpenFileCache {
    pub(super) fn new(dir: Dir, uuid: Uuid, shares: &MemoryShares) -> Self {
        // Half of the share is for open files, half for the scratch pool.
        let min_bytes = (shares.open_files as u64 / 2).div_ceil(MAX_OPEN_FILES).max(1);
        let files = Cache::with(
            256,
            min_bytes * MAX_OPEN_FILES,
            OpenFileWeight { min_bytes },
            DeterministicHasher::default(),
            DefaultLifecycle::default(),
        );
        Self { dir, uuid, files, pages: Arc::new(PageCache::new(shares.index_cache, Arc::new(IoCounters::default()))) }
    }

    /// Returns the reader of an SST. Opens and checks the file if it is not open yet.
    ///
    /// # Errors
    /// Those of [`SstReader::open`].
    pub(crate) fn get(&self, meta: &SstMeta) -> Result<Arc<SstReader>> {
        self.files.get_or_insert_with(&meta.id, || {
            SstReader::open(&self.dir, self.uuid, meta, Arc::clone(&self.pages)).map(Arc::new)
        })
    }

    /// Removes a file from the cache, before it is removed from the directory.
    pub(super) fn evict(&self, id: FileId) {
        self.files.remove(&id);
    }

    /// Returns the directory of the files.
    pub(super) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Returns the uuid of the database.
    pub(super) fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Returns the counters of reads since the opening.
    pub(crate) fn io_counts(&self) -> IoCountersSnapshot {
        self.pages.counters().counts()
    }
}
