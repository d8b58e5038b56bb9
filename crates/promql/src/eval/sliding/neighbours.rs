//! Changes and resets between neighbouring values, by prefix counts.

use super::super::column::Column;
use super::super::functions::rate::{is_change, is_reset};
use super::bounds::Bounds;

/// Counts the changes in each window.
pub(super) fn changes(values: &[f64], bounds: &Bounds, counts: &mut Vec<u32>) -> Column {
    counted(values, bounds, counts, is_change)
}

/// Counts the resets in each window.
pub(super) fn resets(values: &[f64], bounds: &Bounds, counts: &mut Vec<u32>) -> Column {
    counted(values, bounds, counts, is_reset)
}

/// Counts the pairs of neighbours in each window for which a condition holds.
fn counted(values: &[f64], bounds: &Bounds, counts: &mut Vec<u32>, holds: impl Fn(f64, f64) -> bool) -> Column {
    counts.clear();
    // Up to each value; the first one has no pair.
    let mut total = 0_u32;
    counts.push(0);
    for pair in values.windows(2) {
        total = total.wrapping_add(u32::from(holds(pair[0], pair[1])));
        counts.push(total);
    }
    let upto = |at: usize| counts.get(at).copied().unwrap_or(total);
    bounds.column(|first, behind| f64::from(upto(behind - 1).wrapping_sub(upto(first))))
}
