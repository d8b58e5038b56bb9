//! Plan of a query: what is read, how it is cut into windows, and what is computed.

use super::aggregate::Aggregate;
use super::operator::Operator;
use super::sliding::Overlap;
use super::window_grid::WindowGrid;
use super::window_output::WindowColumns;
use crate::types::point::{Timestamp, ValueType};
use crate::types::time_range::TimeRange;

/// Plan of a query, shared by all series.
#[derive(Debug, Clone)]
pub(super) struct QueryPlan {
    /// Range that is read: the range of the query, extended by the lookback.
    pub(super) range: TimeRange,
    /// First time whose points count. Of earlier points, the last one is the source of the first step.
    pub(super) counted_from: i64,
    /// End of the range of the query, not included; `None` if it is open.
    pub(super) range_end: Option<i128>,
    /// Windows or, if they overlap, their panes.
    pub(super) grid: WindowGrid,
    /// Overlapping windows, made of the panes of the grid.
    pub(super) overlap: Option<Overlap>,
    /// Operator of each column.
    pub(super) operators: Vec<Operator>,
    /// Aggregate over the whole range that ranks series.
    pub(super) rank_by: Option<Aggregate>,
    /// `true` if windows of several series may be merged, so that values are not final yet.
    pub(super) merges_series: bool,
    /// `true` if run summaries may replace points.
    pub(super) statistics: bool,
}

impl QueryPlan {
    /// Returns columns without windows, for series of a type or of several types.
    pub(super) fn empty_columns(&self, series: Option<ValueType>) -> WindowColumns {
        WindowColumns::new(self.operators.iter().map(|operator| operator.column_type(series)))
    }

    /// Returns the end of a window, which is not included unless windows contain their ends; `None` if it has none.
    pub(super) fn window_end(&self, start: Timestamp) -> Option<i128> {
        match (self.overlap, &self.grid) {
            (Some(overlap), _) => Some(i128::from(start.as_nanos()) + i128::from(overlap.length)),
            (None, WindowGrid::Whole { .. }) => self.range_end,
            (None, WindowGrid::ClosedEnd(inner)) => Some(i128::from(inner.window_at(start).1) + 1),
            (None, grid) => Some(i128::from(grid.window_at(start).1) + 1),
        }
    }

    /// Returns the start of the first window that contains a time.
    pub(super) fn first_start(&self, at: Timestamp) -> Timestamp {
        let Some(overlap) = self.overlap else { return self.grid.window_at(at).0 };
        let first = overlap.first_containing(self.on_grid(at).into()).max(overlap.start_from(i64::MIN.into()));
        Timestamp::from_nanos(i64::try_from(first).unwrap_or(i64::MAX))
    }

    /// Returns the start of the last window that contains a time.
    pub(super) fn last_start(&self, at: Timestamp) -> Timestamp {
        let Some(overlap) = self.overlap else { return self.grid.window_at(at).0 };
        let last = overlap.start_from(i128::from(self.on_grid(at)) + 1) - i128::from(overlap.step);
        Timestamp::from_nanos(i64::try_from(last).unwrap_or(i64::MIN))
    }

    /// Returns the start of the next window; `None` if there is none.
    pub(super) fn next_start(&self, start: Timestamp) -> Option<Timestamp> {
        match self.overlap {
            Some(overlap) => start.checked_add_nanos(overlap.step),
            None => self.grid.next_start(start),
        }
    }

    /// Returns a time as windows that contain their starts would contain it.
    fn on_grid(&self, at: Timestamp) -> i64 {
        let is_closed_end = matches!(self.grid, WindowGrid::ClosedEnd(_));
        at.saturating_add_nanos(-i64::from(is_closed_end)).as_nanos()
    }
}
