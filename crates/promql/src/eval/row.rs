//! Rows of a result: a label set and its column of values.

use std::collections::HashMap;

use super::budget::Budget;
use super::column::Column;
use super::error::QueryError;
use super::label_table::LabelId;

/// One row of an instant or range vector.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: LabelId,
    /// `true` if the metric name is to be removed at the end of the query (delayed name removal).
    pub(crate) drops_name: bool,
    pub(crate) column: Column,
}

impl Row {
    /// Creates a row without labels.
    pub(crate) fn without_labels(values: Vec<f64>) -> Self {
        Self { labels: LabelId::EMPTY, drops_name: false, column: Column::dense(values) }
    }

    /// Returns `true` if the row has a value at any step.
    pub(crate) fn has_values(&self) -> bool {
        self.column.has_values()
    }

    /// Returns the value at a step; see [`Column::at`].
    pub(crate) fn at(&self, step: usize) -> f64 {
        self.column.at(step)
    }
}

/// Merges the rows that have the same labels, and removes rows without values.
///
/// Of rows with the same labels, those whose name is to be removed stay apart from the others: their labels will differ.
///
/// Cells that a merged column has more than its parts are counted before they are made.
///
/// # Errors
/// Two of the rows have the same labels and a value at one step; limits.
pub(crate) fn merge_same_labels(rows: Vec<Row>, budget: &Budget) -> Result<Vec<Row>, QueryError> {
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    // Places of the rows that keep their name, and of those that do not.
    let mut places: HashMap<LabelId, [Option<usize>; 2]> = HashMap::with_capacity(rows.len());
    for row in rows {
        if !row.has_values() {
            continue;
        }
        let [kept, dropped] = places.entry(row.labels).or_default();
        let (own, other) = if row.drops_name { (dropped, kept) } else { (kept, dropped) };
        if other.and_then(|place| merged.get(place)).is_some_and(|other| other.column.overlaps(&row.column)) {
            return Err(QueryError::same_labels());
        }
        match own.and_then(|place| merged.get_mut(place)) {
            None => {
                *own = Some(merged.len());
                merged.push(row);
            }
            Some(first) => {
                let (own, other) = (first.column.span(), row.column.span());
                let cells = own.end.max(other.end) - own.start.min(other.start);
                budget.add_cells(cells - own.len())?;
                first.column.merge(&row.column).map_err(|_| QueryError::same_labels())?;
                budget.remove_bytes(row.column.byte_len());
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineOptions;
    use crate::eval::column::{MISSING, is_present};
    use crate::eval::label_table::LabelTable;
    use crate::eval::labels::Labels;

    fn merge(rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        merge_same_labels(rows, &Budget::new(EngineOptions::default(), std::sync::Arc::default()))
    }

    #[test]
    fn rows_of_the_same_labels_are_merged_unless_they_overlap() {
        let mut table = LabelTable::default();
        let other = table.intern([("a", "b")].into_iter().collect::<Labels>());
        let row = |labels, values: &[f64]| Row { labels, drops_name: false, column: Column::dense(values.to_vec()) };
        let rows = vec![
            row(LabelId::EMPTY, &[1.0, MISSING]),
            row(other, &[5.0, 6.0]),
            row(LabelId::EMPTY, &[MISSING, f64::NAN]),
            row(other, &[MISSING, MISSING]),
        ];
        let merged = merge(rows.clone()).unwrap();
        assert_eq!((merged.len(), merged[0].column.count(), merged[1].column.count()), (2, 2, 2));
        assert!(merged[0].at(1).is_nan() && is_present(merged[0].at(1)) && !is_present(merged[0].at(2)));
        assert!(merge(vec![rows[1].clone(), rows[1].clone()]).is_err());
    }

    #[test]
    fn rows_whose_name_is_removed_later_stay_apart() {
        let row = |drops_name, values: &[f64]| Row {
            labels: LabelId::EMPTY,
            drops_name,
            column: Column::dense(values.to_vec()),
        };
        let rows = [row(true, &[1.0]), row(false, &[MISSING, 2.0]), row(true, &[MISSING, MISSING, 3.0])];
        assert_eq!(merge(rows.to_vec()).unwrap().len(), 2);
        assert!(merge(vec![row(true, &[1.0]), row(false, &[1.0])]).is_err());
    }
}
