//! Signatures by which the rows of two vectors match.

use std::collections::HashMap;

use super::budget::Budget;
use super::column::{Column, MISSING, is_present};
use super::error::QueryError;
use super::label_table::{LabelId, LabelTable};
use super::row::Row;
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
        let (names, is_listed) = (matching.labels.names(), matches!(matching.labels, LabelSet::On(_)));
        let mut side = |rows: &[Row]| {
            let number = |row: &Row| {
                let id = table.signature(row.labels, names, is_listed);
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

/// For each signature, a column with a value where any row has one.
fn presence(rows: &[Row], signatures: &[usize], count: usize, budget: &Budget) -> Result<Vec<Column>, QueryError> {
    let mut present: Vec<Column> = vec![Column::default(); count];
    for (row, signature) in rows.iter().zip(signatures) {
        let Some(present) = present.get_mut(*signature) else { continue };
        if present.span().is_empty() {
            budget.add_bytes(row.column.byte_len())?;
            *present = row.column.clone();
            continue;
        }
        for (step, value) in row.column.present() {
            budget.add_cells(present.growth(step))?;
            present.set(step, value);
        }
    }
    Ok(present)
}

/// Keeps the values of rows at the steps at which the other side has, or has not, a value of their signature.
fn keep_where(rows: Vec<Row>, signatures: &[usize], others: &[Column], wanted: bool) -> Vec<Row> {
    let mut rows = rows;
    for (row, signature) in rows.iter_mut().zip(signatures) {
        let Some(other) = others.get(*signature) else { continue };
        for (step, value) in row.column.present_mut() {
            if is_present(other.at(step)) != wanted {
                *value = MISSING;
            }
        }
    }
    rows.retain(Row::has_values);
    rows
}

/// Returns `left and right`. This and the others fail at limits only.
pub(crate) fn and(
    left: Vec<Row>,
    right: &[Row],
    signatures: &Signatures,
    budget: &Budget,
) -> Result<Vec<Row>, QueryError> {
    let others = presence(right, &signatures.right, signatures.count, budget)?;
    Ok(keep_where(left, &signatures.left, &others, true))
}

/// Returns `left unless right`.
pub(crate) fn unless(
    left: Vec<Row>,
    right: &[Row],
    signatures: &Signatures,
    budget: &Budget,
) -> Result<Vec<Row>, QueryError> {
    let others = presence(right, &signatures.right, signatures.count, budget)?;
    Ok(keep_where(left, &signatures.left, &others, false))
}

/// Returns `left or right`; rows with the same labels are not merged.
pub(crate) fn or(
    left: Vec<Row>,
    right: Vec<Row>,
    signatures: &Signatures,
    budget: &Budget,
) -> Result<Vec<Row>, QueryError> {
    let others = presence(&left, &signatures.left, signatures.count, budget)?;
    let mut rows = left;
    rows.extend(keep_where(right, &signatures.right, &others, false));
    Ok(rows)
}
