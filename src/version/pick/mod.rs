//! Stand-in until the rules arrive.

use std::collections::BTreeSet;

use super::{DyadicBox, FileId, Rectangle, SstMeta};
use crate::sync::Arc;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) inputs: Vec<Arc<SstMeta>>,
    pub(crate) output: Output,
    pub(crate) base: Vec<(Rectangle, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Base,
    Tier { level: u8, space: DyadicBox },
    InPlace { level: u8, age: u64, space: DyadicBox },
}

pub(crate) fn pick(_: &[Arc<SstMeta>], _: &BTreeSet<FileId>) -> Option<Plan> {
    None
}

pub(crate) fn pick_everything(_: &[Arc<SstMeta>], _: &BTreeSet<FileId>) -> Option<Plan> {
    None
}
