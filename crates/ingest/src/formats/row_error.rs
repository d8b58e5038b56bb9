//! Why a row is not stored: the row alone, or the rest of the input with it.

use crate::{IngestError, RefusalCode, RefusedRow, Suggestion};

/// Error of a row parser.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The row is refused; the next one is read.
    Refused { code: RefusalCode, reason: String, suggestions: Vec<Suggestion> },
    /// The input cannot be decoded beyond this row.
    Fatal(IngestError),
}

impl RowError {
    /// Creates a refusal.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::with_code(RefusalCode::BadRow, reason)
    }

    /// Creates a refusal with a code of its own.
    pub(crate) fn with_code(code: RefusalCode, reason: impl Into<String>) -> Self {
        Self::Refused { code, reason: reason.into(), suggestions: Vec::new() }
    }

    /// Refuses a row without a time.
    pub(crate) fn no_time() -> Self {
        Self::with_code(RefusalCode::NoTime, "the row has no time").suggest("time", "now")
    }

    /// Refuses a row for a text, which no series can hold.
    pub(crate) fn text_value(what: impl std::fmt::Display) -> Self {
        let reason = format!("{what} is text, which no series can hold");
        Self::with_code(RefusalCode::TextValue, reason).suggest("skip-text", "")
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
            Self::Refused { code, reason, suggestions } => Ok(RefusedRow { line, code, reason, suggestions }),
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
