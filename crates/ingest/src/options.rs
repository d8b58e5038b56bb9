//! Options of a decoder. A format uses those that apply to it, and refuses those that contradict it.

use std::sync::Arc;

use timestrata::{Timestamp, ValueType};

use crate::csv::CsvOptions;
use crate::table::TableOptions;
use crate::{Limits, Precision, SeriesClocks, SeriesTable};

/// What to do with a field of text, which no series can hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextValues {
    /// Refuse the row.
    #[default]
    Refuse,
    /// Leave the field out and count it.
    Skip,
}

/// Options of a decoder.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct IngestOptions {
    /// Caps on the input.
    pub limits: Limits,
    /// Name of the input in messages, such as a file name.
    pub name: String,
    /// Time that rows without one get; `None` refuses them.
    pub default_time: Option<Timestamp>,
    /// What happens to fields of text.
    pub text: TextValues,
    /// Prefix of each metric name.
    pub prefix: String,
    /// Types of values by metric or column; other values have the type of their format.
    pub types: Vec<(String, ValueType)>,
    /// Unit of timestamps in line protocol; `None` means nanoseconds.
    pub precision: Option<Precision>,
    /// `true` if the caller leaves refused rows out; then no input is refused as a whole because of single cells.
    pub skip_bad: bool,
    /// Encoding of text, by a label of the WHATWG Encoding Standard such as `latin1`; `None` to detect UTF-8 and UTF-16.
    pub encoding: Option<String>,
    /// Options of tables: CSV, and objects of JSON.
    pub table: TableOptions,
    /// Options of CSV.
    pub csv: CsvOptions,
    /// Series that earlier inputs to the same database have named in the same bytes. Line protocol uses it, so that no key is
    /// built again; with extra tags of [`Rows`](crate::Rows) it must be `None`.
    pub known_series: Option<Arc<SeriesTable>>,
    /// Last times of series in a repeated hour, which the inputs of a run share; with `None` no input knows those of another.
    pub series_clocks: Option<SeriesClocks>,
}

/// Splits a list of columns at commas outside quotes and braces, since headers such as `up{a="1",b="2"}` are names too.
#[must_use]
pub fn split_names(text: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                names.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(name) = names.last_mut() {
            name.push(c);
        }
    }
    names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Returns `false` if a format has no use for an option, by their names, such as `csv` and `precision`.
///
/// A caller refuses such an option: it would do nothing, in silence. Options that are not known here apply to all formats.
#[must_use]
pub fn format_uses(format: &str, option: &str) -> bool {
    let formats: &[&str] = match option {
        "time" | "time-format" | "origin" | "year" | "tags" | "values" | "values-except" | "metric" | "value"
        | "missing" | "decimal" | "thousands" | "units" | "refuse-before" | "refuse-after" => &["csv", "json"],
        "time-zone" => &["csv", "json", "sadf", "sadf-p"],
        "precision" => &["line-protocol", "prometheus"],
        "rows" => &["json"],
        "delimiter" | "header-line" | "no-header" | "skip-lines" | "columns" | "comment" | "skip-after-header" => {
            &["csv"]
        }
        _ => return true,
    };
    formats.contains(&format)
}
