//! What a version sees of a memtable: the map's root, the deletes, and the epoch up to which its points count.
//! They travel together, in one value; beside each other they could be read apart.

use std::ops::RangeInclusive;

use im::OrdMap;

use super::chunk::Cell;
use super::columns::{Lane, LaneReader, SeriesColumns, Sight};
use super::deletes::{Deletes, Erased};
use crate::series::SeriesId;
use crate::sync::Arc;
use crate::version::{FileId, SeriesIndex, Tombstone};

/// Shared by all views of one memtable, and by nobody else: while anyone holds a view, nothing of the memtable is freed.
#[derive(Debug)]
pub(crate) struct Hold;

/// An immutable view of a memtable; cloning it is O(1).
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(super) hold: Arc<Hold>,
    pub(super) root: OrdMap<SeriesId, Arc<SeriesColumns>>,
    pub(super) epoch: u32,
    /// None of them is of a later epoch.
    pub(super) deletes: Deletes,
    pub(super) points: u64,
    pub(super) bytes: usize,
    /// First and last timestamp that were written; reversed while there is no point.
    pub(super) times: (i64, i64),
}

impl View {
    pub(crate) fn empty() -> Self {
        let (root, deletes) = (OrdMap::new(), Deletes::new());
        Self { hold: Arc::new(Hold), root, epoch: 0, deletes, points: 0, bytes: 0, times: (i64::MAX, i64::MIN) }
    }

    /// What tells whether this memtable is still seen by anyone, without a lock and without a word from who reads.
    pub(crate) fn hold(&self) -> &Arc<Hold> {
        &self.hold
    }

    /// Points that were written up to this view, those that deletes hide included: it counts work, not what is seen.
    pub(crate) fn points(&self) -> u64 {
        self.points
    }

    /// Bytes that the memtable had allocated for them and for its deletes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// First and last timestamp that were written, or `None` without a point; those that are seen lie between.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        (self.points > 0).then_some(self.times)
    }

    /// The deletes that it holds, oldest first. It may hold some and no point at all.
    pub(crate) fn deletes(&self) -> impl ExactSizeIterator<Item = &Arc<Tombstone>> {
        self.deletes.iter().map(|(_, tombstone)| tombstone)
    }

    /// The series of which points were written here, ascending; all of one's points may be hidden.
    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.root.keys().copied()
    }

    /// Appends a series' points in a range of time that no later delete hides, in time order, equal times in order of
    /// arrival.
    pub(crate) fn read(&self, series: SeriesId, range: &RangeInclusive<i64>, out: &mut Vec<Cell>) {
        if let Some(columns) = self.root.get(&series) {
            let erased = self.erased(series);
            columns.read(Sight { epoch: self.epoch, range, erased: &erased }, out);
        }
    }

    /// A series' points in parts of at most so many, each in a range of time of its own, one after the other: what
    /// reads them part by part needs memory for one. Points of one timestamp are in one part, however many.
    pub(crate) fn parts(&self, series: SeriesId, most: usize) -> Vec<RangeInclusive<i64>> {
        let Some(columns) = self.root.get(&series).filter(|_| self.points > 0) else { return Vec::new() };
        if self.points <= most as u64 {
            return vec![self.times.0..=self.times.1];
        }
        let mut parts = Vec::new();
        let mut waiting = vec![self.times.0..=self.times.1];
        while let Some(range) = waiting.pop() {
            let count = columns.count(self.epoch, &range);
            let (first, last) = (*range.start(), *range.end());
            if count > most && first < last {
                let middle = first.wrapping_add_unsigned(first.abs_diff(last) / 2);
                // The earlier half is looked at first.
                waiting.extend([middle + 1..=last, first..=middle]);
            } else if count > 0 {
                parts.push(range);
            }
        }
        parts
    }

    /// What its deletes erase of a series: of each time, points of a smaller epoch than the newest delete there.
    fn erased(&self, series: SeriesId) -> Erased {
        if self.deletes.is_empty() { Erased::default() } else { Erased::of(series, &self.deletes) }
    }

    /// One lane of a series, read chunk by chunk; `None` if nothing of the lane could lie in the range.
    pub(crate) fn lane(&self, series: SeriesId, lane: Lane, range: &RangeInclusive<i64>) -> Option<LaneReader> {
        if self.points == 0 || *range.start() > self.times.1 || *range.end() < self.times.0 {
            return None;
        }
        let columns = self.root.get(&series)?;
        if lane == Lane::Late && columns.first(Lane::Late).get().is_none() {
            return None;
        }
        Some(LaneReader::new(Arc::clone(columns), lane, (self.epoch, range.clone(), self.erased(series))))
    }

    /// Points and bytes counted by walking what is there, to hold the kept sums against.
    #[cfg(test)]
    pub(crate) fn counted(&self) -> (u64, usize) {
        let (mut points, mut cells) = (0, Vec::new());
        let mut bytes = self.deletes().map(|tombstone| super::deletes::delete_bytes(tombstone)).sum();
        for columns in self.root.values() {
            cells.clear();
            let all = Sight { epoch: self.epoch, range: &(i64::MIN..=i64::MAX), erased: &Erased::default() };
            columns.read(all, &mut cells);
            points += cells.len() as u64;
            bytes += super::table::series_bytes();
            for lane in [Lane::Main, Lane::Late] {
                let mut next = columns.first(lane).get();
                while let Some(chunk) = next {
                    bytes += super::chunk::Chunk::byte_len(chunk.cells().len());
                    next = chunk.next.get();
                }
            }
        }
        (points, bytes)
    }
}

/// A memtable that takes no more points and waits to be flushed.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Rises by one with each freeze; the SSTs made of it take it as their age.
    pub(crate) generation: u64,
    pub(crate) view: View,
    /// The series as they were, for their keys and types.
    pub(crate) series: SeriesIndex,
    /// Every record in it has a seq of at least this...
    pub(crate) min_seq: u64,
    /// ...and at most this; all of them lie in segments before `next_segment`.
    pub(crate) max_seq: u64,
    /// The WAL segment opened at the freeze: the floor once this is flushed.
    pub(crate) next_segment: FileId,
}
