//! Series: their keys (metric name and sorted tags), their ids, and the typed handle that users hold.
//! Text forms follow Prometheus: `temp{station="JFK"}`.

mod filter;
mod key;
mod set;

use std::fmt;
use std::marker::PhantomData;

pub(crate) use filter::{Filter, Named, ValueTest};
pub(crate) use key::ALLOCATION_BYTES;
pub use key::{MAX_KEY_BYTES, MAX_TAGS, SeriesKey};
pub(crate) use set::{SeriesRuns, SeriesSet};

use crate::options::Duplicates;
use crate::point::ValueType;

/// The most series ids a database ever gives: the upper half of u32 stands for keys inside a batch.
pub(crate) const MAX_SERIES_IDS: u32 = 1 << 31;

/// A dense number given by the writer when the series is made; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl SeriesId {
    pub(crate) const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The number.
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

/// A series of one opening of one database, with the type of its values.
///
/// Made by `Db::series` and its kin; `Copy`, eight bytes of number and eight that tell the opening. After the
/// database was opened again, ask for the series again: a `Series` of another opening is refused.
pub struct Series<T> {
    id: SeriesId,
    nonce: u64,
    value: PhantomData<fn() -> T>,
}

impl<T> Series<T> {
    pub(crate) fn new(id: SeriesId, nonce: u64) -> Self {
        Self { id, nonce, value: PhantomData }
    }

    /// The series' number in this database.
    #[must_use]
    pub fn id(self) -> SeriesId {
        self.id
    }

    pub(crate) fn nonce(self) -> u64 {
        self.nonce
    }
}

impl<T> Clone for Series<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Series<T> {}

impl<T> fmt::Debug for Series<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("id", &self.id.0).finish_non_exhaustive()
    }
}

/// Tells by its key whether a series is meant: what a selector is to those who must not know selectors.
pub(crate) trait Matcher: fmt::Debug + Send + Sync {
    fn matches(&self, key: &SeriesKey) -> bool;
}

/// A series as the database keeps it for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeriesDef {
    pub(crate) id: SeriesId,
    pub(crate) key: SeriesKey,
    pub(crate) ty: ValueType,
    /// Which points of one timestamp are kept.
    pub(crate) duplicates: Duplicates,
    /// The seq of the record that made it.
    pub(crate) seq: u64,
}
