//! One series of one SST as a source: opened at the first run, then a block a run.

use std::collections::VecDeque;
use std::sync::Arc;

use super::explain::Work;
use crate::error::Result;
use crate::merge::{Source, Summary, TimeRange, Total, newest};
use crate::options::Duplicates;
use crate::point::{Point, Sample, Timestamp};
use crate::series::SeriesId;
use crate::sst::{BlockEntry, BlockScratch, SstReader, Statistics, Sum};
use crate::store::Readers;
use crate::version::{Hidden, SstMeta};

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
    /// Where what is done here is counted, if anywhere.
    work: Option<Arc<Work>>,
}

impl SstSource {
    pub(super) fn new(
        readers: Arc<Readers>,
        meta: Arc<SstMeta>,
        series: SeriesId,
        range: TimeRange,
        work: Option<Arc<Work>>,
    ) -> Self {
        Self { readers, meta, series, range, open: None, scratch: None, work }
    }

    fn count(&self, count: impl FnOnce(&Work)) {
        if let Some(work) = &self.work {
            count(work);
        }
    }

    fn open(&mut self) -> Result<&mut (Arc<SstReader>, VecDeque<BlockEntry>)> {
        let opened = if let Some(open) = self.open.take() {
            open
        } else {
            let reader = self.readers.open(&self.meta)?;
            let blocks = reader.blocks(self.series, self.range.as_inclusive())?;
            if let Some(work) = self.work.as_ref().filter(|work| work.is_thorough()) {
                let all = reader.blocks(self.series, TimeRange::ALL.as_inclusive())?.len();
                work.passed_by_time(all.saturating_sub(blocks.len()));
            }
            (reader, blocks.into())
        };
        Ok(self.open.insert(opened))
    }
}

fn summary<T: Sample>(block: &BlockEntry, statistics: &Statistics) -> Summary<T> {
    let sum = match statistics.sum {
        Sum::Float(sum) => Total::Float(sum),
        Sum::Integer(sum) => Total::Integer(sum),
    };
    Summary {
        count: u64::from(block.count),
        first_time: block.first_time,
        last_time: block.last_time,
        min: T::from_bits(statistics.min),
        max: T::from_bits(statistics.max),
        first: T::from_bits(statistics.first),
        last: T::from_bits(statistics.last),
        sum,
    }
}

impl Drop for SstSource {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.readers.give_back(scratch);
        }
        // Whoever read the series to its end and left these behind needed no look at them: all their time is hidden.
        if let Some((_, blocks)) = &self.open {
            self.count(|work| work.hidden(blocks.len()));
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
        self.count(|work| work.decoded(block.count, block.len));
        Ok(true)
    }

    fn peek(&mut self) -> Result<Option<Summary<T>>> {
        let (_, blocks) = self.open()?;
        Ok(blocks.front().and_then(|block| Some(summary(block, block.statistics.as_ref()?))))
    }

    fn skip(&mut self) {
        let block = self.open.as_mut().and_then(|(_, blocks)| blocks.pop_front());
        if let Some(block) = block {
            self.count(|work| work.summarised(block.count));
        }
    }

    fn end(&self) -> Option<i64> {
        match &self.open {
            None => Some(self.meta.rectangle.last_time.min(self.range.last())),
            Some((_, blocks)) => blocks.back().map(|block| block.last_time.min(self.range.last())),
        }
    }

    fn pass_over(&mut self, hidden: &Hidden) -> Result<bool> {
        let (_, blocks) = self.open()?;
        let before = blocks.len();
        while blocks.front().is_some_and(|block| hidden.covers(block.first_time, block.last_time)) {
            blocks.pop_front();
        }
        let passed = before - blocks.len();
        self.count(|work| work.hidden(passed));
        Ok(passed > 0)
    }

    fn last(&mut self, hidden: &Hidden, duplicates: Duplicates) -> Result<Option<Point<T>>> {
        let (reader, blocks) = self.open()?;
        let (reader, mut blocks) = (Arc::clone(reader), std::mem::take(blocks));
        let keeps_first = duplicates == Duplicates::KeepFirst;
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let mut found: Option<Point<T>> = None;
        // Newest block first; one whose points all lie behind the range, or are hidden, has none for us.
        while let Some(block) = blocks.pop_back() {
            if found.is_some_and(|point| block.last_time < point.timestamp.as_nanos()) {
                break;
            }
            let is_newest = block.last_time <= self.range.last() && hidden.range_at(block.last_time).is_none();
            if let Some(statistics) = block.statistics.filter(|_| is_newest && !keeps_first) {
                // Nothing to decode: the index has the block's last point, in the range and not hidden.
                let value = T::from_bits(statistics.last);
                return Ok(Some(Point { timestamp: Timestamp::from_nanos(block.last_time), value }));
            }
            if hidden.covers(block.first_time, block.last_time) {
                continue;
            }
            timestamps.clear();
            values.clear();
            let scratch = self.scratch.get_or_insert_with(|| self.readers.take_scratch());
            reader.read_block(&block, scratch, &mut timestamps, &mut values)?;
            let Some(at) = newest(&timestamps, self.range, hidden, duplicates) else { continue };
            found = Some(Point { timestamp: timestamps[at], value: values[at] });
            // Only what stands first in a block may have an earlier twin in the one before.
            if at > 0 || !keeps_first {
                break;
            }
        }
        Ok(found)
    }
}
