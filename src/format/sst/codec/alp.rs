//! ALP: represents doubles that are short decimals as integers (digits).
//!
//! Source: Afroozeh, Kuffó, Boncz, "ALP: Adaptive Lossless floating-Point Compression", SIGMOD 2024. Products with two
//! powers of ten convert a value to its digits and back:
//!
//! ```text
//!  digits = round(value * 10^exponent * 10^-factor)
//!  value  = digits * 10^factor * 10^-exponent            example: 20.5 = 205 * 10^13 * 10^-14
//! ```
//!
//! A value that its digits do not reproduce bit for bit (NaN, an infinity, -0.0, a value with too many digits) is an
//! exception, stored separately.
//!
//! [`DecimalScale::fit`] deviates from the paper in the search: it first finds the number of decimal places from a
//! sample, and then the exponent, instead of trying all pairs of exponent and factor.
//!
//! Invariants:
//! - A scale is chosen only if at most a third of the sample are exceptions.
//! - `encode` lists every value that its digits do not reproduce as an exception.

use fearless_simd::{Level, Simd, dispatch};

use super::CodecError;
use super::varint::{ColumnReader, bit_length};
use super::vectors::map_words;

/// Maximum exponent: 10^18 is the greatest power of ten below 2^63.
const MAX_EXPONENT: usize = 18;

/// The doubles nearest to `10^i`.
const POWERS: [f64; MAX_EXPONENT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

/// The doubles nearest to `10^-i`.
const INVERSES: [f64; MAX_EXPONENT + 1] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17,
    1e-18,
];

/// Exponents in order of the relative error of [`INVERSES`], the smallest first. The error of the double 1e-14 is only
/// 1.5 % of half a unit in the last place, so products with it nearly always round to the value. This is why the paper
/// prefers 14.
const EXPONENTS_BY_ACCURACY: [u8; MAX_EXPONENT + 1] =
    [0, 14, 12, 2, 3, 16, 8, 13, 10, 6, 7, 4, 1, 11, 9, 17, 18, 15, 5];

/// 2^52 + 2^51. The sum of it and a double of magnitude below 2^51 has the nearest integer in its low bits; subtraction
/// converts the integer back. So both conversions are vectorized with SSE2, which has no instruction to convert 64-bit
/// integers.
pub(super) const ROUNDING_CONSTANT: f64 = 6_755_399_441_055_744.0;

/// Limit of the digits: they lie in `-DIGITS_LIMIT..DIGITS_LIMIT`, where rounding with [`ROUNDING_CONSTANT`] is exact.
const DIGITS_LIMIT: i64 = 1 << 51;

/// Maximum number of values from which the scale is estimated.
const SAMPLE_LEN: usize = 64;

/// Number of values that are tested for exceptions together.
const CHECK_CHUNK_LEN: usize = 64;

/// Size of an exception in bits: the value and its position.
const EXCEPTION_BITS: usize = 64 + 16;

/// Maximum number of decimal places.
pub(super) const MAX_PLACES: u8 = 18;

/// The two powers of ten of a column: `value = digits * 10^factor * 10^-exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecimalScale {
    exponent: u8,
    /// At most `exponent`. The digits have `exponent - factor` decimal places. Scales with the same number of decimal
    /// places differ only in their rounding.
    factor: u8,
}

/// Digits of a column, and the positions of the exceptions in it.
#[derive(Debug, Default)]
pub(crate) struct DecimalDigits {
    pub(crate) digits: Vec<i64>,
    pub(crate) exceptions: Vec<u16>,
}

impl DecimalScale {
    /// Returns the scale with the fewest exceptions in a sample of `values`.
    ///
    /// Returns `None` if more than a third of the sample would be exceptions. There must be at least one value.
    pub(crate) fn fit(values: &[f64]) -> Option<Self> {
        let mut sample = [0.0; SAMPLE_LEN];
        let strided = values.iter().step_by(values.len().div_ceil(SAMPLE_LEN));
        let len = sample.iter_mut().zip(strided).map(|(slot, value)| *slot = *value).count();
        let sample = &sample[..len];
        let places = decimal_places(sample)?;
        let mut best: Option<(usize, Self)> = None;
        for exponent in EXPONENTS_BY_ACCURACY {
            let Some(factor) = exponent.checked_sub(places) else { continue };
            let scale = Self { exponent, factor };
            let exceptions = sample.iter().filter(|&&value| !scale.round_trips(value, scale.to_digits(value))).count();
            if best.is_none_or(|(fewest, _)| exceptions < fewest) {
                best = Some((exceptions, scale));
            }
            if exceptions == 0 {
                break;
            }
        }
        best.filter(|(exceptions, _)| exceptions * 3 <= len).map(|(_, scale)| scale)
    }

    /// Returns the scale of a number of decimal places, at most [`MAX_PLACES`], with the most accurate inverse.
    pub(super) fn with_places(places: u8) -> Self {
        let mut factors =
            EXPONENTS_BY_ACCURACY.iter().filter_map(|exponent| Some((*exponent, exponent.checked_sub(places)?)));
        let (exponent, factor) = factors.next().unwrap_or((places, 0));
        Self { exponent, factor }
    }

    /// Returns the digits of a value; `None` if they are out of range.
    pub(super) fn digits_in_range(self, value: f64) -> Option<i64> {
        let digits = self.to_digits(value);
        (-DIGITS_LIMIT..DIGITS_LIMIT).contains(&digits).then_some(digits)
    }

    /// Returns the bits of the value of digits in range.
    pub(super) fn bits_of(self, digits: i64) -> i64 {
        let (power, inverse) = self.factors_to_value();
        (to_double(digits) * power * inverse).to_bits().cast_signed()
    }

    /// Replaces the contents of `digits` by the digits of `values` and the positions of the exceptions.
    ///
    /// The digits of an exception are those of the last value before it that is no exception (at the beginning: of the
    /// first such value), so that the integer codecs store a difference of 0.
    pub(crate) fn encode(self, values: &[f64], digits: &mut DecimalDigits) {
        self.encode_at(Level::new(), values, digits);
    }

    fn encode_at(self, level: Level, values: &[f64], digits: &mut DecimalDigits) {
        let DecimalDigits { digits, exceptions } = digits;
        digits.resize(values.len(), 0);
        exceptions.clear();
        let mut neighbour = 0;
        let chunks = digits.chunks_mut(CHECK_CHUNK_LEN).zip(values.chunks(CHECK_CHUNK_LEN));
        for (base, (digits, values)) in (0u16..).step_by(CHECK_CHUNK_LEN).zip(chunks) {
            // Exceptions are rare, so a whole chunk is tested at once, in a loop without branches that is vectorized.
            if self.encode_chunk(level, values, digits) != 0 {
                for ((position, digit), &value) in (base..).zip(&mut *digits).zip(values) {
                    if self.round_trips(value, *digit) {
                        neighbour = *digit;
                    } else {
                        exceptions.push(position);
                        *digit = neighbour;
                    }
                }
            }
            neighbour = digits[digits.len() - 1];
        }
        fill_leading_exceptions(digits, exceptions);
    }

    /// Replaces `digits` by those of as many values. Returns 0 if all of them are in range and reproduce their values, else
    /// another number.
    fn encode_chunk(self, level: Level, values: &[f64], digits: &mut [i64]) -> u64 {
        let (to_digits, to_value) = (self.factors_to_digits(), self.factors_to_value());
        dispatch!(level, simd => simd.vectorize(
            #[inline(always)]
            move || {
                let mut failures = 0;
                for (digits, &value) in digits.iter_mut().zip(values) {
                    *digits = round(value * to_digits.0 * to_digits.1);
                    failures |= mismatch(value, *digits, to_value);
                }
                failures
            }
        ))
    }

    /// Replaces digits by the bits of their values. Digits out of range give an unspecified double.
    pub(crate) fn decode(self, digits: &mut [i64]) {
        self.decode_at(Level::new(), digits);
    }

    fn decode_at(self, level: Level, digits: &mut [i64]) {
        let (power, inverse) = self.factors_to_value();
        map_words(
            level,
            digits,
            #[inline(always)]
            move |digits| (to_double(digits) * power * inverse).to_bits().cast_signed(),
        );
    }

    /// Returns `true` if a scale with fewer decimal places does not have the same values: some digits do not end with 0.
    pub(crate) fn uses_last_place(self, digits: &[i64]) -> bool {
        self.exponent == self.factor || digits.iter().any(|digits| digits % 10 != 0)
    }

    /// Appends the scale.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend([self.exponent, self.factor]);
    }

    /// Reads a scale. Refuses an exponent above [`MAX_EXPONENT`], and a factor above the exponent.
    pub(crate) fn read(reader: &mut ColumnReader<'_>) -> Result<Self, CodecError> {
        let (exponent, factor) = (reader.byte()?, reader.byte()?);
        if usize::from(exponent) > MAX_EXPONENT || factor > exponent {
            return Err(CodecError("the decimal exponents are out of range"));
        }
        Ok(Self { exponent, factor })
    }

    /// Returns the two numbers by which a value is multiplied, one after the other, for its digits.
    fn factors_to_digits(self) -> (f64, f64) {
        (POWERS[usize::from(self.exponent)], INVERSES[usize::from(self.factor)])
    }

    /// Returns the two numbers by which digits are multiplied, one after the other, for their value.
    pub(super) fn factors_to_value(self) -> (f64, f64) {
        (POWERS[usize::from(self.factor)], INVERSES[usize::from(self.exponent)])
    }

    fn to_digits(self, value: f64) -> i64 {
        let (power, inverse) = self.factors_to_digits();
        round(value * power * inverse)
    }

    /// Returns `true` if `digits` reproduce `value`.
    fn round_trips(self, value: f64, digits: i64) -> bool {
        mismatch(value, digits, self.factors_to_value()) == 0
    }
}

/// Returns 0 if `digits` are in range and reproduce `value` bit for bit, else another number. So -0.0, NaN, infinities and
/// values with too many digits become exceptions.
#[inline]
fn mismatch(value: f64, digits: i64, (power, inverse): (f64, f64)) -> u64 {
    let out_of_range = digits.wrapping_add(DIGITS_LIMIT).cast_unsigned() / (2 * DIGITS_LIMIT.cast_unsigned());
    out_of_range | ((to_double(digits) * power * inverse).to_bits() ^ value.to_bits())
}

/// Replaces the digits of the exceptions at the beginning.
///
/// The new digits are those of the first value that is no exception. If there is none, the digits stay.
fn fill_leading_exceptions(digits: &mut [i64], exceptions: &[u16]) {
    let lead = exceptions.iter().zip(0..).take_while(|&(&position, index)| position == index).count();
    if lead < digits.len() {
        let first_good = digits[lead];
        digits[..lead].fill(first_good);
    }
}

/// Returns the integer that is nearest to a double of magnitude below 2^51, ties to even.
///
/// Returns an unspecified integer for other doubles.
#[inline]
fn round(value: f64) -> i64 {
    (value + ROUNDING_CONSTANT).to_bits().wrapping_sub(ROUNDING_CONSTANT.to_bits()).cast_signed()
}

/// Inverts [`round`] for digits in range; returns an unspecified double for other digits.
#[inline]
fn to_double(digits: i64) -> f64 {
    f64::from_bits(ROUNDING_CONSTANT.to_bits().wrapping_add(digits.cast_unsigned())) - ROUNDING_CONSTANT
}

/// Returns the number of decimal places at which the sample takes the fewest bits.
///
/// Returns `None` if more than a third of the sample are exceptions at every number of places. The search ends at the
/// first number without exceptions.
///
/// The quotient of the digits and a power of ten, two exact integers, is correctly rounded. So it shows whether a value
/// is a decimal with that number of places, independently of the rounding of the products. Choosing the places first
/// avoids a search over all pairs of exponent and factor.
fn decimal_places(sample: &[f64]) -> Option<u8> {
    let mut best: Option<(usize, u8)> = None;
    for (places, power) in (0u8..).zip(POWERS) {
        let mut exceptions = 0;
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for &value in sample {
            let digits = round(value * power);
            let within = (-DIGITS_LIMIT..DIGITS_LIMIT).contains(&digits);
            if within && (to_double(digits) / power).to_bits() == value.to_bits() {
                (min, max) = (min.min(digits), max.max(digits));
            } else {
                exceptions += 1;
            }
        }
        if exceptions * 3 > sample.len() {
            continue;
        }
        let width = bit_length(max.abs_diff(min)) as usize;
        let bits = exceptions * EXCEPTION_BITS + (sample.len() - exceptions) * width;
        if best.is_none_or(|(fewest, _)| bits < fewest) {
            best = Some((bits, places));
        }
        if exceptions == 0 {
            break;
        }
    }
    best.map(|(_, places)| places)
}

#[cfg(test)]
mod tests {
    use super::super::vectors::tests::levels;
    use super::*;

    #[test]
    fn decimals_with_two_places_are_recognized_and_reproduced() {
        let values: Vec<f64> = (-500..500).map(|i| f64::from(i) / 100.0).collect();
        let scale = DecimalScale::fit(&values).unwrap();
        assert_eq!(scale.exponent - scale.factor, 2);
        let mut digits = DecimalDigits::default();
        scale.encode(&values, &mut digits);
        assert_eq!(digits.digits, (-500..500).collect::<Vec<_>>());
        assert!(digits.exceptions.is_empty());
    }

    #[test]
    fn a_scale_uses_its_last_place_if_some_digits_do_not_end_with_zero() {
        let scale = DecimalScale { exponent: 14, factor: 12 };
        assert!(scale.uses_last_place(&[120, -3, 50]) && !scale.uses_last_place(&[120, 0, -50]));
        assert!(DecimalScale { exponent: 0, factor: 0 }.uses_last_place(&[10]));
    }

    #[test]
    fn values_that_are_no_short_decimals_are_exceptions() {
        let values =
            [f64::NAN, -0.0, 1.5, f64::INFINITY, f64::NEG_INFINITY, 1e308, 5e-324, 2.25, 9e15, std::f64::consts::PI];
        let scale = DecimalScale { exponent: 14, factor: 12 };
        let mut digits = DecimalDigits::default();
        scale.encode(&values, &mut digits);
        assert_eq!(digits.exceptions, [0, 1, 3, 4, 5, 6, 8, 9]);
        assert_eq!(digits.digits, [150, 150, 150, 150, 150, 150, 150, 225, 225, 225]);
    }

    #[test]
    fn every_level_gives_the_same_doubles() {
        let far = [i64::MIN, i64::MAX, DIGITS_LIMIT, -DIGITS_LIMIT];
        let digits: Vec<i64> = (0..1_021_i64).map(|i| i * i * 977_531 - 40_000_000).chain(far).collect();
        for (exponent, factor) in [(14, 12), (0, 0), (18, 3), (17, 17)] {
            let scale = DecimalScale { exponent, factor };
            let (power, inverse) = scale.factors_to_value();
            let expected: Vec<u64> =
                digits.iter().map(|&digits| (to_double(digits) * power * inverse).to_bits()).collect();
            for level in levels() {
                let mut bits = digits.clone();
                scale.decode_at(level, &mut bits);
                assert!(bits.iter().map(|bits| bits.cast_unsigned()).eq(expected.iter().copied()), "{level:?}");
            }
        }
    }

    #[test]
    fn every_level_gives_the_same_digits_and_exceptions() {
        let odd = [f64::NAN, -0.0, f64::INFINITY, 1e308, 5e-324, 9e15, std::f64::consts::PI, -2.25];
        let values: Vec<f64> = (0..300_i32).map(|i| f64::from(i * i - 9_000) / 100.0).chain(odd).collect();
        let scale = DecimalScale { exponent: 14, factor: 12 };
        let of = |level| {
            let mut digits = DecimalDigits::default();
            scale.encode_at(level, &values, &mut digits);
            digits
        };
        let expected = of(Level::baseline());
        assert_eq!(expected.exceptions, [300, 301, 302, 303, 304, 305, 306]);
        for level in levels() {
            let found = of(level);
            assert_eq!((found.digits, found.exceptions), (expected.digits.clone(), expected.exceptions.clone()));
        }
    }

    #[test]
    fn rounding_is_exact_within_the_range_of_digits() {
        for digits in [0, 1, -1, DIGITS_LIMIT - 1, -DIGITS_LIMIT, 123_456_789] {
            assert_eq!(round(to_double(digits)), digits);
        }
        assert_eq!(round(2.5), 2);
        assert_eq!(round(-0.7), -1);
    }
}
