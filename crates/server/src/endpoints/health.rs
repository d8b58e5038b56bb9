//! Whether the server runs, and whether it answers requests for data.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::SharedState;
use crate::failure::Failure;

/// `/health`, in the form of InfluxDB's.
pub(crate) async fn health(State(app): State<SharedState>) -> Response {
    let failure = app.readiness().failure();
    let (status, word, message) = match &failure {
        None => (StatusCode::OK, "pass", "ready for queries and writes"),
        Some(failure) => (failure.status, "fail", failure.message.as_str()),
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

/// `/-/healthy`: the process answers.
pub(crate) async fn healthy() -> &'static str {
    "timestrata is healthy.\n"
}

/// `/-/ready`: 503 until the databases are open.
pub(crate) async fn ready(State(app): State<SharedState>) -> Result<&'static str, Failure> {
    app.check_ready()?;
    Ok("timestrata is ready.\n")
}
