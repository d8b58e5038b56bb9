//! Cached series: a key with the id that the last opened database gave to it.
//!
//! The id is valid for one opening of one database, so it is stored together with the number of that opening. Openings
//! are numbered within the process: no two databases that the process ever opens have the same number, hence an id is
//! never taken for that of another database. Number, value type and id fill one 64-bit word, so that any number of
//! threads may read and replace them without a lock:
//!
//! ```text
//!   bit 63 ........ 33  32 31  30 ..... 0
//!      opening number    type     id
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{HashedKey, KeyHash, MAX_SERIES_IDS, SeriesId, SeriesKey};
use crate::types::value_type::ValueType;

const TYPE_SHIFT: u32 = 31;
const NUMBER_SHIFT: u32 = 33;
/// Largest number of an opening: what the word has room for.
const MAX_OPENING_NUMBER: u32 = (1 << 31) - 1;

/// Number of the newest opening of this process.
static NEWEST_OPENING: AtomicU32 = AtomicU32::new(0);

/// Number of an opening within its process; from 1.
///
/// `0` is the number of no opening: nothing is cached under it. The openings of a process get it once no number is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpeningNumber(u32);

impl OpeningNumber {
    /// Returns a number that no other opening of this process has.
    pub(crate) fn next() -> Self {
        Self::after(&NEWEST_OPENING)
    }

    fn after(newest: &AtomicU32) -> Self {
        let next = |number: u32| (number < MAX_OPENING_NUMBER).then_some(number + 1);
        let before = newest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        Self(before.ok().and_then(next).unwrap_or(0))
    }
}

/// Series key that remembers the id of its series, for programs that write to the same series again and again.
///
/// A write through it ([`Batch::push_cached`](crate::Batch::push_cached)) behaves exactly as one through the key
/// ([`Batch::push_key`](crate::Batch::push_key)): it creates the series if it does not exist. But once a write has
/// succeeded, the next ones to the same opening of the same database neither hash nor compare the key.
///
/// Unlike a [`Series`](crate::Series), it never becomes stale: it belongs to no database and to no opening. If the id is
/// of another opening or another database, or if the database dropped the series because it had no points left, the
/// write looks up the key and remembers the new id. A program keeps one `CachedSeries` per series for as long as it
/// runs. If it writes to several databases in turn, it should keep one per database: only the id in the last one is
/// remembered.
///
/// Clones are cheap, share the remembered id, and may be used by any number of threads.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, CachedSeries, Db, SeriesKey, Timestamp};
///
/// let load = CachedSeries::new(SeriesKey::new("load").tag("host", "web-1"));
/// for name in ["first", "second"] {
///     let db = Db::open_blocking(dir.path().join(name))?;
///     for seconds in 0..3 {
///         let mut batch = Batch::new();
///         batch.push_cached(&load, Timestamp::from_secs(seconds), 0.5);
///         db.write_blocking(batch)?;
///     }
///     assert_eq!((db.stats().series, db.stats().points), (1, 3));
/// }
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
pub struct CachedSeries(Arc<CachedState>);

struct CachedState {
    key: SeriesKey,
    hash: KeyHash,
    /// Opening number, value type and id, see the head of this file; `0` if no id is remembered.
    word: AtomicU64,
}

impl CachedSeries {
    /// Creates a cached series that remembers no id yet.
    ///
    /// The key is not checked here: the write of an invalid key fails, as with
    /// [`Batch::push_key`](crate::Batch::push_key).
    #[must_use]
    pub fn new(key: SeriesKey) -> Self {
        let hash = KeyHash::of(&key);
        Self(Arc::new(CachedState { key, hash, word: AtomicU64::new(0) }))
    }

    /// Returns the key of the series.
    #[must_use]
    pub fn key(&self) -> &SeriesKey {
        &self.0.key
    }

    pub(crate) fn hashed_key(&self) -> HashedKey<'_> {
        HashedKey { key: &self.0.key, hash: self.0.hash }
    }

    /// Returns the remembered id if it is of this opening and of a series of this type.
    pub(crate) fn id(&self, opening: OpeningNumber, ty: ValueType) -> Option<SeriesId> {
        // The word is complete in itself and guards no other memory, so no ordering is needed.
        let word = self.0.word.load(Ordering::Relaxed);
        let id = SeriesId::new(u32::try_from(word & u64::from(MAX_SERIES_IDS - 1)).ok()?);
        (opening != OpeningNumber(0) && encode(opening, ty, id) == word).then_some(id)
    }

    /// Remembers the id of a series that is visible in this opening, and its value type.
    pub(crate) fn remember(&self, opening: OpeningNumber, ty: ValueType, id: SeriesId) {
        let word = encode(opening, ty, id);
        // A store takes the cache line from all other processors.
        if self.0.word.load(Ordering::Relaxed) != word {
            self.0.word.store(word, Ordering::Relaxed);
        }
    }

    /// Returns `true` if both are clones of one cached series.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns a number that clones of one cached series share, and no two cached series at one time.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Returns the [`address`](Self::address) with a value type in the bits that are zero in every address.
    pub(crate) fn address_with_type(&self, ty: ValueType) -> u64 {
        const { assert!(align_of::<CachedState>() >= 8) };
        self.address() as u64 | type_bits(ty)
    }
}

fn encode(OpeningNumber(number): OpeningNumber, ty: ValueType, id: SeriesId) -> u64 {
    (u64::from(number) << NUMBER_SHIFT) | (type_bits(ty) << TYPE_SHIFT) | u64::from(id.get())
}

/// Returns a number below 4 for a type.
fn type_bits(ty: ValueType) -> u64 {
    u64::from(ty as u8 - ValueType::F64 as u8)
}

impl From<SeriesKey> for CachedSeries {
    fn from(key: SeriesKey) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for CachedSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedSeries").field(self.key()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ValueType; 4] = [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool];

    #[test]
    fn an_id_is_returned_for_its_own_opening_and_type_only() {
        let cached = CachedSeries::new(SeriesKey::new("m"));
        let (first, second) = (OpeningNumber::next(), OpeningNumber::next());
        for number in [first, second, OpeningNumber(MAX_OPENING_NUMBER)] {
            for id in [0, 1, MAX_SERIES_IDS - 1].map(SeriesId::new) {
                for ty in TYPES {
                    cached.remember(number, ty, id);
                    for other in [first, second, OpeningNumber(MAX_OPENING_NUMBER), OpeningNumber(0)] {
                        for asked in TYPES {
                            let known = (other == number && asked == ty).then_some(id);
                            assert_eq!(cached.id(other, asked), known);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_new_cached_series_remembers_nothing_and_clones_share_what_they_learn() {
        let cached = CachedSeries::from(SeriesKey::new("m"));
        let clone = cached.clone();
        let number = OpeningNumber::next();
        assert!(TYPES.iter().all(|ty| cached.id(number, *ty).is_none() && cached.id(OpeningNumber(0), *ty).is_none()));
        clone.remember(number, ValueType::Bool, SeriesId::new(7));
        assert_eq!(cached.id(number, ValueType::Bool), Some(SeriesId::new(7)));
        assert!(cached.is_same(&clone) && cached.address() == clone.address());
    }

    #[test]
    fn once_no_number_is_left_openings_cache_nothing() {
        let newest = AtomicU32::new(MAX_OPENING_NUMBER - 1);
        assert_eq!(OpeningNumber::after(&newest), OpeningNumber(MAX_OPENING_NUMBER));
        for _ in 0..2 {
            assert_eq!(OpeningNumber::after(&newest), OpeningNumber(0));
        }
        let cached = CachedSeries::new(SeriesKey::new("m"));
        cached.remember(OpeningNumber(0), ValueType::F64, SeriesId::new(1));
        assert_eq!(cached.id(OpeningNumber(0), ValueType::F64), None);
    }
}
