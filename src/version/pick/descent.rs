//! Whether files may go to the base, and what must go with them.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::super::sst::{BASE, FileId, Rectangle, SstMeta};
use super::cut::{bounds, width};
use super::limits::Limits;
use crate::sync::Arc;

/// What would come of bringing files to the base.
pub(super) enum Descent {
    /// All the files that go, in no order.
    To(Vec<Arc<SstMeta>>),
    /// The base would gain too little for what it costs.
    Unfit,
    /// A plan under way is in the way.
    Busy,
}

impl Limits {
    /// `taken` to the base, with whatever is older and overlaps what goes there, and with the base files under it all.
    pub(super) fn descent(&self, taken: &[Arc<SstMeta>], ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Descent {
        let own: BTreeSet<FileId> = taken.iter().map(|file| file.id).collect();
        let mut going = taken.to_vec();
        let mut rest: Vec<&Arc<SstMeta>> = ssts.iter().filter(|file| !own.contains(&file.id)).collect();
        loop {
            let Some(around) = bounds(going.iter().map(|file| file.rectangle)) else { return Descent::Unfit };
            if bytes(&going) > self.plan_bytes {
                return Descent::Unfit;
            }
            let (joining, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|file| {
                if file.level == BASE {
                    file.rectangle.overlaps(&around)
                } else {
                    going.iter().any(|above| would_pass(above, file))
                }
            });
            if joining.is_empty() {
                return self.worth_it(going, &around, ssts, busy);
            }
            going.extend(joining.into_iter().map(Arc::clone));
            rest = others;
        }
    }

    fn worth_it(
        &self,
        going: Vec<Arc<SstMeta>>,
        around: &Rectangle,
        ssts: &[Arc<SstMeta>],
        busy: &BTreeSet<FileId>,
    ) -> Descent {
        let total = bytes(&going);
        let base = going.iter().filter(|file| file.level == BASE).map(|file| file.len).fold(0, u64::saturating_add);
        let dear = base > (total - base).saturating_mul(self.base_share);
        if dear || self.merged_bytes(&going) < self.base_at_bytes || mean_block(&going) < self.base_at_block {
            return Descent::Unfit;
        }
        if meets_busy(around, ssts, busy) { Descent::Busy } else { Descent::To(going) }
    }
}

impl Limits {
    /// What the files come to once their blocks are as full as they can be. Blocks of a few points are mostly overhead:
    /// cut by the bytes of what goes in, a hundred thousand series would leave pieces half as large as meant.
    pub(super) fn merged_bytes(&self, files: &[Arc<SstMeta>]) -> u64 {
        let sum = |of: fn(&SstMeta) -> u64| files.iter().map(|file| of(file)).fold(0, u64::saturating_add);
        let fuller = sum(|file| file.points).div_ceil(mean_block(files).clamp(1, self.full_block));
        let saved = sum(|file| file.blocks).saturating_sub(fuller).saturating_mul(self.block_overhead);
        let before = bytes(files);
        // Whatever the estimate says, points take something.
        before.saturating_sub(saved).max(before / 8)
    }
}

/// Whether `file` may not stay behind when `above` goes to the base: it is older and shares series and time with it.
fn would_pass(above: &SstMeta, file: &SstMeta) -> bool {
    above.level < BASE
        && (above.level < file.level || above.level == file.level && file.age < above.age)
        && above.rectangle.overlaps(&file.rectangle)
}

/// Whether something under way may end up in this part of the base. Which files make one plan is not known here, so
/// all of them are taken for one.
pub(super) fn meets_busy(around: &Rectangle, ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> bool {
    let under_way = bounds(ssts.iter().filter(|file| busy.contains(&file.id)).map(|file| file.rectangle));
    under_way.is_some_and(|under_way| under_way.overlaps(around))
}

pub(super) fn bytes(files: &[Arc<SstMeta>]) -> u64 {
    files.iter().map(|file| file.len).fold(0, u64::saturating_add)
}

/// How many points a block would have, were these files one. Where several hold the same ids, the one with most series
/// among them speaks for all: files of the same series are far more common than files of series that take turns.
fn mean_block(files: &[Arc<SstMeta>]) -> u64 {
    let points = files.iter().map(|file| file.points).fold(0, u64::saturating_add);
    let mut ends: Vec<u64> = files
        .iter()
        .flat_map(|file| {
            [u64::from(file.rectangle.first_series.get()), u64::from(file.rectangle.last_series.get()) + 1]
        })
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let series: u64 = ends
        .windows(2)
        .map(|span| {
            let (first, end) = (span[0], span[1]);
            let within = files.iter().filter(|file| {
                u64::from(file.rectangle.first_series.get()) <= first
                    && end <= u64::from(file.rectangle.last_series.get()) + 1
            });
            // Both at most 2^32.
            let most = within.map(|file| {
                let of = width(&file.rectangle);
                (file.series.min(of) * (end - first)).div_ceil(of)
            });
            most.max().unwrap_or(0)
        })
        .sum();
    points / series.max(1)
}

/// Whether two files of the base overlap, which no plan ever leads to.
pub(crate) fn broken_base(ssts: &[Arc<SstMeta>]) -> bool {
    let mut files: Vec<&Rectangle> =
        ssts.iter().filter(|file| file.level == BASE).map(|file| &file.rectangle).collect();
    files.sort_unstable_by_key(|file| file.first_time);
    // What the sweep through time is inside of: last series by first series, apart as long as nothing is broken.
    let mut inside: BTreeMap<u32, u32> = BTreeMap::new();
    let mut leaving = BinaryHeap::new();
    for file in files {
        while let Some(std::cmp::Reverse((last_time, first_series))) = leaving.peek().copied() {
            if last_time >= file.first_time {
                break;
            }
            leaving.pop();
            inside.remove(&first_series);
        }
        let (first, last) = (file.first_series.get(), file.last_series.get());
        if inside.range(..=last).next_back().is_some_and(|(_, end)| *end >= first) {
            return true;
        }
        inside.insert(first, last);
        leaving.push(std::cmp::Reverse((file.last_time, first)));
    }
    false
}
