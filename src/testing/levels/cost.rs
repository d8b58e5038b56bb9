//! Cost of the levels: bytes written, number of files, files touched by a read.

use super::simulation::{LevelSimulation, SimulatedFile};
use crate::testing::sim::SeededRng;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

const HOUR: i64 = 3_600_000_000_000;
/// Bytes of the index per block.
const INDEX_BYTES: u64 = 24;
/// Number of sampled points.
const SAMPLES: u64 = 4_000;

/// Measured cost of one load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactionCost {
    /// Total number of points.
    pub points: u64,
    /// Write amplification in percent: bytes written per 100 bytes flushed.
    pub write_percent: u64,
    /// Number of files at the end.
    pub files: usize,
    /// Number of files of each level at the end, L0 first, base last.
    pub levels: [usize; 8],
    /// Maximum number of L0 files at any time.
    pub max_l0_files: usize,
    /// Mean number of points per block.
    pub mean_block_points: u64,
    /// Bytes per 100 points, at 1 byte per point and 55 bytes per block.
    pub bytes_percent: u64,
    /// Size of the index, in megabytes.
    pub index_mb: u64,
    /// Files that a read of one series and one hour touches, in hundredths; mean over points.
    pub files_per_read_percent: u64,
    /// Maximum number of files whose rectangles contain the same point.
    pub max_overlap: u64,
    /// Seconds that the compactor ran after the last flush.
    pub catch_up_seconds: u64,
    /// Number of compactions.
    pub merges: u64,
}

impl CompactionCost {
    pub(super) fn of(world: &LevelSimulation, catch_up_seconds: u64) -> Self {
        let sum = |of: fn(&SimulatedFile) -> u64| world.files.iter().map(of).sum::<u64>();
        let (points, blocks) = (sum(|held| held.meta.points), sum(|held| held.meta.blocks));
        let mut levels = [0; 8];
        for held in &world.files {
            if let Some(count) = levels.get_mut(usize::from(held.meta.level)) {
                *count += 1;
            }
        }
        let (touched_percent, deepest) = sample_read_cost(world);
        Self {
            points: world.points,
            write_percent: (world.bytes_flushed + world.bytes_merged) * 100 / world.bytes_flushed.max(1),
            files: world.files.len(),
            levels,
            max_l0_files: world.max_l0_files,
            mean_block_points: points / blocks.max(1),
            bytes_percent: sum(|held| held.meta.file_len) * 100 / points.max(1),
            index_mb: blocks * INDEX_BYTES / 1_000_000,
            files_per_read_percent: touched_percent,
            max_overlap: deepest,
            catch_up_seconds,
            merges: world.merges,
        }
    }
}

/// Samples points with equal probability.
///
/// Returns the mean number of files that a read of one hour touches, in hundredths, and the maximum number of files
/// whose rectangles contain one point.
fn sample_read_cost(world: &LevelSimulation) -> (u64, u64) {
    let mut chance = SeededRng::new(42);
    let total: u64 = world.files.iter().map(|held| held.meta.points).sum();
    let (mut sum, mut deepest) = (0, 0);
    for number in 0..SAMPLES {
        let mut at = total / SAMPLES * number;
        let clusters = world.files.iter().flat_map(|held| &held.clusters);
        let cluster = clusters.into_iter().find(|cluster| {
            let found = at < cluster.points;
            at = at.saturating_sub(cluster.points);
            found
        });
        let Some(cluster) = cluster else { continue };
        let (first, last) = (cluster.rectangle.first_series.get(), cluster.rectangle.last_series.get());
        let mut draw = |bound: u64| chance.up_to(usize::try_from(bound).unwrap_or(usize::MAX));
        let series = SeriesId::new(first + u32::try_from(draw(u64::from(last - first))).unwrap_or(0));
        let long = cluster.rectangle.times.last().abs_diff(cluster.rectangle.times.first());
        let time = cluster.rectangle.times.first().saturating_add_unsigned(u64::try_from(draw(long)).unwrap_or(0));
        let hour = TimeRange::new(time.saturating_sub(HOUR / 2), time.saturating_add(HOUR / 2));
        let meeting = |times| world.files.iter().filter(|held| held.meta.rectangle.contains_any(series, times)).count();
        sum += u64::try_from(meeting(hour)).unwrap_or(0);
        deepest = deepest.max(u64::try_from(meeting(TimeRange::at(time))).unwrap_or(0));
    }
    (sum * 100 / SAMPLES, deepest)
}
