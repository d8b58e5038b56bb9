//! `POST /api/v1/read`.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use prost::Message;
use timestrata_ingest::Compression;

use super::chunks::ChunkFrames;
use super::messages::{ReadRequest, SAMPLES, STREAMED_XOR_CHUNKS};
use super::queries::{self, QuerySeries};
use super::samples;
use crate::answer::{Pieces, respond};
use crate::app::SharedState;
use crate::body;
use crate::endpoints::RequestDatabase;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Media type of frames.
const FRAMES: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// Bytes of a request, decompressed. Decoded, the smallest matchers and queries take 40 times as much memory.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Bytes of a message that are sent at once.
const SLICE_BYTES: usize = 256 << 10;

/// `POST /api/v1/read`: the samples of the series that matchers select, in the first response type of the request that the
/// server has.
///
/// Times are rounded down to milliseconds; of several points in one millisecond the last is returned, and the others are
/// counted in `timestrata_read_merged_samples_total`.
pub(crate) async fn remote_read(
    State(app): State<SharedState>,
    database: RequestDatabase,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let body = body::read(&app, &headers, body, Some(Compression::Snappy)).await?;
    if body.bytes.len() > MAX_REQUEST_BYTES {
        let message = format!("the request has {} bytes, more than {MAX_REQUEST_BYTES}", body.bytes.len());
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let request = ReadRequest::decode(body.bytes.as_slice())
        .map_err(|error| Failure::bad_request(format!("the body is no prometheus.ReadRequest: {error}")))?;
    let is_streamed = is_streamed(&request.accepted_response_types)?;
    let stream = app.streams.begin()?;
    let snapshot = database.db.snapshot();
    let (found, permit) = queries::find(&app, &snapshot, &request).await?;
    if is_streamed {
        return respond(FRAMES, ChunkFrames::new(app, snapshot, found, (permit, stream))).await;
    }
    let read = tokio::task::spawn_blocking(move || read_samples(&app, &snapshot, &found, permit)).await;
    drop(stream);
    let (body, permit) = read.map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the read ended unexpectedly: {error}"))
    })??;
    let mut response = respond("application/x-protobuf", Slices { body: Bytes::from(body), _permit: permit }).await?;
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    Ok(response)
}

/// Slices of a complete message, whose memory is in use until the last one is taken.
struct Slices {
    body: Bytes,
    _permit: MemoryPermit,
}

impl Pieces for Slices {
    fn next_piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let len = self.body.len().min(SLICE_BYTES);
        Ok((len > 0).then(|| self.body.split_to(len)))
    }
}

fn read_samples(
    app: &SharedState,
    snapshot: &timestrata::Snapshot,
    found: &[QuerySeries],
    mut permit: MemoryPermit,
) -> Result<(Vec<u8>, MemoryPermit), Failure> {
    let answer = samples::answer(snapshot, found, &mut permit)?;
    app.counters.merged_samples(answer.merged);
    Ok((answer.body, permit))
}

/// Returns `true` for streamed chunks, `false` for samples: the first type that is accepted and that the server has.
fn is_streamed(accepted: &[i32]) -> Result<bool, Failure> {
    let known = accepted.iter().find(|kind| [SAMPLES, STREAMED_XOR_CHUNKS].contains(kind));
    match known {
        Some(kind) => Ok(*kind == STREAMED_XOR_CHUNKS),
        None if accepted.is_empty() => Ok(false),
        None => Err(Failure::bad_request(format!(
            "none of the accepted response types {accepted:?} is known: 0 is SAMPLES, 1 is STREAMED_XOR_CHUNKS"
        ))),
    }
}
