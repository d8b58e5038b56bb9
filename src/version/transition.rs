//! The steps from one version to the next. Each yields a whole new value, to be published in one store.

use super::{FileId, SeriesIndex, SstMeta, Version};
use crate::memtable::{Frozen, View};
use crate::sync::Arc;

impl Version {
    /// The version of a database whose durable state is known and whose memtable is empty.
    pub(crate) fn opened(series: SeriesIndex, ssts: Vec<Arc<SstMeta>>, flushed_seq: u64) -> Self {
        let active = View::empty();
        Self { seq: flushed_seq, series, active, frozen: Vec::new(), ssts: ssts.into(), flushed_seq }
    }

    /// After a group of records: the points and the series they made become visible together.
    pub(crate) fn appended(&self, seq: u64, series: SeriesIndex, active: View) -> Self {
        debug_assert!(seq >= self.seq, "the order never goes back");
        Self { seq, series, active, ..self.clone() }
    }

    /// After a freeze: the active memtable is empty and its points are in the newest frozen one, in the same value.
    pub(crate) fn after_freeze(&self, frozen: Arc<Frozen>) -> Self {
        debug_assert!(self.frozen.last().is_none_or(|last| last.max_seq < frozen.min_seq));
        let mut next = Self { active: View::empty(), ..self.clone() };
        next.frozen.push(frozen);
        next
    }

    /// The durable numbers once the oldest frozen memtable is flushed: up to which seq, and the floor.
    pub(crate) fn flush_moves_to(&self) -> Option<(u64, FileId)> {
        #[cfg(feature = "mutant_wal_cut_to_newest_segment")]
        return self.frozen.first().zip(self.frozen.last()).map(|(first, last)| (first.max_seq, last.next_segment));
        #[cfg(not(feature = "mutant_wal_cut_to_newest_segment"))]
        self.frozen.first().map(|frozen| (frozen.max_seq, frozen.next_segment))
    }

    /// After an installed flush: the oldest frozen memtable is gone and its SSTs are there, in the same value.
    ///
    /// `None` if `generation` is not the oldest: such a report is not acted on.
    pub(crate) fn after_flush(&self, generation: u64, ssts: Vec<Arc<SstMeta>>) -> Option<Self> {
        let (oldest, rest) = self.frozen.split_first()?;
        if oldest.generation != generation {
            return None;
        }
        Some(Self {
            frozen: rest.to_vec(),
            ssts: self.ssts.iter().cloned().chain(ssts).collect(),
            flushed_seq: oldest.max_seq,
            ..self.clone()
        })
    }

    /// Points that readers of this version can meet.
    pub(crate) fn points(&self) -> u64 {
        let frozen: u64 = self.frozen.iter().map(|frozen| frozen.view.points()).sum();
        let flushed: u64 = self.ssts.iter().map(|sst| sst.points).sum();
        self.active.points() + frozen + flushed
    }

    /// The rules that hold between its parts at every moment; the first that does not.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let rules = [
            (self.flushed_seq <= self.seq, "flushed_seq lies behind the newest record"),
            (
                self.frozen.iter().all(|frozen| frozen.min_seq > self.flushed_seq),
                "a frozen memtable is already flushed",
            ),
            (self.frozen.windows(2).all(|pair| pair[0].max_seq < pair[1].min_seq), "frozen memtables overlap in seq"),
            (self.ssts.iter().all(|sst| sst.max_seq <= self.flushed_seq), "an SST holds what is not flushed"),
            (self.ssts.is_sorted_by_key(|sst| (std::cmp::Reverse(sst.level), sst.age)), "SSTs are out of order"),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| *rule)
    }
}
