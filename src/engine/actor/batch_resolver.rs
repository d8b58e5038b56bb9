//! Series of the points of a batch: found, revived or created in a copy of the series index.
//!
//! The order of the steps decides what a batch with several names of one series does:
//!
//! 1. Pushed keys are found or created. Cached series with an id that takes points keep it.
//! 2. These series, and those of handles whose ids take points, are revived: they are not empty from then on.
//! 3. Other cached series, then handles of burnt ids, are found or created by their keys and revived, one by one. Step 2
//!    comes first, so that none of them supersedes a series to which the same batch writes: a series is superseded only
//!    while it is empty.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::state::series_index::{NewSeriesSettings, SeriesIndex, SeriesLookup};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::point::{Batch, BatchSeries, SeriesRef, ValueType};
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};

/// Series of a batch, and the index that contains them.
#[derive(Debug)]
pub(super) struct ResolvedBatch {
    /// Series of each point, in their order.
    pub(super) series: Vec<SeriesId>,
    /// Series of each [`BatchSeries`], in their order.
    pub(super) ids: Vec<SeriesId>,
    /// Definitions of the created series.
    pub(super) definitions: Vec<Arc<SeriesInfo>>,
    pub(super) index: SeriesIndex,
}

/// Finds, revives or creates the series of a batch.
///
/// # Errors
/// `StaleSeries` for an id that no series has, and whose key is not known; `TooManySeries` if the revived series
/// exceed `max_series`; the errors of a creation.
pub(super) fn resolve_batch(index: SeriesIndex, batch: &Batch, settings: NewSeriesSettings) -> Result<ResolvedBatch> {
    BatchResolver { index, definitions: Vec::new(), settings }.resolve(batch)
}

struct BatchResolver {
    index: SeriesIndex,
    definitions: Vec<Arc<SeriesInfo>>,
    settings: NewSeriesSettings,
}

impl BatchResolver {
    fn resolve(mut self, batch: &Batch) -> Result<ResolvedBatch> {
        let mut ids = Vec::with_capacity(batch.series().len());
        for series in batch.series() {
            ids.push(self.resolve_at_once(series)?);
        }
        let (mut written, burnt) = self.handles_of(batch);
        written.extend(ids.iter().flatten());
        self.index.revive(&written, self.settings.cap)?;
        for (id, series) in ids.iter_mut().zip(batch.series()) {
            if id.is_none() {
                *id = Some(self.find_and_revive(series.key(), series.value_type(), self.settings)?);
            }
        }
        let ids: Vec<SeriesId> = ids.into_iter().flatten().collect();
        let mut replaced: BTreeMap<SeriesId, SeriesId> = BTreeMap::new();
        for id in burnt {
            if let Entry::Vacant(entry) = replaced.entry(id) {
                entry.insert(self.resolve_burnt(id)?);
            }
        }
        let series = batch.series_refs().map(|target| match target {
            SeriesRef::Index(at) => ids[at],
            SeriesRef::Id(id) => replaced.get(&id).copied().unwrap_or(id),
        });
        let series = series.collect();
        Ok(ResolvedBatch { series, ids, definitions: self.definitions, index: self.index })
    }

    /// Finds or creates the series of a pushed key. Of cached series, returns those whose id takes points.
    fn resolve_at_once(&mut self, series: &BatchSeries) -> Result<Option<SeriesId>> {
        match series {
            BatchSeries::Key { key, value_type } => self.find_or_create(key, *value_type, self.settings).map(Some),
            BatchSeries::Cached { id, .. } => Ok(id.filter(|id| self.index.takes_points(*id))),
        }
    }

    /// Returns the ids of the handles of a batch: those that take points, and burnt ones.
    fn handles_of(&self, batch: &Batch) -> (Vec<SeriesId>, Vec<SeriesId>) {
        let (mut written, mut burnt) = (Vec::new(), Vec::new());
        let mut last = None;
        for target in batch.series_refs() {
            let SeriesRef::Id(id) = target else { continue };
            // Batches often have many points of one series.
            if last.replace(id) != Some(id) {
                if self.index.takes_points(id) { written.push(id) } else { burnt.push(id) }
            }
        }
        (written, burnt)
    }

    /// Finds or creates the series of the key of a burnt id.
    fn resolve_burnt(&mut self, id: SeriesId) -> Result<SeriesId> {
        let old = self.index.definition_of_handle(id).ok_or(Error::StaleSeries { id: id.get() })?;
        let settings = NewSeriesSettings { duplicates: old.duplicates, ..self.settings };
        self.find_and_revive(&old.key, old.value_type, settings)
    }

    fn find_and_revive(
        &mut self,
        key: &SeriesKey,
        value_type: ValueType,
        settings: NewSeriesSettings,
    ) -> Result<SeriesId> {
        let found = self.find_or_create(key, value_type, settings)?;
        self.index.revive(&[found], settings.cap)?;
        Ok(found)
    }

    fn find_or_create(
        &mut self,
        key: &SeriesKey,
        value_type: ValueType,
        settings: NewSeriesSettings,
    ) -> Result<SeriesId> {
        let found = self.index.find_or_create(key, value_type, None, settings)?;
        if let SeriesLookup::Created(def) = &found {
            self.definitions.push(Arc::clone(def));
        }
        Ok(found.id())
    }
}
