//! One input of a compaction: its blocks, read once in order, and their hidden ranges.
//!
//! - A file whose blocks are out of order is an error, even if its checksums are right. It never leads to an unordered
//!   output.
//! - The number of inputs that are open at once is bounded; more inputs are reopened when they are read.

use std::sync::Arc;
use std::vec::IntoIter;

use quick_cache::UnitWeighter;
use uuid::Uuid;

use crate::engine::actor::CompactionJob;
use crate::engine::store::open_files::SstReaderCache;
use crate::format::sst::{BlockEntry, BlockPart, BlockScratch, IoCounters, PageCache, SstReader, sst_file_name};
use crate::platform::env::Dir;
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{BoxPointSource, PointSource};
use crate::state::tombstone::Tombstone;
use crate::state::version::SstMeta;
use crate::sync::Mutex;
use crate::types::error::{Error, Result};
use crate::types::point::{Timestamp, ValueType};
use crate::types::series::{SeriesId, SeriesInfo};
use crate::types::time_range::TimeRange;

/// Minimum read-ahead in bytes; an input with a smaller share reads single blocks.
const MIN_READ_AHEAD_BYTES: usize = 8 << 10;

/// Cache of open inputs. An input that was evicted is opened again when it is read.
#[derive(Debug)]
pub(super) struct InputFileCache {
    dir: Dir,
    uuid: Uuid,
    open: Arc<SstReaderCache<UnitWeighter>>,
    pages: Arc<PageCache>,
}

impl InputFileCache {
    /// Creates a cache that keeps at most `max_open` inputs open, and registers it with the directory.
    ///
    /// A plan has at most 64 inputs of its own level. With the files that must move to the base with them it may have
    /// more.
    pub(super) fn new(dir: Dir, uuid: Uuid, counters: Arc<IoCounters>, max_open: usize) -> Self {
        let open = SstReaderCache::new(&dir, max_open, max_open as u64, UnitWeighter);
        // No page cache: pages are read in order, and the cursor keeps the entries of the current one.
        let pages = Arc::new(PageCache::new(0, counters));
        Self { dir, uuid, open, pages }
    }

    pub(super) fn open(&self, meta: &SstMeta) -> Result<Arc<SstReader>> {
        self.open.get(meta.id, || SstReader::open(&self.dir, self.uuid, meta, Arc::clone(&self.pages)))
    }
}

/// An input, and the deletes to apply to it.
#[derive(Debug)]
pub(super) struct CompactionInput {
    /// Shared with the point source of the current series.
    cursor: Arc<Mutex<BlockCursor>>,
    tombstones: Vec<Arc<Tombstone>>,
    /// Series of the next block; `None` at the end.
    series: Option<SeriesId>,
}

impl CompactionInput {
    /// Opens an input that reads at most about `ahead` bytes ahead.
    pub(super) fn open(
        handles: &Arc<InputFileCache>,
        meta: &Arc<SstMeta>,
        job: &CompactionJob,
        ahead: usize,
    ) -> Result<Self> {
        let cursor = BlockCursor::open(Arc::clone(handles), Arc::clone(meta), ahead)?;
        // A delete with a lower seq was applied when the input was written. A delete above `flushed_seq` may be lost in
        // a power loss.
        let applies = |tombstone: &&Arc<Tombstone>| {
            tombstone.seq > meta.max_seq && tombstone.seq <= job.flushed_seq && tombstone.overlaps(&meta.rectangle)
        };
        let tombstones = job.tombstones.iter().filter(applies).cloned().collect();
        let series = cursor.series();
        Ok(Self { cursor: Arc::new(Mutex::new(cursor)), tombstones, series })
    }

    /// Returns the series of the next block; `None` at the end.
    pub(super) fn series(&self) -> Option<SeriesId> {
        self.series
    }

    /// Returns the hidden ranges of a series in this input, and `cutoff`, which is hidden in all.
    pub(super) fn hidden_ranges(&self, series: SeriesId, cutoff: Option<TimeRange>) -> HiddenRanges {
        let deleted = self.tombstones.iter().filter_map(|tombstone| tombstone.range_for(series));
        HiddenRanges::new(deleted.chain(cutoff).collect())
    }

    /// Returns the point source of a series, which must be the next one.
    pub(super) fn source(&self, def: &SeriesInfo) -> BoxPointSource<u64> {
        Box::new(BlockSource { cursor: Arc::clone(&self.cursor), series: def.id, ty: def.value_type })
    }

    /// Skips the remaining blocks of a series.
    pub(super) fn skip_series(&mut self, series: SeriesId) -> Result<()> {
        let mut cursor = self.cursor.lock();
        while cursor.series() == Some(series) {
            cursor.advance()?;
        }
        self.series = cursor.series();
        Ok(())
    }

    /// Returns the error for a next series that is not defined in the database.
    pub(super) fn unknown_series_error(&self) -> Error {
        let cursor = self.cursor.lock();
        cursor.next.as_ref().map_or(Error::Closed, |entry| cursor.damaged(entry, "nothing defines its series"))
    }
}

/// Read position in a file.
#[derive(Debug)]
struct BlockCursor {
    handles: Arc<InputFileCache>,
    meta: Arc<SstMeta>,
    /// Number of index pages read so far.
    pages: usize,
    /// Remaining entries of the last page that was read.
    entries: IntoIter<BlockEntry>,
    /// Entry of the next block; `None` at the end.
    next: Option<BlockEntry>,
    scratch: BlockScratch,
}

impl BlockCursor {
    fn open(handles: Arc<InputFileCache>, meta: Arc<SstMeta>, ahead: usize) -> Result<Self> {
        let scratch = if ahead < MIN_READ_AHEAD_BYTES {
            BlockScratch::default()
        } else {
            BlockScratch::with_read_ahead_limit(ahead)
        };
        let mut cursor = Self { handles, meta, pages: 0, entries: Vec::new().into_iter(), next: None, scratch };
        cursor.advance()?;
        Ok(cursor)
    }

    fn series(&self) -> Option<SeriesId> {
        self.next.as_ref().map(|entry| entry.series)
    }

    /// Returns the entry of the next block if the block belongs to the series.
    fn next_block_of(&self, series: SeriesId) -> Option<&BlockEntry> {
        self.next.as_ref().filter(|entry| entry.series == series)
    }

    /// Moves to the next block.
    ///
    /// # Errors
    /// `Corrupt` if the next block does not follow the one before it in series and time.
    fn advance(&mut self) -> Result<()> {
        let before = self.next.take();
        while self.entries.as_slice().is_empty() {
            let Some(page) = self.handles.open(&self.meta)?.blocks_of_page(self.pages)? else { return Ok(()) };
            self.pages += 1;
            self.entries = page.into_iter();
        }
        self.next = self.entries.next();
        match (&before, &self.next) {
            // The order is checked here across pages; the decoder checks it within a page.
            (Some(before), Some(next)) if (next.series, next.first_time) < (before.series, before.last_time) => {
                Err(self.damaged(next, "it does not follow the one before it"))
            }
            _ => Ok(()),
        }
    }

    /// Decodes the next block, appends its points to the buffers, and moves on.
    fn read(&mut self, ty: ValueType, timestamps: &mut Vec<Timestamp>, bits: &mut Vec<u64>) -> Result<()> {
        let Some(entry) = self.next else { return Ok(()) };
        if entry.ty != ty {
            return Err(self.damaged(&entry, "its values are not of its series' type"));
        }
        let reader = self.handles.open(&self.meta)?;
        reader.read_block_value_bits(&entry, BlockPart::WHOLE, &mut self.scratch, timestamps, bits)?;
        self.advance()
    }

    fn damaged(&self, entry: &BlockEntry, what: &str) -> Error {
        let file = self.handles.dir.file_path(&sst_file_name(self.meta.id));
        Error::corrupt(
            file,
            entry.offset,
            format!("block of {} points of series #{}: {what}", entry.count, entry.series),
        )
    }
}

/// Point source over the blocks of one series; a run is one block.
struct BlockSource {
    cursor: Arc<Mutex<BlockCursor>>,
    series: SeriesId,
    ty: ValueType,
}

impl PointSource<u64> for BlockSource {
    fn lower_bound(&self) -> Option<i64> {
        self.cursor.lock().next_block_of(self.series).map(|entry| entry.first_time)
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<u64>) -> Result<bool> {
        let mut cursor = self.cursor.lock();
        if cursor.next_block_of(self.series).is_none() {
            return Ok(false);
        }
        cursor.read(self.ty, timestamps, values)?;
        Ok(true)
    }

    fn upper_bound(&self) -> Option<i64> {
        let cursor = self.cursor.lock();
        cursor.next_block_of(self.series).map(|_| cursor.meta.rectangle.times.last())
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        let mut cursor = self.cursor.lock();
        let mut passed = false;
        while cursor.next_block_of(self.series).is_some_and(|entry| hidden.covers(entry.times())) {
            cursor.advance()?;
            passed = true;
        }
        Ok(passed)
    }
}
