//! Decompression of a whole body of a request.

use std::io::Read;

use super::{Compression, Decompressor, too_large};
use crate::IngestError;

/// Decompresses a body; the result has at most `limit` bytes.
///
/// # Errors
///
/// If the body is damaged, cut off, not of this compression, or larger than the limit.
pub fn decompress_body(compression: Compression, body: &[u8], limit: u64) -> Result<Vec<u8>, IngestError> {
    if compression == Compression::Snappy {
        return decompress_snappy(body, limit);
    }
    if Compression::detect(body) != Some(compression) {
        return Err(IngestError::new(format!("the body is not {}", compression.as_str())));
    }
    let mut plain = Vec::new();
    let mut decompressor = Decompressor::new(body, limit).map_err(|error| IngestError::new(error.to_string()))?;
    decompressor.read_to_end(&mut plain).map_err(|error| IngestError::new(error.to_string()))?;
    Ok(plain)
}

fn decompress_snappy(body: &[u8], limit: u64) -> Result<Vec<u8>, IngestError> {
    let len = snappy_len(body)?;
    if len as u64 > limit {
        return Err(too_large(limit));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(damaged)
}

/// Returns the decompressed length of a body in the block format of snappy, which the body begins with.
///
/// # Errors
///
/// If the body is too short for a length, or for what its length says.
pub fn snappy_len(body: &[u8]) -> Result<usize, IngestError> {
    let len = snap::raw::decompress_len(body).map_err(damaged)?;
    // A block expands at most 64 bytes per 3 bytes of copies, so that a false length is found before anything is allocated.
    if len / 32 > body.len() {
        return Err(IngestError::new("the snappy body is damaged: its length is beyond what its bytes can hold"));
    }
    Ok(len)
}

#[expect(clippy::needless_pass_by_value, reason = "the form of `map_err`")]
fn damaged(error: snap::Error) -> IngestError {
    IngestError::new(format!("the snappy body is damaged: {error}"))
}
