//! Table of series by the bytes with which requests write them; it outlives a request.
//!
//! A client sends the same series again and again, in the same bytes. The table finds the series of such bytes with one
//! hash and one comparison, without parsing, and without an allocation; the [`CachedSeries`] remembers the id besides.
//!
//! Memory is bounded by two generations per shard. A used series moves to the current generation. When that is full, it
//! replaces the old generation, which is dropped.

use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError, RwLock};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use timestrata::{CachedSeries, MetricKind};

/// Number of parts with a lock of their own; a power of two.
const SHARDS: usize = 16;
/// Estimated bytes of an entry beside two copies of its text: those of the table, of the key and of two allocations.
const ENTRY_BYTES: usize = 160;
/// Longest bytes that are kept. No valid key is longer than 16 KiB.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Metrics whose metadata is remembered, as two numbers each.
const MAX_METRICS: usize = 1 << 16;

/// Table of series by the bytes with which requests write them, shared by the requests to one database.
///
/// It may be used by any number of threads. A database that is opened again needs no new table, but
/// [`forget_metadata`](Self::forget_metadata).
///
/// ```
/// use timestrata_ingest::{Limits, Rows, SeriesTable};
/// use timestrata_ingest::bodies::{RemoteWriteVersion, decode_remote_write};
///
/// let table = SeriesTable::new(64 << 20);
/// let mut rows = Rows::default();
/// let summary = decode_remote_write(b"", RemoteWriteVersion::V2, &Limits::default(), &table, &mut rows)?;
/// assert_eq!(summary.samples, 0);
/// # Ok::<(), timestrata_ingest::IngestError>(())
/// ```
#[derive(Debug)]
pub struct SeriesTable {
    hasher: DefaultHashBuilder,
    shards: [RwLock<Shard>; SHARDS],
    /// Bytes of a generation of a shard at most.
    generation_bytes: usize,
    /// Hash of the metadata that was returned last, by the hash of the metric.
    metadata: Mutex<HashMap<u64, u64>>,
}

#[derive(Debug, Default)]
struct Shard {
    current: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    entries: HashTable<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    text: Box<[u8]>,
    series: CachedSeries,
}

impl Entry {
    fn bytes(&self) -> usize {
        ENTRY_BYTES + 2 * self.text.len()
    }
}

impl Generation {
    fn get(&self, hash: u64, text: &[u8]) -> Option<CachedSeries> {
        let found = self.entries.find(hash, |entry| entry.hash == hash && *entry.text == *text)?;
        Some(found.series.clone())
    }

    fn take(&mut self, hash: u64, text: &[u8]) -> Option<Entry> {
        let found = self.entries.find_entry(hash, |entry| entry.hash == hash && *entry.text == *text).ok()?;
        let (entry, _) = found.remove();
        self.bytes -= entry.bytes();
        Some(entry)
    }
}

impl Shard {
    fn insert(&mut self, entry: Entry, generation_bytes: usize) {
        if self.current.bytes + entry.bytes() > generation_bytes {
            self.old = std::mem::take(&mut self.current);
        }
        self.current.bytes += entry.bytes();
        self.current.entries.insert_unique(entry.hash, entry, |entry| entry.hash);
    }
}

impl SeriesTable {
    /// Creates a table that takes about this number of bytes at most; a series takes about 500.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: std::array::from_fn(|_| RwLock::default()),
            generation_bytes: max_bytes / SHARDS / 2,
            metadata: Mutex::default(),
        }
    }

    /// Returns the number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        let len = |shard: &RwLock<Shard>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.current.entries.len() + shard.old.entries.len()
        };
        self.shards.iter().map(len).sum()
    }

    /// Returns `true` if the table has no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the next request return metadata again that was returned before: for a caller that could not store it.
    pub fn forget_metadata(&self) {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns the series that these bytes name, or the one that `create` returns, which is remembered.
    pub(crate) fn get_or_insert<E>(
        &self,
        text: &[u8],
        create: impl FnOnce() -> Result<CachedSeries, E>,
    ) -> Result<CachedSeries, E> {
        let hash = self.hasher.hash_one(text);
        let shard = &self.shards[(hash >> 48) as usize % SHARDS];
        if let Some(series) = shard.read().unwrap_or_else(PoisonError::into_inner).current.get(hash, text) {
            return Ok(series);
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shard.old.take(hash, text) {
            let series = entry.series.clone();
            shard.insert(entry, self.generation_bytes);
            return Ok(series);
        }
        // Another thread may have added it since.
        if let Some(series) = shard.current.get(hash, text) {
            return Ok(series);
        }
        let series = create()?;
        let entry = Entry { hash, text: text.into(), series: series.clone() };
        if text.len() <= MAX_TEXT_BYTES && entry.bytes() <= self.generation_bytes {
            shard.insert(entry, self.generation_bytes);
        }
        Ok(series)
    }

    /// Returns `true` if the metadata is not what was returned last for the metric, and remembers it.
    pub(crate) fn is_new_metadata(&self, metric: &str, kind: MetricKind, unit: &str, description: &str) -> bool {
        let (metric, content) = (self.hasher.hash_one(metric), self.hasher.hash_one((kind, unit, description)));
        let mut known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_METRICS && !known.contains_key(&metric) {
            known.clear();
        }
        known.insert(metric, content) != Some(content)
    }
}

#[cfg(test)]
mod tests {
    use timestrata::SeriesKey;

    use super::*;

    fn get(table: &SeriesTable, text: &str) -> (CachedSeries, bool) {
        let mut is_new = false;
        let create = || {
            is_new = true;
            Ok::<_, ()>(CachedSeries::new(SeriesKey::new(text)))
        };
        (table.get_or_insert(text.as_bytes(), create).unwrap(), is_new)
    }

    #[test]
    fn a_known_series_is_found_without_a_key() {
        let table = SeriesTable::new(1 << 20);
        assert!(table.is_empty());
        let (first, is_new) = get(&table, "a");
        assert!(is_new && !get(&table, "a").1 && get(&table, "b").1);
        assert_eq!(
            (table.len(), first.key(), get(&table, "a").0.key()),
            (2, &SeriesKey::new("a"), &SeriesKey::new("a"))
        );
        assert_eq!(table.get_or_insert(b"c", || Err("refused")).unwrap_err(), "refused");
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn the_bytes_are_bounded_and_used_series_stay() {
        let table = SeriesTable::new(SHARDS * 2 * 2_000);
        let mut kept = 0;
        for number in 0..5_000 {
            get(&table, &number.to_string());
            kept += u64::from(!get(&table, "used").1);
            assert!(table.len() <= SHARDS * 2 * 2_000 / ENTRY_BYTES);
        }
        assert!(kept >= 4_999, "{kept}");
        let none = SeriesTable::new(0);
        assert!(get(&none, "a").1 && get(&none, "a").1 && none.is_empty());
    }

    #[test]
    fn metadata_is_new_until_it_was_returned() {
        let table = SeriesTable::new(1 << 20);
        let is_new = |kind: MetricKind| table.is_new_metadata("m", kind, "s", "help");
        assert!(is_new(MetricKind::Gauge) && !is_new(MetricKind::Gauge));
        assert!(is_new(MetricKind::Counter) && is_new(MetricKind::Gauge));
        table.forget_metadata();
        assert!(is_new(MetricKind::Gauge));
    }
}
