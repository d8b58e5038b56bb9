//! Quantiles of windows from a sorted list, from which values leave and which others enter.

use std::cmp::Ordering;

use super::super::budget::StopCheck;
use super::super::column::{Column, MISSING};
use super::super::functions::quantile::interpolated;
use super::bounds::Bounds;

/// Cost of a selection for each value of a window, in nanoseconds.
const SELECTED_NANOS: usize = 4;
/// Cost of the search for the place of a value that enters or leaves, in nanoseconds.
const SEARCH_NANOS: usize = 25;
/// Values of the list that are moved in a nanosecond; a value that enters or leaves moves half of them.
const MOVED_PER_NANO: usize = 8;

/// Returns `true` if few values enter and leave between windows, compared with those that windows hold.
pub(super) fn is_worthwhile(bounds: &Bounds) -> bool {
    let list = bounds.list();
    let held: usize = list.iter().map(|(first, behind)| behind - first).sum();
    let (Some((first, _)), Some((_, behind))) = (list.first(), list.last()) else { return false };
    let moves = 2 * (behind - first);
    let move_nanos = SEARCH_NANOS + held / list.len() / 2 / MOVED_PER_NANO;
    moves.saturating_mul(move_nanos) < held.saturating_mul(SELECTED_NANOS)
}

/// Computes a quantile of each window; `level` returns that at a window's place.
pub(super) fn quantiles(
    values: &[f64],
    bounds: &Bounds,
    sorted: &mut Vec<i64>,
    level: impl Fn(usize) -> f64,
    stop: &mut StopCheck,
) -> Column {
    sorted.clear();
    let (mut left, mut entered) = (0, 0);
    let mut column = Vec::with_capacity(bounds.list().len());
    for ((first, behind), step) in bounds.list().iter().copied().zip(bounds.first_step()..) {
        // A value that enters or leaves moves others.
        let moves = behind.saturating_sub(entered.max(first)) + first.saturating_sub(left);
        if stop.is_due(moves.saturating_mul(SEARCH_NANOS + sorted.len() / MOVED_PER_NANO)) {
            break;
        }
        for value in values.get(left..first.min(entered)).unwrap_or(&[]) {
            if let Ok(at) = sorted.binary_search(&key(*value)) {
                sorted.remove(at);
            }
        }
        let entering = values.get(entered.max(first)..behind).unwrap_or(&[]);
        if entering.len() > sorted.len() {
            // The first window: one sort instead of many insertions.
            sorted.extend(entering.iter().map(|value| key(*value)));
            sorted.sort_unstable();
            (left, entered) = (first, behind);
            column.push(quantile_of(sorted, level(step)));
            continue;
        }
        for value in entering {
            let key = key(*value);
            let at = sorted.partition_point(|other| other.cmp(&key) == Ordering::Less);
            sorted.insert(at, key);
        }
        (left, entered) = (first, entered.max(behind));
        column.push(if first < behind { quantile_of(sorted, level(step)) } else { MISSING });
    }
    bounds.column_of(column)
}

/// Computes a quantile of sorted keys.
fn quantile_of(sorted: &[i64], level: f64) -> f64 {
    interpolated(level, sorted.len(), |rank| {
        let low = sorted.get(rank).map_or(f64::NAN, |key| value(*key));
        (low, sorted.get(rank + 1).map_or(low, |key| value(*key)))
    })
}

/// Sign bit of a double.
const SIGN: u64 = 1 << 63;

/// Returns an integer in the order of the values, with NaN as the least; -0 is before 0.
fn key(value: f64) -> i64 {
    if value.is_nan() {
        return i64::MIN;
    }
    let bits = value.to_bits();
    let magnitude = (bits & !SIGN).cast_signed();
    if bits & SIGN == 0 { magnitude } else { -1 - magnitude }
}

/// Returns the value of a [`key`].
fn value(key: i64) -> f64 {
    match key {
        i64::MIN => f64::NAN,
        key if key < 0 => f64::from_bits((-1 - key).cast_unsigned() | SIGN),
        key => f64::from_bits(key.cast_unsigned()),
    }
}
