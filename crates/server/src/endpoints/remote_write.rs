//! Prometheus remote write.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use timestrata_ingest::Compression;
use timestrata_ingest::bodies::{RemoteWriteVersion, decode_remote_write};

use super::RequestDatabase;
use crate::app::SharedState;
use crate::body;
use crate::counters::Protocol;
use crate::failure::Failure;
use crate::store::DecodedBody;

/// Headers of an answer with the numbers of what was written; they are part of version 2.0, and harmless in 1.0.
const WRITTEN_HEADERS: [&str; 3] = [
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];

/// `POST /api/v1/write`: 204 when all samples are durable; 400 if some were refused, and the others are durable.
pub(crate) async fn remote_write(
    State(app): State<SharedState>,
    database: RequestDatabase,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let version = version(&headers)?;
    let protocol = match version {
        RemoteWriteVersion::V1 => Protocol::RemoteWrite1,
        RemoteWriteVersion::V2 => Protocol::RemoteWrite2,
    };
    let body = body::read(&app, &headers, body, Some(Compression::Snappy)).await?;
    app.counters.received(protocol, body.received);
    let decode = move |bytes: &[u8], limits: &_, series: &_, rows: &mut _| {
        decode_remote_write(bytes, version, limits, series, rows)
    };
    let mut decoded = DecodedBody::decode(body, &database, app.options.max_request_series, decode).await?;
    app.counters.left_out(&decoded.summary);
    let stored = decoded.store(&app, &database, protocol).await?;
    let mut response = if stored.refusals.total() == 0 {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Failure::bad_request(format!("{} samples written, {}", stored.points, stored.refusals.text())).into_response()
    };
    for (name, count) in WRITTEN_HEADERS.into_iter().zip([stored.points, 0, 0]) {
        response.headers_mut().insert(name, HeaderValue::from(count));
    }
    Ok(response)
}

fn version(headers: &HeaderMap) -> Result<RemoteWriteVersion, Failure> {
    // Senders of version 1.0 name the type; those that name none are taken for such.
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(RemoteWriteVersion::V1) };
    content_type.to_str().ok().and_then(RemoteWriteVersion::from_content_type).ok_or_else(|| {
        let message = "the content type is none of application/x-protobuf, \
                       application/x-protobuf;proto=prometheus.WriteRequest and \
                       application/x-protobuf;proto=io.prometheus.write.v2.Request";
        Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    })
}
