//! Liveness and readiness of the server.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::{Readiness, SharedState};
use crate::failure::Failure;

/// `/health`, in the form of InfluxDB: 503 while the databases are opened and while the server stops.
pub(crate) async fn health(State(app): State<SharedState>) -> Response {
    let (status, word, message) = match app.readiness() {
        Readiness::Ready => (StatusCode::OK, "pass", "ready for queries and writes"),
        Readiness::Opening => (StatusCode::SERVICE_UNAVAILABLE, "fail", "the databases are being opened"),
        Readiness::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "fail", "the server stops"),
    };
    let body = json!({
        "name": "timestrata",
        "status": word,
        "message": message,
        "checks": [],
        "version": env!("CARGO_PKG_VERSION"),
    });
    (status, Json(body)).into_response()
}

/// `/-/healthy`: 200 while the process answers.
pub(crate) async fn healthy() -> &'static str {
    "timestrata is healthy.\n"
}

/// `/-/ready`: 503 while the databases are opened and while the server stops.
pub(crate) async fn ready(State(app): State<SharedState>) -> Response {
    match app.readiness() {
        Readiness::Ready => "timestrata is ready.\n".into_response(),
        Readiness::Opening => Failure::busy("the databases are being opened").into_response(),
        Readiness::Stopping => Failure::busy("the server stops").into_response(),
    }
}
