//! Rows of a result: a label set and its column of values.

use std::collections::HashMap;

use super::column::Column;
use super::labels::LabelId;

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

/// Two rows with the same labels have a value at the same step.
#[derive(Debug)]
pub(crate) struct SameLabels;

/// Merges the rows that have the same labels, and removes rows without values.
///
/// # Errors
/// [`SameLabels`] if two of them have a value at one step.
pub(crate) fn merge_same_labels(rows: Vec<Row>) -> Result<Vec<Row>, SameLabels> {
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    let mut places: HashMap<LabelId, usize> = HashMap::with_capacity(rows.len());
    for row in rows {
        if !row.has_values() {
            continue;
        }
        match places.get(&row.labels).and_then(|place| merged.get_mut(*place)) {
            None => {
                places.insert(row.labels, merged.len());
                merged.push(row);
            }
            Some(first) => first.column.merge(&row.column).map_err(|_| SameLabels)?,
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::column::{MISSING, is_present};
    use crate::eval::labels::{LabelTable, Labels};

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
        let merged = merge_same_labels(rows.clone()).unwrap();
        assert_eq!((merged.len(), merged[0].column.count(), merged[1].column.count()), (2, 2, 2));
        assert!(merged[0].at(1).is_nan() && is_present(merged[0].at(1)) && !is_present(merged[0].at(2)));
        assert!(merge_same_labels(vec![rows[1].clone(), rows[1].clone()]).is_err());
    }
}
