//! Zones in cells of their own, beside the time: offsets, UTC, names of zones, and abbreviations such as CDT.

use jiff::tz::TimeZone;
use timestrata::Timestamp;

use super::civil::Civil;
use super::moment::Moment;
use super::scanner::{Scanner, ZoneText};
use super::zone::{at_offset, time_zone};

/// Abbreviations with the hours of their offset: those of RFC 2822, section 4.3, and others that mean one offset alone.
const ABBREVIATIONS: [(&str, i32); 18] = [
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("AKST", -9),
    ("AKDT", -8),
    ("HST", -10),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("AEST", 10),
];

/// Standard and summer time of one zone.
const PAIRS: [(&str, &str, &str); 8] = [
    ("EST", "EDT", "America/New_York"),
    ("CST", "CDT", "America/Chicago"),
    ("MST", "MDT", "America/Denver"),
    ("PST", "PDT", "America/Los_Angeles"),
    ("AKST", "AKDT", "America/Anchorage"),
    ("WET", "WEST", "Europe/Lisbon"),
    ("CET", "CEST", "Europe/Berlin"),
    ("EET", "EEST", "Europe/Athens"),
];

/// Zone of a cell that means one zone alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CellZone {
    /// Seconds east of Greenwich.
    Offset(i32),
    Named(TimeZone),
}

impl CellZone {
    /// Reads `Z`, `UTC`, `GMT`, an offset such as `+02:00`, `-0500` or `UTC+2`, or a name such as `Europe/Berlin`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        match scanner.zone() {
            Ok(Some(ZoneText::Offset(offset))) if scanner.is_at_end() => Some(Self::Offset(offset)),
            Ok(Some(ZoneText::Named(zone))) if scanner.is_at_end() => Some(Self::Named(zone)),
            _ if text.eq_ignore_ascii_case("UT") => Some(Self::Offset(0)),
            _ if text.contains('/') && text.len() < 64 => time_zone(text).ok().map(Self::Named),
            _ => None,
        }
    }

    /// Returns the time of a clock in this zone.
    pub(crate) fn moment(self, local: Civil, text: &str) -> Result<Moment, String> {
        match self {
            Self::Offset(offset) => at_offset(local, offset, text).map(Moment::At),
            Self::Named(zone) => Ok(Moment::LocalIn(local, zone)),
        }
    }
}

/// Returns the offset in seconds of an abbreviation that is known.
pub(crate) fn offset_of_abbreviation(text: &str) -> Option<i32> {
    let found = ABBREVIATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, hours)| hours * 3_600)
}

/// Returns a zone that has all of these abbreviations: an offset for one alone, a zone for standard and summer time.
pub(crate) fn zone_of_abbreviations(names: &[&str]) -> Option<String> {
    if let [name] = names {
        let offset = offset_of_abbreviation(name)?;
        let sign = if offset < 0 { '-' } else { '+' };
        return Some(format!("{sign}{:02}:00", offset.abs() / 3_600));
    }
    let is_of = |pair: &&(&str, &str, &str)| {
        names.iter().all(|name| name.eq_ignore_ascii_case(pair.0) || name.eq_ignore_ascii_case(pair.1))
    };
    PAIRS.iter().find(is_of).map(|pair| pair.2.to_owned())
}

/// Returns the time that a row means whose zone is given by an option and whose cell says a zone, too.
///
/// In an hour that comes twice the cell decides. A cell that is no known zone says nothing.
///
/// # Errors
///
/// The offset of the cell, if the zone does not have it at that time.
pub(crate) fn agreed_time(at: Timestamp, local: Civil, zone: &TimeZone, cell: &str) -> Result<Timestamp, String> {
    let info = |at: Timestamp| -> Option<(i32, String)> {
        let at = jiff::Timestamp::from_nanosecond(at.as_nanos().into()).ok()?;
        let info = zone.to_offset_info(at);
        Some((info.offset().seconds(), info.abbreviation().to_owned()))
    };
    let Some((offset, name)) = info(at) else { return Ok(at) };
    if name.eq_ignore_ascii_case(cell) {
        return Ok(at);
    }
    let said = match CellZone::parse(cell) {
        Some(CellZone::Offset(said)) => said,
        Some(CellZone::Named(named)) => {
            let at = jiff::Timestamp::from_nanosecond(at.as_nanos().into());
            at.map_or(offset, |at| named.to_offset(at).seconds())
        }
        None => match offset_of_abbreviation(cell) {
            Some(said) => said,
            None => return Ok(at),
        },
    };
    if said == offset {
        return Ok(at);
    }
    // The other of the two times of a clock.
    match at_offset(local, said, cell).ok().filter(|at| info(*at).is_some_and(|(offset, _)| offset == said)) {
        Some(at) => Ok(at),
        None => Err(format!("the row has the zone {cell}, which the zone of the times does not have then")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_one_zone_alone_are_read() {
        for (text, seconds) in [
            ("Z", 0),
            ("UTC", 0),
            ("gmt", 0),
            ("UT", 0),
            ("+02:00", 7_200),
            ("-0500", -18_000),
            ("+5", 18_000),
            ("UTC+02:00", 7_200),
            ("GMT-3", -10_800),
            ("+05:30", 19_800),
        ] {
            assert_eq!(CellZone::parse(text), Some(CellZone::Offset(seconds)), "{text}");
        }
        assert!(matches!(CellZone::parse("Europe/Berlin"), Some(CellZone::Named(_))));
        for text in ["", "CDT", "EST5EDT", "7200", "5.5", "Nowhere/City", "+99:00", "UTC x", "local"] {
            assert_eq!(CellZone::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_zone_is_found_for_abbreviations_that_belong_together() {
        let zone = |names: &[&str]| zone_of_abbreviations(names);
        assert_eq!(zone(&["EST"]).as_deref(), Some("-05:00"));
        assert_eq!(zone(&["CEST"]).as_deref(), Some("+02:00"));
        assert_eq!(zone(&["CDT", "CST"]).as_deref(), Some("America/Chicago"));
        assert!(zone(&["EST", "CST"]).is_none() && zone(&["BST"]).is_none() && zone(&["EDT", "x"]).is_none());
    }
}
