//! A report as text: a title, facts a line each, and tables with a bound on their rows.
//! It knows nothing of files.

use std::fmt::{self, Write as _};

use crate::point::Timestamp;

/// What is shown of one file.
#[derive(Debug)]
pub(super) struct Report {
    title: &'static str,
    facts: Vec<(&'static str, String)>,
    tables: Vec<Table>,
}

/// Rows under a header; the first column stands at the left, all others at the right.
#[derive(Debug)]
pub(super) struct Table {
    title: &'static str,
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Rows that there are beside those shown.
    more: usize,
}

impl Report {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, facts: Vec::new(), tables: Vec::new() }
    }

    pub(super) fn fact(&mut self, name: &'static str, value: impl fmt::Display) {
        self.facts.push((name, value.to_string()));
    }

    /// Adds a table of at most so many rows.
    pub(super) fn table<T>(
        &mut self,
        title: &'static str,
        header: &[&'static str],
        items: &[T],
        most: usize,
        row: impl Fn(&T) -> Vec<String>,
    ) {
        let shown = &items[..items.len().min(most)];
        self.part_of_table(title, header, shown, items.len() - shown.len(), row);
    }

    /// Adds a table of all of these, beside which there are so many more.
    pub(super) fn part_of_table<T>(
        &mut self,
        title: &'static str,
        header: &[&'static str],
        shown: &[T],
        more: usize,
        row: impl Fn(&T) -> Vec<String>,
    ) {
        let rows = shown.iter().map(row).collect();
        self.tables.push(Table { title, header: header.to_vec(), rows, more });
    }
}

/// A timestamp as RFC 3339.
pub(super) fn time(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

/// `amount` per `count` with two decimals, such as bytes per point.
pub(super) fn per(amount: u64, count: u64) -> String {
    if count == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(amount) * 100 / u128::from(count);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title)?;
        let width = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &self.facts {
            write!(f, "\n  {name:width$}  {value}")?;
        }
        for table in self.tables.iter().filter(|table| !table.rows.is_empty()) {
            write!(f, "\n\n{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
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
