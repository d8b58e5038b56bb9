//! Parts of an expression that occur several times, which are evaluated once.
//!
//! Two parts are the same if they have the same text and the same steps: then their nodes have the same places relative to
//! their starts, too, so that the annotations of the first one also hold for the others.

use std::collections::HashMap;

use super::{Evaluator, Value};
use crate::ast::{Expression, ValueType};
use crate::eval::annotation::Remark;
use crate::eval::error::QueryError;
use crate::eval::row::Row;
use crate::eval::window::Steps;

/// Parts that both passes know, by text and steps.
pub(super) type SharedParts = HashMap<(String, Steps), SharedPart>;

/// Part of the expression, and its value once it is evaluated.
#[derive(Debug, Default)]
pub(super) struct SharedPart {
    /// Number of places that need the value.
    uses: usize,
    value: Option<SharedValue>,
}

#[derive(Debug, Clone)]
struct SharedValue {
    rows: Vec<Row>,
    remarks: Vec<Remark>,
    /// Start of the part that was evaluated, in bytes of the text.
    start: usize,
}

/// Returns `true` for parts that take longer to evaluate than to copy.
fn is_costly(expression: &Expression) -> bool {
    let is_operation = matches!(expression, Expression::Aggregation(_) | Expression::Call(_) | Expression::Binary(_));
    is_operation && expression.value_type() == ValueType::Vector
}

impl Evaluator<'_> {
    /// Evaluates a part, or returns the value of the same part elsewhere.
    pub(super) fn eval_shared(&mut self, expression: &Expression, steps: &Steps) -> Result<Value, QueryError> {
        let span = expression.span();
        let key = match self.annotations.source(span) {
            Some(text) if is_costly(expression) => (text.to_owned(), *steps),
            _ => return self.eval_alone(expression, steps),
        };
        if self.is_planning {
            let part = self.shared.entry(key).or_default();
            part.uses += 1;
            // The leaves of the others are not needed.
            return if part.uses > 1 { Ok(Value::Rows(Vec::new())) } else { self.eval_alone(expression, steps) };
        }
        let Some(part) = self.shared.get_mut(&key).filter(|part| part.uses > 0) else {
            return self.eval_alone(expression, steps);
        };
        part.uses -= 1;
        let is_last = part.uses == 0;
        let known = if is_last { part.value.take() } else { part.value.clone() };
        if let Some(SharedValue { rows, remarks, start }) = known {
            self.annotations.repeat(&remarks, start, span.start);
            // The last use takes the rows that are counted already.
            if !is_last {
                self.count_copied(&rows)?;
            }
            self.shared_parts += 1;
            return Ok(Value::Rows(rows));
        }
        if is_last {
            return self.eval_alone(expression, steps);
        }
        self.annotations.begin_record();
        let value = self.eval_alone(expression, steps);
        let remarks = self.annotations.end_record();
        if let Ok(Value::Rows(rows)) = &value {
            self.count_copied(rows)?;
        }
        if let (Ok(Value::Rows(rows)), Some(part)) = (&value, self.shared.get_mut(&key)) {
            part.value = Some(SharedValue { rows: rows.clone(), remarks, start: span.start });
        }
        value
    }

    /// Counts the memory of rows that were evaluated before.
    fn count_copied(&self, rows: &[Row]) -> Result<(), QueryError> {
        self.reader.budget.add_bytes(rows.iter().map(|row| row.column.byte_len()).sum())
    }
}
