//! One lane of a memtable as a source: chunks, copied out as the merge asks for them.

use crate::error::Result;
use crate::memtable::{Cell, LaneReader};
use crate::merge::{Source, Summary, TimeRange};
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
    /// Whether the cells are a run that was copied out to learn where it begins, and not given yet.
    ahead: bool,
}

impl LaneSource {
    pub(super) fn new(reader: LaneReader, times: (i64, i64), range: TimeRange) -> Self {
        let bound = Some(times.0.max(range.first()));
        Self { reader, bound, end: times.1.min(range.last()), cells: Vec::new(), ahead: false }
    }

    /// Copies the next run out; false at the end.
    fn read(&mut self) -> bool {
        self.cells.clear();
        self.reader.next(&mut self.cells)
    }
}

impl<T: Sample> Source<T> for LaneSource {
    fn bound(&self) -> Option<i64> {
        self.bound
    }

    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        if !std::mem::take(&mut self.ahead) && !self.read() {
            self.bound = None;
            return Ok(false);
        }
        timestamps.extend(self.cells.iter().map(|cell| Timestamp::from_nanos(cell.timestamp)));
        values.extend(self.cells.iter().map(|cell| T::from_bits(cell.bits)));
        // The next run begins no earlier than this one ends.
        self.bound = self.cells.last().map(|cell| cell.timestamp);
        Ok(true)
    }

    fn peek(&mut self) -> Result<Option<Summary<T>>> {
        if self.bound.is_some() && !self.ahead {
            self.ahead = self.read();
            self.bound = self.cells.first().map(|cell| cell.timestamp);
        }
        Ok(None)
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
