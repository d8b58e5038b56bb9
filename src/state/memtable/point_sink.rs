//! Destinations of the points that are read from a memtable.

use std::ops::Range;

use super::chunk::{ChunkPoints, PointGroup, RawPoint};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::bounds::GROUP_POINTS;
use crate::types::point::{Scalar, Timestamp};

/// Buffer to which points of a memtable are appended.
pub(super) trait PointSink {
    /// Returns the number of points in the buffer.
    fn point_count(&self) -> usize;

    /// Makes room for so many more points.
    fn reserve(&mut self, points: usize);

    fn push_point(&mut self, point: RawPoint);

    /// Appends some of the points of a run.
    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>);
}

impl PointSink for Vec<RawPoint> {
    fn point_count(&self) -> usize {
        self.len()
    }

    fn reserve(&mut self, points: usize) {
        self.reserve(points);
    }

    fn push_point(&mut self, point: RawPoint) {
        self.push(point);
    }

    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>) {
        self.extend(points.map(|at| run.get(at)));
    }
}

/// Timestamps alone.
impl PointSink for Vec<i64> {
    fn point_count(&self) -> usize {
        self.len()
    }

    fn reserve(&mut self, points: usize) {
        self.reserve(points);
    }

    fn push_point(&mut self, point: RawPoint) {
        self.push(point.timestamp);
    }

    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>) {
        let (head, groups, tail) = run.split(points);
        self.extend(head.map(|at| run.timestamp(at)));
        extend_times(groups, self, |nanos| nanos);
        self.extend(tail.map(|at| run.timestamp(at)));
    }
}

/// Timestamp as a column stores it.
pub(super) trait ColumnTime: Copy {
    fn from_nanos(nanos: i64) -> Self;
}

impl ColumnTime for i64 {
    fn from_nanos(nanos: i64) -> Self {
        nanos
    }
}

impl ColumnTime for Timestamp {
    fn from_nanos(nanos: i64) -> Self {
        Self::from_nanos(nanos)
    }
}

/// Columns of timestamps and values: points are copied once, without raw points between. Values may be their own bits.
pub(super) struct ColumnsSink<'a, Time, Value> {
    pub(super) timestamps: &'a mut Vec<Time>,
    pub(super) values: &'a mut Vec<Value>,
}

impl<Time: ColumnTime, Value: Scalar> PointSink for ColumnsSink<'_, Time, Value> {
    fn point_count(&self) -> usize {
        self.timestamps.len()
    }

    fn reserve(&mut self, points: usize) {
        self.timestamps.reserve(points);
        self.values.reserve(points);
    }

    fn push_point(&mut self, point: RawPoint) {
        self.timestamps.push(Time::from_nanos(point.timestamp));
        self.values.push(Value::from_bits(point.bits));
    }

    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>) {
        let (head, groups, tail) = run.split(points);
        head.for_each(|at| self.push_point(run.get(at)));
        extend_times(groups, self.timestamps, Time::from_nanos);
        extend_values(groups, self.values, Value::from_bits);
        tail.for_each(|at| self.push_point(run.get(at)));
    }
}

/// Number of groups that are copied together, through the stack: a copy of each group would grow a vector by two points.
const COPIED_GROUPS: usize = 8;
/// Number of points of these groups.
const COPIED_POINTS: usize = COPIED_GROUPS * GROUP_POINTS;

/// Appends the timestamps of groups, converted by a function, to a column.
fn extend_times<Time: Copy>(groups: &[PointGroup], times: &mut Vec<Time>, time: impl Fn(i64) -> Time) {
    let load = |word: &AtomicU64| time(word.load(Ordering::Relaxed).cast_signed());
    let (blocks, rest) = groups.as_chunks::<COPIED_GROUPS>();
    for block in blocks {
        let copied: [Time; COPIED_POINTS] =
            std::array::from_fn(|at| load(&block[at / GROUP_POINTS].timestamps[at % GROUP_POINTS]));
        times.extend_from_slice(&copied);
    }
    times.extend(rest.iter().flat_map(|group| group.timestamps.each_ref().map(&load)));
}

/// Appends the values of groups, converted by a function, to a column.
fn extend_values<Value: Copy>(groups: &[PointGroup], values: &mut Vec<Value>, value: impl Fn(u64) -> Value) {
    let load = |word: &AtomicU64| value(word.load(Ordering::Relaxed));
    let (blocks, rest) = groups.as_chunks::<COPIED_GROUPS>();
    for block in blocks {
        let copied: [Value; COPIED_POINTS] =
            std::array::from_fn(|at| load(&block[at / GROUP_POINTS].values[at % GROUP_POINTS]));
        values.extend_from_slice(&copied);
    }
    values.extend(rest.iter().flat_map(|group| group.values.each_ref().map(&load)));
}
