//! Databases of the server: list and creation.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::SharedState;
use crate::blocking;
use crate::databases::DatabaseName;
use crate::failure::Failure;

/// `GET /api/v1/admin/databases`: the names of all databases.
pub(crate) async fn list(State(app): State<SharedState>) -> Result<Json<Value>, Failure> {
    app.check_ready()?;
    let names: Vec<String> = app.databases.all().into_iter().map(|(name, _)| name.to_string()).collect();
    Ok(Json(json!({ "status": "success", "data": names })))
}

/// `POST /api/v1/admin/databases/NAME`: 201 once the database is created, 200 if there is one.
pub(crate) async fn create(
    State(app): State<SharedState>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let name: DatabaseName =
        name.parse().map_err(|error: crate::DatabaseNameError| Failure::bad_request(error.to_string()))?;
    let is_new = create_blocking(&app, name.clone()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({ "status": "success", "data": name.as_str() }))))
}

/// Creates a database on a thread that may block; returns `false` if there is one of the name.
///
/// # Errors
///
/// 503 unless the server is ready; otherwise as for [`Databases::create`](crate::databases::Databases::create).
pub(crate) async fn create_blocking(app: &SharedState, name: DatabaseName) -> Result<bool, Failure> {
    app.check_ready()?;
    let app = app.clone();
    blocking::run(move || app.databases.create(&name)).await
}
