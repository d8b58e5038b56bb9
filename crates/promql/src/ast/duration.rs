//! Durations of ranges, steps and offsets, which may be arithmetic on durations.

use std::fmt;
use std::time::Duration;

use super::{NumberLiteral, Span, UnaryOperator};

/// A duration, or arithmetic on durations. Everything but a literal and a signed literal is experimental.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DurationExpression {
    /// `5m`, or seconds: `300`. A sign of an offset is part of it.
    Literal(NumberLiteral),
    /// `step()`, `range()`, `min_of(a, b)` or `max_of(a, b)`.
    Call(Box<DurationCall>),
    /// A sign before an expression that is not a literal.
    Unary(Box<DurationOperation>),
    /// An operator with two operands.
    Binary(Box<DurationOperation>),
    /// An expression in parentheses.
    Parenthesized(Box<(DurationExpression, Span)>),
}

/// A function within a duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DurationCall {
    /// The function.
    pub function: DurationFunction,
    /// The arguments: two of `min_of` and `max_of`, otherwise none.
    pub arguments: Vec<DurationExpression>,
    /// Place in the text.
    pub span: Span,
}

/// The function of a [`DurationCall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DurationFunction {
    /// The step of the range query; 0 for an instant query.
    Step,
    /// The time from the start to the end of the range query; 0 for an instant query.
    Range,
    /// The smaller of two durations.
    MinOf,
    /// The greater of two durations.
    MaxOf,
}

impl DurationFunction {
    /// Every function.
    pub const ALL: [Self; 4] = [Self::Step, Self::Range, Self::MinOf, Self::MaxOf];

    /// Returns the name in queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Range => "range",
            Self::MinOf => "min_of",
            Self::MaxOf => "max_of",
        }
    }
}

/// An operator and its operands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DurationOperation {
    /// The operator.
    pub operator: DurationOperator,
    /// The left operand; `None` for a sign.
    pub left: Option<DurationExpression>,
    /// The right operand.
    pub right: DurationExpression,
    /// Place in the text.
    pub span: Span,
}

/// An operator on durations, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DurationOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `^`
    Power,
}

impl DurationOperator {
    /// Returns the operator's text.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
        }
    }
}

impl From<UnaryOperator> for DurationOperator {
    fn from(operator: UnaryOperator) -> Self {
        match operator {
            UnaryOperator::Plus => Self::Add,
            UnaryOperator::Minus => Self::Subtract,
        }
    }
}

/// What `step()` and `range()` are in a query. The default is that of an instant query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DurationContext {
    /// Step of the range query; 0 for an instant query.
    pub step: Duration,
    /// End minus start of the range query; 0 for an instant query.
    pub range: Duration,
}

/// Why a duration has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationError {
    /// What is wrong.
    pub problem: DurationProblem,
    /// Place in the text.
    pub span: Span,
}

/// What is wrong with a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationProblem {
    /// The right operand of `/` is zero.
    DivisionByZero,
    /// The right operand of `%` is zero.
    ModuloByZero,
    /// A range or a step is zero or negative.
    NotPositive,
    /// The value does not fit into 64 bits of nanoseconds, or is not a number.
    OutOfRange,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.problem {
            DurationProblem::DivisionByZero => "division by zero",
            DurationProblem::ModuloByZero => "modulo by zero",
            DurationProblem::NotPositive => "duration must be greater than 0",
            DurationProblem::OutOfRange => "duration is out of range",
        };
        // Prometheus prints the byte offsets of the expression here, not line and column.
        write!(f, "{}:{}: {text}", self.span.start, self.span.end)
    }
}

impl std::error::Error for DurationError {}

const NANOS_PER_SECOND: f64 = 1e9;

impl DurationExpression {
    /// Returns the place in the text.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(literal) => literal.span,
            Self::Call(call) => call.span,
            Self::Unary(operation) | Self::Binary(operation) => operation.span,
            Self::Parenthesized(inner) => inner.1,
        }
    }

    /// Returns the value in nanoseconds, which may be negative.
    ///
    /// # Errors
    ///
    /// A division by zero, or a value beyond the range of `i64`.
    pub fn nanos(&self, context: &DurationContext) -> Result<i64, DurationError> {
        let nanos = (self.seconds(context)? * NANOS_PER_SECOND).round();
        // 2^63 is exact as a float; the greatest i64 is not.
        if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&nanos) {
            #[expect(clippy::cast_possible_truncation, reason = "the value is whole and within the range of i64")]
            return Ok(nanos as i64);
        }
        Err(DurationError { problem: DurationProblem::OutOfRange, span: self.span() })
    }

    /// Returns the value in nanoseconds of a range or step, which must be positive.
    ///
    /// # Errors
    ///
    /// As [`Self::nanos`], and a value that is zero or negative.
    pub fn positive_nanos(&self, context: &DurationContext) -> Result<u64, DurationError> {
        match u64::try_from(self.nanos(context)?) {
            Ok(nanos) if nanos > 0 => Ok(nanos),
            _ => Err(DurationError { problem: DurationProblem::NotPositive, span: self.span() }),
        }
    }

    /// Returns the value in seconds.
    ///
    /// # Errors
    ///
    /// A division by zero.
    pub fn seconds(&self, context: &DurationContext) -> Result<f64, DurationError> {
        match self {
            Self::Literal(literal) => Ok(literal.value.0),
            Self::Call(call) => call.seconds(context),
            Self::Unary(operation) | Self::Binary(operation) => operation.seconds(context),
            Self::Parenthesized(inner) => inner.0.seconds(context),
        }
    }
}

impl DurationCall {
    fn seconds(&self, context: &DurationContext) -> Result<f64, DurationError> {
        let mut values = [0.0; 2];
        for (value, argument) in values.iter_mut().zip(&self.arguments) {
            *value = argument.seconds(context)?;
        }
        let [left, right] = values;
        let has_nan = left.is_nan() || right.is_nan();
        Ok(match self.function {
            DurationFunction::Step => context.step.as_secs_f64(),
            DurationFunction::Range => context.range.as_secs_f64(),
            _ if has_nan => f64::NAN,
            DurationFunction::MinOf => left.min(right),
            DurationFunction::MaxOf => left.max(right),
        })
    }
}

impl DurationOperation {
    fn seconds(&self, context: &DurationContext) -> Result<f64, DurationError> {
        let left = match &self.left {
            Some(left) => left.seconds(context)?,
            None => 0.0,
        };
        let right = self.right.seconds(context)?;
        let is_zero = right == 0.0;
        let fail = |problem| Err(DurationError { problem, span: self.right.span() });
        Ok(match self.operator {
            DurationOperator::Add => left + right,
            DurationOperator::Subtract => left - right,
            DurationOperator::Multiply => left * right,
            DurationOperator::Divide if is_zero => return fail(DurationProblem::DivisionByZero),
            DurationOperator::Divide => left / right,
            DurationOperator::Modulo if is_zero => return fail(DurationProblem::ModuloByZero),
            DurationOperator::Modulo => left % right,
            DurationOperator::Power => left.powf(right),
        })
    }
}
