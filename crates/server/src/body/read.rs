//! Reads a body: reserves memory as bytes arrive, then decompresses within a limit.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use timestrata_ingest::{Compression, Decompressor};

use super::work;
use crate::app::AppState;
use crate::failure::Failure;
use crate::memory::MemoryPermit;

/// Memory of the rows of a body that is decoded in pieces, per byte of the body, up to the bound below.
const DECODED_FACTOR: usize = 3;
/// Upper bound of the memory of a body that is decoded in pieces: the rows of a piece, and the table of its series.
const PIECES_BYTES: usize = 32 << 20;
/// Bytes that are reserved before the first bytes of a body arrive.
const FIRST_RESERVED: usize = 16 << 10;
/// Estimated decompression ratio; decides whether to decompress on a blocking thread.
const DECOMPRESSED_FACTOR: usize = 8;
/// Bytes that are decompressed between two admissions.
const DECOMPRESSED_STEP: usize = 256 << 10;

/// Body that was read and decompressed. Its memory is admitted until it is dropped.
#[derive(Debug)]
pub(crate) struct ReadBody {
    /// The decompressed bytes.
    pub(crate) bytes: Vec<u8>,
    /// Number of bytes that were received.
    pub(crate) received: usize,
    permit: MemoryPermit,
}

impl ReadBody {
    /// Reserves memory for what the body is decoded to, until the body is dropped.
    ///
    /// # Errors
    ///
    /// 413 if it never fits, 503 if it does not fit now.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<(), Failure> {
        self.permit.grow(bytes)
    }
}

/// Reads the body of a request. `default` is the compression without a header `Content-Encoding`.
///
/// # Errors
///
/// 413 above the limits of the options, 503 if it arrives too slowly, 415 for an unknown compression, 400 if it is damaged
/// or cut off, 503 if the memory of all bodies is in use.
pub(crate) async fn read(
    app: &AppState,
    headers: &HeaderMap,
    body: Body,
    default: Option<Compression>,
) -> Result<ReadBody, Failure> {
    let (expected, compression) = (expected_len(headers), compression(headers, default)?);
    read_with(app, expected, compression, body).await
}

/// As [`read`], for a body that is decoded in pieces, whose rows are never all in memory.
///
/// # Errors
///
/// As for [`read`].
pub(crate) async fn read_for_pieces(app: &AppState, headers: &HeaderMap, body: Body) -> Result<ReadBody, Failure> {
    let mut body = read(app, headers, body, None).await?;
    body.reserve(body.bytes.len().saturating_mul(DECODED_FACTOR).min(PIECES_BYTES))?;
    Ok(body)
}

/// Returns the length that the header says.
fn expected_len(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read_with(
    app: &AppState,
    expected: Option<usize>,
    compression: Option<Compression>,
    body: Body,
) -> Result<ReadBody, Failure> {
    let limit = app.options.received_limit();
    if expected.is_some_and(|expected| expected > limit) {
        return Err(too_large(limit));
    }
    // Not all that the header announces: a client could reserve the memory of all bodies without sending one.
    let mut permit = app.bodies.admit(expected.unwrap_or(0).min(FIRST_RESERVED))?;
    let receive = receive(body, expected.unwrap_or(0), limit, &mut permit);
    let received = tokio::time::timeout(app.options.body_timeout, receive).await.map_err(|_| {
        // Not 408, after which senders of Prometheus and OpenTelemetry drop what a slow link did not carry.
        Failure::busy(format!(
            "the body did not arrive within {}",
            humantime::format_duration(app.options.body_timeout)
        ))
    })??;
    let len = received.len();
    let limit = app.options.decompressed_limit();
    let bytes = match compression {
        None if len > limit => return Err(too_large(limit)),
        None => received,
        Some(compression) => {
            let decompress = move || {
                let plain = decompress(&received, compression, limit, &mut permit);
                plain.map(|plain| (plain, permit))
            };
            let plain;
            (plain, permit) = work::run(len.saturating_mul(DECOMPRESSED_FACTOR), decompress).await?;
            plain
        }
    };
    Ok(ReadBody { bytes, received: len, permit })
}

fn compression(headers: &HeaderMap, default: Option<Compression>) -> Result<Option<Compression>, Failure> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(default) };
    let unsupported = |message: String| Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    let encoding = encoding.to_str().map_err(|_| unsupported("the content encoding is not a text".to_owned()))?;
    Compression::from_content_encoding(encoding).map_err(|error| unsupported(error.to_string()))
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the body is larger than {limit} bytes, the limit; send smaller requests"),
    )
}

/// Receives the bytes of a body of an expected length; memory is reserved as they arrive, twice as much at each step.
async fn receive(mut body: Body, expected: usize, limit: usize, permit: &mut MemoryPermit) -> Result<Vec<u8>, Failure> {
    let mut admitted = expected.min(FIRST_RESERVED);
    let mut received = Vec::with_capacity(admitted);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::bad_request(format!("the body was cut off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        let len = received.len() + data.len();
        if len > limit {
            return Err(too_large(limit));
        }
        if len > admitted {
            let more = (len - admitted).max(expected.saturating_sub(admitted).min(admitted));
            permit.grow(more)?;
            admitted += more;
            received.reserve_exact(admitted - received.len());
        }
        received.extend_from_slice(&data);
    }
    Ok(received)
}

/// Decompresses a body; the memory is admitted before it is used.
fn decompress(
    body: &[u8],
    compression: Compression,
    limit: usize,
    permit: &mut MemoryPermit,
) -> Result<Vec<u8>, Failure> {
    if compression == Compression::Snappy {
        // The block format begins with the decompressed length.
        let len = timestrata_ingest::snappy_len(body)?;
        if len > limit {
            return Err(too_large(limit));
        }
        permit.grow(len)?;
        return Ok(timestrata_ingest::decompress_body(compression, body, limit as u64)?);
    }
    if Compression::detect(body) != Some(compression) {
        return Err(Failure::bad_request(format!("the body is not {}, as its header says", compression.as_str())));
    }
    let damaged = |error: std::io::Error| Failure::bad_request(error.to_string());
    let mut decompressor = Decompressor::new(body, u64::MAX).map_err(damaged)?;
    let mut plain = Vec::new();
    loop {
        let step = DECOMPRESSED_STEP.min(limit + 1 - plain.len().min(limit + 1));
        permit.grow(step)?;
        let read = decompressor.by_ref().take(step as u64).read_to_end(&mut plain).map_err(damaged)?;
        if plain.len() > limit {
            return Err(too_large(limit));
        }
        if read < step {
            return Ok(plain);
        }
    }
}
