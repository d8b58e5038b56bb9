//! `status/tsdb`: which metrics and labels have the most series.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};
use timestrata::{Cardinality, Timestamp};

use super::error::ApiError;
use super::labels::METRIC_NAME;
use super::parameters::invalid;
use super::success::success;
use crate::endpoints::RequestDatabase;
use crate::endpoints::parameters::Parameters;
use crate::failure::Failure;

/// Items of each list without `limit`.
const DEFAULT_LIMIT: usize = 10;
/// Greatest `limit`, as in Prometheus.
const MAX_LIMIT: usize = 10_000;
/// Label names among which those with the most bytes are searched: those with the most values.
const SEARCHED_NAMES: usize = 1_000;

/// `/api/v1/status/tsdb`: counts of series by metric, and of values by label.
///
/// `chunkCount` is the number of blocks in files. Without points the times are those of an empty head of Prometheus.
pub(super) async fn tsdb(database: RequestDatabase, parameters: Parameters) -> Result<Json<Value>, ApiError> {
    let limit = parameters.limit("limit")?.unwrap_or(DEFAULT_LIMIT);
    if limit > MAX_LIMIT {
        return Err(invalid("limit", &format!("it is above {MAX_LIMIT}, the greatest")));
    }
    let blocks: u64 = database.db.stats().levels.iter().map(|level| level.blocks).sum();
    let snapshot = database.db.snapshot();
    let bounds = snapshot.time_bounds();
    let millis = |time: Timestamp| time.as_nanos().div_euclid(1_000_000);
    let counted = tokio::task::spawn_blocking(move || snapshot.cardinality(limit.max(SEARCHED_NAMES))).await;
    let counts = counted.map_err(|error| {
        let message = format!("the count of series ended unexpectedly: {error}");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })?;
    let lists = CountLists::new(&counts, limit);
    Ok(success(json!({
        "headStats": {
            "numSeries": counts.series,
            "numLabelPairs": counts.tags + counts.metrics,
            "chunkCount": blocks,
            "minTime": bounds.as_ref().map_or(i64::MAX, |bounds| millis(*bounds.start())),
            "maxTime": bounds.as_ref().map_or(i64::MIN, |bounds| millis(*bounds.end())),
        },
        "seriesCountByMetricName": entries(&lists.series_by_metric),
        "labelValueCountByLabelName": entries(&lists.values_by_label),
        "memoryInBytesByLabelName": entries(&lists.bytes_by_label),
        "seriesCountByLabelValuePair": entries(&lists.series_by_pair),
    })))
}

/// Counts by name, the greatest first. The metric is the label `__name__`.
struct CountLists {
    series_by_metric: Vec<(String, u64)>,
    values_by_label: Vec<(String, u64)>,
    /// Length of the values, summed over all series.
    bytes_by_label: Vec<(String, u64)>,
    series_by_pair: Vec<(String, u64)>,
}

impl CountLists {
    fn new(counts: &Cardinality, limit: usize) -> Self {
        let metrics = || counts.largest_metrics.iter().map(|metric| (metric.metric.as_str(), metric.series));
        let metric_pairs = metrics().map(|(metric, series)| (format!("{METRIC_NAME}={metric}"), series));
        let tags = counts.largest_tags.iter().map(|tag| (format!("{}={}", tag.key, tag.value), tag.series));
        let values = counts.largest_tag_keys.iter().map(|key| (key.key.clone(), key.values));
        let bytes = counts.largest_tag_keys.iter().map(|key| (key.key.clone(), key.bytes));
        let of_metrics = |count| (counts.metrics > 0).then(|| (METRIC_NAME.to_owned(), count));
        Self {
            series_by_metric: greatest(metrics().map(|(metric, series)| (metric.to_owned(), series)), limit),
            values_by_label: greatest(values.chain(of_metrics(counts.metrics)), limit),
            bytes_by_label: greatest(bytes.chain(of_metrics(counts.metric_bytes)), limit),
            series_by_pair: greatest(tags.chain(metric_pairs), limit),
        }
    }
}

/// Returns the greatest counts; of equal ones, the first by name.
fn greatest(counts: impl Iterator<Item = (String, u64)>, limit: usize) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.collect();
    counts
        .sort_unstable_by(|(one_name, one), (other_name, other)| other.cmp(one).then_with(|| one_name.cmp(other_name)));
    counts.truncate(limit);
    counts
}

fn entries(counts: &[(String, u64)]) -> Vec<Value> {
    counts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

#[cfg(test)]
mod tests {
    use timestrata::{Batch, Db, SeriesKey};

    use super::*;

    #[test]
    fn the_greatest_counts_come_first_with_the_metric_as_a_label() {
        let db = Db::builder("test").in_memory().open_blocking().unwrap();
        let mut batch = Batch::new();
        for number in 0..20 {
            let key =
                SeriesKey::new(if number < 15 { "a" } else { "b" }).tag("host", number.to_string()).tag("zone", "z");
            batch.push_key(&key, Timestamp::from_secs(1), 1.0);
        }
        db.write_blocking(batch).unwrap();
        let lists = CountLists::new(&db.snapshot().cardinality(SEARCHED_NAMES), 2);
        let count = |name: &str, value| (name.to_owned(), value);
        assert_eq!(lists.series_by_metric, [count("a", 15), count("b", 5)]);
        assert_eq!(lists.values_by_label, [count("host", 20), count("__name__", 2)]);
        assert_eq!(lists.bytes_by_label, [count("host", 30), count("__name__", 20)]);
        assert_eq!(lists.series_by_pair, [count("zone=z", 20), count("__name__=a", 15)]);
    }
}
