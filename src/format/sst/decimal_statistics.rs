//! Encoding of the statistics of doubles: as decimals where they are short ones, else as their bits.
//!
//! ```text
//!  20.07, 61.5, 33.25, 47 and their sum   ->   2 places, digits 2007, + 4143, + 1318, + 2693, sum 1234567, + 1 unit
//! ```
//!
//! Minimum, maximum, first and last value of a gauge of two decimals take two or three bytes each instead of eight. The sum
//! is rounded at each addition, so it is stored as a near decimal and the difference of their bits.
//!
//! Invariant: decoded doubles have the bits of the encoded ones. `digits / 10^places` is the quotient of two exact integers,
//! so IEEE 754 defines it on every machine.

use crate::format::bytes::{ByteReader, DecodeError, put_varint, put_zigzag};

/// Powers of ten that are exact doubles; their number is one more than the maximum number of places.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// First byte of statistics that are stored as bits.
const BITS: u8 = u8::MAX;

/// Length of statistics that are stored as bits, in bytes.
const BITS_LEN: usize = 1 + 5 * size_of::<f64>();

/// Maximum magnitude of digits: every integer up to it is a double.
const MAX_DIGITS: i64 = 1 << 53;

/// Statistics of doubles.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatStatistics {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) sum: f64,
}

impl FloatStatistics {
    /// Appends the statistics.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let start = out.len();
        if self.encode_decimals(out).is_some() && out.len() - start < BITS_LEN {
            return;
        }
        out.truncate(start);
        out.push(BITS);
        let Self { min, max, first, last, sum } = self;
        out.extend([min, max, first, last, sum].iter().flat_map(|double| double.to_bits().to_le_bytes()));
    }

    /// Appends the statistics as decimals with the fewest places. Returns `None` if a value is not exactly a decimal, or the sum
    /// is out of range; the bytes appended to `out` are then undefined, and the caller truncates them.
    fn encode_decimals(self, out: &mut Vec<u8>) -> Option<()> {
        let values = [self.min, self.max, self.first, self.last];
        let digits_at = |&power: &f64| {
            let digits = values.map(|value| exact_digits(value, power));
            let [Some(min), Some(max), Some(first), Some(last)] = digits else { return None };
            Some([min, max, first, last])
        };
        let (places, [min, others @ ..]) =
            (0..).zip(&POWERS).find_map(|(places, power)| Some((places, digits_at(power)?)))?;
        let power = POWERS[usize::from(places)];
        let sum_digits = rounded_digits(self.sum, power)?;
        out.push(places);
        put_zigzag(out, min);
        for digits in others {
            put_varint(out, u64::try_from(digits - min).ok()?);
        }
        put_zigzag(out, sum_digits);
        let nearest = to_double(sum_digits, power).to_bits();
        put_zigzag(out, self.sum.to_bits().wrapping_sub(nearest).cast_signed());
        Some(())
    }

    /// Reads the statistics.
    ///
    /// # Errors
    /// If the number of places or digits are out of range.
    pub(super) fn decode(reader: &mut ByteReader<'_>) -> Result<Self, DecodeError> {
        let places = reader.u8()?;
        if places == BITS {
            let mut double = || reader.u64().map(f64::from_bits);
            let (min, max, first, last, sum) = (double()?, double()?, double()?, double()?, double()?);
            return Ok(Self { min, max, first, last, sum });
        }
        let error = DecodeError("the decimals of statistics are out of range");
        let power = *POWERS.get(usize::from(places)).ok_or(error)?;
        let checked =
            |digits: i64| if digits.unsigned_abs() <= MAX_DIGITS.unsigned_abs() { Ok(digits) } else { Err(error) };
        let min = checked(reader.zigzag_i64()?)?;
        let mut above = || {
            let digits = i64::try_from(reader.varint_u64()?).ok().and_then(|above| min.checked_add(above));
            Ok::<_, DecodeError>(to_double(checked(digits.ok_or(error)?)?, power))
        };
        let (max, first, last) = (above()?, above()?, above()?);
        let nearest = to_double(checked(reader.zigzag_i64()?)?, power);
        let sum = f64::from_bits(nearest.to_bits().wrapping_add(reader.zigzag_i64()?.cast_unsigned()));
        Ok(Self { min: to_double(min, power), max, first, last, sum })
    }
}

/// Returns the integer nearest to the product with a power of ten; `None` if it is too great or not a number.
fn rounded_digits(value: f64, power: f64) -> Option<i64> {
    let digits = (value * power).round();
    #[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
    let limit = MAX_DIGITS as f64;
    #[expect(clippy::cast_possible_truncation, reason = "it is an integer in range")]
    let integer = digits as i64;
    (digits.abs() <= limit).then_some(integer)
}

/// Returns the digits with `digits / power == value`, bit for bit; `None` if there are none.
fn exact_digits(value: f64, power: f64) -> Option<i64> {
    rounded_digits(value, power).filter(|digits| to_double(*digits, power).to_bits() == value.to_bits())
}

/// Returns the quotient of digits in range by a power of ten.
#[expect(clippy::cast_precision_loss, reason = "digits in range are exact")]
fn to_double(digits: i64, power: f64) -> f64 {
    digits as f64 / power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip([min, max, first, last, sum]: [f64; 5]) -> Vec<u8> {
        let mut bytes = Vec::new();
        FloatStatistics { min, max, first, last, sum }.encode(&mut bytes);
        let mut reader = ByteReader::new(&bytes);
        let back = FloatStatistics::decode(&mut reader).unwrap();
        assert!(reader.is_empty());
        let doubles = [back.min, back.max, back.first, back.last, back.sum];
        assert_eq!(doubles.map(f64::to_bits), [min, max, first, last, sum].map(f64::to_bits));
        bytes
    }

    #[test]
    fn statistics_of_a_gauge_of_two_decimals_take_at_most_fifteen_bytes() {
        let sum = (0..1_000).map(|at| f64::from(2_000 + at) / 100.0).sum();
        let bytes = round_trip([20.0, 29.99, 20.01, 29.99, sum]);
        assert!(bytes.len() <= 15 && bytes[0] == 2, "{bytes:?}");
        assert_eq!(round_trip([3.0, 4.0, 3.0, 4.0, 7.0]), [0, 6, 1, 0, 1, 14, 0]);
    }

    #[test]
    fn doubles_that_are_no_short_decimals_are_stored_as_their_bits() {
        let odd = [-0.0, f64::NAN, f64::INFINITY, 5e-324, 1e300, std::f64::consts::PI / 1e3, 9_007_199_254_740_994.0];
        for odd in odd {
            for at in 0..4 {
                let mut doubles = [1.5, 1.5, 1.5, 1.5, 1.5];
                doubles[at] = odd;
                assert_eq!(round_trip(doubles).len(), BITS_LEN, "{odd} at {at}");
            }
        }
        round_trip([1.5, 1.5, 1.5, 1.5, f64::NAN]);
        round_trip([1.5, 1.5, 1.5, 1.5, -0.0]);
        round_trip([-9_007_199_254_740_992.0, 9_007_199_254_740_992.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn places_and_digits_out_of_range_are_refused() {
        let decode = |bytes: &[u8]| FloatStatistics::decode(&mut ByteReader::new(bytes)).is_ok();
        assert!(decode(&[0, 6, 1, 0, 1, 14, 0]));
        assert!(!decode(&[16, 6, 1, 0, 1, 14, 0]) && !decode(&[254, 6, 1, 0, 1, 14, 0]));
        assert!(!decode(&[0, 6, 1, 0, 1, 14]) && !decode(&[BITS, 0, 0]) && !decode(&[]));
        let mut great = Vec::new();
        put_varint(&mut great, u64::MAX);
        for at in [1, 2, 3, 4, 5] {
            let mut bytes = vec![0, 6, 1, 0, 1, 14, 0];
            bytes.splice(at..=at, great.iter().copied());
            assert!(!decode(&bytes), "{at}");
        }
    }

    proptest! {
        #[test]
        fn all_statistics_round_trip(
            bits in any::<[u64; 5]>(),
            digits in prop::array::uniform5(-1_000_000_000_000_000..1_000_000_000_000_000i64),
            places in 0..20i32,
        ) {
            round_trip(bits.map(f64::from_bits));
            #[expect(clippy::cast_precision_loss, reason = "any double near the decimal will do")]
            round_trip(digits.map(|digits| digits as f64 / 10f64.powi(places)));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), places in 0..18u8) {
            _ = FloatStatistics::decode(&mut ByteReader::new(&bytes));
            _ = FloatStatistics::decode(&mut ByteReader::new(&[&[places], &bytes[..]].concat()));
        }
    }
}
