//! Reader of one series in ascending time ranges of bounded size, for a flush.
//!
//! The chunks of the late list are in order of arrival. Each range would have to read all of them, so the reader first
//! finds the times of each chunk, once. Then a range reads only the chunks with a time in it: usually few, since late
//! points are mostly late by about the same time.

use super::chunk::{ChunkPoints, RawPoint};
use super::delete_mask::DeleteMask;
use super::point_sink::{ColumnsSink, PointSink};
use super::series_columns::{ChunkList, ReadFilter, SeriesColumns, read_columns};
use crate::types::time_range::TimeRange;

/// Reader of the points of one series in a view, part by part.
///
/// The parts have disjoint, ascending time ranges, so a caller needs memory for one part only. The points of one
/// timestamp are in one part, even if they are more than `max_points`.
#[derive(Debug)]
pub(crate) struct PartReader<'a> {
    columns: &'a SeriesColumns,
    epoch: u32,
    mask: DeleteMask,
    max_points: usize,
    /// Visible chunks of the late list, each with the range of its times; `None` until a range was split.
    late: Option<Vec<LateChunk<'a>>>,
    /// Range to read next; `None` if `pending` has it.
    next: Option<TimeRange>,
    /// Ranges to read behind `next`, the earliest last.
    pending: Vec<TimeRange>,
    /// Buffer of points that have to be sorted.
    unsorted: Vec<RawPoint>,
    /// `true` if all points of the series fit in one part, so that none need be counted.
    is_small: bool,
}

/// Visible points of a chunk of the late list.
#[derive(Debug)]
struct LateChunk<'a> {
    columns: ChunkPoints<'a>,
    points: usize,
    times: TimeRange,
}

impl<'a> PartReader<'a> {
    /// Creates a reader of all points of a series up to `epoch`, which lie in `range`.
    ///
    /// `is_small` states that the series has at most `max_points` points.
    pub(super) fn new(
        columns: &'a SeriesColumns,
        epoch: u32,
        mask: DeleteMask,
        range: TimeRange,
        max_points: usize,
        is_small: bool,
    ) -> Self {
        let (next, pending, unsorted) = (Some(range), Vec::new(), Vec::new());
        Self { columns, epoch, mask, max_points, late: None, next, pending, unsorted, is_small }
    }

    /// Appends the points of the next part that are not deleted, as timestamps and bits of values.
    ///
    /// They are in time order, those at equal times in order of arrival. A part may be empty. Returns `false` if there is no
    /// further part.
    pub(crate) fn next(&mut self, timestamps: &mut Vec<i64>, bits: &mut Vec<u64>) -> bool {
        let Some(range) = self.next_range() else { return false };
        let mut columns = ColumnsSink { timestamps, values: bits };
        if !self.has_late_points(range) {
            let filter = ReadFilter { epoch: self.epoch, range, mask: &self.mask };
            self.columns.read_list(ChunkList::InOrder, filter, &mut columns);
            return true;
        }
        let mut points = std::mem::take(&mut self.unsorted);
        points.clear();
        self.read(range, &mut points);
        // A stable sort: at equal times the in-order point comes first, since it arrived before the late one.
        points.sort_by_key(|point| point.timestamp);
        columns.timestamps.extend(points.iter().map(|point| point.timestamp));
        columns.values.extend(points.iter().map(|point| point.bits));
        self.unsorted = points;
        true
    }

    /// Appends the timestamps of the next part, as [`next`](Self::next) does.
    pub(crate) fn next_timestamps(&mut self, out: &mut Vec<i64>) -> bool {
        let Some(range) = self.next_range() else { return false };
        let start = out.len();
        if self.read(range, out) {
            out[start..].sort_unstable();
        }
        true
    }

    /// Returns the range of the next part; `None` if there is none.
    fn next_range(&mut self) -> Option<TimeRange> {
        while let Some(range) = self.next.take().or_else(|| self.pending.pop()) {
            if self.is_small {
                return Some(range);
            }
            let (first, last) = (range.first(), range.last());
            let count = self.count(range);
            if count > self.max_points && first < last {
                let middle = first.wrapping_add_unsigned(first.abs_diff(last) / 2);
                self.pending.extend([TimeRange::new(middle + 1, last), TimeRange::new(first, middle)]);
                self.late.get_or_insert_with(|| late_chunks(self.columns, self.epoch));
            } else if count > 0 {
                return Some(range);
            }
        }
        None
    }

    /// Returns `false` if no point of the late list is in a range.
    fn has_late_points(&self, range: TimeRange) -> bool {
        match &self.late {
            None => self.columns.first_chunk(ChunkList::Late).get().is_some(),
            Some(late) => late.iter().any(|chunk| chunk.times.overlaps(range)),
        }
    }

    fn count(&self, range: TimeRange) -> usize {
        let Some(late) = &self.late else { return self.columns.count(self.epoch, range) };
        let count = |chunk: &LateChunk<'_>| {
            if range.covers(chunk.times) {
                return chunk.points;
            }
            let mut count = 0;
            chunk.columns.for_each_time(chunk.points, |_, time| count += usize::from(range.contains(time)));
            count
        };
        let late = late.iter().filter(|chunk| chunk.times.overlaps(range)).map(count).sum::<usize>();
        self.columns.count_list(ChunkList::InOrder, self.epoch, range) + late
    }

    /// Appends the points of a range, those of the in-order list first. Returns `true` if there are late ones.
    fn read(&self, range: TimeRange, out: &mut impl PointSink) -> bool {
        let filter = ReadFilter { epoch: self.epoch, range, mask: &self.mask };
        self.columns.read_list(ChunkList::InOrder, filter, out);
        let in_order_end = out.point_count();
        match &self.late {
            None => self.columns.read_list(ChunkList::Late, filter, out),
            Some(late) => {
                for chunk in late.iter().filter(|chunk| chunk.times.overlaps(range)) {
                    read_columns(chunk.columns, ChunkList::Late, filter, out);
                }
            }
        }
        out.point_count() > in_order_end
    }
}

/// Returns the chunks of the late list with a point up to `epoch`, in order of arrival.
fn late_chunks(columns: &SeriesColumns, epoch: u32) -> Vec<LateChunk<'_>> {
    let visible = columns.chunks(ChunkList::Late).map(|chunk| (chunk.points(), chunk.points().visible_len(epoch)));
    let with_times = |(columns, points): (ChunkPoints<'_>, usize)| {
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        columns.for_each_time(points, |_, time| (first, last) = (first.min(time), last.max(time)));
        TimeRange::new(first, last)
    };
    visible
        .take_while(|(_, points)| *points > 0)
        .map(|(columns, points)| LateChunk { columns, points, times: with_times((columns, points)) })
        .collect()
}
