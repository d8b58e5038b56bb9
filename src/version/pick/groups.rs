//! Which files of a level belong together: groups by the spaces they may fill, clusters by where they lie.

use super::super::dyadic::DyadicBox;
use super::super::sst::SstMeta;
use super::cut::gap;
use crate::sync::Arc;

/// Files whose spaces overlap, directly or through others; nothing of another group lies in its space.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) space: DyadicBox,
    /// Oldest first.
    pub(super) files: Vec<Arc<SstMeta>>,
}

/// The groups of one level. Spaces that cross, one cut by series and one by time, are joined: else a file could pass
/// an older one that lies in both.
pub(super) fn groups(files: impl Iterator<Item = Arc<SstMeta>>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for file in files {
        let space = if file.space.rectangle().contains(&file.rectangle) {
            file.space
        } else {
            DyadicBox::around(&file.space.rectangle().join(&file.rectangle))
        };
        // Most files share their space with many.
        if let Some(known) = groups.iter_mut().find(|group| group.space.rectangle().contains(&space.rectangle())) {
            known.files.push(file);
            continue;
        }
        let mut own = Group { space, files: vec![file] };
        while let Some(at) = groups.iter().position(|group| group.space.rectangle().overlaps(&own.space.rectangle())) {
            let other = groups.swap_remove(at);
            own.space = DyadicBox::around(&own.space.rectangle().join(&other.space.rectangle()));
            own.files.extend(other.files);
        }
        groups.push(own);
    }
    for group in &mut groups {
        group.files.sort_by_key(|file| (file.age, file.id));
    }
    groups
}

/// The files parted by straight cuts through gaps between them, each cluster oldest first as they came.
pub(super) fn clusters(files: Vec<Arc<SstMeta>>, depth: u32) -> Vec<Vec<Arc<SstMeta>>> {
    let rectangles: Vec<_> = files.iter().map(|file| (file.rectangle, file.len)).collect();
    let cut = if depth == 0 { None } else { gap(&rectangles, 0) };
    let Some(cut) = cut else { return vec![files] };
    let (lower, upper): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| cut.sides(&file.rectangle)[0].is_some());
    let mut parts = clusters(lower, depth - 1);
    parts.extend(clusters(upper, depth - 1));
    parts
}
