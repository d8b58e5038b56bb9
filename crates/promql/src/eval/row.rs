//! Rows of a result: a label set and its values at all steps, as one dense column.

use std::collections::HashMap;

use super::labels::LabelId;

/// Bits of the staleness marker, which Prometheus writes when a target vanishes.
pub const STALE_BITS: u64 = timestrata::STALE_MARKER_BITS;

/// Missing value of a column: the staleness marker.
///
/// No value of a result has these bits: selectors skip the marker, and it is a signalling NaN, which no arithmetic
/// operation returns.
pub(crate) const MISSING: f64 = f64::from_bits(STALE_BITS);

/// Returns `true` for a value that is not missing.
#[inline]
pub(crate) fn is_present(value: f64) -> bool {
    value.to_bits() != STALE_BITS
}

/// One row of an instant or range vector.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: LabelId,
    /// `true` if the metric name is to be removed at the end of the query (delayed name removal).
    pub(crate) drops_name: bool,
    /// The value at each step; see [`MISSING`].
    pub(crate) values: Vec<f64>,
}

impl Row {
    /// Returns `true` if the row has a value at any step.
    pub(crate) fn has_values(&self) -> bool {
        self.values.iter().any(|value| is_present(*value))
    }

    /// Returns the value at a step; [`MISSING`] behind the last one.
    pub(crate) fn at(&self, step: usize) -> f64 {
        self.values.get(step).copied().unwrap_or(MISSING)
    }

    /// Returns the number of values.
    pub(crate) fn count(&self) -> usize {
        self.values.iter().filter(|value| is_present(**value)).count()
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
            Some(first) => {
                for (value, other) in first.values.iter_mut().zip(row.values) {
                    match (is_present(*value), is_present(other)) {
                        (true, true) => return Err(SameLabels),
                        (false, true) => *value = other,
                        _ => {}
                    }
                }
            }
        }
    }
    Ok(merged)
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;
    use crate::eval::labels::{LabelTable, Labels};

    #[test]
    fn rows_of_the_same_labels_are_merged_unless_they_overlap() {
        let mut table = LabelTable::default();
        let other = table.intern([("a", "b")].into_iter().collect::<Labels>());
        let row = |labels, values: &[f64]| Row { labels, drops_name: false, values: values.to_vec() };
        let rows = vec![
            row(LabelId::EMPTY, &[1.0, MISSING]),
            row(other, &[5.0, 6.0]),
            row(LabelId::EMPTY, &[MISSING, f64::NAN]),
            row(other, &[MISSING, MISSING]),
        ];
        let merged = merge_same_labels(rows.clone()).unwrap();
        assert_eq!((merged.len(), merged[0].count(), merged[1].count()), (2, 2, 2));
        assert!(merged[0].at(1).is_nan() && is_present(merged[0].at(1)) && !is_present(merged[0].at(2)));
        assert!(merge_same_labels(vec![rows[1].clone(), rows[1].clone()]).is_err());
    }

    #[test]
    fn no_operation_returns_the_marker_of_a_missing_value() {
        let quiet = [MISSING + 0.0, MISSING * 2.0, MISSING - MISSING, MISSING / 3.0];
        assert!(quiet.iter().all(|value| is_present(*value) && value.is_nan()));
    }
}
