//! Function calls.

use super::{Expression, Function, Span};

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// The arguments as written: as many as the function takes, each of the type that it takes.
    pub arguments: Vec<Expression>,
    /// Place in the text, from the name to the closing parenthesis.
    pub span: Span,
}
