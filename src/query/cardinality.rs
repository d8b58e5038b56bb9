//! Cardinality of a snapshot: which metrics, tag keys and tags have the most series.

use super::snapshot::Snapshot;
use crate::state::series_index::CardinalityCounts;

/// Numbers of listed series by metric, tag key and tag; made by [`Snapshot::cardinality`].
///
/// The metric name is not among the tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cardinality {
    /// Number of listed series.
    pub series: u64,
    /// Number of metrics.
    pub metrics: u64,
    /// Length of the metric names, summed over all series, in bytes.
    pub metric_bytes: u64,
    /// Number of tag keys.
    pub tag_keys: u64,
    /// Number of distinct tags: pairs of a key and a value.
    pub tags: u64,
    /// Metrics with the most series, the largest first; equal ones are sorted by name, here and below.
    pub largest_metrics: Vec<MetricCardinality>,
    /// Tag keys with the most values.
    pub largest_tag_keys: Vec<TagKeyCardinality>,
    /// Tags with the most series.
    pub largest_tags: Vec<TagCardinality>,
}

/// Number of series of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricCardinality {
    /// Name of the metric.
    pub metric: String,
    /// Number of its listed series.
    pub series: u64,
}

/// Number of values of a tag key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagKeyCardinality {
    /// Key of the tag.
    pub key: String,
    /// Number of distinct values.
    pub values: u64,
    /// Length of the values, summed over all series that have the tag, in bytes.
    pub bytes: u64,
}

/// Number of series of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagCardinality {
    /// Key of the tag.
    pub key: String,
    /// Value of the tag.
    pub value: String,
    /// Number of listed series that have it.
    pub series: u64,
}

impl Snapshot {
    /// Returns where the listed series come from: the metrics with the most series, the tag keys with the most values, and
    /// the tags with the most series, at most `limit` of each.
    ///
    /// The counts come from the postings of the series index: the call costs a step per distinct name and value, and
    /// one per series, in memory; no file is read. It is what the endpoint `status/tsdb` of Prometheus reports.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let keys = (0..10).map(|n| SeriesKey::new("load").tag("host", format!("web-{n}")).tag("zone", "eu"));
    /// db.create_many_series(keys).blocking()?;
    /// let found = db.snapshot().cardinality(1);
    /// assert_eq!((found.series, found.metrics, found.tag_keys, found.tags), (10, 1, 2, 11));
    /// assert_eq!((found.largest_tag_keys[0].key.as_str(), found.largest_tag_keys[0].values), ("host", 10));
    /// assert_eq!((found.largest_tags[0].value.as_str(), found.largest_tags[0].series), ("eu", 10));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        let index = &self.inner.version.series;
        let CardinalityCounts { metrics, tag_keys, tag_key_count, tags, tag_count, .. } = index.cardinality(limit);
        let metric = |(metric, series): (&str, u64)| MetricCardinality { metric: metric.to_owned(), series };
        let tag = |(key, value, series): (&str, &str, u64)| {
            let (key, value) = (key.to_owned(), value.to_owned());
            TagCardinality { key, value, series }
        };
        Cardinality {
            series: index.listed_count() as u64,
            metrics: metrics.count,
            metric_bytes: metrics.bytes,
            tag_keys: tag_key_count,
            tags: tag_count,
            largest_metrics: metrics.largest.into_iter().map(metric).collect(),
            largest_tag_keys: tag_keys
                .into_iter()
                .map(|counts| TagKeyCardinality {
                    key: counts.key.0.to_owned(),
                    values: counts.values,
                    bytes: counts.bytes,
                })
                .collect(),
            largest_tags: tags.into_iter().map(tag).collect(),
        }
    }
}
