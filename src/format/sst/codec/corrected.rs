//! ALP with corrections: doubles that differ from short decimals in their last bits.
//!
//! Sums and products of decimals, as 6864.8422439999995, are not the doubles nearest to a short decimal, but only a few
//! units in the last place away from one. As an exception of ALP such a value takes ten bytes. With a correction for every
//! value it takes as many bits as the corrections need:
//!
//! ```text
//!  value       6864.842244   6864.8422439999995        digits      6864842244   6864842244
//!  correction            0                   -1        value bits = bits of the decimal + correction
//! ```
//!
//! Digits and corrections are columns of integers. The sum of bits wraps modulo 2^64, so every double is exact: NaN and the
//! like have great corrections, which are patched.

use fearless_simd::{Level, Simd, dispatch};

use super::alp::{DecimalScale, MAX_PLACES};
use super::varint::{bit_length, zigzag};

/// Maximum number of values from which the scale is estimated.
const SAMPLE_LEN: usize = 32;

/// Maximum estimated bits of digits and correction of a value. A value of more bits is stored as its word, which is decoded
/// several times as fast.
const MAX_BITS: u32 = 48;

/// Digits and corrections of a column.
#[derive(Debug, Default)]
pub(super) struct CorrectedDigits {
    pub(super) digits: Vec<i64>,
    pub(super) corrections: Vec<i64>,
}

impl CorrectedDigits {
    /// Replaces the content by the digits and corrections of values.
    pub(super) fn split(&mut self, scale: DecimalScale, values: &[f64]) {
        self.digits.clear();
        self.corrections.clear();
        let mut neighbour = 0;
        for &value in values {
            let digits = scale.digits_in_range(value).unwrap_or(neighbour);
            self.digits.push(digits);
            self.corrections.push(correction(scale, value, digits));
            neighbour = digits;
        }
    }
}

/// Returns the scale at which digits and corrections of a sample take the fewest bits; `None` if they take too many.
pub(super) fn fit(values: &[f64]) -> Option<DecimalScale> {
    let mut sample = [0.0; SAMPLE_LEN];
    let strided = values.iter().step_by(values.len().div_ceil(SAMPLE_LEN).max(1));
    let len = sample.iter_mut().zip(strided).map(|(slot, value)| *slot = *value).count();
    let scales = (0..=MAX_PLACES).filter_map(|places| {
        let scale = DecimalScale::with_places(places);
        Some((bits_of_sample(scale, &sample[..len])?, scale))
    });
    scales.filter(|(bits, _)| *bits <= MAX_BITS).min_by_key(|(bits, _)| *bits).map(|(_, scale)| scale)
}

/// Returns the estimated bits of a value, with most of the sample in the range of the digits; else `None`.
///
/// The widest eighth of the corrections is ignored, since it would be patched.
fn bits_of_sample(scale: DecimalScale, sample: &[f64]) -> Option<u32> {
    let mut widths = [0; SAMPLE_LEN];
    let (mut min, mut max, mut count) = (i64::MAX, i64::MIN, 0);
    for &value in sample {
        let Some(digits) = scale.digits_in_range(value) else { continue };
        (min, max) = (min.min(digits), max.max(digits));
        widths[count] = bit_length(zigzag(correction(scale, value, digits)));
        count += 1;
    }
    if count == 0 || (sample.len() - count) * 8 > sample.len() {
        return None;
    }
    let widths = &mut widths[..count];
    widths.sort_unstable();
    Some(bit_length(max.abs_diff(min)) + widths[count - 1 - count / 8])
}

fn correction(scale: DecimalScale, value: f64, digits: i64) -> i64 {
    value.to_bits().cast_signed().wrapping_sub(scale.bits_of(digits))
}

/// Adds corrections to the bits of decimals.
pub(super) fn correct(corrections: &[i64], bits: &mut [i64]) {
    dispatch!(Level::new(), simd => simd.vectorize(
        #[inline(always)]
        move || {
            for (bits, correction) in bits.iter_mut().zip(corrections) {
                *bits = bits.wrapping_add(*correction);
            }
        }
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_beside_decimals_have_small_corrections() {
        let values: Vec<f64> = (0..500).map(|at| f64::from(at) * 1.15078).collect();
        let scale = fit(&values).unwrap();
        let mut parts = CorrectedDigits::default();
        parts.split(scale, &values);
        assert!(parts.corrections.iter().all(|by| by.abs() <= 2));
        assert!(parts.corrections.iter().any(|by| *by != 0));
        assert_eq!(parts.digits[2], 230_156);
    }

    #[test]
    fn every_double_is_restored_bit_for_bit() {
        let odd = [f64::NAN, -f64::NAN, -0.0, 0.0, f64::INFINITY, f64::MIN, 5e-324, 1e300, 0.1 + 0.2, -2.25, 9e15];
        for places in 0..=MAX_PLACES {
            let scale = DecimalScale::with_places(places);
            let mut parts = CorrectedDigits::default();
            parts.split(scale, &odd);
            let mut bits = parts.digits.clone();
            scale.decode(&mut bits);
            correct(&parts.corrections, &mut bits);
            let expected = odd.map(|value| value.to_bits().cast_signed());
            assert_eq!(bits, expected, "{places}");
        }
    }

    #[test]
    fn full_mantissas_have_no_scale() {
        assert_eq!(fit(&(1..99).map(|at| f64::from(at).sqrt().sin() * 1e9).collect::<Vec<_>>()), None);
        assert_eq!(fit(&[f64::NAN; 50]), None);
    }
}
