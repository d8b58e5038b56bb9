//! Unary and binary operators.

use super::{Evaluator, Value, map_values};
use crate::ast::{Binary, BinaryOperator, Unary, UnaryOperator};
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
            Value::Scalar(values) => Ok(Value::Scalar(values.iter().map(|value| -value).collect())),
            Value::Rows(mut rows) => {
                map_values(&mut rows, |value| -value);
                self.drop_names(&mut rows);
                Ok(Value::Rows(merge_same_labels(rows)?))
            }
            Value::Text(_) => Err(QueryError::execution("a string has no sign")),
        }
    }

    pub(super) fn eval_binary(&mut self, node: &Binary, steps: &Steps) -> Result<Value, QueryError> {
        let (left, right) = (self.eval(&node.left, steps)?, self.eval(&node.right, steps)?);
        match (left, right) {
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
        binary::with_scalar(node, &mut rows, scalar, is_scalar_left);
        if !node.operator.is_comparison() || node.returns_bool {
            self.drop_names(&mut rows);
        }
        Ok(Value::Rows(merge_same_labels(rows)?))
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
            let rows = binary::vectors(node, by, &left, &right, steps, delays_names, &mut self.table)?;
            let mut operands = left;
            operands.extend(right);
            let rows = self.replace_rows(operands, rows)?;
            return Ok(merge_same_labels(rows)?);
        }
        let signatures = matching::Signatures::new(&left, &right, by, &mut self.table);
        let rows = match node.operator {
            BinaryOperator::And => matching::and(left, &right, &signatures),
            BinaryOperator::Unless => matching::unless(left, &right, &signatures),
            _ => matching::or(left, right, &signatures),
        };
        Ok(merge_same_labels(rows)?)
    }
}
