//! Folds of the columns of a group into one, in the order of the columns.
//!
//! The loops run along columns, not along steps: memory is read in order, and the steps do not wait for each other.

use std::ops::Range;

use super::column::{Column, MISSING, is_present};
use super::functions::quantile::quantile;
use super::kahan::{KahanMean, two_sum};

/// Steps for which the values of all columns are collected at once.
const STEPS_AT_ONCE: usize = 16;

/// Returns the steps between the first and the last value of any column.
pub(super) fn span(columns: &[&Column]) -> Range<usize> {
    let spans = columns.iter().map(|column| column.span()).filter(|span| !span.is_empty());
    spans.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end)).unwrap_or(0..0)
}

/// Returns the part of the states that belongs to a column.
fn states_of<'a, State>(states: &'a mut [State], column: &Column, first: usize) -> &'a mut [State] {
    let span = column.span();
    states.get_mut(span.start.saturating_sub(first)..span.end.saturating_sub(first)).unwrap_or(&mut [])
}

/// Folds columns step by step, with one state per step.
fn fold<State: Clone>(
    columns: &[&Column],
    first: State,
    add: impl Fn(&mut State, f64),
    result: impl Fn(usize, &State) -> f64,
) -> Column {
    let span = span(columns);
    let mut states = vec![first; span.len()];
    for column in columns {
        for (state, value) in states_of(&mut states, column, span.start).iter_mut().zip(column.values()) {
            add(state, *value);
        }
    }
    Column::new(span.start, states.iter().zip(span.clone()).map(|(state, step)| result(step, state)).collect())
}

/// Compensated sum and number of the values at a step.
#[derive(Clone, Copy)]
struct Sum {
    total: f64,
    lost: f64,
    count: f64,
}

impl Sum {
    /// No values: the sum to which any first value, also -0, adds to itself.
    const EMPTY: Self = Self { total: -0.0, lost: 0.0, count: 0.0 };

    /// Adds a value unless it is missing, without a branch. What is lost has no meaning once the sum is not finite.
    #[inline]
    fn add(&mut self, value: f64) {
        let is_present = is_present(value);
        let (total, lost) = two_sum(self.total, if is_present { value } else { -0.0 });
        self.total = total;
        self.lost += lost;
        self.count += if is_present { 1.0 } else { 0.0 };
    }
}

/// Sums the values at each step.
pub(super) fn sums(columns: &[&Column]) -> Column {
    fold(columns, Sum::EMPTY, Sum::add, |_, state| match *state {
        Sum { count: 0.0, .. } => MISSING,
        Sum { total, .. } if !total.is_finite() => total,
        Sum { total, lost, .. } => total + lost,
    })
}

/// Computes the mean of the values at each step.
pub(super) fn means(columns: &[&Column]) -> Column {
    fold(columns, Sum::EMPTY, Sum::add, |step, state| match *state {
        Sum { count: 0.0, .. } => MISSING,
        // The sum may have overflowed.
        Sum { total, .. } if !total.is_finite() => incremental_mean(columns, step),
        Sum { total, lost, count } => total / count + lost / count,
    })
}

fn incremental_mean(columns: &[&Column], step: usize) -> f64 {
    let mut values = columns.iter().map(|column| column.at(step)).filter(|value| is_present(*value));
    let Some(first) = values.next() else { return MISSING };
    let mut mean = KahanMean::new(first);
    values.for_each(|value| mean.add(value));
    mean.mean()
}

/// Counts the values at each step.
pub(super) fn counts(columns: &[&Column]) -> Column {
    let add = |count: &mut f64, value| *count += if is_present(value) { 1.0 } else { 0.0 };
    fold(columns, 0.0, add, |_, count| if *count > 0.0 { *count } else { MISSING })
}

/// Returns 1 at each step with a value.
pub(super) fn ones(columns: &[&Column]) -> Column {
    let mut column = counts(columns);
    column.present_mut().for_each(|(_, value)| *value = 1.0);
    column
}

/// Returns the value that replaces all others at each step; any value replaces NaN.
pub(super) fn extremum(columns: &[&Column], replaces: impl Fn(f64, f64) -> bool) -> Column {
    // A missing value is a NaN, too.
    let add = |best: &mut f64, value: f64| {
        let is_better = is_present(value) & (best.is_nan() | replaces(value, *best));
        *best = if is_better { value } else { *best };
    };
    fold(columns, MISSING, add, |_, best| *best)
}

/// Computes the population variance of the values at each step.
pub(super) fn variances(columns: &[&Column]) -> Column {
    let add = |spread: &mut Spread, value: f64| {
        if is_present(value) {
            spread.add(value);
        }
    };
    fold(columns, Spread::default(), add, |_, spread| spread.variance())
}

/// Mean and sum of squared differences by Welford's method.
#[derive(Clone, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count < 2.0 {
            (self.mean, self.squares) = (value, if value.is_finite() { 0.0 } else { f64::NAN });
            return;
        }
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
    }

    fn variance(&self) -> f64 {
        if self.count > 0.0 { self.squares / self.count } else { MISSING }
    }
}

/// Computes a quantile of the values at each step; `levels` are the levels at all steps.
pub(super) fn quantiles(columns: &[&Column], levels: &[f64]) -> Column {
    let span = span(columns);
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(columns.len()); STEPS_AT_ONCE.min(span.len())];
    let mut results = Vec::with_capacity(span.len());
    for start in span.clone().step_by(STEPS_AT_ONCE) {
        let steps = start..(start + STEPS_AT_ONCE).min(span.end);
        values.iter_mut().for_each(Vec::clear);
        for column in columns {
            let own = column.span();
            let part = steps.start.max(own.start)..steps.end.min(own.end);
            let slots = values.iter_mut().skip(part.start.saturating_sub(start));
            for (list, value) in slots.zip(column.part(part)) {
                if is_present(*value) {
                    list.push(*value);
                }
            }
        }
        for (step, list) in steps.zip(&mut values) {
            let level = levels.get(step).copied().unwrap_or(f64::NAN);
            results.push(if list.is_empty() { MISSING } else { quantile(level, list) });
        }
    }
    Column::new(span.start, results)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "the values are exact")]
mod tests {
    use super::*;

    fn columns() -> [Column; 3] {
        let (one, other) = (vec![1.0, MISSING, 1e308], vec![4.0, f64::INFINITY, 1e308]);
        [Column::new(0, one), Column::new(0, other), Column::new(1, vec![MISSING, 1e308, -0.0])]
    }

    #[test]
    fn columns_are_folded_over_the_span_of_all() {
        let columns = columns();
        let columns: Vec<&Column> = columns.iter().collect();
        assert_eq!(span(&columns), 0..4);
        assert_eq!(sums(&columns).values(), [5.0, f64::INFINITY, f64::INFINITY, 0.0]);
        assert_eq!(counts(&columns).values(), [2.0, 1.0, 3.0, 1.0]);
        assert_eq!(ones(&columns).values(), [1.0; 4]);
        assert_eq!(extremum(&columns, |value, best| value > best).values(), [4.0, f64::INFINITY, 1e308, -0.0]);
        let medians = quantiles(&columns, &[0.5; 4]);
        assert_eq!((medians.at(0), medians.at(2), medians.at(3)), (2.5, 1e308, 0.0));
        let means = means(&columns);
        assert_eq!((means.at(0), means.at(1), means.at(3)), (2.5, f64::INFINITY, 0.0));
        assert!((means.at(2) / 1e308 - 1.0).abs() < 1e-12);
        let variances = variances(&columns);
        assert!(variances.at(0) == 2.25 && variances.at(1).is_nan() && variances.at(3) == 0.0);
        assert!(!sums(&[]).has_values() && !quantiles(&[], &[]).has_values());
    }

    #[test]
    fn a_branchless_sum_is_that_of_neumaier() {
        let values = [2.0, 8.0, 1e100, -1e100, 0.1, -3e-9, f64::INFINITY];
        for count in 1..values.len() {
            let columns: Vec<Column> = values[..count].iter().map(|value| Column::dense(vec![*value])).collect();
            let (mut sum, mut lost) = (values[0], 0.0);
            for value in &values[1..count] {
                let next: f64 = sum + value;
                lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
                sum = next;
            }
            let found = sums(&columns.iter().collect::<Vec<_>>()).at(0);
            assert_eq!(found.to_bits(), (sum + lost).to_bits(), "{count}");
        }
    }
}
