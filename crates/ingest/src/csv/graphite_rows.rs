//! Rows of Graphite's plaintext protocol that were taken for rows of CSV.

use crate::table::{TableRow, parse_plain};
use crate::{IngestError, Suggestion, TimeFormat};

/// Puts the format `graphite` before the other suggestions for data without a header, if every row is a path, a value and
/// a time in seconds.
pub(super) fn with_graphite(mut error: IngestError, rows: &[TableRow]) -> IngestError {
    let is_line = |row: &TableRow| match &row.cells[..] {
        [path, value, time] => {
            let is_path = path.starts_with(char::is_alphabetic);
            is_path && parse_plain(value).is_some() && TimeFormat::of_number(time) == Some(TimeFormat::Seconds)
        }
        _ => false,
    };
    if error.suggestions.iter().any(|suggestion| suggestion.option == "no-header") && rows.iter().all(is_line) {
        error.suggestions.insert(0, Suggestion::new("format", "graphite"));
    }
    error
}
