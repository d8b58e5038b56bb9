//! Loops of the decoder that are compiled for several vector units, of which the best one is chosen at run time.
//!
//! The build targets the baseline of its architecture, on x86-64 SSE2. `fearless_simd` detects AVX2 and AVX-512 once and
//! runs a loop in a function that is compiled for what it found. The loops are integer arithmetic, or operations on single
//! doubles that IEEE 754 defines exactly, so every level gives the same bits.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, i64x8, u64x8};

/// Returns `true` if a level has shifts by another number of bits for each 64-bit lane.
///
/// SSE2 has none: there, loops over single words are faster.
pub(super) fn has_variable_shifts(level: Level) -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return level.as_avx2().is_some();
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    return !level.is_fallback();
}

/// Adds `start`, then `start + slope` and so on to the values in turn.
pub(super) fn add_line(level: Level, start: i64, slope: i64, values: &mut [i64]) {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let mut at = start;
            for value in values {
                *value = at.wrapping_add(*value);
                at = at.wrapping_add(slope);
            }
        }
    ));
}

/// Fills the values with `start`, then `start + slope` and so on.
pub(crate) fn fill_line(level: Level, start: i64, slope: i64, values: &mut [i64]) {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let mut at = start;
            for value in values {
                *value = at;
                at = at.wrapping_add(slope);
            }
        }
    ));
}

/// Replaces each word by the result of a function, which must be inlined.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
pub(super) fn map_words(level: Level, words: &mut [i64], function: impl Fn(i64) -> i64) {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            for word in words {
                *word = function(*word);
            }
        }
    ));
}

/// Replaces each element of `to` by the result of a function, which must be inlined, of the element of `from` at its index.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
pub(super) fn map_into<T: Copy>(level: Level, from: &[T], to: &mut [i64], function: impl Fn(T) -> i64) {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            for (to, from) in to.iter_mut().zip(from) {
                *to = function(*from);
            }
        }
    ));
}

/// Replaces each element of `differences`, which is as long as `values`, by the difference of the value at its index from
/// the value before it. The first element stays.
pub(super) fn subtract_previous(level: Level, values: &[i64], differences: &mut [i64]) {
    let (Some(later), Some(differences)) = (values.get(1..), differences.get_mut(1..)) else { return };
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            for ((difference, value), before) in differences.iter_mut().zip(later).zip(values) {
                *difference = value.wrapping_sub(*before);
            }
        }
    ));
}

/// Replaces each element of `differences`, which is as long as `values`, by the difference of the difference that
/// [`subtract_previous`] gives at its index from the one before. The first two elements stay.
pub(super) fn subtract_previous_twice(level: Level, values: &[i64], differences: &mut [i64]) {
    let (Some(middle), Some(later)) = (values.get(1..), values.get(2..)) else { return };
    let Some(differences) = differences.get_mut(2..) else { return };
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            for (difference, ((last, middle), first)) in differences.iter_mut().zip(later.iter().zip(middle).zip(values)) {
                *difference = last.wrapping_sub(*middle).wrapping_sub(middle.wrapping_sub(*first));
            }
        }
    ));
}

/// Subtracts 0, then `slope`, twice the slope and so on from `values` in turn.
pub(super) fn subtract_line(level: Level, slope: i64, values: &[i64], residuals: &mut [i64]) {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let mut at = 0_i64;
            for (residual, value) in residuals.iter_mut().zip(values) {
                *residual = value.wrapping_sub(at);
                at = at.wrapping_add(slope);
            }
        }
    ));
}

/// Returns the least and the greatest value, or the ends of `i64` in the wrong order if there is no value.
pub(super) fn least_and_greatest(level: Level, values: &[i64]) -> (i64, i64) {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let (rows, rest) = values.as_chunks::<8>();
            let (mut least, mut greatest) = (i64x8::splat(simd, i64::MAX), i64x8::splat(simd, i64::MIN));
            for row in rows {
                let row = i64x8::from_slice(simd, row);
                (least, greatest) = (least.min(row), greatest.max(row));
            }
            let ends = |best: i64x8<_>, better: fn(i64, i64) -> i64, start| {
                let lanes: [i64; 8] = best.into();
                lanes.iter().chain(rest).copied().fold(start, better)
            };
            (ends(least, i64::min, i64::MAX), ends(greatest, i64::max, i64::MIN))
        }
    ))
}

/// Returns `true` if each value differs from the one before it by `step`, modulo 2^64.
pub(super) fn are_equidistant(level: Level, step: i64, values: &[i64]) -> bool {
    let later = values.get(1..).unwrap_or_default();
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let deviation = |(value, before): (&i64, &i64)| value.wrapping_sub(*before) ^ step;
            later.iter().zip(values).fold(0, |bits, pair| bits | deviation(pair)) == 0
        }
    ))
}

/// Returns the number of residuals from `reference`, all of at most `width` bits (2 to 64), that have `width` bits, and
/// the number of those that have at least `width - 1`.
pub(super) fn count_widest(level: Level, reference: i64, width: u32, values: &[i64]) -> (usize, usize) {
    let shift = width - 2;
    let (rows, rest) = values.as_chunks::<8>();
    let lanes = dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let references = i64x8::splat(simd, reference);
            let (mut widest, mut second) = (u64x8::splat(simd, 0), u64x8::splat(simd, 0));
            for row in rows {
                let residuals: u64x8<_> = (i64x8::from_slice(simd, row) - references).bitcast();
                // The two highest bits: 0 to 3.
                let high = residuals >> shift;
                let highest = high >> 1;
                widest += highest;
                second += (high | highest) & 1;
            }
            [widest, second].map(<[u64; 8]>::from)
        }
    ));
    let of_rest =
        |bits: u32| rest.iter().filter(|value| (value.wrapping_sub(reference)).cast_unsigned() >> bits != 0).count();
    let count = |lanes: [u64; 8]| usize::try_from(lanes.iter().sum::<u64>()).unwrap_or(usize::MAX);
    let [widest, second] = lanes.map(count);
    (widest + of_rest(width - 1), second + of_rest(shift))
}

/// Returns `true` if any value is smaller than the one before it.
///
/// The loop has no early exit and no comparison, so that it is vectorized: before SSE4.2, x86 has no vector comparison
/// of 64-bit integers. Instead, the sign of the difference, corrected for overflow, gives `next < one` (Warren,
/// Hacker's Delight, 2-12).
pub(crate) fn any_decreases(level: Level, values: &[i64]) -> bool {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let pairs = values.iter().zip(values.get(1..).unwrap_or_default());
            let signs = pairs.fold(0, |signs, (&one, &next)| {
                let difference = next.wrapping_sub(one);
                signs | (difference ^ ((next ^ one) & (difference ^ next)))
            });
            signs < 0
        }
    ))
}

/// Returns `true` if each value is greater than the one before it.
///
/// The loop has neither an early exit nor a comparison, as that of [`any_decreases`].
pub(crate) fn all_increase(level: Level, values: &[i64]) -> bool {
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let pairs = values.iter().zip(values.get(1..).unwrap_or_default());
            let signs = pairs.fold(-1, |signs, (&one, &next)| {
                let difference = one.wrapping_sub(next);
                signs & (difference ^ ((one ^ next) & (difference ^ one)))
            });
            signs < 0
        }
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::running_sum::sum_differences;
    use super::*;

    /// Returns the baseline and every better level of this processor.
    pub(crate) fn levels() -> Vec<Level> {
        let mut levels = vec![Level::baseline(), Level::new()];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        levels.extend(Level::new().as_avx2().map(Level::Avx2));
        levels
    }

    #[test]
    fn orders_are_compared_correctly_despite_overflow() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for level in levels() {
            for one in ends {
                for next in ends {
                    let values = [i64::MIN, i64::MIN, one, next, i64::MAX, i64::MAX];
                    assert_eq!(any_decreases(level, &values), next < one, "{level:?}, {one}, {next}");
                    assert_eq!(all_increase(level, &[one, next]), one < next, "{level:?}, {one}, {next}");
                }
            }
            assert!(!any_decreases(level, &[]) && !any_decreases(level, &[5]));
            assert!(all_increase(level, &[]) && all_increase(level, &[5]) && all_increase(level, &ends));
            for at in 1..40 {
                let values: Vec<i64> = (0..40).map(|i: i64| if i < at { i } else { i - 1 }).collect();
                assert!(!all_increase(level, &values), "{level:?}, {at}");
            }
        }
    }

    #[test]
    fn loops_of_the_encoder_agree_at_every_level_and_length() {
        let values: Vec<i64> = (0..70).map(|i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())).collect();
        for values in (0..values.len()).map(|len| &values[..len]) {
            for level in levels() {
                let mut out = vec![7; values.len()];
                subtract_previous(level, values, &mut out);
                let differences = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
                assert!(out.iter().copied().eq(values.first().map(|_| 7).into_iter().chain(differences)), "{level:?}");
                let differences = out.clone();
                subtract_previous_twice(level, values, &mut out);
                let twice = differences.windows(2).skip(1).map(|pair| pair[1].wrapping_sub(pair[0]));
                assert!(out.iter().copied().eq(differences.iter().copied().take(2).chain(twice)), "{level:?}");
                subtract_line(level, 5, values, &mut out);
                let line = (0..).zip(values).map(|(at, value): (i64, _)| value.wrapping_sub(5 * at));
                assert!(out.iter().copied().eq(line), "{level:?}");
                map_into(level, values, &mut out, |value| value ^ 1);
                assert!(out.iter().copied().eq(values.iter().map(|value| value ^ 1)), "{level:?}");
                let ends = (values.iter().min(), values.iter().max());
                let (least, greatest) = least_and_greatest(level, values);
                assert_eq!(
                    (Some(&least).filter(|_| !values.is_empty()), ends.1.map(|_| greatest)),
                    (ends.0, ends.1.copied())
                );
                let narrow: Vec<i64> = values.iter().map(|value| (value & 0xff) - 90).collect();
                for (width, shift) in [(8, 7), (9, 8)] {
                    let with_bits = |bits: u32| narrow.iter().filter(|value| (**value + 90) >> bits != 0).count();
                    let expected = (with_bits(shift), with_bits(shift - 1));
                    assert_eq!(count_widest(level, -90, width, &narrow), expected, "{level:?}");
                }
            }
        }
    }

    #[test]
    fn equal_steps_are_recognised_at_every_level_and_place() {
        let values: Vec<i64> = (0..70).map(|at| i64::MAX - 30 * 7 + at.min(29) * 7).collect();
        for level in levels() {
            for len in 0..values.len() {
                assert_eq!(are_equidistant(level, 7, &values[..len]), len <= 30, "{level:?}, {len}");
            }
        }
    }

    #[test]
    fn running_sums_and_lines_wrap_alike_at_every_level_and_length() {
        let values: Vec<i64> = (0..70).map(|i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())).collect();
        for len in 0..values.len() {
            for level in levels() {
                let (start, reference) = (i64::MAX - 3, -77);
                let mut sums = values[..len].to_vec();
                sum_differences(level, start, reference, None, &mut sums);
                let mut line = values[..len].to_vec();
                add_line(level, start, reference, &mut line);
                let mut filled = vec![1; len];
                fill_line(level, start, reference, &mut filled);
                let (mut sum, mut at) = (start, start);
                for (position, value) in values[..len].iter().enumerate() {
                    sum = sum.wrapping_add(reference.wrapping_add(*value));
                    assert_eq!((sums[position], line[position]), (sum, at.wrapping_add(*value)), "{level:?}, {len}");
                    assert_eq!(filled[position], at, "{level:?}, {len}");
                    at = at.wrapping_add(reference);
                }
            }
        }
    }
}
