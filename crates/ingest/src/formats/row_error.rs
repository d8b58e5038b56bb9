//! Why a row is not stored: the row alone, or the rest of the input with it.

use crate::{IngestError, RefusedRow, Suggestion};

/// Error of a row parser.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The row is refused; the next one is read.
    Refused { reason: String, suggestions: Vec<Suggestion> },
    /// The input cannot be decoded beyond this row.
    Fatal(IngestError),
}

impl RowError {
    /// Creates a refusal.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), suggestions: Vec::new() }
    }

    /// Refuses a row without a time.
    pub(crate) fn no_time() -> Self {
        Self::refused("the row has no time").suggest("time", "now")
    }

    /// Adds an option that would keep the row.
    pub(crate) fn suggest(mut self, option: &'static str, value: impl Into<String>) -> Self {
        match &mut self {
            Self::Refused { suggestions, .. } => suggestions.push(Suggestion::new(option, value)),
            Self::Fatal(error) => error.suggestions.push(Suggestion::new(option, value)),
        }
        self
    }

    /// Returns the refused row, or the error that ends the input.
    pub(crate) fn at(self, line: u64) -> Result<RefusedRow, IngestError> {
        match self {
            Self::Refused { reason, suggestions } => Ok(RefusedRow { line, reason, suggestions }),
            Self::Fatal(error) => Err(error.at_line(line)),
        }
    }
}

impl From<IngestError> for RowError {
    fn from(error: IngestError) -> Self {
        Self::Fatal(error)
    }
}

/// Returns bytes of the input as text for a message: at most 40 characters.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 40;
    let head = &bytes[..bytes.len().min(4 * MAX_CHARS)];
    let text = String::from_utf8_lossy(head);
    let mut short: String = text.chars().take(MAX_CHARS).collect();
    if short.len() < text.len() || head.len() < bytes.len() {
        short.push('…');
    }
    format!("{short:?}")
}
