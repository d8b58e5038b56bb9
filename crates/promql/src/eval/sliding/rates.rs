//! `rate`, `increase` and `delta`: the ends of each window, and the resets between them.

use super::super::column::{Column, MISSING};
use super::super::functions::rate::{Change, KnownDurations, extrapolated, is_reset};
use super::super::window::Samples;
use super::RangeFunction;
use super::bounds::Bounds;
use crate::ast::Function;

/// Computes the change in each window.
pub(super) fn column(range: &RangeFunction<'_>, samples: &Samples, bounds: &Bounds, resets: &mut Vec<usize>) -> Column {
    let change = Change { is_counter: range.function != Function::Delta, is_rate: range.function == Function::Rate };
    resets.clear();
    if change.is_counter {
        let pairs = samples.values.windows(2).enumerate();
        resets.extend(pairs.filter(|(_, pair)| is_reset(pair[0], pair[1])).map(|(at, _)| at));
    }
    // Resets of the window: the value at the index is above the next one, which is in the window, too.
    let (mut from, mut to, mut known) = (0, 0, KnownDurations::default());
    let windows = (range.steps, range.anchor, range.extent);
    let values = &samples.values[..];
    let mut ends = bounds.list().iter().filter(|(first, behind)| first < behind);
    bounds.column_of_windows(samples, windows, |_, window| {
        let (first, behind) = ends.next()?;
        while resets.get(from).is_some_and(|at| at < first) {
            from += 1;
        }
        to = to.max(from);
        while resets.get(to).is_some_and(|at| at + 1 < *behind) {
            to += 1;
        }
        let lost = resets.get(from..to).unwrap_or(&[]).iter().filter_map(|at| values.get(*at));
        Some(extrapolated(window, change, lost.copied(), &mut known).unwrap_or(MISSING))
    })
}
