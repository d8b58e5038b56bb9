//! `status/tsdb`: which metrics and labels have the most series.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use timestrata::{SeriesKey, Snapshot, Timestamp};

use super::error::ApiError;
use super::labels::series_labels;
use super::parameters::{Parameters, invalid};
use super::series_lookup::SeriesLookup;
use super::success::success;
use crate::app::SharedState;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;

/// Items of each list without `limit`.
const DEFAULT_LIMIT: usize = 10;
/// Greatest `limit`, as in Prometheus.
const MAX_LIMIT: usize = 10_000;

/// Memory of a count while all are counted.
const COUNT_BYTES: u64 = 48;

/// `/api/v1/status/tsdb`: counts of series by metric, and of values by label.
///
/// `chunkCount` is the number of blocks in files. Without points the times are those of an empty head of Prometheus.
pub(super) async fn tsdb(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Json<Value>, ApiError> {
    let limit = parameters.limit("limit")?.unwrap_or(DEFAULT_LIMIT);
    if limit > MAX_LIMIT {
        return Err(invalid("limit", &format!("it is above {MAX_LIMIT}, the greatest")));
    }
    let stats = database.db.stats();
    let blocks: u64 = stats.levels.iter().map(|level| level.blocks).sum();
    // Counts by label and value have about as many entries as there are distinct pairs: at most one for 16 bytes of keys.
    let bytes = (stats.series_key_bytes / 16 + stats.series) * COUNT_BYTES;
    let _permit = app.answers.admit(usize::try_from(bytes).unwrap_or(usize::MAX))?;
    let snapshot = database.db.snapshot();
    let bounds = snapshot.time_bounds();
    let millis = |time: Timestamp| time.as_nanos().div_euclid(1_000_000);
    let counts = count(&snapshot, limit).await?;
    Ok(success(json!({
            "headStats": {
                "numSeries": stats.series,
                "numLabelPairs": counts.label_pairs,
                "chunkCount": blocks,
                "minTime": bounds.as_ref().map_or(i64::MAX, |bounds| millis(*bounds.start())),
                "maxTime": bounds.as_ref().map_or(i64::MIN, |bounds| millis(*bounds.end())),
            },
            "seriesCountByMetricName": entries(&counts.series_by_metric),
            "labelValueCountByLabelName": entries(&counts.values_by_label),
            "memoryInBytesByLabelName": entries(&counts.bytes_by_label),
            "seriesCountByLabelValuePair": entries(&counts.series_by_pair),
    })))
}

/// Counts of a database, the greatest first.
struct SeriesCounts {
    label_pairs: usize,
    series_by_metric: Vec<(String, u64)>,
    values_by_label: Vec<(String, u64)>,
    /// Bytes of the distinct values of a label.
    bytes_by_label: Vec<(String, u64)>,
    series_by_pair: Vec<(String, u64)>,
}

/// Counts on a thread that may block.
async fn count(snapshot: &Snapshot, limit: usize) -> Result<SeriesCounts, ApiError> {
    let all = SeriesLookup::new(snapshot, &Parameters::default())?.series(None).await?;
    let counted = tokio::task::spawn_blocking(move || count_keys(all.items.iter().map(|info| &info.key), limit)).await;
    counted.map_err(|error| {
        let message = format!("the count of series ended unexpectedly: {error}");
        Failure::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, message).into()
    })
}

fn count_keys<'a>(keys: impl Iterator<Item = &'a SeriesKey>, limit: usize) -> SeriesCounts {
    let mut by_metric: HashMap<&str, u64> = HashMap::new();
    let mut by_pair: HashMap<(&str, &str), u64> = HashMap::new();
    for key in keys {
        *by_metric.entry(key.metric()).or_default() += 1;
        for pair in series_labels(key) {
            *by_pair.entry(pair).or_default() += 1;
        }
    }
    let mut values: HashMap<&str, u64> = HashMap::new();
    let mut bytes: HashMap<&str, u64> = HashMap::new();
    for (name, value) in by_pair.keys() {
        *values.entry(name).or_default() += 1;
        *bytes.entry(name).or_default() += value.len() as u64;
    }
    let text = |name: &str| name.to_owned();
    SeriesCounts {
        label_pairs: by_pair.len(),
        series_by_metric: greatest(by_metric, limit, text),
        values_by_label: greatest(values, limit, text),
        bytes_by_label: greatest(bytes, limit, text),
        series_by_pair: greatest(by_pair, limit, |(name, value)| format!("{name}={value}")),
    }
}

/// Returns the greatest counts; of equal ones, the first by name.
fn greatest<K: Ord + Copy + Hash>(
    counts: HashMap<K, u64>,
    limit: usize,
    text: impl Fn(K) -> String,
) -> Vec<(String, u64)> {
    let mut kept: BTreeSet<(std::cmp::Reverse<u64>, K)> = BTreeSet::new();
    for (key, count) in counts {
        kept.insert((std::cmp::Reverse(count), key));
        if kept.len() > limit {
            kept.pop_last();
        }
    }
    kept.into_iter().map(|(count, key)| (text(key), count.0)).collect()
}

fn entries(counts: &[(String, u64)]) -> Vec<Value> {
    counts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_counts_come_first() {
        let keys: Vec<SeriesKey> = (0..20)
            .map(|n: u32| SeriesKey::new(if n < 15 { "a" } else { "b" }).tag("host", n.to_string()).tag("zone", "z"))
            .collect();
        let counts = count_keys(keys.iter(), 2);
        assert_eq!(counts.series_by_metric, [("a".to_owned(), 15), ("b".to_owned(), 5)]);
        assert_eq!(counts.values_by_label, [("host".to_owned(), 20), ("__name__".to_owned(), 2)]);
        assert_eq!(counts.bytes_by_label[0], ("host".to_owned(), 30));
        assert_eq!(counts.series_by_pair, [("zone=z".to_owned(), 20), ("__name__=a".to_owned(), 15)]);
        assert_eq!(counts.label_pairs, 23);
    }
}
