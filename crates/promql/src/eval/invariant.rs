//! Expressions with the same value at every step.

use crate::ast::{Expression, Function, ValueType};

/// Returns `true` for functions whose value depends on the time of the step.
fn depends_on_time(function: Function) -> bool {
    use Function::{
        DayOfMonth, DayOfWeek, DayOfYear, DaysInMonth, Hour, Minute, Month, PredictLinear, Time, Timestamp, Year,
    };
    matches!(
        function,
        DayOfMonth
            | DayOfWeek
            | DayOfYear
            | DaysInMonth
            | Hour
            | Minute
            | Month
            | PredictLinear
            | Time
            | Timestamp
            | Year
    )
}

/// Returns `true` if the expression has the same value at every step: all its selectors have the modifier `@`.
pub(crate) fn is_invariant(expression: &Expression) -> bool {
    match expression {
        Expression::Number(_) | Expression::String(_) => true,
        Expression::Vector(selector) => selector.at.is_some(),
        Expression::Matrix(matrix) => matrix.selector.at.is_some(),
        Expression::Subquery(subquery) => subquery.at.is_some(),
        Expression::Call(call) => !depends_on_time(call.function) && call.arguments.iter().all(is_invariant),
        Expression::Aggregation(aggregation) => {
            is_invariant(&aggregation.operand) && aggregation.parameter.as_ref().is_none_or(is_invariant)
        }
        Expression::Binary(binary) => is_invariant(&binary.left) && is_invariant(&binary.right),
        Expression::Unary(unary) => is_invariant(&unary.operand),
        Expression::Parenthesized(parenthesized) => is_invariant(&parenthesized.inner),
    }
}

/// Returns `true` if an expression is a scalar that no data and no time changes.
pub(crate) fn is_constant(expression: &Expression) -> bool {
    expression.value_type() == ValueType::Scalar && {
        let mut is_constant = true;
        expression.walk(&mut |node| {
            is_constant &= match node {
                Expression::Vector(_) | Expression::Matrix(_) | Expression::Subquery(_) => false,
                Expression::Call(call) => !depends_on_time(call.function),
                _ => true,
            };
        });
        is_constant
    }
}
