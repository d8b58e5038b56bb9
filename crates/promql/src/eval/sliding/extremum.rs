//! Least and greatest values of windows by a monotonic queue.
//!
//! The queue holds the indexes of the values that are the extremum of a window which ends now, or will be of one that ends
//! later and begins behind an earlier one: its values are in order, and its front is the extremum of the present window.
//! Each value enters and leaves once (D. Lemire, Streaming Maximum-Minimum Filter Using No More than Three Comparisons per
//! Element, 2006).

use super::super::column::Column;
use super::bounds::Bounds;

/// Computes the extremum of each window, as the result of a function of its index.
///
/// `stays` returns `true` if the first value stays the extremum when the second one follows. NaN is the extremum only of
/// windows without other values; the last one then counts.
pub(super) fn column(
    values: &[f64],
    bounds: &Bounds,
    queue: &mut Vec<usize>,
    stays: impl Fn(f64, f64) -> bool,
    result: impl Fn(usize) -> f64,
) -> Column {
    queue.clear();
    let (mut front, mut entered) = (0, 0);
    bounds.column(|first, behind| {
        for (at, value) in values.iter().enumerate().take(behind).skip(entered.max(first)) {
            if value.is_nan() {
                continue;
            }
            while queue.len() > front {
                let is_kept = queue.last().and_then(|last| values.get(*last)).is_some_and(|last| stays(*last, *value));
                if is_kept {
                    break;
                }
                queue.pop();
            }
            queue.push(at);
        }
        entered = entered.max(behind);
        while queue.get(front).is_some_and(|at| *at < first) {
            front += 1;
        }
        result(queue.get(front).copied().unwrap_or(behind - 1))
    })
}
