//! `metadata`: kind, unit and description of metrics.

use axum::extract::State;
use axum::response::Response;
use timestrata::MetricMetadata;

use super::error::ApiError;
use super::query::JSON;
use crate::answer::{JsonList, put_json_text, respond};
use crate::app::SharedState;
use crate::endpoints::RequestDatabase;
use crate::endpoints::parameters::Parameters;

/// `/api/v1/metadata`: of all metrics, or of `metric` alone. A metric has one entry, so `limit_per_metric` takes nothing away.
pub(super) async fn metadata(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let limit = parameters.limit("limit")?.unwrap_or(usize::MAX);
    parameters.limit("limit_per_metric")?;
    let snapshot = database.db.snapshot();
    let mut found: Vec<(String, MetricMetadata)> = match parameters.get("metric") {
        Some(metric) => snapshot.metric_metadata(metric).map(|found| (metric.to_owned(), found)).into_iter().collect(),
        None => snapshot.list_metric_metadata(),
    };
    found.truncate(limit);
    let bytes = found.iter().map(|(metric, found)| metric.len() + found.description.len() + size_of_val(found)).sum();
    let permit = app.answers.admit(bytes)?;
    Ok(respond(JSON, JsonList::object(found, put_entry, Some(permit))).await?)
}

fn put_entry((metric, metadata): &(String, MetricMetadata), json: &mut String) {
    put_json_text(json, metric);
    json.push_str(r#":[{"type":"#);
    put_json_text(json, metadata.kind.as_str());
    json.push_str(r#","help":"#);
    put_json_text(json, &metadata.description);
    json.push_str(r#","unit":"#);
    put_json_text(json, &metadata.unit);
    json.push_str("}]");
}
