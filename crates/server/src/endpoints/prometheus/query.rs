//! `query` and `query_range`.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use timestrata::Timestamp;
use timestrata_promql::{Engine, EngineOptions, JsonExtras, JsonPieces, Labels, Query, QueryResult, QueryValue};

use super::error::ApiError;
use super::parameters::invalid;
use super::statistics::statistics;
use crate::answer::{Pieces, respond};
use crate::app::{AppState, SharedState};
use crate::endpoints::RequestDatabase;
use crate::endpoints::parameters::Parameters;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Media type of answers.
pub(super) const JSON: &str = "application/json";
/// Warning of an answer that `limit` shortens, in the words of Prometheus.
pub(super) const TRUNCATED: &str = "results truncated due to limit";
/// Estimated memory of the labels of a series of an answer: a reference to the definition, or a few texts.
const LABELS_BYTES: usize = 64;

/// `/api/v1/query`: the value of an expression at one time.
pub(super) async fn query(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let time = parameters.time("time")?.unwrap_or_else(Timestamp::now);
    let engine = engine(&app, &parameters)?;
    let query = engine.instant(&database.db.snapshot(), parameters.get("query").unwrap_or(""), time)?;
    answer(&app, &parameters, query, begun).await
}

/// `/api/v1/query_range`: the values of an expression at the steps of a range.
pub(super) async fn query_range(
    State(app): State<SharedState>,
    database: RequestDatabase,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let (start, end) = (parameters.required_time("start")?, parameters.required_time("end")?);
    if end < start {
        return Err(invalid("end", "end timestamp must not be before start time"));
    }
    let step = parameters.duration("step")?;
    let step = step.ok_or_else(|| invalid("step", "cannot parse \"\" to a valid duration"))?;
    let engine = engine(&app, &parameters)?;
    let text = parameters.get("query").unwrap_or("");
    let query = engine.range(&database.db.snapshot(), text, start, end, step)?;
    answer(&app, &parameters, query, begun).await
}

/// Returns the engine for a request.
///
/// `timeout` is capped by `query-timeout`; `lookback_delta` replaces the lookback without a cap, and 0 keeps it.
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

/// Runs a query and answers. If the client disconnects, this future is dropped, which ends the query.
async fn answer(app: &AppState, parameters: &Parameters, query: Query, begun: Instant) -> Result<Response, ApiError> {
    let limit = parameters.limit("limit")?;
    let prepared = begun.elapsed();
    let mut result = query.run().await?;
    let mut extras = JsonExtras::default();
    if limit.is_some_and(|limit| truncate(&mut result.value, limit)) {
        extras.warnings.push(TRUNCATED.to_owned());
    }
    if parameters.get("stats").is_some() {
        extras.statistics = Some(statistics(&result.statistics, prepared, begun.elapsed()).to_string());
    }
    let permit = app.answers.admit(estimated_bytes(&result))?;
    Ok(respond(JSON, ResultPieces { pieces: result.into_json_pieces(extras), _permit: permit }).await?)
}

/// Shortens a value to a number of series. Returns `true` if some were left out.
fn truncate(value: &mut QueryValue, limit: usize) -> bool {
    let before = match value {
        QueryValue::Vector(samples) => {
            let before = samples.len();
            samples.truncate(limit);
            before
        }
        QueryValue::Matrix(series) => {
            let before = series.len();
            series.truncate(limit);
            before
        }
        _ => 0,
    };
    before > limit
}

/// Estimates the memory of a result.
fn estimated_bytes(result: &QueryResult) -> usize {
    let of_labels = size_of::<Labels>() + LABELS_BYTES;
    match &result.value {
        QueryValue::Vector(samples) => samples.len() * (of_labels + size_of::<(Timestamp, f64)>()),
        QueryValue::Matrix(list) => {
            list.iter().map(|series| of_labels + series.points.len() * size_of::<(Timestamp, f64)>()).sum()
        }
        QueryValue::String { value, .. } => value.len(),
        _ => 0,
    }
}

/// Pieces of the answer to a query.
struct ResultPieces {
    pieces: JsonPieces,
    _permit: MemoryPermit,
}

impl Pieces for ResultPieces {
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(self.pieces.next().map(Bytes::from))
    }
}
