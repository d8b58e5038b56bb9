//! Admission of the next commit group to the memtable: write stalls.
//!
//! Memory is bounded by one active and [`MAX_FROZEN_MEMTABLES`] frozen memtables. If the active memtable is full and
//! may not be frozen, the next group waits. So does a batch that alone fills a memtable, as long as another one is frozen.
//!
//! A memtable is frozen before it is full if no flush runs and its series have enough points for blocks of a good size.
//! So the memory and the work that is left to a close follow the rate of the writes: a memtable grows up to its limit
//! only while the flusher is busy, or while its series have few points.

use super::compaction::l0_file_count;
use crate::state::version::Version;
use crate::sync::bounds::MAX_FROZEN_MEMTABLES;

/// Number of deletes at which a memtable is full.
///
/// Each read of one of its series, and its flush, goes through all of them.
pub(super) const MAX_MEMTABLE_DELETES: usize = 1 << 10;
/// Number of deletes up to which a memtable takes deletes while a failing flush stalls writes.
const MAX_STALLED_DELETES: usize = 2 * MAX_MEMTABLE_DELETES;
/// Memory of the deletes of a memtable up to which it takes deletes while a failing flush stalls writes, in bytes.
const MAX_STALLED_DELETE_BYTES: usize = 4 << 20;

/// Memory from which a memtable may be frozen early, in bytes; a quarter of the size at which it is full, if that is more.
const EARLY_FREEZE_BYTES: usize = 16 << 20;
/// Number of points per series from which a memtable may be frozen early.
///
/// A block takes about 90 bytes beside its points: at 500 points a series, files are a tenth larger. At 1,028 points a
/// series needs a chunk that is as large as all of its chunks before.
const EARLY_FREEZE_POINTS_PER_SERIES: u64 = 960;
/// Number of L0 files from which no memtable is frozen early: reads and merges are behind.
const EARLY_FREEZE_MAX_L0_FILES: usize = 32;

/// Memory of a command below which it is not large, in bytes, however small the memtables are.
const MIN_LARGE_COMMAND_BYTES: usize = 4 << 20;

/// Decision about the next commit group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemtableAdmission {
    Admit,
    /// The active memtable is worth a flush, and has room for the group if it cannot be frozen.
    FreezeEarly,
    /// The active memtable must be frozen first.
    FreezeFirst,
    /// The group must wait for a flush, or for the running compaction: a write stall.
    Stall,
}

/// Size and state of the active memtable.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActiveMemtable {
    pub(super) bytes: usize,
    pub(super) flush_at_bytes: usize,
    /// Number of points.
    pub(super) points: u64,
    /// Number of series with points.
    pub(super) series: usize,
    /// `true` if no further batch or delete may be added.
    pub(super) is_epoch_exhausted: bool,
    /// Memory of the next command in the queue, in bytes; 0 if it must not wait for flushes.
    pub(super) next_command_bytes: usize,
}

impl ActiveMemtable {
    /// Returns `true` if the next command alone fills a memtable.
    ///
    /// The memtable then exceeds its size by far, and the share of the budget has no room for another one like it.
    pub(super) fn is_next_command_large(&self) -> bool {
        self.next_command_bytes >= self.flush_at_bytes.max(MIN_LARGE_COMMAND_BYTES)
    }

    /// Returns `true` if the memtable is worth a flush before it is full.
    fn is_worth_a_flush(&self) -> bool {
        self.bytes >= EARLY_FREEZE_BYTES.max(self.flush_at_bytes / 4)
            && self.points >= self.series as u64 * EARLY_FREEZE_POINTS_PER_SERIES
    }
}

/// Returns `true` if the memtable may take a delete while a failing flush stalls writes.
///
/// A delete makes room, so it need not wait for room. Its memory has bounds of its own.
pub(super) fn admits_stalled_delete(version: &Version, is_epoch_exhausted: bool) -> bool {
    let deletes = || version.active.deletes();
    let bytes: usize = deletes().map(|delete| delete.byte_len()).sum();
    !is_epoch_exhausted && deletes().len() < MAX_STALLED_DELETES && bytes < MAX_STALLED_DELETE_BYTES
}

impl MemtableAdmission {
    /// Decides about the next group.
    ///
    /// `l0_stalls_writes` is called only if the memtable is full and a further memtable may be frozen.
    pub(super) fn decide(
        version: &Version,
        active: ActiveMemtable,
        is_read_only: bool,
        is_stopping: bool,
        l0_stalls_writes: impl FnOnce() -> bool,
    ) -> Self {
        let is_full = active.bytes >= active.flush_at_bytes
            || active.is_epoch_exhausted
            || version.active.deletes().len() >= MAX_MEMTABLE_DELETES;
        // From a shutdown request on, commands are admitted whatever the size and the deletes of the memtable: the
        // permits bound them. A read-only database rejects the group anyway.
        let ignore_size_limit = is_read_only || (is_stopping && !active.is_epoch_exhausted);
        if ignore_size_limit {
            return Self::Admit;
        }
        if !is_full {
            let is_flushing = !version.frozen.is_empty();
            if !is_flushing && active.is_worth_a_flush() && l0_file_count(version) < EARLY_FREEZE_MAX_L0_FILES {
                return Self::FreezeEarly;
            }
            return if is_flushing && active.is_next_command_large() { Self::Stall } else { Self::Admit };
        }
        if version.frozen.len() >= MAX_FROZEN_MEMTABLES || l0_stalls_writes() {
            return Self::Stall;
        }
        Self::FreezeFirst
    }
}
