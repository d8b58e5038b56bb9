//! Series: their keys, their ids, sets of ids, and the typed handle of the public API.

mod cached;
mod filter;
mod key;
mod key_buffer;
mod key_hash;
mod key_order;
mod key_text;
mod set;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

pub use cached::CachedSeries;
pub(crate) use cached::OpeningNumber;
pub(crate) use filter::{IndexFilter, TextPredicate, ValueHint};
pub(crate) use key::{ALLOCATION_OVERHEAD_BYTES, METRIC_NAME_KEY};
pub use key::{MAX_SERIES_KEY_BYTES, MAX_SERIES_TAGS, SeriesKey};
pub(crate) use key_buffer::{KeyBuffer, KeySpan};
pub(crate) use key_hash::{HashedKey, IdentityBuild, KeyHash, KeyPositions, SeededBuild, TextHasher};
pub(crate) use key_order::sort_by_series_key;
pub(crate) use set::{SeriesSet, SeriesSetBuilder};

use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::value_type::ValueType;

/// Maximum number of series ids of a database: a batch uses the upper half of `u32` for its keys.
pub(crate) const MAX_SERIES_IDS: u32 = 1 << 31;

/// Number of a series in its database, assigned in ascending order of creation; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl SeriesId {
    pub(crate) const fn new(id: u32) -> Self {
        Self(id)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Handle of a series: its id, the type of its values, and the opening of its database.
///
/// Made by [`Db::create_series`](crate::Db::create_series), [`Db::series`](crate::Db::series) and
/// [`Snapshot::series`](crate::Snapshot::series). A handle is `Copy` and takes 16 bytes. Two handles are equal if they
/// have the same id and opening.
///
/// A handle is valid for one opening of one database. After the database was opened again, get the handle again; writes
/// and reads reject a handle of another opening with [`Error::StaleSeries`](crate::Error::StaleSeries).
///
/// If deletes or retention remove all points of a series, the database may drop its definition, and a later series of
/// the same key has a new id. The handle then leads to that series: reads read its points, and a write creates it if it
/// does not exist. The database keeps the keys of such handles, but of no more than some ten thousand of dropped
/// series; beyond that the oldest handles are rejected with `StaleSeries`, too.
pub struct Series<T> {
    id: SeriesId,
    opening_id: u64,
    value: PhantomData<fn() -> T>,
}

impl<T> Series<T> {
    pub(crate) fn new(id: SeriesId, opening_id: u64) -> Self {
        Self { id, opening_id, value: PhantomData }
    }

    /// Returns the id of the series in its database.
    #[must_use]
    pub fn id(self) -> SeriesId {
        self.id
    }

    pub(crate) fn opening_id(self) -> u64 {
        self.opening_id
    }
}

impl<T> Clone for Series<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Series<T> {}

impl<T> PartialEq for Series<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.opening_id) == (other.id, other.opening_id)
    }
}

impl<T> Eq for Series<T> {}

impl<T> Hash for Series<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.id, self.opening_id).hash(state);
    }
}

impl<T> fmt::Debug for Series<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("id", &self.id.0).finish_non_exhaustive()
    }
}

/// Predicate over series keys.
///
/// Lets `engine` and `state` evaluate a selector without depending on `selector`.
pub(crate) trait SeriesPredicate: fmt::Debug + Send + Sync {
    /// Returns `true` if the series with this key is selected.
    fn matches(&self, key: &SeriesKey) -> bool;
}

/// Key, id and fixed properties of a series: its definition, which never changes.
///
/// See [`Snapshot::list_series`](crate::Snapshot::list_series). `Display` writes the key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SeriesInfo {
    /// Id of the series in this database, never reused.
    pub id: SeriesId,
    /// Metric name and tags.
    pub key: SeriesKey,
    /// Type of the values, fixed at creation.
    pub value_type: ValueType,
    /// Rule for several points at one timestamp, fixed at creation.
    pub duplicates: DuplicatePolicy,
    /// Sequence number of the record that created the series.
    pub(crate) seq: u64,
}

/// Compares id, key and properties. A definition is equal to itself in every copy of it, such as a listing.
impl PartialEq for SeriesInfo {
    fn eq(&self, other: &Self) -> bool {
        let properties = |info: &Self| (info.id, info.value_type, info.duplicates);
        properties(self) == properties(other) && self.key == other.key
    }
}

impl Eq for SeriesInfo {}

/// Writes the key of the series.
impl fmt::Display for SeriesInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}
