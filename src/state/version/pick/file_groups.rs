//! Groups of files by partition, and clusters of files by the gaps between their rectangles.

use super::super::dyadic_box::DyadicBox;
use super::super::sst::SstMeta;
use super::split_line::best_gap_split;
use crate::sync::Arc;

/// Files whose partitions overlap, directly or through other files.
///
/// The partitions of two groups never overlap.
#[derive(Debug)]
pub(super) struct FileGroup {
    /// Dyadic box that contains the partitions and the rectangles of all files.
    pub(super) partition: DyadicBox,
    /// Oldest first.
    pub(super) files: Vec<Arc<SstMeta>>,
}

/// Returns the groups of the files of one level.
///
/// Two partitions can cross, one narrow in series and one narrow in time. Their files form one group; otherwise a file
/// in one partition could move below an older file that it overlaps in the other.
pub(super) fn groups(files: impl Iterator<Item = Arc<SstMeta>>) -> Vec<FileGroup> {
    let mut groups: Vec<FileGroup> = Vec::new();
    for file in files {
        let partition = if file.partition.rectangle().covers(&file.rectangle) {
            file.partition
        } else {
            DyadicBox::enclosing(&file.partition.rectangle().union(&file.rectangle))
        };
        // Fast path: most partitions lie inside that of a group, since most files share their partition with others.
        let area = partition.rectangle();
        if let Some(known) = groups.iter_mut().find(|group| group.partition.rectangle().covers(&area)) {
            known.files.push(file);
            continue;
        }
        let mut own = FileGroup { partition, files: vec![file] };
        let overlaps =
            |group: &FileGroup, own: &FileGroup| group.partition.rectangle().overlaps(&own.partition.rectangle());
        while let Some(at) = groups.iter().position(|group| overlaps(group, &own)) {
            let other = groups.swap_remove(at);
            own.partition = DyadicBox::enclosing(&own.partition.rectangle().union(&other.partition.rectangle()));
            own.files.extend(other.files);
        }
        groups.push(own);
    }
    for group in &mut groups {
        group.files.sort_by_key(|file| (file.generation, file.id));
    }
    groups
}

/// Splits files into clusters at straight gaps, recursively to at most `depth` levels.
///
/// A gap counts if the bounding rectangles of both sides have at most half of the area. The files of a cluster keep
/// their order.
pub(super) fn clusters(files: Vec<Arc<SstMeta>>, depth: u32) -> Vec<Vec<Arc<SstMeta>>> {
    let rectangles: Vec<_> = files.iter().map(|file| (file.rectangle, file.file_len)).collect();
    let line = if depth == 0 { None } else { best_gap_split(&rectangles, 0) };
    let Some(line) = line else { return vec![files] };
    let (lower, upper): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| line.sides(&file.rectangle)[0].is_some());
    let mut all = clusters(lower, depth - 1);
    all.extend(clusters(upper, depth - 1));
    all
}
