//! `topk` and `bottomk`: the rows with the greatest or least values at each step.

use std::cmp::Ordering;

use super::aggregate::Groups;
use super::budget::Budget;
use super::column::{Column, is_present};
use super::error::QueryError;
use super::fold;
use super::number;
use super::row::Row;

/// Ranks up to which the best values of a step are kept in order while the columns are read.
const MAX_ORDERED: usize = 64;

/// Bytes of the empty list of a step, with its limit and its worst value.
const LIST_BYTES: usize = 48;

/// Value of a row at a step, and the index of the row.
type Candidate = (f64, usize);

/// Orders values for `topk` and `bottomk`: NaN last.
fn better_first(greatest: bool, one: f64, other: f64) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (false, false) => {
            let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
            if greatest { order.reverse() } else { order }
        }
        (one, other) => one.cmp(&other),
    }
}

/// Keeps the `k` greatest or least values of each group at each step; of equal values, those of the first rows.
///
/// Returns rows with holes. With one step, they are ordered by value within each group. Cells are counted before they are
/// made.
///
/// # Errors
/// Limits.
pub(crate) fn rank(
    rows: &[Row],
    groups: &Groups,
    steps: usize,
    greatest: bool,
    k: &[f64],
    budget: &Budget,
) -> Result<Vec<Row>, QueryError> {
    let mut kept: Vec<Column> = vec![Column::default(); rows.len()];
    let mut order: Vec<usize> = Vec::new();
    for (_, members) in &groups.0 {
        let members: Vec<(usize, &Column)> =
            members.iter().filter_map(|index| rows.get(*index).map(|row| (*index, &row.column))).collect();
        let greatest_k = k.iter().map(|k| number::index(*k)).max().unwrap_or(0);
        budget.check()?;
        let of_members: Vec<&Column> = members.iter().map(|(_, column)| *column).collect();
        let list_bytes = LIST_BYTES + greatest_k.min(members.len()).saturating_mul(size_of::<Candidate>());
        let bytes = fold::span(&of_members).len().saturating_mul(list_bytes);
        budget.add_bytes(bytes)?;
        let best = if greatest_k <= MAX_ORDERED {
            best_in_order(&members, greatest, k)
        } else {
            selected(&members, greatest, k)
        };
        for (step, candidates) in best {
            for (value, index) in candidates {
                if let Some(column) = kept.get_mut(index) {
                    budget.add_cells(column.growth(step))?;
                    column.set(step, value);
                }
                if steps == 1 {
                    order.push(index);
                }
            }
        }
        budget.remove_bytes(bytes);
    }
    let row = |index: usize| {
        let (row, column) = (rows.get(index)?, std::mem::take(kept.get_mut(index)?));
        column.has_values().then_some(Row { labels: row.labels, drops_name: row.drops_name, column })
    };
    Ok(if steps == 1 { order.into_iter().filter_map(row).collect() } else { (0..rows.len()).filter_map(row).collect() })
}

fn limit_at(k: &[f64], step: usize) -> usize {
    number::index(k.get(step).copied().unwrap_or(0.0))
}

/// Returns the best candidates of each step, the best first, by lists of the best so far.
fn best_in_order(members: &[(usize, &Column)], greatest: bool, k: &[f64]) -> Vec<(usize, Vec<Candidate>)> {
    let span = fold::span(&members.iter().map(|(_, column)| *column).collect::<Vec<_>>());
    let limits: Vec<usize> = span.clone().map(|step| limit_at(k, step)).collect();
    let mut lists: Vec<Vec<Candidate>> =
        limits.iter().map(|limit| Vec::with_capacity(*limit.min(&members.len()))).collect();
    // Value of the last candidate of a full list; NaN as long as any value may enter.
    let mut worst: Vec<f64> = vec![f64::NAN; span.len()];
    for (index, column) in members {
        let first = column.span().start.saturating_sub(span.start);
        for ((at, value), worst) in (first..).zip(column.values()).zip(worst.iter_mut().skip(first)) {
            let is_worse = if greatest { *value <= *worst } else { *value >= *worst };
            if is_worse || !is_present(*value) {
                continue;
            }
            let (Some(list), Some(limit)) = (lists.get_mut(at), limits.get(at)) else { continue };
            // Behind equal values, which are of earlier rows.
            let place = list.partition_point(|(other, _)| better_first(greatest, *other, *value) != Ordering::Greater);
            if place >= *limit {
                continue;
            }
            if list.len() == *limit {
                list.pop();
            }
            list.insert(place, (*value, *index));
            if list.len() == *limit {
                *worst = list.last().map_or(f64::NAN, |(value, _)| *value);
            }
        }
    }
    span.zip(lists).collect()
}

/// Returns the best candidates of each step, the best first, by a selection among all.
fn selected(members: &[(usize, &Column)], greatest: bool, k: &[f64]) -> Vec<(usize, Vec<Candidate>)> {
    let span = fold::span(&members.iter().map(|(_, column)| *column).collect::<Vec<_>>());
    let compare = |one: &Candidate, other: &Candidate| better_first(greatest, one.0, other.0).then(one.1.cmp(&other.1));
    let at_step = |step: usize| {
        let values = members.iter().map(|(index, column)| (column.at(step), *index));
        let mut present: Vec<Candidate> = values.filter(|(value, _)| is_present(*value)).collect();
        let limit = limit_at(k, step).min(present.len());
        if limit > 0 && limit < present.len() {
            present.select_nth_unstable_by(limit - 1, compare);
        }
        present.truncate(limit);
        present.sort_unstable_by(compare);
        (step, present)
    };
    span.map(at_step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_best_are_those_of_a_selection() {
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 60
        };
        let columns: Vec<Column> = (0..30)
            .map(|_| {
                let value = |number: u64| match number {
                    0 => super::super::column::MISSING,
                    1 => f64::NAN,
                    number => f64::from(u32::try_from(number).unwrap()),
                };
                Column::dense((0..20).map(|_| value(next())).collect())
            })
            .collect();
        let members: Vec<(usize, &Column)> = columns.iter().enumerate().collect();
        for k in [0.0, 1.0, 3.0, 40.0] {
            let limits: Vec<f64> = (0..20).map(|step| if step == 4 { 2.0 } else { k }).collect();
            for greatest in [false, true] {
                let bits = |list: Vec<Candidate>| -> Vec<(u64, usize)> {
                    list.into_iter().map(|(value, index)| (value.to_bits(), index)).collect()
                };
                let lists =
                    best_in_order(&members, greatest, &limits).into_iter().map(|(step, list)| (step, bits(list)));
                let expected = selected(&members, greatest, &limits).into_iter().map(|(step, list)| (step, bits(list)));
                assert_eq!(lists.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{k} {greatest}");
            }
        }
    }
}
