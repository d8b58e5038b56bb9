//! InfluxDB 2 annotated CSV: tables with the lines `#datatype`, `#group` and `#default` before their header.
//!
//! | column | becomes |
//! |---|---|
//! | `_measurement` | metric; without this column the field is the metric |
//! | `_field` | tag `_field`; the field `value` has no such tag, as in line protocol |
//! | `_time` | time (`dateTime:RFC3339`, `dateTime:RFC3339Nano`, `dateTime:number`) |
//! | `_value` | value: `double`, `long`, `unsignedLong`, `boolean`; text refuses the row or is left out and counted |
//! | `result`, `table`, `_start`, `_stop` | nothing |
//! | others of the group key, or of type `string` | tags; an empty cell is no tag |
//! | others, if there is no `_value` (pivoted tables) | one field each |
//! | others | nothing, and a note says so |

mod decoder;
mod record;
mod table;

use decoder::AnnotatedCsvDecoder;

use super::line_decoder::{ReadyPlanner, without_bom};
use crate::{Format, IngestError, IngestOptions, Planner, Sniff};

/// InfluxDB 2 annotated CSV.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnnotatedCsv;

impl Format for AnnotatedCsv {
    fn name(&self) -> &'static str {
        "annotated-csv"
    }

    fn media_types(&self) -> &[&str] {
        &["application/vnd.influx.annotated-csv"]
    }

    fn file_endings(&self) -> &[&str] {
        &[]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let head = without_bom(head).trim_ascii_start();
        let is_annotation = [&b"#datatype"[..], b"#group", b"#default"]
            .iter()
            .any(|word| head.strip_prefix(*word).is_some_and(|rest| matches!(rest.first(), Some(b',' | b' '))));
        if is_annotation { Sniff::Certain } else { Sniff::No }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(ReadyPlanner::boxed(AnnotatedCsvDecoder::new(options)))
    }
}

#[cfg(test)]
mod tests;
