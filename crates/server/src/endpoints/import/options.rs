//! Options of an import, from the parameters of the query string. They have the names of the options of `timestrata ingest`.

use std::fmt::Display;
use std::str::FromStr;

use timestrata::{Timestamp, ValueType};
use timestrata_ingest::{IngestOptions, TextValues, format_uses, parse_option_time, split_names};

use crate::failure::Failure;

/// Parameters that are understood, for messages.
const KNOWN: &str = "format, time, time-format, time-zone, origin, year, rows, tags, values, values-except, metric, value, \
                     missing, decimal, thousands, units, refuse-before, refuse-after, types, prefix, precision, encoding, \
                     delimiter, header-line, no-header, skip-lines, columns, comment, skip-after-header, skip-text, \
                     timestamp, extra_label";

/// What the parameters of an import ask for.
#[derive(Debug, Default)]
pub(super) struct ImportRequest {
    /// Name of the format.
    pub(super) format: Option<String>,
    pub(super) options: IngestOptions,
    /// Names of the options that are given, `time now` for that value of `time`.
    pub(super) given: Vec<String>,
    /// Tags of all series.
    pub(super) extra_tags: Vec<(String, String)>,
}

impl ImportRequest {
    /// Parses a query string.
    ///
    /// # Errors
    ///
    /// 400 for a parameter that is not known, or whose value is not understood.
    pub(super) fn parse(query: &str) -> Result<Self, Failure> {
        let mut request = Self::default();
        // Refused rows are left out, so no cell makes the whole body unreadable.
        request.options.skip_bad = true;
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        // Times of other options are in this zone.
        let zone = pairs.iter().find(|(name, _)| name == "time-zone").map(|(_, zone)| zone.clone());
        for (name, value) in pairs {
            request
                .set(&name, value, zone.as_deref())
                .map_err(|what| Failure::bad_request(format!("invalid parameter {name:?}: {what}")))?;
        }
        Ok(request)
    }

    fn set(&mut self, name: &str, value: String, zone: Option<&str>) -> Result<(), String> {
        let at = |text: &str| parse_option_time(text, zone).map(Some).map_err(|error| error.message);
        let Self { options, .. } = self;
        let (table, csv) = (&mut options.table, &mut options.csv);
        match name {
            "format" => self.format = Some(value),
            "time" if value == "now" => options.default_time = Some(Timestamp::now()),
            "time" => table.time.extend(split_names(&value)),
            "time-format" => table.time_format = parse(&value)?,
            "time-zone" => table.time_zone = Some(value),
            "origin" => table.origin = at(&value)?,
            "year" => table.year = Some(year(&value)?),
            "rows" => table.rows_member = Some(value),
            "tags" => table.tags.extend(split_names(&value)),
            "values" => table.values.get_or_insert_default().extend(split_names(&value)),
            "values-except" => table.values_except.extend(split_names(&value)),
            "metric" => table.metric = Some(value),
            "value" => table.value = Some(value),
            "missing" => table.missing.extend(split_names(&value)),
            "decimal" => table.decimal = parse(&value)?,
            "thousands" => table.thousands = Some(parse(&value)?),
            "units" => table.units = switch(&value)?,
            "refuse-before" => table.earliest = at(&value)?,
            "refuse-after" => table.latest = at(&value)?,
            "types" => options.types.extend(types(&value)?),
            "prefix" => options.prefix = value,
            "precision" => options.precision = Some(parse(&value)?),
            "encoding" => options.encoding = Some(value),
            "delimiter" => csv.delimiter = Some(parse(&value)?),
            "header-line" => csv.header_line = Some(parse(&value)?),
            "no-header" => csv.no_header = switch(&value)?,
            "skip-lines" => csv.skip_lines = parse(&value)?,
            "columns" => csv.columns.extend(split_names(&value)),
            "comment" => csv.comment = Some(value),
            "skip-after-header" => csv.skip_after_header = parse(&value)?,
            "skip-text" => options.text = if switch(&value)? { TextValues::Skip } else { TextValues::Refuse },
            "timestamp" => options.default_time = Some(milliseconds(&value)?),
            "extra_label" | "extra-label" => self.extra_tags.push(label(&value)?),
            _ => return Err(format!("it is not known; the parameters are {KNOWN}")),
        }
        let is_now = name == "timestamp" || (name == "time" && self.options.default_time.is_some());
        self.given.push(if is_now { "time now".to_owned() } else { name.to_owned() });
        Ok(())
    }
}

/// Refuses options that the format does not use: in silence they would do nothing.
///
/// # Errors
///
/// 400 with the option.
pub(super) fn refuse_unused(given: &[String], format: &str) -> Result<(), Failure> {
    let is_unused = |option: &str| match option {
        // Rows of formats with zones have a time of their own.
        "time now" => format_uses(format, "time-zone"),
        option => !format_uses(format, option),
    };
    match given.iter().find(|option| is_unused(option)) {
        None => Ok(()),
        Some(option) if option == "time now" => Err(Failure::bad_request(format!(
            "rows of the format {format} have times of their own: leave out time=now and timestamp"
        ))),
        Some(option) => Err(Failure::bad_request(format!(
            "the format {format} does not use the parameter {option:?}: leave it out"
        ))),
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| format!("{text:?}: {error}"))
}

/// Parses a switch; a name without a value is on.
fn switch(text: &str) -> Result<bool, String> {
    match text {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

fn year(text: &str) -> Result<i64, String> {
    text.parse()
        .ok()
        .filter(|year| (1678..=2261).contains(year))
        .ok_or_else(|| "it is no year from 1678 to 2261".to_owned())
}

fn milliseconds(text: &str) -> Result<Timestamp, String> {
    let nanos = text.parse::<i64>().ok().and_then(|millis| millis.checked_mul(1_000_000));
    nanos.map(Timestamp::from_nanos).ok_or_else(|| format!("{text:?} is no time in milliseconds since 1970"))
}

fn types(text: &str) -> Result<Vec<(String, ValueType)>, String> {
    let all = [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool];
    let parse = |entry: &String| {
        let (name, ty) = entry.rsplit_once('=')?;
        let ty = all.into_iter().find(|known| known.to_string() == ty.trim())?;
        Some((name.trim().to_owned(), ty))
    };
    let wrong = |entry: &String| format!("{entry:?}: write COLUMN=f64, i64, u64 or bool");
    split_names(text).iter().map(|entry| parse(entry).ok_or_else(|| wrong(entry))).collect()
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| format!("{text:?}: write NAME=VALUE"))
}

#[cfg(test)]
mod tests {
    use timestrata_ingest::TimeFormat;

    use super::*;

    #[test]
    fn parameters_are_the_options_of_an_ingest() {
        let query = "time=a,b&time-format=%25d/%25m/%25Y&tags=x%3Dy&tags=z&types=v%3Di64&units&no-header=true&extra_label=job%3Da";
        let ImportRequest { options, extra_tags, given, .. } = ImportRequest::parse(query).unwrap();
        assert_eq!(options.table.time, ["a", "b"]);
        assert_eq!(options.table.time_format, TimeFormat::Pattern("%d/%m/%Y".to_owned()));
        assert_eq!(options.table.tags, ["x=y", "z"]);
        assert_eq!(options.types, [("v".to_owned(), ValueType::I64)]);
        assert!(options.table.units && options.csv.no_header && options.skip_bad);
        assert_eq!(extra_tags, [("job".to_owned(), "a".to_owned())]);
        assert!(refuse_unused(&given, "csv").is_ok());
        let unused = refuse_unused(&given, "line-protocol").unwrap_err();
        assert!(unused.message.contains("does not use the parameter \"time\""), "{unused:?}");
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (query, part) in [
            ("tag=a", "it is not known; the parameters are format"),
            ("year=12", "1678"),
            ("types=a", "COLUMN=f64"),
            ("units=maybe", "neither true nor false"),
            ("timestamp=soon", "milliseconds"),
            ("origin=soon", "is no time"),
            ("decimal=..", "decimal"),
            ("extra_label=a", "NAME=VALUE"),
        ] {
            let error = ImportRequest::parse(query).unwrap_err().message;
            assert!(error.contains(part) && error.starts_with("invalid parameter"), "{query}: {error}");
        }
        let given = ImportRequest::parse("time=now").unwrap().given;
        assert!(refuse_unused(&given, "csv").is_err() && refuse_unused(&given, "prometheus").is_ok());
    }
}
