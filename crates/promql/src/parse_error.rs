//! Why a text is no query.

use std::fmt;

use crate::ast::Span;
use crate::position::Position;

/// A text that is not a valid query: what is wrong, and where.
///
/// Its text is that of Prometheus: `1:5: parse error: unexpected right parenthesis ')'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    message: String,
    span: Span,
    position: Option<Position>,
}

impl ParseError {
    /// Creates an error at a span of a text.
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let position = (!text.is_empty()).then(|| Position::of(text, span.start));
        Self { message: message.into(), span, position }
    }

    /// Returns what is wrong, without the position.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the part of the text that the error is about, in bytes.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Returns the line and column of the error; `None` if the text is empty.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        self.position
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{position}: parse error: {}", self.message),
            None => write!(f, "unknown position: parse error: {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}
