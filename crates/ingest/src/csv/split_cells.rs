//! Rows whose cells are split at commas that are no delimiters: decimals, and dates such as Jan 1, 2024.

use crate::IngestError;
use crate::table::{TableRow, sounds_like_time};
use crate::time::{DateOrder, parse_auto};

/// Returns the error of rows that have more cells than there are names, if commas within cells explain them.
///
/// No option reads such rows, and names for all their cells would store parts of values.
pub(super) fn error(header: &[String], rows: &[TableRow]) -> Option<IngestError> {
    let names = header.len();
    let is_time = |text: &str| parse_auto(text, DateOrder::DayFirst, false).is_ok();
    let first = rows.first().filter(|row| row.cells.len() > names)?;
    if rows.iter().any(|row| row.cells.len() != first.cells.len()) {
        return None;
    }
    if let [one, other, ..] = &first.cells[..] {
        let date = format!("{one}, {other}");
        if !is_time(one) && is_time(&date) {
            let message = format!("the time {date:?} is split at its comma: put such times in quotes");
            return Some(IngestError::new(message).at_line(first.line));
        }
    }
    let is_whole = |text: &str| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    // Another place of the time is that of a table whose first column has no name.
    let of_time = header.iter().position(|name| sounds_like_time(name));
    let is_split = |row: &TableRow| {
        let Some(time) = row.cells.iter().position(|cell| is_time(cell)) else { return false };
        if of_time.is_some_and(|of_time| of_time != time) {
            return false;
        }
        let values = &row.cells[time + 1..];
        values.len() >= names - time.min(names) && values.iter().all(|cell| is_whole(cell))
    };
    rows.iter().all(is_split).then(|| {
        let count = first.cells.len();
        IngestError::new(format!(
            "it has {count} cells, and {names} columns are named: if its numbers have decimal commas, put them in quotes or \
             separate the cells by semicolons; if a name is missing, add it to the header"
        ))
        .at_line(first.line)
    })
}
