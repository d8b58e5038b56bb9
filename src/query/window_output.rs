//! Windows of one series: finished rows in columns, or partial aggregates for a merge with other series.

use super::aggregate::{Aggregate, ColumnType};
use super::column::Column;
use super::operator::Operator;
use super::partial::PartialAggregate;
use super::plan::QueryPlan;
use super::sliding::Append;
use crate::types::point::{Timestamp, Value, ValueType};

/// Finished windows in columns: the starts, and one column of values per operator.
#[derive(Debug, Clone, Default)]
pub(super) struct WindowColumns {
    pub(super) starts: Vec<Timestamp>,
    pub(super) values: Vec<Column>,
    /// First window that has a value which its column cannot hold.
    pub(super) failure: Option<(Timestamp, WindowFailure)>,
}

/// Reason why a value of a window cannot be returned. The query fails if its result contains the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowFailure {
    /// A sum of integers exceeds the range of their type.
    SumOverflow(ValueType),
    /// The window has too many distinct values.
    TooManyValues,
}

impl WindowColumns {
    pub(super) fn new(types: impl IntoIterator<Item = ColumnType>) -> Self {
        let values = types.into_iter().map(Column::of_type).collect();
        Self { starts: Vec::new(), values, failure: None }
    }

    /// Adds a window if at least one operator has a value.
    #[inline]
    pub(super) fn push(&mut self, plan: &QueryPlan, start: Timestamp, cell: &PartialAggregate) {
        let mut has_value = false;
        for (operator, column) in plan.operators.iter().zip(&mut self.values) {
            let value = cell.value_of(operator, || plan.window_end(start));
            has_value |= value.is_some();
            let is_held = column.push(value);
            let failure = match operator {
                Operator::Aggregate(Aggregate::Sum) if !is_held => WindowFailure::SumOverflow(cell.value_type()),
                Operator::Aggregate(Aggregate::Mode | Aggregate::Distinct) if value.is_none() => {
                    WindowFailure::TooManyValues
                }
                _ => continue,
            };
            self.failure.get_or_insert((start, failure));
            has_value = true;
        }
        if has_value {
            self.starts.push(start);
        } else {
            self.values.iter_mut().for_each(|column| column.truncate(self.starts.len()));
        }
    }

    /// Adds a window with the only column's value, a count, sum or mean of a type.
    #[inline]
    pub(super) fn push_single(&mut self, start: Timestamp, value: Value, ty: ValueType) {
        self.starts.push(start);
        if !self.values.iter_mut().all(|column| column.push(Some(value))) {
            self.failure.get_or_insert((start, WindowFailure::SumOverflow(ty)));
        }
    }

    pub(super) fn byte_len(&self) -> usize {
        let columns: usize = self.values.iter().map(Column::byte_len).sum();
        self.starts.capacity() * size_of::<Timestamp>() + columns
    }
}

/// Windows of one series, final or not.
#[derive(Debug)]
pub(super) enum WindowOutput {
    /// Values of windows that are not merged with others.
    Final(WindowColumns),
    /// Partial aggregates, to be merged with those of other series.
    Partial { cells: Vec<(Timestamp, PartialAggregate)>, bytes: usize },
}

impl WindowOutput {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Final(rows) => rows.starts.is_empty(),
            Self::Partial { cells, .. } => cells.is_empty(),
        }
    }

    pub(super) fn byte_len(&self) -> usize {
        match self {
            Self::Final(rows) => rows.byte_len(),
            Self::Partial { bytes, .. } => *bytes,
        }
    }

    /// Adds a window, as a row or as a partial aggregate.
    #[inline]
    pub(super) fn push(&mut self, plan: &QueryPlan, start: Timestamp, cell: PartialAggregate) {
        match self {
            Self::Final(rows) => rows.push(plan, start, &cell),
            Self::Partial { cells, bytes } => {
                *bytes += cell.byte_len() + size_of::<Timestamp>();
                cells.push((start, cell));
            }
        }
    }
}

/// Output of one series.
#[derive(Debug)]
pub(super) struct SeriesOutput {
    pub(super) windows: WindowOutput,
    /// Aggregate of all points, if series are ranked.
    pub(super) total: Option<PartialAggregate>,
}
