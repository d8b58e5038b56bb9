//! Series of the points of a batch: found, revived or created in a copy of the series index.
//!
//! The order of the steps decides what a batch with several names of one series does:
//!
//! 1. Pushed keys are found or created. Cached series and handles with an id that takes points keep it.
//! 2. These series, and those of handles whose ids take points, are revived: they are not empty from then on.
//! 3. Other cached series, then handles of burnt ids, are found or created by their keys and revived, one by one. Step 2
//!    comes first, so that none of them supersedes a series to which the same batch writes: a series is superseded only
//!    while it is empty.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::state::series_index::{NewSeriesSettings, SeriesIndex, SeriesLookup};
use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::point::{Batch, BatchSeries, SeriesRef, SeriesRejection, ValueType};
use crate::types::series::{HashedKey, SeriesId, SeriesInfo};

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

/// Reason why a batch is rejected.
#[derive(Debug)]
pub(super) struct BatchRejection {
    pub(super) error: Error,
    /// All series that are rejected, if the batch collects them; else empty.
    pub(super) series: Vec<SeriesRejection>,
}

impl From<Error> for BatchRejection {
    fn from(error: Error) -> Self {
        Self { error, series: Vec::new() }
    }
}

/// Finds, revives or creates the series of a batch.
///
/// # Errors
/// `StaleSeries` for an id that no series has, and whose key is not known; `TooManySeries` if the revived series
/// exceed `max_series`; the errors of a creation. With the first one, or with all if the batch collects them.
pub(super) fn resolve_batch(
    index: SeriesIndex,
    batch: &Batch,
    settings: NewSeriesSettings,
) -> Result<ResolvedBatch, BatchRejection> {
    let rejections = batch.collects_rejections().then(Vec::new);
    BatchResolver { index, definitions: Vec::new(), settings, rejections }.resolve(batch)
}

struct BatchResolver {
    index: SeriesIndex,
    definitions: Vec<Arc<SeriesInfo>>,
    settings: NewSeriesSettings,
    /// Series rejected so far; `None` if the first error rejects the batch.
    rejections: Option<Vec<SeriesRejection>>,
}

impl BatchResolver {
    fn resolve(mut self, batch: &Batch) -> Result<ResolvedBatch, BatchRejection> {
        let mut ids = Vec::with_capacity(batch.series().len());
        for (at, series) in batch.series().iter().enumerate() {
            ids.push(self.resolve_at_once(at, series)?);
        }
        // A key of another type may have replaced a series without points that an earlier entry found.
        for (id, series) in ids.iter_mut().zip(batch.series()) {
            if !matches!(series, BatchSeries::Key { .. }) {
                *id = id.filter(|id| self.index.takes_points(*id));
            }
        }
        let (written, burnt) = self.handles_of(batch);
        self.revive_all(&ids, &written)?;
        for (at, (id, series)) in ids.iter_mut().zip(batch.series()).enumerate() {
            if id.is_none() {
                let found = match series {
                    // It is rejected.
                    BatchSeries::Key { .. } => continue,
                    BatchSeries::Cached { series, value_type, .. } => {
                        self.find_and_revive(series.hashed_key(), *value_type, self.settings)
                    }
                    BatchSeries::Handle { id, .. } => self.resolve_burnt(*id),
                };
                *id = self.accept(SeriesRef::Index(at), found)?;
            }
        }
        let mut replaced: BTreeMap<SeriesId, SeriesId> = BTreeMap::new();
        for id in burnt {
            if let Entry::Vacant(entry) = replaced.entry(id) {
                let found = self.resolve_burnt(id);
                entry.insert(self.accept(SeriesRef::Id(id), found)?.unwrap_or(id));
            }
        }
        if let Some(series) = self.rejections.filter(|rejected| !rejected.is_empty()) {
            return Err(BatchRejection { error: series[0].error.clone(), series });
        }
        // Without a rejection every series has an id.
        let ids: Vec<SeriesId> = ids.into_iter().flatten().collect();
        let series = batch.series_refs().map(|target| match target {
            SeriesRef::Index(at) => ids[at],
            SeriesRef::Id(id) => replaced.get(&id).copied().unwrap_or(id),
        });
        let series = series.collect();
        self.index.seal();
        Ok(ResolvedBatch { series, ids, definitions: self.definitions, index: self.index })
    }

    /// Returns the value of a step for a series; `None` if the step failed and its error was added to the rejections.
    fn accept<T>(&mut self, series: SeriesRef, step: Result<T>) -> Result<Option<T>> {
        match (step, &mut self.rejections) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(error), Some(rejections)) => {
                rejections.push(SeriesRejection { series, error });
                Ok(None)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Finds or creates the series of a pushed key. Of others, returns those whose id takes points.
    fn resolve_at_once(&mut self, at: usize, series: &BatchSeries) -> Result<Option<SeriesId>> {
        let id = match series {
            BatchSeries::Key { key, hash, value_type } => {
                let key = HashedKey { key, hash: *hash };
                let found = if self.rejections.is_some() {
                    // A batch that collects rejections may have the key with another type, too: once the series is
                    // revived, that is rejected.
                    self.find_and_revive(key, *value_type, self.settings)
                } else {
                    self.find_or_create(key, *value_type, self.settings)
                };
                return self.accept(SeriesRef::Index(at), found);
            }
            BatchSeries::Cached { id, .. } => *id,
            BatchSeries::Handle { id, .. } => Some(*id),
        };
        Ok(id.filter(|id| self.index.takes_points(*id)))
    }

    /// Revives the series that were found so far, and those of the handles whose ids take points.
    fn revive_all(&mut self, ids: &[Option<SeriesId>], written: &[SeriesId]) -> Result<()> {
        if self.rejections.is_none() {
            if ids.is_empty() {
                return self.index.revive(written, self.settings.cap);
            }
            let all: Vec<SeriesId> = ids.iter().flatten().chain(written).copied().collect();
            return self.index.revive(&all, self.settings.cap);
        }
        let found = ids.iter().enumerate().filter_map(|(at, id)| Some((SeriesRef::Index(at), (*id)?)));
        for (series, id) in found.chain(written.iter().map(|id| (SeriesRef::Id(*id), *id))) {
            let revived = self.index.revive(&[id], self.settings.cap);
            self.accept(series, revived)?;
        }
        Ok(())
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
        self.find_and_revive((&old.key).into(), old.value_type, settings)
    }

    fn find_and_revive(
        &mut self,
        key: HashedKey<'_>,
        value_type: ValueType,
        settings: NewSeriesSettings,
    ) -> Result<SeriesId> {
        let found = self.find_or_create(key, value_type, settings)?;
        self.index.revive(&[found], settings.cap)?;
        Ok(found)
    }

    fn find_or_create(
        &mut self,
        key: HashedKey<'_>,
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
