//! Series that the points of a batch name by an index, because their id is not known when the points are pushed.

use std::collections::HashSet;

use crate::types::error::Result;
use crate::types::series::{CachedSeries, HashedKey, KeyHash, OpeningNumber, SeriesId, SeriesKey};
use crate::types::value_type::ValueType;

/// Flag of an encoded series reference that holds an index instead of a series id.
const INDEX_FLAG: u32 = 1 << 31;

/// Series of a point of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SeriesRef {
    /// Id inside a handle.
    Id(SeriesId),
    /// Index into the list of [`BatchSeries`] of the batch.
    Index(usize),
}

impl SeriesRef {
    pub(super) fn from_encoded(encoded: u32) -> Self {
        match encoded & INDEX_FLAG {
            0 => Self::Id(SeriesId::new(encoded)),
            _ => Self::Index((encoded & !INDEX_FLAG) as usize),
        }
    }

    /// Returns the id; `None` for an index.
    pub(super) fn id(self) -> Option<SeriesId> {
        match self {
            Self::Id(id) => Some(id),
            Self::Index(_) => None,
        }
    }

    /// Encodes an index. An index of a batch within its limits fits.
    pub(super) fn encode_index(index: usize) -> u32 {
        u32::try_from(index).unwrap_or(u32::MAX) | INDEX_FLAG
    }
}

/// Series of a batch that is not named by the id inside a handle of one opening.
#[derive(Debug, Clone)]
pub(crate) enum BatchSeries {
    /// Key that was pushed as such.
    Key { key: SeriesKey, hash: KeyHash, value_type: ValueType },
    /// Cached series, and its id in the database that the batch is written to, once it is known.
    Cached { series: CachedSeries, value_type: ValueType, id: Option<SeriesId> },
    /// Handle of another opening than that of the first handle of the batch.
    ///
    /// The writer sees it only if the first handle was stale and its points were taken out.
    Handle { id: SeriesId, opening_id: u64 },
}

impl BatchSeries {
    /// Returns the key; `None` for a handle.
    pub(crate) fn key(&self) -> Option<&SeriesKey> {
        match self {
            Self::Key { key, .. } => Some(key),
            Self::Cached { series, .. } => Some(series.key()),
            Self::Handle { .. } => None,
        }
    }

    /// Returns the type of the values; `None` for a handle, whose series has the type of its values.
    pub(crate) fn value_type(&self) -> Option<ValueType> {
        match self {
            Self::Key { value_type, .. } | Self::Cached { value_type, .. } => Some(*value_type),
            Self::Handle { .. } => None,
        }
    }

    /// Returns the memory of the key in the write queue that [`Batch`](super::Batch) does not count itself, in bytes.
    ///
    /// The key of a cached series counts until its id is known: the writer copies it into the new definition.
    pub(super) fn copied_key_bytes(&self) -> usize {
        match self {
            Self::Cached { series, id: None, .. } => series.key().heap_bytes(),
            _ => 0,
        }
    }
}

/// What a database knows of the cached series of a batch before the batch is queued.
pub(crate) trait CachedSeriesLookup {
    /// Number of the opening that the batch is written to.
    fn opening(&self) -> OpeningNumber;

    /// Returns `true` if points may be written under a remembered id.
    fn takes_points(&self, id: SeriesId) -> bool;

    /// Returns the id of the series with this key and type in the newest version.
    fn find(&self, key: HashedKey<'_>, value_type: ValueType) -> Option<SeriesId>;
}

/// Sets the id of each cached series, as far as the database has the series.
///
/// Returns the length of the keys of the other ones, which the write looks up and perhaps creates, and the error of the
/// first of these keys that is invalid.
pub(super) fn find_cached(series: &mut [BatchSeries], lookup: &impl CachedSeriesLookup) -> (usize, Result<()>) {
    let mut missing: HashSet<usize> = HashSet::new();
    let (mut key_bytes, mut validity) = (0, Ok(()));
    for series in series {
        let BatchSeries::Cached { series, value_type, id } = series else { continue };
        let remembered = series.id(lookup.opening(), *value_type).filter(|id| lookup.takes_points(*id));
        *id = remembered.or_else(|| lookup.find(series.hashed_key(), *value_type));
        if id.is_none() && missing.insert(series.address()) {
            validity = validity.and_then(|()| series.key().validate());
            key_bytes += series.key().byte_len();
        }
    }
    (key_bytes, validity)
}
