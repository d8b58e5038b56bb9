//! Aggregations over the rows of an instant vector, column by column.

use std::collections::HashMap;

use super::functions::quantile::quantile;
use super::kahan::{KahanMean, KahanSum};
use super::labels::{LabelId, LabelTable};
use super::number;
use super::row::{MISSING, Row, is_present};
use crate::ast::{Aggregator, Grouping};

/// Groups of rows: the row indexes and labels of each, in the order of their first row.
#[derive(Debug)]
pub(crate) struct Groups(pub(crate) Vec<(LabelId, Vec<usize>)>);

impl Groups {
    /// Groups rows by their labels.
    pub(crate) fn new(rows: &[Row], grouping: &Grouping, table: &mut LabelTable) -> Self {
        let mut groups: Vec<(LabelId, Vec<usize>)> = Vec::new();
        let mut places: HashMap<LabelId, usize> = HashMap::new();
        let (names, is_by) = (grouping.labels(), matches!(grouping, Grouping::By(_)));
        for (index, row) in rows.iter().enumerate() {
            let labels = if is_by && names.is_empty() {
                LabelId::EMPTY
            } else {
                let signature = table.get(row.labels).signature(names, is_by);
                table.intern(signature)
            };
            let place = *places.entry(labels).or_insert_with(|| {
                groups.push((labels, Vec::new()));
                groups.len() - 1
            });
            if let Some((_, members)) = groups.get_mut(place) {
                members.push(index);
            }
        }
        Self(groups)
    }
}

/// Aggregates the rows of each group to one row. `levels` are the levels of `quantile` at each step.
///
/// Rows are folded in their order, which is that of the series keys: the result has the same bits however the series were
/// read.
pub(crate) fn aggregate(
    aggregator: Aggregator,
    rows: &[Row],
    groups: &Groups,
    steps: usize,
    levels: Option<&[f64]>,
) -> Vec<Row> {
    let fold = |members: &[usize]| {
        let columns = members.iter().filter_map(|index| rows.get(*index)).map(|row| &row.values[..]);
        match aggregator {
            Aggregator::Sum => fold_columns(columns, steps, KahanSum::new, KahanSum::add, |sum| sum.total()),
            Aggregator::Avg => fold_columns(columns, steps, KahanMean::new, KahanMean::add, |mean| mean.mean()),
            Aggregator::Count => fold_columns(columns, steps, |_| 1.0, |count, _| *count += 1.0, |count| *count),
            Aggregator::Group => fold_columns(columns, steps, |_| 1.0, |_, _| {}, |one: &f64| *one),
            Aggregator::Min => extremum(columns, steps, |value, least| value < least),
            Aggregator::Max => extremum(columns, steps, |value, greatest| value > greatest),
            Aggregator::Stdvar => fold_columns(columns, steps, Spread::new, Spread::add, Spread::variance),
            Aggregator::Stddev => {
                fold_columns(columns, steps, Spread::new, Spread::add, |spread| spread.variance().sqrt())
            }
            Aggregator::Quantile => quantiles(&columns.collect::<Vec<_>>(), steps, levels.unwrap_or(&[])),
            _ => vec![MISSING; steps],
        }
    };
    let row = |(labels, members): &(LabelId, Vec<usize>)| Row {
        labels: *labels,
        drops_name: members.iter().filter_map(|index| rows.get(*index)).any(|row| row.drops_name),
        values: fold(members),
    };
    groups.0.iter().map(row).filter(Row::has_values).collect()
}

/// Folds columns step by step with one state per step.
fn fold_columns<'a, State: Clone>(
    columns: impl Iterator<Item = &'a [f64]>,
    steps: usize,
    first: impl Fn(f64) -> State,
    add: impl Fn(&mut State, f64),
    result: impl Fn(&State) -> f64,
) -> Vec<f64> {
    let mut states: Vec<Option<State>> = vec![None; steps];
    for column in columns {
        for (state, value) in states.iter_mut().zip(column) {
            if is_present(*value) {
                match state {
                    Some(state) => add(state, *value),
                    None => *state = Some(first(*value)),
                }
            }
        }
    }
    states.iter().map(|state| state.as_ref().map_or(MISSING, &result)).collect()
}

fn extremum<'a>(
    columns: impl Iterator<Item = &'a [f64]>,
    steps: usize,
    replaces: impl Fn(f64, f64) -> bool,
) -> Vec<f64> {
    let mut best = vec![MISSING; steps];
    for column in columns {
        for (best, value) in best.iter_mut().zip(column) {
            // A missing value is a NaN, too.
            if is_present(*value) && (best.is_nan() || replaces(*value, *best)) {
                *best = *value;
            }
        }
    }
    best
}

fn quantiles(columns: &[&[f64]], steps: usize, levels: &[f64]) -> Vec<f64> {
    let mut values = Vec::with_capacity(columns.len());
    let at_step = |step: usize| {
        values.clear();
        values.extend(columns.iter().filter_map(|column| column.get(step)).copied().filter(|value| is_present(*value)));
        let level = levels.get(step).copied().unwrap_or(f64::NAN);
        if values.is_empty() { MISSING } else { quantile(level, &mut values) }
    };
    (0..steps).map(at_step).collect()
}

/// Mean and sum of squared differences by Welford's method.
#[derive(Clone)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn new(value: f64) -> Self {
        Self { count: 1.0, mean: value, squares: if value.is_finite() { 0.0 } else { f64::NAN } }
    }

    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let difference = value - self.mean;
        self.mean += difference / self.count;
        self.squares += difference * (value - self.mean);
    }

    fn variance(&self) -> f64 {
        self.squares / self.count
    }
}

/// Orders rows at a step for `topk` and `bottomk`: NaN last, the first row of equals first.
fn better_first(greatest: bool, one: f64, other: f64) -> std::cmp::Ordering {
    match (one.is_nan(), other.is_nan()) {
        (false, false) => {
            let order = one.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal);
            if greatest { order.reverse() } else { order }
        }
        (one, other) => one.cmp(&other),
    }
}

/// Keeps the `k` greatest or least values of each group at each step.
///
/// Returns rows with holes. With one step, they are ordered by value within each group.
pub(crate) fn rank(rows: &[Row], groups: &Groups, steps: usize, greatest: bool, k: &[f64]) -> Vec<Row> {
    let mut kept: Vec<Row> = rows.iter().map(|row| Row { values: vec![MISSING; steps], ..*row }).collect();
    let mut order: Vec<usize> = Vec::new();
    let mut present: Vec<(usize, f64)> = Vec::new();
    for (_, members) in &groups.0 {
        for step in 0..steps {
            present.clear();
            let values = members.iter().filter_map(|index| rows.get(*index).map(|row| (*index, row.at(step))));
            present.extend(values.filter(|(_, value)| is_present(*value)));
            let limit = limit_at(k, step).min(present.len());
            let compare = |one: &(usize, f64), other: &(usize, f64)| {
                better_first(greatest, one.1, other.1).then(one.0.cmp(&other.0))
            };
            if limit > 0 && limit < present.len() {
                present.select_nth_unstable_by(limit - 1, compare);
            }
            present.truncate(limit);
            present.sort_unstable_by(compare);
            for (index, value) in &present {
                if let Some(slot) = kept.get_mut(*index).and_then(|row| row.values.get_mut(step)) {
                    *slot = *value;
                }
                if steps == 1 {
                    order.push(*index);
                }
            }
        }
    }
    if steps == 1 {
        return order.iter().filter_map(|index| kept.get(*index).cloned()).collect();
    }
    kept.retain(Row::has_values);
    kept
}

/// Keeps the first `k` rows of each group at each step.
pub(crate) fn limit(rows: Vec<Row>, groups: &Groups, steps: usize, k: &[f64]) -> Vec<Row> {
    let mut rows = rows;
    for (_, members) in &groups.0 {
        for step in 0..steps {
            let mut left = limit_at(k, step);
            for index in members {
                let Some(slot) = rows.get_mut(*index).and_then(|row| row.values.get_mut(step)) else { continue };
                if !is_present(*slot) {
                    continue;
                }
                if left == 0 {
                    *slot = MISSING;
                } else {
                    left -= 1;
                }
            }
        }
    }
    rows.retain(Row::has_values);
    rows
}

fn limit_at(k: &[f64], step: usize) -> usize {
    number::index(k.get(step).copied().unwrap_or(0.0))
}

/// Keeps a share of the rows, chosen by a hash of their labels; a negative ratio keeps the complement.
pub(crate) fn limit_ratio(rows: Vec<Row>, table: &LabelTable, ratios: &[f64]) -> Vec<Row> {
    let mut rows = rows;
    for row in &mut rows {
        let place = number::fraction(table.get(row.labels).stable_hash());
        for (value, ratio) in row.values.iter_mut().zip(ratios) {
            let ratio = ratio.clamp(-1.0, 1.0);
            let is_kept = if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio };
            if !is_kept {
                *value = MISSING;
            }
        }
    }
    rows.retain(Row::has_values);
    rows
}

/// Counts equal values of each group at each step; the value becomes a label.
pub(crate) fn count_values(
    rows: &[Row],
    grouping: &Grouping,
    label: &str,
    steps: usize,
    table: &mut LabelTable,
) -> Vec<Row> {
    let mut counted: Vec<Row> = Vec::new();
    let mut places: HashMap<LabelId, usize> = HashMap::new();
    let mut names = grouping.labels().to_vec();
    let is_by = matches!(grouping, Grouping::By(_));
    if is_by {
        names.push(label.to_owned());
    }
    for row in rows {
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (step, value) in row.values.iter().enumerate().filter(|(_, value)| is_present(**value)) {
            let place = *known.entry(value.to_bits()).or_insert_with(|| {
                let labels = table.get(row.labels).with(label, &number::plain(*value)).signature(&names, is_by);
                let labels = table.intern(labels);
                *places.entry(labels).or_insert_with(|| {
                    counted.push(Row { labels, drops_name: false, values: vec![MISSING; steps] });
                    counted.len() - 1
                })
            });
            if let Some(slot) = counted.get_mut(place).and_then(|row| row.values.get_mut(step)) {
                *slot = if is_present(*slot) { *slot + 1.0 } else { 1.0 };
            }
        }
    }
    counted
}
