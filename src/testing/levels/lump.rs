//! Points by the million as evenly filled rectangles: coarse enough that ten thousand million of them fit in memory.

use crate::series::SeriesId;
use crate::version::Rectangle;
use crate::version::pick::Fragment;

/// Points in a block of the engine.
const BLOCK: u64 = 8_192;
/// What a block takes beside its points: its share of the index, headers, checksums.
const BLOCK_BYTES: u64 = 55;

/// So many points, spread evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lump {
    pub(super) rectangle: Rectangle,
    pub(super) points: u64,
}

impl Lump {
    pub(super) fn new(series: (u32, u32), times: (i64, i64), points: u64) -> Self {
        let (first_series, last_series) = (SeriesId::new(series.0), SeriesId::new(series.1));
        Self { rectangle: Rectangle { first_series, last_series, first_time: times.0, last_time: times.1 }, points }
    }

    fn series(&self) -> (u32, u32) {
        (self.rectangle.first_series.get(), self.rectangle.last_series.get())
    }

    fn width(&self) -> u64 {
        u64::from(self.series().1 - self.series().0) + 1
    }

    fn duration(&self) -> u128 {
        u128::from(self.rectangle.last_time.abs_diff(self.rectangle.first_time)) + 1
    }

    fn area(&self) -> u128 {
        u128::from(self.width()) * self.duration()
    }

    /// What of it lies in the area.
    pub(super) fn within(&self, area: &Rectangle) -> Option<Self> {
        if area.contains(&self.rectangle) {
            return Some(*self);
        }
        let (own, (first, last)) = (self.series(), (area.first_series.get(), area.last_series.get()));
        let series = (own.0.max(first), own.1.min(last));
        let times = (self.rectangle.first_time.max(area.first_time), self.rectangle.last_time.min(area.last_time));
        if series.0 > series.1 || times.0 > times.1 {
            return None;
        }
        let part = Self::new(series, times, 0);
        // Never more than the whole: a cut by one side after the other keeps the products small.
        let by_series = u128::from(self.points) * u128::from(part.width()) / u128::from(self.width());
        let points = u64::try_from(by_series * part.duration() / self.duration()).unwrap_or(self.points);
        (points > 0).then_some(Self { points, ..part })
    }

    fn join(&self, other: &Self) -> Self {
        Self { rectangle: self.rectangle.join(&other.rectangle), points: self.points + other.points }
    }
}

/// What a file of these lumps would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) points: u64,
    pub(super) blocks: u64,
    pub(super) series: u64,
    pub(super) bytes: u64,
}

impl Size {
    pub(super) fn of(lumps: &[Lump]) -> Self {
        // A thousandth of a point a series is fine enough.
        const GRAIN: u128 = 1_000_000;
        let mut changes: Vec<(u64, bool, u128)> = Vec::with_capacity(2 * lumps.len());
        for lump in lumps {
            let density = u128::from(lump.points) * GRAIN / u128::from(lump.width());
            let (first, last) = lump.series();
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
        let points = lumps.iter().map(|lump| lump.points).sum();
        let blocks = u64::try_from(blocks).unwrap_or(u64::MAX).clamp(1, points);
        let series = u64::try_from(series).unwrap_or(u64::MAX).clamp(1, points);
        Self { points, blocks, series, bytes: points + BLOCK_BYTES * blocks }
    }
}

/// What the engine would tell the cutting about a file of these lumps.
pub(super) fn fragments(lumps: &[Lump], size: Size) -> impl Iterator<Item = Fragment> {
    lumps.iter().map(move |lump| {
        let bytes = u128::from(lump.points) * u128::from(size.bytes) / u128::from(size.points.max(1));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Fragment { rectangle: lump.rectangle, points: lump.points, bytes }
    })
}

/// The same points in fewer lumps: neighbours become one where that widens least.
pub(super) fn coalesce(lumps: &mut Vec<Lump>, most: usize) {
    lumps.sort_unstable_by_key(|lump| (lump.series(), lump.rectangle.first_time));
    while lumps.len() > most {
        let waste = |one: &Lump, next: &Lump| one.join(next).area().saturating_mul(1_000) / (one.area() + next.area());
        let mut wastes: Vec<u128> = lumps.windows(2).map(|pair| waste(&pair[0], &pair[1])).collect();
        // Half of the pairs at a time, so that no run of neighbours becomes one at once.
        let limit = wastes.len() / 2;
        let (_, limit, _) = wastes.select_nth_unstable(limit);
        let limit = *limit;
        let mut fewer: Vec<Lump> = Vec::with_capacity(lumps.len());
        let mut joined = false;
        for lump in lumps.drain(..) {
            match fewer.last_mut() {
                Some(last) if !joined && waste(last, &lump) <= limit => {
                    *last = last.join(&lump);
                    joined = true;
                }
                _ => {
                    fewer.push(lump);
                    joined = false;
                }
            }
        }
        *lumps = fewer;
    }
}
