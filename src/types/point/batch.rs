//! Batches: points that are written together, all or none, as columns.
//! The caller fills a batch; the writer finds or creates the series of its keys.

mod collect;
mod pieces;
mod queued;
mod rejections;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::iter::repeat_n;

pub(crate) use self::pieces::PieceCutter;
pub(crate) use self::rejections::SeriesRejection;

use super::batch_series::{BatchSeries, SeriesRef};
use super::{Scalar, Timestamp, Value, ValueType};
use crate::types::error::Error;
use crate::types::series::{CachedSeries, HashedKey, KeyHash, KeyPositions, SeededBuild, Series, SeriesId, SeriesKey};

/// Maximum number of points in a batch.
pub const MAX_BATCH_POINTS: usize = 1_000_000;
/// Maximum size of a batch in bytes, keys included; see [`Batch::byte_len`].
pub const MAX_BATCH_BYTES: usize = 32 << 20;

/// Size of a point in a batch, in bytes: a timestamp, a value and a series reference.
const POINT_BYTES: usize = 20;

/// Points that are written together: all of them or, after an error or a crash, none.
///
/// Points keep the order in which they were added; several points of one series at one timestamp are read in that
/// order. A series is named by its handle, [`Series`], by its key, or by a [`CachedSeries`], a key that remembers the id
/// of its series; the write creates the series of new keys in the same commit.
///
/// [`Db::write`](crate::Db::write) takes a `Batch`, or a `&mut Batch` to use its memory again.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let lga = SeriesKey::new("temp").tag("station", "LGA");
/// let jfk = db.create_series(SeriesKey::new("temp").tag("station", "JFK")).blocking()?;
///
/// let mut batch = Batch::new();
/// batch.push_key(&lga, Timestamp::from_secs(1_357_003_600), 3.9);
/// batch.push(jfk, Timestamp::from_secs(1_357_003_600), 4.4);
/// db.write_blocking(&mut batch)?;
/// assert!(batch.is_empty());
///
/// let times = [1_357_007_200, 1_357_010_800].map(Timestamp::from_secs);
/// batch.push_columns(jfk, &times, &[4.1, 3.6]);
/// db.write_blocking(&mut batch)?;
/// assert_eq!(db.snapshot().scan(jfk, ..).collect_blocking()?.len(), 3);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Series of each point: a series id, or an index into `series`; see [`SeriesRef`].
    series_refs: Vec<u32>,
    timestamps: Vec<i64>,
    /// Values as 64 bits each.
    bits: Vec<u64>,
    /// Series that are named by keys, in the order in which they were first added. Each pushed key occurs once.
    series: Vec<BatchSeries>,
    key_index: BatchKeyIndex,
    /// Entries of keys that were pushed with another type than at first: by the index of the first entry, and the type.
    conflicting: HashMap<(usize, ValueType), usize>,
    /// Length of the texts of the pushed keys, in bytes.
    key_bytes: usize,
    /// Estimated size of the allocations of the pushed keys, in bytes.
    key_heap_bytes: usize,
    /// Length of the texts of the keys of cached series that the database does not have, in bytes.
    ///
    /// Zero until the batch is written.
    missing_key_bytes: usize,
    /// Opening that the first pushed handle belongs to; `None` if no handle was pushed.
    opening_id: Option<u64>,
    /// First error of a push. The write returns it, so that the push functions return nothing.
    deferred_error: Option<Error>,
    /// First error of columns of different lengths, whose points are not in the batch.
    column_error: Option<Error>,
    /// Rejected series, if the writer is to look for all of them; `None` if the first error rejects the batch.
    rejections: Option<Vec<SeriesRejection>>,
}

/// Indices of the entries of [`Batch::series`], for pushes.
#[derive(Debug, Clone, Default)]
pub(crate) struct BatchKeyIndex {
    /// Entry of each pushed key.
    keys: KeyPositions,
    /// Entry of each cached series, by its address and value type.
    cached: HashMap<u64, u32, SeededBuild>,
}

impl BatchKeyIndex {
    fn clear(&mut self) {
        self.keys.clear();
        self.cached.clear();
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.cached.is_empty()
    }
}

impl Batch {
    /// Creates an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty batch with room for `points` points, at most [`MAX_BATCH_POINTS`].
    #[must_use]
    pub fn with_capacity(points: usize) -> Self {
        let mut batch = Self::default();
        batch.reserve(points);
        batch
    }

    /// Reserves room for `points` more points, up to [`MAX_BATCH_POINTS`] points in all.
    pub fn reserve(&mut self, points: usize) {
        let points = points.min(MAX_BATCH_POINTS.saturating_sub(self.len()));
        self.series_refs.reserve(points);
        self.timestamps.reserve(points);
        self.bits.reserve(points);
    }

    /// Adds a point of a series.
    ///
    /// If the handle belongs to another opening of the database, the write rejects the whole batch with
    /// [`Error::StaleSeries`].
    pub fn push<T: Scalar>(&mut self, series: Series<T>, timestamp: Timestamp, value: T) {
        let series_ref = self.ref_of_handle(series.id(), series.opening_id());
        self.push_encoded(series_ref, timestamp, value.to_bits());
    }

    /// Adds a point of the series with a key. The write creates the series if it does not exist.
    ///
    /// If the key is invalid, or the series holds values of another type, the write rejects the whole batch; see
    /// [`Db::write`](crate::Db::write).
    pub fn push_key(&mut self, key: &SeriesKey, timestamp: Timestamp, value: impl Into<Value>) {
        let value = value.into();
        let index = self.index_of_key(key, value.value_type());
        self.push_encoded(SeriesRef::encode_index(index), timestamp, value.to_bits());
    }

    /// Adds a point of a cached series. The write creates the series if it does not exist.
    ///
    /// The result is that of [`push_key`](Self::push_key), without a lookup of the key once its id is remembered. Points
    /// of one series that follow each other share an entry of the batch.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, CachedSeries, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let cpus: Vec<_> =
    ///     (0..8).map(|n| CachedSeries::new(SeriesKey::new("busy").tag("cpu", n.to_string()))).collect();
    /// for seconds in 0..10 {
    ///     let mut batch = Batch::new();
    ///     cpus.iter().for_each(|cpu| batch.push_cached(cpu, Timestamp::from_secs(seconds), 0.25));
    ///     db.write_blocking(batch)?;
    /// }
    /// assert_eq!((db.stats().series, db.stats().points), (8, 80));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn push_cached(&mut self, series: &CachedSeries, timestamp: Timestamp, value: impl Into<Value>) {
        let value = value.into();
        let index = self.index_of_cached(series, value.value_type());
        self.push_encoded(SeriesRef::encode_index(index), timestamp, value.to_bits());
    }

    /// Adds points of one series from two slices of the same length: the fastest way to fill a batch.
    ///
    /// The timestamps need not be sorted. If the lengths differ, no point is added, and the write rejects the whole
    /// batch with [`Error::ColumnLengths`]. For a handle of another opening see [`push`](Self::push).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let load = db.create_series(SeriesKey::new("load")).blocking()?;
    /// let timestamps = [10, 20, 30].map(Timestamp::from_secs);
    /// let mut batch = Batch::new();
    /// batch.push_columns(load, &timestamps, &[0.5, 0.75, 0.25]);
    /// assert_eq!(batch.len(), 3);
    /// db.write_blocking(batch)?;
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn push_columns<T: Scalar>(&mut self, series: Series<T>, timestamps: &[Timestamp], values: &[T]) {
        if self.check_lengths(timestamps, values) && !timestamps.is_empty() {
            let series_ref = self.ref_of_handle(series.id(), series.opening_id());
            self.extend_columns(series_ref, timestamps, values);
        }
    }

    /// Adds points of the series with a key from two slices of the same length; see
    /// [`push_columns`](Self::push_columns) and [`push_key`](Self::push_key).
    ///
    /// Without points nothing is added, and the write does not create the series.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// batch.push_key_columns(&SeriesKey::new("turns"), &[10, 20].map(Timestamp::from_secs), &[7_u64, 9]);
    /// db.write_blocking(batch)?;
    /// assert_eq!(db.stats().points, 2);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn push_key_columns<T: Scalar>(&mut self, key: &SeriesKey, timestamps: &[Timestamp], values: &[T]) {
        if self.check_lengths(timestamps, values) && !values.is_empty() {
            let index = self.index_of_key(key, T::TYPE);
            self.extend_columns(SeriesRef::encode_index(index), timestamps, values);
        }
    }

    /// Adds points of a cached series from two slices of the same length; see
    /// [`push_columns`](Self::push_columns) and [`push_cached`](Self::push_cached).
    ///
    /// Without points nothing is added, and the write does not create the series.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, CachedSeries, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let turns = CachedSeries::new(SeriesKey::new("turns"));
    /// let mut batch = Batch::new();
    /// batch.push_cached_columns(&turns, &[10, 20].map(Timestamp::from_secs), &[7_u64, 9]);
    /// db.write_blocking(batch)?;
    /// assert_eq!(db.stats().points, 2);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn push_cached_columns<T: Scalar>(&mut self, series: &CachedSeries, timestamps: &[Timestamp], values: &[T]) {
        if self.check_lengths(timestamps, values) && !values.is_empty() {
            let index = self.index_of_cached(series, T::TYPE);
            self.extend_columns(SeriesRef::encode_index(index), timestamps, values);
        }
    }

    /// Returns `true` if two slices have the same length.
    fn check_lengths<T>(&mut self, timestamps: &[Timestamp], values: &[T]) -> bool {
        let (timestamps, values) = (timestamps.len(), values.len());
        if timestamps != values {
            let error = Error::ColumnLengths { timestamps, values };
            self.deferred_error.get_or_insert_with(|| error.clone());
            self.column_error.get_or_insert(error);
        }
        timestamps == values
    }

    fn extend_columns<T: Scalar>(&mut self, series_ref: u32, timestamps: &[Timestamp], values: &[T]) {
        self.series_refs.extend(repeat_n(series_ref, values.len()));
        self.timestamps.extend(timestamps.iter().map(|timestamp| timestamp.as_nanos()));
        self.bits.extend(values.iter().map(|value| value.to_bits()));
    }

    /// Returns the reference for a handle.
    ///
    /// One of another opening than the first handle of the batch gets an entry: one of both is stale.
    fn ref_of_handle(&mut self, id: SeriesId, opening_id: u64) -> u32 {
        if *self.opening_id.get_or_insert(opening_id) == opening_id {
            return id.get();
        }
        self.deferred_error.get_or_insert(Error::StaleSeries { id: id.get() });
        let is_last = matches!(self.series.last(), Some(BatchSeries::Handle { id: last, opening_id: opening })
            if (*last, *opening) == (id, opening_id));
        if !is_last {
            self.series.push(BatchSeries::Handle { id, opening_id });
        }
        SeriesRef::encode_index(self.series.len() - 1)
    }

    /// Returns the index of a key, which is added if the batch does not have it.
    fn index_of_key<'k>(&mut self, key: impl Into<HashedKey<'k>>, found: ValueType) -> usize {
        let HashedKey { key, hash } = key.into();
        let Some(index) = self.key_index.keys.find(hash, |at| self.series[at].key() == Some(key)) else {
            let index = self.add_key(key, hash, found);
            // An index beyond is that of no valid batch; such keys are added again and again.
            if let Ok(index) = u32::try_from(index) {
                self.key_index.keys.insert(hash, index);
            }
            return index;
        };
        let expected = self.series[index].value_type().unwrap_or(found);
        if expected == found {
            return index;
        }
        self.deferred_error.get_or_insert_with(|| Error::TypeMismatch { series: key.to_string(), expected, found });
        if let Some(other) = self.conflicting.get(&(index, found)) {
            return *other;
        }
        let other = self.add_key(key, hash, found);
        self.conflicting.insert((index, found), other);
        other
    }

    /// Adds a key, whose memory the batch shares.
    fn add_key(&mut self, key: &SeriesKey, hash: KeyHash, value_type: ValueType) -> usize {
        if let Err(error) = key.validate() {
            self.deferred_error.get_or_insert(error);
        }
        self.key_bytes += key.byte_len();
        self.key_heap_bytes += key.heap_bytes();
        self.series.push(BatchSeries::Key { key: key.clone(), hash, value_type });
        self.series.len() - 1
    }

    /// Returns the index of a cached series, which is added if the batch does not have it.
    fn index_of_cached(&mut self, series: &CachedSeries, value_type: ValueType) -> usize {
        let is_last = matches!(self.series.last(), Some(BatchSeries::Cached { series: last, value_type: ty, .. })
            if *ty == value_type && last.is_same(series));
        if is_last {
            return self.series.len() - 1;
        }
        let next = self.series.len();
        // The batch holds a clone of each, so no other cached series gets its address meanwhile.
        match self.key_index.cached.entry(series.address_with_type(value_type)) {
            Entry::Occupied(entry) => return *entry.get() as usize,
            // An index beyond is that of no valid batch; such series are added again and again.
            Entry::Vacant(entry) => _ = u32::try_from(next).map(|next| entry.insert(next)),
        }
        self.series.push(BatchSeries::Cached { series: series.clone(), value_type, id: None });
        next
    }

    fn push_encoded(&mut self, series_ref: u32, timestamp: Timestamp, bits: u64) {
        self.series_refs.push(series_ref);
        self.timestamps.push(timestamp.as_nanos());
        self.bits.push(bits);
    }

    /// Returns the number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series_refs.len()
    }

    /// Returns `true` if the batch has no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series_refs.is_empty()
    }

    /// Removes all points and keys; keeps the memory for the next points.
    pub fn clear(&mut self) {
        self.series_refs.clear();
        self.timestamps.clear();
        self.bits.clear();
        self.series.clear();
        self.key_index.clear();
        self.conflicting.clear();
        self.key_bytes = 0;
        self.key_heap_bytes = 0;
        self.missing_key_bytes = 0;
        self.opening_id = None;
        self.deferred_error = None;
        self.column_error = None;
        self.rejections = None;
    }

    /// Returns the size in bytes that [`MAX_BATCH_BYTES`] limits.
    ///
    /// The size is 20 bytes for each point, and the length of the text of each pushed key. When the batch is written, the
    /// keys of those cached series are added that the database does not have yet.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.len() * POINT_BYTES + self.key_bytes + self.missing_key_bytes
    }
}
