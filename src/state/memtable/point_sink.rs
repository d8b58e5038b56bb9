//! Destinations of the points that are read from a memtable.

use std::ops::Range;

use super::chunk::{ChunkPoints, RawPoint};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::types::point::{Scalar, Timestamp};

/// Buffer to which points of a memtable are appended.
pub(super) trait PointSink {
    /// Returns the number of points in the buffer.
    fn point_count(&self) -> usize;

    fn push_point(&mut self, point: RawPoint);

    /// Appends some of the points of a run.
    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>);
}

impl PointSink for Vec<RawPoint> {
    fn point_count(&self) -> usize {
        self.len()
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

    fn push_point(&mut self, point: RawPoint) {
        self.push(point.timestamp);
    }

    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>) {
        let (head, groups, tail) = run.split(points);
        self.extend(head.map(|at| run.timestamp(at)));
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed).cast_signed();
        self.extend(groups.iter().flat_map(|group| group.timestamps.each_ref().map(load)));
        self.extend(tail.map(|at| run.timestamp(at)));
    }
}

/// Columns of timestamps in nanoseconds and of the bits of values.
pub(super) struct RawColumnsSink<'a> {
    pub(super) timestamps: &'a mut Vec<i64>,
    pub(super) bits: &'a mut Vec<u64>,
}

impl PointSink for RawColumnsSink<'_> {
    fn point_count(&self) -> usize {
        self.timestamps.len()
    }

    fn push_point(&mut self, point: RawPoint) {
        self.timestamps.push(point.timestamp);
        self.bits.push(point.bits);
    }

    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>) {
        let (head, groups, tail) = run.split(points);
        head.for_each(|at| self.push_point(run.get(at)));
        let time = |word: &AtomicU64| word.load(Ordering::Relaxed).cast_signed();
        self.timestamps.extend(groups.iter().flat_map(|group| group.timestamps.each_ref().map(time)));
        let value = |word: &AtomicU64| word.load(Ordering::Relaxed);
        self.bits.extend(groups.iter().flat_map(|group| group.values.each_ref().map(value)));
        tail.for_each(|at| self.push_point(run.get(at)));
    }
}

/// Columns of timestamps and values: points are copied once, without raw points between.
pub(super) struct PointColumnsSink<'a, T> {
    pub(super) timestamps: &'a mut Vec<Timestamp>,
    pub(super) values: &'a mut Vec<T>,
}

impl<T: Scalar> PointSink for PointColumnsSink<'_, T> {
    fn point_count(&self) -> usize {
        self.timestamps.len()
    }

    fn push_point(&mut self, point: RawPoint) {
        self.timestamps.push(Timestamp::from_nanos(point.timestamp));
        self.values.push(T::from_bits(point.bits));
    }

    fn extend_from_run(&mut self, run: ChunkPoints<'_>, points: Range<usize>) {
        let (head, groups, tail) = run.split(points);
        head.for_each(|at| self.push_point(run.get(at)));
        let time = |word: &AtomicU64| Timestamp::from_nanos(word.load(Ordering::Relaxed).cast_signed());
        self.timestamps.extend(groups.iter().flat_map(|group| group.timestamps.each_ref().map(time)));
        let value = |word: &AtomicU64| T::from_bits(word.load(Ordering::Relaxed));
        self.values.extend(groups.iter().flat_map(|group| group.values.each_ref().map(value)));
        tail.for_each(|at| self.push_point(run.get(at)));
    }
}
