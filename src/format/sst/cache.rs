//! Cache of index pages, shared by all SST readers and bounded in bytes.
//!
//! Only pages whose checksum was valid enter the cache.

use std::hash::{BuildHasherDefault, DefaultHasher};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::counters::IoCounters;
use crate::state::file_id::FileId;
use crate::sync::Arc;
use crate::types::error::Result;

/// Memory per cached page apart from its content, in bytes: key, pointers, and bookkeeping of the cache.
const OVERHEAD_BYTES: usize = 96;

/// Content of a page without its checksum.
pub(super) type PageBytes = Arc<[u8]>;

/// File id, and number of the index page in the file. File ids are never reused, so pages of removed files need no
/// invalidation: they are evicted like others.
type PageId = (FileId, usize);

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

/// Cache of index pages with the counters of its readers.
///
/// Eviction is a variant of S3-FIFO (Yang et al., SOSP 2023). It resembles least-recently-used, but a scan over all
/// pages does not evict pages that are used often.
#[derive(Debug)]
pub(crate) struct PageCache {
    pages: Cache<PageId, PageBytes, PageWeigher, DeterministicHasher>,
    counters: Arc<IoCounters>,
}

impl PageCache {
    /// Creates a cache whose pages weigh at most `bytes` bytes together.
    pub(crate) fn new(bytes: usize, counters: Arc<IoCounters>) -> Self {
        let pages = Cache::with(
            bytes / super::top_page::MAX_PAGE_BYTES + 1,
            bytes as u64,
            PageWeigher,
            DeterministicHasher::default(),
            DefaultLifecycle::default(),
        );
        Self { pages, counters }
    }

    /// Returns the current weight in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.weight()
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
        self.pages.get_or_insert_with(&(file, number), load)
    }
}
