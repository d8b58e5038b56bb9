//! Point source over one chunk list of a memtable; a run is a few chunks, copied when the merge needs them.

use crate::state::hidden_ranges::HiddenRanges;
use crate::state::memtable::{ChunkListReader, RawPoint};
use crate::state::merge::{PointSource, RunSummary};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::{Point, Scalar, Timestamp};
use crate::types::time_range::TimeRange;

/// Points of one series in one chunk list of one memtable.
#[derive(Debug)]
pub(super) struct MemtableSource {
    reader: ChunkListReader,
    /// Lower bound of the next time; `None` at the end.
    ///
    /// Before the first run: the first time of the memtable that is in the range.
    bound: Option<i64>,
    end: i64,
    run: Vec<RawPoint>,
    /// `true` if the buffer has a run that was copied to find its first time and is not returned yet.
    has_buffered_run: bool,
}

impl MemtableSource {
    pub(super) fn new(reader: ChunkListReader, times: TimeRange, range: TimeRange) -> Self {
        let bound = Some(times.first().max(range.first()));
        Self { reader, bound, end: times.last().min(range.last()), run: Vec::new(), has_buffered_run: false }
    }

    /// Creates a source that copies its runs to a buffer of an earlier source; see [`into_buffer`](Self::into_buffer).
    pub(super) fn with_buffer(
        reader: ChunkListReader,
        times: TimeRange,
        range: TimeRange,
        mut buffer: Vec<RawPoint>,
    ) -> Self {
        buffer.clear();
        Self { run: buffer, ..Self::new(reader, times, range) }
    }

    pub(super) fn into_buffer(self) -> Vec<RawPoint> {
        self.run
    }

    /// Copies the next run. Returns `false` at the end.
    fn read(&mut self) -> bool {
        self.run.clear();
        self.reader.next(&mut self.run)
    }
}

impl<T: Scalar> PointSource<T> for MemtableSource {
    fn lower_bound(&self) -> Option<i64> {
        self.bound
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        let found = if std::mem::take(&mut self.has_buffered_run) {
            timestamps.extend(self.run.iter().map(|cell| Timestamp::from_nanos(cell.timestamp)));
            values.extend(self.run.iter().map(|cell| T::from_bits(cell.bits)));
            true
        } else {
            self.reader.next_columns(timestamps, values)
        };
        // The next run does not begin before this one ends.
        self.bound = timestamps.last().filter(|_| found).map(|last| last.as_nanos());
        Ok(found)
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<T>>> {
        if self.bound.is_some() && !self.has_buffered_run {
            self.has_buffered_run = self.read();
            self.bound = self.run.first().map(|cell| cell.timestamp);
        }
        Ok(None)
    }

    fn upper_bound(&self) -> Option<i64> {
        Some(self.end)
    }

    fn newest_point(&mut self, hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Result<Option<Point<T>>> {
        let point =
            |cell: RawPoint| Point { timestamp: Timestamp::from_nanos(cell.timestamp), value: T::from_bits(cell.bits) };
        Ok(self.reader.newest_visible(hidden, duplicates).map(point))
    }
}
