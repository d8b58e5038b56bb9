//! Aggregations over the rows of an instant vector, column by column.

use std::collections::HashMap;

use super::budget::Budget;
use super::column::{Column, MISSING, is_present};
use super::error::QueryError;
use super::fold;
use super::label_table::{LabelId, LabelTable};
use super::number;
use super::row::Row;
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
            let labels =
                if is_by && names.is_empty() { LabelId::EMPTY } else { table.signature(row.labels, names, is_by) };
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
///
/// The cells of the result are counted before they are made; its values are not.
///
/// # Errors
/// Limits.
pub(crate) fn aggregate(
    aggregator: Aggregator,
    rows: &[Row],
    groups: &Groups,
    levels: Option<&[f64]>,
    budget: &Budget,
) -> Result<Vec<Row>, QueryError> {
    let fold = |members: &[usize]| -> Result<Column, QueryError> {
        let columns: Vec<&Column> =
            members.iter().filter_map(|index| rows.get(*index)).map(|row| &row.column).collect();
        budget.check()?;
        budget.add_cells(fold::span(&columns).len())?;
        Ok(match aggregator {
            Aggregator::Sum => fold::sums(&columns),
            Aggregator::Avg => fold::means(&columns),
            Aggregator::Count => fold::counts(&columns),
            Aggregator::Group => fold::ones(&columns),
            Aggregator::Min => fold::extremum(&columns, |value, least| value < least),
            Aggregator::Max => fold::extremum(&columns, |value, greatest| value > greatest),
            Aggregator::Stdvar => fold::variances(&columns),
            Aggregator::Stddev => {
                let mut column = fold::variances(&columns);
                column.present_mut().for_each(|(_, value)| *value = value.sqrt());
                column
            }
            Aggregator::Quantile => fold::quantiles(&columns, levels.unwrap_or(&[])),
            _ => Column::default(),
        })
    };
    let mut results = Vec::with_capacity(groups.0.len());
    for (labels, members) in &groups.0 {
        let column = fold(members)?;
        if column.has_values() {
            let drops_name = members.iter().filter_map(|index| rows.get(*index)).any(|row| row.drops_name);
            results.push(Row { labels: *labels, drops_name, column });
        }
    }
    Ok(results)
}

/// Keeps the first `k` rows of each group at each step.
pub(crate) fn limit(rows: Vec<Row>, groups: &Groups, k: &[f64]) -> Vec<Row> {
    let mut rows = rows;
    for (_, members) in &groups.0 {
        let mut left: Vec<usize> = k.iter().map(|k| number::index(*k)).collect();
        for index in members {
            let Some(row) = rows.get_mut(*index) else { continue };
            for (step, value) in row.column.present_mut() {
                match left.get_mut(step) {
                    Some(left) if *left > 0 => *left -= 1,
                    _ => *value = MISSING,
                }
            }
        }
    }
    rows.retain(Row::has_values);
    rows
}

/// Keeps a share of the rows, chosen by a hash of their labels; a negative ratio keeps the complement.
pub(crate) fn limit_ratio(rows: Vec<Row>, table: &LabelTable, ratios: &[f64]) -> Vec<Row> {
    let mut rows = rows;
    for row in &mut rows {
        let place = number::fraction(table.get(row.labels).stable_hash());
        for (step, value) in row.column.present_mut() {
            let ratio = ratios.get(step).copied().unwrap_or(0.0).clamp(-1.0, 1.0);
            let is_kept = if ratio >= 0.0 { place < ratio } else { place >= 1.0 + ratio };
            if !is_kept {
                *value = MISSING;
            }
        }
    }
    rows.retain(Row::has_values);
    rows
}

/// Bytes of a row and its labels, beside its cells.
const ROW_BYTES: usize = 256;

/// Counts equal values of each group at each step; the value becomes a label.
///
/// The cells of the result are counted before they are made; its values are not.
///
/// # Errors
/// Limits.
pub(crate) fn count_values(
    rows: &[Row],
    grouping: &Grouping,
    label: &str,
    table: &mut LabelTable,
    budget: &Budget,
) -> Result<Vec<Row>, QueryError> {
    let mut counted: Vec<Row> = Vec::new();
    let mut places: HashMap<LabelId, usize> = HashMap::new();
    let mut names = grouping.labels().to_vec();
    let is_by = matches!(grouping, Grouping::By(_));
    if is_by {
        names.push(label.to_owned());
    }
    for row in rows {
        budget.check()?;
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (step, value) in row.column.present() {
            let place = *known.entry(value.to_bits()).or_insert_with(|| {
                let labels = table.get(row.labels).with(label, &number::plain(value)).signature(&names, is_by);
                let labels = table.intern(labels);
                *places.entry(labels).or_insert_with(|| {
                    counted.push(Row { labels, drops_name: false, column: Column::default() });
                    counted.len() - 1
                })
            });
            if let Some(row) = counted.get_mut(place) {
                let before = row.at(step);
                match row.column.growth(step) {
                    0 => {}
                    cells if row.column.span().is_empty() => budget.add_bytes(ROW_BYTES + cells * size_of::<f64>())?,
                    cells => budget.add_cells(cells)?,
                }
                row.column.set(step, if is_present(before) { before + 1.0 } else { 1.0 });
            }
        }
    }
    Ok(counted)
}
