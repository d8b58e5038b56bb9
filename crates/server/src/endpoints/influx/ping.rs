//! `/ping`: liveness check of InfluxDB clients.

use axum::Json;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{VERSION, add_version};

/// `GET /ping`, `HEAD /ping`: 204; with `verbose=true` 200 and the version as JSON.
pub(crate) async fn ping(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let is_verbose = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "verbose" && !matches!(&*value, "" | "0" | "false"));
    let mut response = if is_verbose {
        Json(json!({ "version": VERSION })).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    };
    add_version(response.headers_mut());
    response
}
