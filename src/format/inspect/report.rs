//! Text reports: a title, one line per field, and tables with a bound on their rows.

use std::fmt::{self, Write as _};

use crate::types::point::Timestamp;

/// Report of one file. A table without rows is not shown.
#[derive(Debug)]
pub(super) struct TextReport {
    title: &'static str,
    fields: Vec<(&'static str, String)>,
    tables: Vec<ReportTable>,
}

/// Table with a title and a header row.
///
/// The first column is aligned to the left, all others to the right.
#[derive(Debug)]
pub(super) struct ReportTable {
    title: &'static str,
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Number of rows that are not shown.
    more: usize,
}

impl TextReport {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, fields: Vec::new(), tables: Vec::new() }
    }

    /// Adds a line with a field's name and value.
    pub(super) fn add_field(&mut self, name: &'static str, value: impl fmt::Display) {
        self.fields.push((name, value.to_string()));
    }

    /// Adds a table of the first `max_rows` items, with a note of how many more there are.
    pub(super) fn add_table<T>(
        &mut self,
        title: &'static str,
        header: &[&'static str],
        items: &[T],
        max_rows: usize,
        row: impl Fn(&T) -> Vec<String>,
    ) {
        let shown = &items[..items.len().min(max_rows)];
        self.add_table_excerpt(title, header, shown, items.len() - shown.len(), row);
    }

    /// Adds a table of the given items, with a note that `more` items are not shown.
    pub(super) fn add_table_excerpt<T>(
        &mut self,
        title: &'static str,
        header: &[&'static str],
        shown: &[T],
        more: usize,
        row: impl Fn(&T) -> Vec<String>,
    ) {
        let rows = shown.iter().map(row).collect();
        self.tables.push(ReportTable { title, header: header.to_vec(), rows, more });
    }
}

/// Formats a timestamp in nanoseconds as RFC 3339.
pub(super) fn format_time(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

/// Formats `amount` per `count`, rounded down to two decimals; `-` if the count is 0.
pub(super) fn format_ratio(amount: u64, count: u64) -> String {
    if count == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(amount) * 100 / u128::from(count);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

impl fmt::Display for TextReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title)?;
        let width = self.fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &self.fields {
            write!(f, "\n  {name:width$}  {value}")?;
        }
        for table in self.tables.iter().filter(|table| !table.rows.is_empty()) {
            write!(f, "\n\n{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ReportTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        f.write_str(self.title)?;
        let header: Vec<String> = self.header.iter().map(|name| (*name).to_owned()).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::from("\n");
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if at == 0 { write!(line, "  {cell:width$}") } else { write!(line, "  {cell:>width$}") }?;
            }
            f.write_str(line.trim_end_matches(' '))?;
        }
        if self.more > 0 { write!(f, "\n  ... {} more", self.more) } else { Ok(()) }
    }
}
