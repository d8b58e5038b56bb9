//! Ids of the segments in the directory, listed again only if the directory has changed.

use std::sync::Arc;
use std::time::Duration;

use crate::format::wal::list_segments;
use crate::platform::env::{ChangeTimes, Dir};
use crate::state::file_id::FileId;
use crate::types::error::Result;

/// Time without a change after which a listing is used again.
///
/// File systems store times in steps of up to two seconds: a change in the same step would go unnoticed.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The last listing of the segments.
#[derive(Debug, Default)]
pub(super) struct SegmentListing {
    ids: Arc<[FileId]>,
    /// Times of the directory that the listing belongs to; `None` if it must not be used again.
    settled: Option<ChangeTimes>,
    /// Times of the directory that were found last, and the monotonic time at which they were found first.
    found: Option<(ChangeTimes, Duration)>,
}

impl SegmentListing {
    /// Returns the ids of the segments, ascending. Lists the directory unless it has not changed for a while.
    pub(super) fn ids(&mut self, dir: &Dir) -> Result<Arc<[FileId]>> {
        // Before the listing: a change meanwhile leads to another one.
        let times = dir.change_times();
        if times.is_none() || self.settled != times {
            let now = dir.env().monotonic_now();
            let known = self.found.filter(|(found, _)| Some(*found) == times);
            self.found = known.or(times.map(|times| (times, now)));
            self.settled = None;
            self.ids = list_segments(dir)?.into();
            let is_settled = |since: Duration| now.saturating_sub(since) >= SETTLED_AFTER;
            self.settled = self.found.filter(|(_, since)| is_settled(*since)).map(|(times, _)| times);
        }
        Ok(Arc::clone(&self.ids))
    }
}
