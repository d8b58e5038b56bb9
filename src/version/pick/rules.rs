//! The rules by which a plan is picked.

use std::collections::BTreeSet;

use super::super::{BASE, DyadicBox, FileId, L0, LAST_TIER, Rectangle, SstMeta};
use super::cluster::{bounding, clusters};
use super::group::{Group, groups};
use super::{Limits, Output, Plan};
use crate::sync::Arc;

/// Cuts, one inside the other, that tell the clusters of a group apart.
const CLUSTER_DEPTH: u8 = 6;

/// What is picked from.
pub(super) struct Picker<'a> {
    pub(super) ssts: &'a [Arc<SstMeta>],
    pub(super) busy: &'a BTreeSet<FileId>,
    pub(super) limits: &'a Limits,
}

impl Picker<'_> {
    pub(super) fn pick(&self) -> Option<Plan> {
        (L0..=LAST_TIER).find_map(|level| self.pick_of(level))
    }

    fn pick_of(&self, level: u8) -> Option<Plan> {
        let groups = groups(self.ssts.iter().filter(|sst| sst.level == level));
        let mut due: Vec<(&Group, Vec<Arc<SstMeta>>)> = Vec::new();
        for group in groups.iter().filter(|group| self.may_be_due(level, group)) {
            let clusters = clusters(group.files.clone(), CLUSTER_DEPTH);
            due.extend(
                clusters.into_iter().filter(|cluster| self.is_due(level, cluster)).map(|cluster| (group, cluster)),
            );
        }
        // Most files first; of equals the oldest, so that the same files give the same plan.
        due.sort_by_key(|(_, cluster)| (std::cmp::Reverse(cluster.len()), cluster.iter().map(|file| file.age).min()));
        let planned = due.into_iter().find_map(|(group, cluster)| {
            let taken = self.take(level, cluster)?;
            self.to_base(level, &taken).or_else(|| self.deeper(level, group.space, taken))
        });
        planned.or_else(|| self.whole_group(level, &groups))
    }

    /// What a group must have for any of its clusters to be due.
    fn may_be_due(&self, level: u8, group: &Group) -> bool {
        self.is_due(level, &group.files)
    }

    fn is_due(&self, level: u8, files: &[Arc<SstMeta>]) -> bool {
        let many = if level == L0 { self.limits.due_in_l0 } else { self.limits.due_in_tier };
        let bytes: u64 = files.iter().map(|file| file.len).sum();
        files.len() >= many || files.len() >= self.limits.due_bytes_files && bytes >= self.limits.due_bytes
    }

    /// A group that is spread so thin that none of its clusters gathers: all of it, to the next tier.
    fn whole_group(&self, level: u8, groups: &[Group]) -> Option<Plan> {
        let many = if level == L0 { self.limits.due_in_l0 } else { self.limits.due_in_tier };
        let mut large = groups.iter().filter(|group| {
            level < LAST_TIER
                && group.files.len() >= many * self.limits.group_factor
                && !clusters(group.files.clone(), CLUSTER_DEPTH).iter().any(|cluster| self.is_due(level, cluster))
        });
        large.find_map(|group| self.deeper(level, group.space, self.take(level, group.files.clone())?))
    }

    /// The oldest files of a cluster, as many as one plan takes; `None` while one of them is busy. A prefix by age passes
    /// nobody, and no file of another cluster or group overlaps it.
    fn take(&self, level: u8, mut cluster: Vec<Arc<SstMeta>>) -> Option<Vec<Arc<SstMeta>>> {
        cluster.sort_by_key(|file| (file.age, file.id));
        let mut bytes = 0;
        let mut fits = |(at, file): (usize, &Arc<SstMeta>)| {
            bytes += file.len;
            // Two at least: one file alone is no merge.
            at < 2 || at < self.limits.plan_files && bytes <= self.limits.plan_bytes
        };
        let mut count = cluster.iter().enumerate().take_while(|pair| fits((pair.0, pair.1))).count();
        if level == LAST_TIER {
            // Its outputs take the newest age: who shares an age with what stays behind stays, too.
            while count > 0 && cluster.get(count).is_some_and(|next| next.age == cluster[count - 1].age) {
                count -= 1;
            }
        }
        cluster.truncate(count);
        let free = cluster.iter().all(|file| !self.busy.contains(&file.id));
        (free && cluster.len() > 1).then_some(cluster)
    }

    /// The plan that brings files to the base with all that must come along, if that is worth it.
    fn to_base(&self, level: u8, taken: &[Arc<SstMeta>]) -> Option<Plan> {
        let inputs = self.closure(level, taken, self.limits.plan_bytes)?;
        let bytes: u64 = inputs.iter().map(|sst| sst.len).sum();
        let of_base: u64 = inputs.iter().filter(|sst| sst.level == BASE).map(|sst| sst.len).sum();
        let worth = of_base <= self.limits.base_share * (bytes - of_base)
            && bytes >= self.limits.base_min_bytes
            && mean_block(&inputs) >= self.limits.base_min_block;
        worth.then_some(Plan { inputs, output: Output::Base, base: Vec::new() })
    }

    /// Files of a level, every deeper tier file that overlaps, and the base files under all of them, to a fixpoint;
    /// `None` if that is more than `most` bytes or one of them is busy. Oldest first.
    fn closure(&self, level: u8, taken: &[Arc<SstMeta>], most: u64) -> Option<Vec<Arc<SstMeta>>> {
        let mut around = bounding(taken)?;
        let own: BTreeSet<FileId> = taken.iter().map(|file| file.id).collect();
        loop {
            let inside =
                |sst: &&Arc<SstMeta>| own.contains(&sst.id) || sst.level > level && sst.rectangle.overlaps(&around);
            let inputs: Vec<Arc<SstMeta>> = self.ssts.iter().filter(inside).cloned().collect();
            if inputs.iter().map(|sst| sst.len).sum::<u64>() > most {
                return None;
            }
            match bounding(&inputs) {
                Some(wider) if wider != around => around = wider,
                _ => {
                    let free = inputs.iter().all(|sst| !self.busy.contains(&sst.id));
                    return free.then_some(inputs);
                }
            }
        }
    }

    /// The plan for the next tier; in the last one, for fewer files in their place.
    fn deeper(&self, level: u8, space: DyadicBox, inputs: Vec<Arc<SstMeta>>) -> Option<Plan> {
        let base = self.base_under(&space.rectangle());
        if level < LAST_TIER {
            return Some(Plan { inputs, output: Output::Tier { level: level + 1, space }, base });
        }
        let bytes: u64 = inputs.iter().map(|sst| sst.len).sum();
        let outputs = usize::try_from(bytes.div_ceil(self.limits.base_file)).unwrap_or(usize::MAX);
        let age = inputs.iter().map(|sst| sst.age).max()?;
        let fewer = outputs <= inputs.len() / 2;
        fewer.then_some(Plan { inputs, output: Output::InPlace { level, age, space }, base })
    }

    fn base_under(&self, rectangle: &Rectangle) -> Vec<(Rectangle, u64)> {
        let under = self.ssts.iter().filter(|sst| sst.level == BASE && sst.rectangle.overlaps(rectangle));
        under.map(|sst| (sst.rectangle, sst.len)).collect()
    }

    /// See [`super::pick_everything`].
    pub(super) fn everything(&self) -> Option<Plan> {
        let outside: Vec<&Arc<SstMeta>> = self.ssts.iter().filter(|sst| sst.level != BASE).collect();
        outside.iter().find_map(|first| self.connected(first))
    }

    /// Everything outside the base that hangs together with a file, and the base under it.
    fn connected(&self, first: &SstMeta) -> Option<Plan> {
        let mut around = first.rectangle;
        loop {
            let inputs: Vec<Arc<SstMeta>> =
                self.ssts.iter().filter(|sst| sst.rectangle.overlaps(&around)).cloned().collect();
            match bounding(&inputs) {
                Some(wider) if wider != around => around = wider,
                _ => {
                    let free = inputs.iter().all(|sst| !self.busy.contains(&sst.id));
                    return free.then_some(Plan { inputs, output: Output::Base, base: Vec::new() });
                }
            }
        }
    }
}

/// Points in a block, about, once these are merged and cut by series.
fn mean_block(inputs: &[Arc<SstMeta>]) -> u64 {
    let points: u64 = inputs.iter().map(|sst| sst.points).sum();
    let most: u64 = inputs.iter().map(|sst| sst.series).sum();
    let span = bounding(inputs).map_or(0, |around| u64::from(around.last_series.get() - around.first_series.get()) + 1);
    let series = most.min(span).max(1);
    points / series.max(points / 8192).max(1)
}
