//! Finds the row that names the columns, and refuses what is none.

use super::column_names::{column_names, from_short_names};
use super::{first_row, split_cells};
use crate::table::{TableRow, is_fraction};
use crate::{IngestError, IngestOptions};

/// Names of the columns, and where the data begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) names: Vec<String>,
    /// Line of the header; `None` without one.
    pub(crate) line: Option<u64>,
    /// Rows of `rows` before the data.
    pub(crate) rows_before: usize,
    /// `true` if the input has this one row and no other.
    pub(crate) is_alone: bool,
}

/// Finds the header in the first rows. `is_whole` is `true` if the input has no others.
pub(crate) fn find(rows: &[TableRow], options: &IngestOptions, is_whole: bool) -> Result<Header, IngestError> {
    let csv = &options.csv;
    if csv.no_header {
        return without_header(rows, &csv.columns);
    }
    let name = if options.name.is_empty() { "the input" } else { &options.name };
    let Some(first) = rows.first() else {
        return Err(IngestError::new(match csv.header_line {
            Some(line) => format!("{name} has no row on line {line}"),
            None => format!("{name} is empty: its first line must name the columns"),
        }));
    };
    if csv.header_line.is_none() {
        first_row::check(rows, options)?;
    }
    // Line breaks in names become spaces: a metric cannot have them.
    let one_line = |cell: &String| cell.split(char::is_control).map(str::trim).collect::<Vec<_>>().join(" ");
    let mut names: Vec<String> = first.cells.iter().map(one_line).collect();
    if let Some(name) = names.first_mut()
        && let Some(rest) = name.strip_prefix("# ")
    {
        // The names of the columns in the last line of a comment.
        *name = rest.trim().to_owned();
    }
    if names.iter().any(|cell| cell.contains('\u{fffd}')) {
        let error = IngestError::new("the header cannot be read: the text is not UTF-8").at_line(first.line);
        return Err(error.suggest("encoding", "latin1"));
    }
    if !csv.columns.is_empty() {
        if csv.header_line.is_none() && names.iter().any(|name| is_fraction(name)) {
            let error = IngestError::new("the first row holds numbers, and the columns would take its place");
            let error = error.at_line(first.line).suggest("no-header", "");
            return Err(error.suggest("header-line", first.line.to_string()));
        }
        if csv.columns.len() != names.len() {
            let (given, found) = (csv.columns.len(), names.len());
            return Err(IngestError::new(format!("{given} columns are named, and the header has {found}")));
        }
        names.clone_from(&csv.columns);
    }
    let skip = usize::try_from(csv.skip_after_header).unwrap_or(usize::MAX);
    let rows_before = skip.saturating_add(1).min(rows.len());
    if is_whole && rows.len() == 1 && is_header_of_times(&names, options) {
        // An export without rows, such as that of a quiet day.
        return Ok(Header { names, line: Some(first.line), rows_before, is_alone: true });
    }
    if rows_before == rows.len() && rows.len() > 1 {
        let skipped = csv.skip_after_header;
        return Err(IngestError::new(format!(
            "skip-after-header {skipped} skips all {} rows by which the columns would be understood",
            rows.len() - 1
        )));
    }
    if rows_before == rows.len() {
        let columns = names.join(", ");
        return Err(IngestError::new(format!(
            "{name} has no rows, only a first line with the columns {columns}: there is nothing to ingest"
        )));
    }
    let header = Header { names, line: Some(first.line), rows_before, is_alone: false };
    check_counts(&header, &rows[rows_before..])?;
    check_units(&header, &rows[rows_before..], csv.skip_after_header)?;
    Ok(header)
}

/// Returns `true` if the names are certainly those of columns: all differ, none is a value, and one is that of the time.
fn is_header_of_times(names: &[String], options: &IngestOptions) -> bool {
    let row = TableRow { line: 1, cells: names.to_vec() };
    let is_distinct = names.iter().enumerate().all(|(at, name)| !name.is_empty() && !names[..at].contains(name));
    let is_time = |name: &String| {
        let lower = name.to_lowercase();
        options.table.time.contains(name)
            || ["t", "ts"].contains(&&*lower)
            || lower.contains("time")
            || lower.contains("date")
    };
    names.len() > 1 && is_distinct && !has_number(&row) && !looks_like_time(&row) && names.iter().any(is_time)
}

fn without_header(rows: &[TableRow], columns: &[String]) -> Result<Header, IngestError> {
    if columns.is_empty() {
        let names = rows.first().map_or_else(|| "time,v1".to_owned(), |row| column_names(row, rows));
        return Err(IngestError::new("without a header the columns need names").suggest("columns", names));
    }
    let header = Header { names: columns.to_vec(), line: None, rows_before: 0, is_alone: false };
    if rows.is_empty() {
        return Err(IngestError::new("the input has no rows: there is nothing to ingest"));
    }
    check_counts(&header, rows)?;
    Ok(header)
}

pub(super) fn has_number(row: &TableRow) -> bool {
    row.cells.iter().any(|cell| cell.replace(',', ".").parse::<f64>().is_ok())
}

/// Refuses a table none of whose rows has as many cells as the header.
fn check_counts(header: &Header, rows: &[TableRow]) -> Result<(), IngestError> {
    let names = header.names.len();
    let fits = |row: &TableRow| {
        let count = row.cells.len();
        count == names
            || (count > names && row.cells[names..].iter().all(String::is_empty))
            || (count < names && header.names[count..].iter().all(String::is_empty))
    };
    if rows.iter().any(fits) {
        return Ok(());
    }
    if let Some(error) = split_cells::error(&header.names, rows) {
        return Err(error);
    }
    let row = &rows[0];
    let count = row.cells.len();
    let error = IngestError::new(format!("it has {count} cells, and {names} columns are named")).at_line(row.line);
    let Some(line) = header.line else { return Err(error.suggest("delimiter", ";")) };
    let short = TableRow { line, cells: header.names.clone() };
    if let Some(names) = from_short_names(&short, row) {
        let error = error.suggest("skip-lines", (row.line - 1).to_string()).suggest("no-header", "");
        return Err(error.suggest("columns", names));
    }
    let error = error.suggest("header-line", "N").suggest("delimiter", ";").suggest("skip-lines", line.to_string());
    Err(error.suggest("no-header", "").suggest("columns", column_names(row, rows)))
}

/// Refuses rows of units and the like between the header and the data.
fn check_units(header: &Header, rows: &[TableRow], skipped: u64) -> Result<(), IngestError> {
    const MAX_ROWS: usize = 3;
    let is_data = |row: &TableRow| has_number(row) || looks_like_time(row);
    let texts = rows.iter().take(MAX_ROWS + 1).take_while(|row| !is_data(row)).count();
    let is_header_again = rows.first().is_some_and(|row| row.cells == header.names);
    // Without a row of data behind them, the texts may be the data.
    if texts == 0 || texts > MAX_ROWS || texts == rows.len() || is_header_again {
        return Ok(());
    }
    let row = &rows[0];
    let error = IngestError::new(format!("the row behind the header holds no data: {:?}", row.cells.join(", ")));
    Err(error.at_line(row.line).suggest("skip-after-header", (skipped + texts as u64).to_string()))
}

pub(super) fn looks_like_time(row: &TableRow) -> bool {
    use crate::time::{AutoError, DateOrder, parse_auto};
    let is_time = |cell: &String| {
        matches!(
            parse_auto(cell, DateOrder::Undecided, false),
            Ok(_) | Err(AutoError::DayOrMonth | AutoError::Other(_))
        )
    };
    row.cells.iter().any(is_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<TableRow> {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty());
        lines.map(|(line, row)| TableRow { line, cells: row.split(',').map(str::to_owned).collect() }).collect()
    }

    fn error(text: &str) -> (&'static str, String) {
        let error = find(&rows(text), &IngestOptions::default(), false).unwrap_err();
        let first = error.suggestions.into_iter().next();
        first.map_or(("", error.message), |suggestion| (suggestion.option, suggestion.value))
    }

    #[test]
    fn a_header_alone_is_accepted_only_at_the_end_of_the_input_and_with_a_name_of_the_time() {
        let options = IngestOptions::default();
        let is_alone = |text: &str, is_whole| find(&rows(text), &options, is_whole).map(|header| header.is_alone).ok();
        assert_eq!(is_alone("time,v\n", true), Some(true));
        assert_eq!(is_alone("time,v\n", false), None);
        for text in ["Sorry, no data\n", "2024-01-01,on\n", "date,1\n", "time\n", "time,v,v\n", "time,\n"] {
            assert_eq!(is_alone(text, true), None, "{text}");
        }
        assert_eq!(is_alone("time,v\n2024-01-01,1\n", true), Some(false));
        let mut skipping = IngestOptions::default();
        skipping.csv.skip_after_header = 2;
        let error = find(&rows("time,v\n2024-01-01,1\n"), &skipping, false).unwrap_err();
        assert_eq!(error.message, "skip-after-header 2 skips all 1 rows by which the columns would be understood");
    }

    #[test]
    fn what_is_no_header_is_refused_with_the_way_out() {
        assert_eq!(
            error("Dstat\nAuthor:,x\n\ncpu,,epoch\nusr,sys,epoch\n1,2,3\n4,5,6\n"),
            ("header-line", "5".to_owned())
        );
        assert_eq!(error("# a\ntime,v\n2024-01-01,1\n2024-01-02,1\n"), ("comment", "#".to_owned()));
        assert_eq!(error("2024-01-01,10\n2024-01-02,11\n"), ("no-header", String::new()));
        assert_eq!(error("time,v\n,kW\n2024-01-01,1\n"), ("skip-after-header", "1".to_owned()));
        assert_eq!(error("time,v\n1,2,3\n").0, "header-line");
        assert_eq!(error("").0, "");
    }
}
