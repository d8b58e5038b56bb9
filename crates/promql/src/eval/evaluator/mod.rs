//! Evaluation of an expression: each node once, over all steps.
//!
//! A query is evaluated twice. The first pass reads nothing: it finds the leaves, so that the second one can read each
//! selector once for all of its leaves.

mod aggregations;
mod leaves;
mod operators;
mod shared;

use super::annotation::Annotations;
use super::column::{Column, MISSING, present};
use super::error::QueryError;
use super::invariant;
use super::label_table::LabelTable;
use super::number;
use super::options::EngineOptions;
use super::row::{Row, merge_same_labels};
use super::scan::Reader;
use super::window::{Anchor, Steps};
use crate::ast::{AtModifier, AtTime, DurationContext, Expression, Offset, StringLiteral, ValueType};
use leaves::Leaves;
use shared::SharedParts;

/// Steps from which on each column counts as memory before it is made.
const MANY_STEPS: usize = 10_000;

/// Value of an expression at all steps.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Rows(Vec<Row>),
    Text(StringLiteral),
}

/// Evaluator of one query.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) options: &'a EngineOptions,
    pub(crate) table: LabelTable,
    pub(crate) annotations: Annotations,
    /// Steps of the query.
    pub(crate) query: Steps,
    /// End of the query's range, in nanoseconds; it may be no step.
    pub(crate) query_end: i64,
    /// Step and range for duration expressions.
    pub(crate) durations: DurationContext,
    /// `true` in the pass that finds the leaves.
    pub(crate) is_planning: bool,
    leaves: Leaves,
    shared: SharedParts,
    /// Number of reads of selectors.
    pub(crate) reads: usize,
    /// Number of parts that took the value of the same part elsewhere.
    pub(crate) shared_parts: usize,
}

impl<'a> Evaluator<'a> {
    /// Creates the evaluator of a query.
    pub(crate) fn new(
        reader: Reader<'a>,
        options: &'a EngineOptions,
        text: &str,
        query: Steps,
        query_end: i64,
        durations: DurationContext,
    ) -> Self {
        Self {
            reader,
            options,
            table: LabelTable::default(),
            annotations: Annotations::new(text),
            query,
            query_end,
            durations,
            is_planning: false,
            leaves: Leaves::new(),
            shared: SharedParts::new(),
            reads: 0,
            shared_parts: 0,
        }
    }

    /// Evaluates an expression that is no range vector.
    ///
    /// # Errors
    /// Any [`QueryError`].
    pub(crate) fn eval(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        self.reader.budget.check()?;
        match self.eval_steps(expression, steps) {
            // The planning pass sees no data: what it cannot evaluate may have a value.
            Err(QueryError::Execution { .. }) if self.is_planning => Ok(match expression.value_type() {
                ValueType::Scalar => Value::Scalar(vec![f64::NAN; steps.count]),
                _ => Value::Rows(Vec::new()),
            }),
            value => value,
        }
    }

    fn eval_steps(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        if steps.count > MANY_STEPS {
            // Before the column is made.
            self.reader.budget.add_cells(steps.count)?;
        }
        self.eval_shared(expression, steps)
    }

    /// Evaluates an expression that is not shared with other places.
    fn eval_alone(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        if steps.count > 1 && invariant::is_invariant(expression) {
            let value = self.eval_node(expression, &Steps::instant(steps.start))?;
            return self.broadcast(value, steps.count);
        }
        self.eval_node(expression, steps)
    }

    /// Repeats the value at the only step for all steps.
    fn broadcast(&self, value: Value, steps: usize) -> Result<Value, QueryError> {
        Ok(match value {
            Value::Scalar(values) => Value::Scalar(vec![values.first().copied().unwrap_or(MISSING); steps]),
            Value::Rows(rows) => {
                // The values at the first step are counted.
                self.reader.budget.add_samples(rows.len().saturating_mul(steps.saturating_sub(1)))?;
                self.reader.budget.add_cells(rows.len().saturating_mul(steps))?;
                let repeat = |row: Row| Row { column: Column::dense(vec![row.at(0); steps]), ..row };
                Value::Rows(rows.into_iter().map(repeat).collect())
            }
            text @ Value::Text(_) => text,
        })
    }

    fn eval_node(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        match expression {
            Expression::Number(number) => Ok(Value::Scalar(vec![number.value.0; steps.count])),
            Expression::String(string) => Ok(Value::Text(string.clone())),
            Expression::Parenthesized(parenthesized) => self.eval(&parenthesized.inner, steps),
            Expression::Vector(selector) => self.eval_selector(selector, steps).map(Value::Rows),
            Expression::Unary(unary) => self.eval_unary(unary, steps),
            Expression::Binary(binary) => self.eval_binary(binary, steps),
            Expression::Aggregation(aggregation) => self.eval_aggregation(aggregation, steps).map(Value::Rows),
            Expression::Call(call) => self.eval_call(call, steps),
            Expression::Matrix(_) | Expression::Subquery(_) => {
                Err(QueryError::execution("a range vector has no value at a step"))
            }
        }
    }

    /// Evaluates an instant vector.
    pub(crate) fn rows(&mut self, expression: &Expression, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        match self.eval(expression, steps)? {
            Value::Rows(rows) => Ok(rows),
            Value::Scalar(values) => Ok(vec![Row::without_labels(values)]),
            Value::Text(_) => Err(QueryError::execution("a string is no vector")),
        }
    }

    /// Evaluates a scalar.
    pub(crate) fn scalar(&mut self, expression: &Expression, steps: &Steps) -> Result<Vec<f64>, QueryError> {
        match self.eval(expression, steps)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(QueryError::execution("the expression is no scalar")),
        }
    }

    /// Returns the reference times of a selector or subquery.
    pub(crate) fn anchor(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Result<Anchor, QueryError> {
        let offset = offset.map(|offset| offset.duration.nanos(&self.durations)).transpose()?.unwrap_or(0);
        let at = at.map(|at| match at.time {
            AtTime::Seconds(seconds) => number::nanos(seconds.0),
            AtTime::Start => self.query.start,
            AtTime::End => self.query_end,
        });
        Ok(Anchor { at, offset })
    }

    /// Removes the metric name of rows, or marks them for it.
    pub(crate) fn drop_names(&mut self, rows: &mut [Row]) {
        for row in rows {
            if self.options.delayed_name_removal {
                row.drops_name = true;
            } else {
                row.labels = self.table.without_metadata(row.labels);
            }
        }
    }

    /// Counts the values of new rows, whose cells were counted before they were made.
    pub(crate) fn count_values(&self, rows: &[Row]) -> Result<(), QueryError> {
        self.reader.budget.add_samples(rows.iter().map(|row| row.column.count()).sum())
    }

    /// Counts the values and cells of new rows.
    pub(crate) fn count_rows(&self, rows: &[Row]) -> Result<(), QueryError> {
        self.count_values(rows)?;
        self.reader.budget.add_bytes(rows.iter().map(|row| row.column.byte_len()).sum())
    }

    /// Counts the values of new rows, and drops the rows from which they were made. The cells of the new rows were counted
    /// before they were made.
    pub(crate) fn replace_rows(&self, old: Vec<Row>, new: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        self.count_values(&new)?;
        self.reader.budget.remove_bytes(old.iter().map(|row| row.column.byte_len()).sum());
        drop(old);
        Ok(new)
    }

    /// Removes the metric names that functions have marked, at the end of a query.
    pub(crate) fn finish(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        let mut rows = rows;
        for row in rows.iter_mut().filter(|row| row.drops_name) {
            row.labels = self.table.without_metadata(row.labels);
        }
        merge_same_labels(rows, self.reader.budget)
    }
}

/// Replaces each value. A NaN that gets the bits of a missing value stays a value.
pub(crate) fn map_values(rows: &mut [Row], map: impl Fn(f64) -> f64) {
    for row in rows {
        for (_, value) in row.column.present_mut() {
            *value = present(map(*value));
        }
    }
}
