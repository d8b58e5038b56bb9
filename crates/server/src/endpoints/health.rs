//! Liveness and readiness of the server.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::SharedState;
use crate::failure::Failure;

/// `/health`, in the form of InfluxDB: 503 while the databases are opened and while the server stops.
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

/// `/-/healthy`: 200 while the process answers.
pub(crate) async fn healthy() -> &'static str {
    "timestrata is healthy.\n"
}

/// `/-/ready`: 503 while the databases are opened and while the server stops.
pub(crate) async fn ready(State(app): State<SharedState>) -> Result<&'static str, Failure> {
    app.check_ready()?;
    Ok("timestrata is ready.\n")
}
