//! The series index: the series of a version by id, by key, and by metric name and tags of the key.
//!
//! It is made of immutable-snapshot collections (`im`), so that a version shares most of it with its predecessor. It
//! has the definitions and the sets of empty series and candidates ([`empty_series`]). It does not store which
//! memtables and SSTs have points of a series.
//!
//! ```text
//!   by_id:     0 1 2 4 5 6 9 .................................... n-1               definitions, in order of id
//!   postings:  [ segment of 65,536 | 65,536 | 8,192 | 8,192 | 1,024 ]               sealed: metric and tag -> ids
//!                                                                  [ newest ]        not sealed: filtered one by one
//!   by_key:    hash of a key -> id
//! ```
//!
//! An id is assigned once. Two things end its use, and it is then **burnt**:
//!
//! - Its definition is *dropped*: the series is empty for good, and nothing names its id any more.
//! - It is *superseded*: the series was empty, and its key was defined again with another type or policy, under a new
//!   id. The definition stays until it can be dropped, since SSTs may have hidden points of it.

mod cardinality;
mod creation;
pub(crate) mod empty_series;
pub(crate) mod handles;
mod key_index;
mod key_table;
mod names;
mod postings;
mod postings_builder;
mod postings_segment;
mod restore;
mod series_bitmap;
#[cfg(test)]
mod tests;

pub(crate) use self::cardinality::CardinalityCounts;
pub(crate) use self::creation::{NewSeriesSettings, SeriesLookup};
pub(crate) use self::names::NameKind;
pub(crate) use self::series_bitmap::SeriesBitmap;

use self::empty_series::EmptySeries;
use self::handles::SeriesHandles;
use self::key_index::KeyIndex;
use self::postings::Postings;
use self::postings_segment::PostingsSegment;
use crate::state::series_map::{SeriesMap, SeriesMapLookup};
use crate::state::tombstone::Tombstone;
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::series::{
    ALLOCATION_OVERHEAD_BYTES, HashedKey, IndexFilter, KeyHash, SeriesId, SeriesInfo, SeriesKey, SeriesSet,
};

/// The series of one version. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesIndex {
    by_id: SeriesMap<Arc<SeriesInfo>>,
    /// The id of the next series: above every id that was ever assigned.
    next_id: u32,
    by_key: KeyIndex,
    /// Postings of all series except the newest ones, which do not fill a segment yet.
    postings: Postings,
    empty: EmptySeries,
    /// Ids whose definitions were dropped.
    dropped: SeriesBitmap,
    /// Ids that have a definition, and whose key has a newer one.
    superseded: SeriesBitmap,
    /// See [`bytes`](Self::bytes).
    bytes: u64,
    /// See [`key_bytes`](Self::key_bytes).
    key_bytes: u64,
    /// Definitions of earlier releases whose keys have tags with empty values, by the key without these tags.
    stored_with_empty_tags: im::HashMap<SeriesKey, SeriesId>,
    /// Series of which a handle was given out; `None` in models, where handles of burnt ids are not resolved.
    handles: Option<Arc<SeriesHandles>>,
}

impl SeriesIndex {
    /// Returns the exclusive end of the ids of the definitions.
    fn end(&self) -> u32 {
        self.newest().map_or(0, |newest| newest.id.get() + 1)
    }

    /// Returns the definition with the greatest id.
    fn newest(&self) -> Option<&Arc<SeriesInfo>> {
        self.by_id.last()
    }

    /// Returns the number of definitions, those of empty series included.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Returns an id above every id that was ever assigned.
    pub(crate) fn next_id(&self) -> u32 {
        self.next_id
    }

    /// Returns the estimated bytes of the definitions and both maps, without postings.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the length of the texts of all keys in bytes, which `max_series_key_bytes` limits.
    pub(crate) fn key_bytes(&self) -> u64 {
        self.key_bytes
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&Arc<SeriesInfo>> {
        self.by_id.get(id)
    }

    /// Returns a lookup of the definitions of many ids, which mostly ascend.
    pub(crate) fn lookup(&self) -> SeriesMapLookup<'_, Arc<SeriesInfo>> {
        self.by_id.lookup()
    }

    /// Returns the key of a series as text; its id, if it is not defined.
    pub(crate) fn key_text(&self, id: SeriesId) -> String {
        self.get(id).map_or_else(|| format!("#{id}"), |def| def.key.to_string())
    }

    /// Returns the series of a key, as far as its tags with empty values do not matter.
    ///
    /// A directory of an earlier release may have both `cpu` and `cpu{a=""}`; then each key finds its own series.
    pub(crate) fn find<'k>(&self, key: impl Into<HashedKey<'k>>) -> Option<&Arc<SeriesInfo>> {
        let key = key.into();
        self.find_exact(key).or_else(|| self.find_by_present_tags(key.key))
    }

    /// Returns the series whose definition has exactly this key.
    fn find_exact(&self, key: HashedKey<'_>) -> Option<&Arc<SeriesInfo>> {
        self.by_key.find(key, |id| self.get(id).filter(|_| !self.is_superseded(id)))
    }

    /// Returns the series of a key without its tags with empty values, or of a definition that differs in such tags.
    fn find_by_present_tags(&self, key: &SeriesKey) -> Option<&Arc<SeriesInfo>> {
        let present = key.without_empty_tags();
        if present.is_none() && self.stored_with_empty_tags.is_empty() {
            return None;
        }
        let exact = present.as_ref().and_then(|present| self.find_exact(present.into()));
        let stored = || self.stored_with_empty_tags.get(present.as_ref().unwrap_or(key));
        exact.or_else(|| stored().and_then(|id| self.get(*id)).filter(|def| !self.is_superseded(def.id)))
    }

    /// Returns `true` if points may be written under this id: it was assigned and is not burnt.
    pub(crate) fn takes_points(&self, id: SeriesId) -> bool {
        id.get() < self.next_id && !self.is_burnt(id)
    }

    fn is_burnt(&self, id: SeriesId) -> bool {
        let is_dropped = !self.dropped.is_empty() && self.dropped.contains(id);
        is_dropped || self.is_superseded(id)
    }

    fn is_superseded(&self, id: SeriesId) -> bool {
        !self.superseded.is_empty() && self.superseded.contains(id)
    }

    /// Registers a series of which a handle is given out, so that the handle can be resolved once its id is burnt.
    pub(crate) fn register_handle(&self, def: &Arc<SeriesInfo>) {
        if let Some(handles) = &self.handles {
            // Series that are newer than this index are defined, too.
            handles.insert(def, |id| id.get() >= self.next_id || self.get(id).is_some());
        }
    }

    /// Returns the definition that a handle was given out for; `None` if the id is burnt and the registry lost it.
    ///
    /// If the id is burnt, the key of the definition leads to the series that replaces it, if there is one.
    pub(crate) fn definition_of_handle(&self, id: SeriesId) -> Option<Arc<SeriesInfo>> {
        let registered = || self.handles.as_ref().and_then(|handles| handles.get(id));
        self.get(id).cloned().or_else(registered)
    }

    /// Returns the series with ids from `first` on, by id in ascending order.
    pub(crate) fn created_from(&self, first: u32) -> impl Iterator<Item = &Arc<SeriesInfo>> {
        self.by_id.range_from(SeriesId::new(first)).map(|(_, def)| def)
    }

    /// Returns all series, by id in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<SeriesInfo>> {
        self.by_id.iter().map(|(_, def)| def)
    }

    /// Returns the series that match the filter, empty ones included, by id in ascending order.
    pub(crate) fn select<'a>(&'a self, filter: &'a IndexFilter<'a>) -> impl Iterator<Item = &'a Arc<SeriesInfo>> {
        let newest = self.created_from(self.postings.sealed_end()).filter(move |def| filter.matches(&def.key));
        self.postings.select(filter).chain(newest).filter(|def| !self.is_burnt(def.id))
    }

    /// Returns the series that match the filter and are not empty, by id in ascending order.
    pub(crate) fn select_listed<'a>(
        &'a self,
        filter: &'a IndexFilter<'a>,
    ) -> impl Iterator<Item = &'a Arc<SeriesInfo>> {
        self.select(filter).filter(|def| self.is_listed(def))
    }

    fn is_listed(&self, def: &SeriesInfo) -> bool {
        !self.empty.contains(def.id) && !self.is_burnt(def.id)
    }

    fn newest_listed(&self) -> impl Iterator<Item = &Arc<SeriesInfo>> {
        self.created_from(self.postings.sealed_end()).filter(|def| self.is_listed(def))
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
    ///
    /// A series that never had a point is none: it stays listed.
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
        let defined = self.defined_among(&tombstone.series);
        if tombstone.covers_all_time() {
            self.empty.mark_by_delete(tombstone.seq, &defined);
        } else {
            self.add_candidates(&defined);
        }
    }

    /// Returns those of `series` whose definitions were not dropped.
    fn defined_among(&self, series: &SeriesSet) -> SeriesSet {
        if self.dropped.is_empty() {
            return series.clone();
        }
        SeriesBitmap::default().insert_all_except(series, &self.dropped)
    }

    /// Records that points of these series are written: unmarks the empty ones, and those that never had a point.
    ///
    /// # Errors
    /// `TooManySeries` if more than `cap` series would not be empty: a revived series counts as a new one. The index is
    /// then partly changed and must be discarded. `Internal` for a superseded series: it stays empty for good.
    pub(crate) fn revive(&mut self, series: &[SeriesId], cap: u32) -> Result<()> {
        self.empty.mark_written(series);
        for id in self.empty.filter_contained(series) {
            if self.superseded.contains(id) {
                return Err(Error::internal(format!("points of series {id}, whose key has a newer definition")));
            }
            if self.empty.revive(id) && self.listed_count() > cap as usize {
                return Err(Error::TooManySeries { cap });
            }
        }
        Ok(())
    }

    /// Returns the index after every record up to `flushed_seq` was flushed.
    ///
    /// `flushed` is the index after these records if they were flushed only now; `None` if they were flushed before.
    /// Only the sets of empty, unwritten and candidate series that the manifest stores differ.
    pub(crate) fn after_flush(&self, flushed_seq: u64, flushed: Option<&Self>) -> Self {
        let unwritten = flushed.map(|flushed| flushed.empty.unwritten());
        if self.empty.has_no_state() && unwritten.is_none_or(SeriesBitmap::is_empty) {
            return self.clone();
        }
        Self { empty: self.empty.after_flush(flushed_seq, self.logged_end(flushed_seq), unwritten), ..self.clone() }
    }

    /// Returns the exclusive end of the ids that records up to `flushed_seq` created.
    fn logged_end(&self, flushed_seq: u64) -> usize {
        // A binary search over the ids: seqs rise with ids.
        let (mut end, mut after) = (0, self.next_id);
        while end < after {
            let middle = end + (after - end) / 2;
            match self.created_from(middle).next() {
                Some(def) if def.seq <= flushed_seq => end = def.id.get() + 1,
                _ => after = middle,
            }
        }
        end as usize
    }

    /// Returns those of `series` that the rest of the version allows to drop: empty, durably so, and written once.
    pub(crate) fn droppable_among(&self, series: &SeriesSet) -> SeriesBitmap {
        let mut found = SeriesBitmap::default();
        let droppable = series.iter().filter(|id| self.get(*id).is_some() && self.empty.is_durably_empty(*id));
        found.insert_all(&SeriesSet::from_sorted(droppable));
        found
    }

    /// Drops definitions. Nothing may name their ids any more.
    pub(crate) fn drop_definitions(&mut self, series: &SeriesSet) {
        for id in series.iter() {
            let Some(def) = self.by_id.remove(id) else { continue };
            self.bytes = self.bytes.saturating_sub(def_bytes(&def));
            self.key_bytes = self.key_bytes.saturating_sub(def.key.byte_len() as u64);
        }
        self.empty.forget(series);
        self.superseded.remove_all(series);
        self.dropped.insert_all(series);
        let by_id = &self.by_id;
        self.postings.remove(series, |id| by_id.contains(id));
        let (dropped, superseded) = (&self.dropped, &self.superseded);
        self.by_key.compact(by_id.len(), |id| dropped.contains(id) || superseded.contains(id));
    }

    /// Moves new series into segments of the postings, as far as they fill one, and builds the postings.
    ///
    /// Neither [`find_or_create`](Self::find_or_create) nor [`restore`](Self::restore) calls it: their callers do once
    /// they have defined many series, which then fill large segments at once. Series in no segment are found, too, but
    /// one by one.
    pub(crate) fn seal(&mut self) {
        self.postings.seal(&self.by_id, PostingsSegment::build);
    }

    /// Moves new series into segments of the postings. The first selector that needs the postings builds them.
    ///
    /// An opening does not wait for them.
    pub(crate) fn seal_lazily(&mut self) {
        self.postings.seal(&self.by_id, |_| ());
    }

    /// Returns the number of series in segments that lack their postings.
    pub(crate) fn unbuilt_postings(&self) -> usize {
        self.postings.segments().filter(|segment| !segment.is_built()).map(PostingsSegment::len).sum()
    }

    /// Builds the postings of each segment that lacks them, as long as `goes_on` returns `true`.
    ///
    /// All versions that share a segment share its postings.
    pub(crate) fn build_postings(&self, goes_on: impl Fn() -> bool) {
        self.postings.segments().take_while(|_| goes_on()).for_each(PostingsSegment::build);
    }

    fn push(&mut self, def: &Arc<SeriesInfo>, hash: KeyHash) {
        self.bytes += def_bytes(def);
        self.key_bytes += def.key.byte_len() as u64;
        // Ids without a definition below this one are those of dropped definitions.
        if self.end() < def.id.get() {
            self.dropped.insert_all(&ids_between(self.end(), def.id.get()));
        }
        self.next_id = self.next_id.max(def.id.get() + 1);
        self.by_id.insert(def.id, Arc::clone(def));
        let (dropped, superseded) = (&self.dropped, &self.superseded);
        self.by_key.insert(hash, def.id, |id| dropped.contains(id) || superseded.contains(id));
        if let Some(present) = def.key.without_empty_tags() {
            self.stored_with_empty_tags.insert(present, def.id);
        }
    }
}

/// Returns the set of the ids from `first` to before `end`.
fn ids_between(first: u32, end: u32) -> SeriesSet {
    let range =
        end.checked_sub(1).filter(|last| *last >= first).map(|last| (SeriesId::new(first), SeriesId::new(last)));
    SeriesSet::from_ranges(range.into_iter().collect()).unwrap_or_default()
}

/// Returns the estimated bytes of a definition: reference counts, key, and entries in both maps.
///
/// The map of keys is half full on average, so an entry counts twice.
fn def_bytes(def: &SeriesInfo) -> u64 {
    let own = size_of::<SeriesInfo>() + 2 * size_of::<usize>() + ALLOCATION_OVERHEAD_BYTES;
    let entries = size_of::<Arc<SeriesInfo>>() + 2 * KeyIndex::ENTRY_BYTES;
    (own + def.key.heap_bytes() + entries) as u64
}
