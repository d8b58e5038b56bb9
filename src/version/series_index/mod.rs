//! Every series of a version: by id, by key, and by what its key says, persistent, so that a version shares it with its
//! predecessor.
//! It knows definitions, and which series are gone; where the points of the others lie is the memtables' and SSTs' affair.

mod keys;
mod postings;
mod segment;

use std::collections::BTreeSet;

use im::Vector;

use self::keys::Keys;
use self::postings::Postings;
use super::gone::Gone;
use super::tombstone::Tombstone;
use crate::error::{Error, Result};
use crate::options::Duplicates;
use crate::point::ValueType;
use crate::series::{ALLOCATION_BYTES, Filter, MAX_SERIES_IDS, SeriesDef, SeriesId, SeriesKey, SeriesSet};
use crate::sync::Arc;

/// The series of one version. Cloning it is O(1).
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesIndex {
    /// A series' id is its place.
    by_id: Vector<Arc<SeriesDef>>,
    by_key: Keys,
    /// Of all but the newest ones.
    postings: Postings,
    /// Of these no point is left.
    gone: Gone,
    /// See `bytes`.
    bytes: u64,
}

impl SeriesIndex {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// About what the definitions and the ways to them take in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&Arc<SeriesDef>> {
        self.by_id.get(id.index())
    }

    pub(crate) fn find(&self, key: &SeriesKey) -> Option<&Arc<SeriesDef>> {
        self.by_key.find(key, |id| self.get(id))
    }

    /// The series made after the first `known` ones, in the order of their ids.
    pub(crate) fn since(&self, known: usize) -> impl Iterator<Item = &Arc<SeriesDef>> {
        (known..self.by_id.len()).filter_map(|at| self.by_id.get(at))
    }

    /// All series, by id in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<SeriesDef>> {
        self.by_id.iter()
    }

    /// The series that are meant, by id in ascending order; those that are gone among them.
    pub(crate) fn select<'a>(&'a self, filter: &'a Filter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        let newest = self.since(self.postings.sealed()).filter(move |def| filter.matches(&def.key));
        self.postings.select(filter).chain(newest)
    }

    /// The same without those that are gone.
    pub(crate) fn select_listed<'a>(&'a self, filter: &'a Filter<'a>) -> impl Iterator<Item = &'a Arc<SeriesDef>> {
        self.select(filter).filter(|def| !self.gone.contains(def.id))
    }

    /// The metric names of the series that are listed, in order.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        let sealed = self.postings.segments().flat_map(|segment| segment.metrics(|def| self.is_listed(def)));
        sealed.chain(self.newest_listed().map(|def| def.key.metric())).collect()
    }

    /// The tag keys of the series that are listed, in order.
    pub(crate) fn tag_names(&self) -> BTreeSet<&str> {
        let sealed = self.postings.segments().flat_map(|segment| segment.tag_names(|def| self.is_listed(def)));
        sealed.chain(self.newest_listed().flat_map(|def| def.key.tags().map(|(key, _)| key))).collect()
    }

    /// The values that a tag of the series that are listed has, in order.
    pub(crate) fn tag_values(&self, key: &str) -> BTreeSet<&str> {
        let sealed = self.postings.segments().flat_map(|segment| segment.tag_values(key, |def| self.is_listed(def)));
        sealed.chain(self.newest_listed().filter_map(|def| def.key.tag_value(key))).collect()
    }

    fn is_listed(&self, def: &SeriesDef) -> bool {
        !self.gone.contains(def.id)
    }

    fn newest_listed(&self) -> impl Iterator<Item = &Arc<SeriesDef>> {
        self.since(self.postings.sealed()).filter(|def| self.is_listed(def))
    }

    pub(crate) fn gone(&self) -> &Gone {
        &self.gone
    }

    /// How many the cap counts.
    pub(crate) fn live(&self) -> usize {
        self.len() - self.gone.len()
    }

    /// These were found without any point left once the record `seq` was in.
    pub(crate) fn found_gone(&mut self, seq: u64, series: &SeriesSet) {
        self.gone.found_gone(seq, series);
    }

    /// Perhaps no point of these is left.
    pub(crate) fn suspect(&mut self, series: &SeriesSet) {
        self.gone.suspect(series);
    }

    /// Someone has looked for points of these.
    pub(crate) fn clear(&mut self, series: &SeriesSet) {
        self.gone.clear(series);
    }

    /// A delete in its place in the order: of all time it leaves nothing, and of some time perhaps.
    pub(crate) fn deleted(&mut self, tombstone: &Tombstone) {
        if tombstone.is_of_all_time() {
            self.gone.left(tombstone.seq, &tombstone.series);
        } else {
            self.suspect(&tombstone.series);
        }
    }

    /// Points of these are written: those that were gone are back.
    ///
    /// # Errors
    /// `TooManySeries` if the cap is reached: to it they are new.
    pub(crate) fn come_back(&mut self, series: &[SeriesId], cap: u32) -> Result<()> {
        for id in self.gone.among(series) {
            if self.gone.came_back(id) && self.live() > cap as usize {
                return Err(Error::TooManySeries { cap });
            }
        }
        Ok(())
    }

    /// Once everything up to `flushed_seq` is in SSTs.
    pub(crate) fn settled(&self, flushed_seq: u64) -> Self {
        if self.gone.is_quiet() {
            return self.clone();
        }
        // Their ids rise with the records that made them.
        let (mut logged, mut end) = (0, self.len());
        while logged < end {
            let middle = usize::midpoint(logged, end);
            if self.by_id[middle].seq <= flushed_seq { logged = middle + 1 } else { end = middle }
        }
        Self { gone: self.gone.settled(flushed_seq, logged), ..self.clone() }
    }

    /// Takes over who is gone, and who may be, as it was read back.
    ///
    /// # Errors
    /// The rule that it breaks: who is gone was made.
    pub(crate) fn restore_gone(&mut self, gone: &SeriesSet, suspects: &SeriesSet) -> Result<(), String> {
        let mut ends = [gone, suspects].into_iter().filter_map(SeriesSet::bounds).map(|ids| *ids.end());
        if let Some(id) = ends.find(|id| id.index() >= self.len()) {
            return Err(format!("series {id} is gone and was never made"));
        }
        self.gone = Gone::restored(gone, suspects);
        Ok(())
    }

    /// The series of this key, made by record `seq` if it is not there yet.
    ///
    /// # Errors
    /// `TypeMismatch` or `DuplicatesMismatch` if it is there with another type or policy; `TooManySeries` if it is not
    /// and the cap is reached.
    pub(crate) fn find_or_make(
        &mut self,
        key: &SeriesKey,
        ty: ValueType,
        chosen: Option<Duplicates>,
        making: Making,
    ) -> Result<Made> {
        if let Some(found) = self.find(key) {
            if found.ty != ty {
                return Err(Error::TypeMismatch { series: key.to_string(), expected: found.ty, found: ty });
            }
            let (series, expected) = (|| key.to_string(), found.duplicates);
            return match chosen {
                Some(found) if found != expected => {
                    Err(Error::DuplicatesMismatch { series: series(), expected, found })
                }
                _ => Ok(Made::Found(found.id)),
            };
        }
        let Making { seq, cap, duplicates } = making;
        let next = u32::try_from(self.len()).ok().filter(|next| *next < MAX_SERIES_IDS && self.live() < cap as usize);
        let id = next.map(SeriesId::new).ok_or(Error::TooManySeries { cap })?;
        let made =
            Arc::new(SeriesDef { id, key: self.sharing(key), ty, duplicates: chosen.unwrap_or(duplicates), seq });
        self.push(&made);
        self.seal();
        Ok(Made::New(made))
    }

    /// Takes a definition that was read back.
    ///
    /// # Errors
    /// The rule that it breaks: ids are dense, a key names one series, a definition seen twice is equal.
    pub(crate) fn restore(&mut self, def: SeriesDef) -> Result<bool, String> {
        if let Some(known) = self.get(def.id) {
            let equal = **known == def;
            return if equal { Ok(false) } else { Err(format!("series {} is defined twice and differs", def.id)) };
        }
        if def.id.index() != self.len() {
            return Err(format!("series {} is defined while {} is the next id", def.id, self.len()));
        }
        if let Some(other) = self.find(&def.key) {
            return Err(format!("{} is series {} and series {}", def.key, other.id, def.id));
        }
        let mut def = def;
        def.key = self.sharing(&def.key);
        self.push(&Arc::new(def));
        Ok(true)
    }

    /// Puts those that were made or read back into the postings, as far as they fill a part. Those that were read back at
    /// once, when all are there.
    pub(crate) fn seal(&mut self) {
        self.postings.seal(&self.by_id);
    }

    /// A key over the texts of the newest series, as far as they are the same.
    fn sharing(&self, key: &SeriesKey) -> SeriesKey {
        self.by_id.last().map_or_else(|| key.clone(), |last| key.sharing(&last.key))
    }

    fn push(&mut self, def: &Arc<SeriesDef>) {
        self.bytes += def_bytes(def, self.by_id.last().map(|last| &last.key));
        self.by_id.push_back(Arc::clone(def));
        self.by_key.insert(&def.key, def.id);
    }
}

/// A definition behind its counters, its key, and its entries in both maps, whose nodes are about two thirds full.
fn def_bytes(def: &SeriesDef, before: Option<&SeriesKey>) -> u64 {
    let own = size_of::<SeriesDef>() + 2 * size_of::<usize>() + ALLOCATION_BYTES;
    let entries = size_of::<Arc<SeriesDef>>() + size_of::<(u64, SeriesId)>();
    (own + def.key.heap_len_beside(before) + entries * 3 / 2) as u64
}

/// What a series that is made takes over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Making {
    /// Of the record that makes it.
    pub(crate) seq: u64,
    /// How many series may have points, those included that never had any.
    pub(crate) cap: u32,
    /// For who chose none.
    pub(crate) duplicates: Duplicates,
}

/// What [`SeriesIndex::find_or_make`] did.
#[derive(Debug, Clone)]
pub(crate) enum Made {
    Found(SeriesId),
    New(Arc<SeriesDef>),
}

impl Made {
    pub(crate) fn id(&self) -> SeriesId {
        match self {
            Self::Found(id) => *id,
            Self::New(def) => def.id,
        }
    }
}
