//! What the databases of a runtime share beside their queries: index pages and memory.

use std::sync::Arc;

use crate::engine::threads::SharedResources;
use crate::format::sst::IndexPages;
use crate::sync::Permits;
use crate::types::error::{Error, Result};
use crate::types::options::Options;

/// Unit of the memory that is divided among databases, in bytes. Both are rounded down, so that parts of the memory fit.
const UNIT_BYTES: usize = 64 << 10;
/// Smallest memory budget of a database, in bytes.
pub(super) const MIN_DATABASE_BYTES: usize = 64 << 20;

/// Resources of a group of databases, each of which may be without a bound.
#[derive(Default)]
pub(super) struct StorageShare {
    /// `None` if each database has a cache of its own.
    pub(super) index_pages: Option<Arc<IndexPages>>,
    pub(super) memory: Option<StorageMemory>,
}

/// Memory that databases divide among themselves: each takes its budget while it is open.
pub(super) struct StorageMemory {
    units: Permits,
    total_bytes: usize,
}

impl StorageMemory {
    pub(super) fn new(total_bytes: usize) -> Self {
        Self { units: Permits::new(total_bytes / UNIT_BYTES), total_bytes }
    }

    /// Returns the bytes that open databases have taken.
    pub(super) fn taken_bytes(&self) -> usize {
        self.units.in_use() * UNIT_BYTES
    }
}

impl StorageShare {
    /// Returns the options and the resources of a database that is opened.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] if the memory that is left is less than the budget.
    pub(super) fn for_opening(
        &self,
        mut options: Options,
        has_memory_budget: bool,
    ) -> Result<(Options, SharedResources)> {
        if self.index_pages.is_some() {
            options = options.without_index_cache();
        }
        let mut memory = None;
        if let Some(shared) = &self.memory {
            if !has_memory_budget {
                options.memory_budget = (shared.total_bytes / 4).max(MIN_DATABASE_BYTES);
            }
            let budget = options.memory_budget;
            let fits = budget <= shared.total_bytes;
            memory = fits.then(|| shared.units.try_acquire(budget / UNIT_BYTES)).flatten();
            if memory.is_none() {
                let left = shared.total_bytes - shared.taken_bytes();
                let detail = format!(
                    "{budget} bytes are needed, and the runtime has {left} left of {} for its databases",
                    shared.total_bytes
                );
                return Err(Error::InvalidOption { option: "memory_budget", detail });
            }
        }
        Ok((options, SharedResources { index_pages: self.index_pages.clone(), memory }))
    }
}
