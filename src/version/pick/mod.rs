//! Which SSTs are merged next, and where what comes of them is cut: the rules of compaction, on what the version knows.
//! Same files in, same plan out; nothing here reads a file, awaits, or looks at a clock.

mod cluster;
mod cut;
mod group;
mod limits;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(crate) use cut::{Fragment, Region, flush_regions, regions};
pub(crate) use limits::Limits;

use super::{DyadicBox, FileId, Rectangle, SstMeta};
use crate::sync::Arc;

/// Files to be merged, and what becomes of them.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Oldest first.
    pub(crate) inputs: Vec<Arc<SstMeta>>,
    pub(crate) output: Output,
    /// The files of the base, with their bytes, that outputs may have to be merged with later.
    pub(crate) base: Vec<(Rectangle, u64)>,
}

/// Where a plan's outputs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Where no two files overlap.
    Base,
    /// The next tier, inside a space that the inputs filled.
    Tier { level: u8, space: DyadicBox },
    /// Where the inputs were, with the age of the newest of them.
    InPlace { level: u8, age: u64, space: DyadicBox },
}

impl Plan {
    pub(crate) fn bytes(&self) -> u64 {
        self.inputs.iter().map(|sst| sst.len).sum()
    }
}

/// The next plan, if any level has gathered enough. `busy` files are inputs of a plan that is under way.
///
/// Levels are looked at from the newest down; every plan moves its inputs deeper or at least halves their number, so that
/// picking ends.
pub(crate) fn pick(ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
    pick_within(ssts, busy, &Limits::PRODUCTION)
}

/// The same with other sizes.
pub(crate) fn pick_within(ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>, limits: &Limits) -> Option<Plan> {
    rules::Picker { ssts, busy, limits }.pick()
}

/// A plan that brings into the base all that is not there and overlaps, however much that is; `None` once the base has
/// everything. For who asks for it: what it costs is not weighed.
pub(crate) fn pick_everything(ssts: &[Arc<SstMeta>], busy: &BTreeSet<FileId>) -> Option<Plan> {
    rules::Picker { ssts, busy, limits: &Limits::PRODUCTION }.everything()
}
