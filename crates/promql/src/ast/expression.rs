//! Expressions: the nodes of the tree.

use super::{Aggregation, Binary, Call, MatrixSelector, NumberLiteral, Span, Subquery, ValueType, VectorSelector};

/// A query, or a part of one that has a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expression {
    /// A number or a duration.
    Number(NumberLiteral),
    /// A text in quotes.
    String(StringLiteral),
    /// One sample of each matching series: `up{job="a"} offset 5m`.
    Vector(Box<VectorSelector>),
    /// The samples of each matching series in a range of time: `up[5m]`.
    Matrix(Box<MatrixSelector>),
    /// An expression evaluated at the steps of a range of time: `rate(x[5m])[1h:1m]`.
    Subquery(Box<Subquery>),
    /// A function call.
    Call(Box<Call>),
    /// An aggregation over series: `sum by (job) (x)`.
    Aggregation(Box<Aggregation>),
    /// An operator with two operands.
    Binary(Box<Binary>),
    /// A sign before an expression that is not a number.
    Unary(Box<Unary>),
    /// An expression in parentheses.
    Parenthesized(Box<Parenthesized>),
}

/// A text in quotes, with its escapes resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StringLiteral {
    /// The text without quotes. Bytes that are not UTF-8, which escapes may write, are kept.
    pub value: Vec<u8>,
    /// Place in the text.
    pub span: Span,
}

impl StringLiteral {
    /// Returns the text, with each byte that is not UTF-8 replaced by U+FFFD.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

/// The operator of a [`Unary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `+`, which changes nothing.
    Plus,
    /// `-`
    Minus,
}

/// A sign before an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unary {
    /// The sign.
    pub operator: UnaryOperator,
    /// The expression after it: a scalar or an instant vector.
    pub operand: Expression,
    /// Place in the text.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parenthesized {
    /// The expression inside.
    pub inner: Expression,
    /// Place in the text, parentheses included.
    pub span: Span,
}

impl Expression {
    /// Returns the type of the expression's value.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregation(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(call) => call.function.signature().return_type,
            Self::Binary(binary) => binary.value_type,
            Self::Unary(unary) => unary.operand.value_type(),
            Self::Parenthesized(parenthesized) => parenthesized.inner.value_type(),
        }
    }

    /// Returns the place of the expression in the text.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Number(number) => number.span,
            Self::String(string) => string.span,
            Self::Vector(selector) => selector.span,
            Self::Matrix(selector) => selector.span,
            Self::Subquery(subquery) => subquery.span,
            Self::Call(call) => call.span,
            Self::Aggregation(aggregation) => aggregation.span,
            Self::Binary(binary) => binary.span,
            Self::Unary(unary) => unary.span,
            Self::Parenthesized(parenthesized) => parenthesized.span,
        }
    }

    /// Returns the expression without the parentheses around it.
    #[must_use]
    pub fn without_parentheses(&self) -> &Self {
        let mut inner = self;
        while let Self::Parenthesized(parenthesized) = inner {
            inner = &parenthesized.inner;
        }
        inner
    }
}
