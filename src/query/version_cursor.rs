//! Cursor over the points of a version, series by series: files first.
//!
//! Each file has one cursor, which moves forward through its index while the ids of the series ascend. So a scan of many
//! series reads each index page once, in order, instead of looking up every series in every file.
//!
//! ```text
//!   file 0   [ 1 1 2 4 4 5 .. ]        waiting: files whose first series is not reached yet
//!                  ^                   active:  files with the current series, oldest first
//!   file 1   [ 2 3 3 5 .. ]
//!              ^                       start(2): the blocks of series 2 of both files are merged
//! ```

use std::sync::Arc;

use super::catalog::{CursorOptions, MergeCursor};
use super::memtable_source::MemtableSource;
use super::snapshot::SnapshotState;
use super::sst_cursor::SstCursor;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::memtable::{ChunkList, MemtableView, RawPoint};
use crate::state::merge::{MergeIterator, PointSource, RunSummary};
use crate::state::version::SstMeta;
use crate::types::error::Result;
use crate::types::point::Timestamp;
use crate::types::series::{SeriesId, SeriesInfo};

/// Memory that all files of a cursor together may use for reading ahead, in bytes: that of 32 files at most.
const TOTAL_READ_AHEAD_BYTES: usize = 4 << 20;

/// A file of the version.
struct ScannedFile {
    meta: Arc<SstMeta>,
    /// `None` while the file is not open, or the merge has the cursor.
    cursor: Option<Box<SstCursor>>,
}

/// Cursor over the points of a version.
pub(super) struct VersionCursor {
    state: SnapshotState,
    options: CursorOptions,
    /// Files that overlap the range, oldest first.
    files: Vec<ScannedFile>,
    /// Indices of files whose first series is not reached, the next one last.
    waiting: Vec<usize>,
    /// Indices of files that may have the current series, ascending.
    active: Vec<usize>,
    merge: MergeIterator<u64, CursorSource>,
    previous: Option<SeriesId>,
    /// Buffers of memtable sources that ended.
    spare_runs: Vec<Vec<RawPoint>>,
}

impl VersionCursor {
    pub(super) fn new(state: SnapshotState, options: CursorOptions) -> Self {
        let range = options.range;
        let overlapping =
            state.version.ssts.iter().filter(|sst| !range.is_empty() && sst.rectangle.times.overlaps(range));
        let files = overlapping.map(|meta| ScannedFile { meta: Arc::clone(meta), cursor: None }).collect();
        let merge = MergeIterator::reusable(range);
        let (waiting, active, spare_runs) = (Vec::new(), Vec::new(), Vec::new());
        let mut cursor = Self { state, options, files, waiting, active, merge, previous: None, spare_runs };
        cursor.wait_for_all();
        cursor
    }

    /// Makes all files wait for their first series.
    fn wait_for_all(&mut self) {
        self.active.clear();
        self.waiting.clear();
        self.waiting.extend(0..self.files.len());
        let first_series = |file: &usize| self.files[*file].meta.rectangle.first_series;
        self.waiting.sort_unstable_by_key(|file| std::cmp::Reverse(first_series(file)));
    }

    /// Updates the active files for a series.
    fn activate_files(&mut self, series: SeriesId) {
        if self.previous.is_some_and(|previous| series < previous) {
            self.wait_for_all();
            self.files.iter_mut().filter_map(|file| file.cursor.as_mut()).for_each(|cursor| cursor.rewind());
        }
        self.previous = Some(series);
        while let Some(number) = self.waiting.pop_if(|number| self.files[*number].meta.rectangle.first_series <= series)
        {
            let at = self.active.partition_point(|other| *other < number);
            self.active.insert(at, number);
        }
        let files = &mut self.files;
        self.active.retain(|number| {
            let file = &mut files[*number];
            let is_active = series <= file.meta.rectangle.last_series;
            if !is_active {
                file.cursor = None;
            }
            is_active
        });
    }

    /// Takes the sources of the series before back from the merge.
    fn take_back(&mut self) -> Result<()> {
        for source in self.merge.take_sources() {
            match source {
                CursorSource::Sst(mut cursor) => {
                    cursor.count_hidden()?;
                    let number = cursor.number;
                    self.files[number].cursor = Some(cursor);
                }
                CursorSource::Memtable(memtable) => self.spare_runs.push(memtable.into_buffer()),
            }
        }
        Ok(())
    }

    fn add_file(&mut self, number: usize, series: &SeriesInfo) -> Result<()> {
        let file = &mut self.files[number];
        let hidden = self.state.version.hidden_ranges(series, file.meta.max_seq);
        if !hidden.is_empty() && hidden.covers(file.meta.rectangle.times.intersection(self.options.range)) {
            return Ok(());
        }
        let mut cursor = if let Some(cursor) = file.cursor.take() {
            cursor
        } else {
            let context = Arc::clone(self.state.read_context()?);
            let read_ahead = TOTAL_READ_AHEAD_BYTES / self.active.len().max(1);
            let meta = Arc::clone(&file.meta);
            Box::new(SstCursor::new(context, meta, self.options.clone(), number, read_ahead))
        };
        if cursor.start(series)? {
            self.merge.add_source(CursorSource::Sst(cursor), hidden);
        } else {
            file.cursor = Some(cursor);
        }
        Ok(())
    }

    /// Adds the two chunk lists of a memtable, the in-order list first.
    ///
    /// Of two points at one timestamp, the point in the in-order list arrived first.
    fn add_memtable(&mut self, view: &MemtableView, series: &SeriesInfo, max_seq: u64) {
        let Some(times) = view.time_range() else { return };
        for list in [ChunkList::InOrder, ChunkList::Late] {
            if let Some(reader) = view.list_reader(series.id, list, self.options.range) {
                let hidden: HiddenRanges = self.state.version.hidden_ranges(series, max_seq);
                let run = self.spare_runs.pop().unwrap_or_default();
                let source = MemtableSource::with_buffer(reader, times, self.options.range, run);
                self.merge.add_source(CursorSource::Memtable(source), hidden);
            }
        }
    }
}

impl Drop for VersionCursor {
    fn drop(&mut self) {
        // Counts the hidden blocks of the last series. An error of this read would have no reader.
        let _ = self.take_back();
    }
}

impl MergeCursor for VersionCursor {
    type Source = CursorSource;

    fn start_series(&mut self, series: &SeriesInfo) -> Result<()> {
        self.take_back()?;
        self.merge.restart(series.duplicates);
        if self.options.range.is_empty() {
            return Ok(());
        }
        self.activate_files(series.id);
        for at in 0..self.active.len() {
            self.add_file(self.active[at], series)?;
        }
        let version = Arc::clone(&self.state.version);
        // A memtable applies the deletes that arrived while it was active; the version has the later deletes.
        for frozen in &version.frozen {
            self.add_memtable(&frozen.view, series, frozen.max_seq);
        }
        // No tombstone is newer than the active memtable: only the retention cutoff hides its points.
        self.add_memtable(&version.active, series, u64::MAX);
        Ok(())
    }

    fn merge(&self) -> &MergeIterator<u64, CursorSource> {
        &self.merge
    }

    fn merge_mut(&mut self) -> &mut MergeIterator<u64, CursorSource> {
        &mut self.merge
    }
}

/// Source of a [`VersionCursor`].
pub(super) enum CursorSource {
    Sst(Box<SstCursor>),
    Memtable(MemtableSource),
}

impl PointSource<u64> for CursorSource {
    fn lower_bound(&self) -> Option<i64> {
        match self {
            Self::Sst(cursor) => cursor.lower_bound(),
            Self::Memtable(source) => PointSource::<u64>::lower_bound(source),
        }
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, bits: &mut Vec<u64>) -> Result<bool> {
        match self {
            Self::Sst(cursor) => cursor.read_run(timestamps, bits),
            Self::Memtable(source) => source.read_run(timestamps, bits),
        }
    }

    fn upper_bound(&self) -> Option<i64> {
        match self {
            Self::Sst(cursor) => cursor.upper_bound(),
            Self::Memtable(source) => PointSource::<u64>::upper_bound(source),
        }
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        match self {
            Self::Sst(cursor) => cursor.skip_hidden_runs(hidden),
            Self::Memtable(source) => PointSource::<u64>::skip_hidden_runs(source, hidden),
        }
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<u64>>> {
        match self {
            Self::Sst(cursor) => cursor.peek_summary(),
            Self::Memtable(source) => source.peek_summary(),
        }
    }

    fn skip_run(&mut self) -> Result<()> {
        match self {
            Self::Sst(cursor) => cursor.skip_run(),
            Self::Memtable(source) => PointSource::<u64>::skip_run(source),
        }
    }
}
