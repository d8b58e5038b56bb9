//! What an opening shares with other openings of the process.

use std::sync::Arc;

use crate::format::sst::IndexPages;
use crate::sync::Permit;

/// Caches and memory of an opening that belong to a group of openings.
#[derive(Debug, Default)]
pub(crate) struct SharedResources {
    /// Cache of index pages; `None` if the opening has a cache of its own.
    pub(crate) index_pages: Option<Arc<IndexPages>>,
    /// Share of the memory, returned when the opening ends; `None` without a bound.
    pub(crate) memory: Option<Permit>,
}
