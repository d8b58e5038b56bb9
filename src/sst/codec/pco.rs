//! The dense codec of the base: the `pco` crate's wrapped format, one chunk of one page (Loncaric, Jeppesen, Zinberg,
//! "Pcodec: Better Compression for Numerical Sequences", 2025).
//! Promises that what is decoded was checked to its last byte before any of it is given out, and that no bytes make it
//! take more memory than a block and its tables need.
//! Must not know when it is worth its time: see `dense`.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::metadata::DeltaEncoding;
use pco::wrapped::{FileCompressor, FileDecompressor};

use super::{CodecError, MAX_POINTS, id};

/// What pco calls the header of a file, which is the same for all: kept out of the columns, so that a version that brings new
/// ways to take memory cannot come in through one.
const FORMAT: [u8; 2] = [4, 1];

/// Half of its default: the level that ENGINE.md's table was measured with.
const LEVEL: usize = 4;

/// The modes of a chunk, in the lower half of its first byte, that a decoder takes: classic, the two of a common factor, and
/// quantized. Not a dictionary, for which 32 Mi values would be claimed before one of them was read.
const MODES: std::ops::RangeInclusive<u8> = 0..=3;

/// A window of more than a block looks back at nothing.
const MAX_WINDOW_LOG: u32 = MAX_POINTS.ilog2();

/// Appends a column, or nothing if pco has no way to encode the values.
pub(super) fn encode<T: Number>(values: &[T], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    out.push(id::PCO);
    let written = write(values, out).is_ok();
    if !written {
        out.truncate(before);
    }
    written
}

fn write<T: Number>(values: &[T], out: &mut Vec<u8>) -> Result<(), CodecError> {
    let failed = |_| CodecError("pco refuses the values");
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let mut chunk = FileCompressor::default().chunk_compressor(values, &config).map_err(failed)?;
    chunk.write_meta(&mut *out).map_err(failed)?;
    chunk.write_page(0, &mut *out).map_err(failed)?;
    Ok(())
}

/// The `count` values of a column behind its id, at most [`MAX_POINTS`] and at least one.
pub(super) fn decode<T: Number + Default>(bytes: &[u8], count: usize) -> Result<Vec<T>, CodecError> {
    let damaged = |_| CodecError("a pco column does not decode");
    if !bytes.first().is_some_and(|first| MODES.contains(&(first & 0xf))) {
        return Err(CodecError("a pco column is of no mode that is taken"));
    }
    let (format, _) = FileDecompressor::new(&FORMAT[..]).map_err(damaged)?;
    let (mut chunk, page) = format.chunk_decompressor::<T, _>(bytes).map_err(damaged)?;
    let is_bounded = match &chunk.meta().delta_encoding {
        DeltaEncoding::NoOp | DeltaEncoding::Consecutive { .. } => true,
        DeltaEncoding::Lookback { config, .. } => config.window_n_log <= MAX_WINDOW_LOG,
        _ => false,
    };
    if !is_bounded {
        return Err(CodecError("a pco column looks further back than a block is long"));
    }
    let mut page = chunk.page_decompressor(page, count).map_err(damaged)?;
    let mut values = vec![T::default(); count];
    let progress = page.read(&mut values).map_err(damaged)?;
    let is_whole = progress.finished && progress.n_processed == count;
    if is_whole && page.into_src().is_empty() { Ok(values) } else { Err(CodecError("bytes trail the column")) }
}
