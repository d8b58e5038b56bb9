//! Unary and binary operators.

use super::{Evaluator, Value, map_values};
use crate::ast::{Binary, BinaryOperator, Unary, UnaryOperator};
use crate::eval::column::present;
use crate::eval::error::QueryError;
use crate::eval::row::{Row, merge_same_labels};
use crate::eval::window::Steps;
use crate::eval::{binary, matching};

impl Evaluator<'_> {
    pub(super) fn eval_unary(&mut self, unary: &Unary, steps: &Steps) -> Result<Value, QueryError> {
        let value = self.eval(&unary.operand, steps)?;
        if unary.operator == UnaryOperator::Plus {
            return Ok(value);
        }
        match value {
            Value::Scalar(values) => Ok(Value::Scalar(values.iter().map(|value| present(-value)).collect())),
            Value::Rows(mut rows) => {
                map_values(&mut rows, |value| -value);
                self.drop_names(&mut rows);
                Ok(Value::Rows(merge_same_labels(rows, self.reader.budget)?))
            }
            Value::Text(_) => Err(QueryError::execution("a string has no sign")),
        }
    }

    pub(super) fn eval_binary(&mut self, node: &Binary, steps: &Steps) -> Result<Value, QueryError> {
        let (left, right) = (self.eval(&node.left, steps)?, self.eval(&node.right, steps)?);
        match (left, right) {
            (Value::Scalar(_), Value::Scalar(_)) if node.operator.is_trim() => {
                let operator = node.operator.symbol();
                Err(QueryError::execution(format!("operator \"{operator}\" not allowed for Scalar operations")))
            }
            (Value::Scalar(left), Value::Scalar(right)) => {
                let pairs = left.iter().zip(&right);
                Ok(Value::Scalar(pairs.map(|(left, right)| binary::scalars(node.operator, *left, *right)).collect()))
            }
            (Value::Rows(rows), Value::Scalar(scalar)) => self.with_scalar(node, rows, &scalar, false),
            (Value::Scalar(scalar), Value::Rows(rows)) => self.with_scalar(node, rows, &scalar, true),
            (Value::Rows(left), Value::Rows(right)) => self.vectors(node, left, right, steps.count).map(Value::Rows),
            _ => Err(QueryError::execution("a string is no operand")),
        }
    }

    fn with_scalar(
        &mut self,
        node: &Binary,
        mut rows: Vec<Row>,
        scalar: &[f64],
        is_scalar_left: bool,
    ) -> Result<Value, QueryError> {
        if node.operator.is_trim() {
            return Ok(Value::Rows(self.without_floats(node, &rows)));
        }
        binary::with_scalar(node, &mut rows, scalar, is_scalar_left);
        if !node.operator.is_comparison() || node.returns_bool {
            self.drop_names(&mut rows);
        }
        Ok(Value::Rows(merge_same_labels(rows, self.reader.budget)?))
    }

    /// Returns the result of an operator of native histograms for floats: no rows, and an info if there are values.
    fn without_floats(&mut self, node: &Binary, rows: &[Row]) -> Vec<Row> {
        if rows.iter().any(Row::has_values) {
            self.annotations.dropped_floats(node.operator, node.span);
        }
        Vec::new()
    }

    fn vectors(
        &mut self,
        node: &Binary,
        left: Vec<Row>,
        right: Vec<Row>,
        steps: usize,
    ) -> Result<Vec<Row>, QueryError> {
        let Some(by) = &node.matching else { return Err(QueryError::execution("the operator has no matching")) };
        let delays_names = self.options.delayed_name_removal;
        if !node.operator.is_set_operator() {
            let context = binary::Context { steps, delays_names, budget: self.reader.budget };
            let rows = binary::vectors(node, by, &left, &right, context, &mut self.table)?;
            if node.operator.is_trim() {
                return Ok(self.without_floats(node, &rows));
            }
            let mut operands = left;
            operands.extend(right);
            let rows = self.replace_rows(operands, rows)?;
            return merge_same_labels(rows, self.reader.budget);
        }
        let budget = self.reader.budget;
        let signatures = matching::Signatures::new(&left, &right, by, &mut self.table);
        let rows = match node.operator {
            BinaryOperator::And => matching::and(left, &right, &signatures, budget)?,
            BinaryOperator::Unless => matching::unless(left, &right, &signatures, budget)?,
            _ => matching::or(left, right, &signatures, budget)?,
        };
        merge_same_labels(rows, self.reader.budget)
    }
}
