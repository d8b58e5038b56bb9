//! SSTs that no version names any more and that may still be read. Whoever reads one holds its entry; the writer looks,
//! each turn, which entries it alone still holds, so that a reader does no I/O when it drops a snapshot.

use std::time::Duration;

use crate::sync::Arc;
use crate::version::{FileId, SstMeta};

/// Files that wait to be removed.
#[derive(Debug, Default)]
pub(super) struct Retired {
    /// With the time at which each was retired.
    files: Vec<(Arc<SstMeta>, Duration)>,
}

impl Retired {
    pub(super) fn add(&mut self, files: impl IntoIterator<Item = Arc<SstMeta>>, now: Duration) {
        self.files.extend(files.into_iter().map(|file| (file, now)));
    }

    /// Gives up those that nobody else holds: nobody can begin to hold them any more, since no version names them.
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

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|(file, _)| file.len).sum()
    }

    /// When the one that has waited longest was retired.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.files.iter().map(|(_, at)| *at).min()
    }
}
