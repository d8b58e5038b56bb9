//! Rejected series of a batch, for writes that leave out what is rejected instead of failing.

use std::collections::{BTreeSet, HashMap};

use super::Batch;
use crate::types::error::{Error, Result};
use crate::types::point::batch_series::{BatchSeries, SeriesRef};

/// Series of a batch that is rejected with all its points in the batch.
#[derive(Debug, Clone)]
pub(crate) struct SeriesRejection {
    pub(crate) series: SeriesRef,
    pub(crate) error: Error,
}

impl Batch {
    /// Sets whether the writer looks for all rejected series, and not only for the first.
    pub(crate) fn set_collects_rejections(&mut self, collects: bool) {
        self.rejections = collects.then(Vec::new);
    }

    pub(crate) fn collects_rejections(&self) -> bool {
        self.rejections.is_some()
    }

    /// Sets the series that the writer rejects, if the batch collects them. Nothing of the batch is written.
    pub(crate) fn set_rejections(&mut self, rejections: Vec<SeriesRejection>) {
        if let Some(own) = &mut self.rejections {
            *own = rejections;
        }
    }

    /// Removes and returns the series that the writer rejected. The batch collects no more.
    pub(crate) fn take_rejections(&mut self) -> Vec<SeriesRejection> {
        self.rejections.take().unwrap_or_default()
    }

    /// Returns an error if points are missing in the batch, because their columns had different lengths.
    pub(crate) fn check_columns(&self) -> Result<()> {
        self.column_error.clone().map_or(Ok(()), Err)
    }

    /// Returns the series that are rejected whatever the state of the database is: invalid keys, and stale handles.
    pub(crate) fn invalid_series(&self, opening_id: u64) -> Vec<SeriesRejection> {
        let entry = |(index, series): (usize, &BatchSeries)| {
            let error = match series {
                BatchSeries::Handle { id, opening_id: own } if *own != opening_id => {
                    Some(Error::StaleSeries { id: id.get() })
                }
                // The key of a known id is that of an existing series.
                BatchSeries::Handle { .. } | BatchSeries::Cached { id: Some(_), .. } => None,
                named => named.key().and_then(|key| key.validate().err()),
            };
            error.map(|error| SeriesRejection { series: SeriesRef::Index(index), error })
        };
        let mut rejections: Vec<_> = self.series.iter().enumerate().filter_map(entry).collect();
        if self.opening_id.is_some_and(|own| own != opening_id) {
            let ids: BTreeSet<_> = self.series_refs().filter_map(SeriesRef::id).collect();
            let stale = |id| SeriesRejection { series: SeriesRef::Id(id), error: Error::StaleSeries { id: id.get() } };
            rejections.extend(ids.into_iter().map(stale));
        }
        rejections
    }

    /// Calls `reject` with the index of each point of a rejected series, and the error of the series.
    pub(crate) fn for_each_rejected(&self, rejections: &[SeriesRejection], mut reject: impl FnMut(usize, &Error)) {
        if rejections.is_empty() {
            return;
        }
        let errors: HashMap<SeriesRef, &Error> =
            rejections.iter().map(|rejection| (rejection.series, &rejection.error)).collect();
        for (point, series) in self.series_refs().enumerate() {
            if let Some(error) = errors.get(&series) {
                reject(point, error);
            }
        }
    }
}
