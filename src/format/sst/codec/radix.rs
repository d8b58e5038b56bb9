//! Radix packing: several numbers of a small range as the digits of one word, where the range is far from a power of two.
//!
//! 101 different numbers take 7 bits each in a bit stream. Three of them are the digits of a word below 101^3, which takes
//! 20 bits: 6.67 bits a number. The numbers are divided into one segment for each digit, so that words are split into
//! digits, and digits joined to words, in loops over neighbours:
//!
//! ```text
//!  numbers   n0 ............ | n342 ............ | n684 ......... n1023      segments of ceil(1024 / 3) = 342 numbers
//!  words     n0 + 101 * n342 + 101^2 * n684,  n1 + 101 * n343 + 101^2 * n685,  ...        the last segment is shorter
//! ```
//!
//! SSE2, AVX2 and NEON have no integer division, so a word is divided by the radix by a multiplication with its reciprocal (Granlund,
//! Montgomery, "Division by Invariant Integers using Multiplication", PLDI 1994).
//!
//! Invariants:
//! - A word is below `radix ^ digits`, and a digit without a number is 0, so that each bit is significant.
//! - Every quotient is exact: see [`Reciprocal`].

use fearless_simd::{Level, Simd, dispatch};

use super::CodecError;
use super::bitpack::{self, packed_len};
use super::varint::{ColumnReader, bit_length, len_u64, write_u64};

/// Minimum number of packed numbers: with fewer, words could have more than one digit without a number.
const MIN_NUMBERS: usize = 64;

/// Maximum number of digits of a word.
pub(crate) const MAX_DIGITS: u8 = 8;

const _: () = assert!((MAX_DIGITS as usize - 1).pow(2) < MIN_NUMBERS, "the last segment may be empty");

/// Maximum width of a word in bits. Quotients of wider words would not be exact.
const MAX_WORD_WIDTH: u32 = 30;

/// Radix and number of digits of the words of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Radix {
    /// Number of different digits, 3 to 2^15.
    radix: u32,
    /// Number of digits of a word, 2 to [`MAX_DIGITS`].
    digits: u8,
}

impl Radix {
    /// Returns the form with the fewest bytes for `count` numbers from 0 to `max`; `None` if there is no form for them.
    ///
    /// A form may take more bytes than a bit stream. On equal lengths, the one with fewer digits is returned.
    pub(crate) fn smallest(max: u64, count: usize) -> Option<Self> {
        let radix = u32::try_from(max).ok()?.checked_add(1)?;
        let forms = (2..=MAX_DIGITS).map_while(|digits| Self::new(radix, digits, count));
        forms.min_by_key(|form| form.packed_len(count))
    }

    /// Returns a form for `count` numbers; `None` if it is out of range.
    fn new(radix: u32, digits: u8, count: usize) -> Option<Self> {
        let greatest = u64::from(radix).checked_pow(u32::from(digits))?.checked_sub(1)?;
        let is_valid = count >= MIN_NUMBERS
            && radix > 2
            && (2..=MAX_DIGITS).contains(&digits)
            && bit_length(greatest) <= MAX_WORD_WIDTH;
        is_valid.then_some(Self { radix, digits })
    }

    /// Returns the number of digits of a word.
    pub(crate) const fn digits(self) -> u8 {
        self.digits
    }

    /// Returns the number of words of `count` numbers.
    const fn words(self, count: usize) -> usize {
        count.div_ceil(self.digits as usize)
    }

    /// Returns the width of a word in bits.
    const fn word_width(self) -> u32 {
        bit_length((self.radix as u64).pow(self.digits as u32) - 1)
    }

    /// Returns the length of `count` packed numbers in bytes.
    pub(crate) const fn packed_len(self, count: usize) -> usize {
        packed_len(self.words(count), self.word_width())
    }

    /// Returns the number of bytes that [`write`](Self::write) appends.
    pub(crate) const fn encoded_len(self) -> usize {
        len_u64(self.radix as u64)
    }

    /// Appends the radix. The number of digits is stored elsewhere.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        write_u64(u64::from(self.radix), out);
    }

    /// Reads the radix of words of so many digits for `count` numbers.
    ///
    /// # Errors
    /// If the number of digits or the radix is out of range, or there are too few numbers.
    pub(crate) fn read(reader: &mut ColumnReader<'_>, digits: u8, count: usize) -> Result<Self, CodecError> {
        let radix = u32::try_from(reader.u64()?).ok();
        radix
            .and_then(|radix| Self::new(radix, digits, count))
            .ok_or(CodecError("the radix of a frame is out of range"))
    }

    /// Packs numbers, each of which must be below the radix, and appends them to `out`. The content of `words` is replaced.
    pub(crate) fn pack(self, numbers: &[u64], words: &mut Vec<u64>, out: &mut Vec<u8>) {
        debug_assert!(numbers.iter().all(|number| *number < u64::from(self.radix)), "a number is not below the radix");
        let len = self.words(numbers.len());
        words.clear();
        words.resize(len, 0);
        for segment in numbers.chunks(len).rev() {
            for (word, digit) in words.iter_mut().zip(segment) {
                *word = *word * u64::from(self.radix) + digit;
            }
        }
        bitpack::pack(words, self.word_width(), out);
    }

    /// Fills `out` with the numbers packed in `bytes`, which must have the length [`packed_len`](Self::packed_len).
    ///
    /// # Errors
    /// If padding bits are not zero, a word is too great, or a digit without a number is not zero.
    pub(crate) fn unpack(self, bytes: &[u8], out: &mut [i64]) -> Result<(), CodecError> {
        self.unpack_at(Level::new(), bytes, out)
    }

    fn unpack_at(self, level: Level, bytes: &[u8], out: &mut [i64]) -> Result<(), CodecError> {
        let words = self.words(out.len());
        bitpack::unpack(bytes, self.word_width(), &mut out[..words])?;
        let radix = self.radix;
        let is_valid = dispatch!(level, simd => split_words(simd, radix, words, out));
        if is_valid { Ok(()) } else { Err(CodecError("a word of digits is out of range")) }
    }
}

/// Reciprocal of a radix, as a multiplier and a shift.
///
/// For a radix `r` with `2^l <= r < 2^(l + 1)`, the multiplier is `m = floor(2^s / r) + 1`, where `s = 31 + l`. It has at most
/// 32 bits, and `m * r` exceeds `2^s` by at most `r`. So for a word `w` below 2^30, `w * m / 2^s` exceeds `w / r` by less than
/// `1 / r`, and both have the same whole part.
#[derive(Debug, Clone, Copy)]
struct Reciprocal {
    radix: u32,
    multiplier: u32,
    shift: u32,
}

impl Reciprocal {
    fn of(radix: u32) -> Self {
        let shift = 31 + radix.ilog2();
        let multiplier = u32::try_from((1 << shift) / u64::from(radix) + 1).unwrap_or(u32::MAX);
        Self { radix, multiplier, shift }
    }

    /// Returns the quotient and the remainder of a word, both of at most 30 bits.
    ///
    /// Both factors have 32 bits, so the product takes one vector instruction.
    #[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
    #[expect(clippy::cast_possible_truncation, reason = "words and quotients have at most 30 bits")]
    #[inline(always)]
    fn divide(self, word: i64) -> (i64, i64) {
        let word = u64::from(word.cast_unsigned() as u32);
        let quotient = (word * u64::from(self.multiplier)) >> self.shift;
        let remainder = word.wrapping_sub(u64::from(quotient as u32) * u64::from(self.radix));
        (quotient.cast_signed(), remainder.cast_signed())
    }
}

/// Splits the words in the first `words` elements of `out` into digits, and fills all of `out` with the digits.
///
/// Returns `false` if a word is too great; the content of `out` is then undefined.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn split_words<S: Simd>(simd: S, radix: u32, words: usize, out: &mut [i64]) -> bool {
    let reciprocal = Reciprocal::of(radix);
    simd.vectorize(
        #[inline(always)]
        move || {
            let greatest = i64::from(radix) - 1;
            // The sign bit is set if a last digit is too great.
            let mut excess = 0;
            let mut rest = out;
            while rest.len() > words {
                // The remainders are the digits of this segment, the quotients go to the next one.
                let (low, high) = rest.split_at_mut(words);
                for (digit, quotient) in low.iter_mut().zip(&mut *high) {
                    (*quotient, *digit) = reciprocal.divide(*digit);
                }
                // The last segment may be shorter: these words have no digit there.
                let without_quotient = low.get(high.len()..).unwrap_or_default();
                excess = without_quotient.iter().fold(excess, |excess, word| excess | (greatest - word));
                rest = high;
            }
            rest.iter().fold(excess, |excess, digit| excess | (greatest - digit)) >= 0
        },
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vectors::tests::levels;
    use super::*;

    fn forms(radix: u32, count: usize) -> impl Iterator<Item = Radix> {
        (2..=MAX_DIGITS).filter_map(move |digits| Radix::new(radix, digits, count))
    }

    fn round_trip(form: Radix, numbers: &[u64]) {
        let mut bytes = Vec::new();
        form.pack(numbers, &mut Vec::new(), &mut bytes);
        assert_eq!(bytes.len(), form.packed_len(numbers.len()));
        for level in levels() {
            let mut back = vec![-1; numbers.len()];
            assert_eq!(form.unpack_at(level, &bytes, &mut back), Ok(()), "{form:?}, {level:?}");
            let is_same = back.iter().zip(numbers).all(|(back, number)| back.cast_unsigned() == *number);
            assert!(is_same, "{form:?}, {} numbers, {level:?}", numbers.len());
        }
    }

    #[test]
    fn the_numbers_of_every_small_radix_round_trip_with_every_number_of_digits() {
        for radix in 3..=400 {
            for count in [64, 65, 70, 71, 127, 300] {
                for form in forms(radix, count) {
                    let numbers: Vec<u64> = (0..count as u64).map(|at| at * 7_919 % u64::from(radix)).collect();
                    round_trip(form, &numbers);
                    round_trip(form, &vec![u64::from(radix) - 1; count]);
                }
            }
        }
    }

    #[test]
    fn a_division_by_a_reciprocal_is_exact() {
        for radix in 3..=1 << 15 {
            let reciprocal = Reciprocal::of(radix);
            let radix = i64::from(radix);
            let multiples = [1, 2, 3, (1 << 30) / radix / 2, (1 << 30) / radix].map(|multiple| multiple * radix);
            for word in multiples.iter().flat_map(|at| [at - 1, *at, at + 1]).chain([0, (1 << 30) - 1]) {
                let word = word.min((1 << 30) - 1);
                assert_eq!(reciprocal.divide(word), (word / radix, word % radix), "{word} / {radix}");
            }
        }
    }

    #[test]
    fn quotients_of_the_greatest_words_are_exact() {
        for radix in (3..=1 << 15).step_by(97).chain([(1 << 15) - 1, 1 << 15, 1 << 14, 257]) {
            for form in forms(radix, 64) {
                for low in [0, 1, radix - 2, radix - 1].map(u64::from) {
                    let numbers: Vec<u64> =
                        (0..64).map(|at| if at < 32 { low } else { u64::from(radix) - 1 }).collect();
                    round_trip(form, &numbers);
                    round_trip(form, &numbers.iter().rev().copied().collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn numbers_below_101_take_a_third_of_twenty_bits() {
        let form = Radix::smallest(100, 1_024).unwrap();
        assert_eq!((form, form.packed_len(1_024)), (Radix { radix: 101, digits: 3 }, 855));
        assert_eq!(Radix::smallest(4, 1_024), Some(Radix { radix: 5, digits: 3 }));
        assert_eq!(Radix::smallest(10, 1_024), Some(Radix { radix: 11, digits: 2 }));
        assert_eq!(Radix::smallest(1, 1_024), None);
        assert_eq!(Radix::smallest(100, 63), None);
        assert_eq!(Radix::smallest(1 << 15, 1_024), None);
    }

    #[test]
    fn words_and_forms_out_of_range_are_refused() {
        let form = Radix { radix: 101, digits: 3 };
        let unpack = |words: &[u64]| {
            let mut bytes = Vec::new();
            bitpack::pack(words, 20, &mut bytes);
            form.unpack(&bytes, &mut [0; 64])
        };
        let mut words = [101 * 101 * 101 - 1; 22];
        // The last words have no third digit: 22 words of 3 digits hold 64 numbers.
        (words[20], words[21]) = (101 * 101 - 1, 101 * 101 - 1);
        assert_eq!(unpack(&words), Ok(()));
        for (at, word) in [(0, 101 * 101 * 101), (3, (1 << 20) - 1), (20, 101 * 101), (21, (1 << 20) - 1)] {
            let mut bad = words;
            bad[at] = word;
            assert!(unpack(&bad).is_err(), "word {at} = {word}");
        }
        let read = |bytes: &[u8], digits| Radix::read(&mut ColumnReader::new(bytes), digits, 64);
        assert_eq!(read(&[101], 3), Ok(form));
        for (bytes, digits) in
            [(&[101][..], 1), (&[101], 9), (&[2], 3), (&[0], 3), (&[], 3), (&[0xff; 5], 2), (&[101], 8)]
        {
            assert!(read(bytes, digits).is_err(), "{bytes:?}, {digits}");
        }
        assert!(Radix::read(&mut ColumnReader::new(&[101]), 3, 63).is_err());
        assert!(read(&[0x81, 0x80, 0x02], 2).is_err(), "a radix above 2^15");
    }

    proptest! {
        #[test]
        fn numbers_of_any_radix_round_trip(radix in 3..1u32 << 15, seeds in prop::collection::vec(any::<u32>(), 64..=1_024)) {
            let numbers: Vec<u64> = seeds.iter().map(|seed| u64::from(seed % radix)).collect();
            for form in forms(radix, numbers.len()) {
                round_trip(form, &numbers);
            }
        }

        #[test]
        fn bytes_are_refused_or_packed_from_what_they_unpack_to(
            bytes in prop::collection::vec(any::<u8>(), 400),
            radix in 3..2_000u32,
            count in 64..100usize,
        ) {
            for form in forms(radix, count) {
                let bytes = &bytes[..form.packed_len(count)];
                let mut numbers = vec![0; count];
                if form.unpack(bytes, &mut numbers).is_ok() {
                    let numbers: Vec<u64> = numbers.iter().map(|number| number.cast_unsigned()).collect();
                    let mut again = Vec::new();
                    form.pack(&numbers, &mut Vec::new(), &mut again);
                    prop_assert_eq!(&again[..], bytes);
                }
            }
        }
    }
}
