//! Refuses options that the format of an input does not use: without a word they would do nothing.

use crate::args::IngestArgs;
use crate::failure::{Failure, Result};

/// Refuses the first option that the format does not use.
pub(crate) fn refuse(args: &IngestArgs, name: &str, format: &str) -> Result<()> {
    match unused(args, format) {
        Some(option) => {
            Err(Failure::failed(format!("{name}: the format {format} does not use --{option}: leave it out")))
        }
        None => Ok(()),
    }
}

fn unused(args: &IngestArgs, format: &str) -> Option<&'static str> {
    const TABLES: &[&str] = &["csv", "json"];
    const ZONED: &[&str] = &["csv", "json", "sadf", "sadf-p"];
    const UNITS: &[&str] = &["line-protocol", "prometheus"];
    let (table, csv) = (&args.table, &args.csv);
    let is_now = table.time.as_ref().is_some_and(|names| names.0 == ["now"]);
    if is_now && ZONED.contains(&format) {
        return Some("time now");
    }
    let given: [(&str, bool, &[&str]); 25] = [
        ("time", table.time.is_some() && !is_now, TABLES),
        ("time-format", table.time_format != timestrata_ingest::TimeFormat::Auto, TABLES),
        ("origin", table.origin.is_some(), TABLES),
        ("year", table.year.is_some(), TABLES),
        ("tags", table.tags.is_some(), TABLES),
        ("values", table.values.is_some(), TABLES),
        ("values-except", table.values_except.is_some(), TABLES),
        ("metric", table.metric.is_some(), TABLES),
        ("value", table.value.is_some(), TABLES),
        ("missing", table.missing.is_some(), TABLES),
        ("decimal", table.decimal != '.', TABLES),
        ("thousands", table.thousands.is_some(), TABLES),
        ("units", table.units, TABLES),
        ("refuse-before", args.refuse_before.is_some(), TABLES),
        ("refuse-after", args.refuse_after.is_some(), TABLES),
        ("time-zone", table.time_zone.is_some(), ZONED),
        ("precision", args.precision.is_some(), UNITS),
        ("rows", table.rows.is_some(), &["json"]),
        ("delimiter", csv.delimiter.is_some(), &["csv"]),
        ("header-line", csv.header_line.is_some(), &["csv"]),
        ("no-header", csv.no_header, &["csv"]),
        ("skip-lines", csv.skip_lines > 0, &["csv"]),
        ("columns", csv.columns.is_some(), &["csv"]),
        ("comment", csv.comment.is_some(), &["csv"]),
        ("skip-after-header", csv.skip_after_header > 0, &["csv"]),
    ];
    given.into_iter().find(|(_, is_given, formats)| *is_given && !formats.contains(&format)).map(|(option, ..)| option)
}
