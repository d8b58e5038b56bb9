//! A first row whose time is above other times holds data, whatever its other cells are.

use crate::table::TableRow;
use crate::time::{AutoError, DateOrder, TimeReader, is_period, parse_auto};
use crate::{IngestOptions, TimeFormat};

/// Rows that are compared with the first, at most.
const MAX_ROWS: usize = 20;

/// Returns `true` if a cell of the first row is a time, and so are most of the cells below it.
pub(super) fn is_time_above_times(rows: &[TableRow], options: &IngestOptions) -> bool {
    let Some((first, others)) = rows.split_first() else { return false };
    let below: Vec<&TableRow> =
        others.iter().filter(|row| row.cells.len() == first.cells.len()).take(MAX_ROWS).collect();
    first.cells.iter().enumerate().any(|(at, cell)| {
        let Some(form) = form(cell, options) else { return false };
        below.iter().filter(|row| self::form(&row.cells[at], options).as_ref() == Some(&form)).count() * 2 > below.len()
    })
}

/// Form of a time, as far as it must be that of its column.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number(TimeFormat),
}

fn form(cell: &str, options: &IngestOptions) -> Option<Form> {
    let by_pattern = || match &options.table.time_format {
        TimeFormat::Pattern(pattern) => TimeReader::Pattern(pattern.clone()).parse(cell).is_ok(),
        _ => false,
    };
    let by_order = || parse_auto(cell, DateOrder::DayFirst, false).is_ok();
    match parse_auto(cell, DateOrder::Undecided, false) {
        Ok(_) | Err(AutoError::DayOrMonth) => Some(Form::Text),
        _ if by_order() || is_period(cell) || by_pattern() => Some(Form::Text),
        _ => TimeFormat::of_number(cell).map(Form::Number),
    }
}
