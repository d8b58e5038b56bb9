//! Search for the latest points of many series: source by source, the newest first.
//!
//! A source whose last time is before the latest point that was found of a series is not searched for this series. So
//! most series are found in the newest memtables and files, and each index page is read at most once.

use std::sync::Arc;

use super::catalog::CursorOptions;
use super::limits::QueryBudget;
use super::snapshot::SnapshotState;
use super::sst_cursor::SstCursor;
use crate::format::sst::Columns;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::memtable::{ChunkList, MemtableView};
use crate::state::merge::partition_point_galloping;
use crate::state::version::SstMeta;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::series::SeriesInfo;
use crate::types::time_range::TimeRange;

/// Maximum read-ahead in bytes; one file is read at a time.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// Number of series between two checks for cancellation and of the deadline.
const SERIES_PER_CHECK: usize = 1024;

/// Latest point of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatestPoint {
    /// Nanoseconds since the Unix epoch.
    pub(super) time: i64,
    pub(super) bits: u64,
    /// Source of the point; sources are numbered from the oldest to the newest.
    source: usize,
}

/// Points of one kind in a version, in ascending order of age.
enum Source<'a> {
    Sst(&'a Arc<SstMeta>),
    Memtable { view: &'a MemtableView, list: ChunkList, max_seq: u64 },
}

/// Search for the latest point in a range of each of several series.
pub(super) struct LatestSearch<'a> {
    state: &'a SnapshotState,
    /// In ascending order of ids.
    series: &'a [Arc<SeriesInfo>],
    range: TimeRange,
    found: Vec<Option<LatestPoint>>,
}

impl<'a> LatestSearch<'a> {
    pub(super) fn new(state: &'a SnapshotState, series: &'a [Arc<SeriesInfo>], range: TimeRange) -> Self {
        Self { state, series, range, found: vec![None; series.len()] }
    }

    /// Searches all sources. Returns the point of each series; incomplete once the query was cancelled or has failed.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded); errors of opening and reading files.
    pub(super) fn run(mut self, budget: &QueryBudget<'_>) -> Result<Vec<Option<LatestPoint>>> {
        let version = &self.state.version;
        let mut sources: Vec<(i64, usize, Source<'a>)> = Vec::new();
        for meta in version.ssts.iter().filter(|meta| meta.rectangle.times.overlaps(self.range)) {
            sources.push((meta.rectangle.times.last(), sources.len(), Source::Sst(meta)));
        }
        let frozen = version.frozen.iter().map(|frozen| (&frozen.view, frozen.max_seq));
        for (view, max_seq) in frozen.chain([(&version.active, u64::MAX)]) {
            let Some(times) = view.time_range().filter(|times| times.overlaps(self.range)) else { continue };
            for list in [ChunkList::InOrder, ChunkList::Late] {
                sources.push((times.last(), sources.len(), Source::Memtable { view, list, max_seq }));
            }
        }
        sources.sort_by_key(|(last, number, _)| std::cmp::Reverse((*last, *number)));
        for (last, number, source) in sources {
            let end = last.min(self.range.last());
            match source {
                Source::Sst(meta) => self.search_sst(meta, end, number, budget)?,
                Source::Memtable { view, list, max_seq } => self.search_memtable(view, list, (end, number, max_seq)),
            }
            if !budget.check_continue()? {
                break;
            }
        }
        Ok(self.found)
    }

    /// Returns `true` if a source whose last time is `end` may have a later point of a series than the one found.
    fn may_be_later(&self, at: usize, end: i64, source: usize) -> bool {
        let Some(found) = self.found[at] else { return true };
        let is_greater_rank = || {
            let duplicates = self.series[at].duplicates;
            rank(duplicates, found.source) < rank(duplicates, source)
        };
        found.time < end || found.time == end && is_greater_rank()
    }

    fn keep_later(&mut self, at: usize, point: Option<(i64, u64)>, source: usize) {
        if let Some((time, bits)) = point.filter(|(time, _)| self.may_be_later(at, *time, source)) {
            self.found[at] = Some(LatestPoint { time, bits, source });
        }
    }

    fn search_sst(&mut self, meta: &Arc<SstMeta>, end: i64, source: usize, budget: &QueryBudget<'_>) -> Result<()> {
        let (first, last) = (meta.rectangle.first_series, meta.rectangle.last_series);
        let from = self.series.partition_point(|info| info.id < first);
        let until = self.series.partition_point(|info| info.id <= last);
        let options = CursorOptions { range: self.range, columns: Columns::Both, counters: None };
        let mut cursor = None;
        for at in from..until {
            if at % SERIES_PER_CHECK == 0 && !budget.check_continue()? {
                return Ok(());
            }
            if !self.may_be_later(at, end, source) {
                continue;
            }
            let info = &self.series[at];
            let hidden = self.state.version.hidden_ranges(info, meta.max_seq);
            if hides_all(&hidden, meta.rectangle.times.intersection(self.range)) {
                continue;
            }
            let cursor = if let Some(cursor) = &mut cursor {
                cursor
            } else {
                let context = Arc::clone(self.state.read_context()?);
                cursor.insert(SstCursor::new(context, Arc::clone(meta), options.clone(), source, READ_AHEAD_BYTES))
            };
            let point = cursor.newest_point(info, &hidden)?;
            self.keep_later(at, point, source);
        }
        Ok(())
    }

    fn search_memtable(&mut self, view: &MemtableView, list: ChunkList, (end, source, max_seq): (i64, usize, u64)) {
        let series = self.series;
        let is_dense = view.series_count() > series.len() / 4;
        let mut search = |at: usize| {
            if self.may_be_later(at, end, source)
                && let Some(reader) = view.list_reader(series[at].id, list, self.range)
            {
                let hidden = self.state.version.hidden_ranges(&series[at], max_seq);
                let point = reader.newest_visible(&hidden, series[at].duplicates);
                self.keep_later(at, point.map(|point| (point.timestamp, point.bits)), source);
            }
        };
        if is_dense {
            (0..series.len()).for_each(search);
            return;
        }
        // Few of the series are in the memtable.
        let mut from = 0;
        for id in view.series() {
            from += partition_point_galloping(&series[from..], |info: &Arc<SeriesInfo>| info.id < id);
            if series.get(from).is_some_and(|info| info.id == id) {
                search(from);
            }
        }
    }
}

/// Returns the rank of a source: of two points at one time, the one of the greater rank counts.
fn rank(duplicates: DuplicatePolicy, source: usize) -> usize {
    if duplicates == DuplicatePolicy::KeepFirst { usize::MAX - source } else { source }
}

fn hides_all(hidden: &HiddenRanges, times: TimeRange) -> bool {
    !hidden.is_empty() && hidden.covers(times)
}
