//! Point source over one SST for a scan of many series: it reads the index and the blocks once, in order.

use std::sync::Arc;

use super::catalog::CursorOptions;
use super::sst_source::{SstSource, summary};
use crate::engine::store::ReadContext;
use crate::format::bytes::DecodeError;
use crate::format::sst::{BlockEntry, BlockPart, BlockScratch, IndexCursor, PageKey};
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{PointSource, RunSummary};
use crate::state::version::SstMeta;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::{Point, Scalar, Timestamp, ValueType};
use crate::types::series::{SeriesId, SeriesInfo};
use crate::types::time_range::TimeRange;

/// First read-ahead in bytes, after two adjoining blocks were read one by one. It doubles with every further read.
const MIN_READ_AHEAD_BYTES: usize = 4 << 10;
/// Number of bytes between two blocks up to which they count as adjoining.
const MAX_GAP_BYTES: u64 = 4 << 10;

/// Cursor over the blocks of an SST, series by series.
#[derive(Debug)]
pub(super) struct SstCursor {
    context: Arc<ReadContext>,
    pub(super) meta: Arc<SstMeta>,
    options: CursorOptions,
    /// Index of the file among the files of the scan.
    pub(super) number: usize,
    index: Option<IndexCursor>,
    /// Current series.
    series: SeriesId,
    /// Decoding buffers, taken from the pool at the first run and put back at the end.
    scratch: Option<BlockScratch>,
    read_ahead: ReadAhead,
    /// Buffers of the last point of a block.
    last_point: (Vec<Timestamp>, Vec<u64>),
}

/// Read-ahead of a file: more than a block is read only if the blocks before it were read in order.
#[derive(Debug)]
struct ReadAhead {
    /// File offset behind the block that was read last; 0 before the first one.
    read_until: u64,
    bytes: usize,
    max_bytes: usize,
}

impl ReadAhead {
    /// Returns the read-ahead in bytes for the next block.
    fn next(&mut self, entry: &BlockEntry) -> usize {
        let extent = entry.checked_extent();
        if extent.end() == self.read_until {
            // The next run of the packed block that was read last.
            return self.bytes;
        }
        let gap = extent.offset.checked_sub(self.read_until).filter(|_| self.read_until != 0);
        self.bytes = match gap {
            Some(gap) if gap <= MAX_GAP_BYTES => (self.bytes * 2).max(MIN_READ_AHEAD_BYTES).min(self.max_bytes),
            _ => 0,
        };
        self.read_until = extent.end();
        self.bytes
    }
}

impl SstCursor {
    pub(super) fn new(
        context: Arc<ReadContext>,
        meta: Arc<SstMeta>,
        options: CursorOptions,
        number: usize,
        max_read_ahead: usize,
    ) -> Self {
        let series = meta.rectangle.first_series;
        let (index, scratch) = (None, None);
        let read_ahead = ReadAhead { read_until: 0, bytes: 0, max_bytes: max_read_ahead };
        Self { context, meta, options, number, index, series, scratch, read_ahead, last_point: Default::default() }
    }

    /// Moves to the first block of a series in the range. Returns `false` if there is none.
    ///
    /// # Errors
    /// `Corrupt` if the block has another value type; errors of opening and reading the file.
    pub(super) fn start(&mut self, series: &SeriesInfo) -> Result<bool> {
        self.series = series.id;
        let first = PageKey { series: series.id, time: self.options.range.first() };
        self.open_index()?.seek(first)?;
        self.count_pruned()?;
        let Some(entry) = self.block() else { return Ok(false) };
        if entry.ty != series.value_type {
            let what = DecodeError("its values are not of the type of their series");
            return Err(self.index.as_ref().map_or(Error::Closed, |index| index.reader().corrupt_block(entry, what)));
        }
        Ok(true)
    }

    /// Returns the cursor over the index; opens the file if it is not open.
    fn open_index(&mut self) -> Result<&mut IndexCursor> {
        if self.index.is_none() {
            self.index = Some(IndexCursor::new(self.context.files.get(&self.meta)?));
        }
        self.index.as_mut().ok_or_else(|| Error::internal("an opened index is missing"))
    }

    /// Returns to the front of the file.
    pub(super) fn rewind(&mut self) {
        if let Some(index) = &mut self.index {
            *index = IndexCursor::new(Arc::clone(index.reader()));
        }
    }

    /// Returns the entry of the next block of the series in the range.
    fn block(&self) -> Option<&BlockEntry> {
        let entry = self.index.as_ref()?.peek()?;
        (entry.series == self.series && entry.first_time <= self.options.range.last()).then_some(entry)
    }

    fn advance(&mut self) -> Result<()> {
        self.index.as_mut().map_or(Ok(()), IndexCursor::advance)
    }

    /// Counts the blocks of the series outside the range, if they are counted at all.
    fn count_pruned(&self) -> Result<()> {
        let counters = self.options.counters.as_ref().filter(|counters| counters.counts_pruning());
        let (Some(counters), Some(index)) = (counters, &self.index) else { return Ok(()) };
        let count = |range| Ok::<_, Error>(index.reader().blocks_in_range(self.series, range)?.len());
        counters.add_pruned_by_time(count(TimeRange::ALL)?.saturating_sub(count(self.options.range)?));
        Ok(())
    }

    /// Counts the remaining blocks of the series, which are hidden completely and were not decoded.
    pub(super) fn count_hidden(&mut self) -> Result<()> {
        let Some(counters) = self.options.counters.clone().filter(|counters| counters.counts_pruning()) else {
            return Ok(());
        };
        while self.block().is_some() {
            counters.add_hidden(1);
            self.advance()?;
        }
        Ok(())
    }

    /// Reads the part of a block in a range, and counts it.
    fn read_block(
        &mut self,
        entry: &BlockEntry,
        range: TimeRange,
        timestamps: &mut Vec<Timestamp>,
        bits: &mut Vec<u64>,
    ) -> Result<()> {
        let Some(index) = &self.index else { return Ok(()) };
        let scratch = self.scratch.get_or_insert_with(|| self.context.scratches.take());
        scratch.set_read_ahead(self.read_ahead.next(entry));
        let part = BlockPart { range, columns: self.options.columns };
        index.reader().read_block_value_bits(entry, part, scratch, timestamps, bits)?;
        if let Some(counters) = &self.options.counters {
            counters.add_decoded(entry.count, entry.len);
        }
        Ok(())
    }

    /// Returns the newest point of a series in the range that is not hidden, with its value as bits.
    ///
    /// Of several points at its timestamp it is the first that arrived under `KeepFirst`, else the last. Series must be
    /// requested in ascending order.
    pub(super) fn newest_point(&mut self, series: &SeriesInfo, hidden: &HiddenRanges) -> Result<Option<(i64, u64)>> {
        let range = self.options.range;
        let last = PageKey { series: series.id, time: range.last() };
        let Some(block) = self.open_index()?.seek_last(last)? else { return Ok(None) };
        if block.last_time < range.first() {
            return Ok(None);
        }
        let is_visible = block.last_time <= range.last() && hidden.range_containing(block.last_time).is_none();
        if !is_visible || series.duplicates == DuplicatePolicy::KeepFirst || block.ty != series.value_type {
            return self.search_backwards(series, hidden);
        }
        if let Some(statistics) = block.statistics {
            return Ok(Some((block.last_time, statistics.last)));
        }
        let (mut timestamps, mut bits) = std::mem::take(&mut self.last_point);
        timestamps.clear();
        bits.clear();
        self.read_block(&block, TimeRange::at(block.last_time), &mut timestamps, &mut bits)?;
        let last = bits.last().map(|bits| (block.last_time, *bits));
        self.last_point = (timestamps, bits);
        Ok(last)
    }

    /// Searches block by block from the end: the last point is hidden, or not the one that counts.
    fn search_backwards(&self, series: &SeriesInfo, hidden: &HiddenRanges) -> Result<Option<(i64, u64)>> {
        let source = || {
            let (context, meta) = (Arc::clone(&self.context), Arc::clone(&self.meta));
            SstSource::new(context, meta, series.id, self.options.range)
        };
        let policy = series.duplicates;
        Ok(match series.value_type {
            ValueType::F64 => source().newest_point(hidden, policy)?.map(to_bits::<f64>),
            ValueType::I64 => source().newest_point(hidden, policy)?.map(to_bits::<i64>),
            ValueType::U64 => source().newest_point(hidden, policy)?.map(to_bits::<u64>),
            ValueType::Bool => source().newest_point(hidden, policy)?.map(to_bits::<bool>),
        })
    }
}

fn to_bits<T: Scalar>(point: Point<T>) -> (i64, u64) {
    (point.timestamp.as_nanos(), point.value.to_bits())
}

impl Drop for SstCursor {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.context.scratches.put_back(scratch);
        }
    }
}

impl PointSource<u64> for SstCursor {
    fn lower_bound(&self) -> Option<i64> {
        self.block().map(|block| block.first_time)
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, bits: &mut Vec<u64>) -> Result<bool> {
        let Some(entry) = self.block().copied() else { return Ok(false) };
        self.read_block(&entry, self.options.range, timestamps, bits)?;
        self.advance()?;
        Ok(true)
    }

    fn upper_bound(&self) -> Option<i64> {
        self.block().map(|_| self.meta.rectangle.times.last().min(self.options.range.last()))
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        let mut passed = 0;
        while self.block().is_some_and(|block| hidden.covers(block.times())) {
            self.advance()?;
            passed += 1;
        }
        if let Some(counters) = &self.options.counters {
            counters.add_hidden(passed);
        }
        Ok(passed > 0)
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<u64>>> {
        Ok(self.block().and_then(|block| Some(summary(block, block.statistics.as_ref()?))))
    }

    fn skip_run(&mut self) -> Result<()> {
        if let (Some(block), Some(counters)) = (self.block(), &self.options.counters) {
            counters.add_from_statistics(block.count);
        }
        self.advance()
    }
}
