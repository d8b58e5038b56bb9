//! Number and exact sum of values, whatever the order of the additions.

use serde::{Deserialize, Serialize};

/// 1.5 * 2^52: the sum of this and a small number has the number, rounded to an integer, in its lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Count of values and their sum in cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    pub(crate) count: u64,
    pub(crate) cents: i64,
}

impl Total {
    pub(crate) fn add_cents(&mut self, cents: i64) {
        self.count += 1;
        self.cents = self.cents.wrapping_add(cents);
    }

    /// Adds a value of two decimals. A value that is no number gives a wrong sum.
    pub(crate) fn add_value(&mut self, value: f64) {
        self.add_cents(cents(value));
    }

    /// Adds values of two decimals, as fast as a sum of floats: the loop is vectorised.
    pub(crate) fn add_values(&mut self, values: &[f64]) {
        let sum = values.iter().fold(0_i64, |sum, value| sum.wrapping_add(cents(*value)));
        self.count += values.len() as u64;
        self.cents = self.cents.wrapping_add(sum);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.cents = self.cents.wrapping_add(other.cents);
    }

    /// Returns how a total differs from the right one; `None` if it does not.
    pub(crate) fn difference(self, expected: Self) -> Option<String> {
        (self != expected).then(|| {
            format!("{} points, sum {} cents; right: {}, {}", self.count, self.cents, expected.count, expected.cents)
        })
    }
}

/// Returns the nearest integer of hundredths. A branchless form, because baseline x86-64 has no instruction to round.
#[inline]
fn cents(value: f64) -> i64 {
    let bits = (value * 100.0 + ROUND).to_bits().wrapping_sub(ROUND.to_bits());
    bits.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Sample;

    #[test]
    fn every_value_of_two_decimals_gives_its_cents() {
        for expected in (-200_000..200_000).chain([10_i64.pow(14), -(10_i64.pow(14)) - 1]) {
            assert_eq!(cents(Sample::new(0, 0, expected).value), expected);
        }
    }

    #[test]
    fn the_order_and_the_way_of_adding_change_nothing() {
        let values: Vec<f64> = (0..1_003).map(|n| Sample::new(0, 0, n * n % 7_919 - 4_000).value).collect();
        let (mut slices, mut single) = (Total::default(), Total::default());
        slices.add_values(&values);
        values.iter().rev().for_each(|value| single.add_value(*value));
        assert_eq!(slices, single);
        let (mut first, mut second) = (Total::default(), Total::default());
        first.add_values(&values[..500]);
        second.add_values(&values[500..]);
        first.add(second);
        assert_eq!(first, slices);
    }

    #[test]
    fn a_wrong_value_or_a_missing_one_is_a_difference() {
        let mut right = Total::default();
        right.add_values(&[1.25, 2.5]);
        let mut wrong = Total::default();
        wrong.add_values(&[1.25, 2.51]);
        let mut short = Total::default();
        short.add_value(3.75);
        let mut not_a_number = Total::default();
        not_a_number.add_values(&[1.25, f64::NAN]);
        assert_eq!(right.difference(right), None);
        assert_eq!(wrong.difference(right), Some("2 points, sum 376 cents; right: 2, 375".to_owned()));
        assert!(short.difference(right).is_some());
        assert!(not_a_number.difference(right).is_some());
    }
}
