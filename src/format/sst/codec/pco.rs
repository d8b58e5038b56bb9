//! The dense codec of the base level: the wrapped format of the `pco` crate, one chunk of one page.
//!
//! Source: Loncaric, Jeppesen, Zinberg, "Pcodec: Better Compression for Numerical Sequences", 2025. The module
//! `dense_encoder` decides for which columns it is used.
//!
//! Invariants:
//! - Values are returned only after the whole column was decoded and checked.
//! - No input makes the decoder allocate more than the values of a block and the tables of pco.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::metadata::DeltaEncoding;
use pco::wrapped::{FileCompressor, FileDecompressor};

use super::{CodecError, MAX_BLOCK_POINTS, codec_id};

/// Header of a pco file: the version of the format. Columns do not contain the header, so a column cannot select a
/// newer version, in which bytes might request memory in new ways.
const PCO_FORMAT_VERSION: [u8; 2] = [4, 1];

/// Compression level: one below the default of pco. Columns are within 1 % of those of the default, and are encoded in half of
/// the time; at level 4, smooth doubles are 25 % longer, and a common factor of doubles is often not found.
const PCO_LEVEL: usize = 7;

/// Accepted modes: classic, the two modes with a common factor, and quantized. The mode is in the low four bits of the
/// first byte of a chunk. The dictionary mode is refused: its header can request memory for 32 Mi values before one of
/// them is read.
const ACCEPTED_MODES: std::ops::RangeInclusive<u8> = 0..=3;

/// Maximum window of the lookback encoding, as a binary logarithm: a block has no more values to look back at.
const MAX_WINDOW_LOG: u32 = MAX_BLOCK_POINTS.ilog2();

/// Appends a column with its codec id. Returns `false`, and appends nothing, if pco cannot encode the values.
pub(super) fn encode<T: Number>(values: &[T], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    out.push(codec_id::PCO);
    let written = write(values, out).is_ok();
    if !written {
        out.truncate(before);
    }
    written
}

fn write<T: Number>(values: &[T], out: &mut Vec<u8>) -> Result<(), CodecError> {
    let failed = |_| CodecError("pco cannot encode the values");
    let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
    let mut chunk = FileCompressor::default().chunk_compressor(values, &config).map_err(failed)?;
    chunk.write_meta(&mut *out).map_err(failed)?;
    chunk.write_page(0, &mut *out).map_err(failed)?;
    Ok(())
}

/// Decodes a column of `count` values, 1 to [`MAX_BLOCK_POINTS`]. `bytes` is the column without its codec id.
///
/// # Errors
/// If the column is invalid, uses a mode or delta encoding that is not accepted, or is followed by other bytes.
pub(super) fn decode<T: Number + Default>(bytes: &[u8], count: usize) -> Result<Vec<T>, CodecError> {
    let corrupt = |_| CodecError("a pco column is invalid");
    if !bytes.first().is_some_and(|first| ACCEPTED_MODES.contains(&(first & 0xf))) {
        return Err(CodecError("the mode of a pco column is not accepted"));
    }
    let (format, _) = FileDecompressor::new(&PCO_FORMAT_VERSION[..]).map_err(corrupt)?;
    let (mut chunk, page) = format.chunk_decompressor::<T, _>(bytes).map_err(corrupt)?;
    let is_bounded = match &chunk.meta().delta_encoding {
        DeltaEncoding::NoOp | DeltaEncoding::Consecutive { .. } => true,
        DeltaEncoding::Lookback { config, .. } => config.window_n_log <= MAX_WINDOW_LOG,
        _ => false,
    };
    if !is_bounded {
        return Err(CodecError("the delta encoding of a pco column is not accepted"));
    }
    let mut page = chunk.page_decompressor(page, count).map_err(corrupt)?;
    let mut values = vec![T::default(); count];
    let progress = page.read(&mut values).map_err(corrupt)?;
    let is_whole = progress.finished && progress.n_processed == count;
    if is_whole && page.into_src().is_empty() { Ok(values) } else { Err(CodecError("bytes remain behind the column")) }
}
