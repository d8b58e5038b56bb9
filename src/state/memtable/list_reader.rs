//! The reader of one list of a series in a memtable.

use super::chunk::{Chunk, ChunkPoints, RawPoint};
use super::delete_mask::DeleteMask;
use super::point_sink::{ColumnsSink, PointSink};
use super::series_columns::{ChunkList, ReadFilter, SeriesColumns, last_visible_in, read_columns};
use crate::state::hidden_ranges::HiddenRanges;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::{Scalar, Timestamp};
use crate::types::time_range::TimeRange;

/// Minimum number of points of a run of the in-order list, unless the list has fewer: short chunks are read together.
const RUN_POINTS: usize = 256;

/// Reader of one list of a series, run by run.
///
/// It keeps the columns of the series in memory. Points that are appended later do not change what it yields.
#[derive(Debug)]
pub(crate) struct ChunkListReader {
    columns: Arc<SeriesColumns>,
    list: ChunkList,
    epoch: u32,
    range: TimeRange,
    mask: DeleteMask,
    position: ReaderPosition,
}

/// Position of a reader: the run that it reads next.
#[derive(Debug)]
enum ReaderPosition {
    /// The inline points of the in-order list, or the whole late list.
    Start,
    /// This chunk.
    InChunk(Arc<Chunk>),
    /// No run is left.
    End,
}

impl ChunkListReader {
    pub(crate) fn new(
        columns: Arc<SeriesColumns>,
        list: ChunkList,
        epoch: u32,
        range: TimeRange,
        mask: DeleteMask,
    ) -> Self {
        Self { columns, list, epoch, range, mask, position: ReaderPosition::Start }
    }

    fn filter(&self) -> ReadFilter<'_> {
        ReadFilter { epoch: self.epoch, range: self.range, mask: &self.mask }
    }

    /// Appends the next run that has points to read, in time order. Returns `false` if there is none.
    ///
    /// The late list has to be sorted, so it is one run.
    pub(crate) fn next(&mut self, out: &mut Vec<RawPoint>) -> bool {
        let before = out.len();
        if self.list == ChunkList::Late {
            if matches!(self.position, ReaderPosition::Start) {
                self.columns.read_list(ChunkList::Late, self.filter(), out);
                out[before..].sort_by_key(|point| point.timestamp);
            }
            self.position = ReaderPosition::End;
            return out.len() > before;
        }
        self.next_in_order(out)
    }

    /// Appends the next run to columns, as [`next`](Self::next) does.
    pub(crate) fn next_columns<T: Scalar>(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> bool {
        let mut columns = ColumnsSink { timestamps, values };
        if self.list == ChunkList::Late {
            let mut points = Vec::new();
            let found = self.next(&mut points);
            for point in points {
                columns.push_point(point);
            }
            return found;
        }
        self.next_in_order(&mut columns)
    }

    fn next_in_order(&mut self, out: &mut impl PointSink) -> bool {
        let before = out.point_count();
        while out.point_count() - before < RUN_POINTS {
            let (more, next) = match &self.position {
                ReaderPosition::Start => {
                    let next = self.columns.first_chunk(ChunkList::InOrder).get().cloned();
                    if next.is_some() {
                        out.reserve(RUN_POINTS);
                    }
                    (read_columns(self.columns.inline_points(), ChunkList::InOrder, self.filter(), out), next)
                }
                ReaderPosition::InChunk(chunk) => {
                    let more = read_columns(chunk.points(), ChunkList::InOrder, self.filter(), out);
                    (more, chunk.next.get().cloned())
                }
                ReaderPosition::End => break,
            };
            let next = next.filter(|_| more);
            self.position = next.map_or(ReaderPosition::End, ReaderPosition::InChunk);
        }
        out.point_count() > before
    }

    /// Returns the newest point of the list in the range that is neither deleted nor hidden.
    ///
    /// Of several points at its timestamp it is the first that arrived under `KeepFirst`, else the last. The position
    /// of the reader does not matter. In the in-order list it reads one point per chunk; it reads whole chunks only
    /// under `KeepFirst`, or if the newest point is deleted or hidden.
    pub(crate) fn newest_visible(&self, hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Option<RawPoint> {
        let keeps_first = duplicates == DuplicatePolicy::KeepFirst;
        if self.list == ChunkList::Late {
            let mut points = Vec::new();
            self.columns.read_list(ChunkList::Late, self.filter(), &mut points);
            points.sort_by_key(|point: &RawPoint| point.timestamp);
            return newest_visible_row(&points, hidden, keeps_first).map(|at| points[at]);
        }
        let (point, epoch) = self.last_in_range(|_| {})?;
        let is_visible =
            !self.mask.deletes(point.timestamp, epoch) && hidden.range_containing(point.timestamp).is_none();
        if is_visible && !keeps_first {
            return Some(point).filter(|point| self.range.contains(point.timestamp));
        }
        let mut runs = Vec::new();
        self.last_in_range(|run| runs.push(run));
        let (mut found, mut points) = (None, Vec::new());
        for run in runs.into_iter().rev() {
            points.clear();
            read_columns(run, ChunkList::InOrder, self.filter(), &mut points);
            let Some(at) = newest_visible_row(&points, hidden, keeps_first) else { continue };
            if found.is_some_and(|found: RawPoint| points[at].timestamp < found.timestamp) {
                break;
            }
            found = Some(points[at]);
            // Only the first visible point of a run can have an earlier duplicate in the run before.
            if at > 0 || !keeps_first {
                break;
            }
        }
        found
    }

    /// Returns the last point of the in-order list at or before the end of the range, and its epoch.
    ///
    /// Deleted points count, points after the epoch of the reader do not. Calls `each` with every run from the first to
    /// the one that contains the point.
    fn last_in_range<'a>(&'a self, mut each: impl FnMut(ChunkPoints<'a>)) -> Option<(RawPoint, u32)> {
        let mut last = None;
        let mut run = self.columns.inline_points();
        let mut next = self.columns.first_chunk(ChunkList::InOrder).get();
        while let Some(point) = last_visible_in(run, self.epoch, self.range.last()) {
            last = Some(point);
            each(run);
            let Some(chunk) = next else { break };
            (run, next) = (chunk.points(), chunk.next.get());
        }
        last
    }
}

/// Returns the index of the newest point that is not hidden. The points must be in time order.
///
/// Of several points at its timestamp it is the first if `keeps_first`, else the last.
fn newest_visible_row(points: &[RawPoint], hidden: &HiddenRanges, keeps_first: bool) -> Option<usize> {
    let at = points.iter().rposition(|point| hidden.range_containing(point.timestamp).is_none())?;
    let time = points[at].timestamp;
    Some(if keeps_first { points.partition_point(|point| point.timestamp < time) } else { at })
}
