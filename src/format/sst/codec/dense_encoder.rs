//! Encoder of the columns of the base level: the usual codec, or pco where pco is clearly smaller.
//!
//! The base is written rarely, and most of the data lies in it, so fewer bytes justify more encoding time there. pco
//! encodes at a fifth of the speed of the other codecs and saves nothing for many series. So an exponential backoff
//! limits the attempts:
//!
//! ```text
//!  attempt succeeds:        the next column is tried, too
//!  attempts fail in a row:  0, then 1, 3, 7, 15, 15, ... columns are skipped before the next attempt
//! ```
//!
//! There is one backoff per kind of column (timestamps, values) and per usual codec; it ignores columns that are too
//! short for pco. The output is a function of the sequence of columns only.

use super::{CodecScratch, codec_id, encode_floats, encode_integers, pco};

/// Minimum length of the usual column in bytes for an attempt: pco stores tables in each column, which a shorter column
/// does not repay.
const MIN_PCO_BYTES: usize = 256;

/// Maximum length of the pco column in per cent of the usual column, which decodes three times as fast.
const MAX_PERCENT_OF_USUAL: usize = 90;
/// Maximum length of the pco column in per cent of a raw column of doubles.
const MAX_PERCENT_OF_RAW: usize = 95;

/// Maximum number of columns that are skipped between two attempts.
///
/// Attempts for one column in sixteen cost a compaction of gauges 15 % of its speed (54 M against 64 M points per
/// second of processor time). Attempts for all columns would cost more than half. If columns become compressible, at
/// most this number of them are skipped before the next attempt.
const MAX_SKIPPED_COLUMNS: u32 = 15;

/// Number of backoffs: one for each codec id that the usual encoder may choose.
const CODEC_COUNT: usize = codec_id::DISTINCT as usize + 1;

/// Encoder of the columns of one kind (timestamps or values) of the base level.
///
/// Attempts with pco become rare for a usual codec whose columns pco does not make smaller. Whether pco makes a column
/// smaller depends on the kind of measurement, which is similar from block to block. To test a sample of each block
/// instead would take more time: for 600 values, pco takes a ninth of its time for 8,192 values, which is about twice
/// the time of one attempt in sixteen. It would also be less accurate, since the tables take most of so short a column.
#[derive(Debug, Default)]
pub struct DenseEncoder {
    /// Backoffs by the id of the usual codec; index 0 is not used.
    backoff: [PcoBackoff; CODEC_COUNT],
    /// Buffer of the attempted column.
    column: Vec<u8>,
}

/// Exponential backoff of the attempts with pco.
#[derive(Debug, Default)]
struct PcoBackoff {
    /// Number of columns to skip before the next attempt.
    skips_left: u32,
    /// Number of columns to skip after the next attempt, if it fails.
    next_skips: u32,
}

impl DenseEncoder {
    /// Appends a column as [`encode_integers`] does, with fewer bytes and more time.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_BLOCK_POINTS`](super::MAX_BLOCK_POINTS) values.
    pub fn encode_integers(&mut self, values: &[i64], scratch: &mut CodecScratch, out: &mut Vec<u8>) {
        let start = out.len();
        encode_integers(values, scratch, out);
        self.replace_if_smaller(start, out, MAX_PERCENT_OF_USUAL, |column| pco::encode(values, column));
    }

    /// Appends a column as [`encode_floats`] does, with fewer bytes and more time.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_BLOCK_POINTS`](super::MAX_BLOCK_POINTS) values.
    pub fn encode_floats(&mut self, values: &[f64], scratch: &mut CodecScratch, out: &mut Vec<u8>) {
        let start = out.len();
        encode_floats(values, scratch, out);
        let max_percent = if out[start] == codec_id::RAW { MAX_PERCENT_OF_RAW } else { MAX_PERCENT_OF_USUAL };
        self.replace_if_smaller(start, out, max_percent, |column| pco::encode(values, column));
    }

    /// Replaces the usual column `out[start..]` by a pco column, if that is clearly shorter.
    ///
    /// The pco column may have at most `max_percent` per cent of the length of the usual one. Makes no attempt if the
    /// usual column is shorter than [`MIN_PCO_BYTES`] or the backoff skips it.
    fn replace_if_smaller(
        &mut self,
        start: usize,
        out: &mut Vec<u8>,
        max_percent: usize,
        encode: impl FnOnce(&mut Vec<u8>) -> bool,
    ) {
        let usual = &out[start..];
        if usual.len() < MIN_PCO_BYTES {
            return;
        }
        let Some(backoff) = self.backoff.get_mut(usize::from(usual[0])) else { return };
        if backoff.skips_left > 0 {
            backoff.skips_left -= 1;
            return;
        }
        self.column.clear();
        if encode(&mut self.column) && self.column.len() * 100 <= usual.len() * max_percent {
            *backoff = PcoBackoff::default();
            out.truncate(start);
            out.extend_from_slice(&self.column);
        } else {
            // `next_skips` starts at 0: one failure may be due to a single untypical series.
            backoff.skips_left = backoff.next_skips;
            backoff.next_skips = (backoff.next_skips * 2 + 1).min(MAX_SKIPPED_COLUMNS);
        }
    }
}
