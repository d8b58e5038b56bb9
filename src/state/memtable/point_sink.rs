//! Destinations of the points that are read from a memtable.

use std::ops::Range;

use super::chunk::{ChunkColumns, RawPoint};
use crate::sync::atomic::Ordering;
use crate::types::point::{Scalar, Timestamp};

/// Buffer to which points of a memtable are appended.
pub(super) trait PointSink {
    /// Returns the number of points in the buffer.
    fn point_count(&self) -> usize;

    fn push_point(&mut self, point: RawPoint);

    /// Appends some of the points of a run.
    fn extend_from_run(&mut self, run: ChunkColumns<'_>, points: Range<usize>);
}

impl PointSink for Vec<RawPoint> {
    fn point_count(&self) -> usize {
        self.len()
    }

    fn push_point(&mut self, point: RawPoint) {
        self.push(point);
    }

    fn extend_from_run(&mut self, run: ChunkColumns<'_>, points: Range<usize>) {
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

    fn extend_from_run(&mut self, run: ChunkColumns<'_>, points: Range<usize>) {
        self.extend(run.timestamps[points].iter().map(|word| word.load(Ordering::Relaxed).cast_signed()));
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

    fn extend_from_run(&mut self, run: ChunkColumns<'_>, points: Range<usize>) {
        let words = run.timestamps[points.clone()].iter().map(|word| word.load(Ordering::Relaxed));
        self.timestamps.extend(words.map(|word| Timestamp::from_nanos(word.cast_signed())));
        self.values.extend(run.values[points].iter().map(|word| T::from_bits(word.load(Ordering::Relaxed))));
    }
}
