//! Imports of files and streams, in every format of the crate `timestrata-ingest`.
//!
//! The options of the command `timestrata ingest` are parameters of the query string. Rows that cannot be stored are left
//! out, and named in the answer; all others are durable.

mod grouping;
mod options;
mod report;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use timestrata::Timestamp;
use timestrata_ingest::formats::{CollectdJson, OpenMetrics, PrometheusText};
use timestrata_ingest::{Csv, Format, IngestError, IngestOptions, Registry, planner_of_text};

use self::options::ImportRequest;
use self::report::ImportError;
use crate::app::SharedState;
use crate::body::{self, ReadBody, work};
use crate::counters::Protocol;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;
use crate::store::store_body;

/// Bytes that decide the format of a body without a media type.
const SNIFFED_BYTES: usize = 64 << 10;

/// How the format of a body is found.
enum FormatChoice {
    /// By the parameter `format`, else by the media type, else by the content.
    Any,
    /// The one of the path, unless the parameter `format` names another.
    Of(Arc<dyn Format>),
}

/// `POST /api/v1/import`: a body of any format.
pub(crate) async fn import(
    State(app): State<SharedState>,
    database: RequestDatabase,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = ImportRequest::parse(query.as_deref().unwrap_or_default());
    answer(run(&app, &database, FormatChoice::Any, Protocol::Import, request, &headers, body).await)
}

/// `POST /api/v1/import/csv`: rows of cells with a header.
pub(crate) async fn csv(
    State(app): State<SharedState>,
    database: RequestDatabase,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = ImportRequest::parse(query.as_deref().unwrap_or_default());
    let format = FormatChoice::Of(Arc::new(Csv));
    answer(run(&app, &database, format, Protocol::Import, request, &headers, body).await)
}

/// `POST /api/v1/collectd`: what collectd's plugin `write_http` sends with `Format "JSON"`.
pub(crate) async fn collectd(
    State(app): State<SharedState>,
    database: RequestDatabase,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = ImportRequest::parse(query.as_deref().unwrap_or_default());
    let format = FormatChoice::Of(Arc::new(CollectdJson));
    answer(run(&app, &database, format, Protocol::Collectd, request, &headers, body).await)
}

/// `POST /api/v1/import/prometheus`: text in the format of Prometheus, or OpenMetrics by its media type.
pub(crate) async fn prometheus(
    State(app): State<SharedState>,
    database: RequestDatabase,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = ImportRequest::parse(query.as_deref().unwrap_or_default());
    answer(run_exposition(&app, &database, request, &headers, body).await)
}

/// `POST` or `PUT /api/v1/import/prometheus/metrics/job/JOB/...`: as a Pushgateway, whose path has labels of all series.
///
/// `PUT` keeps the series that the body does not name, since points have times here.
pub(crate) async fn prometheus_grouped(
    State(app): State<SharedState>,
    database: RequestDatabase,
    Path(labels): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request = ImportRequest::parse(query.as_deref().unwrap_or_default());
    let request = request.and_then(|mut request| {
        request.extra_tags.extend(grouping::labels(&labels)?);
        Ok(request)
    });
    answer(run_exposition(&app, &database, request, &headers, body).await)
}

fn answer(result: Result<Response, ImportError>) -> Response {
    result.unwrap_or_else(IntoResponse::into_response)
}

async fn run_exposition(
    app: &SharedState,
    database: &RequestDatabase,
    request: Result<ImportRequest, Failure>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ImportError> {
    let request = request.map(|mut request| {
        request.options.default_time.get_or_insert_with(Timestamp::now);
        request
    });
    let is_open_metrics =
        media_type(headers).is_some_and(|media_type| media_type.starts_with("application/openmetrics"));
    let format: Arc<dyn Format> = if is_open_metrics { Arc::new(OpenMetrics) } else { Arc::new(PrometheusText) };
    run(app, database, FormatChoice::Of(format), Protocol::Exposition, request, headers, body).await
}

async fn run(
    app: &SharedState,
    database: &RequestDatabase,
    choice: FormatChoice,
    protocol: Protocol,
    request: Result<ImportRequest, Failure>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ImportError> {
    let ImportRequest { format, mut options, given, extra_tags } = request?;
    options.limits.series = app.options.max_request_series;
    let registry = Registry::with_defaults();
    let named = match format {
        Some(name) => Some(registry.by_name(&name)?),
        None => match choice {
            FormatChoice::Of(format) => Some(format),
            FormatChoice::Any => by_media_type(&registry, headers)?,
        },
    };
    let body = body::read_for_pieces(app, headers, body).await?;
    app.counters.received(protocol, body.received);
    let format = match named {
        Some(format) => format,
        None => registry.choose("", &body.bytes[..body.bytes.len().min(SNIFFED_BYTES)])?,
    };
    options::refuse_unused(&given, format.name())?;
    let name = format.name().to_owned();
    let len = body.bytes.len();
    let (planned, body) = work::run(len, move || {
        let planned = plan(&*format, &options, &body);
        (planned, body)
    })
    .await;
    let imported = store_body(app, database, protocol, planned?, body, extra_tags).await?;
    Ok(report::answer(&name, &imported))
}

/// Returns the decoder of a body, all of which the planner may look at.
fn plan(
    format: &dyn Format,
    options: &IngestOptions,
    body: &ReadBody,
) -> Result<Box<dyn timestrata_ingest::Decoder>, IngestError> {
    let mut planner = planner_of_text(format, options, &body.bytes)?;
    planner.push(&body.bytes);
    planner.finish(true)
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// Returns the format of the media type; `None` for a type that says nothing about the content.
fn by_media_type(registry: &Registry, headers: &HeaderMap) -> Result<Option<Arc<dyn Format>>, Failure> {
    let Some(given) = media_type(headers) else { return Ok(None) };
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    // The first of these is what curl sends with --data-binary.
    if matches!(essence.as_str(), "application/x-www-form-urlencoded" | "application/octet-stream" | "") {
        return Ok(None);
    }
    if essence == "text/plain" {
        let is_exposition = parts.any(|part| part.starts_with("version="));
        return Ok(is_exposition.then(|| Arc::new(PrometheusText) as Arc<dyn Format>));
    }
    registry.by_media_type(given).map(Some).ok_or_else(|| {
        let known: Vec<&str> = registry.formats().flat_map(Format::media_types).copied().collect();
        let message = format!(
            "the media type {given:?} is not known: send one of {}, or name the format by the parameter format",
            known.join(", ")
        );
        Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    })
}
