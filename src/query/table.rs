//! One series of one SST as a source: opened at the first run, then a block a run.

use std::collections::VecDeque;
use std::sync::Arc;

use super::range::TimeRange;
use super::source::Source;
use crate::error::Result;
use crate::point::{Point, Sample, Timestamp};
use crate::series::SeriesId;
use crate::sst::{BlockEntry, BlockScratch, SstReader};
use crate::store::Readers;
use crate::version::SstMeta;

/// Blocks of one series in one SST that meet a range.
#[derive(Debug)]
pub(super) struct SstSource {
    readers: Arc<Readers>,
    meta: Arc<SstMeta>,
    series: SeriesId,
    range: TimeRange,
    /// Open, with the blocks still to come.
    open: Option<(Arc<SstReader>, VecDeque<BlockEntry>)>,
    /// From the readers' store of them at the first run, and back there at the end.
    scratch: Option<BlockScratch>,
}

impl SstSource {
    pub(super) fn new(readers: Arc<Readers>, meta: Arc<SstMeta>, series: SeriesId, range: TimeRange) -> Self {
        Self { readers, meta, series, range, open: None, scratch: None }
    }

    fn open(&mut self) -> Result<&mut (Arc<SstReader>, VecDeque<BlockEntry>)> {
        let opened = if let Some(open) = self.open.take() {
            open
        } else {
            let reader = self.readers.open(&self.meta)?;
            let blocks = reader.blocks(self.series, self.range.as_inclusive())?;
            (reader, blocks.into())
        };
        Ok(self.open.insert(opened))
    }
}

impl Drop for SstSource {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.readers.give_back(scratch);
        }
    }
}

impl<T: Sample> Source<T> for SstSource {
    fn bound(&self) -> Option<i64> {
        match &self.open {
            None => Some(self.meta.rectangle.first_time.max(self.range.first())),
            Some((_, blocks)) => blocks.front().map(|block| block.first_time),
        }
    }

    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        let (reader, blocks) = self.open()?;
        let Some(block) = blocks.pop_front() else { return Ok(false) };
        let reader = Arc::clone(reader);
        let scratch = self.scratch.get_or_insert_with(|| self.readers.take_scratch());
        reader.read_block(&block, scratch, timestamps, values)?;
        Ok(true)
    }

    fn end(&self) -> Option<i64> {
        match &self.open {
            None => Some(self.meta.rectangle.last_time.min(self.range.last())),
            Some((_, blocks)) => blocks.back().map(|block| block.last_time.min(self.range.last())),
        }
    }

    fn last(&mut self) -> Result<Option<Point<T>>> {
        let (reader, blocks) = self.open()?;
        let (reader, mut blocks) = (Arc::clone(reader), std::mem::take(blocks));
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        // Newest block first; one whose points all lie behind the range has none for us.
        while let Some(block) = blocks.pop_back() {
            if let Some(statistics) = block.statistics.filter(|_| block.last_time <= self.range.last()) {
                // Nothing to decode: the index has the block's last point, and it lies in the range.
                let value = T::from_bits(statistics.last);
                return Ok(Some(Point { timestamp: Timestamp::from_nanos(block.last_time), value }));
            }
            timestamps.clear();
            values.clear();
            let scratch = self.scratch.get_or_insert_with(|| self.readers.take_scratch());
            reader.read_block(&block, scratch, &mut timestamps, &mut values)?;
            let within = timestamps.partition_point(|at: &Timestamp| at.as_nanos() <= self.range.last());
            if let Some(at) = within.checked_sub(1) {
                let point = Point { timestamp: timestamps[at], value: values[at] };
                return Ok(Some(point).filter(|point| point.timestamp.as_nanos() >= self.range.first()));
            }
        }
        Ok(None)
    }
}
