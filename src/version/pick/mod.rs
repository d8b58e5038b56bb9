//! What to merge next, and where the outputs are cut: the rules of compaction as pure functions, same files in, same
//! plan out. They promise that no file passes an older one that overlaps it, that files of the base never overlap, and
//! that picking ends; they know of files only what the version knows.

mod cut;
mod descent;
mod groups;
mod limits;
mod regions;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeSet;

pub(crate) use descent::broken_base;
pub(crate) use limits::{LIMITS, Limits};
pub(crate) use regions::{Fragment, Region};

use self::cut::bounds;
use self::descent::{Descent, bytes, meets_busy};
use self::groups::{Group, clusters, groups};
use super::dyadic::DyadicBox;
use super::sst::{BASE, FileId, L0, Rectangle, SstMeta};
use crate::sync::Arc;

/// One merge: what it reads, and where its outputs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Oldest first.
    pub(crate) inputs: Vec<Arc<SstMeta>>,
    pub(crate) output: Output,
}

/// Where the outputs of a merge go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Base,
    /// A deeper tier; the install gives the age.
    Tier {
        level: u8,
        space: DyadicBox,
    },
    /// Fewer files where the inputs were, with the newest input's age.
    InPlace {
        level: u8,
        age: u64,
        space: DyadicBox,
    },
}

impl Output {
    pub(crate) fn level(&self) -> u8 {
        match *self {
            Self::Base => BASE,
            Self::Tier { level, .. } | Self::InPlace { level, .. } => level,
        }
    }
}

/// The merge that is due, if one is. `busy`: the inputs of merges under way.
pub(crate) fn pick(ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
    LIMITS.pick(ssts, busy)
}

/// The next merge on the way to a database that is all base, whatever it costs; `None` once it is, or while what is
/// left waits for merges under way.
pub(crate) fn pick_everything(ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
    LIMITS.pick_everything(ssts, busy)
}

/// Where the outputs of a plan are cut: disjoint areas that hold the whole plane. `fragments`: what the inputs hold, as
/// far as it is known.
pub(crate) fn regions(plan: &Plan, fragments: &[Fragment]) -> Vec<Region> {
    LIMITS.regions(plan, fragments)
}

/// Where a flush is cut, likewise. `newest_flushed_time`: of all flushes before it.
pub(crate) fn flush_regions(fragments: &[Fragment], newest_flushed_time: Option<i64>) -> Vec<Region> {
    LIMITS.flush_regions(fragments, newest_flushed_time)
}

/// Files that may be merged next, oldest first.
struct Candidate {
    files: Vec<Arc<SstMeta>>,
    space: DyadicBox,
    /// Whether they are a group too scattered to gain from the base.
    crowd: bool,
}

/// Every file that a rectangle meets, directly or through others, and the rectangle around them all.
fn hanging_together(mut around: Rectangle, ssts: &[Arc<SstMeta>]) -> (Rectangle, Vec<Arc<SstMeta>>) {
    let mut rest: Vec<&Arc<SstMeta>> = ssts.iter().collect();
    let mut going = Vec::new();
    loop {
        let (joining, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|file| file.rectangle.overlaps(&around));
        if joining.is_empty() {
            return (around, going);
        }
        rest = others;
        around = joining.iter().fold(around, |all, file| all.join(&file.rectangle));
        going.extend(joining.into_iter().map(Arc::clone));
    }
}

impl Limits {
    fn pick_everything(&self, ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
        let outside = ssts.iter().filter(|file| file.level != BASE);
        let free = |around: &Rectangle| !meets_busy(around, ssts, busy);
        let first = outside.map(|file| hanging_together(file.rectangle, ssts)).find(|(around, _)| free(around));
        let (mut around, mut going) = first?;
        // What lies apart and is small comes along: else each flush of a quiet database would keep a file of its own.
        for file in ssts.iter().filter(|file| file.level != BASE || file.len < self.base_at_bytes) {
            if around.contains(&file.rectangle) {
                continue;
            }
            let (wider, more) = hanging_together(around.join(&file.rectangle), ssts);
            if bytes(&more) <= self.plan_bytes && free(&wider) {
                (around, going) = (wider, more);
            }
        }
        Some(plan(going, Output::Base))
    }

    /// The first level with something due goes first, for writes pile up above it.
    pub(crate) fn pick(&self, ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
        (L0..=self.last_tier).find_map(|level| {
            let files = ssts.iter().filter(|file| file.level == level).map(Arc::clone);
            let candidates = self.candidates(level, groups(files), busy);
            candidates.into_iter().find_map(|candidate| self.plan(level, &candidate, ssts, busy))
        })
    }

    /// What of a level is due, most files first; then groups that hold many files and nothing that is due.
    fn candidates(&self, level: u8, groups: Vec<Group>, busy: &BTreeSet<FileId>) -> Vec<Candidate> {
        let count = if level == L0 { self.due_in_l0 } else { self.due_in_tier };
        let (mut due, mut crowds) = (Vec::new(), Vec::new());
        for Group { space, files } in groups {
            let parts = clusters(files.clone(), self.cluster_depth);
            let known = due.len();
            due.extend(parts.into_iter().filter_map(|files| {
                let large = files.len() >= self.due_bytes_files && bytes(&files) >= self.due_at_bytes;
                (files.len() >= count || large).then_some(Candidate { files, space, crowd: false })
            }));
            if due.len() == known && level < self.last_tier && files.len() >= count.saturating_mul(self.crowd) {
                crowds.push(Candidate { files, space, crowd: true });
            }
        }
        due.sort_by_key(|candidate| Reverse(candidate.files.len()));
        crowds.sort_by_key(|candidate| Reverse(candidate.files.len()));
        due.into_iter().chain(crowds).filter_map(|candidate| self.prefix(candidate, busy)).collect()
    }

    /// The oldest files of a candidate, as many as one plan takes: whoever is younger passes nobody by staying. `None`
    /// while one of them is busy, or something older that they overlap.
    fn prefix(&self, mut candidate: Candidate, busy: &BTreeSet<FileId>) -> Option<Candidate> {
        let mut taken: u64 = 0;
        let fitting = candidate.files.iter().take(self.plan_files).take_while(|file| {
            taken = taken.saturating_add(file.len);
            taken <= self.plan_bytes
        });
        let count = fitting.count().max(1);
        candidate.files.truncate(count);
        (!candidate.files.iter().any(|file| busy.contains(&file.id))).then_some(candidate)
    }

    fn plan(&self, level: u8, candidate: &Candidate, ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
        let Candidate { files, space, crowd } = candidate;
        if !crowd {
            match self.descent(files, ssts, busy) {
                Descent::To(going) => return Some(plan(going, Output::Base)),
                Descent::Busy => return None,
                Descent::Unfit => {}
            }
        }
        if level < self.last_tier {
            let output = Output::Tier { level: level + 1, space: *space };
            return Some(plan(files.clone(), output));
        }
        self.in_place(level, files, *space, ssts)
    }

    /// The files merged where they are, if that halves their number: else it would be due again for ever.
    fn in_place(&self, level: u8, files: &[Arc<SstMeta>], space: DyadicBox, ssts: &[Arc<SstMeta>]) -> Option<Plan> {
        let newest = files.last()?;
        let around = bounds(files.iter().map(|file| file.rectangle))?;
        // Files of one age are apart from each other, but not from what would join one of them at that age.
        let torn = ssts.iter().any(|file| {
            file.level == level
                && file.age == newest.age
                && file.rectangle.overlaps(&around)
                && !files.iter().any(|taken| taken.id == file.id)
        });
        let files: Vec<_> = files.iter().filter(|file| !torn || file.age != newest.age).map(Arc::clone).collect();
        let age = files.last()?.age;
        let outputs = bytes(&files).div_ceil(self.base_file.max(1)).max(1);
        let halved = usize::try_from(outputs).is_ok_and(|outputs| outputs <= files.len() / 2);
        halved.then(|| plan(files, Output::InPlace { level, age, space }))
    }
}

fn plan(mut inputs: Vec<Arc<SstMeta>>, output: Output) -> Plan {
    inputs.sort_by_key(|file| (Reverse(file.level), file.age, file.id));
    Plan { inputs, output }
}
