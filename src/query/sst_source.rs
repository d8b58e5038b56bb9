//! Point source over one series of one SST. The file is opened at the first run; a run is one block.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::store::ReadContext;
use crate::format::sst::{BlockEntry, BlockScratch, BlockStatistics, BlockSum, SstReader};
use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{PointSource, RunSum, RunSummary, newest_visible_index};
use crate::state::version::SstMeta;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::{Point, Scalar, Timestamp};
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Blocks of one series in one SST that overlap a time range.
#[derive(Debug)]
pub(super) struct SstSource {
    read_context: Arc<ReadContext>,
    meta: Arc<SstMeta>,
    series: SeriesId,
    range: TimeRange,
    /// Open file with the remaining blocks.
    open: Option<(Arc<SstReader>, VecDeque<BlockEntry>)>,
    /// Decoding buffers, taken from the pool at the first run and put back at the end.
    scratch: Option<BlockScratch>,
}

impl SstSource {
    pub(super) fn new(read_context: Arc<ReadContext>, meta: Arc<SstMeta>, series: SeriesId, range: TimeRange) -> Self {
        Self { read_context, meta, series, range, open: None, scratch: None }
    }

    fn open(&mut self) -> Result<&mut (Arc<SstReader>, VecDeque<BlockEntry>)> {
        let opened = if let Some(open) = self.open.take() {
            open
        } else {
            let reader = self.read_context.files.get(&self.meta)?;
            let blocks = reader.blocks_in_range(self.series, self.range)?;
            (reader, blocks.into())
        };
        Ok(self.open.insert(opened))
    }
}

pub(super) fn summary<T: Scalar>(block: &BlockEntry, statistics: &BlockStatistics) -> RunSummary<T> {
    let sum = match statistics.sum {
        BlockSum::Float(sum) => RunSum::Float(sum),
        BlockSum::Integer(sum) => RunSum::Integer(sum),
    };
    RunSummary {
        count: u64::from(block.count),
        range: block.times(),
        min: T::from_bits(statistics.min),
        max: T::from_bits(statistics.max),
        first: T::from_bits(statistics.first),
        last: T::from_bits(statistics.last),
        sum,
        has_nan: statistics.has_nan,
        has_stale_marker: statistics.has_stale_marker,
        has_distinct_times: statistics.has_distinct_times,
    }
}

impl Drop for SstSource {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.read_context.scratches.put_back(scratch);
        }
    }
}

impl<T: Scalar> PointSource<T> for SstSource {
    fn lower_bound(&self) -> Option<i64> {
        match &self.open {
            None => Some(self.meta.rectangle.times.first().max(self.range.first())),
            Some((_, blocks)) => blocks.front().map(|block| block.first_time),
        }
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        let (reader, blocks) = self.open()?;
        let Some(block) = blocks.pop_front() else { return Ok(false) };
        let reader = Arc::clone(reader);
        let scratch = self.scratch.get_or_insert_with(|| self.read_context.scratches.take());
        reader.read_block(&block, self.range, scratch, timestamps, values)?;
        Ok(true)
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<T>>> {
        let (_, blocks) = self.open()?;
        Ok(blocks.front().and_then(|block| Some(summary(block, block.statistics.as_ref()?))))
    }

    fn skip_run(&mut self) -> Result<()> {
        if let Some((_, blocks)) = &mut self.open {
            blocks.pop_front();
        }
        Ok(())
    }

    fn upper_bound(&self) -> Option<i64> {
        match &self.open {
            None => Some(self.meta.rectangle.times.last().min(self.range.last())),
            Some((_, blocks)) => blocks.back().map(|block| block.last_time.min(self.range.last())),
        }
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        let (_, blocks) = self.open()?;
        let before = blocks.len();
        while blocks.front().is_some_and(|block| hidden.covers(block.times())) {
            blocks.pop_front();
        }
        Ok(blocks.len() < before)
    }

    fn newest_point(&mut self, hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Result<Option<Point<T>>> {
        let (reader, blocks) = self.open()?;
        let (reader, mut blocks) = (Arc::clone(reader), std::mem::take(blocks));
        let keeps_first = duplicates == DuplicatePolicy::KeepFirst;
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let mut found: Option<Point<T>> = None;
        // Newest block first; a block whose points are all outside the range or hidden has no visible point.
        while let Some(block) = blocks.pop_back() {
            if found.is_some_and(|point| block.last_time < point.timestamp.as_nanos()) {
                break;
            }
            let is_newest = block.last_time <= self.range.last() && hidden.range_containing(block.last_time).is_none();
            if let Some(statistics) = block.statistics.filter(|_| is_newest && !keeps_first) {
                // The block is not decoded: the index has its last point, which is in the range and visible.
                let value = T::from_bits(statistics.last);
                return Ok(Some(Point { timestamp: Timestamp::from_nanos(block.last_time), value }));
            }
            if hidden.covers(block.times()) {
                continue;
            }
            timestamps.clear();
            values.clear();
            let scratch = self.scratch.get_or_insert_with(|| self.read_context.scratches.take());
            reader.read_block(&block, self.range, scratch, &mut timestamps, &mut values)?;
            let Some(at) = newest_visible_index(&timestamps, self.range, hidden, duplicates) else { continue };
            found = Some(Point { timestamp: timestamps[at], value: values[at] });
            // Only the first point of a block can have a duplicate in the block before.
            if at > 0 || !keeps_first {
                break;
            }
        }
        Ok(found)
    }
}
