//! CSV as it is found: any delimiter, encoding and line end, preambles, comments, and quotes that are checked.
//!
//! ```text
//!   bytes -> TextSource (UTF-8, UTF-16, other encodings) -> RowSplitter (rows of cells) -> table::RowMapper -> Rows
//! ```

mod column_names;
mod data_row;
mod decoder;
mod dialect;
mod first_row;
mod graphite_rows;
mod header_row;
mod options;
mod planner;
mod row_splitter;
mod split_cells;
mod text_source;
mod time_header;

use std::str::FromStr;

use crate::{Format, IngestError, IngestOptions, Planner, Sniff};
pub use options::{CsvOptions, Delimiter};
pub(crate) use text_source::{TextEncoding, TextSource};

/// The format `csv`: rows of cells with a header.
#[derive(Debug, Clone, Copy, Default)]
pub struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn media_types(&self) -> &[&str] {
        &["text/csv", "text/tab-separated-values", "application/csv"]
    }

    fn file_endings(&self) -> &[&str] {
        &["csv", "tsv", "tab", "psv", "txt", "dat", "asc"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        dialect::sniff(head)
    }

    fn converts_text(&self) -> bool {
        true
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(Box::new(planner::CsvPlanner::new(options)?))
    }
}

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            [b' '] => Ok(Self::Spaces),
            br"\t" => Ok(Self::Byte(b'\t')),
            b"  " => Ok(Self::WideSpaces),
            _ if text == "spaces" => Ok(Self::Spaces),
            _ if text == "wide-spaces" => Ok(Self::WideSpaces),
            _ if text == "tab" => Ok(Self::Byte(b'\t')),
            [one] if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => Ok(Self::Byte(*one)),
            _ => Err(r"one ASCII character, such as ; or \t, or a word: spaces, wide-spaces".to_owned()),
        }
    }
}
