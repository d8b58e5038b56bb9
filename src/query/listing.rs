//! Lookups and lists of a snapshot: series, metrics and tags.
//!
//! All of them use the series index in memory.

use std::sync::Arc;

use super::catalog::Catalog;
use super::snapshot::{Snapshot, check_type};
use crate::state::series_index::NameKind;
use crate::types::error::{Error, Result};
use crate::types::metric_metadata::MetricMetadata;
use crate::types::point::Scalar;
use crate::types::selector::Selector;
use crate::types::series::{Series, SeriesInfo, SeriesKey, sort_by_series_key};

/// Lookups and lists. None of them reads a file or waits.
///
/// A series is listed while it has a visible point, or has never had one. A series whose points were all removed, by a
/// delete or by retention, is empty and not listed until its next point; its key keeps its id, type and duplicate
/// policy.
impl Snapshot {
    /// Returns the handle of the series with a key, for scans of values of type `T`.
    ///
    /// Unlike [`find_series`](Self::find_series) this also finds an empty series.
    ///
    /// # Errors
    /// [`Error::SeriesNotFound`] if there is no such series; [`Error::TypeMismatch`] if it holds another type.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Error, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let created = db.create_series(SeriesKey::new("load")).blocking()?;
    /// let snapshot = db.snapshot();
    /// assert_eq!(snapshot.series::<f64>(&SeriesKey::new("load"))?, created);
    /// assert!(matches!(snapshot.series::<bool>(&SeriesKey::new("load")), Err(Error::TypeMismatch { .. })));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn series<T: Scalar>(&self, key: &SeriesKey) -> Result<Series<T>> {
        self.inner.check_readable()?;
        let def = self.inner.version.series.find(key).ok_or_else(|| Error::SeriesNotFound { key: key.to_string() })?;
        check_type::<T>(def)?;
        self.inner.version.series.register_handle(def);
        Ok(Series::new(def.id, self.inner.opening_id))
    }

    /// Returns the id, value type and duplicate policy of a listed series.
    ///
    /// Returns `None` if the series does not exist or is empty.
    #[must_use]
    pub fn find_series(&self, key: &SeriesKey) -> Option<SeriesInfo> {
        let series = &self.inner.version.series;
        series.find(key).filter(|def| !series.empty_series().contains(def.id)).map(|def| SeriesInfo::clone(def))
    }

    /// Returns the listed series that match, sorted by key.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Selector, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// db.create_many_series(["LGA", "JFK"].map(|station| SeriesKey::new("temp").tag("station", station))).blocking()?;
    /// let listed = db.snapshot().list_series(&Selector::metric("temp"));
    /// assert_eq!(listed[0].to_string(), r#"temp{station="JFK"}"#);
    /// assert_eq!(listed.len(), 2);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn list_series(&self, selector: &Selector) -> Vec<SeriesInfo> {
        let mut found = self.inner.select(selector);
        sort_by_series_key(&mut found, |info| &info.key);
        found.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// Returns the first `limit` listed series that match, sorted by key.
    ///
    /// Only `limit` series are copied, also if a million series match.
    #[must_use]
    pub fn list_series_limit(&self, selector: &Selector, limit: usize) -> Vec<SeriesInfo> {
        let filter = selector.to_index_filter();
        let mut found: Vec<_> = self.inner.version.series.select_listed(&filter).collect();
        if limit < found.len() {
            found.select_nth_unstable_by(limit, |one, other| one.key.cmp(&other.key));
            found.truncate(limit);
        }
        sort_by_series_key(&mut found, |info| &info.key);
        found.into_iter().map(|def| SeriesInfo::clone(def)).collect()
    }

    /// Returns the number of listed series that match, without making a list of them.
    #[must_use]
    pub fn count_series(&self, selector: &Selector) -> usize {
        self.inner.version.series.select_listed(&selector.to_index_filter()).count()
    }

    /// Returns the names of all metrics that have a listed series, sorted.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Selector, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// db.create_series(SeriesKey::new("temp").tag("station", "JFK")).blocking()?;
    /// db.create_series(SeriesKey::new("rain").tag("station", "LGA").tag("roof", "north")).blocking()?;
    /// let snapshot = db.snapshot();
    /// assert_eq!(snapshot.metrics(), ["rain", "temp"]);
    /// assert_eq!(snapshot.tag_keys(&Selector::all()), ["roof", "station"]);
    /// assert_eq!(snapshot.tag_values(&Selector::metric("temp"), "station"), ["JFK"]);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        self.names(&Selector::all(), NameKind::Metric)
    }

    /// Returns the metadata of a metric; `None` if it has none.
    ///
    /// A metric keeps its metadata also without a listed series, until they are removed.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, MetricKind, MetricMetadata};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let metadata = MetricMetadata::new(MetricKind::Gauge).with_unit("celsius");
    /// db.set_metric_metadata_blocking("temp", metadata.clone())?;
    /// assert_eq!(db.snapshot().metric_metadata("temp"), Some(metadata));
    /// assert_eq!(db.snapshot().metric_metadata("rain"), None);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn metric_metadata(&self, metric: &str) -> Option<MetricMetadata> {
        self.inner.version.metadata.get(metric).cloned()
    }

    /// Returns the name and the metadata of each metric that has metadata, sorted by name.
    #[must_use]
    pub fn list_metric_metadata(&self) -> Vec<(String, MetricMetadata)> {
        let all = self.inner.version.metadata.iter();
        all.map(|(metric, metadata)| (metric.to_owned(), metadata.clone())).collect()
    }

    /// Returns the keys of all tags of the listed series that match, sorted, each once.
    #[must_use]
    pub fn tag_keys(&self, selector: &Selector) -> Vec<String> {
        self.names(selector, NameKind::TagKey)
    }

    /// Returns the values of a tag among the listed series that match, sorted, each once.
    ///
    /// A series without the tag contributes no value.
    #[must_use]
    pub fn tag_values(&self, selector: &Selector, key: &str) -> Vec<String> {
        self.names(selector, NameKind::TagValue(key))
    }

    fn names(&self, selector: &Selector, kind: NameKind<'_>) -> Vec<String> {
        let filter = (*selector != Selector::all()).then(|| selector.to_index_filter());
        let page = self.inner.version.series.names(filter.as_ref(), kind, None, usize::MAX);
        page.names.into_iter().map(str::to_owned).collect()
    }
}
