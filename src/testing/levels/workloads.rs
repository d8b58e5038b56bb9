//! The nine loads: the content of each flush.
//!
//! A flush holds 3 M points; a flush of the sparse load holds one hour.

use super::point_cluster::PointCluster;

use crate::types::time_range::TimeRange;

const FLUSH: u64 = 3_000_000;
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
/// Start of the live data: 2023-11-14T22:13:20Z.
const START: i64 = 1_700_000_000 * SECOND;

/// A simulated load. benches/levels.md names each load by a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Load A: in order, 1,000 series, one point every 10 s.
    InOrder1k,
    /// Load B: in order, 100,000 series, one point every 10 s.
    InOrder100k,
    /// Load C: in order, 1 million series, one point every 60 s.
    InOrder1m,
    /// Load D: as load A, with 5 % of the points late by up to one day.
    SlightlyLate,
    /// Load E: 10,000 series of one year each, written one series after the other.
    Backfill,
    /// Load F: 10,000 series, points anywhere in one year.
    RandomYear,
    /// Load G: as load A, beside a backfill of one year of 100 other series, one series after the other.
    LiveAndBackfill,
    /// Load M: as load G, with 5 % of the points late and 1 % anywhere.
    Mixed,
    /// Load H: in order, 10 series, one point every second, flushed hourly.
    Sparse,
}

impl Workload {
    /// All loads, in the order of the table in benches/levels.md.
    pub const ALL: [Self; 9] = [
        Self::InOrder1k,
        Self::InOrder100k,
        Self::InOrder1m,
        Self::SlightlyLate,
        Self::Backfill,
        Self::RandomYear,
        Self::LiveAndBackfill,
        Self::Mixed,
        Self::Sparse,
    ];

    /// Short description for the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InOrder1k => "A in order, 1,000 series",
            Self::InOrder100k => "B in order, 100,000 series",
            Self::InOrder1m => "C in order, 1 M series",
            Self::SlightlyLate => "D as A, 5 % late",
            Self::Backfill => "E backfill series by series",
            Self::RandomYear => "F anywhere in a year",
            Self::LiveAndBackfill => "G as A beside a backfill",
            Self::Mixed => "M as G, 5 % late, 1 % anywhere",
            Self::Sparse => "H sparse, flushed hourly",
        }
    }

    /// Returns the points per flush and the number of flushes for a load of `points` points.
    ///
    /// Load H is limited to ten years.
    pub(super) fn flushes(self, points: u64) -> (u64, u64) {
        match self {
            Self::Sparse => (36_000, (points / 36_000).min(10 * 365 * 24)),
            _ => (FLUSH, points / FLUSH),
        }
    }

    /// Returns the content of flush `number` of `of` flushes.
    pub(super) fn flush(self, number: u64, of: u64) -> Vec<PointCluster> {
        match self {
            Self::InOrder1k => vec![live(number, 1_000, 3_000, 10)],
            Self::InOrder100k => vec![live(number, 100_000, 30, 10)],
            Self::InOrder1m => vec![live(number, 1_000_000, 3, 60)],
            Self::SlightlyLate => {
                let on_time = live(number, 1_000, 2_850, 10);
                vec![late(&on_time, 150_000), on_time]
            }
            Self::Backfill => backfill(number * FLUSH, FLUSH, 0, 1_000_000),
            Self::RandomYear => vec![PointCluster::new((0, 9_999), TimeRange::new(START - YEAR, START - 1), FLUSH)],
            Self::LiveAndBackfill => beside(number, of, FLUSH / 2, 1_500),
            Self::Mixed => {
                let mut all = beside(number, of, 1_410_000, 1_410);
                let on_time = live(number, 1_000, 1_410, 10);
                all.push(late(&on_time, 150_000));
                all.push(PointCluster::new(
                    (0, 1_099),
                    TimeRange::new(START - YEAR, on_time.rectangle.times.last()),
                    30_000,
                ));
                all
            }
            Self::Sparse => vec![live(number, 10, 3_600, 1)],
        }
    }
}

/// Live points: every series has a point at every tick.
fn live(number: u64, series: u32, ticks: u32, seconds: i64) -> PointCluster {
    let long = i64::from(ticks) * seconds * SECOND;
    let from = START + number.cast_signed() * long;
    PointCluster::new(
        (0, series - 1),
        TimeRange::new(from, from + long - seconds * SECOND),
        u64::from(series) * u64::from(ticks),
    )
}

fn late(on_time: &PointCluster, points: u64) -> PointCluster {
    let times = TimeRange::new(on_time.rectangle.times.first() - DAY, on_time.rectangle.times.last());
    let series = (on_time.rectangle.first_series.get(), on_time.rectangle.last_series.get());
    PointCluster::new(series, times, points)
}

/// Points `from..from + points` of a backfill that writes one year of a series after the other.
fn backfill(from: u64, points: u64, first_series: u32, each: u64) -> Vec<PointCluster> {
    let step = YEAR / each.cast_signed();
    let (mut at, end) = (from, from + points);
    let mut clusters = Vec::new();
    while at < end {
        let (series, within) = (at / each, at % each);
        let count = (each - within).min(end - at);
        let id = first_series + u32::try_from(series).unwrap_or(0);
        let time = |number: u64| START - YEAR + step * number.cast_signed();
        clusters.push(PointCluster::new((id, id), TimeRange::new(time(within), time(within + count - 1)), count));
        at += count;
    }
    clusters
}

fn beside(number: u64, of: u64, backfilled: u64, ticks: u32) -> Vec<PointCluster> {
    let each = (of * backfilled).div_ceil(100).max(1);
    let mut clusters = backfill(number * backfilled, backfilled, 1_000, each);
    clusters.push(live(number, 1_000, ticks, 10));
    clusters
}
