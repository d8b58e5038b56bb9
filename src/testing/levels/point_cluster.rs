//! Clusters of millions of points: evenly filled rectangles.
//!
//! Clusters allow a simulation of 10 billion points in memory.

use crate::state::rectangle::Rectangle;
use crate::state::version::pick::SizeEstimate;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Points per block of the engine.
const BLOCK: u64 = 8_192;
/// Bytes of a block besides its points: its share of the index, headers and checksums.
const BLOCK_BYTES: u64 = 55;

/// A number of points that are evenly spread over a rectangle.
#[derive(Debug, Clone, Copy)]
pub(super) struct PointCluster {
    pub(super) rectangle: Rectangle,
    pub(super) points: u64,
}

impl PointCluster {
    pub(super) fn new(series: (u32, u32), times: TimeRange, points: u64) -> Self {
        let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
        Self { rectangle: Rectangle { first_series, last_series, times }, points }
    }

    fn series(&self) -> (u32, u32) {
        (self.rectangle.first_series.get(), self.rectangle.last_series.get())
    }

    fn width(&self) -> u64 {
        u64::from(self.series().1 - self.series().0) + 1
    }

    fn duration(&self) -> u128 {
        u128::from(self.rectangle.times.last().abs_diff(self.rectangle.times.first())) + 1
    }

    fn area(&self) -> u128 {
        u128::from(self.width()) * self.duration()
    }

    /// Returns the part of the cluster inside `area`, or `None` if that part holds no point.
    pub(super) fn clip(&self, area: &Rectangle) -> Option<Self> {
        if area.covers(&self.rectangle) {
            return Some(*self);
        }
        let (own, (first, last)) = (self.series(), (area.first_series.get(), area.last_series.get()));
        let series = (own.0.max(first), own.1.min(last));
        let times = self.rectangle.times.intersection(area.times);
        if series.0 > series.1 || times.is_empty() {
            return None;
        }
        let part = Self::new(series, times, 0);
        // The result never exceeds the whole. The division by one side after the other keeps the products small.
        let by_series = u128::from(self.points) * u128::from(part.width()) / u128::from(self.width());
        let points = u64::try_from(by_series * part.duration() / self.duration()).unwrap_or(self.points);
        (points > 0).then_some(Self { points, ..part })
    }

    fn union(&self, other: &Self) -> Self {
        Self { rectangle: self.rectangle.union(&other.rectangle), points: self.points + other.points }
    }
}

/// Estimated size of a file that holds a set of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileEstimate {
    pub(super) points: u64,
    pub(super) blocks: u64,
    pub(super) series: u64,
    pub(super) bytes: u64,
}

impl FileEstimate {
    pub(super) fn of(clusters: &[PointCluster]) -> Self {
        // Resolution of the density, in parts of a point per series. A thousandth of a point would be sufficient.
        const GRAIN: u128 = 1_000_000;
        let mut changes: Vec<(u64, bool, u128)> = Vec::with_capacity(2 * clusters.len());
        for cluster in clusters {
            let density = u128::from(cluster.points) * GRAIN / u128::from(cluster.width());
            let (first, last) = cluster.series();
            changes.push((u64::from(first), true, density));
            changes.push((u64::from(last) + 1, false, density));
        }
        changes.sort_unstable();
        let (mut blocks, mut series, mut density, mut from) = (0, 0, 0_u128, 0);
        for (at, rises, by) in changes {
            let span = u128::from(at - from);
            from = at;
            let present = (span * density / GRAIN).min(span);
            series += present;
            blocks += present * density.div_ceil(GRAIN * u128::from(BLOCK));
            density = if rises { density + by } else { density - by };
        }
        let points = clusters.iter().map(|cluster| cluster.points).sum();
        let blocks = u64::try_from(blocks).unwrap_or(u64::MAX).clamp(1, points);
        let series = u64::try_from(series).unwrap_or(u64::MAX).clamp(1, points);
        Self { points, blocks, series, bytes: points + BLOCK_BYTES * blocks }
    }
}

/// Returns the size estimates, one per cluster, from which the engine chooses output regions.
pub(super) fn fragments(clusters: &[PointCluster], size: FileEstimate) -> impl Iterator<Item = SizeEstimate> {
    clusters.iter().map(move |cluster| {
        let bytes = u128::from(cluster.points) * u128::from(size.bytes) / u128::from(size.points.max(1));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        SizeEstimate { rectangle: cluster.rectangle, points: cluster.points, bytes }
    })
}

/// Joins neighbouring clusters until at most `most` are left.
///
/// The pairs whose union widens the area least are joined first.
pub(super) fn coalesce(clusters: &mut Vec<PointCluster>, most: usize) {
    clusters.sort_unstable_by_key(|cluster| (cluster.series(), cluster.rectangle.times.first()));
    while clusters.len() > most {
        let waste = |one: &PointCluster, next: &PointCluster| {
            one.union(next).area().saturating_mul(1_000) / (one.area() + next.area())
        };
        let mut wastes: Vec<u128> = clusters.windows(2).map(|pair| waste(&pair[0], &pair[1])).collect();
        // Each pass joins at most half of the pairs, so that a run of neighbours does not become one cluster at once.
        let limit = wastes.len() / 2;
        let (_, limit, _) = wastes.select_nth_unstable(limit);
        let limit = *limit;
        let mut fewer: Vec<PointCluster> = Vec::with_capacity(clusters.len());
        let mut joined = false;
        for cluster in clusters.drain(..) {
            match fewer.last_mut() {
                Some(last) if !joined && waste(last, &cluster) <= limit => {
                    *last = last.union(&cluster);
                    joined = true;
                }
                _ => {
                    fewer.push(cluster);
                    joined = false;
                }
            }
        }
        *clusters = fewer;
    }
}
