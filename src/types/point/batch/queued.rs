//! What a write does with a batch: checks, lookups, and the way to the writer and back.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Batch, BatchKeyIndex, MAX_BATCH_BYTES, MAX_BATCH_POINTS, POINT_BYTES};
use crate::types::error::{Error, Result};
use crate::types::point::batch_series::{BatchSeries, CachedSeriesLookup, SeriesRef, find_cached};
use crate::types::point::{RejectReason, RejectedPoint, Timestamp};
use crate::types::series::{OpeningNumber, SeriesId};

impl Batch {
    /// Returns the estimated memory that the batch takes in the write queue, in bytes.
    ///
    /// A key takes several times the length of its text.
    pub(crate) fn queue_bytes(&self) -> usize {
        let copied: usize = self.series.iter().map(BatchSeries::copied_key_bytes).sum();
        self.len() * POINT_BYTES + size_of_val(&*self.series) + self.key_heap_bytes + copied
    }

    /// Moves the points and keys out for the write queue, and leaves an empty batch.
    ///
    /// The index of the keys is returned separately. The caller keeps it, since only pushes use it and `queue_bytes`
    /// does not count it.
    pub(crate) fn take_for_queue(&mut self) -> (Self, BatchKeyIndex) {
        let mut batch = std::mem::take(self);
        let key_index = std::mem::take(&mut batch.key_index);
        (batch, key_index)
    }

    /// Replaces the content by points and keys that [`take_for_queue`](Self::take_for_queue) returned.
    pub(crate) fn restore(&mut self, batch: Self, key_index: BatchKeyIndex) {
        *self = Self { key_index, ..batch };
    }

    /// Sets the ids of the cached series that the database has; the writer finds or creates the other ones.
    ///
    /// # Errors
    /// That of the first invalid key among the other ones.
    pub(crate) fn find_cached(&mut self, lookup: &impl CachedSeriesLookup) -> Result<()> {
        let validity;
        (self.missing_key_bytes, validity) = find_cached(&mut self.series, lookup);
        validity
    }

    /// Sets the ids of the cached series to those that the writer found or created, in the order of `series`.
    pub(crate) fn set_cached_ids(&mut self, ids: &[SeriesId]) {
        for (series, found) in self.series.iter_mut().zip(ids) {
            if let BatchSeries::Cached { id, .. } = series {
                *id = Some(*found);
            }
        }
    }

    /// Lets the cached series remember their ids, once the batch is visible in this opening.
    pub(crate) fn remember_cached(&self, opening: OpeningNumber) {
        for series in &self.series {
            if let BatchSeries::Cached { series, value_type, id: Some(id) } = series {
                series.remember(opening, *value_type, *id);
            }
        }
    }

    /// Checks what needs no state of the database: the size, the first error of a push, and the opening.
    pub(crate) fn validate(&self, opening_id: u64) -> Result<()> {
        self.check_size()?;
        self.check_pushes(opening_id)
    }

    /// Checks the limits of a batch.
    pub(crate) fn check_size(&self) -> Result<()> {
        Error::check_size("a batch, in points,", self.len(), MAX_BATCH_POINTS)?;
        Error::check_size("a batch, in bytes,", self.byte_len(), MAX_BATCH_BYTES)
    }

    /// Returns the first error of a push; that of the handles if they are of another opening.
    pub(crate) fn check_pushes(&self, opening_id: u64) -> Result<()> {
        if let Some(error) = &self.deferred_error {
            return Err(error.clone());
        }
        if self.opening_id.is_some_and(|own| own != opening_id) {
            let id = self.series_refs().find_map(SeriesRef::id);
            return Err(Error::StaleSeries { id: id.map_or(0, SeriesId::get) });
        }
        Ok(())
    }

    /// Describes points that are rejected, by their indices.
    ///
    /// `key_text` returns the key of a series as text.
    pub(crate) fn rejected_points(
        &self,
        rejected: impl IntoIterator<Item = (usize, RejectReason)>,
        key_text: impl Fn(SeriesId) -> String,
    ) -> Vec<RejectedPoint> {
        // Each key is formatted once: even a million rejected points usually belong to few series.
        let mut texts: HashMap<u32, Arc<str>> = HashMap::new();
        rejected
            .into_iter()
            .map(|(index, reason)| {
                let text = || self.series_text(index, &key_text).into();
                let series = texts.entry(self.series_refs[index]).or_insert_with(text);
                let timestamp = Timestamp::from_nanos(self.timestamps[index]);
                RejectedPoint { index, series: Arc::clone(series), timestamp, reason }
            })
            .collect()
    }

    /// Returns the key of the series of a point as text. `key_text` returns that of a series id.
    pub(crate) fn series_text(&self, point: usize, key_text: impl Fn(SeriesId) -> String) -> String {
        match SeriesRef::from_encoded(self.series_refs[point]) {
            SeriesRef::Id(id) => key_text(id),
            SeriesRef::Index(index) => match &self.series[index] {
                BatchSeries::Handle { id, .. } => key_text(*id),
                BatchSeries::Key { key, .. } => key.to_string(),
                BatchSeries::Cached { series, .. } => series.key().to_string(),
            },
        }
    }

    /// Returns the series that are named by keys.
    pub(crate) fn series(&self) -> &[BatchSeries] {
        &self.series
    }

    pub(crate) fn series_refs(&self) -> impl Iterator<Item = SeriesRef> + '_ {
        self.series_refs.iter().copied().map(SeriesRef::from_encoded)
    }

    pub(crate) fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }

    pub(crate) fn bits(&self) -> &[u64] {
        &self.bits
    }
}
