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

/// Greatest number of characters that an excerpt shows before and after the start of an error.
const EXCERPT_CHARACTERS: usize = 60;

impl ParseError {
    /// Returns the line of the error, and below it carets under the part that the error is about.
    ///
    /// `text` is the query that was parsed. Of a long line only what is around the error is shown.
    ///
    /// ```
    /// use timestrata_promql::{ParserOptions, parse};
    ///
    /// let text = "sum(\n  rate(x)\n)";
    /// let error = parse(text, &ParserOptions::default()).unwrap_err();
    /// assert_eq!(error.excerpt(text), "  rate(x)\n       ^");
    /// ```
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        let start = text.floor_char_boundary(self.span.start.min(text.len()));
        let (before, after) = text.split_at(start);
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.lines().next().unwrap_or_default();
        let skipped = before.chars().count().saturating_sub(EXCERPT_CHARACTERS);
        let before: String = before.chars().skip(skipped).collect();
        let shown: String = after.chars().take(EXCERPT_CHARACTERS).collect();
        // A tab is as wide below the line as in it.
        let below: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let end = text.ceil_char_boundary(self.span.end.clamp(start, text.len()));
        let marked = text[start..end].chars().take_while(|c| *c != '\n').count();
        let carets = "^".repeat(marked.clamp(1, shown.chars().count().max(1)));
        format!("{before}{shown}\n{below}{carets}")
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

#[cfg(test)]
mod tests {
    use crate::{ParserOptions, parse};

    fn excerpt(text: &str) -> String {
        parse(text, &ParserOptions::default()).unwrap_err().excerpt(text)
    }

    #[test]
    fn carets_are_under_the_part_that_is_wrong() {
        assert_eq!(excerpt("a +\n\tb nope\n"), "\tb nope\n\t  ^^^^");
        assert_eq!(excerpt("a +"), "a +\n   ^");
        assert_eq!(excerpt("\"\u{e9}\u{e9}\" + \u{e9}"), "\"\u{e9}\u{e9}\" + \u{e9}\n       ^");
        assert_eq!(excerpt(""), "\n^");
        assert_eq!(excerpt("# comment"), "# comment\n^");
    }

    #[test]
    fn a_long_line_is_cut() {
        let text = format!("{} nope {}", "x + ".repeat(50) + "y", "+ z".repeat(100));
        let excerpt = excerpt(&text);
        let lines: Vec<&str> = excerpt.lines().collect();
        assert_eq!(lines[0].chars().count(), 120);
        assert_eq!(lines[1], format!("{}^^^^", " ".repeat(60)));
    }
}
