//! `query` and `query_range`.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use timestrata::Timestamp;
use timestrata_promql::{Engine, EngineOptions};

use super::error::ApiError;
use super::parameters::{Parameters, invalid};
use crate::app::{AppState, SharedState};
use crate::endpoints::RequestDatabase;

/// `/api/v1/query`: the value of an expression at one time.
pub(crate) async fn query(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let time = parameters.time("time")?.unwrap_or_else(Timestamp::now);
    let engine = engine(&app, &parameters)?;
    let query = engine.instant(&database.db.snapshot(), parameters.required("query")?, time)?;
    Ok(json(query.run().await?.to_json()))
}

/// `/api/v1/query_range`: the values of an expression at the steps of a range.
pub(crate) async fn query_range(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let time = |name| parameters.time(name)?.ok_or_else(|| invalid(name, "it is missing"));
    let (start, end) = (time("start")?, time("end")?);
    let step = parameters.duration("step")?.ok_or_else(|| invalid("step", "it is missing"))?;
    let engine = engine(&app, &parameters)?;
    let query = engine.range(&database.db.snapshot(), parameters.required("query")?, start, end, step)?;
    Ok(json(query.run().await?.to_json()))
}

/// Returns the engine with the timeout and the lookback of a request; neither exceeds that of the server.
fn engine(app: &AppState, parameters: &Parameters) -> Result<Engine, ApiError> {
    let timeout = parameters.duration("timeout")?;
    let lookback = parameters.duration("lookback_delta")?;
    if timeout.is_none() && lookback.is_none() {
        return Ok(app.promql.clone());
    }
    let mut options: EngineOptions = app.promql.options().clone();
    let longest = app.options.query_timeout;
    options.timeout = Some(timeout.map_or(longest, |timeout| timeout.min(longest)));
    if let Some(lookback) = lookback.filter(|lookback| *lookback > Duration::ZERO) {
        options.lookback = lookback;
    }
    Ok(Engine::new(options))
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
