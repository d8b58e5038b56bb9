//! `/metrics`: the server's own metrics.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;

use crate::app::SharedState;
use crate::counters;

/// Media type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`: counters of the server and of its databases, in OpenMetrics.
pub(crate) async fn metrics(State(app): State<SharedState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS))], counters::render(&app))
}
