//! Imports of files and streams, in every format of the crate `timestrata-ingest`.
//!
//! The options of the command `timestrata ingest` are parameters of the query string. Rows that cannot be stored are left
//! out, and named in the answer; all others are durable.

mod grouping;
mod options;
mod report;

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
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

/// Formats that may be imported.
static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::with_defaults);

/// How the format of a body is found.
enum FormatChoice {
    /// By the parameter `format`, else by the media type, else by the content.
    Any,
    /// The one of the path, unless the parameter `format` names another.
    Of(Arc<dyn Format>),
}

/// What every import has: its database, its parameters and its body.
pub(crate) struct Import {
    app: SharedState,
    database: RequestDatabase,
    request: ImportRequest,
    headers: HeaderMap,
    body: Body,
}

impl FromRequest<SharedState> for Import {
    type Rejection = Response;

    async fn from_request(request: Request, app: &SharedState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let database = RequestDatabase::from_request_parts(&mut parts, app).await;
        let database = database.map_err(IntoResponse::into_response)?;
        let request = ImportRequest::parse(parts.uri.query().unwrap_or_default());
        let request = request.map_err(|failure| ImportError::from(failure).into_response())?;
        Ok(Self { app: Arc::clone(app), database, request, headers: parts.headers, body })
    }
}

/// `POST /api/v1/import`: a body of any format.
pub(crate) async fn import(import: Import) -> Result<Response, ImportError> {
    import.run(FormatChoice::Any, Protocol::Import).await
}

/// `POST /api/v1/import/csv`: rows of cells with a header.
pub(crate) async fn csv(import: Import) -> Result<Response, ImportError> {
    import.run(FormatChoice::Of(Arc::new(Csv)), Protocol::Import).await
}

/// `POST /api/v1/collectd`: what collectd's plugin `write_http` sends with `Format "JSON"`.
pub(crate) async fn collectd(import: Import) -> Result<Response, ImportError> {
    import.run(FormatChoice::Of(Arc::new(CollectdJson)), Protocol::Collectd).await
}

/// `POST /api/v1/import/prometheus`: text in the format of Prometheus, or OpenMetrics by its media type.
pub(crate) async fn prometheus(import: Import) -> Result<Response, ImportError> {
    import.run_exposition().await
}

/// `POST` or `PUT /api/v1/import/prometheus/metrics/job/JOB/...`: as a Pushgateway, whose path has labels of all series.
///
/// `PUT` keeps the series that the body does not name, since points have times here.
pub(crate) async fn prometheus_grouped(
    Path(labels): Path<String>,
    mut import: Import,
) -> Result<Response, ImportError> {
    import.request.extra_tags.extend(grouping::labels(&labels)?);
    import.run_exposition().await
}

impl Import {
    async fn run_exposition(mut self) -> Result<Response, ImportError> {
        self.request.options.default_time.get_or_insert_with(Timestamp::now);
        let is_open_metrics =
            media_type(&self.headers).is_some_and(|media_type| media_type.starts_with("application/openmetrics"));
        let format: Arc<dyn Format> = if is_open_metrics { Arc::new(OpenMetrics) } else { Arc::new(PrometheusText) };
        self.run(FormatChoice::Of(format), Protocol::Exposition).await
    }

    /// Decodes and stores the body.
    async fn run(self, choice: FormatChoice, protocol: Protocol) -> Result<Response, ImportError> {
        let Self { app, database, request, headers, body } = self;
        let ImportRequest { format, mut options, given, extra_tags } = request;
        options.limits.series = app.options.max_request_series;
        let named = match format {
            Some(name) => Some(REGISTRY.by_name(&name)?),
            None => match choice {
                FormatChoice::Of(format) => Some(format),
                FormatChoice::Any => by_media_type(&headers)?,
            },
        };
        let body = body::read_for_pieces(&app, &headers, body).await?;
        app.counters.received(protocol, body.received);
        let format = match named {
            Some(format) => format,
            None => REGISTRY.choose("", &body.bytes[..body.bytes.len().min(SNIFFED_BYTES)])?,
        };
        options::refuse_unused(&given, format.name())?;
        let name = format.name().to_owned();
        let len = body.bytes.len();
        let (planned, body) = work::run(len, move || {
            let planned = plan(&*format, &options, &body);
            (planned, body)
        })
        .await;
        let imported = store_body(&app, &database, protocol, planned?, body, extra_tags).await?;
        Ok(report::answer(&name, &imported))
    }
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
fn by_media_type(headers: &HeaderMap) -> Result<Option<Arc<dyn Format>>, Failure> {
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
    REGISTRY.by_media_type(given).map(Some).ok_or_else(|| {
        let known: Vec<&str> = REGISTRY.formats().flat_map(Format::media_types).copied().collect();
        let message = format!(
            "the media type {given:?} is not known: send one of {}, or name the format by the parameter format",
            known.join(", ")
        );
        Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    })
}
