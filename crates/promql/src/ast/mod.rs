//! The syntax tree of a query.
//!
//! Every node has a [`Span`]: its bytes in the text. Two trees are equal if their nodes and spans are;
//! [`Expression::without_spans`] makes trees of different texts comparable, and hashable as keys of common
//! subexpressions. Numbers compare by their bits, so that a tree with NaN equals itself.

mod aggregation;
mod binary;
mod call;
mod duration;
mod expression;
mod function;
mod number;
mod selector;
mod span;
mod value_type;
mod walk;

pub use aggregation::{Aggregation, Aggregator, Grouping};
pub use binary::{Binary, BinaryOperator, Cardinality, LabelSet, VectorMatching};
pub use call::Call;
pub use duration::{
    DurationCall, DurationContext, DurationError, DurationExpression, DurationFunction, DurationOperation,
    DurationOperator, DurationProblem,
};
pub use expression::{Expression, Parenthesized, StringLiteral, Unary, UnaryOperator};
pub use function::{ArgumentCount, Function, Signature};
pub use number::{Number, NumberLiteral};
pub use selector::{
    AtModifier, AtTime, LabelMatcher, MatchOperator, MatrixSelector, Offset, RangeExtension, Subquery, VectorSelector,
};
pub use span::Span;
pub use value_type::ValueType;
