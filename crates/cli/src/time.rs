//! Parsers of times and of durations such as `1d`.
//!
//! An ambiguous text is an error that names the option to use: no unit is assumed, and no zone other than UTC.

use std::ops::Bound;
use std::time::Duration;

use jiff::tz::TimeZone;
use timestrata::Timestamp;
use timestrata_ingest::TimeFormat;

/// Time range of `--from` and `--to`.
pub(crate) type TimeBounds = (Bound<Timestamp>, Bound<Timestamp>);

/// Returns a range that includes `from` and excludes `to`; a missing end is open.
pub(crate) fn time_bounds(from: Option<Timestamp>, to: Option<Timestamp>) -> TimeBounds {
    (from.map_or(Bound::Unbounded, Bound::Included), to.map_or(Bound::Unbounded, Bound::Excluded))
}

/// Returns `true` if the text has a zone.
///
/// A time without a zone is read as UTC, which `ingest` reports.
pub(crate) fn has_zone(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn parse_auto(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return in_range(time, text);
    }
    // Plain digits could be a date without hyphens, or a number of an unknown unit.
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let unit = TimeFormat::of_number(text);
        let hint = unit.map_or_else(|| "s, ms, us or ns".to_owned(), |unit| unit.to_string());
        return Err(format!("{text:?} is a number: give its unit with --time-format {hint}"));
    }
    let time: jiff::civil::DateTime = text.parse().map_err(|_| {
        let known = "2013-01-01T06:00:00Z, 2013-01-01 06:00:00 (UTC) or 2013-01-01";
        format!("{text:?} is not a time such as {known}")
    })?;
    let time = jiff::tz::TimeZone::UTC.to_timestamp(time).map_err(|_| out_of_range(text))?;
    in_range(time, text)
}

fn in_range(time: jiff::Timestamp, text: &str) -> Result<Timestamp, String> {
    i64::try_from(time.as_nanosecond()).map(Timestamp::from_nanos).map_err(|_| out_of_range(text))
}

fn out_of_range(text: &str) -> String {
    format!("{text:?} is outside the years 1677 to 2262")
}

/// A time on the command line: an absolute time, or a local time whose zone another option sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeArg {
    At(Timestamp),
    Clock(jiff::civil::DateTime),
    /// Local midnight of today, or of that many days before.
    Midnight {
        days_ago: i64,
    },
}

impl TimeArg {
    /// Parses a text that [`parse_moment`] accepts.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "today" => return Ok(Self::Midnight { days_ago: 0 }),
            "yesterday" => return Ok(Self::Midnight { days_ago: 1 }),
            _ => {}
        }
        let at = parse_moment(text)?;
        let is_clock = !text.starts_with("now") && !text.starts_with('-') && !has_zone(text);
        let clock = parse_year_or_month(text).or_else(|| text.parse().ok());
        Ok(clock.filter(|_| is_clock).map_or(Self::At(at), Self::Clock))
    }

    /// Returns the absolute time in this zone.
    pub(crate) fn at(self, zone: &TimeZone) -> Result<Timestamp, String> {
        match self {
            Self::At(at) => Ok(at),
            Self::Clock(clock) => {
                let text = clock.to_string();
                in_range(zone.to_timestamp(clock).map_err(|_| out_of_range(&text))?, &text)
            }
            Self::Midnight { days_ago } => {
                midnight(Timestamp::now(), days_ago, zone).ok_or_else(|| out_of_range("now"))
            }
        }
    }
}

/// Returns the local midnight before a time, or a number of days before that.
fn midnight(at: Timestamp, days_ago: i64, zone: &TimeZone) -> Option<Timestamp> {
    let day = to_zoned(at, zone).date().checked_sub(jiff::Span::new().days(days_ago)).ok()?;
    let midnight = day.to_zoned(zone.clone()).ok()?.timestamp();
    i64::try_from(midnight.as_nanosecond()).ok().map(Timestamp::from_nanos)
}

/// Returns the local midnight at a time or before it.
pub(crate) fn midnight_before(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    midnight(at, 0, zone)
}

/// Parses `2024` or `2024-03`: the beginning of that year or month.
fn parse_year_or_month(text: &str) -> Option<jiff::civil::DateTime> {
    let is_number = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, month) = text.split_once('-').unwrap_or((text, "01"));
    if !is_number(year, 4) || !is_number(month, 2) {
        return None;
    }
    jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok().map(jiff::civil::DateTime::from)
}

/// Formats a time as RFC 3339 with the zone's offset at that time; `Z` for UTC.
pub(crate) fn format_time(at: Timestamp, zone: &TimeZone) -> String {
    if *zone == TimeZone::UTC {
        return at.to_string();
    }
    to_zoned(at, zone).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()
}

/// Returns the local time in a zone.
pub(crate) fn to_zoned(at: Timestamp, zone: &TimeZone) -> jiff::Zoned {
    let at = jiff::Timestamp::from_nanosecond(at.as_nanos().into());
    // The years 1677 to 2262 are within the range of the calendar.
    at.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

/// Parses a time of `--from` and `--to`.
///
/// The text has a form of `auto`, or is a year, a month such as `2024-03`, `today`, `yesterday`, `now`, or an offset before
/// now such as `-7d` or `now-7d`.
pub(crate) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    moment_before(text, Timestamp::now())
}

fn moment_before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let days_ago = match text {
        "now" => return Ok(now),
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => None,
    };
    if let Some(days_ago) = days_ago {
        return midnight(now, days_ago, &TimeZone::UTC).ok_or_else(|| out_of_range(text));
    }
    if let Some(clock) = parse_year_or_month(text) {
        return in_range(TimeZone::UTC.to_timestamp(clock).map_err(|_| out_of_range(text))?, text);
    }
    if let Some(length) = text.strip_prefix("now-").or_else(|| text.strip_prefix('-')) {
        let nanos = i64::try_from(parse_duration(length)?.as_nanos()).map_err(|_| out_of_range(text))?;
        return Ok(now.saturating_add_nanos(-nanos));
    }
    parse_auto(text).map_err(|wrong| match TimeFormat::of_number(text) {
        Some(unit) => match unit.parse_count(text) {
            Some(at) => format!("{text:?} is a number: did you mean {at}?"),
            None => wrong,
        },
        None => format!("{wrong}, or 2013, 2013-01, today, yesterday, now, -7d, now-90m"),
    })
}

/// Parses a duration such as `90s`, `15m`, `1d`, `1w`, or several in a row: `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a length such as 90s, 15m, 1h30m, 1d or 1w");
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let seconds = match &rest[digits..digits + unit] {
            "ms" => {
                total = total.checked_add(Duration::from_millis(count)).ok_or_else(wrong)?;
                0
            }
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return Err(wrong()),
        };
        let length = Duration::from_secs(count.checked_mul(seconds).ok_or_else(wrong)?);
        total = total.checked_add(length).ok_or_else(wrong)?;
        rest = &rest[digits + unit..];
    }
    if total.is_zero() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Option<i64> {
        parse_auto(text).ok().map(Timestamp::as_nanos)
    }

    #[test]
    fn auto_takes_rfc_3339_dates_and_times_without_zone() {
        let at = Some(1_357_020_000_000_000_000);
        for text in [
            "2013-01-01T06:00:00Z",
            "2013-01-01T01:00:00-05:00",
            "2013-01-01 06:00:00",
            "2013-01-01 06:00",
            "2013-01-01T06:00:00.000",
        ] {
            assert_eq!(nanos(text), at, "{text}");
        }
        assert_eq!(nanos("2000-01-03"), Some(946_857_600_000_000_000));
        for text in ["", "01/02/2013", "2013", "20130101", "1795364193056", "2013-13-01", "9999-01-01", "abc", "-1"] {
            assert_eq!(nanos(text), None, "{text}");
        }
        let error = parse_auto("1795364193056").unwrap_err();
        assert!(error.ends_with("--time-format ms"), "{error}");
    }

    #[test]
    fn moments_may_lie_before_now() {
        let now = Timestamp::from_secs(1_000_000);
        let secs = |text| moment_before(text, now).map(Timestamp::as_secs);
        assert_eq!(secs("-7d"), Ok(1_000_000 - 7 * 86_400));
        assert_eq!(secs("-90m"), Ok(1_000_000 - 5_400));
        assert_eq!(secs("now"), Ok(1_000_000));
        assert_eq!(secs("now-7d"), secs("-7d"));
        assert_eq!((secs("today"), secs("yesterday")), (Ok(11 * 86_400), Ok(10 * 86_400)));
        assert_eq!((secs("2013"), secs("2013-02")), (Ok(1_356_998_400), Ok(1_359_676_800)));
        for text in ["2013-13", "2013-2", "201", "20130", "now-", "now-7", "now+7d", "tomorrow"] {
            assert!(secs(text).is_err(), "{text}");
        }
        assert!(secs("-7").is_err() && secs("-").is_err() && secs("7d").is_err());
        assert!(secs("1357020000").unwrap_err().contains("did you mean 2013-01-01T06:00:00Z?"));
    }

    #[test]
    fn a_time_without_zone_waits_for_one() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |text| TimeArg::parse(text).unwrap().at(&berlin).map(|at| format_time(at, &berlin));
        assert_eq!(at("2013-07"), Ok("2013-07-01T00:00:00+02:00".to_owned()));
        assert_eq!(at("2013"), Ok("2013-01-01T00:00:00+01:00".to_owned()));
        let midnight = |text| midnight_before(text, &berlin).map(|at| format_time(at, &berlin));
        assert_eq!(midnight(Timestamp::from_secs(1_372_630_000)), Some("2013-07-01T00:00:00+02:00".to_owned()));
        assert!(at("today").unwrap() > at("yesterday").unwrap());
        assert_eq!(at("2013-07-01"), Ok("2013-07-01T00:00:00+02:00".to_owned()));
        assert_eq!(at("2013-01-01T00:00:00.5Z"), Ok("2013-01-01T01:00:00.5+01:00".to_owned()));
        assert_eq!(format_time(Timestamp::from_secs(0), &TimeZone::UTC), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn lengths_have_units_and_are_never_zero() {
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_hours(336)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "0s", "d", "1", "1y", "1.5h", "-1d", "99999999999999999999s", "18446744073709551615w", "1ü"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
