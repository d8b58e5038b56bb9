//! Columns of the base, which are read seldom and kept for long: the usual codec, or pco where that is clearly smaller.
//! Promises that what pco does not shorten costs little more time than without it, and bytes that follow from the columns
//! given and their order alone.
//! Must not know levels or files; whoever writes a file says whether its columns are to be dense.

use super::{Scratch, encode_floats, encode_integers, id, pco};

/// A shorter column is left alone: the little that is to gain is not worth pco's tables, made anew for each.
const MIN_BYTES: usize = 512;

/// What pco must leave of a column that decodes three times as fast, in per cent; and of raw doubles.
const MOST_PER_CENT: usize = 90;
const MOST_PER_CENT_OF_RAW: usize = 95;

/// The most columns passed over between two attempts. pco encodes at a fifth of the others' pace: one attempt in sixteen
/// takes a merge of gauges a seventh of its pace (54 M points/s of processor time against 64 M), one in each would take more
/// than half; and what begins to gain is noticed within so many blocks.
const MOST_PASSED: u32 = 15;

/// Codecs that a column may have before: one place each.
const CODECS: usize = id::PCO as usize;

/// Makes columns of one kind dense, block after block.
///
/// pco is asked less and less often of the columns of a codec that it does not shorten: whether it does depends on what is
/// measured, and what is measured stays alike from block to block. A sample would tell of each block, but for 600 values pco
/// takes a ninth of its time for 8,192: twice what one attempt in sixteen takes, and its tables weigh too much on so few.
#[derive(Debug, Default)]
pub struct Dense {
    /// By the usual codec's id.
    patience: [Patience; CODECS],
    column: Vec<u8>,
}

/// How pco did of late.
#[derive(Debug, Default)]
struct Patience {
    /// Columns to pass over before the next attempt.
    left: u32,
    /// And after it, if it fails, too.
    next: u32,
}

impl Dense {
    /// As [`encode_integers`], in more time and fewer bytes.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_POINTS`](super::MAX_POINTS) values.
    pub fn encode_integers(&mut self, values: &[i64], scratch: &mut Scratch, out: &mut Vec<u8>) {
        let start = out.len();
        encode_integers(values, scratch, out);
        self.shorten(start, out, MOST_PER_CENT, |column| pco::encode(values, column));
    }

    /// As [`encode_floats`], in more time and fewer bytes.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_POINTS`](super::MAX_POINTS) values.
    pub fn encode_floats(&mut self, values: &[f64], scratch: &mut Scratch, out: &mut Vec<u8>) {
        let start = out.len();
        encode_floats(values, scratch, out);
        let most = if out[start] == id::RAW { MOST_PER_CENT_OF_RAW } else { MOST_PER_CENT };
        self.shorten(start, out, most, |column| pco::encode(values, column));
    }

    /// Puts pco's column in the place of the one from `start` on, if it is at most so many per cent of it.
    fn shorten(&mut self, start: usize, out: &mut Vec<u8>, most: usize, encode: impl FnOnce(&mut Vec<u8>) -> bool) {
        let usual = &out[start..];
        if usual.len() < MIN_BYTES {
            return;
        }
        let Some(patience) = self.patience.get_mut(usize::from(usual[0])) else { return };
        if patience.left > 0 {
            patience.left -= 1;
            return;
        }
        self.column.clear();
        if encode(&mut self.column) && self.column.len() * 100 <= usual.len() * most {
            *patience = Patience::default();
            out.truncate(start);
            out.extend_from_slice(&self.column);
        } else {
            // The first failure of a codec says little: it may be one odd series among others.
            patience.left = patience.next;
            patience.next = (patience.next * 2 + 1).min(MOST_PASSED);
        }
    }
}
