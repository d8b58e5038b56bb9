//! First rows of data that a count of seconds or of another unit shows.

use crate::table::{TableRow, parse_plain};
use crate::{IngestError, Suggestion, TimeFormat};

/// Returns `true` if the first row has a time of this century, above others of the same unit.
pub(super) fn begins_with(rows: &[TableRow]) -> bool {
    const MAX_ROWS: usize = 100;
    let [first, others @ ..] = rows else { return false };
    let units: Vec<Option<TimeFormat>> = first.cells.iter().map(|cell| TimeFormat::of_number(cell)).collect();
    let is_unit_of = |row: &TableRow, at: usize, unit: &TimeFormat| {
        row.cells.get(at).and_then(|cell| TimeFormat::of_number(cell)).as_ref() == Some(unit)
    };
    let others = &others[..others.len().min(MAX_ROWS)];
    units.iter().enumerate().any(|(at, unit)| {
        unit.as_ref().is_some_and(|unit| !others.is_empty() && others.iter().all(|row| is_unit_of(row, at, unit)))
    })
}

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
