//! OpenTelemetry metrics over HTTP.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use timestrata_ingest::bodies::{OtlpNames, OtlpOptions, decode_otlp, decode_otlp_json};

use super::RequestDatabase;
use crate::app::{AppState, SharedState};
use crate::body;
use crate::counters::Protocol;
use crate::failure::Failure;
use crate::store::DecodedBody;

/// Encoding of a request, in which it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Returns the encoding of a content type; protobuf if there is none.
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(Self::Protobuf) };
        let media_type = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|encoding| media_type.eq_ignore_ascii_case(encoding.media_type()))
            .ok_or_else(|| {
                let message = "the content type is neither application/x-protobuf nor application/json";
                Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            })
    }
}

/// `POST /v1/metrics`: 200 when all points are durable; data points that were refused are a partial success.
pub(crate) async fn metrics(
    State(app): State<SharedState>,
    database: Result<RequestDatabase, Failure>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let encoding = match Encoding::of(&headers) {
        Ok(encoding) => encoding,
        Err(failure) => return failure.into_response(),
    };
    let written = match database {
        Ok(database) => write(&app, &database, encoding, &headers, body).await,
        Err(failure) => Err(failure),
    };
    let mut response = match written {
        Ok(rejected) => answer(encoding, rejected).into_response(),
        Err(failure) => failure.answer(status_message(encoding, &failure)),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    response
}

/// Memory of a body of JSON while it is read as a tree, per byte: two bytes may be a value.
const JSON_FACTOR: usize = 16;

/// Data points that were refused, and why.
struct Rejected {
    points: u64,
    message: String,
}

async fn write(
    app: &AppState,
    database: &RequestDatabase,
    encoding: Encoding,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<Rejected>, Failure> {
    let mut body = body::read(app, headers, body, None).await?;
    app.counters.received(Protocol::Otlp, body.received);
    if matches!(encoding, Encoding::Json) {
        body.reserve(body.bytes.len().saturating_mul(JSON_FACTOR))?;
    }
    let names = if app.options.otlp_unchanged_names { OtlpNames::Unchanged } else { OtlpNames::Prometheus };
    let decode = match encoding {
        Encoding::Protobuf => decode_otlp,
        Encoding::Json => decode_otlp_json,
    };
    let decode = move |bytes: &[u8], limits: &_, series: &_, rows: &mut _| {
        decode(bytes, OtlpOptions::with_names(names), limits, series, rows)
    };
    let mut decoded = DecodedBody::decode(body, database, app.options.max_request_series, decode).await?;
    app.counters.left_out(&decoded.summary);
    let stored = decoded.store(app, database, Protocol::Otlp).await?;
    if stored.refusals.total() == 0 && decoded.rows.refused().is_empty() {
        return Ok(None);
    }
    let points = decoded.summary.refused.total() + stored.refused_rows;
    Ok(Some(Rejected { points, message: stored.refusals.text() }))
}

/// `ExportMetricsServiceResponse`.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportMetricsPartialSuccess`.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`; the code is that of HTTP.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
}

/// Returns an `ExportMetricsServiceResponse`.
fn answer(encoding: Encoding, rejected: Option<Rejected>) -> Vec<u8> {
    match (encoding, rejected) {
        (Encoding::Protobuf, rejected) => {
            let partial_success = rejected.map(|Rejected { points, message }| PartialSuccess {
                rejected_data_points: i64::try_from(points).unwrap_or(i64::MAX),
                error_message: message,
            });
            ExportResponse { partial_success }.encode_to_vec()
        }
        (Encoding::Json, None) => b"{}".to_vec(),
        (Encoding::Json, Some(Rejected { points, message })) => {
            let partial = serde_json::json!({ "rejectedDataPoints": points.to_string(), "errorMessage": message });
            serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
    }
}

/// Returns a `Status` with the message of a failure.
fn status_message(encoding: Encoding, failure: &Failure) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => Status { message: failure.message.clone() }.encode_to_vec(),
        Encoding::Json => serde_json::json!({ "message": failure.message }).to_string().into_bytes(),
    }
}
