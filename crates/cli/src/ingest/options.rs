//! Options of the command line as options of a decoder.

use jiff::tz::TimeZone;
use timestrata::{Timestamp, ValueType};
use timestrata_ingest::{IngestError, IngestOptions, Suggestion, TextValues};

use crate::args::{self, IngestArgs};
use crate::failure::{Failure, Result};
use crate::names::{self, NameList};
use crate::time::TimeArg;
use crate::window_args::parse_zone;

/// Converts the options; `name` is the name of the input in messages.
pub(crate) fn ingest_options(args: &IngestArgs, name: &str) -> Result<IngestOptions> {
    let list = |names: &Option<NameList>| names.clone().unwrap_or_default().0;
    let zone = zone(args.table.time_zone.as_deref());
    let at = |moment: Option<TimeArg>| moment.map(|moment| moment.at(&zone)).transpose().map_err(Failure::failed);
    let mut options = IngestOptions::default();
    name.clone_into(&mut options.name);
    options.prefix.clone_from(&args.prefix);
    options.types = types(args.types.as_ref())?;
    options.skip_bad = args.skip_bad;
    options.text = if args.skip_text { TextValues::Skip } else { TextValues::Refuse };
    options.precision = args.precision;
    options.encoding.clone_from(&args.csv.encoding);
    let table = &mut options.table;
    table.time = list(&args.table.time);
    if table.time == ["now"] {
        // For formats whose rows may have no time.
        options.default_time = Some(Timestamp::now());
        table.time.clear();
    }
    table.time_format = args.table.time_format.clone();
    table.time_zone.clone_from(&args.table.time_zone);
    table.origin = at(args.table.origin)?;
    table.year = args.table.year;
    table.rows_member.clone_from(&args.table.rows);
    table.tags = list(&args.table.tags);
    table.values = args.table.values.clone().map(|names| names.0);
    table.values_except = list(&args.table.values_except);
    table.metric.clone_from(&args.table.metric);
    table.value.clone_from(&args.table.value);
    table.missing = list(&args.table.missing);
    table.decimal = args.table.decimal;
    table.thousands = args.table.thousands;
    table.units = args.table.units;
    table.earliest = at(args.refuse_before)?;
    table.latest = at(args.refuse_after)?;
    let csv = &mut options.csv;
    csv.delimiter = args.csv.delimiter;
    csv.header_line = args.csv.header_line;
    csv.skip_lines = args.csv.skip_lines;
    csv.no_header = args.csv.no_header;
    csv.columns = list(&args.csv.columns);
    csv.comment.clone_from(&args.csv.comment);
    csv.skip_after_header = args.csv.skip_after_header;
    Ok(options)
}

/// Returns the zone of times on the command line that have none. An unknown zone is refused with the input.
fn zone(name: Option<&str>) -> TimeZone {
    name.and_then(|name| parse_zone(name).ok()).map_or(TimeZone::UTC, |zone| zone.shown)
}

fn types(types: Option<&NameList>) -> Result<Vec<(String, ValueType)>> {
    let mut found = Vec::new();
    for text in types.iter().flat_map(|names| &names.0) {
        let wrong = || Failure::failed(format!("--types {text}: write COLUMN=f64, i64, u64 or bool"));
        let (name, ty) = text.rsplit_once('=').ok_or_else(wrong)?;
        found.push((name.trim().to_owned(), args::value_type(ty.trim()).ok_or_else(wrong)?));
    }
    Ok(found)
}

/// Returns the failure of an input that cannot be understood, with the options that would help.
pub(crate) fn not_understood(name: &str, error: &IngestError) -> Failure {
    let line = error.line.map(|line| format!(" line {line}")).unwrap_or_default();
    let help = match rendered(&error.suggestions) {
        help if help.is_empty() => String::new(),
        help => format!("; perhaps {help}"),
    };
    if error.line.is_none() && error.message.starts_with(name) {
        return Failure::failed(format!("{}{help}", error.message));
    }
    Failure::failed(format!("{name}{line}: {}{help}", error.message))
}

/// Returns suggestions as options of the tool: those that belong together side by side, and `or` between the others.
pub(crate) fn rendered(suggestions: &[Suggestion]) -> String {
    let option = |Suggestion { option, value }: &Suggestion| match value.as_str() {
        "" => format!("--{option}"),
        value => format!("--{option} {}", names::shell_word(value)),
    };
    let together = |group: &[Suggestion]| group.iter().map(option).collect::<Vec<_>>().join(" ");
    timestrata_ingest::suggestion_groups(suggestions).map(together).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_options_of_a_shell() {
        let pair = [Suggestion::new("time", "ts"), Suggestion::new("time-format", "ms")];
        assert_eq!(rendered(&pair), "--time ts --time-format ms");
        let (unit, years) = (Suggestion::new("time-format", "ms"), Suggestion::new("time-format", "%Y"));
        let origin = Suggestion::new("origin", "2024-01-01");
        assert_eq!(rendered(&[unit, origin.clone()]), "--time-format ms --origin 2024-01-01");
        assert_eq!(rendered(&[years, origin]), "--time-format '%Y' or --origin 2024-01-01");
        let without_year = ["time", "time-format", "year"].map(|option| Suggestion::new(option, "x"));
        assert_eq!(rendered(&without_year), "--time x --time-format x --year x");
        let long = ["time", "metric", "value", "tags"].map(|option| Suggestion::new(option, "x"));
        assert_eq!(rendered(&long), "--time x --metric x --value x --tags x");
        let either = [Suggestion::new("time-format", "%d/%m/%Y %H:%M"), Suggestion::new("time-format", "%m/%d/%Y")];
        assert_eq!(rendered(&either), "--time-format '%d/%m/%Y %H:%M' or --time-format '%m/%d/%Y'");
        assert_eq!(rendered(&[Suggestion::new("units", ""), Suggestion::new("decimal", ",")]), "--units --decimal ,");
        assert_eq!(rendered(&[]), "");
    }
}
