//! A plain table: columns as wide as their content, numbers aligned to the right, no frame.
//! Rows are printed page by page, so that a table of any length needs the memory of one page.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// Rows per page.
///
/// The widths may grow with each page, so that a page need not be aligned with the pages before it.
const PAGE_ROWS: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

pub(crate) type ColumnHeader = (String, Align);

pub(crate) struct AlignedTable {
    headers: Vec<ColumnHeader>,
    widths: Vec<usize>,
    page: Vec<Vec<String>>,
    colour: bool,
    begun: bool,
}

impl AlignedTable {
    pub(crate) fn new<S: AsRef<str>>(headers: &[(S, Align)], colour: bool) -> Self {
        let headers: Vec<ColumnHeader> =
            headers.iter().map(|(name, align)| (name.as_ref().to_owned(), *align)).collect();
        let widths = headers.iter().map(|(name, _)| name.width()).collect();
        Self { headers, widths, page: Vec::new(), colour, begun: false }
    }

    /// Adds a row with one cell per header.
    pub(crate) fn row(&mut self, cells: Vec<String>, out: &mut impl Write) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.headers.len());
        self.page.push(cells);
        if self.page.len() == PAGE_ROWS { self.print_page(out) } else { Ok(()) }
    }

    /// Prints the remaining rows, or only the headers if there was no row.
    pub(crate) fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.print_page(out)
    }

    fn print_page(&mut self, out: &mut impl Write) -> io::Result<()> {
        for row in &self.page {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        if !self.begun {
            self.begun = true;
            let names: Vec<String> = self.headers.iter().map(|(name, _)| name.clone()).collect();
            let bold = if self.colour { anstyle::Style::new().bold() } else { anstyle::Style::new() };
            writeln!(out, "{bold}{}{bold:#}", self.line(&names))?;
            let rules: Vec<String> = self.widths.iter().map(|width| "─".repeat(*width)).collect();
            writeln!(out, "{}", self.line(&rules))?;
        }
        for row in std::mem::take(&mut self.page) {
            writeln!(out, "{}", self.line(&row))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((cell, (_, align)), width) in cells.iter().zip(&self.headers).zip(&self.widths) {
            let fill = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) = if *align == Align::Right { (fill, String::new()) } else { (String::new(), fill) };
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&before);
            line.push_str(cell);
            line.push_str(&after);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_colour_is_optional() {
        for (colour, head) in [(false, "series     value\n"), (true, "\u{1b}[1mseries     value\u{1b}[0m\n")] {
            let mut out = Vec::new();
            let mut table = AlignedTable::new(&[("series", Align::Left), ("value", Align::Right)], colour);
            table.row(vec!["höhe".to_owned(), "1".to_owned()], &mut out).unwrap();
            table.row(vec!["temp{a=1}".to_owned(), "-12.5".to_owned()], &mut out).unwrap();
            table.finish(&mut out).unwrap();
            let expected = "─────────  ─────\nhöhe           1\ntemp{a=1}  -12.5\n";
            assert_eq!(String::from_utf8(out).unwrap(), format!("{head}{expected}"));
        }
    }
}
