//! Columns of few distinct doubles: the distinct values in ascending order, and the number of its value for each position.
//!
//! ```text
//!  values  8.05546  11.5078  8.05546  9.20624        table  8.05546  9.20624  11.5078        numbers  0  2  0  1
//! ```
//!
//! Measurements of coarse instruments have a few dozen values, often of many digits. The numbers of neighbouring values are
//! neighbours, so differences stay small.
//!
//! Invariant: a table has no two values of the same bits, in the total order of doubles.

/// Maximum number of distinct values.
pub(super) const MAX_DISTINCT: usize = 1024;

/// Number of slots of the hash table: at most a quarter is used.
const SLOTS: usize = 4 * MAX_DISTINCT;

/// Distinct values of a column, and the number of each position's value.
#[derive(Debug, Default)]
pub(super) struct DistinctColumn {
    /// Distinct values, ascending.
    pub(super) table: Vec<f64>,
    /// Number in the table, for each position.
    pub(super) numbers: Vec<i64>,
    /// Slots of the hash table: 0 if free, else 1 plus the number of a value in the order of appearance.
    slots: Vec<u16>,
    /// Distinct values in the order of appearance, with their final number.
    seen: Vec<(u64, u16)>,
}

impl DistinctColumn {
    /// Finds the distinct values of a column. Returns `false`, without a meaning of the content, if there are more than
    /// `max`.
    pub(super) fn find(&mut self, values: &[f64], max: usize) -> bool {
        self.slots.clear();
        self.slots.resize(SLOTS, 0);
        self.seen.clear();
        self.numbers.clear();
        for value in values {
            let Some(number) = self.number_of(value.to_bits(), max.min(MAX_DISTINCT)) else { return false };
            self.numbers.push(i64::from(number));
        }
        self.sort();
        true
    }

    /// Returns the number of a value in the order of appearance; `None` if there are more than `max`.
    fn number_of(&mut self, bits: u64, max: usize) -> Option<u16> {
        // The high bits of the product depend on all bits of the value (Fibonacci hashing: Knuth, volume 3, 6.4).
        let hash = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS.ilog2());
        let mut slot = usize::try_from(hash).unwrap_or(0);
        loop {
            let entry = self.slots[slot];
            let Some(number) = entry.checked_sub(1) else { break };
            if self.seen[usize::from(number)].0 == bits {
                return Some(number);
            }
            slot = (slot + 1) % SLOTS;
        }
        let number = u16::try_from(self.seen.len()).ok().filter(|number| usize::from(*number) < max)?;
        self.seen.push((bits, number));
        self.slots[slot] = number + 1;
        Some(number)
    }

    /// Fills the table in ascending order, and renumbers the positions.
    fn sort(&mut self) {
        let mut order = std::mem::take(&mut self.seen);
        order.sort_unstable_by(|(one, _), (other, _)| f64::from_bits(*one).total_cmp(&f64::from_bits(*other)));
        self.table.clear();
        // The slots are not needed any more: they map the order of appearance to the final number.
        let mut renumbered = std::mem::take(&mut self.slots);
        for (number, (bits, before)) in (0..).zip(&order) {
            self.table.push(f64::from_bits(*bits));
            renumbered[usize::from(*before)] = number;
        }
        for number in &mut self.numbers {
            let before = usize::try_from(*number).unwrap_or(0);
            *number = i64::from(renumbered[before]);
        }
        (self.seen, self.slots) = (order, renumbered);
    }
}

/// Replaces numbers in a table by the bits of their values. Returns `false` if a number is not in the table.
pub(super) fn look_up(table: &[f64], numbers: &mut [i64]) -> bool {
    let mut is_valid = true;
    for number in numbers {
        let value = usize::try_from(*number).ok().and_then(|number| table.get(number));
        is_valid &= value.is_some();
        *number = value.map_or(0, |value| value.to_bits().cast_signed());
    }
    is_valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_in_ascending_order_and_by_their_bits() {
        let values = [2.5, -0.0, f64::NAN, 0.0, 2.5, -7.0, f64::NAN, 0.0];
        let mut distinct = DistinctColumn::default();
        assert!(distinct.find(&values, 10));
        assert_eq!(distinct.numbers, [3, 1, 4, 2, 3, 0, 4, 2]);
        let mut back = distinct.numbers.clone();
        assert!(look_up(&distinct.table, &mut back));
        assert!(back.iter().zip(&values).all(|(bits, value)| bits.cast_unsigned() == value.to_bits()));
        assert!(!look_up(&distinct.table, &mut [5]) && !look_up(&distinct.table, &mut [-1]));
        assert!(distinct.find(&values, 5) && !distinct.find(&values, 4));
    }

    #[test]
    fn the_greatest_table_is_found_and_one_value_more_is_not() {
        let values: Vec<f64> = (0..8_192).map(|at| f64::from(at * 7_919 % 1_024).sqrt()).collect();
        let mut distinct = DistinctColumn::default();
        assert!(distinct.find(&values, usize::MAX));
        assert!(distinct.table.is_sorted() && distinct.table.len() == MAX_DISTINCT);
        let mut back = distinct.numbers.clone();
        assert!(look_up(&distinct.table, &mut back));
        assert!(back.iter().zip(&values).all(|(bits, value)| bits.cast_unsigned() == value.to_bits()));
        let more: Vec<f64> = (0..8_192).map(|at| f64::from(at % 1_025)).collect();
        assert!(!distinct.find(&more, usize::MAX));
    }
}
