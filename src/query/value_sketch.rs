//! Sketch of many values: how many lie in each of many narrow bins.
//!
//! A bin is a range of doubles that agree in the sign, the exponent and the six highest bits of the mantissa. So its number
//! is the double's bits without the lowest 46, and each power of two has 64 bins. The middle of a bin differs from its
//! values by at most 1/128 of them. (This is the logarithm of DDSketch, interpolated linearly between powers of two, of
//! which the fields of a double are a table: Masson, Rim and Lee, "DDSketch", VLDB 2019, section 2.2.)
//!
//! The content depends only on the set of values, not on their order or on how sketches were merged.

use std::collections::BTreeMap;

use super::kernels::AggregateScalar;

/// Number of low bits of a double in which the values of a bin differ: all but six of the mantissa.
const BIN_BITS: u32 = 46;

/// Number of the first bin of normal doubles, that of [`f64::MIN_POSITIVE`].
const FIRST_NORMAL_BIN: u64 = f64::MIN_POSITIVE.to_bits() >> BIN_BITS;

/// Number of the bin behind those of finite doubles, that of infinity.
const END_OF_BINS: u64 = f64::INFINITY.to_bits() >> BIN_BITS;

/// Counts of values in bins of a bounded relative error.
#[derive(Clone)]
pub(super) struct ValueSketch {
    positive: Bins,
    /// Bins of the absolute values of negative values.
    negative: Bins,
    /// Number of values in each bin of zero and the subnormals, by [`small_bin`]: the doubles here are too coarse for bins
    /// by exponent.
    small: BTreeMap<i64, u64>,
    /// Number of negative infinities. `above` counts the positive ones.
    below: u64,
    above: u64,
    /// Least and greatest finite value by `f64::total_cmp`.
    least: f64,
    greatest: f64,
}

impl Default for ValueSketch {
    fn default() -> Self {
        Self {
            positive: Bins::default(),
            negative: Bins::default(),
            small: BTreeMap::new(),
            below: 0,
            above: 0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }
}

impl ValueSketch {
    /// Adds values, none of which may be NaN.
    pub(super) fn add_all(&mut self, values: &[f64]) {
        // Values that are neither zero, subnormal nor infinite and have one sign, nearly always all of them, have the range
        // of their bins in common: their loops have no branch.
        let is_positive = values.first().is_some_and(|value| *value > 0.0);
        let is_odd = |value: f64| u8::from(!value.is_normal()) | u8::from((value > 0.0) != is_positive);
        if values.iter().fold(0, |odd, value| odd | is_odd(*value)) != 0 {
            return values.iter().for_each(|value| self.add(*value));
        }
        let Some(least) = f64::least(values) else { return };
        let greatest = f64::greatest(values).unwrap_or(least);
        let bins = if is_positive { &mut self.positive } else { &mut self.negative };
        bins.cover(bin_of(least));
        bins.cover(bin_of(greatest));
        for value in values {
            bins.increment(bin_of(*value));
        }
        self.extend_bounds(least, greatest);
    }

    /// Adds a value, which must not be NaN.
    fn add(&mut self, value: f64) {
        debug_assert!(!value.is_nan(), "NaN has no place in an order");
        if value.is_infinite() {
            *(if value > 0.0 { &mut self.above } else { &mut self.below }) += 1;
            return;
        }
        if value.is_normal() {
            let bins = if value < 0.0 { &mut self.negative } else { &mut self.positive };
            bins.add(bin_of(value), 1);
        } else {
            *self.small.entry(small_bin(value)).or_default() += 1;
        }
        self.extend_bounds(value, value);
    }

    fn extend_bounds(&mut self, least: f64, greatest: f64) {
        self.least = if least.total_cmp(&self.least).is_lt() { least } else { self.least };
        self.greatest = if greatest.total_cmp(&self.greatest).is_gt() { greatest } else { self.greatest };
    }

    /// Adds the values of another sketch.
    pub(super) fn merge(&mut self, other: &Self) {
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
        for (bin, count) in &other.small {
            *self.small.entry(*bin).or_default() += count;
        }
        self.below += other.below;
        self.above += other.above;
        self.extend_bounds(other.least, other.greatest);
    }

    /// Returns the number of finite values.
    fn finite(&self) -> u64 {
        self.negative.total() + self.small.values().sum::<u64>() + self.positive.total()
    }

    /// Returns the number of all values.
    pub(super) fn count(&self) -> u64 {
        self.below + self.finite() + self.above
    }

    /// Returns the value at an index of all values in ascending order, with a relative error of less than 1 %.
    pub(super) fn value_at(&self, rank: u64) -> f64 {
        let finite = self.finite();
        if rank < self.below {
            return f64::NEG_INFINITY;
        }
        let within = rank - self.below;
        if within >= finite {
            return f64::INFINITY;
        }
        if within == 0 || within == finite - 1 {
            return if within == 0 { self.least } else { self.greatest };
        }
        self.finite_at(within).clamp(self.least, self.greatest)
    }

    /// Returns the value at an index of the finite values in ascending order.
    fn finite_at(&self, index: u64) -> f64 {
        let negatives = self.negative.total();
        if index < negatives {
            // The least value has the greatest absolute value.
            return -self.negative.value_at(negatives - 1 - index);
        }
        let mut seen = negatives;
        for (bin, count) in &self.small {
            seen += count;
            if index < seen {
                return small_value(*bin);
            }
        }
        self.positive.value_at(index - seen)
    }

    /// Returns the approximate bytes of the sketch, with those on the heap.
    pub(super) fn byte_len(&self) -> usize {
        let bins = (self.positive.counts.capacity() + self.negative.counts.capacity()) * size_of::<u32>();
        size_of::<Self>() + bins + self.small.len() * size_of::<(i64, u64)>()
    }
}

/// Counts of the bins of positive normal doubles, from the first bin that has a count to the last one.
#[derive(Debug, Clone, Default)]
struct Bins {
    /// Number of the bin of the first count.
    first: u64,
    counts: Vec<u32>,
    /// Multiples of 2^32 by which the count of a bin exceeds the one in `counts`.
    carries: BTreeMap<u64, u64>,
}

impl Bins {
    #[inline]
    fn count_mut(&mut self, bin: u64) -> Option<&mut u32> {
        self.counts.get_mut(usize::try_from(bin.wrapping_sub(self.first)).unwrap_or(usize::MAX))
    }

    /// Counts a value of a bin that has a count.
    #[inline]
    fn increment(&mut self, bin: u64) {
        let Some(count) = self.count_mut(bin) else { return };
        *count = count.wrapping_add(1);
        if *count == 0 {
            self.carry(bin, 1);
        }
    }

    #[cold]
    fn carry(&mut self, bin: u64, multiples: u64) {
        *self.carries.entry(bin).or_default() += multiples;
    }

    #[expect(clippy::cast_possible_truncation, reason = "the higher bits are carried")]
    fn add(&mut self, bin: u64, count: u64) {
        debug_assert!((FIRST_NORMAL_BIN..END_OF_BINS).contains(&bin), "bin {bin} is not one of normal doubles");
        self.cover(bin);
        let Some(counted) = self.count_mut(bin) else { return };
        let sum = u64::from(*counted) + count;
        *counted = sum as u32;
        if sum > u64::from(u32::MAX) {
            self.carry(bin, sum >> u32::BITS);
        }
    }

    /// Makes room for a bin. Below the first bin, room is made for as many bins as there are, since each time all counts
    /// move; above the last one, the vector does so itself.
    fn cover(&mut self, bin: u64) {
        let len = self.counts.len() as u64;
        if len == 0 {
            self.first = bin;
        }
        if bin < self.first {
            let first = bin.min(self.first.saturating_sub(len)).max(FIRST_NORMAL_BIN);
            let added = usize::try_from(self.first - first).unwrap_or(0);
            self.counts.splice(0..0, std::iter::repeat_n(0, added));
            self.first = first;
        }
        let needed = usize::try_from(bin - self.first + 1).unwrap_or(0);
        if self.counts.len() < needed {
            self.counts.resize(needed, 0);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (bin, count) in other.all().filter(|(_, count)| *count > 0) {
            self.add(bin, count);
        }
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum::<u64>()
            + (self.carries.values().sum::<u64>() << u32::BITS)
    }

    /// Returns the bins with their counts, in ascending order.
    fn all(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let carry = |bin| if self.carries.is_empty() { 0 } else { self.carries.get(&bin).copied().unwrap_or(0) };
        (self.first..).zip(&self.counts).map(move |(bin, count)| (bin, u64::from(*count) + (carry(bin) << u32::BITS)))
    }

    /// Returns the middle of the bin of the value at an index in ascending order.
    fn value_at(&self, index: u64) -> f64 {
        let mut seen = 0;
        for (bin, count) in self.all() {
            seen += count;
            if index < seen {
                return f64::from_bits(bin << BIN_BITS | 1 << (BIN_BITS - 1));
            }
        }
        f64::NAN
    }
}

/// Returns the number of the bin of the absolute value of a normal double.
#[inline]
fn bin_of(value: f64) -> u64 {
    value.abs().to_bits() >> BIN_BITS
}

/// Returns the bin of zero or a subnormal: the bits without the sign, cut to 8 digits, then the sign.
///
/// The bits of these doubles are multiples of the least one. What is cut off is less than 2^-7 of the value.
fn small_bin(value: f64) -> i64 {
    let bits = value.abs().to_bits();
    let cut = (u64::BITS - bits.leading_zeros()).saturating_sub(8);
    let bin = i64::try_from(bits >> cut << cut).unwrap_or(i64::MAX);
    if value < 0.0 { -bin } else { bin }
}

/// Returns the value of a bin, which [`small_bin`] computed: the least absolute value in the bin, with its sign.
fn small_value(bin: i64) -> f64 {
    let value = f64::from_bits(bin.unsigned_abs());
    if bin < 0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> ValueSketch {
        let mut sketch = ValueSketch::default();
        values.chunks(7).for_each(|part| sketch.add_all(part));
        sketch
    }

    /// Returns the values of all indices as bits.
    fn all(sketch: &ValueSketch) -> Vec<u64> {
        (0..sketch.count()).map(|rank| sketch.value_at(rank).to_bits()).collect()
    }

    #[test]
    fn every_normal_double_is_within_a_128th_of_the_middle_of_its_bin() {
        let mut values = vec![f64::MIN_POSITIVE, f64::MAX, 1.0, 1.999_999_9, 2.0, 1e-300, 63.99, 64.0];
        values.extend((0..2_000).map(|n| 1.37_f64.powi(n - 1_000)));
        for value in values.into_iter().filter(|value| value.is_normal()) {
            let mut bins = Bins::default();
            bins.add(bin_of(value), 1);
            let error = (bins.value_at(0) - value).abs();
            assert!(error <= value / 128.0, "{value:e} is off by {error:e}");
        }
    }

    #[test]
    fn neither_the_order_nor_the_parts_of_the_values_matter() {
        let mut values: Vec<f64> = (0..700).map(|n| 1.5_f64.powi(n % 61 - 30) * f64::from(n - 350)).collect();
        values.extend([0.0, -0.0, 5e-324, -5e-324, 1e-310, f64::INFINITY, f64::NEG_INFINITY, 3.0, 3.0, -3.0]);
        check_all_orders(values);
        // Few values, since a sketch of both has a count for each power of two between them.
        check_all_orders(vec![f64::MIN_POSITIVE, -f64::MIN_POSITIVE, f64::MAX, f64::MIN, 0.0, 1.0, 1.0]);
    }

    fn check_all_orders(mut values: Vec<f64>) {
        let whole = of(&values);
        let mut reversed = values.clone();
        reversed.reverse();
        assert_eq!(all(&of(&reversed)), all(&whole));
        for length in [2, 300] {
            let mut merged = ValueSketch::default();
            values.rchunks(length).for_each(|part| merged.merge(&of(part)));
            assert_eq!(all(&merged), all(&whole), "parts of {length}");
        }
        values.sort_unstable_by(f64::total_cmp);
        for (rank, exact) in values.iter().enumerate() {
            let found = whole.value_at(rank as u64);
            let is_near = found.to_bits() == exact.to_bits() || (found - exact).abs() <= exact.abs() * 0.01;
            assert!(is_near, "rank {rank}: {found:e}, not {exact:e}");
        }
    }

    #[test]
    fn counts_of_more_than_32_bits_are_exact() {
        let (low, high) = (FIRST_NORMAL_BIN + 5, FIRST_NORMAL_BIN + 9);
        let mut bins = Bins::default();
        bins.add(low, u64::from(u32::MAX) - 1);
        for _ in 0..3 {
            bins.increment(low);
        }
        bins.add(high, 5 << 32 | 7);
        assert_eq!(
            bins.all().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
            [(low, (1 << 32) + 1), (high, (5 << 32) + 7)]
        );
        let mut twice = bins.clone();
        twice.merge(&bins);
        assert_eq!((twice.total(), bins.total()), (2 * bins.total(), (6 << 32) + 8));
        let middle = |bin: u64| bin << BIN_BITS | 1 << (BIN_BITS - 1);
        let found = [1 << 32, (1 << 32) + 1].map(|rank| bins.value_at(rank).to_bits());
        assert_eq!(found, [low, high].map(middle));
    }

    #[test]
    fn a_falling_sequence_moves_its_counts_rarely() {
        let mut bins = Bins::default();
        let mut moves = 0;
        for bin in (FIRST_NORMAL_BIN..FIRST_NORMAL_BIN + 10_000).rev() {
            let before = bins.first;
            bins.add(bin, 1);
            moves += usize::from(bins.first != before);
        }
        assert!(moves < 20, "{moves} moves");
        assert_eq!((bins.total(), bins.first, bins.counts.len()), (10_000, FIRST_NORMAL_BIN, 10_000));
    }
}
