//! One lane of a memtable as a source: chunks, copied out as the merge asks for them.

use crate::error::Result;
use crate::memtable::{Cell, LaneReader};
use crate::merge::{Source, TimeRange};
use crate::options::Duplicates;
use crate::point::{Point, Sample, Timestamp};
use crate::version::Hidden;

/// Points of one series in one lane of one memtable.
#[derive(Debug)]
pub(super) struct LaneSource {
    reader: LaneReader,
    /// `None` once exhausted; until the first run it is the memtable's own first time, which is cheap.
    bound: Option<i64>,
    end: i64,
    cells: Vec<Cell>,
}

impl LaneSource {
    pub(super) fn new(reader: LaneReader, times: (i64, i64), range: TimeRange) -> Self {
        let bound = Some(times.0.max(range.first()));
        Self { reader, bound, end: times.1.min(range.last()), cells: Vec::new() }
    }
}

impl<T: Sample> Source<T> for LaneSource {
    fn bound(&self) -> Option<i64> {
        self.bound
    }

    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        self.cells.clear();
        if !self.reader.next(&mut self.cells) {
            self.bound = None;
            return Ok(false);
        }
        timestamps.extend(self.cells.iter().map(|cell| Timestamp::from_nanos(cell.timestamp)));
        values.extend(self.cells.iter().map(|cell| T::from_bits(cell.bits)));
        // The next run begins no earlier than this one ends.
        self.bound = self.cells.last().map(|cell| cell.timestamp);
        Ok(true)
    }

    fn end(&self) -> Option<i64> {
        Some(self.end)
    }

    fn last(&mut self, hidden: &Hidden, duplicates: Duplicates) -> Result<Option<Point<T>>> {
        let point =
            |cell: Cell| Point { timestamp: Timestamp::from_nanos(cell.timestamp), value: T::from_bits(cell.bits) };
        Ok(self.reader.last(hidden, duplicates).map(point))
    }
}
