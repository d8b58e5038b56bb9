//! ALP: doubles that are short decimals, as integers (Afroozeh, Kuffó, Boncz, "ALP: Adaptive Lossless floating-Point
//! Compression", SIGMOD 2024): `digits = round(value * 10^exponent * 10^-factor)`, and back by the reverse two products.
//! Promises a `Scale` only for values that mostly come back bit for bit, and names every one that does not.
//! Must not know how digits are packed or where exceptions are kept.

use super::CodecError;
use super::varint::{Reader, bit_length};

/// The greatest exponent: 10^18 is the last power of ten below 2^63.
const MAX_EXPONENT: usize = 18;

const POWERS: [f64; MAX_EXPONENT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];

const INVERSES: [f64; MAX_EXPONENT + 1] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17,
    1e-18,
];

/// The exponents by how near `INVERSES` comes to the true inverse, nearest first: 1e-14 is off by a hundredth of half a
/// unit in the last place, so products with it nearly always round to the value; hence the paper's preference for 14.
const BY_ACCURACY: [u8; MAX_EXPONENT + 1] = [0, 14, 12, 2, 3, 16, 8, 13, 10, 6, 7, 4, 1, 11, 9, 17, 18, 15, 5];

/// 2^52 + 2^51. Added to a double of magnitude below 2^51 it leaves the nearest integer in the low bits of the sum, and
/// the other way about: conversions that SSE2, having none for 64-bit integers, can do two at a time.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Digits lie in `-DIGITS_END..DIGITS_END`, where [`ROUNDER`] is exact.
const DIGITS_END: i64 = 1 << 51;

/// Values looked at to find the scale.
const SAMPLE: usize = 64;

/// Values tested at once for exceptions.
const CHUNK: usize = 64;

/// The bits that a value costs which is no short decimal: itself and its position.
const EXCEPTION_BITS: usize = 64 + 16;

/// `value = digits * 10^factor * 10^-exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    exponent: u8,
    /// At most `exponent`. Digits are those of `exponent - factor` places; the pair decides the rounding alone.
    factor: u8,
}

/// A column's digits, and the positions of the values that do not come back from them.
#[derive(Debug, Default)]
pub(super) struct Digits {
    pub(super) digits: Vec<i64>,
    pub(super) exceptions: Vec<u16>,
}

impl Scale {
    /// The scale that suits `values` by a sample; none if it fails for more than a third of it.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut sample = [0.0; SAMPLE];
        let strided = values.iter().step_by(values.len().div_ceil(SAMPLE));
        let len = sample.iter_mut().zip(strided).map(|(slot, value)| *slot = *value).count();
        let sample = &sample[..len];
        let places = decimal_places(sample)?;
        let mut best: Option<(usize, Self)> = None;
        for exponent in BY_ACCURACY {
            let Some(factor) = exponent.checked_sub(places) else { continue };
            let scale = Self { exponent, factor };
            let exceptions = sample.iter().filter(|&&value| !scale.holds(value, scale.to_digits(value))).count();
            if best.is_none_or(|(fewest, _)| exceptions < fewest) {
                best = Some((exceptions, scale));
            }
            if exceptions == 0 {
                break;
            }
        }
        best.filter(|(exceptions, _)| exceptions * 3 <= len).map(|(_, scale)| scale)
    }

    /// Fills `digits`. An exception takes its neighbour's digits, which cost nothing as a difference.
    pub(super) fn encode(self, values: &[f64], digits: &mut Digits) {
        let Digits { digits, exceptions } = digits;
        digits.clear();
        digits.extend(values.iter().map(|&value| self.to_digits(value)));
        exceptions.clear();
        let mut neighbour = 0;
        let chunks = digits.chunks_mut(CHUNK).zip(values.chunks(CHUNK));
        for (base, (digits, values)) in (0u16..).step_by(CHUNK).zip(chunks) {
            // One test for many values, since exceptions are rare and this loop, without branches, is not scalar.
            let failures = digits.iter().zip(values).fold(0, |bits, (&d, &value)| bits | self.failure(value, d));
            if failures != 0 {
                for ((position, digit), &value) in (base..).zip(&mut *digits).zip(values) {
                    if self.holds(value, *digit) {
                        neighbour = *digit;
                    } else {
                        exceptions.push(position);
                        *digit = neighbour;
                    }
                }
            }
            neighbour = digits[digits.len() - 1];
        }
        fill_lead(digits, exceptions);
    }

    /// Fills `values`, of the same length. Any digits do; those outside the encoder's range give some double.
    pub(super) fn decode(self, digits: &[i64], values: &mut [f64]) {
        assert_eq!(digits.len(), values.len(), "a value for each number");
        for (value, &digits) in values.iter_mut().zip(digits) {
            *value = self.to_value(digits);
        }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend([self.exponent, self.factor]);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (exponent, factor) = (reader.byte()?, reader.byte()?);
        if usize::from(exponent) > MAX_EXPONENT || factor > exponent {
            return Err(CodecError("the decimal exponents are out of range"));
        }
        Ok(Self { exponent, factor })
    }

    fn to_digits(self, value: f64) -> i64 {
        round(value * POWERS[usize::from(self.exponent)] * INVERSES[usize::from(self.factor)])
    }

    fn to_value(self, digits: i64) -> f64 {
        to_double(digits) * POWERS[usize::from(self.factor)] * INVERSES[usize::from(self.exponent)]
    }

    fn holds(self, value: f64, digits: i64) -> bool {
        self.failure(value, digits) == 0
    }

    /// Not 0 if `digits` are out of range or do not give `value` back to the bit: so -0.0, NaN, infinities and values of
    /// too many digits become exceptions.
    fn failure(self, value: f64, digits: i64) -> u64 {
        let beyond = digits.wrapping_add(DIGITS_END).cast_unsigned() / (2 * DIGITS_END.cast_unsigned());
        beyond | (self.to_value(digits).to_bits() ^ value.to_bits())
    }
}

/// Exceptions before the first good value had no neighbour yet.
fn fill_lead(digits: &mut [i64], exceptions: &[u16]) {
    let lead = exceptions.iter().zip(0..).take_while(|&(&position, index)| position == index).count();
    if lead < digits.len() {
        let first_good = digits[lead];
        digits[..lead].fill(first_good);
    }
}

/// The nearest integer, ties to even, of a double of magnitude below 2^51; some integer of any other.
fn round(value: f64) -> i64 {
    (value + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()).cast_signed()
}

/// The inverse of [`round`].
fn to_double(digits: i64) -> f64 {
    f64::from_bits(ROUNDER.to_bits().wrapping_add(digits.cast_unsigned())) - ROUNDER
}

/// The decimal places at which the sample would take the fewest bits. A quotient of integers is rightly rounded, so it
/// tells whether a value is a decimal of so many places whatever the rounding of the products will be. Choosing the
/// places first spares the search through all pairs of exponent and factor.
fn decimal_places(sample: &[f64]) -> Option<u8> {
    let mut best: Option<(usize, u8)> = None;
    for (places, power) in (0u8..).zip(POWERS) {
        let mut exceptions = 0;
        let (mut least, mut greatest) = (i64::MAX, i64::MIN);
        for &value in sample {
            let digits = round(value * power);
            let within = (-DIGITS_END..DIGITS_END).contains(&digits);
            if within && (to_double(digits) / power).to_bits() == value.to_bits() {
                (least, greatest) = (least.min(digits), greatest.max(digits));
            } else {
                exceptions += 1;
            }
        }
        if exceptions * 3 > sample.len() {
            continue;
        }
        let width = bit_length(greatest.abs_diff(least)) as usize;
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
    use super::*;

    #[test]
    fn decimals_of_two_places_are_found_and_hold() {
        let values: Vec<f64> = (-500..500).map(|i| f64::from(i) / 100.0).collect();
        let scale = Scale::of(&values).unwrap();
        assert_eq!(scale.exponent - scale.factor, 2);
        let mut digits = Digits::default();
        scale.encode(&values, &mut digits);
        assert_eq!(digits.digits, (-500..500).collect::<Vec<_>>());
        assert!(digits.exceptions.is_empty());
    }

    #[test]
    fn what_is_no_short_decimal_is_an_exception() {
        let values =
            [f64::NAN, -0.0, 1.5, f64::INFINITY, f64::NEG_INFINITY, 1e308, 5e-324, 2.25, 9e15, std::f64::consts::PI];
        let scale = Scale { exponent: 14, factor: 12 };
        let mut digits = Digits::default();
        scale.encode(&values, &mut digits);
        assert_eq!(digits.exceptions, [0, 1, 3, 4, 5, 6, 8, 9]);
        assert_eq!(digits.digits, [150, 150, 150, 150, 150, 150, 150, 225, 225, 225]);
    }

    #[test]
    fn rounding_is_exact_within_the_range_of_digits() {
        for digits in [0, 1, -1, DIGITS_END - 1, -DIGITS_END, 123_456_789] {
            assert_eq!(round(to_double(digits)), digits);
        }
        assert_eq!(round(2.5), 2);
        assert_eq!(round(-0.7), -1);
    }
}
