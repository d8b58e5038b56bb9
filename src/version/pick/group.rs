//! Groups: the files of one level whose spaces overlap, joined until no two groups do. Spaces that cross, one cut by series and
//! one by time, would else let a file pass an older one.

use super::super::{DyadicBox, SstMeta};
use super::cluster::Placed;
use crate::sync::Arc;

impl Placed for Arc<SstMeta> {
    fn rectangle(&self) -> super::super::Rectangle {
        self.rectangle
    }
}

/// Files of one level, and the space that holds theirs.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) space: DyadicBox,
    pub(super) files: Vec<Arc<SstMeta>>,
}

/// The groups of a level.
pub(super) fn groups<'a>(level: impl Iterator<Item = &'a Arc<SstMeta>>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for file in level {
        let mut own = Group { space: file.space, files: vec![Arc::clone(file)] };
        // What it meets is joined; the joined space may meet more.
        while let Some(at) = groups.iter().position(|group| overlap(&group.space, &own.space)) {
            let met = groups.swap_remove(at);
            own.space = DyadicBox::around(&own.space.rectangle().join(&met.space.rectangle()));
            own.files.extend(met.files);
        }
        groups.push(own);
    }
    for group in &mut groups {
        group.files.sort_by_key(|file| (file.age, file.id));
    }
    // In a fixed order, whatever the joining did.
    groups.sort_by_key(|group| (group.files[0].age, group.files[0].id));
    groups
}

fn overlap(one: &DyadicBox, other: &DyadicBox) -> bool {
    one.rectangle().overlaps(&other.rectangle())
}
