//! Schemes: transformations of a vector of integers into flat values, which are small or lie in a narrow range.
//!
//! The indexes `i` count from 0. `v[-1]` and `v[-2]` are not values of the vector; the parameters define them: `start`
//! is `v[-1]`, and in `Delta2` `slope` is `v[-1] - v[-2]`.
//!
//! | scheme | flat values `f[i]` of the values `v[i]` | parameters |
//! |---|---|---|
//! | `For` | `v[i]` | none |
//! | `Linear` | `v[i] - slope * i` | slope |
//! | `Delta` | `v[i] - v[i - 1]` | start |
//! | `Delta2` | `(v[i] - v[i - 1]) - (v[i - 1] - v[i - 2])` | start, slope |
//!
//! A vector is restored from its flat values and its own [`SchemeParams`] only. All arithmetic wraps modulo 2^64, so
//! each scheme is exact for all values. The module `integer` chooses one scheme per column by the number of encoded
//! bytes.

use fearless_simd::Level;

use super::running_sum::sum_differences;
use super::varint::{ColumnReader, len_i64, write_i64};
use super::vectors::{add_line, fill_line, subtract_line, subtract_previous, subtract_previous_twice};
use super::{CodecError, codec_id};

/// Transformation of a vector before packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The values themselves: PFOR packs their differences from a reference (frame of reference).
    For,
    /// Residuals from a straight line.
    Linear,
    /// Differences.
    Delta,
    /// Differences of differences.
    Delta2,
}

/// Parameters that restore a vector from its flat values.
///
/// In a column, a field that the scheme does not use is 0 and not stored. Before it restores a vector, the module
/// `integer` multiplies both fields by the step of the grid and adds the offset of the grid to `start`, under every
/// scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemeParams {
    /// `Delta`, `Delta2`: value before the first one, from which the running sum starts. `For`, `Linear`: constant that
    /// is added to every value.
    pub(crate) start: i64,
    /// `Linear`: slope of the line. `Delta2`: difference from which the running difference starts.
    pub(crate) slope: i64,
}

impl Scheme {
    /// Returns the codec id.
    pub(crate) const fn id(self) -> u8 {
        match self {
            Self::For => codec_id::FOR,
            Self::Linear => codec_id::LINEAR,
            Self::Delta => codec_id::DELTA,
            Self::Delta2 => codec_id::DELTA2,
        }
    }

    /// Returns the scheme of a codec id; `None` if the id is not that of a scheme.
    pub(crate) const fn from_id(id: u8) -> Option<Self> {
        match id {
            codec_id::FOR => Some(Self::For),
            codec_id::LINEAR => Some(Self::Linear),
            codec_id::DELTA => Some(Self::Delta),
            codec_id::DELTA2 => Some(Self::Delta2),
            _ => None,
        }
    }

    /// Replaces the contents of `flat` by the flat values, and returns the parameters.
    ///
    /// There must be at least one value. The first flat value of `Delta` and the first two of `Delta2` can be chosen
    /// freely, since `start` and `slope` correct for them. They are equal to the next flat value (0 if there is none),
    /// so that they do not widen the range.
    pub(crate) fn flatten(self, values: &[i64], flat: &mut Vec<i64>) -> SchemeParams {
        let first = values[0];
        let second = values.get(1).copied().unwrap_or(first);
        flat.resize(values.len(), 0);
        match self {
            Self::For => {
                flat.copy_from_slice(values);
                SchemeParams { start: 0, slope: 0 }
            }
            Self::Linear => {
                let slope = mean_slope(values);
                subtract_line(Level::new(), slope, values, flat);
                SchemeParams { start: 0, slope }
            }
            Self::Delta => {
                let difference = second.wrapping_sub(first);
                flat[0] = difference;
                subtract_previous(Level::new(), values, flat);
                SchemeParams { start: first.wrapping_sub(difference), slope: 0 }
            }
            Self::Delta2 => {
                let second_difference =
                    |three: &[i64]| three[2].wrapping_sub(three[1]).wrapping_sub(three[1].wrapping_sub(three[0]));
                let lead = values.get(..3).map_or(0, second_difference);
                let chosen = flat.len().min(2);
                flat[..chosen].fill(lead);
                subtract_previous_twice(Level::new(), values, flat);
                let slope = second.wrapping_sub(first).wrapping_sub(lead.wrapping_mul(2));
                SchemeParams { start: first.wrapping_sub(slope).wrapping_sub(lead), slope }
            }
        }
    }

    /// Replaces flat values, from which `reference` was subtracted, by the values: the inverse of [`Self::flatten`].
    pub(crate) fn restore(self, params: SchemeParams, reference: i64, values: &mut [i64]) {
        let SchemeParams { start, slope } = params;
        match self {
            Self::For => add_line(Level::new(), start.wrapping_add(reference), 0, values),
            Self::Linear => add_line(Level::new(), start.wrapping_add(reference), slope, values),
            Self::Delta => sum_differences(Level::new(), start, reference, None, values),
            Self::Delta2 => {
                let (mut sum, mut difference) = (start, slope);
                for value in values {
                    difference = difference.wrapping_add(reference.wrapping_add(*value));
                    sum = sum.wrapping_add(difference);
                    *value = sum;
                }
            }
        }
    }

    /// Fills `values` as [`restore`](Self::restore) does if all flat values equal `reference`.
    pub(crate) fn restore_constant(self, params: SchemeParams, reference: i64, values: &mut [i64]) {
        let first = params.start.wrapping_add(reference);
        match self {
            Self::For => values.fill(first),
            Self::Linear => fill_line(Level::new(), first, params.slope, values),
            Self::Delta => fill_line(Level::new(), first, reference, values),
            Self::Delta2 => {
                values.fill(0);
                self.restore(params, reference, values);
            }
        }
    }

    const fn has_start(self) -> bool {
        matches!(self, Self::Delta | Self::Delta2)
    }

    const fn has_slope(self) -> bool {
        matches!(self, Self::Linear | Self::Delta2)
    }

    /// Returns the number of bytes that [`write_params`](Self::write_params) appends.
    pub(crate) const fn params_len(self, params: SchemeParams) -> usize {
        let start = if self.has_start() { len_i64(params.start) } else { 0 };
        start + if self.has_slope() { len_i64(params.slope) } else { 0 }
    }

    /// Appends the parameters that the scheme uses.
    pub(crate) fn write_params(self, params: SchemeParams, out: &mut Vec<u8>) {
        if self.has_start() {
            write_i64(params.start, out);
        }
        if self.has_slope() {
            write_i64(params.slope, out);
        }
    }

    /// Reads the parameters of a vector of `count` values. Refuses a slope of `Linear` for a single value.
    pub(crate) fn read_params(self, reader: &mut ColumnReader<'_>, count: usize) -> Result<SchemeParams, CodecError> {
        let start = if self.has_start() { reader.i64()? } else { 0 };
        let slope = if self.has_slope() { reader.i64()? } else { 0 };
        if self == Self::Linear && count == 1 && slope != 0 {
            return Err(CodecError("a single value has a slope"));
        }
        Ok(SchemeParams { start, slope })
    }
}

/// Returns the slope from the first value to the last, rounded to an integer; 0 for a single value.
///
/// If the rise from the first value to the last does not fit `i64`, it wraps, and the result is some other slope. The
/// residuals are then larger but still exact.
#[expect(clippy::cast_possible_wrap, reason = "a vector holds at most 1,024 values")]
fn mean_slope(values: &[i64]) -> i64 {
    let (first, last) = (values[0], values[values.len() - 1]);
    let steps = (values.len() - 1) as i64;
    if steps == 0 {
        return 0;
    }
    let rise = last.wrapping_sub(first);
    // To round, adds half of `steps` in the direction of the rise. Saturation only affects the rounding.
    rise.saturating_add(rise.signum() * (steps / 2)) / steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_round_trips_at_every_short_length() {
        let values = [i64::MIN, i64::MAX, 0, -1, 17, i64::MIN + 1, 4, 9];
        for len in 1..=values.len() {
            for scheme in [Scheme::For, Scheme::Linear, Scheme::Delta, Scheme::Delta2] {
                let mut flat = Vec::new();
                let params = scheme.flatten(&values[..len], &mut flat);
                let reference = 12345;
                for value in &mut flat {
                    *value = value.wrapping_sub(reference);
                }
                scheme.restore(params, reference, &mut flat);
                assert_eq!(flat, values[..len], "{scheme:?}");
                let (mut restored, mut filled) = (vec![0; len], vec![1; len]);
                scheme.restore(params, reference, &mut restored);
                scheme.restore_constant(params, reference, &mut filled);
                assert_eq!(restored, filled, "{scheme:?}");
            }
        }
    }

    #[test]
    fn a_regular_sequence_is_flat_in_the_linear_and_delta_schemes() {
        let values: Vec<i64> = (0..100).map(|i| -40 + 7 * i).collect();
        let mut flat = Vec::new();
        assert_eq!(Scheme::Linear.flatten(&values, &mut flat), SchemeParams { start: 0, slope: 7 });
        assert_eq!(flat, [-40; 100]);
        Scheme::Delta.flatten(&values, &mut flat);
        assert_eq!(flat, [7; 100]);
        Scheme::Delta2.flatten(&values, &mut flat);
        assert_eq!(flat, [0; 100]);
    }
}
