//! The compaction picker: which files are merged next, and where the output files are split.
//!
//! This is tiered compaction (lazy levelling) over the plane of series and time: tiers collect files, and merges move
//! them down to one levelled base. All rules are pure functions: the same files give the same plan. They use only the
//! metadata of the files (rectangle, partition, level, generation, length, counts), and [`purge`] the tombstones.
//!
//! ```text
//!   level 0     | flush | flush | flush | ...  cluster of 16 files, or of 4 files and 192 MiB: due
//!      |  merge
//!   tier 1      |  file   |  file   | ...       cluster of 8 files, or of 4 files and 192 MiB: due
//!      |  merge                                 ...
//!   tier 6      |     file     | ...            merged in place if that halves their number
//!      :
//!      :  any level: straight to the base if the result is large enough and the rewritten base files are few enough
//!      v
//!   base (7)    | file | file | file |          no two files overlap in series and time
//!
//!   the plane:     time -->
//!          series  +--------------+----+--------+     partition: dyadic box of a file; files whose partitions overlap
//!             |    |  cluster A   |    |   B    |     form a group
//!             v    +--------------+gap +--------+     cluster: files of a group between straight gaps
//! ```
//!
//! # How a plan is picked
//!
//! 1. Levels are visited from L0 to the last tier, since too many files in L0 stall writes. The first candidate that
//!    gives a plan is used.
//! 2. The files of a level form [groups](file_groups) by partition, and the files of a group form clusters between
//!    straight gaps. A cluster is due by its number of files or by its bytes. A group without a due cluster, but with
//!    at least four times the files of a due cluster, is due as a whole (`scattered`), except in the last tier.
//! 3. A due cluster or group becomes a candidate of its oldest files, as many as one plan may have. It is skipped while
//!    one of them is an input of a running compaction.
//! 4. [`base_merge`] tries to move the files of a cluster to the base, with all files that must move with them. If that
//!    is not worthwhile, they move to the next tier; in the last tier they are merged in place. A scattered group moves
//!    to the next tier.
//! 5. [`regions`] splits the output: disjoint areas that tile the whole plane.
//!
//! [`purge`] picks single files to rewrite in place, only to apply deletes.
//!
//! # Invariants
//!
//! - No file moves below an older file that it overlaps: a plan also takes every older file that its files overlap in
//!   their own level and in the levels that they pass.
//! - No two files of the base overlap in both series and time.
//! - Files of one level and one generation never overlap.
//! - A plan has no file that is an input of a running compaction. A merge into the base also waits while its area
//!   overlaps the area of all running inputs.
//! - Picking terminates: every plan moves files to a deeper level, halves their number in place, or applies deletes.

mod base_merge;
mod file_groups;
mod limits;
mod purge;
mod regions;
mod split_line;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeSet;

pub(crate) use base_merge::base_files_overlap;
pub(crate) use limits::{PICKER_LIMITS, PickerLimits};
pub(crate) use purge::{pick_purge, purge_of};
pub(crate) use regions::{OutputRegion, SizeEstimate, late_border};

use self::base_merge::{BaseMerge, bytes, overlaps_running};
use self::file_groups::{FileGroup, clusters, groups};
use self::split_line::bounding_rectangle;
use super::dyadic_box::DyadicBox;
use super::sst::{BASE, L0, SstMeta};
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::sync::Arc;

/// Plan of one compaction: its input files and the target of its outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompactionPlan {
    /// Input files, oldest first.
    pub(crate) inputs: Vec<Arc<SstMeta>>,
    pub(crate) output: CompactionTarget,
}

/// Target of the outputs of a compaction: level, generation and partition.
///
/// Outputs in the base or in a deeper tier get the generation of the compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompactionTarget {
    Base,
    /// The next deeper tier.
    Tier {
        level: u8,
        partition: DyadicBox,
    },
    /// The level of the inputs. The outputs keep the generation of the newest input.
    InPlace {
        level: u8,
        generation: u64,
        partition: DyadicBox,
    },
}

impl CompactionTarget {
    pub(crate) fn level(&self) -> u8 {
        match *self {
            Self::Base => BASE,
            Self::Tier { level, .. } | Self::InPlace { level, .. } => level,
        }
    }
}

/// Picks the next compaction that is due. `running` has the inputs of running compactions.
pub(crate) fn pick_compaction(ssts: &[Arc<SstMeta>], running: &BTreeSet<FileId>) -> Option<CompactionPlan> {
    PICKER_LIMITS.pick_compaction(ssts, running)
}

/// Picks the next compaction on the way to a database with all files in the base, whatever its cost.
///
/// `None` once all files are in the base, or while the other files wait for `running` compactions.
pub(crate) fn pick_full_compaction(ssts: &[Arc<SstMeta>], running: &BTreeSet<FileId>) -> Option<CompactionPlan> {
    PICKER_LIMITS.pick_full_compaction(ssts, running)
}

/// Returns the output regions of a plan: disjoint areas that tile the whole plane.
///
/// `estimates` describe the points of the inputs. If they miss points, the outputs are correct, but less even in size.
pub(crate) fn compaction_regions(plan: &CompactionPlan, estimates: &[SizeEstimate]) -> Vec<OutputRegion> {
    PICKER_LIMITS.compaction_regions(plan, estimates)
}

/// Returns the output regions of a flush: disjoint areas that tile the whole plane.
///
/// `newest_flushed_time` is the newest timestamp in SSTs; `None` without SSTs.
pub(crate) fn flush_regions(estimates: &[SizeEstimate], newest_flushed_time: Option<i64>) -> Vec<OutputRegion> {
    PICKER_LIMITS.flush_regions(estimates, newest_flushed_time)
}

/// Files of one level that can be compacted next.
struct MergeCandidate {
    /// Oldest first.
    files: Vec<Arc<SstMeta>>,
    /// Partition of the group of the files.
    partition: DyadicBox,
    /// `true` if the files are those of a whole group without a due cluster.
    /// They are too scattered for a merge into the base.
    scattered: bool,
}

/// Widens a rectangle until every file that overlaps it lies inside; returns it and these files.
fn overlap_closure(mut enclosing: Rectangle, ssts: &[Arc<SstMeta>]) -> (Rectangle, Vec<Arc<SstMeta>>) {
    let mut rest: Vec<&Arc<SstMeta>> = ssts.iter().collect();
    let mut closure = Vec::new();
    loop {
        let (joining, others): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|file| file.rectangle.overlaps(&enclosing));
        if joining.is_empty() {
            return (enclosing, closure);
        }
        rest = others;
        enclosing = joining.iter().fold(enclosing, |all, file| all.union(&file.rectangle));
        closure.extend(joining.into_iter().map(Arc::clone));
    }
}

impl PickerLimits {
    fn pick_full_compaction(&self, ssts: &[Arc<SstMeta>], running: &BTreeSet<FileId>) -> Option<CompactionPlan> {
        let outside = ssts.iter().filter(|file| file.level != BASE);
        let is_free = |area: &Rectangle| !overlaps_running(area, ssts, running);
        let first = outside.map(|file| overlap_closure(file.rectangle, ssts)).find(|(area, _)| is_free(area));
        let (mut area, mut inputs) = first?;
        // Further files outside the base and small files of the base are added, as long as the plan does not become too
        // large. Otherwise each flush of an idle database would leave a file of its own in the base.
        for file in ssts.iter().filter(|file| file.level != BASE || file.file_len < self.min_base_bytes) {
            if area.covers(&file.rectangle) {
                continue;
            }
            let (wider, more) = overlap_closure(area.union(&file.rectangle), ssts);
            if bytes(&more) <= self.max_plan_bytes && is_free(&wider) {
                (area, inputs) = (wider, more);
            }
        }
        Some(plan(inputs, CompactionTarget::Base))
    }

    /// Picks the next compaction that is due: the first candidate that gives a plan, from L0 downwards.
    pub(crate) fn pick_compaction(&self, ssts: &[Arc<SstMeta>], running: &BTreeSet<FileId>) -> Option<CompactionPlan> {
        (L0..=self.last_tier).find_map(|level| {
            let files = ssts.iter().filter(|file| file.level == level).map(Arc::clone);
            let candidates = self.candidates(level, groups(files), running);
            candidates.into_iter().find_map(|candidate| self.plan(level, &candidate, ssts, running))
        })
    }

    /// Returns the candidates of a level: due clusters, then groups with many files and no due cluster.
    ///
    /// Both are in descending order of their number of files.
    fn candidates(&self, level: u8, groups: Vec<FileGroup>, running: &BTreeSet<FileId>) -> Vec<MergeCandidate> {
        let trigger_files = if level == L0 { self.l0_trigger_files } else { self.tier_trigger_files };
        let (mut due, mut scattered) = (Vec::new(), Vec::new());
        for FileGroup { partition, files } in groups {
            let due_before = due.len();
            due.extend(clusters(files.clone(), self.max_cluster_depth).into_iter().filter_map(|files| {
                let large = files.len() >= self.trigger_bytes_min_files && bytes(&files) >= self.trigger_bytes;
                let is_due = files.len() >= trigger_files || large;
                is_due.then_some(MergeCandidate { files, partition, scattered: false })
            }));
            let scattered_files = trigger_files.saturating_mul(self.scattered_factor);
            if due.len() == due_before && level < self.last_tier && files.len() >= scattered_files {
                scattered.push(MergeCandidate { files, partition, scattered: true });
            }
        }
        due.sort_by_key(|candidate| Reverse(candidate.files.len()));
        scattered.sort_by_key(|candidate| Reverse(candidate.files.len()));
        due.into_iter().chain(scattered).filter_map(|candidate| self.oldest_that_fit(candidate, running)).collect()
    }

    /// Keeps the oldest files of a candidate, as many as one plan may have, but at least one.
    ///
    /// Newer files may stay behind, since older ones move below them. `None` while a kept file is an input of a running
    /// compaction.
    fn oldest_that_fit(&self, mut candidate: MergeCandidate, running: &BTreeSet<FileId>) -> Option<MergeCandidate> {
        let mut taken_bytes: u64 = 0;
        let fitting = candidate.files.iter().take(self.max_plan_files).take_while(|file| {
            taken_bytes = taken_bytes.saturating_add(file.file_len);
            taken_bytes <= self.max_plan_bytes
        });
        let count = fitting.count().max(1);
        candidate.files.truncate(count);
        (!candidate.files.iter().any(|file| running.contains(&file.id))).then_some(candidate)
    }

    fn plan(
        &self,
        level: u8,
        candidate: &MergeCandidate,
        ssts: &[Arc<SstMeta>],
        running: &BTreeSet<FileId>,
    ) -> Option<CompactionPlan> {
        let MergeCandidate { files, partition, scattered } = candidate;
        if !scattered {
            match self.base_merge(files, ssts, running) {
                BaseMerge::Files(inputs) => return Some(plan(inputs, CompactionTarget::Base)),
                BaseMerge::Blocked => return None,
                BaseMerge::NotWorthwhile => {}
            }
        }
        if level < self.last_tier {
            let output = CompactionTarget::Tier { level: level + 1, partition: *partition };
            return Some(plan(files.clone(), output));
        }
        self.in_place(level, files, *partition, ssts)
    }

    /// Returns a merge of files in their own level, if it halves their number.
    ///
    /// A smaller gain does not count: the outputs would soon be due again, and so on without end.
    fn in_place(
        &self,
        level: u8,
        files: &[Arc<SstMeta>],
        partition: DyadicBox,
        ssts: &[Arc<SstMeta>],
    ) -> Option<CompactionPlan> {
        let newest = files.last()?;
        let area = bounding_rectangle(files.iter().map(|file| file.rectangle))?;
        // Files of one generation are disjoint. If another file of the newest generation overlaps the area, the output
        // could overlap it, so the files of this generation are left out.
        let splits_generation = ssts.iter().any(|file| {
            file.level == level
                && file.generation == newest.generation
                && file.rectangle.overlaps(&area)
                && !files.iter().any(|taken| taken.id == file.id)
        });
        let stays = |file: &&Arc<SstMeta>| splits_generation && file.generation == newest.generation;
        let files: Vec<_> = files.iter().filter(|file| !stays(file)).map(Arc::clone).collect();
        let generation = files.last()?.generation;
        let outputs = bytes(&files).div_ceil(self.base_file_bytes.max(1)).max(1);
        let halves = usize::try_from(outputs).is_ok_and(|outputs| outputs <= files.len() / 2);
        halves.then(|| plan(files, CompactionTarget::InPlace { level, generation, partition }))
    }
}

fn plan(mut inputs: Vec<Arc<SstMeta>>, output: CompactionTarget) -> CompactionPlan {
    inputs.sort_by_key(|file| (Reverse(file.level), file.generation, file.id));
    CompactionPlan { inputs, output }
}
