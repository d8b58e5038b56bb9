//! Signatures by which the rows of two vectors match.

use std::collections::HashMap;

use super::labels::{LabelId, LabelTable};
use super::row::{Row, is_present};
use crate::ast::{LabelSet, VectorMatching};

/// Signature of each row of both sides, as numbers from 0.
#[derive(Debug)]
pub(crate) struct Signatures {
    pub(crate) left: Vec<usize>,
    pub(crate) right: Vec<usize>,
    /// Number of signatures.
    pub(crate) count: usize,
}

impl Signatures {
    /// Computes the signatures of two sides.
    pub(crate) fn new(left: &[Row], right: &[Row], matching: &VectorMatching, table: &mut LabelTable) -> Self {
        let mut numbers: HashMap<LabelId, usize> = HashMap::new();
        let mut side = |rows: &[Row]| {
            let number = |row: &Row| {
                let labels = match_labels(table.get(row.labels), matching);
                let id = table.intern(labels);
                let next = numbers.len();
                *numbers.entry(id).or_insert(next)
            };
            rows.iter().map(number).collect::<Vec<_>>()
        };
        let (left, right) = (side(left), side(right));
        Self { left, right, count: numbers.len() }
    }
}

/// Returns the labels that a matching compares.
pub(crate) fn match_labels(labels: &super::labels::Labels, matching: &VectorMatching) -> super::labels::Labels {
    labels.signature(matching.labels.names(), matches!(matching.labels, LabelSet::On(_)))
}

/// For each signature, which steps have a value of any row.
fn presence(rows: &[Row], signatures: &[usize], count: usize, steps: usize) -> Vec<Vec<bool>> {
    let mut present: Vec<Vec<bool>> = vec![Vec::new(); count];
    for (row, signature) in rows.iter().zip(signatures) {
        let Some(present) = present.get_mut(*signature) else { continue };
        present.resize(steps, false);
        for (present, value) in present.iter_mut().zip(&row.values) {
            *present |= is_present(*value);
        }
    }
    present
}

/// Keeps the values of rows at the steps at which the other side has, or has not, a value of their signature.
fn keep_where(rows: Vec<Row>, signatures: &[usize], others: &[Vec<bool>], wanted: bool) -> Vec<Row> {
    let mut rows = rows;
    for (row, signature) in rows.iter_mut().zip(signatures) {
        let other = others.get(*signature).map_or(&[][..], |present| &present[..]);
        for (step, value) in row.values.iter_mut().enumerate() {
            if other.get(step).copied().unwrap_or(false) != wanted {
                *value = super::row::MISSING;
            }
        }
    }
    rows.retain(Row::has_values);
    rows
}

/// Returns `left and right`.
pub(crate) fn and(left: Vec<Row>, right: &[Row], signatures: &Signatures, steps: usize) -> Vec<Row> {
    let others = presence(right, &signatures.right, signatures.count, steps);
    keep_where(left, &signatures.left, &others, true)
}

/// Returns `left unless right`.
pub(crate) fn unless(left: Vec<Row>, right: &[Row], signatures: &Signatures, steps: usize) -> Vec<Row> {
    let others = presence(right, &signatures.right, signatures.count, steps);
    keep_where(left, &signatures.left, &others, false)
}

/// Returns `left or right`; rows with the same labels are not merged.
pub(crate) fn or(left: Vec<Row>, right: Vec<Row>, signatures: &Signatures, steps: usize) -> Vec<Row> {
    let others = presence(&left, &signatures.left, signatures.count, steps);
    let mut rows = left;
    rows.extend(keep_where(right, &signatures.right, &others, false));
    rows
}
