//! Loops of the decoder that are compiled for several vector units, of which the best one is chosen at run time.
//!
//! The build targets the baseline of its architecture, on x86-64 SSE2. `fearless_simd` detects AVX2 and AVX-512 once and
//! runs a loop in a function that is compiled for what it found. The loops are integer arithmetic, or operations on single
//! doubles that IEEE 754 defines exactly, so every level gives the same bits.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, i64x8};

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
pub(super) fn fill_line(level: Level, start: i64, slope: i64, values: &mut [i64]) {
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

/// Replaces differences, from which `reference` was subtracted, by their running sum from `start`.
pub(super) fn sum_differences(level: Level, start: i64, reference: i64, values: &mut [i64]) {
    if !has_variable_shifts(level) {
        return sum_one_by_one(start, reference, values);
    }
    dispatch!(level, simd => simd.vectorize(
        #[inline(always)]
        move || {
            let (zero, references) = (i64x8::splat(simd, 0), i64x8::splat(simd, reference));
            let mut before = start;
            let (rows, rest) = values.as_chunks_mut::<8>();
            for row in rows {
                // The running sum of eight values in three steps: each adds the lanes one, two and four places before.
                // Only the addition of `before` waits for the row before.
                let mut sums = i64x8::from_slice(simd, row) + references;
                sums = sums + zero.slide::<7>(sums);
                sums = sums + zero.slide::<6>(sums);
                sums = sums + zero.slide::<4>(sums);
                let local: [i64; 8] = sums.into();
                *row = (sums + i64x8::splat(simd, before)).into();
                before = before.wrapping_add(local[7]);
            }
            sum_one_by_one(before, reference, rest);
        }
    ));
}

#[inline]
fn sum_one_by_one(start: i64, reference: i64, values: &mut [i64]) {
    let mut sum = start;
    for value in values {
        sum = sum.wrapping_add(reference.wrapping_add(*value));
        *value = sum;
    }
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns the baseline and every better level of this processor.
    pub(crate) fn levels() -> Vec<Level> {
        let mut levels = vec![Level::baseline(), Level::new()];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        levels.extend(Level::new().as_avx2().map(Level::Avx2));
        levels
    }

    #[test]
    fn any_decreases_compares_correctly_despite_overflow() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for level in levels() {
            for one in ends {
                for next in ends {
                    let values = [i64::MIN, i64::MIN, one, next, i64::MAX, i64::MAX];
                    assert_eq!(any_decreases(level, &values), next < one, "{level:?}, {one}, {next}");
                }
            }
            assert!(!any_decreases(level, &[]) && !any_decreases(level, &[5]));
        }
    }

    #[test]
    fn running_sums_and_lines_wrap_alike_at_every_level_and_length() {
        let values: Vec<i64> = (0..70).map(|i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed())).collect();
        for len in 0..values.len() {
            for level in levels() {
                let (start, reference) = (i64::MAX - 3, -77);
                let mut sums = values[..len].to_vec();
                sum_differences(level, start, reference, &mut sums);
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
