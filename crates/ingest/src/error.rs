//! Error of a whole input, with the options that would help.

use std::fmt;

/// Option of the caller that would change the outcome.
///
/// Programs render it in their own words: the tool as `--time-format s`, a server as a query parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Name of the option in kebab case, such as `time-format`.
    pub option: &'static str,
    /// Value to give; empty for a switch.
    pub value: String,
}

impl Suggestion {
    /// Creates a suggestion.
    #[must_use]
    pub fn new(option: &'static str, value: impl Into<String>) -> Self {
        Self { option, value: value.into() }
    }
}

/// Splits suggestions into those that belong together, such as a time column and its format; the groups are alternatives.
pub fn suggestion_groups(suggestions: &[Suggestion]) -> impl Iterator<Item = &[Suggestion]> {
    suggestions.chunk_by(|before, next| {
        matches!(
            ((before.option, before.value.as_str()), next.option),
            (("time", _), "time-format" | "origin" | "year" | "metric")
                // An origin needs a unit; beside a pattern it is another way out.
                | (("time-format", "s" | "ms" | "us" | "ns"), "origin")
                | (("time-format", _), "year")
                | (("metric", _), "value")
                | (("value", _), "tags")
                | (("no-header", _), "columns")
                | (("skip-lines", _), "no-header")
                | (("decimal", _), "thousands")
                | (("units", _), "decimal")
        )
    })
}

/// Why an input cannot be decoded, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestError {
    /// Line at which decoding stopped; the first line is 1.
    pub line: Option<u64>,
    /// One sentence without a full stop.
    pub message: String,
    /// Options that would help, best first.
    pub suggestions: Vec<Suggestion>,
}

impl IngestError {
    /// Creates an error without line and suggestions.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into(), suggestions: Vec::new() }
    }

    /// Sets the line.
    #[must_use]
    pub fn at_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Adds an option that would help.
    #[must_use]
    pub fn suggest(mut self, option: &'static str, value: impl Into<String>) -> Self {
        self.suggestions.push(Suggestion::new(option, value));
        self
    }
}

impl fmt::Display for IngestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for IngestError {}
