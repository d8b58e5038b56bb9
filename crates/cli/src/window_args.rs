//! Parsers of the window options: aggregates, lengths of windows, fills and time zones.
//!
//! The error for an unknown name suggests similar names.

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use jiff::tz::TimeZone;
use timestrata::{Aggregate, Fill, Period, Value, WindowFunction, Zone};

use crate::names;
use crate::time;

const AGGREGATES: [&str; 26] = [
    "mean",
    "min",
    "max",
    "sum",
    "sum as f64",
    "count",
    "first",
    "last",
    "spread",
    "stddev",
    "variance",
    "rate",
    "increase",
    "delta",
    "derivative",
    "integral",
    "first_time",
    "last_time",
    "mode",
    "distinct",
    "sample_variance",
    "sample_stddev",
    "changes",
    "resets",
    "slope",
    "p95",
];

/// Names of aggregates in other tools, each with the aggregate to suggest.
const ALIASES: [(&str, &str); 9] = [
    ("avg", "mean"),
    ("average", "mean"),
    ("median", "p50"),
    ("std", "stddev"),
    ("stdev", "stddev"),
    ("var", "variance"),
    ("range", "spread"),
    ("total", "sum"),
    ("percentile", "p95"),
];

/// Parser of one aggregate, which also lists the names for help and completions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AggregateParser;

impl TypedValueParser for AggregateParser {
    type Value = Aggregate;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Aggregate, clap::Error> {
        StringValueParser::new().try_map(|text| parse_aggregate(&text)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(AGGREGATES.into_iter().map(PossibleValue::new)))
    }
}

/// Parses an aggregate: a name, `p95`, `quantile(0.95)` or `quantile=0.95`, `prediction(60s)` or `prediction=1m`.
///
/// The forms with `=` need no quotes in a shell.
fn parse_aggregate(text: &str) -> Result<Aggregate, String> {
    let text = text.trim().to_lowercase();
    if let Some(after) = text.strip_prefix("prediction=") {
        return time::parse_duration(after).map(Aggregate::prediction);
    }
    let share = text.strip_prefix("quantile").filter(|_| text.contains('=')).map(|_| with_brackets(&text));
    if let Ok(aggregate) = share.as_deref().unwrap_or(&text).parse() {
        return Ok(aggregate);
    }
    if share.is_some() || text.strip_prefix('p').is_some_and(|percent| percent.parse::<f64>().is_ok()) {
        return Err("a quantile is p0 to p100, or quantile=0 to quantile=1".to_owned());
    }
    let meant = ALIASES.iter().filter(|(alias, _)| *alias == text).map(|(_, name)| *name).collect::<Vec<_>>();
    Err(unknown("aggregate", &meant, &text, &AGGREGATES))
}

/// Parses a function over windows: `cumulative_sum`, `moving_mean(5)` or `moving_mean=5`.
pub(crate) fn parse_function(text: &str) -> Result<WindowFunction, String> {
    let known = ["moving_mean=5", "moving_sum=5", "moving_min=5", "moving_max=5"];
    let known = known.iter().chain(&["cumulative_sum", "cumulative_min", "cumulative_max", "cumulative_count"]);
    let known: Vec<&str> = known.copied().collect();
    with_brackets(text).parse().map_err(|_| unknown("function", &[], text, &known))
}

/// Returns `name=argument` as `name(argument)`.
fn with_brackets(text: &str) -> String {
    text.split_once('=').map_or_else(|| text.to_owned(), |(name, argument)| format!("{name}({argument})"))
}

/// Returns the error for a text that is not one of `known`.
///
/// The error suggests the names in `meant` or, if there are none, names of `known` that are similar to the text.
fn unknown(kind: &str, meant: &[&str], text: &str, known: &[&str]) -> String {
    let like = if meant.is_empty() { names::suggestions(text, known.iter().copied()) } else { meant.to_vec() };
    if like.is_empty() {
        format!("no such {kind}; there are {}", known.join(", "))
    } else {
        format!("no such {kind}; did you mean {}?", like.join(", "))
    }
}

/// Length of windows, with its text for titles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeriodArg {
    pub(crate) every: Period,
    pub(crate) text: String,
}

/// Parses a length of windows: a duration such as `1h30m`, or a calendar period such as `1d`, `month`.
///
/// Calendar periods are days, weeks, months, quarters and years.
pub(crate) fn parse_every(text: &str) -> Result<PeriodArg, String> {
    let every = calendar(text).map_or_else(|| time::parse_duration(text).map(Period::from), Ok);
    let every = every.map_err(|_| {
        format!(
            "{text:?} is not a length of windows: use 90s, 15m, 1h30m, 1d, 1w, 1mo, 1y, or hour, day, week, month, year"
        )
    })?;
    Ok(PeriodArg { every, text: text.to_owned() })
}

fn calendar(text: &str) -> Option<Period> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    // A unit without a number means one unit. A single letter without a number is treated as a typing error.
    let count: u32 = if count.is_empty() && unit.len() > 2 { 1 } else { count.parse().ok()? };
    let length = |seconds: u64| Period::from(std::time::Duration::from_secs(seconds * u64::from(count)));
    match unit {
        _ if count == 0 => None,
        "minute" => Some(length(60)),
        "hour" => Some(length(3_600)),
        "d" | "day" | "days" => Some(Period::days(count)),
        "w" | "week" | "weeks" => Some(Period::weeks(count)),
        "mo" | "month" | "months" => Some(Period::months(count)),
        "quarter" | "quarters" => Some(Period::months(count.checked_mul(3)?)),
        "y" | "year" | "years" => Some(Period::years(count)),
        _ => None,
    }
}

/// Parses a fill: `none`, `null`, `previous`, `linear`, or the number for windows without a value.
pub(crate) fn parse_fill(text: &str) -> Result<Fill, String> {
    match text {
        "none" => return Ok(Fill::None),
        "null" => return Ok(Fill::Null),
        "previous" => return Ok(Fill::Previous),
        "linear" => return Ok(Fill::Linear),
        _ => {}
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(Fill::Value(Value::I64(whole)));
    }
    text.parse().map(|number| Fill::Value(Value::F64(number))).map_err(|_| {
        let known = ["none", "null", "previous", "linear"];
        format!("{}, or a number", unknown("fill", &[], text, &known).trim_end_matches('?'))
    })
}

/// A time zone, as the zone of a query and as the zone of printed times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DisplayZone {
    pub(crate) zone: Zone,
    pub(crate) shown: TimeZone,
    pub(crate) name: String,
}

impl Default for DisplayZone {
    fn default() -> Self {
        Self { zone: Zone::UTC, shown: TimeZone::UTC, name: "UTC".to_owned() }
    }
}

/// Parses a zone: `UTC`, `+02:00`, `Europe/Berlin`, or rules such as `CET-1CEST,M3.5.0,M10.5.0/3`.
pub(crate) fn parse_zone(text: &str) -> Result<DisplayZone, String> {
    let display_zone = |zone, shown| DisplayZone { zone, shown, name: text.to_owned() };
    if text.eq_ignore_ascii_case("utc") || text == "Z" {
        return Ok(DisplayZone::default());
    }
    if text.starts_with(['+', '-']) {
        let seconds = offset(text).ok_or_else(|| format!("{text:?} is not an offset from UTC such as +02:00"))?;
        let zone = Zone::offset(seconds).map_err(|error| error.to_string())?;
        let shown = jiff::tz::Offset::from_seconds(seconds).map_err(|error| error.to_string())?;
        return Ok(display_zone(zone, TimeZone::fixed(shown)));
    }
    if let (Ok(zone), Ok(shown)) = (Zone::named(text), TimeZone::get(text)) {
        return Ok(display_zone(zone, shown));
    }
    if let (Ok(zone), Ok(shown)) = (Zone::rules(text), TimeZone::posix(text)) {
        return Ok(display_zone(zone, shown));
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let like = names::suggestions(text, known.iter().map(String::as_str));
    Err(match (known.is_empty(), like.is_empty()) {
        (true, _) => "no time zone database on this machine: use UTC, +02:00, or CET-1CEST,M3.5.0,M10.5.0/3".to_owned(),
        (_, true) => "no such zone; use a zone such as UTC, +02:00, Europe/Berlin".to_owned(),
        _ => format!("no such zone; did you mean {}?", like.join(", ")),
    })
}

/// Parses an offset such as `+02:00`, `-05` or `+0530` as seconds.
fn offset(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = match text[1..].split_once(':') {
        Some((hours, minutes)) if (hours.len(), minutes.len()) != (2, 2) => return None,
        Some((hours, minutes)) => format!("{hours}{minutes}"),
        None => text[1..].to_owned(),
    };
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits.as_str(), "0"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours < 25).then(|| sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn aggregates_have_names_and_quantiles_shares() {
        assert_eq!(parse_aggregate("Max"), Ok(Aggregate::Max));
        for text in ["p95", "quantile=0.95", "quantile(0.95)"] {
            assert_eq!(parse_aggregate(text), Ok(Aggregate::quantile(0.95)), "{text}");
        }
        let linear = parse_aggregate("quantile_linear=0.5");
        assert_eq!(linear, Ok(Aggregate::quantile_linear(0.5)));
        assert_eq!(parse_aggregate("prediction=1h"), Ok(Aggregate::prediction(Duration::from_hours(1))));
        assert_eq!(parse_function("moving_mean=5"), Ok(WindowFunction::MovingMean(5)));
        assert_eq!(parse_function("cumulative_sum"), Ok(WindowFunction::CumulativeSum));
        assert!(parse_function("moving_maen=5").unwrap_err().contains("did you mean moving_mean=5"));
        for name in AGGREGATES {
            assert!(parse_aggregate(name).is_ok(), "{name}");
        }
        for (text, said) in [
            ("maen", "did you mean mean"),
            ("avg", "did you mean mean?"),
            ("median", "did you mean p50?"),
            ("zzz", "there are mean, min"),
            ("p101", "p0 to p100"),
            ("quantile=2", "quantile=0 to quantile=1"),
        ] {
            let error = parse_aggregate(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn days_and_longer_windows_are_the_calendars() {
        for (text, every) in [
            ("5m", Period::from(Duration::from_mins(5))),
            ("1h30m", Period::from(Duration::from_mins(90))),
            ("hour", Period::from(Duration::from_hours(1))),
            ("1d", Period::days(1)),
            ("day", Period::days(1)),
            ("2w", Period::weeks(2)),
            ("1mo", Period::months(1)),
            ("month", Period::months(1)),
            ("2quarters", Period::months(6)),
            ("1y", Period::years(1)),
            ("1d12h", Period::from(Duration::from_hours(36))),
        ] {
            assert_eq!(parse_every(text).map(|length| length.every), Ok(every), "{text}");
        }
        for text in ["", "d", "0d", "0s", "mo", "1.5h", "-1d", "1fortnight", "4294967295quarter"] {
            assert!(parse_every(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fills_are_words_or_numbers() {
        assert_eq!(parse_fill("linear"), Ok(Fill::Linear));
        assert_eq!(parse_fill("-3"), Ok(Fill::Value(Value::I64(-3))));
        assert_eq!(parse_fill("0.5"), Ok(Fill::Value(Value::F64(0.5))));
        assert_eq!(parse_fill("prevoius").unwrap_err(), "no such fill; did you mean previous, or a number");
        assert!(parse_fill("zero").unwrap_err().contains("none, null, previous, linear, or a number"));
    }

    #[test]
    fn zones_are_offsets_names_or_rules() {
        assert_eq!(parse_zone("utc"), Ok(DisplayZone::default()));
        for bad in ["+1:2", "+12:0", "+:30", "+1:234"] {
            assert_eq!(offset(bad), None, "{bad}");
        }
        for (text, seconds) in [("+02:00", 7_200), ("-05", -18_000), ("+0530", 19_800), ("-3", -10_800)] {
            assert_eq!(parse_zone(text).map(|clock| clock.zone), Ok(Zone::offset(seconds).unwrap()), "{text}");
        }
        assert!(parse_zone("CET-1CEST,M3.5.0,M10.5.0/3").is_ok());
        for text in ["+", "+99:00", "+1:2:3", "+ü", "Middle-earth/Shire"] {
            assert!(parse_zone(text).is_err(), "{text}");
        }
    }
}
