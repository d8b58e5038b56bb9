//! Cache of index pages, bounded in bytes: of all SST readers of an opening, or of the openings that share a runtime.
//!
//! Only pages whose checksum was valid enter the cache.

use std::hash::{BuildHasherDefault, DefaultHasher};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::counters::IoCounters;
use crate::state::file_id::FileId;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::error::Result;

/// Memory per cached page apart from its content, in bytes: key, pointers, and bookkeeping of the cache.
const OVERHEAD_BYTES: usize = 96;

/// Content of a page without its checksum.
pub(super) type PageBytes = Arc<[u8]>;

/// Owner of the file, file id, and number of the index page in the file. File ids of an owner are never reused, so pages of
/// removed files need no invalidation: they are evicted like others.
type PageId = (u64, FileId, usize);

/// Builder of hashers without a random seed.
///
/// So cache misses and disk reads are the same in every run of a simulation. A seed is not needed: the keys are
/// internal numbers, so an attacker cannot choose them to collide.
pub(crate) type DeterministicHasher = BuildHasherDefault<DefaultHasher>;

/// Rule for the weight of a cached page in bytes: its length and [`OVERHEAD_BYTES`].
#[derive(Debug, Clone)]
struct PageWeigher;

impl Weighter<PageId, PageBytes> for PageWeigher {
    fn weight(&self, _: &PageId, page: &PageBytes) -> u64 {
        (page.len() + OVERHEAD_BYTES) as u64
    }
}

/// Index pages in memory, of one opening or of all openings that share a runtime.
///
/// Eviction is a variant of S3-FIFO (Yang et al., SOSP 2023). It resembles least-recently-used, but a scan over all
/// pages does not evict pages that are used often.
#[derive(Debug)]
pub(crate) struct IndexPages {
    pages: Cache<PageId, PageBytes, PageWeigher, DeterministicHasher>,
    next_owner: AtomicU64,
}

impl IndexPages {
    /// Creates a cache whose pages weigh at most `bytes` bytes together.
    pub(crate) fn new(bytes: usize) -> Self {
        let pages = Cache::with(
            bytes / super::top_page::MAX_PAGE_BYTES + 1,
            bytes as u64,
            PageWeigher,
            DeterministicHasher::default(),
            DefaultLifecycle::default(),
        );
        Self { pages, next_owner: AtomicU64::new(0) }
    }

    /// Returns the current weight in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.weight()
    }
}

/// Cache of the index pages of one opening, with the counters of its readers.
#[derive(Debug)]
pub(crate) struct PageCache {
    pages: Arc<IndexPages>,
    /// Distinguishes the files of the openings that share the pages.
    owner: u64,
    counters: Arc<IoCounters>,
}

impl PageCache {
    /// Creates a cache whose pages weigh at most `bytes` bytes together.
    pub(crate) fn new(bytes: usize, counters: Arc<IoCounters>) -> Self {
        Self::sharing(Arc::new(IndexPages::new(bytes)), counters)
    }

    /// Creates a cache that shares the bound of `pages` with others, but none of their pages.
    pub(crate) fn sharing(pages: Arc<IndexPages>, counters: Arc<IoCounters>) -> Self {
        let owner = pages.next_owner.fetch_add(1, Ordering::Relaxed);
        Self { pages, owner, counters }
    }

    /// Returns the current weight in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.bytes()
    }

    /// Returns the counters of all readers that share this cache.
    pub(crate) fn counters(&self) -> &Arc<IoCounters> {
        &self.counters
    }

    /// Returns a page, and loads it if it is not cached. If several threads miss the same page, one thread loads it and
    /// the others wait.
    pub(super) fn get(
        &self,
        file: FileId,
        number: usize,
        load: impl FnOnce() -> Result<PageBytes>,
    ) -> Result<PageBytes> {
        self.pages.pages.get_or_insert_with(&(self.owner, file, number), load)
    }
}

/// The pages of a closed database must not take room of those of the others.
impl Drop for PageCache {
    fn drop(&mut self) {
        if Arc::strong_count(&self.pages) > 1 {
            self.pages.pages.retain(|(owner, _, _), _| *owner != self.owner);
        }
    }
}
