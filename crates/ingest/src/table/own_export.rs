//! Recognises CSV as this project exports it: a row per point, with the whole series in one column.
//!
//! The header is `series,type,time,value` in an export. The output of a query is `series,time,value`, without types: its
//! numbers are read as `f64`. Texts such as `nan` are values there, since the writer is known.

use timestrata::{SeriesKey, ValueType};

use super::cell::MissingCells;
use super::number::NumberSyntax;
use super::plan::{TablePlan, TimeColumns, ValueSource};
use super::planner::TableRow;
use crate::IngestOptions;
use crate::series_text::parse_series_text;
use crate::time::{DateOrder, RowOrder, TimeReader, time_zone};

/// Columns of an export to CSV, and members of an export to JSON.
pub(crate) const EXPORT_COLUMNS: [&str; 4] = ["series", "type", "time", "value"];

/// Columns of the output of a query.
const QUERY_COLUMNS: [&str; 3] = ["series", "time", "value"];

/// Returns `true` if the columns are those of an export in any order, or of the output of a query.
pub(crate) fn is_export_header(header: &[String]) -> bool {
    is_typed_export_header(header) || header == QUERY_COLUMNS
}

/// Returns `true` if the columns are those of an export, in any order.
pub(crate) fn is_typed_export_header(header: &[String]) -> bool {
    header.len() == EXPORT_COLUMNS.len() && EXPORT_COLUMNS.iter().all(|column| header.iter().any(|name| name == column))
}

/// Returns `true` for the columns of the output of a query whose rows this project does not write: dates without a zone, or
/// words for "no value".
pub(crate) fn is_foreign(header: &[String], rows: &[TableRow], options: &IngestOptions) -> bool {
    let table = &options.table;
    let is_plain = table.tags.is_empty() && table.values.is_none() && table.metric.is_none() && table.time.is_empty();
    let is_own_time = |text: &String| text.contains('T') && TimeReader::Rfc3339.parse(text).is_ok();
    let missing = MissingCells::default();
    let is_own_value = |text: &String| text.is_empty() || text == "NaN" || !missing.matches(text);
    let is_own = |row: &TableRow| match &row.cells[..] {
        [_, time, value] => is_own_time(time) && is_own_value(value),
        _ => true,
    };
    is_plain && header == QUERY_COLUMNS && !rows.iter().all(is_own)
}

/// Returns the plan if the header and the first rows are of an export.
pub(crate) fn plan(
    header: &[String],
    rows: &[TableRow],
    options: &IngestOptions,
    syntax: NumberSyntax,
) -> Option<TablePlan> {
    if !is_export_header(header) {
        return None;
    }
    let find = |column: &str| header.iter().position(|name| name == column);
    let (series_at, type_at, time_at, value_at) = (find("series")?, find("type"), find("time")?, find("value")?);
    let table = &options.table;
    let is_plain = table.tags.is_empty() && table.values.is_none() && table.metric.is_none() && table.time.is_empty();
    let is_series = |row: &TableRow| row.cells.get(series_at).is_some_and(|text| parse_series(text).is_some());
    // In another order, the types show that the columns are those of an export.
    let is_typed =
        |row: &TableRow| type_at.and_then(|at| row.cells.get(at)).is_some_and(|name| value_type(name).is_some());
    let is_in_order = header == EXPORT_COLUMNS || header == QUERY_COLUMNS;
    if !is_in_order && !rows.iter().all(is_typed) {
        return None;
    }
    if !is_plain || rows.is_empty() || !rows.iter().all(is_series) {
        return None;
    }
    Some(TablePlan {
        header: header.to_vec(),
        time: TimeColumns {
            at: vec![time_at],
            name: "time".to_owned(),
            reader: TimeReader::Auto { order: DateOrder::Undecided, is_joined: false },
            zone: table.time_zone.as_deref().and_then(|name| time_zone(name).ok()),
            order: RowOrder::Ascending,
            zone_cells: None,
        },
        tags: Vec::new(),
        values: ValueSource::Series {
            series_at,
            type_at,
            value_at,
            types: options.types.clone(),
            prefix: options.prefix.clone(),
        },
        missing: MissingCells::default(),
        syntax,
        earliest: table.earliest,
        latest: table.latest,
        candidates: Vec::new(),
    })
}

/// Parses a series as an export writes it, or the text form for people. A metric may have braces; the tags begin at the first brace behind which
/// only tags follow, whose keys have none.
pub(crate) fn parse_series(text: &str) -> Option<SeriesKey> {
    let with_tags = text.match_indices('{').find_map(|(at, _)| {
        let key: SeriesKey = format!("m{}", &text[at..]).parse().ok()?;
        let is_plain = key.tags().len() > 0 && key.tags().all(|(key, _)| !key.contains(['{', '}', '"']));
        is_plain.then(|| key.with_metric(&text[..at]))
    });
    parse_series_text(text)
        .or(with_tags)
        .or_else(|| text.parse().ok())
        .or_else(|| Some(SeriesKey::new(text)).filter(|key| key.validate().is_ok()))
}

/// Returns the type of a name in the column `type`.
pub(crate) fn value_type(name: &str) -> Option<ValueType> {
    [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool].into_iter().find(|ty| ty.to_string() == name)
}

/// Returns the float of a text of an export, with the bits of a NaN: `NaN` or `NaN(7ff8000000000001)`.
pub(crate) fn parse_nan(text: &str) -> Option<f64> {
    if text == "NaN" {
        return Some(f64::NAN);
    }
    let bits = text.strip_prefix("NaN(")?.strip_suffix(')')?;
    u64::from_str_radix(bits, 16).ok().map(f64::from_bits).filter(|number| number.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_a_nan_are_read_back() {
        let bits = 0xfff8_0000_0000_0123_u64;
        assert_eq!(parse_nan(&format!("NaN({bits:016x})")).map(f64::to_bits), Some(bits));
        assert!(parse_nan("NaN").is_some_and(f64::is_nan));
        assert_eq!(parse_nan("NaN(3ff0000000000000)"), None);
    }

    #[test]
    fn a_series_is_read_as_its_text_form_writes_it() {
        for key in [
            SeriesKey::new("P{W}"),
            SeriesKey::new("memory.used [MiB]").tag("name", "RTX \"4\""),
            SeriesKey::new("P{W}").tag("a", "}{"),
            SeriesKey::new("up").tag("a", "1").tag("b", "x,y"),
            SeriesKey::new("a\0{").tag("\t}", "\r\n\u{85}{\""),
            SeriesKey::new("1").tag("a b", "}"),
        ] {
            assert_eq!(parse_series(&key.to_string()), Some(key));
        }
        assert_eq!(parse_series(""), None);
    }
}
