//! Bounded cache of SSTs that are open for reading, shared by all snapshots of an opening.

use std::fmt;
use std::sync::{Arc, Weak};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use uuid::Uuid;

use super::held_files::HeldFiles;
use crate::format::sst::{DeterministicHasher, IndexPages, IoCounters, IoCountersSnapshot, PageCache, SstReader};
use crate::platform::env::{Dir, IdleFiles};
use crate::state::file_id::FileId;
use crate::state::version::SstMeta;
use crate::types::error::Result;
use crate::types::options::MemoryShares;

/// Minimum number of open files that a reader without a lock caches besides the held ones.
const MIN_OPEN_FILES: usize = 16;

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

/// Bounded cache of open SSTs. A reader that nothing else holds is idle.
#[derive(Debug)]
pub(super) struct SstReaderCache<W>(Cache<FileId, Arc<SstReader>, W, DeterministicHasher>);

impl<W> SstReaderCache<W>
where
    W: Weighter<FileId, Arc<SstReader>> + Clone + fmt::Debug + Send + Sync + 'static,
{
    /// Creates a cache of readers with a total weight up to `capacity`, and registers it with the directory.
    pub(super) fn new(dir: &Dir, estimated_readers: usize, capacity: u64, weighter: W) -> Arc<Self> {
        let (hasher, lifecycle) = (DeterministicHasher::default(), DefaultLifecycle::default());
        let cache = Arc::new(Self(Cache::with(estimated_readers, capacity, weighter, hasher, lifecycle)));
        let idle: Weak<Self> = Arc::downgrade(&cache);
        dir.add_idle_files(idle);
        cache
    }

    /// Returns the reader of an SST; opens it with `open` if it is not open.
    pub(super) fn get(&self, id: FileId, open: impl FnOnce() -> Result<SstReader>) -> Result<Arc<SstReader>> {
        self.0.get_or_insert_with(&id, || open().map(Arc::new))
    }
}

impl<W> IdleFiles for SstReaderCache<W>
where
    W: Weighter<FileId, Arc<SstReader>> + Clone + fmt::Debug + Send + Sync + 'static,
{
    fn close_idle(&self) -> usize {
        let before = self.0.len();
        self.0.retain(|_, reader| Arc::strong_count(reader) > 1);
        before.saturating_sub(self.0.len())
    }
}

/// Cache of open SSTs, with the cache of their index pages.
#[derive(Debug)]
pub(crate) struct OpenFileCache {
    dir: Dir,
    uuid: Uuid,
    files: Arc<SstReaderCache<OpenFileWeight>>,
    pages: Arc<PageCache>,
    /// Files that another process may remove; `None` in the process that writes.
    held: Option<HeldFiles>,
}

impl OpenFileCache {
    /// Creates the cache, which keeps at most `max_open_files` files open, and registers it with the directory.
    ///
    /// `shared_pages` is for index pages, instead of the share of the budget.
    pub(super) fn new(
        dir: Dir,
        uuid: Uuid,
        shares: &MemoryShares,
        max_open_files: usize,
        shared_pages: Option<&Arc<IndexPages>>,
    ) -> Self {
        let max_open_files = max_open_files as u64;
        // Half of the share is for open files, half for the scratch pool.
        let min_bytes = (shares.open_files as u64 / 2).div_ceil(max_open_files).max(1);
        let files = SstReaderCache::new(&dir, 256, min_bytes * max_open_files, OpenFileWeight { min_bytes });
        let counters = Arc::new(IoCounters::default());
        let pages = match shared_pages {
            Some(pages) => PageCache::sharing(Arc::clone(pages), counters),
            None => PageCache::new(shares.index_cache, counters),
        };
        Self { dir, uuid, files, pages: Arc::new(pages), held: None }
    }

    /// Creates the cache of a reader without a lock, which keeps up to `max_held_files` files open for its snapshots.
    pub(super) fn with_held_files(
        dir: Dir,
        uuid: Uuid,
        shares: &MemoryShares,
        max_held_files: usize,
        shared_pages: Option<&Arc<IndexPages>>,
    ) -> Self {
        let held = Some(HeldFiles::new(max_held_files));
        Self { held, ..Self::new(dir, uuid, shares, max_held_files.max(MIN_OPEN_FILES), shared_pages) }
    }

    /// Keeps the files of a version open until nothing refers to their entries. Returns the number of opened files.
    ///
    /// # Errors
    /// Those of the operating system; a file may have been removed.
    pub(super) fn hold(&self, ssts_newest_last: &[Arc<SstMeta>]) -> Result<u64> {
        let Some(held) = &self.held else { return Ok(0) };
        held.hold(&self.dir, ssts_newest_last)
    }

    /// Closes the files to whose entries nothing refers any more.
    pub(crate) fn release_unused(&self) {
        let Some(held) = &self.held else { return };
        // The bytes of a removed file stay on the disk while the cache has it open.
        for id in held.release_unused() {
            self.evict(id);
        }
    }

    /// Returns the reader of an SST. Opens and checks the file if it is not open yet.
    ///
    /// # Errors
    /// Those of [`SstReader::open`].
    pub(crate) fn get(&self, meta: &SstMeta) -> Result<Arc<SstReader>> {
        self.files.get(meta.id, || {
            let pages = Arc::clone(&self.pages);
            match &self.held {
                None => SstReader::open(&self.dir, self.uuid, meta, pages),
                Some(held) => {
                    held.open(&self.dir, meta).and_then(|file| SstReader::with_file(file, self.uuid, meta, pages))
                }
            }
        })
    }

    /// Removes a file from the cache, before it is removed from the directory.
    pub(super) fn evict(&self, id: FileId) {
        self.files.0.remove(&id);
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
