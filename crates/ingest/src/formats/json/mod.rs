//! JSON: objects as rows of a table.
//!
//! The objects are lines, follow each other, are the elements of arrays, or of one array in an object. A member of a
//! nested object is the column `a.b`, an element of an array the column `a.0`. The columns of the first 1,000 rows are
//! those of the table; the roles of columns, times and values are then those of CSV, see the options of tables. `null`
//! is a missing value, and a string that is a number is a number, unless it identifies something: digits behind a zero, or
//! in a column with the name of an identifier. An object of arrays of equal length, one of times among them, is columnar:
//! each index is a row.

mod arrangement;
mod columnar;
pub(crate) mod decoder;
mod flatten;
mod identifiers;
pub(crate) mod items;
mod nested;
mod planner;
mod table_rows;
pub(crate) mod value;
mod wrapper_scan;

use items::{Arrangement, Item, Items};
use planner::JsonPlanner;

use super::line_decoder::without_bom;
use crate::{Format, IngestError, IngestOptions, Planner, Sniff};

/// JSON lines, arrays of objects, and objects that wrap one array of objects.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn media_types(&self) -> &[&str] {
        &["application/json", "application/x-ndjson", "application/jsonl", "application/json-lines"]
    }

    fn file_endings(&self) -> &[&str] {
        &["json", "jsonl", "ndjson"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let head = without_bom(head).trim_ascii_start();
        if !matches!(head.first(), Some(b'{' | b'[')) || super::CollectdJson.sniff(head) == Sniff::Certain {
            return Sniff::No;
        }
        match Items::new(Arrangement::Elements, None).next(head, false) {
            Ok((_, Item::Row(start, end))) if value::JsonValue::parse(&head[start..end]).is_ok() => Sniff::Certain,
            Ok((_, Item::Incomplete)) => Sniff::Possible,
            _ => Sniff::No,
        }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(Box::new(JsonPlanner::new(options)))
    }
}

#[cfg(test)]
mod tests;
