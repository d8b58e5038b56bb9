//! Merges into the base: the files that must move together, and whether the merge is worthwhile.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::super::sst::{BASE, SstMeta};
use super::limits::PickerLimits;
use super::split_line::{bounding_rectangle, series_count};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::sync::Arc;

/// Result of an attempt to move files to the base.
pub(super) enum BaseMerge {
    /// The files can move. All files of the merge, in no particular order.
    Files(Vec<Arc<SstMeta>>),
    /// The merge is too large, rewrites too much of the base, or has too small outputs or blocks.
    NotWorthwhile,
    /// The area of the merge overlaps that of a running compaction.
    Blocked,
}

impl PickerLimits {
    /// Tries to move `taken` to the base, with all files that must move with them.
    ///
    /// These are every older file outside the base that overlaps a moving file, and every base file that overlaps the
    /// bounding rectangle of all moving files.
    pub(super) fn base_merge(
        &self,
        taken: &[Arc<SstMeta>],
        ssts: &[Arc<SstMeta>],
        running: &BTreeSet<FileId>,
    ) -> BaseMerge {
        let own: BTreeSet<FileId> = taken.iter().map(|file| file.id).collect();
        let mut moving = taken.to_vec();
        let mut rest: Vec<&Arc<SstMeta>> = ssts.iter().filter(|file| !own.contains(&file.id)).collect();
        loop {
            let Some(area) = bounding_rectangle(moving.iter().map(|file| file.rectangle)) else {
                return BaseMerge::NotWorthwhile;
            };
            if bytes(&moving) > self.max_plan_bytes {
                return BaseMerge::NotWorthwhile;
            }
            let (joining, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|file| {
                if file.level == BASE {
                    file.rectangle.overlaps(&area)
                } else {
                    moving.iter().any(|above| must_move_with(above, file))
                }
            });
            if joining.is_empty() {
                return self.decide_base_merge(moving, &area, ssts, running);
            }
            moving.extend(joining.into_iter().map(Arc::clone));
            rest = others;
        }
    }

    fn decide_base_merge(
        &self,
        moving: Vec<Arc<SstMeta>>,
        area: &Rectangle,
        ssts: &[Arc<SstMeta>],
        running: &BTreeSet<FileId>,
    ) -> BaseMerge {
        let total = bytes(&moving);
        let in_base = moving.iter().filter(|file| file.level == BASE);
        let base = in_base.map(|file| file.file_len).fold(0, u64::saturating_add);
        let is_expensive = base > (total - base).saturating_mul(self.max_base_ratio);
        let is_small = self.merged_bytes(&moving) < self.min_base_bytes;
        if is_expensive || is_small || mean_block_points(&moving) < self.min_base_block_points {
            return BaseMerge::NotWorthwhile;
        }
        if overlaps_running(area, ssts, running) { BaseMerge::Blocked } else { BaseMerge::Files(moving) }
    }

    /// Returns the estimated bytes of the files after a merge, with blocks as full as they can be.
    ///
    /// Blocks of a few points are mostly overhead, which a merge removes. If outputs were split by the bytes of the
    /// inputs, they would be half as large as intended for a hundred thousand series.
    pub(super) fn merged_bytes(&self, files: &[Arc<SstMeta>]) -> u64 {
        let sum = |of: fn(&SstMeta) -> u64| files.iter().map(|file| of(file)).fold(0, u64::saturating_add);
        let blocks_after = sum(|file| file.points).div_ceil(mean_block_points(files).clamp(1, self.full_block_points));
        let saved_blocks = sum(|file| file.blocks).saturating_sub(blocks_after);
        let before = bytes(files);
        // At least an eighth of the bytes, however many blocks are saved: the points take space, too.
        before.saturating_sub(saved_blocks.saturating_mul(self.block_overhead_bytes)).max(before / 8)
    }
}

/// Returns `true` if `file` must move with `above` to the base: it is older and overlaps `above`.
fn must_move_with(above: &SstMeta, file: &SstMeta) -> bool {
    above.level < BASE
        && (above.level < file.level || above.level == file.level && file.generation < above.generation)
        && above.rectangle.overlaps(&file.rectangle)
}

/// Returns `true` if the output of a running compaction can overlap this area.
///
/// The running inputs are not assigned to plans here, so the bounding rectangle of all of them is tested.
pub(super) fn overlaps_running(area: &Rectangle, ssts: &[Arc<SstMeta>], running: &BTreeSet<FileId>) -> bool {
    let inputs = ssts.iter().filter(|file| running.contains(&file.id));
    bounding_rectangle(inputs.map(|file| file.rectangle)).is_some_and(|inputs| inputs.overlaps(area))
}

/// Returns the total length of files in bytes.
pub(super) fn bytes(files: &[Arc<SstMeta>]) -> u64 {
    files.iter().map(|file| file.file_len).fold(0, u64::saturating_add)
}

/// Returns the estimated mean number of points of a series in the merged files.
///
/// A block has points of one series, so this bounds the mean number of points of a block.
///
/// Where the id ranges of several files overlap, only the file with the most series per id counts: files of the same
/// series are far more common than files whose series alternate.
fn mean_block_points(files: &[Arc<SstMeta>]) -> u64 {
    let points = files.iter().map(|file| file.points).fold(0, u64::saturating_add);
    let span_of = |file: &SstMeta| {
        (u64::from(file.rectangle.first_series.get()), u64::from(file.rectangle.last_series.get()) + 1)
    };
    let mut ends: Vec<u64> = files.iter().flat_map(|file| <[u64; 2]>::from(span_of(file))).collect();
    ends.sort_unstable();
    ends.dedup();
    let series: u64 = ends
        .windows(2)
        .map(|span| {
            let (first, end) = (span[0], span[1]);
            let covering = files.iter().filter(|file| span_of(file).0 <= first && end <= span_of(file).1);
            // No overflow: ids are below 2^31, so both factors are at most 2^31.
            let share = covering.map(|file| {
                let ids = series_count(&file.rectangle);
                (file.series.min(ids) * (end - first)).div_ceil(ids)
            });
            share.max().unwrap_or(0)
        })
        .sum();
    points / series.max(1)
}

/// Returns `true` if two files of the base overlap, which no plan may cause. It is a sweep over time.
pub(crate) fn base_files_overlap<'a>(ssts: impl Iterator<Item = &'a Arc<SstMeta>>) -> bool {
    let mut files: Vec<&Rectangle> = ssts.filter(|file| file.level == BASE).map(|file| &file.rectangle).collect();
    files.sort_unstable_by_key(|file| file.times.first());
    // The files that contain the current time, as a map from first to last series. They are disjoint until an overlap
    // is found.
    let mut current: BTreeMap<u32, u32> = BTreeMap::new();
    let mut ending = BinaryHeap::new();
    for file in files {
        while let Some(std::cmp::Reverse((last_time, first_series))) = ending.peek().copied() {
            if last_time >= file.times.first() {
                break;
            }
            ending.pop();
            current.remove(&first_series);
        }
        let (first, last) = (file.first_series.get(), file.last_series.get());
        if current.range(..=last).next_back().is_some_and(|(_, end)| *end >= first) {
            return true;
        }
        current.insert(first, last);
        ending.push(std::cmp::Reverse((file.times.last(), first)));
    }
    false
}
