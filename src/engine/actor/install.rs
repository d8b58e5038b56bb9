//! Installation of versions: commits the edit, publishes the version, retires removed resources.
//!
//! ```text
//!   next version ──▶ commit the edit ──▶ publish ──▶ retire files and memtables ──▶ ... ──▶ remove unpinned files
//!                    (synced)            (one store)                                        (at the end of each turn)
//! ```
//!
//! Flush, compaction, retention and the empty-series check all use this one step. A commit group, a freeze and new
//! candidates are only published: they need no edit, or a later edit contains them.
//!
//! Invariants:
//! - Everything durable that changes between two versions is in one edit. A crash before it leaves only files that no
//!   edit names. After a crash behind it, recovery uses neither the removed SSTs nor the flushed WAL records.
//! - Series definitions are durable before an edit that covers them.
//! - A version is replaced in one store, so that no reader sees inputs and outputs of a compaction together, or neither
//!   of them.
//! - A file is removed only when no version, reader or job holds its entry.
//! - If the edit fails, nothing is published. If the edit may be durable, its SSTs stay, and the next opening decides.
//!   If it is certainly absent, nothing names its SSTs, which are removed, and the machine tries again later.
//! - The totals of retired resources are reported before a waiter of the install is answered.

use std::collections::VecDeque;

use super::interfaces::{Timers, WriterStorage};
use super::retired::RetiredResources;
use crate::state::file_id::FileId;
use crate::state::log_record::AppendError;
use crate::state::memtable::FrozenMemtable;
use crate::state::version::{SstMeta, Version};
use crate::state::watch::Watch;
use crate::sync::Arc;
use crate::types::series::SeriesInfo;

/// Owner of the newest version, of unlogged series definitions and of retired resources.
#[derive(Debug)]
pub(super) struct VersionInstaller {
    /// Channel from which readers load the newest version.
    published: Arc<Watch<Version>>,
    /// The newest published version.
    current: Arc<Version>,
    /// Series definitions that are in the WAL and not yet in the series log, in order.
    unlogged_series: VecDeque<Arc<SeriesInfo>>,
    retired: RetiredResources,
}

impl VersionInstaller {
    pub(super) fn new(published: Arc<Watch<Version>>) -> Self {
        Self {
            current: published.load(),
            published,
            unlogged_series: VecDeque::new(),
            retired: RetiredResources::default(),
        }
    }

    pub(super) fn current(&self) -> &Arc<Version> {
        &self.current
    }

    /// Adds definitions of created series. The first edit that covers them makes them durable.
    pub(super) fn add_unlogged_series(&mut self, definitions: &[Arc<SeriesInfo>]) {
        self.unlogged_series.extend(definitions.iter().cloned());
    }

    /// Publishes a version in one store.
    pub(super) fn publish(&mut self, next: Version) {
        debug_assert_eq!(next.violated_invariant(), None);
        let next = Arc::new(next);
        self.current = Arc::clone(&next);
        self.published.publish(next);
    }

    /// Makes a version durable, publishes it, and retires what it no longer contains.
    ///
    /// After an error it is not published.
    pub(super) fn install<S: WriterStorage>(
        &mut self,
        next: Version,
        storage: &mut S,
        timers: &impl Timers,
    ) -> Result<(), AppendError> {
        let edit = self.current.edit_to(&next);
        let covered = self.unlogged_series.partition_point(|def| def.seq <= edit.flushed_seq);
        let definitions: Vec<_> = self.unlogged_series.iter().take(covered).cloned().collect();
        let added: Vec<FileId> = edit.added_ssts.iter().map(|sst| sst.id).collect();
        let removed = edit.removed_ssts.iter().filter_map(|id| self.current.ssts.get(*id).cloned());
        let removed: Vec<Arc<SstMeta>> = removed.collect();
        if let Err(error) = storage.commit_edit(edit, &definitions) {
            if !added.is_empty() && matches!(error, AppendError::NotWritten(_)) {
                storage.remove_ssts(&added);
            }
            return Err(error);
        }
        self.unlogged_series.drain(..covered);
        let now = timers.monotonic_now();
        let stays = |frozen: &Arc<FrozenMemtable>| next.frozen.iter().any(|left| left.generation == frozen.generation);
        self.retired.retire_memtables(self.current.frozen.iter().filter(|frozen| !stays(frozen)), now);
        self.publish(next);
        self.retired.retire_files(removed, now);
        self.report_pins(storage);
        Ok(())
    }

    /// Removes the retired files that nothing holds, and reports the totals of what is left.
    ///
    /// Returns `true` if anything is left.
    pub(super) fn remove_unpinned_files<S: WriterStorage>(&mut self, storage: &mut S) -> bool {
        if self.retired.is_empty() {
            return false;
        }
        let unpinned = self.retired.take_unpinned();
        if !unpinned.is_empty() {
            storage.remove_ssts(&unpinned);
        }
        self.report_pins(storage);
        !self.retired.is_empty()
    }

    fn report_pins<S: WriterStorage>(&mut self, storage: &mut S) {
        self.retired.drop_unpinned_memtables();
        storage.report_pins(self.retired.pin_stats());
    }

    /// Closes the channel of versions: no further version comes.
    pub(super) fn close(&self) {
        self.published.close();
    }
}
