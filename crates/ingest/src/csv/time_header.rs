//! Finds a header behind a preamble that is as wide as the rows, by the name above the column of times.

use super::header_row::{has_number, looks_like_time};
use crate::table::{TableRow, sounds_like_time};
use crate::time::{AutoError, DateOrder, parse_auto};

/// Rows in which the header is searched.
const MAX_PREAMBLE: usize = 100;

/// Returns the row of names directly above the data whose column of times it calls a time, if the first row does not.
pub(super) fn find(rows: &[TableRow]) -> Option<&TableRow> {
    let is_time = |row: &TableRow, column: usize| {
        let found = row.cells.get(column).map(|cell| parse_auto(cell, DateOrder::Undecided, false));
        matches!(found, Some(Ok(_) | Err(AutoError::DayOrMonth | AutoError::Other(_))))
    };
    let first_data = rows.iter().take(MAX_PREAMBLE + 1).position(looks_like_time)?;
    let data = &rows[first_data..];
    let column = (0..rows[0].cells.len()).find(|column| data.iter().take(3).all(|row| is_time(row, *column)))?;
    let names_time = |row: &TableRow| row.cells.get(column).is_some_and(|cell| sounds_like_time(cell));
    let names = rows[..first_data].last().filter(|row| row.line != rows[0].line && names_time(row))?;
    let is_distinct = names.cells.iter().enumerate().all(|(at, name)| !names.cells[..at].contains(name));
    let is_row_of_names = is_distinct && !has_number(names) && names.cells.len() == data[0].cells.len();
    (is_row_of_names && !rows[..first_data - 1].iter().any(names_time)).then_some(names)
}

/// Returns the row of names among the last lines of a comment that are as wide as the data: the last one, but for rows of
/// units such as `m/s` below it.
pub(super) fn names_in_comment(comment: &[TableRow], width: usize) -> Option<&TableRow> {
    let is_unit = |cell: &String| cell.contains(['/', '%', '^', '\u{b0}']);
    let is_units = |row: &&TableRow| row.cells.iter().any(is_unit);
    let mut wide = comment.iter().rev().take_while(|row| row.cells.len() == width).take(3);
    let last = wide.next()?;
    Some(if is_units(&last) { wide.find(|row| !is_units(row)).unwrap_or(last) } else { last })
}
