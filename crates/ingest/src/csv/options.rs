//! Options of CSV.

use std::fmt;

/// What separates the cells of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// One byte, such as a comma.
    Byte(u8),
    /// Any number of spaces and tabs.
    Spaces,
    /// Two or more spaces, or a tab: one space belongs to the cell, as in `2024-01-01 00:00:00`.
    WideSpaces,
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(b'\t') => f.write_str("tab"),
            Self::Byte(byte) => write!(f, "{}", char::from(*byte)),
            Self::Spaces => f.write_str("runs of spaces"),
            Self::WideSpaces => f.write_str("runs of two or more spaces"),
        }
    }
}

/// Options of CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CsvOptions {
    /// Delimiter; `None` to detect it.
    pub delimiter: Option<Delimiter>,
    /// Line of the header, the first line is 1; `None` for the first row.
    pub header_line: Option<u64>,
    /// Lines before the first row, which are not looked at.
    pub skip_lines: u64,
    /// `true` if no row names the columns.
    pub no_header: bool,
    /// Names of the columns instead of those of the header; empty to use the header.
    pub columns: Vec<String>,
    /// Lines that begin with this text are left out.
    pub comment: Option<String>,
    /// Rows to leave out behind the header, such as rows of units.
    pub skip_after_header: u64,
}
