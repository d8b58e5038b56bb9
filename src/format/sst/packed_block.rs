//! Packed blocks: the points of many series with few points each, under one checksum.
//!
//! ```text
//!  ┌─────────────┬──────────────────────┬───────┬───────┬─────┬───────┬──────────┐
//!  │ number of   │ mode │ mode │ ...    │ run 0 │ run 1 │ ... │ run n │ checksum │
//!  │ modes       │   0  │   1  │        │       │       │     │       │ 4 bytes  │
//!  └─────────────┴──────────────────────┴───────┴───────┴─────┴───────┴──────────┘
//!     header                                ^ mode number, body of the times, body of the values
//! ```
//!
//! A *run* is the points of one series, at most 127. Each run has an index entry with its number of points, first and last
//! time, and place in the file. A *mode* is the form of the two columns of a run: scheme, step, width and decimal places.
//! Neighbouring series mostly have the same few modes. Equal times are stored once: a mode may refer to the times of an
//! earlier run.
//!
//! Invariants:
//! - A decoded run has the count, the first time and the last time of its index entry, and its times never decrease.
//! - A run is decoded from its own bytes, the header, and the times of at most one other run.
//! - The memory of a header is bounded by a constant multiple of its length.

use std::collections::HashMap;
use std::ops::Range;

use super::codec::alp::{DecimalDigits, DecimalScale};
use super::codec::short::{MAX_SHORT_VALUES, ShortForm, TimeResiduals, are_even_times, fill_even_times};
use super::codec::varint::{ColumnReader, write_u64};
use super::codec::{
    CodecError, CodecScratch, FloatDecoder, IntegerDecoder, VECTOR_LEN, codec_name, encode_floats, encode_integers,
};
use super::index_entry::BlockEntry;
use super::run_mode::{RunMode, TimesForm, ValuesForm};
use crate::types::point::ValueType;
use crate::types::series::IdentityBuild;

/// Maximum number of points of a run.
pub(crate) const MAX_RUN_POINTS: usize = MAX_SHORT_VALUES;

/// Length of the runs from which on a packed block ends, in bytes. A lookup reads and checks all of it for one run.
const FULL_BYTES: usize = 6 << 10;

/// Number of modes from which on a packed block ends.
const FULL_MODES: usize = 64;

/// Maximum length of a packed block in bytes, with its checksum: full runs and one more, with two raw columns, and modes of
/// at most 40 bytes.
pub(crate) const MAX_PACKED_BLOCK_BYTES: usize = 16 << 10;

const _: () = assert!(
    FULL_BYTES + 2 * size_of::<u64>() * MAX_RUN_POINTS + 64 + FULL_MODES * 40 + 8 <= MAX_PACKED_BLOCK_BYTES,
    "a packed block with one run more than full is too long"
);

/// Minimum length of times that are stored once for several runs. Shorter times cost less than a mode that refers to them.
const MIN_SHARED_BYTES: usize = 12;

/// Minimum number of bytes, beside one per point, from which a general column is tried instead of a short one.
const MIN_GENERAL_BYTES: usize = 16;

/// Encoder of packed blocks. It reuses its buffers from block to block.
#[derive(Debug, Default)]
pub(super) struct PackedBlockEncoder {
    modes: Vec<RunMode>,
    header: Vec<u8>,
    runs: Vec<u8>,
    /// Runs that store their times, by a hash of the times.
    seen_times: HashMap<u64, StoredTimes, IdentityBuild>,
    /// Scale of the last run of doubles that are decimals.
    last_scale: Option<DecimalScale>,
    scratch: CodecScratch,
    digits: DecimalDigits,
    integers: Vec<i64>,
    floats: Vec<f64>,
    times: Vec<u8>,
    values: Vec<u8>,
}

/// Run that stores its times.
#[derive(Debug, Clone, Copy)]
struct StoredTimes {
    /// Offset of the run behind the header.
    run: u32,
    /// Number of points.
    count: usize,
    form: TimesForm,
}

impl PackedBlockEncoder {
    /// Adds a run of 1 to 127 points, and returns its range behind the header.
    pub(super) fn push(&mut self, ty: ValueType, timestamps: &[i64], bits: &[u64]) -> Range<usize> {
        let start = self.runs.len();
        let times = self.encode_times(timestamps, start);
        let values = self.encode_values(ty, bits);
        let mode = self.mode_number(RunMode { times, values });
        self.runs.push(mode);
        self.runs.extend_from_slice(&self.times);
        self.runs.extend_from_slice(&self.values);
        start..self.runs.len()
    }

    /// Returns `true` if the block must end before the next run.
    pub(super) fn is_full(&self) -> bool {
        self.runs.len() >= FULL_BYTES || self.modes.len() >= FULL_MODES
    }

    /// Appends the block without its checksum, and returns the length of the header. The encoder is then empty.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        write_u64(self.modes.len() as u64, out);
        out.append(&mut self.header);
        let header = out.len() - start;
        out.append(&mut self.runs);
        self.modes.clear();
        self.seen_times.clear();
        header
    }

    /// Returns the number of a mode, and adds it to the header if it is new.
    #[expect(clippy::cast_possible_truncation, reason = "a block has at most 64 modes")]
    fn mode_number(&mut self, mode: RunMode) -> u8 {
        let known = self.modes.iter().position(|known| *known == mode);
        known.unwrap_or_else(|| {
            self.modes.push(mode);
            mode.write(&mut self.header);
            self.modes.len() - 1
        }) as u8
    }

    /// Encodes the times of a run, whose offset is `start`: the body is in `self.times`.
    fn encode_times(&mut self, timestamps: &[i64], start: usize) -> TimesForm {
        self.times.clear();
        if are_even_times(timestamps) {
            return TimesForm::Even;
        }
        let residuals = TimeResiduals::of(timestamps);
        let mut form = TimesForm::Line(residuals.form);
        if residuals.body_len() > MIN_GENERAL_BYTES + timestamps.len() {
            self.integers.clear();
            self.integers.extend(timestamps.iter().map(|time| time.wrapping_sub(timestamps[0])));
            self.values.clear();
            encode_integers(&self.integers, &mut self.scratch, &mut self.values);
            if self.values.len() + 2 < residuals.body_len() {
                form = TimesForm::Column;
                write_u64(self.values.len() as u64, &mut self.times);
                self.times.extend_from_slice(&self.values);
            }
        }
        if form != TimesForm::Column {
            residuals.write_body(&mut self.times);
        }
        if self.times.len() < MIN_SHARED_BYTES {
            return form;
        }
        self.share_times(form, timestamps.len(), start)
    }

    /// Returns the form of the encoded times, whose body is then empty if an earlier run stores the same times.
    fn share_times(&mut self, form: TimesForm, count: usize, start: usize) -> TimesForm {
        let hash = hash_of(&self.times);
        let Some(&seen) = self.seen_times.get(&hash) else {
            let run = u32::try_from(start).unwrap_or(u32::MAX);
            self.seen_times.insert(hash, StoredTimes { run, count, form });
            return form;
        };
        // Behind the number of the mode. The hash alone does not show that the bytes are equal.
        let body = self.runs.get(seen.run as usize + 1..).unwrap_or_default();
        if (seen.count, seen.form) != (count, form) || !body.starts_with(&self.times) {
            return form;
        }
        self.times.clear();
        TimesForm::Shared(seen.run)
    }

    /// Returns the scale in which all doubles of a run are decimals, whose digits are then in `self.digits`.
    ///
    /// Neighbouring series mostly have the same scale. The one of the run before is right if it is exact and its last
    /// decimal place is used.
    fn exact_scale(&mut self) -> Option<DecimalScale> {
        let Self { floats, digits, last_scale, .. } = self;
        if let Some(last) = *last_scale {
            last.encode(floats, digits);
            if digits.exceptions.is_empty() && last.uses_last_place(&digits.digits) {
                return Some(last);
            }
        }
        let fitted = DecimalScale::fit(floats)?;
        fitted.encode(floats, digits);
        if !digits.exceptions.is_empty() {
            return None;
        }
        *last_scale = Some(fitted);
        Some(fitted)
    }

    /// Encodes the values of a run: the body is in `self.values`.
    fn encode_values(&mut self, ty: ValueType, bits: &[u64]) -> ValuesForm {
        self.values.clear();
        self.integers.clear();
        let scale = if ty == ValueType::F64 {
            self.floats.clear();
            self.floats.extend(bits.iter().map(|&bits| f64::from_bits(bits)));
            let Some(scale) = self.exact_scale() else {
                encode_floats(&self.floats, &mut self.scratch, &mut self.values);
                return ValuesForm::Column;
            };
            self.integers.extend_from_slice(&self.digits.digits);
            Some(scale)
        } else {
            self.integers.extend(bits.iter().map(|bits| bits.cast_signed()));
            None
        };
        let (form, len) = ShortForm::of(&self.integers);
        if len > MIN_GENERAL_BYTES + bits.len() {
            match scale {
                Some(_) => encode_floats(&self.floats, &mut self.scratch, &mut self.values),
                None => encode_integers(&self.integers, &mut self.scratch, &mut self.values),
            }
            if self.values.len() < len {
                return ValuesForm::Column;
            }
            self.values.clear();
        }
        form.write_body(&self.integers, &mut self.values);
        scale.map_or(ValuesForm::Integers(form), |scale| ValuesForm::Decimals(scale, form))
    }
}

/// Returns a hash of bytes. It is the same in every process, so that equal points make equal files.
fn hash_of(bytes: &[u8]) -> u64 {
    /// An odd number with bits of both values in all parts: 2^64 divided by the golden ratio.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let all = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    all.fold(bytes.len() as u64, |hash, word| (hash.rotate_left(25) ^ word).wrapping_mul(FACTOR))
}

/// Decoded header of a packed block. Its memory is reused from block to block.
#[derive(Debug, Default)]
pub(crate) struct PackedHeader {
    modes: Vec<RunMode>,
    /// Length of the header, where the first run begins.
    pub(super) len: usize,
}

/// Encoded columns of a run, and the names of their codecs.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunColumns<'a> {
    /// Forms of the columns, with those of shared times.
    mode: RunMode,
    pub(super) mode_number: u8,
    /// Offset, behind the header, of the run whose times these are; `None` if they are the run's own.
    pub(super) shared_with: Option<u32>,
    times: &'a [u8],
    values: &'a [u8],
}

impl PackedHeader {
    /// Replaces the content by the header of a block.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<(), CodecError> {
        let mut reader = ColumnReader::new(block);
        self.modes.clear();
        let count = reader.u64()?;
        if count == 0 || count > 1 + u64::from(u8::MAX) {
            return Err(CodecError("the number of modes is out of range"));
        }
        for _ in 0..count {
            self.modes.push(RunMode::read(&mut reader)?);
        }
        self.len = block.len() - reader.take_rest().len();
        Ok(())
    }

    /// Splits the run at `range` of a block, which has `count` points.
    pub(super) fn columns<'a>(
        &self,
        block: &'a [u8],
        range: Range<usize>,
        count: usize,
    ) -> Result<RunColumns<'a>, CodecError> {
        if range.start < self.len {
            return Err(CodecError("a run lies in the header of its packed block"));
        }
        let run = block.get(range).ok_or(CodecError("a run lies outside its packed block"))?;
        let (mode_number, mode, body) = self.mode(run)?;
        let own = times_len(mode.times, body, count)?;
        let (own, values) = body.split_at_checked(own).ok_or(CodecError::TRUNCATED)?;
        let TimesForm::Shared(run) = mode.times else {
            return Ok(RunColumns { mode, mode_number, shared_with: None, times: own, values });
        };
        let first = block.get(self.len.saturating_add(run as usize)..).unwrap_or_default();
        let (_, first, body) = self.mode(first)?;
        if matches!(first.times, TimesForm::Shared(_) | TimesForm::Even) {
            return Err(CodecError("shared times are not those of a run that stores times"));
        }
        let times = body.get(..times_len(first.times, body, count)?).ok_or(CodecError::TRUNCATED)?;
        let mode = RunMode { times: first.times, values: mode.values };
        Ok(RunColumns { mode, mode_number, shared_with: Some(run), times, values })
    }

    /// Returns the number of modes.
    pub(super) fn mode_count(&self) -> usize {
        self.modes.len()
    }

    /// Splits a run into the number of its mode, the mode and its bodies.
    fn mode<'a>(&self, run: &'a [u8]) -> Result<(u8, RunMode, &'a [u8]), CodecError> {
        let (&number, body) = run.split_first().ok_or(CodecError::TRUNCATED)?;
        let mode = self.modes.get(usize::from(number)).ok_or(CodecError("the mode of a run is not in the header"))?;
        Ok((number, *mode, body))
    }
}

/// Returns the length of the times at the front of the bodies of a run.
fn times_len(form: TimesForm, body: &[u8], count: usize) -> Result<usize, CodecError> {
    let mut reader = ColumnReader::new(body);
    match form {
        TimesForm::Even | TimesForm::Shared(_) => return Ok(0),
        TimesForm::Line(residuals) => TimeResiduals::skip_body(residuals, &mut reader, count)?,
        TimesForm::Column => {
            let len = usize::try_from(reader.u64()?).map_err(|_| CodecError::TRUNCATED)?;
            reader.take(len)?;
        }
    }
    Ok(body.len() - reader.take_rest().len())
}

impl RunColumns<'_> {
    /// Returns `true` if the times are at equal distances, from the first to the last one: they do not decrease.
    pub(super) fn are_times_even(&self) -> bool {
        self.mode.times == TimesForm::Even
    }

    /// Decodes the times of a run into the front of `out`, and returns them.
    ///
    /// The caller checks their order. The first time is that of the entry, and the last one is checked here.
    pub(super) fn decode_times<'a>(
        &self,
        entry: &BlockEntry,
        out: &'a mut [i64; VECTOR_LEN],
    ) -> Result<&'a [i64], CodecError> {
        let (first, last) = (entry.first_time, entry.last_time);
        let count = run_len(entry)?;
        let mut reader = ColumnReader::new(self.times);
        match self.mode.times {
            TimesForm::Even | TimesForm::Shared(_) => fill_even_times(first, last, &mut out[..count])?,
            TimesForm::Line(form) => TimeResiduals::read_body(form, &mut reader, (first, last), &mut out[..count])?,
            TimesForm::Column => {
                reader.u64()?;
                let mut column = IntegerDecoder::new(reader.take_rest(), count)?;
                column.next(out)?;
                out[..count].iter_mut().for_each(|time| *time = time.wrapping_add(first));
                if (out[0], out[count - 1]) != (first, last) {
                    return Err(CodecError("the times of a run differ from its index entry"));
                }
            }
        }
        reader.finish()?;
        Ok(&out[..count])
    }

    /// Decodes the values of a run into the front of `out`, and returns them as bits.
    pub(super) fn decode_values<'a>(
        &self,
        entry: &BlockEntry,
        out: &'a mut [i64; VECTOR_LEN],
        floats: &mut [f64; VECTOR_LEN],
    ) -> Result<&'a [i64], CodecError> {
        let count = run_len(entry)?;
        let is_float = entry.ty == ValueType::F64;
        match self.mode.values {
            ValuesForm::Column if is_float => {
                FloatDecoder::new(self.values, count)?.next(floats)?;
                for (bits, float) in out.iter_mut().zip(&floats[..count]) {
                    *bits = float.to_bits().cast_signed();
                }
            }
            ValuesForm::Column => {
                IntegerDecoder::new(self.values, count)?.next(out)?;
            }
            ValuesForm::Integers(form) if !is_float => form.read_body(self.values, &mut out[..count])?,
            ValuesForm::Decimals(scale, form) if is_float => {
                form.read_body(self.values, &mut out[..count])?;
                scale.decode(&mut out[..count]);
            }
            ValuesForm::Integers(_) | ValuesForm::Decimals(..) => {
                return Err(CodecError("the form of a run is not one of its value type"));
            }
        }
        Ok(&out[..count])
    }

    /// Returns the name and the length of the encoded times and of the encoded values.
    pub(super) fn encodings(&self) -> [(&'static str, usize); 2] {
        let times = match self.mode.times {
            _ if self.shared_with.is_some() => ("shared", 0),
            TimesForm::Even | TimesForm::Shared(_) => ("even", 0),
            TimesForm::Line(_) => ("line", self.times.len()),
            TimesForm::Column => ("column", self.times.len()),
        };
        let values = match self.mode.values {
            ValuesForm::Column => codec_name(self.values),
            ValuesForm::Integers(ShortForm::Base(_)) | ValuesForm::Decimals(_, ShortForm::Base(_)) => "short base",
            ValuesForm::Integers(ShortForm::Steps(_)) | ValuesForm::Decimals(_, ShortForm::Steps(_)) => "short steps",
        };
        [times, (values, self.values.len())]
    }
}

fn run_len(entry: &BlockEntry) -> Result<usize, CodecError> {
    let count = entry.count as usize;
    if count == 0 || count > MAX_RUN_POINTS {
        Err(CodecError("the count of a run is out of bounds"))
    } else {
        Ok(count)
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "numbers in tests are small"
)]
mod tests;
