//! Checks the first row of an input without a chosen header: a comment, a preamble, or data is refused with the way out.

use std::collections::HashSet;

use super::column_names::{column_names, from_short_names};
use super::data_row::is_time_above_times;
use super::header_row::{has_number, looks_like_time};
use super::time_header;
use crate::table::{TableRow, looks_like_data, parse_plain};
use crate::time::{DateOrder, parse_auto};
use crate::{IngestError, IngestOptions};

/// Rows in which the header is searched.
const MAX_PREAMBLE: usize = 100;
/// Rows of units between the names of the columns and the data.
const MAX_UNIT_ROWS: usize = 2;

/// Refuses a first row that is a comment, the first line of a preamble, or data.
pub(super) fn check(rows: &[TableRow], options: &IngestOptions) -> Result<(), IngestError> {
    let first = &rows[0];
    let count = table_count(rows);
    check_comment(rows, count, options)?;
    let fits = first.cells.len() == count;
    if !fits && let Some(header) = header_after_preamble(rows, count) {
        return Err(header_is_elsewhere(first, count, header.line));
    }
    if fits && let Some(header) = better_header(rows) {
        let error = IngestError::new(format!(
            "the first line does not name the columns of the rows: the header seems to be on line {}",
            header.line
        ));
        // The rows above it may be data, too.
        return Err(error
            .suggest("header-line", header.line.to_string())
            .suggest("header-line", first.line.to_string()));
    }
    if fits && let Some(header) = time_header::find(rows) {
        let line = header.line;
        let message =
            format!("the first line does not name the column of the times: the header seems to be on line {line}");
        return Err(IngestError::new(message).suggest("header-line", line.to_string()));
    }
    let has_times = mostly_times(rows, count);
    let is_data = |row: &TableRow| is_row_of_data(row, rows) && (!has_times || looks_like_time(row));
    let data = rows.iter().position(|row| row.cells.len() == count && is_data(row));
    let data = if fits && is_time_above_times(rows, options) { Some(0) } else { data };
    match data {
        Some(0) => {
            let error = IngestError::new("the first row holds data instead of names").at_line(first.line);
            let error = error.suggest("no-header", "");
            let is_named = !options.csv.columns.is_empty();
            Err(if is_named { error } else { error.suggest("columns", column_names(first, rows)) })
        }
        // No row of names is before the data.
        Some(at) if !fits && (at > 1 || first.cells.len() < 2) => {
            let names = at.checked_sub(1).and_then(|above| from_short_names(&rows[above], &rows[at]));
            let (cells, line) = (first.cells.len(), rows[at].line);
            let lack = if names.is_some() { "only a shorter row names" } else { "no row names" };
            let error = IngestError::new(format!(
                "the first line has {cells} cells and the rows have {count}, and {lack} the columns: the data seems to \
                 begin on line {line}"
            ));
            let names = names.unwrap_or_else(|| column_names(&rows[at], rows));
            let error = error.suggest("skip-lines", (line - 1).to_string()).suggest("no-header", "");
            Err(error.suggest("columns", names))
        }
        _ => Ok(()),
    }
}

fn check_comment(rows: &[TableRow], count: usize, options: &IngestOptions) -> Result<(), IngestError> {
    let first = &rows[0];
    let mark_of = |row: &TableRow| {
        let mark = row.cells.first().and_then(|cell| cell.chars().next());
        mark.filter(|mark| matches!(mark, '#' | '%' | '!'))
    };
    // A header may begin with the mark; then data follows it, or rows that an option leaves out.
    let is_before_names =
        options.csv.skip_after_header == 0 && rows.get(1).is_some_and(|row| !has_number(row) && !looks_like_time(row));
    let is_comment = first.cells.len() != count || is_before_names;
    let Some(mark) = mark_of(first).filter(|_| options.csv.comment.is_none() && is_comment) else { return Ok(()) };
    let error = IngestError::new(format!("the first line begins with {mark}, and is no row of columns"));
    let error = error.at_line(first.line);
    let end = rows.iter().position(|row| mark_of(row) != Some(mark)).unwrap_or(rows.len());
    let data = rows.get(end).filter(|row| row.cells.len() > 1 && (has_number(row) || looks_like_time(row)));
    // The last line of the comment names the columns if data follows it at once.
    let names = data.and_then(|data| time_header::names_in_comment(&rows[..end], data.cells.len()));
    // The first line alone is a comment, unless a row of units is below it.
    let names = names.filter(|row| row.line > first.line || end > 1);
    Err(match (data, names) {
        (Some(_), Some(names)) => error.suggest("header-line", names.line.to_string()),
        _ => error.suggest("comment", mark),
    })
}

fn header_is_elsewhere(first: &TableRow, count: usize, line: u64) -> IngestError {
    let error = IngestError::new(format!(
        "the first line has {} cells and the rows have {count}: the header seems to be on line {line}",
        first.cells.len()
    ));
    error.suggest("header-line", line.to_string())
}

/// Returns `true` if a row holds data: a time and numbers, only numbers, or numbers where the other rows have some.
fn is_row_of_data(row: &TableRow, others: &[TableRow]) -> bool {
    if looks_like_data(row.cells.iter().map(String::as_str)) {
        return true;
    }
    let is_number = |cell: &String| parse_plain(cell.trim().replace(',', "").as_str()).is_some();
    let numbers = row.cells.iter().filter(|cell| is_number(cell)).count();
    let filled = row.cells.iter().filter(|cell| !cell.is_empty()).count();
    let names: HashSet<&String> = row.cells.iter().filter(|cell| !cell.is_empty()).collect();
    let next = others.iter().find(|other| other.line > row.line && other.cells.len() == row.cells.len());
    // Numbers that repeat, or that are no whole numbers, are no names of columns: 1, 2, 3 may be.
    let is_name = names.len() == filled
        && row.cells.iter().filter(|cell| is_number(cell)).all(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()));
    // A name is above a number or a time; a text of data is above a text.
    let is_text = |cell: &String| !is_number(cell) && parse_auto(cell, DateOrder::DayFirst, false).is_err();
    let fits = |(cell, below): (&String, &String)| {
        if is_number(cell) { is_number(below) } else { cell.is_empty() || is_text(below) }
    };
    let is_alike = next.is_some_and(|next| row.cells.iter().zip(&next.cells).all(fits));
    numbers >= 2 && numbers * 2 >= filled && !is_name && is_alike
}

/// Returns the commonest number of cells.
fn modal_count(rows: &[TableRow]) -> usize {
    let mut counts: Vec<usize> = rows.iter().map(|row| row.cells.len()).collect();
    counts.sort_unstable();
    let groups = counts.chunk_by(|one, other| one == other);
    groups.max_by_key(|group| (group.len(), group[0])).map_or(0, |group| group[0])
}

/// Returns the number of cells of the rows of the table: the commonest, unless few rows have it, and rows of numbers
/// end the sample behind titles and settings.
fn table_count(rows: &[TableRow]) -> usize {
    const MIN_ROWS: usize = 2;
    let modal = modal_count(rows);
    let of_modal = rows.iter().filter(|row| row.cells.len() == modal).count();
    let last = rows.last().map_or(0, |row| row.cells.len());
    let block = rows.iter().rev().take_while(|row| row.cells.len() == last && is_numeric(row)).count();
    let is_block = last > 1 && block >= MIN_ROWS && (of_modal * 2 < rows.len() || modal == 1);
    if is_block { last } else { modal }
}

/// Returns `true` for a line such as ---- or ====.
fn is_ruled_line(row: &TableRow) -> bool {
    let is_rule = |cell: &String| {
        cell.len() > 1 && cell.bytes().all(|byte| matches!(byte, b'-' | b'=' | b'_' | b'*' | b'+' | b'|'))
    };
    !row.cells.is_empty() && row.cells.iter().all(is_rule)
}

/// Returns `true` if most cells of a row are numbers or times.
fn is_numeric(row: &TableRow) -> bool {
    let is_number =
        |cell: &&String| parse_plain(cell).is_some() || parse_auto(cell, DateOrder::DayFirst, false).is_ok();
    row.cells.iter().filter(is_number).count() * 2 >= row.cells.len()
}

/// Returns the first row of names before the data, in an input that begins with other rows.
fn header_after_preamble(rows: &[TableRow], count: usize) -> Option<&TableRow> {
    let has_times = mostly_times(rows, count);
    let is_data =
        |row: &TableRow| row.cells.len() == count && if has_times { looks_like_time(row) } else { has_number(row) };
    let first_data = rows.iter().position(is_data)?;
    // A sentence of a title may have as many words as there are columns: names stand above the data, or their units or a
    // line do. A delimiter may end the row of names.
    let is_names = |row: &TableRow| {
        let cells = row.cells.len();
        cells == count || (cells > count && row.cells[count..].iter().all(String::is_empty))
    };
    let is_other = |row: &TableRow| !is_names(row) && !is_ruled_line(row);
    let other = rows[..first_data].iter().rposition(is_other).map_or(0, |at| at + 1);
    let before: Vec<&TableRow> = rows[other..first_data].iter().filter(|row| is_names(row)).collect();
    // Rows with numbers are no names, and those before them are part of the preamble.
    let names_at = before.iter().rposition(|row| has_number(row)).map_or(0, |at| at + 1);
    let names = &before[names_at..];
    let is_complete = |row: &&&TableRow| {
        let cells = &row.cells[..count];
        cells.iter().enumerate().all(|(at, cell)| !cell.is_empty() && !cells[..at].contains(cell))
    };
    names.iter().find(is_complete).or(names.last()).copied()
}

/// Returns `true` if most of the rows with this number of cells have a time.
fn mostly_times(rows: &[TableRow], count: usize) -> bool {
    let of_count = || rows.iter().filter(|row| row.cells.len() == count);
    of_count().filter(|row| looks_like_time(row)).count() * 2 > of_count().count()
}

/// Returns a later row that names the columns better than the first, in an input whose rows have equally many cells.
///
/// Such inputs begin with a preamble that a spreadsheet padded with empty cells.
fn better_header(rows: &[TableRow]) -> Option<&TableRow> {
    let is_data = |row: &TableRow| has_number(row) || looks_like_time(row);
    let filled = |row: &TableRow| -> HashSet<usize> {
        row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()).map(|(at, _)| at).collect()
    };
    let first = filled(&rows[0]);
    let found = (1..rows.len().min(MAX_PREAMBLE)).filter_map(|at| {
        let (row, below) = (&rows[at], &rows[at + 1..]);
        let names: HashSet<&String> = row.cells.iter().filter(|cell| !cell.is_empty()).collect();
        let cells = filled(row);
        // Rows of units may be between the names and the data.
        let is_above_data = below.iter().take(MAX_UNIT_ROWS + 1).any(is_data);
        if names.len() < 2 || names.len() != cells.len() || is_data(row) || !is_above_data {
            return None;
        }
        let used: HashSet<usize> = below.iter().flat_map(filled).collect();
        // Columns with data that only this row names; or a row of exactly the columns with data, behind other data.
        let is_fuller = used.intersection(&cells).any(|at| !first.contains(at));
        let is_exact = cells == used && first != used && rows[1..at].iter().any(is_data);
        (is_fuller || is_exact).then_some((cells.len(), row))
    });
    // Of rows with equally many names the first.
    found.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (&'static str, String) {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty());
        let rows: Vec<TableRow> =
            lines.map(|(line, row)| TableRow { line, cells: row.split(',').map(str::to_owned).collect() }).collect();
        match check(&rows, &IngestOptions::default()) {
            Ok(()) => ("", String::new()),
            Err(error) => {
                let first = error.suggestions.into_iter().next();
                first.map_or(("", error.message), |suggestion| (suggestion.option, suggestion.value))
            }
        }
    }

    #[test]
    fn the_header_behind_a_padded_preamble_is_found() {
        assert_eq!(error("Report,,\nPlace:,Rome,\nMonth,Day,v\n1,1,2\n1,2,3\n"), ("header-line", "3".to_owned()));
        assert_eq!(error("0,Rome,,\nDate,Clock,a,b\n01/01/2021,01:00,1,2\n"), ("header-line", "2".to_owned()));
        // A row of names and a row of values that describe the station, then the table.
        let report = "Report,,\nPlace:,\"Lat 39\",\nLat:,39.7,\nMonth,Day,v\n1,1,2\n";
        assert_eq!(error(report), ("header-line", "4".to_owned()));
        let station = "Source,City,Units,Zone\nDB,Rome,7,1\nYear,Month,v,\n2017,1,1.5,\n2017,2,1.5,\n";
        assert_eq!(error(station), ("header-line", "3".to_owned()));
    }

    #[test]
    fn names_at_the_end_of_a_comment_are_the_header() {
        let text = "# Title\n# Columns:\n# period,a,b\n2024-01-01,1,2\n2024-01-02,1,2\n";
        assert_eq!(error(text), ("header-line", "3".to_owned()));
        assert_eq!(error("# a\n# b\ntime,v\n2024-01-01,1\n"), ("comment", "#".to_owned()));
    }

    #[test]
    fn data_without_a_header_is_recognised_by_its_numbers() {
        assert_eq!(error("53131,20190101,1610,-111.17,C,0,0\n53131,20190101,1615,-111.17,C,0,0\n").0, "no-header");
        let period = "2024-01-01T00:00:00/2024-01-02T00:00:00,1\n2024-01-02T00:00:00/2024-01-03T00:00:00,2\n";
        assert_eq!(error(period).0, "no-header");
        assert_eq!(error("A1,7,2009,9.7\nA2,7,2009,9.8\n").0, "no-header");
        let station = " Rome\n 35.0,-106.6,7\n2019,56,2,0.5\n2019,56,2,0.6\n2019,56,2,0.7\n";
        assert_eq!(error(station), ("skip-lines", "2".to_owned()));
    }

    #[test]
    fn headers_stay_headers() {
        for text in [
            "time,v\n2024-01-01,1\n",
            "time,0,1,2\n2024-01-01,1,2,3\n",
            "country,1960,1961\nChad,1,2\nMali,3,4\n",
            "time,300.5,301.0\n2024-01-01,1,2\n2024-01-02,1,2\n",
            "time,a,b\n,kW,V\n2024-01-01,1,2\n",
            "a,b,note\nkW,V,\n1,2,\n",
        ] {
            assert_eq!(error(text), ("", String::new()), "{text}");
        }
    }
}
