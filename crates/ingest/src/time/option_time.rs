//! Times that options name.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use timestrata::Timestamp;

use super::zone::time_zone;
use crate::IngestError;

/// Parses the time of an option: `now`, RFC 3339, or a local date with or without a clock, such as `2024-01-01`.
///
/// Local times are in `zone`, a name or an offset as in [`TableOptions::time_zone`](crate::TableOptions::time_zone); without
/// it they are in UTC.
///
/// # Errors
///
/// If the text is no time, or the zone is not known.
pub fn parse_option_time(text: &str, zone: Option<&str>) -> Result<Timestamp, IngestError> {
    if text == "now" {
        return Ok(Timestamp::now());
    }
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let wrong = || IngestError::new(format!("{text:?} is no time such as 2024-01-31T10:00:00Z, 2024-01-31 or now"));
    let local: DateTime = text.parse().map_err(|_| wrong())?;
    let zone = zone.map_or(Ok(TimeZone::UTC), time_zone).map_err(IngestError::new)?;
    let at = zone.to_timestamp(local).map_err(|_| wrong())?;
    i64::try_from(at.as_nanosecond()).map(Timestamp::from_nanos).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_in_the_zone() {
        let secs = |text, zone| parse_option_time(text, zone).map(Timestamp::as_secs);
        assert_eq!(secs("2024-01-01", None), Ok(1_704_067_200));
        assert_eq!(secs("2024-01-01", Some("+01:00")), Ok(1_704_063_600));
        assert_eq!(secs("2024-01-01T00:00:00Z", Some("+01:00")), Ok(1_704_067_200));
        assert!(secs("now", None).unwrap() > 1_704_067_200);
        for (text, zone) in [("soon", None), ("2024-01-01", Some("Mars/North")), ("9999-01-01", None)] {
            assert!(secs(text, zone).is_err(), "{text}");
        }
    }
}
