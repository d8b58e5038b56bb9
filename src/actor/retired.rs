//! What no version names any more and that may still be read: SSTs, and memtables that were flushed. Whoever reads one
//! holds its entry; the writer looks, each turn, which entries it alone still holds, so that a reader does no I/O when
//! it drops a snapshot, and takes no lock to say so.

use std::time::Duration;

use super::storage::{Pinned, PinnedSum};
use crate::memtable::{Frozen, Hold};
use crate::sync::Arc;
use crate::version::{FileId, SstMeta};

/// Files that wait to be removed, and memtables that wait to be freed by their last reader.
#[derive(Debug, Default)]
pub(super) struct Retired {
    /// With the time at which each was retired.
    files: Vec<(Arc<SstMeta>, Duration)>,
    /// With the bytes allocated for each, too.
    memtables: Vec<(Arc<Hold>, u64, Duration)>,
}

impl Retired {
    pub(super) fn add(&mut self, files: impl IntoIterator<Item = Arc<SstMeta>>, now: Duration) {
        self.files.extend(files.into_iter().map(|file| (file, now)));
    }

    /// Memtables whose points are in SSTs from now on. Only their tokens are kept: nothing is freed later for it.
    pub(super) fn add_memtables<'a>(&mut self, flushed: impl IntoIterator<Item = &'a Arc<Frozen>>, now: Duration) {
        let views = flushed.into_iter().map(|frozen| &frozen.view);
        self.memtables.extend(views.map(|view| (Arc::clone(view.hold()), view.bytes() as u64, now)));
    }

    /// Forgets the memtables that no snapshot holds: they are freed already.
    pub(super) fn forget_freed(&mut self) {
        self.memtables.retain_mut(|(hold, ..)| Arc::get_mut(hold).is_none());
    }

    /// Gives up the files that nobody else holds: nobody can begin to hold them any more, since no version names them.
    pub(super) fn take_unread(&mut self) -> Vec<FileId> {
        let mut unread = Vec::new();
        self.files.retain_mut(|(file, _)| {
            #[cfg(not(feature = "mutant_input_is_removed_at_install"))]
            let is_unread = Arc::get_mut(file).is_some();
            #[cfg(feature = "mutant_input_is_removed_at_install")]
            let is_unread = true;
            if is_unread {
                unread.push(file.id);
            }
            #[cfg(feature = "mutant_retired_files_are_forgotten")]
            let is_unread = true;
            !is_unread
        });
        unread
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.memtables.is_empty()
    }

    /// What of it there is.
    pub(super) fn pinned(&self) -> Pinned {
        let sum = |all: &mut dyn Iterator<Item = (u64, Duration)>| {
            all.fold(PinnedSum::default(), |PinnedSum { count, bytes, since }, (more, at)| PinnedSum {
                count: count + 1,
                bytes: bytes + more,
                since: Some(since.map_or(at, |since| since.min(at))),
            })
        };
        Pinned {
            files: sum(&mut self.files.iter().map(|(file, at)| (file.len, *at))),
            memtables: sum(&mut self.memtables.iter().map(|(_, bytes, at)| (*bytes, *at))),
        }
    }
}
