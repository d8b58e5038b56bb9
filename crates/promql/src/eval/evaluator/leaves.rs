//! Leaves of the expression: selectors, and functions of ranges of them.

use std::collections::HashMap;

use super::Evaluator;
use crate::ast::{RangeExtension, Span, VectorSelector};
use crate::eval::error::QueryError;
use crate::eval::functions::range::Arguments;
use crate::eval::labels::METRIC_NAME;
use crate::eval::leaf::{Conditions, Leaf, LeafKind, LeafRow};
use crate::eval::row::Row;
use crate::eval::window::Steps;

/// Leaves that the planning pass has found.
pub(super) type Leaves = HashMap<Leaf, LeafState>;

/// Leaf that both passes know, and its rows once they are read.
#[derive(Debug, Default)]
pub(super) struct LeafState {
    /// Number of nodes that need the rows.
    uses: usize,
    rows: Option<Vec<LeafRow>>,
}

impl Evaluator<'_> {
    /// Returns the leaves that were found, with the number of their uses.
    pub(crate) fn planned_leaves(&self) -> impl Iterator<Item = (&Leaf, usize)> {
        self.leaves.iter().map(|(leaf, state)| (leaf, state.uses))
    }

    pub(super) fn eval_selector(&mut self, selector: &VectorSelector, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let kind = match selector.extension {
            Some(RangeExtension::Smoothed) => LeafKind::Smoothed,
            _ => LeafKind::Newest,
        };
        self.selector_leaf(selector, steps, kind)
    }

    /// Evaluates a leaf over a selector.
    pub(crate) fn selector_leaf(
        &mut self,
        selector: &VectorSelector,
        steps: &Steps,
        kind: LeafKind,
    ) -> Result<Vec<Row>, QueryError> {
        let anchor = self.anchor(selector.at.as_ref(), selector.offset.as_ref())?;
        let leaf = Leaf { conditions: Conditions::of(selector), anchor, steps: *steps, kind };
        self.leaf(leaf, None, selector.span)
    }

    /// Returns the rows of a leaf, and reads them unless another leaf has read the selector.
    pub(crate) fn leaf(
        &mut self,
        leaf: Leaf,
        arguments: Option<&[Arguments]>,
        span: Span,
    ) -> Result<Vec<Row>, QueryError> {
        if self.is_planning {
            if arguments.is_none() {
                self.leaves.entry(leaf).or_default().uses += 1;
            }
            return Ok(Vec::new());
        }
        let found = match arguments {
            Some(_) => {
                self.reads += 1;
                self.reader.leaves(&[&leaf], arguments)?.pop().unwrap_or_default()
            }
            None => self.shared_leaf(&leaf)?,
        };
        let mut rows = Vec::with_capacity(found.len());
        self.table.reserve(found.len());
        for row in found {
            if row.is_rounded {
                self.annotations.rounded_integers(row.labels.get(METRIC_NAME), span);
            }
            rows.push(Row { labels: self.table.intern(row.labels), drops_name: false, column: row.column });
        }
        Ok(rows)
    }

    fn shared_leaf(&mut self, leaf: &Leaf) -> Result<Vec<LeafRow>, QueryError> {
        if self.leaves.get(leaf).is_none_or(|state| state.rows.is_none()) {
            self.read_with_neighbours(leaf)?;
        }
        let Some(state) = self.leaves.get_mut(leaf) else { return Ok(Vec::new()) };
        state.uses = state.uses.saturating_sub(1);
        if state.uses == 0 {
            return Ok(state.rows.take().unwrap_or_default());
        }
        let rows = state.rows.as_deref().unwrap_or_default();
        self.reader.budget.add_bytes(rows.iter().map(|row| row.column.byte_len()).sum())?;
        Ok(rows.to_vec())
    }

    /// Reads a leaf together with the other leaves of its selector whose times overlap.
    fn read_with_neighbours(&mut self, leaf: &Leaf) -> Result<(), QueryError> {
        self.leaves.entry(leaf.clone()).or_insert(LeafState { uses: 1, rows: None });
        let lookback = self.reader.lookback;
        let (mut from, mut to) = leaf.times(lookback);
        let mut others: Vec<&Leaf> = Vec::new();
        for (other, state) in &self.leaves {
            if other.conditions == leaf.conditions && other != leaf && state.rows.is_none() && state.uses > 0 {
                others.push(other);
            }
        }
        let mut group: Vec<Leaf> = vec![leaf.clone()];
        while let Some(at) = others.iter().position(|other| {
            let times = other.times(lookback);
            times.0 <= to && from <= times.1
        }) {
            let other = others.swap_remove(at);
            let times = other.times(lookback);
            (from, to) = (from.min(times.0), to.max(times.1));
            group.push(other.clone());
        }
        self.reads += 1;
        let rows = self.reader.leaves(&group.iter().collect::<Vec<_>>(), None)?;
        for (leaf, rows) in group.into_iter().zip(rows) {
            self.leaves.entry(leaf).or_default().rows = Some(rows);
        }
        Ok(())
    }
}
