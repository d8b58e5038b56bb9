//! Index pages in memory, shared by all readers and bounded in bytes.
//! Promises that a page is in it only after its checksum was found right, and that its bytes stay within the bound.

use std::hash::{BuildHasherDefault, DefaultHasher};

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::counters::IoCounters;
use crate::error::Result;
use crate::sync::Arc;
use crate::version::FileId;

/// What a page takes beside its bytes: key, pointers, and the cache's own record of it.
const OVERHEAD_BYTES: usize = 96;

/// A page's bytes without its checksum.
pub(super) type Page = Arc<[u8]>;

/// File and number of the index page in it. File ids are never reused, so a page of a removed file merely ages out.
type PageId = (FileId, usize);

/// The same from run to run, so that what is read past a cache repeats with its cause: its keys are numbers of ours, which
/// nobody can choose.
pub(crate) type SteadyHasher = BuildHasherDefault<DefaultHasher>;

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<PageId, Page> for Bytes {
    fn weight(&self, _: &PageId, page: &Page) -> u64 {
        (page.len() + OVERHEAD_BYTES) as u64
    }
}

/// The cache, and the counters of what is read past it. What was not used for long goes first, by S3-FIFO's close
/// kin of least-recently-used, which a scan over everything does not wash out.
#[derive(Debug)]
pub(crate) struct PageCache {
    pages: Cache<PageId, Page, Bytes, SteadyHasher>,
    counters: Arc<IoCounters>,
}

impl PageCache {
    /// A cache of at most so many bytes.
    pub(crate) fn new(bytes: usize, counters: Arc<IoCounters>) -> Self {
        let pages = Cache::with(
            bytes / super::top::PAGE_BYTES + 1,
            bytes as u64,
            Bytes,
            SteadyHasher::default(),
            DefaultLifecycle::default(),
        );
        Self { pages, counters }
    }

    /// Bytes held now.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.weight()
    }

    pub(crate) fn counters(&self) -> &Arc<IoCounters> {
        &self.counters
    }

    /// The page, loaded if it is not here; of threads that miss it together one loads and the others wait.
    pub(super) fn get(&self, file: FileId, number: usize, load: impl FnOnce() -> Result<Page>) -> Result<Page> {
        self.pages.get_or_insert_with(&(file, number), load)
    }
}
