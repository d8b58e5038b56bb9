//! Pieces of a batch: consecutive points that are within the limits of a batch, and copies of some of its points.

use std::collections::HashSet;

use super::{Batch, MAX_BATCH_BYTES, MAX_BATCH_POINTS, POINT_BYTES};
use crate::types::point::batch_series::{BatchSeries, SeriesRef};
use crate::types::series::{HashedKey, SeriesKey};

/// Cuts a batch into pieces, from the first point to the last.
#[derive(Debug)]
pub(crate) struct PieceCutter {
    /// Number of the newest piece that has a point of each series of the batch.
    newest_piece: Vec<usize>,
    /// Number of the piece that is cut, from 1.
    piece: usize,
    /// Cached series of the piece that the database does not have.
    missing: HashSet<usize>,
}

impl PieceCutter {
    pub(crate) fn new(batch: &Batch) -> Self {
        Self { newest_piece: vec![0; batch.series.len()], piece: 0, missing: HashSet::new() }
    }

    /// Returns the exclusive end of the longest piece from `start` that is within the limits of a batch.
    ///
    /// Also a point whose key exceeds them is a piece: the write rejects it.
    pub(crate) fn next_end(&mut self, batch: &Batch, start: usize) -> usize {
        self.piece += 1;
        self.missing.clear();
        let mut bytes = 0;
        for (at, encoded) in batch.series_refs.iter().enumerate().skip(start) {
            bytes += POINT_BYTES + self.key_bytes(batch, *encoded);
            if at > start && (at - start >= MAX_BATCH_POINTS || bytes > MAX_BATCH_BYTES) {
                return at;
            }
        }
        batch.len()
    }

    /// Returns the length of the key of a series that the piece does not have yet.
    fn key_bytes(&mut self, batch: &Batch, encoded: u32) -> usize {
        let SeriesRef::Index(index) = SeriesRef::from_encoded(encoded) else { return 0 };
        if std::mem::replace(&mut self.newest_piece[index], self.piece) == self.piece {
            return 0;
        }
        match &batch.series[index] {
            BatchSeries::Cached { id: Some(_), .. } => 0,
            BatchSeries::Cached { series, .. } if !self.missing.insert(series.address()) => 0,
            named => named.key().map_or(0, SeriesKey::byte_len),
        }
    }
}

impl Batch {
    /// Returns a batch of some of the points, by their indices in ascending order.
    pub(crate) fn copy_points(&self, points: impl Iterator<Item = usize>) -> Self {
        let mut copy = Self::new();
        let mut copied: Vec<Option<u32>> = vec![None; self.series.len()];
        for point in points {
            let series_ref = match SeriesRef::from_encoded(self.series_refs[point]) {
                SeriesRef::Id(id) => copy.ref_of_handle(id, self.opening_id.unwrap_or_default()),
                SeriesRef::Index(index) => *copied[index].get_or_insert_with(|| copy.add_series(&self.series[index])),
            };
            copy.series_refs.push(series_ref);
            copy.timestamps.push(self.timestamps[point]);
            copy.bits.push(self.bits[point]);
        }
        copy
    }

    /// Adds a series of another batch, as a push does. Returns the reference of its points.
    fn add_series(&mut self, series: &BatchSeries) -> u32 {
        match series {
            BatchSeries::Key { key, hash, value_type } => {
                SeriesRef::encode_index(self.index_of_key(HashedKey { key, hash: *hash }, *value_type))
            }
            BatchSeries::Cached { series, value_type, .. } => {
                SeriesRef::encode_index(self.index_of_cached(series, *value_type))
            }
            BatchSeries::Handle { id, opening_id } => self.ref_of_handle(*id, *opening_id),
        }
    }

    /// Removes the first points. Keys without a point leave the batch.
    pub(crate) fn remove_first(&mut self, points: usize) {
        *self = self.copy_points(points..self.len());
    }
}
