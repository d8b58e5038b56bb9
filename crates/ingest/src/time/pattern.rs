//! Times by a pattern of `strftime`.

use jiff::fmt::strtime::BrokenDownTime;
use timestrata::Timestamp;

use super::civil::{self, Civil};
use super::moment::Moment;
use super::{epoch, zone};

/// Checks that a pattern can be used: parsing fails with the same error for every text if it cannot.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    let written = jiff::fmt::strtime::format(pattern, &now).map_err(|error| format!("pattern {pattern:?}: {error}"))?;
    parse(&written, pattern).map(drop).map_err(|_| format!("pattern {pattern:?} does not give a date"))
}

/// Parses a text by a pattern. The hour 24 is the next midnight, and a second 60 must be a leap second.
pub(crate) fn parse(text: &str, pattern: &str) -> Result<Moment, String> {
    let (mut fields, is_next_day) = match BrokenDownTime::parse(pattern, text) {
        Ok(fields) => (fields, false),
        Err(_) => (midnight_as_24(text, pattern).ok_or_else(|| format!("{text:?} does not match {pattern:?}"))?, true),
    };
    if let Ok(at) = fields.to_timestamp() {
        let nanos = i64::try_from(at.as_nanosecond()).map_err(|_| epoch::out_of_range(text))?;
        if has_second_sixty(text, pattern, &fields) && !civil::precedes_leap_second(at.as_second()) {
            return Err(format!("{text:?} has a second 60, which is no leap second"));
        }
        let shift = if is_next_day { civil::SECONDS_PER_DAY * civil::NANOS_PER_SECOND } else { 0 };
        let at = Timestamp::from_nanos(nanos).checked_add_nanos(shift);
        return at.map(Moment::At).ok_or_else(|| epoch::out_of_range(text));
    }
    let date = fields.to_date().ok().or_else(|| first_day(&fields));
    let date = date.ok_or_else(|| no_date(text, pattern, &mut fields))?;
    let clock = fields.to_time().map_err(|_| format!("{text:?} gives no clock by {pattern:?}"))?;
    let days = civil::days_from_date(date.year().into(), date.month().into(), date.day().into());
    let second = i64::from(clock.hour()) * 3_600 + i64::from(clock.minute()) * 60 + i64::from(clock.second());
    let is_second_sixty = has_second_sixty(text, pattern, &fields);
    let days = days + i64::from(is_next_day);
    let local = Civil { days, second, nanos: clock.subsec_nanosecond().into(), is_second_sixty };
    if let Some(offset) = fields.offset() {
        return zone::at_offset(local, offset.seconds(), text).map(Moment::At);
    }
    if let Some(name) = fields.iana_time_zone() {
        return zone::time_zone(name).map(|zone| Moment::LocalIn(local, zone));
    }
    Ok(Moment::Local(local))
}

/// Returns why a text gives no date: perhaps its weekday is not that of its date.
fn no_date(text: &str, pattern: &str, fields: &mut BrokenDownTime) -> String {
    let weekday = fields.weekday();
    fields.set_weekday(None);
    match (weekday, fields.to_date()) {
        (Some(weekday), Ok(date)) if date.weekday() != weekday => {
            format!("{text:?} names a {weekday:?}, and its date is a {:?}", date.weekday())
        }
        _ => format!("{text:?} gives no date by {pattern:?}"),
    }
}

/// Returns the first day of the year or the month, if the text gave neither a day nor a week.
fn first_day(fields: &BrokenDownTime) -> Option<jiff::civil::Date> {
    let is_finer_than_month = fields.day().is_some()
        || fields.day_of_year().is_some()
        || fields.weekday().is_some()
        || fields.iso_week_year().is_some()
        || fields.iso_week().is_some()
        || fields.sunday_based_week().is_some()
        || fields.monday_based_week().is_some();
    if is_finer_than_month {
        return None;
    }
    jiff::civil::Date::new(fields.year()?, fields.month().unwrap_or(1), 1).ok()
}

/// Parses the text with the hour 24 replaced by 0, if that is an hour of a midnight.
fn midnight_as_24(text: &str, pattern: &str) -> Option<BrokenDownTime> {
    let candidates = text.match_indices("24").map(|(at, _)| at);
    candidates
        .filter_map(|at| {
            let changed = format!("{}00{}", &text[..at], &text[at + 2..]);
            let fields = BrokenDownTime::parse(pattern, &changed).ok()?;
            let is_midnight = fields.hour() == Some(0)
                && [fields.minute(), fields.second()].into_iter().flatten().all(|part| part == 0)
                && fields.subsec_nanosecond().unwrap_or(0) == 0;
            is_midnight.then_some(fields)
        })
        .last()
}

/// Returns `true` if the second was written as 60, which the calendar library reads as 59: another number in its place
/// gives another second.
fn has_second_sixty(text: &str, pattern: &str, fields: &BrokenDownTime) -> bool {
    if fields.second() != Some(59) {
        return false;
    }
    text.match_indices("60").any(|(at, _)| {
        let changed = format!("{}58{}", &text[..at], &text[at + 2..]);
        BrokenDownTime::parse(pattern, changed).is_ok_and(|fields| fields.second() == Some(58))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{RowOrder, SeriesClock, ZoneResolver};

    fn utc(text: &str, pattern: &str) -> Result<String, String> {
        let moment = parse(text, pattern)?;
        let at = ZoneResolver::new(None, RowOrder::Ascending).resolve(&moment, &SeriesClock::default(), text)?;
        Ok(at.to_string())
    }

    #[test]
    fn patterns_take_unpadded_numbers_and_the_hour_24() {
        let at = |text: &str| Ok(text.to_owned());
        assert_eq!(utc("1/2/2024 3:04", "%d/%m/%Y %H:%M"), at("2024-02-01T03:04:00Z"));
        assert_eq!(utc("01/01/2024 24:00", "%m/%d/%Y %H:%M"), at("2024-01-02T00:00:00Z"));
        assert_eq!(utc("20240131 2400", "%Y%m%d %H%M"), at("2024-02-01T00:00:00Z"));
        assert_eq!(utc("1/1/2014 12:00 AM", "%m/%d/%Y %I:%M %p"), at("2014-01-01T00:00:00Z"));
        assert_eq!(utc("20240131", "%Y%m%d"), at("2024-01-31T00:00:00Z"));
        assert_eq!(utc("1950", "%Y"), at("1950-01-01T00:00:00Z"));
        assert_eq!(utc("3/1950", "%m/%Y"), at("1950-03-01T00:00:00Z"));
        assert!(utc("1950 7", "%Y %U").is_err());
        assert_eq!(utc("2024-01-01 00:00:00 +0100", "%Y-%m-%d %H:%M:%S %z"), at("2023-12-31T23:00:00Z"));
        assert_eq!(utc("2024-01-01 00:00:59.60", "%Y-%m-%d %H:%M:%S%.f"), at("2024-01-01T00:00:59.6Z"));
        assert_eq!(utc("00:00:59 60", "%H:%M:%S %y"), at("2060-01-01T00:00:59Z"));
        assert_eq!(utc("2016-12-31 23:59:60", "%Y-%m-%d %H:%M:%S"), at("2016-12-31T23:59:59Z"));
        for (text, pattern) in [
            ("31/12/2013 23:00", "%m/%d/%Y %H:%M"),
            ("01/01/2024 24:30", "%m/%d/%Y %H:%M"),
            ("2024-01-01 00:00:60", "%Y-%m-%d %H:%M:%S"),
            ("2016-12-30 23:59:60.5", "%Y-%m-%d %H:%M:%S%.f"),
            ("60 2024-01-01 00:00", "%S %Y-%m-%d %H:%M"),
            ("10:00", "%H:%M"),
            ("2024-01-01 30", "%Y-%m-%d %M"),
        ] {
            assert!(utc(text, pattern).is_err(), "{text}");
        }
    }

    #[test]
    fn a_zone_of_the_pattern_is_kept() {
        let pattern = "%Y-%m-%d %H:%M:%S %Q";
        let at = |text: &str| utc(text, pattern);
        assert_eq!(at("2024-01-01 00:00:00 America/New_York").as_deref(), Ok("2024-01-01T05:00:00Z"));
        assert_eq!(at("2024-07-01 24:00:00 America/New_York").as_deref(), Ok("2024-07-02T04:00:00Z"));
        assert_eq!(at("2024-01-01 00:00:00 +0100").as_deref(), Ok("2023-12-31T23:00:00Z"));
        assert!(at("2024-01-01 00:00:00 Nowhere/City").is_err() && at("2024-03-10 02:30:00 America/New_York").is_err());
        assert_eq!(check(pattern), Ok(()));
    }

    #[test]
    fn a_day_that_does_not_exist_is_refused_with_every_flag() {
        for (text, pattern) in [
            ("30/2/2024", "%d/%m/%Y"),
            ("30/2/2024", "%-d/%-m/%Y"),
            ("30/2/2024", "%_d/%m/%Y"),
            ("30/2/2024", "%0d/%m/%Y"),
            ("2023 366", "%Y %j"),
            ("2023 366", "%Y %-j"),
            ("Mon 1/2/2024", "%a %-d/%-m/%Y"),
            ("2024 3", "%Y %w"),
            ("2024 3", "%Y %-w"),
            ("2024 07", "%Y %-U"),
            ("2024 07", "%Y %-V"),
        ] {
            assert!(utc(text, pattern).is_err(), "{text} {pattern}");
        }
        let error = utc("Mon 02/01/2024 10:00 +0000", "%a %d/%m/%Y %H:%M %z").unwrap_err();
        assert!(error.ends_with("names a Monday, and its date is a Tuesday"), "{error}");
        assert_eq!(utc("Tue 02/01/2024", "%a %d/%m/%Y").as_deref(), Ok("2024-01-02T00:00:00Z"));
        assert_eq!(utc("29/2/2024", "%-d/%-m/%Y").as_deref(), Ok("2024-02-29T00:00:00Z"));
        assert_eq!(utc("2024 366", "%Y %-j").as_deref(), Ok("2024-12-31T00:00:00Z"));
        assert_eq!(utc("3/1950", "%-m/%Y").as_deref(), Ok("1950-03-01T00:00:00Z"));
    }

    #[test]
    fn a_pattern_without_a_date_is_refused_at_once() {
        assert!(check("%H:%M").is_err() && check("%~").is_err());
        for pattern in ["%Y %w", "%Y %-w", "%Y %-d", "%Y %_d", "%Y %-U", "%Y %-V", "%Y %-u", "%Y %g"] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        assert_eq!(check("%d.%m.%Y %H:%M:%S"), Ok(()));
    }
}
