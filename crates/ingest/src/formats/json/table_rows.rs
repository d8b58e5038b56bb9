//! Rows of JSON as rows of a table with a fixed header.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::columnar;
use super::decoder::{JsonRowParser, RowState};
use super::flatten::flatten;
use super::identifiers::is_zero_led;
use super::nested::refuse_nested;
use super::value::JsonValue;
use crate::formats::row_error::RowError;
use crate::table::{RowCells, RowMapper, is_typed_export_header};
use crate::{RefusalCode, Rows, Suggestion, Understanding};

/// Puts the members of each row into the order of the header, and passes them to the mapper.
pub(super) struct TableRowParser {
    pub(super) mapper: RowMapper,
    pub(super) columns: Columns,
    pub(super) max_fields: usize,
    pub(super) understanding: Understanding,
    /// Columns of the time that the options name.
    pub(super) times: Vec<String>,
    /// Path of the object of columns, if the input is columnar.
    pub(super) columns_path: Option<String>,
    /// Members without a column, and the path of the first.
    unknown: u64,
    first_unknown: String,
}

/// Index of each column.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    by_name: HashMap<String, usize>,
}

impl Columns {
    /// Adds a column if it is new.
    pub(super) fn add(&mut self, name: &str) {
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

/// Cells of a row. Strings keep the spaces around them in an export of this project, whose names may have some.
struct JsonCells<'a> {
    texts: Vec<Cow<'a, str>>,
    is_own_export: bool,
}

impl RowCells for JsonCells<'_> {
    fn count(&self) -> usize {
        self.texts.len()
    }

    fn text(&self, at: usize) -> Option<&str> {
        let text = self.texts.get(at).map_or("", AsRef::as_ref);
        Some(if self.is_own_export { text } else { text.trim() })
    }

    fn exact_text(&self, at: usize) -> Option<&str> {
        Some(self.texts.get(at).map_or("", AsRef::as_ref))
    }
}

impl TableRowParser {
    pub(super) fn new(mapper: RowMapper, columns: Columns, max_fields: usize, understanding: Understanding) -> Self {
        let (times, columns_path) = (Vec::new(), None);
        let (unknown, first_unknown) = (0, String::new());
        Self { mapper, columns, max_fields, understanding, times, columns_path, unknown, first_unknown }
    }

    fn table_row(&mut self, row: &JsonValue<'_>, line: u64, rows: &mut Rows) -> Result<(), RowError> {
        if matches!(row, JsonValue::Object(_)) {
            refuse_nested(row, &self.times)?;
        }
        let mut texts: Vec<Cow<'_, str>> = vec![Cow::Borrowed(""); self.columns.names.len()];
        let mut is_set = vec![false; texts.len()];
        for (path, text) in flatten(row, self.max_fields)? {
            if let Some(at) = self.columns.find(&path) {
                if std::mem::replace(&mut is_set[at], true) {
                    return Err(RowError::refused(format!("the row has the member {path:?} twice")));
                }
                if is_zero_led(&text) && self.mapper.is_unnamed_value(at) {
                    return Err(zero_led(&path, &text));
                }
                texts[at] = text;
            } else {
                if self.unknown == 0 {
                    self.first_unknown = path.into_owned();
                }
                self.unknown += 1;
            }
        }
        let is_own_export = is_typed_export_header(&self.columns.names);
        self.mapper.push(line, &JsonCells { texts, is_own_export }, rows)?;
        Ok(())
    }
}

/// Refuses a string of digits that begins with a zero in a column of values that no option names: it may identify
/// something, and its number would not have the zeros.
fn zero_led(path: &str, text: &str) -> RowError {
    let reason = format!("member {path}: the string {text:?} begins with a zero, and may be no number");
    let suggestions = vec![Suggestion::new("values-except", path), Suggestion::new("types", format!("{path}=f64"))];
    RowError::Refused { code: RefusalCode::BadRow, reason, suggestions }
}

impl JsonRowParser for TableRowParser {
    fn row(&mut self, row: &JsonValue<'_>, line: u64, rows: &mut Rows) -> Result<RowState, RowError> {
        match &self.columns_path {
            None => self.table_row(row, line, rows)?,
            Some(path) => {
                for row in columnar::rows(row, path).into_iter().flatten() {
                    if let Err(error) = self.table_row(&row, line, rows) {
                        let refused = error.at(line).map_err(RowError::Fatal)?;
                        rows.refuse(refused);
                    }
                }
            }
        }
        Ok(RowState::Done)
    }

    fn understanding(&self) -> &Understanding {
        &self.understanding
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = self.mapper.notices();
        if self.unknown > 0 {
            let (count, first) = (self.unknown, &self.first_unknown);
            notices.push(format!(
                "{count} members were left out since the first rows did not have them, such as {first}: \
                 --types {first}=f64 keeps its numbers"
            ));
        }
        notices
    }

    fn take_warning(&mut self) -> Option<String> {
        self.mapper.take_warning()
    }

    fn distinguishing(&self) -> Option<Suggestion> {
        self.mapper.distinguishing()
    }
}
