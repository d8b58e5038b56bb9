//! Retired resources: SSTs and flushed memtables that only old versions still contain.
//!
//! A reader pins an SST through its `Arc<SstMeta>`, and a memtable through its [`MemtablePin`]. In each turn the writer
//! tests which of them nothing else holds. Readers therefore do no I/O and take no lock when they drop a snapshot.

use std::time::Duration;

use super::interfaces::{PinStats, PinTotal};
use crate::state::file_id::FileId;
use crate::state::memtable::{FrozenMemtable, MemtablePin};
use crate::state::version::SstMeta;
use crate::sync::Arc;

/// SSTs that wait to be removed, and pins of memtables that their last reader frees.
#[derive(Debug, Default)]
pub(super) struct RetiredResources {
    /// Entries of SSTs, each with the time at which it was retired.
    files: Vec<(Arc<SstMeta>, Duration)>,
    /// Pins of memtables, each with the memtable's allocated bytes and the time of its retirement.
    memtables: Vec<(Arc<MemtablePin>, u64, Duration)>,
}

impl RetiredResources {
    pub(super) fn retire_files(&mut self, files: impl IntoIterator<Item = Arc<SstMeta>>, now: Duration) {
        self.files.extend(files.into_iter().map(|file| (file, now)));
    }

    /// Retires memtables whose points are now in SSTs.
    ///
    /// Keeps only the pins, not the memtables, so that a memtable is freed as soon as its last reader drops it.
    pub(super) fn retire_memtables<'a>(
        &mut self,
        flushed: impl IntoIterator<Item = &'a Arc<FrozenMemtable>>,
        now: Duration,
    ) {
        let views = flushed.into_iter().map(|frozen| &frozen.view);
        self.memtables.extend(views.map(|view| (Arc::clone(view.pin()), view.bytes() as u64, now)));
    }

    /// Removes the memtables whose pin nothing else holds: they are freed already.
    pub(super) fn drop_unpinned_memtables(&mut self) {
        self.memtables.retain_mut(|(pin, ..)| Arc::get_mut(pin).is_none());
    }

    /// Removes and returns the files whose entry nothing else holds.
    ///
    /// No version contains such a file, so no reader can pin it again.
    pub(super) fn take_unpinned(&mut self) -> Vec<FileId> {
        let mut unpinned = Vec::new();
        self.files.retain_mut(|(file, _)| {
            let is_unpinned = Arc::get_mut(file).is_some();
            if is_unpinned {
                unpinned.push(file.id);
            }
            !is_unpinned
        });
        unpinned
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.memtables.is_empty()
    }

    /// Returns the totals of the retired files and memtables.
    pub(super) fn pin_stats(&self) -> PinStats {
        let sum = |all: &mut dyn Iterator<Item = (u64, Duration)>| {
            all.fold(PinTotal::default(), |PinTotal { count, bytes, oldest_retired_at }, (more, at)| PinTotal {
                count: count + 1,
                bytes: bytes + more,
                oldest_retired_at: Some(oldest_retired_at.map_or(at, |oldest| oldest.min(at))),
            })
        };
        PinStats {
            files: sum(&mut self.files.iter().map(|(file, at)| (file.file_len, *at))),
            memtables: sum(&mut self.memtables.iter().map(|(_, bytes, at)| (*bytes, *at))),
        }
    }
}
