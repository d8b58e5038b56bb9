//! Rules for windows without a value, and their application.

use super::aggregate::ColumnType;
use super::column::Column;
use super::limits::QueryBudget;
use super::partial::as_integer;
use super::plan::QueryPlan;
use super::window_grid::WindowGrid;
use super::window_output::WindowColumns;
use crate::types::error::Result;
use crate::types::point::{Timestamp, Value};
use crate::types::time_range::TimeRange;

/// Rule for windows without a value; see [`Query::fill`](crate::Query::fill).
///
/// With any rule but `None`, the windows of a row follow one another without a gap: from the first window of the range
/// to its last, and where the range is open, from or to the row's own first or last window. A series or group without
/// any value in the range is never in the result. Without [`every`](crate::Query::every) there is one window, and the
/// rule has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Fill {
    /// Windows without a value are left out. The default.
    ///
    /// With several aggregates, an aggregate without a value is `None` in a window where another has one.
    #[default]
    None,
    /// Windows without a value have the value `None`.
    Null,
    /// Windows without a value get the value of the previous window; `None` before the first value.
    Previous,
    /// Windows without a value get a linear interpolation of the values around them. All values are then `f64`.
    ///
    /// The interpolation uses the starts of the windows. `None` before the first and after the last value; NaN if one
    /// of the two values is NaN.
    Linear,
    /// Windows without a value get this value, in the type of the column.
    ///
    /// If that type cannot represent it exactly, all values of the column are `f64`.
    Value(Value),
}

/// First and last time of a range, each `None` if the range is open there.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenBounds {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl OpenBounds {
    pub(super) fn new(range: TimeRange, open_start: bool, open_end: bool) -> Self {
        let bound = |is_open: bool, nanos| (!is_open).then(|| Timestamp::from_nanos(nanos));
        Self { first: bound(open_start, range.first()), last: bound(open_end, range.last()) }
    }
}

/// Fills the windows of one series or group.
pub(super) fn fill(
    rows: WindowColumns,
    fill: Fill,
    plan: &QueryPlan,
    bounds: OpenBounds,
    budget: &QueryBudget<'_>,
) -> Result<WindowColumns> {
    if fill == Fill::None || rows.starts.is_empty() || matches!(plan.grid, WindowGrid::Whole { .. }) {
        return Ok(rows);
    }
    let mut filled = insert_missing_windows(&rows, plan, bounds, budget)?;
    budget.memory().track(rows.byte_len(), 0)?;
    drop(rows);
    let inserted_bytes = filled.byte_len();
    let rows = &mut filled;
    for column in &mut rows.values {
        match fill {
            Fill::None | Fill::Null => {}
            Fill::Previous => *column = fill_previous(column),
            Fill::Linear => *column = fill_linear(column, &rows.starts),
            Fill::Value(value) => *column = fill_value(column, value),
        }
    }
    budget.memory().track(inserted_bytes, rows.byte_len())?;
    Ok(filled)
}

/// Returns the windows and all missing windows between, before and after them, up to the bounds.
fn insert_missing_windows(
    rows: &WindowColumns,
    plan: &QueryPlan,
    OpenBounds { first, last }: OpenBounds,
    budget: &QueryBudget<'_>,
) -> Result<WindowColumns> {
    let mut all = WindowColumns::new(rows.values.iter().map(Column::column_type));
    let (Some(own_first), Some(own_last)) = (rows.starts.first(), rows.starts.last()) else { return Ok(all) };
    let until = last.map_or(*own_last, |last| plan.last_start(last));
    let (mut start, mut held) = (first.map_or(*own_first, |first| plan.first_start(first)), 0);
    let mut given = 0;
    loop {
        let is_given = rows.starts.get(given) == Some(&start);
        for (own, column) in all.values.iter_mut().zip(&rows.values) {
            own.push(if is_given { column.get(given) } else { None });
        }
        all.starts.push(start);
        given += usize::from(is_given);
        let now = all.byte_len();
        if now != held {
            budget.memory().track(held, now)?;
            held = now;
            if !budget.check_continue()? {
                return Ok(all);
            }
        }
        match plan.next_start(start) {
            Some(next) if next <= until => start = next,
            _ => return Ok(all),
        }
    }
}

/// Returns the column with each value replaced, in order.
fn replaced(column: &Column, ty: ColumnType, mut value: impl FnMut(usize) -> Option<Value>) -> Column {
    let mut replaced = Column::of_type(ty);
    for at in 0..column.len() {
        replaced.push(value(at));
    }
    replaced
}

fn fill_previous(column: &Column) -> Column {
    let mut last = None;
    replaced(column, column.column_type(), |at| {
        last = column.get(at).or(last);
        last
    })
}

/// Fills with a constant. The type of the column does not depend on the windows that are missing.
fn fill_value(column: &Column, value: Value) -> Column {
    let exact = exactly(value, column.column_type());
    let ty = if exact.is_some() { column.column_type() } else { ColumnType::F64 };
    let value = exact.unwrap_or(value);
    replaced(column, ty, |at| column.get(at).or(Some(value)))
}

/// Returns a value in another type; `None` if that type cannot represent it.
fn exactly(value: Value, ty: ColumnType) -> Option<Value> {
    /// 2^64; no integer type reaches it.
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    if ColumnType::from(value.value_type()) == ty {
        return Some(value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^64")]
    let integer = match value {
        Value::F64(value) => (value.fract() == 0.0 && value.abs() < LIMIT).then_some(value as i128)?,
        value => as_integer(value)?,
    };
    match ty {
        ColumnType::I64 | ColumnType::Timestamp => i64::try_from(integer).ok().map(Value::I64),
        ColumnType::U64 => u64::try_from(integer).ok().map(Value::U64),
        ColumnType::F64 | ColumnType::Bool => None,
    }
}

/// Interpolates. All values become doubles.
fn fill_linear(column: &Column, starts: &[Timestamp]) -> Column {
    let mut filled: Vec<Option<Value>> = column.to_f64().iter().collect();
    let mut before: Option<(usize, f64)> = None;
    for at in 0..filled.len() {
        let Some(high) = filled[at].map(Value::as_f64) else { continue };
        if let Some((from, low)) = before {
            let length = difference(starts[from], starts[at]);
            for between in from + 1..at {
                let share = difference(starts[from], starts[between]) / length;
                let rise = high - low;
                // The difference of two finite values may be infinite.
                let overflows = rise.is_infinite() && low.is_finite() && high.is_finite();
                let value = if overflows { low * (1.0 - share) + high * share } else { low + rise * share };
                filled[between] = Some(Value::F64(value));
            }
        }
        before = Some((at, high));
    }
    replaced(column, ColumnType::F64, |at| filled.get(at).copied().flatten())
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of distances")]
fn difference(from: Timestamp, to: Timestamp) -> f64 {
    to.as_nanos().abs_diff(from.as_nanos()) as f64
}
