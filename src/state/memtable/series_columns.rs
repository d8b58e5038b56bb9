//! The columns of one series: inline points, chunks in time order, and chunks of late points.
//!
//! Readers read the points up to their epoch. The position of the writer is not stored here, but in the appender.

use super::chunk::{Chunk, ChunkPoints, PointGroup, RawPoint, partition_point};
use super::delete_mask::DeleteMask;
use super::point_sink::PointSink;
use crate::sync::bounds::{GROUP_POINTS, INLINE_POINTS};
use crate::sync::{Arc, SetOnce};
use crate::types::time_range::TimeRange;

/// One of the two lists of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkList {
    /// Points whose timestamps never decrease.
    InOrder,
    /// Points that were older than the newest point of the series when they arrived, in order of arrival.
    Late,
}

/// Columns of one series in one memtable, shared by the writer and all views.
#[derive(Debug)]
pub(crate) struct SeriesColumns {
    inline: [PointGroup; INLINE_POINTS / GROUP_POINTS],
    in_order: SetOnce<Arc<Chunk>>,
    late: SetOnce<Arc<Chunk>>,
}

/// Filter for the points of a series: greatest epoch, time range, and deletes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadFilter<'a> {
    /// Epoch of the view; points with a greater epoch are left out.
    pub(crate) epoch: u32,
    pub(crate) range: TimeRange,
    pub(crate) mask: &'a DeleteMask,
}

impl SeriesColumns {
    pub(crate) fn new() -> Self {
        Self { inline: std::array::from_fn(|_| PointGroup::new()), in_order: SetOnce::new(), late: SetOnce::new() }
    }

    /// Returns the inline points, which are the first ones of the in-order list.
    ///
    /// A series with few points needs no chunk.
    pub(crate) fn inline_points(&self) -> ChunkPoints<'_> {
        ChunkPoints::new(&self.inline)
    }

    /// Returns the first chunk of a list. In the in-order list it follows the inline points.
    pub(crate) fn first_chunk(&self, list: ChunkList) -> &SetOnce<Arc<Chunk>> {
        match list {
            ChunkList::InOrder => &self.in_order,
            ChunkList::Late => &self.late,
        }
    }

    /// Appends the points that pass the filter, in time order, equal times in order of arrival.
    #[cfg(test)]
    pub(crate) fn read(&self, filter: ReadFilter<'_>, out: &mut Vec<RawPoint>) {
        let start = out.len();
        self.read_list(ChunkList::InOrder, filter, out);
        let late = out.len();
        self.read_list(ChunkList::Late, filter, out);
        if out.len() > late {
            // A stable sort: at equal times the in-order point comes first, since it arrived before the late one.
            out[start..].sort_by_key(|point| point.timestamp);
        }
    }

    /// Returns the number of points in the range with an epoch of at most `epoch`, deleted ones included.
    pub(crate) fn count(&self, epoch: u32, range: TimeRange) -> usize {
        [ChunkList::InOrder, ChunkList::Late].into_iter().map(|list| self.count_list(list, epoch, range)).sum()
    }

    /// Returns `true` if the chunks and the inline points have room for at most so many points.
    pub(super) fn has_room_for_at_most(&self, points: usize) -> bool {
        let chunks = [ChunkList::InOrder, ChunkList::Late].into_iter().flat_map(|list| self.chunks(list));
        let mut room = INLINE_POINTS;
        chunks.map(|chunk| chunk.points().len()).all(|more| {
            room += more;
            room <= points
        })
    }

    /// Returns the chunks of a list from the first one on.
    pub(super) fn chunks(&self, list: ChunkList) -> impl Iterator<Item = &Arc<Chunk>> {
        std::iter::successors(self.first_chunk(list).get(), |chunk| chunk.next.get())
    }

    pub(super) fn count_list(&self, list: ChunkList, epoch: u32, range: TimeRange) -> usize {
        let inline =
            if list == ChunkList::InOrder { count_columns(self.inline_points(), list, epoch, range) } else { 0 };
        inline + self.chunks(list).map(|chunk| count_columns(chunk.points(), list, epoch, range)).sum::<usize>()
    }

    /// Appends the points of one list that pass the filter, in the list's own order.
    pub(super) fn read_list(&self, list: ChunkList, filter: ReadFilter<'_>, out: &mut impl PointSink) {
        if list == ChunkList::InOrder && !read_columns(self.inline_points(), list, filter, out) {
            return;
        }
        let mut next = self.first_chunk(list).get();
        while let Some(chunk) = next {
            if !read_columns(chunk.points(), list, filter, out) {
                return;
            }
            next = chunk.next.get();
        }
    }
}

/// Returns the number of points of a run in the range, up to an epoch, deleted ones included.
///
/// If the points are in time order, two binary searches find it.
fn count_columns(columns: ChunkPoints<'_>, list: ChunkList, epoch: u32, range: TimeRange) -> usize {
    let visible = columns.visible_len(epoch);
    if list == ChunkList::Late {
        let mut count = 0;
        columns.for_each_time(visible, |_, time| count += usize::from(range.contains(time)));
        return count;
    }
    let end = partition_visible(columns, visible, |timestamp| timestamp <= range.last());
    end.saturating_sub(partition_visible(columns, visible, |timestamp| timestamp < range.first()))
}

/// Appends the points of one run that pass the filter.
///
/// Returns `true` if the next run of the list can have points for the epoch and the range of the filter.
pub(super) fn read_columns(
    columns: ChunkPoints<'_>,
    list: ChunkList,
    filter: ReadFilter<'_>,
    out: &mut impl PointSink,
) -> bool {
    let ReadFilter { epoch, range, mask } = filter;
    let visible = columns.visible_len(epoch);
    let is_full = visible == columns.len();
    let remains = |at: &usize| !mask.deletes(columns.timestamp(*at), columns.epoch(*at));
    if list == ChunkList::Late {
        columns.for_each_time(visible, |at, time| {
            if range.contains(time) && (mask.is_empty() || remains(&at)) {
                out.push_point(columns.get(at));
            }
        });
        return is_full;
    }
    if visible == 0 || columns.timestamp(0) > range.last() {
        return false;
    }
    let (mut start, mut end) = (0, visible);
    if columns.timestamp(visible - 1) < range.first() {
        return is_full;
    }
    if columns.timestamp(0) < range.first() {
        start = partition_visible(columns, visible, |timestamp| timestamp < range.first());
    }
    if columns.timestamp(visible - 1) > range.last() {
        end = partition_visible(columns, visible, |timestamp| timestamp <= range.last());
    }
    if start < end && mask.overlaps(TimeRange::new(columns.timestamp(start), columns.timestamp(end - 1))) {
        for at in (start..end).filter(remains) {
            out.push_point(columns.get(at));
        }
    } else if start < end {
        out.extend_from_run(columns, start..end);
    }
    is_full && end == visible
}

/// Returns the last point of a run at or before `end`, up to an epoch, and the epoch of the point.
///
/// The run must be in time order. Deleted points count.
pub(super) fn last_visible_in(columns: ChunkPoints<'_>, epoch: u32, end: i64) -> Option<(RawPoint, u32)> {
    let visible = columns.visible_len(epoch);
    let within = match visible.checked_sub(1) {
        Some(last) if columns.timestamp(last) > end => partition_visible(columns, visible, |time| time <= end),
        _ => visible,
    };
    within.checked_sub(1).map(|at| (columns.get(at), columns.epoch(at)))
}

/// Returns how many of the first `visible` points satisfy `bound`. Those that do must come first.
fn partition_visible(points: ChunkPoints<'_>, visible: usize, bound: impl Fn(i64) -> bool) -> usize {
    partition_point(visible, |at| bound(points.timestamp(at)))
}
