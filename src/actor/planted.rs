//! The planted bugs of the writer; see `crate::planted`. Numbers are those of the list they come from.

use super::commit::Prepared;
use super::storage::{Made, Storage, Timers};
use super::writer::{Flushing, Writer};
use crate::error::Error;
use crate::planted::is;
use crate::sync::Arc;
use crate::version::pick::Plan;
use crate::version::{BASE, Edit, FileId, Version, Work};

/// The version that a merge was planned in, as far as its install may confuse it with the one that it meets.
#[derive(Debug, Default)]
pub(super) struct Planned {
    inputs: Vec<FileId>,
    /// Of each input, counted from the newest file.
    places: Vec<usize>,
    flushed_seq: u64,
    floor: FileId,
    deletes: Vec<u64>,
}

impl<S: Storage, T: Timers> Writer<S, T> {
    /// 1: a flush claims the period that is still open. On the disk alone: the version's own rules would notice.
    pub(super) fn claimed(&self, edit: Edit) -> Edit {
        if is("flush_claims_the_open_period") { Edit { flushed_seq: self.version.seq, ..edit } } else { edit }
    }

    /// 2: a failed flush is not tried again, and the next one is of the newest memtable.
    pub(super) fn skips_failed(&self) -> bool {
        is("failed_flush_is_forgotten") && self.flush_error.is_some() && self.flushing != Flushing::Running
    }

    /// 2: and the next success drops its points.
    pub(super) fn forget_older(&mut self, generation: u64) {
        if is("failed_flush_is_forgotten") {
            let newer = self.version.frozen.iter().filter(|frozen| frozen.generation >= generation);
            self.version = Version { frozen: newer.cloned().collect(), ..(*self.version).clone() }.into();
        }
    }

    /// 17: of a group that failed, the first hears so, and all others that it went well.
    pub(super) fn acknowledges_failed(&self, group: &mut Vec<Prepared>, error: &Error) {
        if is("failed_group_is_acknowledged") && group.len() > 1 {
            let newest = self.version.seq;
            group.drain(1..).for_each(|prepared| prepared.acknowledge(newest, true));
            tracing::warn!(%error, "planted");
        }
    }

    /// 11: of what overlaps outside the base the oldest file stays behind, and is newer than the rest from then on.
    pub(super) fn planned(&mut self, mut plan: Plan) -> Plan {
        let split =
            is("merge_leaves_the_oldest_behind") && plan.inputs.iter().filter(|sst| sst.level != BASE).count() > 1;
        if let Some(oldest) = plan.inputs.iter().position(|sst| split && sst.level != BASE) {
            plan.inputs.remove(oldest);
        }
        let Version { ssts, flushed_seq, floor, tombstones, .. } = &*self.version;
        let inputs: Vec<FileId> = plan.inputs.iter().map(|sst| sst.id).collect();
        let places =
            ssts.iter().rev().enumerate().filter(|(_, sst)| inputs.contains(&sst.id)).map(|(at, _)| at).collect();
        let deletes = tombstones.iter().map(|tombstone| tombstone.seq).collect();
        self.compacting.planned = Planned { inputs, places, flushed_seq: *flushed_seq, floor: *floor, deletes };
        plan
    }

    /// 12: inputs are found by their places, which a flush has moved. Only where the version's own rules would not notice:
    /// those refuse an overlap of the base, and the test is to see the points.
    pub(super) fn by_place(&self, inputs: &[FileId], made: &Made) -> Vec<FileId> {
        let newest_first: Vec<FileId> = self.version.ssts.iter().rev().map(|sst| sst.id).collect();
        let found = self.compacting.planned.places.iter().filter_map(|at| newest_first.get(*at)).copied();
        let found: Vec<FileId> = found.collect();
        let added = made.ssts.iter().cloned().map(Arc::new).collect();
        let next = self.version.after_compaction(&found, added, &Work::default());
        let unnoticed = next.is_some_and(|next| next.broken_invariant().is_none());
        if is("inputs_go_by_place") && unnoticed { found } else { inputs.to_vec() }
    }

    /// 15: a merge brings back the deletes that there were when it was planned.
    pub(super) fn with_planned_deletes(&self, next: Version) -> Version {
        let known = |seq: u64| !is("merge_restores_its_deletes") || self.compacting.planned.deletes.contains(&seq);
        let tombstones = next.tombstones.iter().filter(|tombstone| known(tombstone.seq)).cloned().collect();
        Version { tombstones, ..next }
    }

    /// A cutoff is shown, and becomes durable with the next file that it drops.
    pub(super) fn shows_at_once(&mut self, dropped: usize, next: &Version) -> bool {
        let shows = is("cutoff_is_shown_before_it_is_durable") && dropped == 0;
        if shows {
            self.publish(next.clone());
        }
        shows
    }

    /// 15: and how far flushes had come by then.
    pub(super) fn with_planned_numbers(&self, edit: Edit) -> Edit {
        let Planned { inputs, flushed_seq, floor, .. } = &self.compacting.planned;
        let merged = inputs.iter().any(|id| edit.removed.contains(id));
        if !merged || !is("merge_restores_its_numbers") {
            return edit;
        }
        Edit { flushed_seq: *flushed_seq, floor: *floor, ..edit }
    }
}
