//! What the levels cost in the end: in bytes written, in files, in what a read touches.

use super::run::{Held, World};
use crate::env::sim::Chance;
use crate::series::SeriesId;

const HOUR: i64 = 3_600_000_000_000;
/// What the index holds of a block.
const INDEX_BYTES: u64 = 24;
/// Points whose neighbourhood is looked at.
const SAMPLES: u64 = 4_000;

/// What a load came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Points in all.
    pub points: u64,
    /// Bytes written for every hundred bytes flushed.
    pub write_percent: u64,
    /// Files at the end, and those of each level.
    pub files: usize,
    /// The files of each level, L0 first, base last.
    pub levels: [usize; 8],
    /// The most files that L0 ever held.
    pub worst_l0: usize,
    /// Points in a block.
    pub mean_block: u64,
    /// Bytes for every hundred points, at one byte a point and 55 a block.
    pub bytes_percent: u64,
    /// Megabytes of index.
    pub index_mb: u64,
    /// Files that a read of one series and one hour touches, in hundredths, the mean over points.
    pub touched_percent: u64,
    /// The most files that any point lies in the rectangle of.
    pub deepest: u64,
    /// How long the compactor went on after the last flush.
    pub catch_up_seconds: u64,
    /// Merges.
    pub plans: u64,
}

impl Outcome {
    pub(super) fn of(world: &World, catch_up_seconds: u64) -> Self {
        let sum = |of: fn(&Held) -> u64| world.files.iter().map(of).sum::<u64>();
        let (points, blocks) = (sum(|held| held.meta.points), sum(|held| held.meta.blocks));
        let mut levels = [0; 8];
        for held in &world.files {
            if let Some(count) = levels.get_mut(usize::from(held.meta.level)) {
                *count += 1;
            }
        }
        let (touched_percent, deepest) = touched(world);
        Self {
            points: world.points,
            write_percent: (world.bytes_flushed + world.bytes_merged) * 100 / world.bytes_flushed.max(1),
            files: world.files.len(),
            levels,
            worst_l0: world.worst_l0,
            mean_block: points / blocks.max(1),
            bytes_percent: sum(|held| held.meta.len) * 100 / points.max(1),
            index_mb: blocks * INDEX_BYTES / 1_000_000,
            touched_percent,
            deepest,
            catch_up_seconds,
            plans: world.plans,
        }
    }
}

/// Files around a sample of points, each as likely as any other: the mean for an hour in hundredths, and the most that
/// hold one point in their rectangle.
fn touched(world: &World) -> (u64, u64) {
    let mut chance = Chance::new(42);
    let total: u64 = world.files.iter().map(|held| held.meta.points).sum();
    let (mut sum, mut deepest) = (0, 0);
    for number in 0..SAMPLES {
        let mut at = total / SAMPLES * number;
        let lumps = world.files.iter().flat_map(|held| &held.lumps);
        let lump = lumps.into_iter().find(|lump| {
            let found = at < lump.points;
            at = at.saturating_sub(lump.points);
            found
        });
        let Some(lump) = lump else { continue };
        let (first, last) = (lump.rectangle.first_series.get(), lump.rectangle.last_series.get());
        let mut draw = |bound: u64| chance.up_to(usize::try_from(bound).unwrap_or(usize::MAX));
        let series = SeriesId::new(first + u32::try_from(draw(u64::from(last - first))).unwrap_or(0));
        let long = lump.rectangle.last_time.abs_diff(lump.rectangle.first_time);
        let time = lump.rectangle.first_time.saturating_add_unsigned(u64::try_from(draw(long)).unwrap_or(0));
        let hour = time.saturating_sub(HOUR / 2)..=time.saturating_add(HOUR / 2);
        let meeting = |times: &_| world.files.iter().filter(|held| held.meta.rectangle.meets(series, times)).count();
        sum += u64::try_from(meeting(&hour)).unwrap_or(0);
        deepest = deepest.max(u64::try_from(meeting(&(time..=time))).unwrap_or(0));
    }
    (sum * 100 / SAMPLES, deepest)
}
