//! A view of a memtable: the root of its map, its deletes, and the epoch of the newest visible points.
//!
//! All three are one value. If a reader loaded them one by one, they could come from different versions.

use super::delete_mask::{DeleteMask, MemtableDeletes};
use super::list_reader::ChunkListReader;
use super::part_reader::PartReader;
use super::series_columns::{ChunkList, SeriesColumns};
use crate::state::series_map::SeriesMap;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// A token that all views of one memtable share: its reference count shows whether a view exists.
///
/// While a view exists, nothing of the memtable is freed.
#[derive(Debug)]
pub(crate) struct MemtablePin;

/// An immutable view of a memtable. Cloning it is O(1).
#[derive(Debug, Clone)]
pub(crate) struct MemtableView {
    pub(super) pin: Arc<MemtablePin>,
    pub(super) root: SeriesMap<Arc<SeriesColumns>>,
    pub(super) epoch: u32,
    /// The deletes up to `epoch`.
    pub(super) deletes: MemtableDeletes,
    pub(super) points: u64,
    pub(super) bytes: usize,
    /// Range from the oldest to the newest point, deleted ones included; empty without points.
    pub(super) time_range: TimeRange,
}

impl MemtableView {
    pub(crate) fn empty() -> Self {
        Self {
            pin: Arc::new(MemtablePin),
            root: SeriesMap::default(),
            epoch: 0,
            deletes: MemtableDeletes::new(),
            points: 0,
            bytes: 0,
            time_range: TimeRange::EMPTY,
        }
    }

    /// Returns the token whose reference count shows whether any view of this memtable exists.
    ///
    /// The writer reads the count, so a reader that drops a view takes no lock and sends no message.
    pub(crate) fn pin(&self) -> &Arc<MemtablePin> {
        &self.pin
    }

    /// Returns the number of points up to this view, deleted ones included.
    pub(crate) fn points(&self) -> u64 {
        self.points
    }

    /// Returns the estimated bytes allocated for these points and for the deletes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the range from the oldest to the newest point; `None` without points.
    ///
    /// Deleted points count.
    pub(crate) fn time_range(&self) -> Option<TimeRange> {
        (self.points > 0).then_some(self.time_range)
    }

    /// Returns the deletes, oldest first. A view can have deletes and no point.
    pub(crate) fn deletes(&self) -> impl ExactSizeIterator<Item = &Arc<Tombstone>> {
        self.deletes.iter().map(|(_, tombstone)| tombstone)
    }

    /// Returns the series with points, in ascending order. All points of a series may be deleted.
    pub(crate) fn series(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.root.iter().map(|(series, _)| series)
    }

    /// Returns the number of series with points.
    pub(crate) fn series_count(&self) -> usize {
        self.root.len()
    }

    /// Returns `true` if the memtable has points of the series, deleted ones included.
    pub(crate) fn has_series(&self, series: SeriesId) -> bool {
        self.root.contains(series)
    }

    /// Appends the points of a series in a range that are not deleted.
    ///
    /// They are in time order, those at equal times in order of arrival.
    #[cfg(test)]
    pub(crate) fn read(&self, series: SeriesId, range: TimeRange, out: &mut Vec<super::RawPoint>) {
        if let Some(columns) = self.root.get(series) {
            let mask = self.delete_mask(series);
            columns.read(super::series_columns::ReadFilter { epoch: self.epoch, range, mask: &mask }, out);
        }
    }

    /// Returns the series with points, in ascending order, each with a reader in parts of at most `max_points` points.
    pub(crate) fn part_readers(&self, max_points: usize) -> impl Iterator<Item = (SeriesId, PartReader<'_>)> {
        let with_points = self.root.iter().filter(|_| self.points > 0);
        with_points.map(move |(series, columns)| {
            let is_small = self.points <= max_points as u64 || columns.has_room_for_at_most(max_points);
            let mask = self.delete_mask(series);
            (series, PartReader::new(columns, self.epoch, mask, self.time_range, max_points, is_small))
        })
    }

    fn delete_mask(&self, series: SeriesId) -> DeleteMask {
        if self.deletes.is_empty() { DeleteMask::default() } else { DeleteMask::of(series, &self.deletes) }
    }

    /// Returns a reader of one list of a series; `None` if it is known to have no point in the range.
    pub(crate) fn list_reader(&self, series: SeriesId, list: ChunkList, range: TimeRange) -> Option<ChunkListReader> {
        if self.points == 0 || !range.overlaps(self.time_range) {
            return None;
        }
        let columns = self.root.get(series)?;
        if list == ChunkList::Late && columns.first_chunk(ChunkList::Late).get().is_none() {
            return None;
        }
        Some(ChunkListReader::new(Arc::clone(columns), list, self.epoch, range, self.delete_mask(series)))
    }

    /// Returns the points and bytes, counted over all series, to compare them with the stored sums.
    #[cfg(test)]
    pub(crate) fn counted(&self) -> (u64, usize) {
        let (mut points, mut out) = (0, Vec::new());
        let mut bytes = self.deletes().map(|tombstone| super::delete_mask::delete_bytes(tombstone)).sum();
        for (_, columns) in self.root.iter() {
            out.clear();
            let all = super::series_columns::ReadFilter {
                epoch: self.epoch,
                range: TimeRange::ALL,
                mask: &DeleteMask::default(),
            };
            columns.read(all, &mut out);
            points += out.len() as u64;
            bytes += super::append::series_bytes();
            for list in [ChunkList::InOrder, ChunkList::Late] {
                let mut next = columns.first_chunk(list).get();
                if list == ChunkList::Late && next.is_some() {
                    bytes += super::append::late_tail_bytes();
                }
                while let Some(chunk) = next {
                    bytes += super::chunk::Chunk::byte_len(chunk.points().len());
                    next = chunk.next.get();
                }
            }
        }
        (points, bytes)
    }
}
