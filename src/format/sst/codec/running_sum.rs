//! Running sums of differences, with the conversion of ALP digits to doubles, in one pass.
//!
//! The usual gauge or counter is a vector of narrow differences without patches. In passes of their own, unpacking, summing
//! and the conversion of digits load and store each value three times; here a group of eight values stays in SIMD
//! registers from its packed bits, or from its difference, to its final form.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, f64x8, i64x8, u64x4, u64x8};

use super::CodecError;
use super::alp::{DecimalScale, ROUNDING_CONSTANT};
use super::bitpack::{self, KERNEL_LEN, packed_len, with_width};
use super::vectors::has_variable_shifts;

/// Differences of one vector, packed in at most [`Self::MAX_WIDTH`] bits each.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedDifferences<'a> {
    bytes: &'a [u8],
    width: u32,
    /// Value before the first one.
    start: i64,
    /// Number that is added to each packed number.
    reference: i64,
}

impl<'a> PackedDifferences<'a> {
    /// Greatest width: four numbers that begin at bit 0 or 4 of a byte fit a word of 64 bits.
    const MAX_WIDTH: u32 = 15;

    /// Returns differences that are packed in `bytes`; `None` if this processor restores them faster in several passes.
    pub(super) fn new(bytes: &'a [u8], width: u32, start: i64, reference: i64) -> Option<Self> {
        let is_fast = (1..=Self::MAX_WIDTH).contains(&width) && has_variable_shifts(Level::new());
        is_fast.then_some(Self { bytes, width, start, reference })
    }

    /// Fills `out` with the running sums, or, if they are the digits of a scale, with the bits of the doubles.
    ///
    /// # Errors
    /// If padding bits are not zero.
    ///
    /// # Panics
    /// If the bytes are not those of as many numbers as `out` has.
    pub(super) fn restore(self, scale: Option<DecimalScale>, out: &mut [i64]) -> Result<(), CodecError> {
        self.restore_at(Level::new(), scale, out)
    }

    fn restore_at(self, level: Level, scale: Option<DecimalScale>, out: &mut [i64]) -> Result<(), CodecError> {
        bitpack::check_padding(self.bytes, self.width, out.len())?;
        // A load reads up to a word beyond its numbers, so the last whole kernel is left to the loops below.
        let (whole, rest) = out.split_at_mut((out.len() / KERNEL_LEN).saturating_sub(1) * KERNEL_LEN);
        let sum = match scale.map(DecimalScale::factors_to_value) {
            Some(factors) => dispatch!(level, simd => self.restore_whole(simd, whole, ToDoubles(factors))),
            None => dispatch!(level, simd => self.restore_whole(simd, whole, ToIntegers)),
        };
        bitpack::unpack(&self.bytes[packed_len(whole.len(), self.width)..], self.width, rest)?;
        sum_differences(level, sum, self.reference, scale, rest);
        Ok(())
    }

    /// Restores a multiple of [`KERNEL_LEN`] values. `bytes` must have one more whole kernel behind them. Returns the last
    /// running sum.
    #[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
    #[inline(always)]
    fn restore_whole<S: Simd>(self, simd: S, out: &mut [i64], form: impl OutputForm) -> i64 {
        simd.vectorize(
            #[inline(always)]
            move || with_width!(self.width, restore_width, (simd, self, out, form), 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15),
        )
    }
}

/// Restores numbers of `W` bits.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn restore_width<const W: usize>(
    simd: impl Simd,
    packed: PackedDifferences<'_>,
    out: &mut [i64],
    form: impl OutputForm,
) -> i64 {
    restore_groups(simd, PackedGroups::<W>(packed.bytes), packed.start, packed.reference, out, form)
}

/// Replaces differences, from which `reference` was subtracted, by their running sum from `start`, or, if the sums are the
/// digits of a scale, by the bits of the doubles.
pub(super) fn sum_differences(
    level: Level,
    start: i64,
    reference: i64,
    scale: Option<DecimalScale>,
    values: &mut [i64],
) {
    let whole = if has_variable_shifts(level) { values.len() / 8 * 8 } else { 0 };
    let (whole, rest) = values.split_at_mut(whole);
    let mut sum = match scale.map(DecimalScale::factors_to_value) {
        Some(factors) => dispatch!(level, simd => sum_whole(simd, start, reference, whole, ToDoubles(factors))),
        None => dispatch!(level, simd => sum_whole(simd, start, reference, whole, ToIntegers)),
    };
    for value in &mut *rest {
        sum = sum.wrapping_add(reference.wrapping_add(*value));
        *value = sum;
    }
    if let Some(scale) = scale {
        scale.decode(rest);
    }
}

/// Replaces a multiple of eight differences by the restored values. Returns the last running sum.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn sum_whole<S: Simd>(simd: S, start: i64, reference: i64, values: &mut [i64], form: impl OutputForm) -> i64 {
    simd.vectorize(
        #[inline(always)]
        move || restore_groups(simd, StoredGroups, start, reference, values, form),
    )
}

/// Source of the differences, in groups of eight values.
trait DifferenceGroups: Copy {
    /// Returns the differences of group `number`. `stored` is the content of the group before its values are restored.
    fn load<S: Simd>(self, simd: S, number: usize, stored: &[i64; 8]) -> i64x8<S>;
}

/// The differences are where the values will be.
#[derive(Clone, Copy)]
struct StoredGroups;

impl DifferenceGroups for StoredGroups {
    #[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
    #[inline(always)]
    fn load<S: Simd>(self, simd: S, _: usize, stored: &[i64; 8]) -> i64x8<S> {
        i64x8::from_slice(simd, stored)
    }
}

/// Each group is packed in `W` bytes.
#[derive(Clone, Copy)]
struct PackedGroups<'a, const W: usize>(&'a [u8]);

impl<const W: usize> DifferenceGroups for PackedGroups<'_, W> {
    /// Unpacks eight numbers of `W` bits from the lowest bit of the first byte on.
    #[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
    #[inline(always)]
    fn load<S: Simd>(self, simd: S, number: usize, _: &[i64; 8]) -> i64x8<S> {
        let bytes = &self.0[number * W..];
        let word_at = |at: usize| {
            let Some(word) = bytes[at..].first_chunk() else { unreachable!("a kernel follows") };
            u64::from_le_bytes(*word)
        };
        let width = W as u64;
        let (words, shifts): (u64x8<S>, _) = if W <= 8 {
            (u64x8::splat(simd, word_at(0)), [0, 1, 2, 3, 4, 5, 6, 7].map(|lane| lane * width))
        } else {
            // Four numbers are in one word. The second half begins inside a byte if the width is odd.
            let (half, skipped) = (W / 2, width % 2 * 4);
            let words = u64x4::splat(simd, word_at(0)).combine(u64x4::splat(simd, word_at(half)));
            let [a, b, c, d] = [0, 1, 2, 3].map(|lane| lane * width);
            (words, [a, b, c, d, a + skipped, b + skipped, c + skipped, d + skipped])
        };
        let masks = u64x8::splat(simd, u64::MAX >> (64 - W));
        ((words >> u64x8::from_slice(simd, &shifts)) & masks).bitcast()
    }
}

/// OutputForm of the restored values.
trait OutputForm: Copy {
    /// Number that is added to every sum before [`finish`](Self::finish).
    const OFFSET: i64;

    /// Returns the words to store for sums, to which [`OFFSET`](Self::OFFSET) was added.
    fn finish<S: Simd>(self, simd: S, sums: i64x8<S>) -> i64x8<S>;
}

/// The sums are the values.
#[derive(Clone, Copy)]
struct ToIntegers;

impl OutputForm for ToIntegers {
    const OFFSET: i64 = 0;

    #[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
    #[inline(always)]
    fn finish<S: Simd>(self, _: S, sums: i64x8<S>) -> i64x8<S> {
        sums
    }
}

/// The sums are the digits of ALP, whose doubles are their products with two factors.
#[derive(Clone, Copy)]
struct ToDoubles((f64, f64));

impl OutputForm for ToDoubles {
    /// For digits in range, `ROUNDING_CONSTANT.to_bits() + digits` are the bits of the double `ROUNDING_CONSTANT + digits`.
    const OFFSET: i64 = ROUNDING_CONSTANT.to_bits().cast_signed();

    #[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, sums: i64x8<S>) -> i64x8<S> {
        let digits = sums.bitcast::<f64x8<S>>() - f64x8::splat(simd, ROUNDING_CONSTANT);
        (digits * f64x8::splat(simd, self.0.0) * f64x8::splat(simd, self.0.1)).bitcast()
    }
}

/// Restores groups of eight values. Returns the last running sum, `start` if there are no values.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn restore_groups<S: Simd, F: OutputForm>(
    simd: S,
    groups: impl DifferenceGroups,
    start: i64,
    reference: i64,
    out: &mut [i64],
    form: F,
) -> i64 {
    let zero = i64x8::splat(simd, 0);
    let references = i64x8::splat(simd, reference);
    let mut before = i64x8::splat(simd, start.wrapping_add(F::OFFSET));
    for (number, group) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        // The running sum of eight values in three steps: each adds the lanes one, two and four places before. Only the
        // addition of `before` waits for the group before.
        let mut sums = groups.load(simd, number, group) + references;
        sums = sums + zero.slide::<7>(sums);
        sums = sums + zero.slide::<6>(sums);
        sums = sums + zero.slide::<4>(sums);
        *group = form.finish(simd, sums + before).into();
        before += i64x8::splat(simd, sums[7]);
    }
    before[0].wrapping_sub(F::OFFSET)
}

#[cfg(test)]
mod tests {
    use super::super::bitpack::mask;
    use super::super::vectors::tests::levels;
    use super::*;

    /// Returns numbers of a width.
    fn numbers(count: usize, width: u32) -> Vec<u64> {
        (1..=count as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(9) & mask(width)).collect()
    }

    fn sum_one_by_one(start: i64, reference: i64, values: &mut [i64]) {
        let mut sum = start;
        for value in values {
            sum = sum.wrapping_add(reference.wrapping_add(*value));
            *value = sum;
        }
    }

    #[test]
    fn one_pass_gives_the_values_of_several_passes() {
        let scale = DecimalScale::fit(&[20.25, 3.5, 99.75]).unwrap();
        for width in 1..=PackedDifferences::MAX_WIDTH {
            for count in [1, 7, 63, 64, 65, 127, 128, 129, 200, 1_023, 1_024] {
                let mut bytes = Vec::new();
                bitpack::pack(&numbers(count, width), width, &mut bytes);
                for (start, reference) in [(0, 0), (1_234_567, -40), (i64::MAX - 9, 7), (-5, i64::MIN)] {
                    for level in levels() {
                        let packed = PackedDifferences { bytes: &bytes, width, start, reference };
                        let mut expected = vec![0; count];
                        bitpack::unpack(&bytes, width, &mut expected).unwrap();
                        let mut summed = expected.clone();
                        sum_one_by_one(start, reference, &mut expected);
                        let mut sums = vec![-1; count];
                        packed.restore_at(level, None, &mut sums).unwrap();
                        assert_eq!(sums, expected, "{count} of {width} bits from {start}, {level:?}");
                        scale.decode(&mut expected);
                        sum_differences(level, start, reference, Some(scale), &mut summed);
                        assert_eq!(summed, expected, "{count} digits from {start}, {level:?}");
                        packed.restore_at(level, Some(scale), &mut sums).unwrap();
                        assert_eq!(sums, expected, "{count} digits of {width} bits from {start}, {level:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn padding_that_is_not_zero_is_refused() {
        let packed = PackedDifferences { bytes: &[0b1101_0001, 0b0000_0011], width: 3, start: 0, reference: 0 };
        assert_eq!(packed.restore(None, &mut [0; 3]), Err(CodecError("padding bits are not zero")));
    }
}
