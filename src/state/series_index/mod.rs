//! The series index: the series of a version by id, by key, and by metric name and tags of the key.
//!
//! It is made of immutable-snapshot collections (`im`), so that a version shares most of it with its predecessor. It
//! has the definitions and the sets of empty series and candidates ([`empty_series`]). It does not store which
//! memtables and SSTs have points of a series.
//!
//! ```text
//!   by_id:     [ 0 | 1 | 2 | ............................................. | n-1 ]   definitions, in order of id
//!   postings:  [ segment of 65,536 | 65,536 | 8,192 | 8,192 | 1,024 ]               sealed: metric and tag -> ids
//!                                                                  [ newest ]        not sealed: filtered one by one
//!   by_key:    hash of a key -> id
//! ```

pub(crate) mod empty_series;
mod key_index;
mod postings;
mod postings_segment;
mod series_bitmap;

use std::collections::BTreeSet;

use im::Vector;

pub(crate) use self::series_bitmap::SeriesBitmap;

use self::empty_series::EmptySeries;
use self::key_index::KeyIndex;
use self::postings::Postings;
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::ValueType;
use crate::types::series::{
    ALLOCATION_OVERHEAD_BYTES, IndexFilter, MAX_SERIES_IDS, SeriesDef, SeriesId, SeriesKey, SeriesSet,
};

/// The series of one version. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesIndex {
    /// Definitions; the position of a series is its id.
    by_id: Vector<Arc<SeriesDef>>,
    by_key: KeyIndex,
    /// Postings of all series except the newest ones, which do not fill a segment yet.
    postings: Postings,
    empty: EmptySeries,
    /// See [`bytes`](Self::bytes).
    bytes: u64,
}

impl SeriesIndex {
    /// Returns the number of series, empty ones included.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Returns the estimated bytes of the definitions and both maps, without postings.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&Arc<SeriesDef>> {
        self.by_id.get(id.index())
    }

    /// Returns the key of a series as text; its id, if it is not defined.
    pub(crate) fn key_text(&self, id: SeriesId) -> String {
        self.get(id).map_or_else(|| format!("#{id}"), |def| def.key.to_string())
    }

    pub(crate) fn find(&self, key: &SeriesKey) -> Option<&Arc<SeriesDef>> {
        self.by_key.find(key, |id| self.get(id))
    }

    /// Returns the series that were created after the first `len` ones, by id in ascending order.
    pub(crate) fn created_after(&self, len: usize) -> impl Iterator<Item = &Arc<SeriesDef>> {
        (len..self.by_id.len()).filter_map(|at| self.by_id.get(at))
    }

    /// Returns all series, by id in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<SeriesDef>> {
        self.by_id.iter()
    }

    /// Returns the series that match the filter, empty ones included, by id in ascending order.
    pub(crate) fn select<'a>(&'a self, filter: &'a IndexFilter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        let newest = self.created_after(self.postings.sealed()).filter(move |def| filter.matches(&def.key));
        self.postings.select(filter).chain(newest)
    }

    /// Returns the series that match the filter and are not empty, by id in ascending order.
    pub(crate) fn select_listed<'a>(&'a self, filter: &'a IndexFilter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        self.select(filter).filter(|def| self.is_listed(def))
    }

    /// Returns the metric names of all series that are not empty.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        let sealed = self.postings.segments().flat_map(|segment| segment.metrics(|def| self.is_listed(def)));
        sealed.chain(self.newest_listed().map(|def| def.key.metric())).collect()
    }

    /// Returns the tag keys of all series that are not empty.
    pub(crate) fn tag_keys(&self) -> BTreeSet<&str> {
        let sealed = self.postings.segments().flat_map(|segment| segment.tag_keys(|def| self.is_listed(def)));
        sealed.chain(self.newest_listed().flat_map(|def| def.key.tags().map(|(key, _)| key))).collect()
    }

    /// Returns the values of one tag in all series that are not empty.
    pub(crate) fn tag_values(&self, key: &str) -> BTreeSet<&str> {
        let sealed = self.postings.segments().flat_map(|segment| segment.tag_values(key, |def| self.is_listed(def)));
        sealed.chain(self.newest_listed().filter_map(|def| def.key.tag_value(key))).collect()
    }

    fn is_listed(&self, def: &SeriesDef) -> bool {
        !self.empty.contains(def.id)
    }

    fn newest_listed(&self) -> impl Iterator<Item = &Arc<SeriesDef>> {
        self.created_after(self.postings.sealed()).filter(|def| self.is_listed(def))
    }

    pub(crate) fn empty_series(&self) -> &EmptySeries {
        &self.empty
    }

    /// Returns the number of series that are not empty, which `max_series` limits.
    pub(crate) fn listed_count(&self) -> usize {
        self.len() - self.empty.len()
    }

    /// Marks series as empty in which a check found no visible point in the version of record `seq`.
    pub(crate) fn mark_empty_by_check(&mut self, seq: u64, series: &SeriesSet) {
        self.empty.mark_by_check(seq, series);
    }

    /// Adds series that may have become empty to the candidates, except those marked as empty.
    pub(crate) fn add_candidates(&mut self, series: &SeriesSet) {
        self.empty.add_candidates(series);
    }

    /// Removes series that were checked from the candidates.
    pub(crate) fn remove_candidates(&mut self, series: &SeriesSet) {
        self.empty.remove_candidates(series);
    }

    /// Applies a delete: its series become empty if it covers all time, else candidates.
    ///
    /// Records must be applied in the order of their seqs.
    pub(crate) fn apply_delete(&mut self, tombstone: &Tombstone) {
        if tombstone.covers_all_time() {
            self.empty.mark_by_delete(tombstone.seq, &tombstone.series);
        } else {
            self.add_candidates(&tombstone.series);
        }
    }

    /// Unmarks the empty series among those of which points are written.
    ///
    /// # Errors
    /// `TooManySeries` if more than `cap` series would not be empty: a revived series counts as a new one. The index is
    /// then partly changed and must be discarded.
    pub(crate) fn revive(&mut self, series: &[SeriesId], cap: u32) -> Result<()> {
        for id in self.empty.filter_contained(series) {
            if self.empty.revive(id) && self.listed_count() > cap as usize {
                return Err(Error::TooManySeries { cap });
            }
        }
        Ok(())
    }

    /// Returns the index after every record up to `flushed_seq` was flushed.
    ///
    /// Only the sets of empty series and candidates that the manifest stores differ.
    pub(crate) fn after_flush(&self, flushed_seq: u64) -> Self {
        if self.empty.has_no_state() {
            return self.clone();
        }
        // A binary search for the number of series created by records up to `flushed_seq`: seqs rise with ids.
        let (mut logged_len, mut end) = (0, self.len());
        while logged_len < end {
            let middle = usize::midpoint(logged_len, end);
            if self.by_id[middle].seq <= flushed_seq { logged_len = middle + 1 } else { end = middle }
        }
        Self { empty: self.empty.after_flush(flushed_seq, logged_len), ..self.clone() }
    }

    /// Restores the empty series and the candidates that the manifest names.
    ///
    /// # Errors
    /// The rule that is violated, as text: every series that is named has a definition.
    pub(crate) fn restore_empty(&mut self, empty: &SeriesSet, candidates: &SeriesSet) -> Result<(), String> {
        let mut ends = [empty, candidates].into_iter().filter_map(SeriesSet::bounds).map(|ids| *ids.end());
        if let Some(id) = ends.find(|id| id.index() >= self.len()) {
            return Err(format!("series {id} is named as empty and has no definition"));
        }
        self.empty = EmptySeries::from_manifest(empty, candidates);
        Ok(())
    }

    /// Finds the series of this key, which may be empty, or creates it.
    ///
    /// # Errors
    /// `TypeMismatch` or `DuplicatesMismatch` if it exists with another type or policy; `TooManySeries` if it does not
    /// exist, and `max_series` is reached or no id is left.
    pub(crate) fn find_or_create(
        &mut self,
        key: &SeriesKey,
        ty: ValueType,
        chosen: Option<DuplicatePolicy>,
        settings: NewSeriesSettings,
    ) -> Result<SeriesLookup> {
        if let Some(existing) = self.find(key) {
            if existing.ty != ty {
                return Err(Error::TypeMismatch { series: key.to_string(), expected: existing.ty, found: ty });
            }
            let expected = existing.duplicates;
            return match chosen {
                Some(found) if found != expected => {
                    Err(Error::DuplicatesMismatch { series: key.to_string(), expected, found })
                }
                _ => Ok(SeriesLookup::Existing(existing.id)),
            };
        }
        let NewSeriesSettings { seq, cap, duplicates } = settings;
        let has_room = self.listed_count() < cap as usize;
        let next = u32::try_from(self.len()).ok().filter(|next| *next < MAX_SERIES_IDS && has_room);
        let id = next.map(SeriesId::new).ok_or(Error::TooManySeries { cap })?;
        let duplicates = chosen.unwrap_or(duplicates);
        let created = Arc::new(SeriesDef { id, key: self.intern_key(key), ty, duplicates, seq });
        self.push(&created);
        self.seal();
        Ok(SeriesLookup::Created(created))
    }

    /// Restores a definition that was read from disk. Returns `false` if the index has it already.
    ///
    /// # Errors
    /// The rule that is violated, as text: ids are dense, a key names one series, a definition that is read twice is
    /// equal.
    pub(crate) fn restore(&mut self, def: SeriesDef) -> Result<bool, String> {
        if let Some(known) = self.get(def.id) {
            let equal = **known == def;
            return if equal { Ok(false) } else { Err(format!("series {} has two different definitions", def.id)) };
        }
        if def.id.index() != self.len() {
            return Err(format!("series {} is defined while {} is the next id", def.id, self.len()));
        }
        if let Some(other) = self.find(&def.key) {
            return Err(format!("{} is defined as series {} and as series {}", def.key, other.id, def.id));
        }
        let mut def = def;
        def.key = self.intern_key(&def.key);
        self.push(&Arc::new(def));
        Ok(true)
    }

    /// Moves new series into the postings, as far as they fill a segment.
    ///
    /// [`restore`](Self::restore) does not call it: an opening calls it once after it has restored many definitions.
    pub(crate) fn seal(&mut self) {
        self.postings.seal(&self.by_id);
    }

    /// Returns an equal key that shares equal texts with the key of the newest series, to save memory.
    fn intern_key(&self, key: &SeriesKey) -> SeriesKey {
        self.by_id.last().map_or_else(|| key.clone(), |last| key.interned_with(&last.key))
    }

    fn push(&mut self, def: &Arc<SeriesDef>) {
        self.bytes += def_bytes(def, self.by_id.last().map(|last| &last.key));
        self.by_id.push_back(Arc::clone(def));
        self.by_key.insert(&def.key, def.id);
    }
}

/// Returns the estimated bytes of a definition: reference counts, key, and entries in both maps.
///
/// Texts that the key shares with the key `before` do not count. The nodes of the maps are about two thirds full, so an
/// entry counts one and a half times.
fn def_bytes(def: &SeriesDef, before: Option<&SeriesKey>) -> u64 {
    let own = size_of::<SeriesDef>() + 2 * size_of::<usize>() + ALLOCATION_OVERHEAD_BYTES;
    let entries = size_of::<Arc<SeriesDef>>() + size_of::<(u64, SeriesId)>();
    (own + def.key.heap_bytes_shared_with(before) + entries * 3 / 2) as u64
}

/// Settings of a new series besides its key and type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewSeriesSettings {
    /// Seq of the record that creates the series.
    pub(crate) seq: u64,
    /// `max_series`: the maximum number of series that are not empty.
    /// A series that never had a point counts.
    pub(crate) cap: u32,
    /// Policy if the request chooses none.
    pub(crate) duplicates: DuplicatePolicy,
}

/// Result of [`SeriesIndex::find_or_create`].
#[derive(Debug, Clone)]
pub(crate) enum SeriesLookup {
    Existing(SeriesId),
    Created(Arc<SeriesDef>),
}

impl SeriesLookup {
    pub(crate) fn id(&self) -> SeriesId {
        match self {
            Self::Existing(id) => *id,
            Self::Created(def) => def.id,
        }
    }
}
