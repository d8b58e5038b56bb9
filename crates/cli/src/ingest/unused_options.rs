//! Refuses options that the format of an input does not use: without a word they would do nothing.

use timestrata_ingest::format_uses;

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
    let (table, csv) = (&args.table, &args.csv);
    let is_now = table.time.as_ref().is_some_and(|names| names.0 == ["now"]);
    // Rows of formats with zones have a time of their own.
    if is_now && format_uses(format, "time-zone") {
        return Some("time now");
    }
    let given = [
        ("time", table.time.is_some() && !is_now),
        ("time-format", table.time_format != timestrata_ingest::TimeFormat::Auto),
        ("origin", table.origin.is_some()),
        ("year", table.year.is_some()),
        ("tags", table.tags.is_some()),
        ("values", table.values.is_some()),
        ("values-except", table.values_except.is_some()),
        ("metric", table.metric.is_some()),
        ("value", table.value.is_some()),
        ("missing", table.missing.is_some()),
        ("decimal", table.decimal != '.'),
        ("thousands", table.thousands.is_some()),
        ("units", table.units),
        ("refuse-before", args.refuse_before.is_some()),
        ("refuse-after", args.refuse_after.is_some()),
        ("time-zone", table.time_zone.is_some()),
        ("precision", args.precision.is_some()),
        ("rows", table.rows.is_some()),
        ("delimiter", csv.delimiter.is_some()),
        ("header-line", csv.header_line.is_some()),
        ("no-header", csv.no_header),
        ("skip-lines", csv.skip_lines > 0),
        ("columns", csv.columns.is_some()),
        ("comment", csv.comment.is_some()),
        ("skip-after-header", csv.skip_after_header > 0),
    ];
    given.into_iter().find(|(option, is_given)| *is_given && !format_uses(format, option)).map(|(option, _)| option)
}
