//! Places in a text as people count them.

use std::fmt;

/// Line and column of a byte in a text, both from 1. The column counts bytes, as in Prometheus' messages.
///
/// ```
/// use timestrata_promql::Position;
///
/// let position = Position::of("a +\n b", 5);
/// assert_eq!((position.line, position.column), (2, 2));
/// assert_eq!(position.to_string(), "2:2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Byte within the line, from 1.
    pub column: usize,
}

impl Position {
    /// Returns the position of a byte offset. An offset beyond the text is that of its end.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let offset = offset.min(text.len());
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = 1 + before.split(|byte| *byte == b'\n').count() - 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self { line, column: offset - start + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
