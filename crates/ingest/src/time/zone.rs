//! Local times to absolute times.

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use timestrata::Timestamp;

use super::civil::{self, Civil};
use super::epoch::out_of_range;
use super::moment::Moment;

/// Direction of the times of an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RowOrder {
    /// Times increase, or do not change.
    #[default]
    Ascending,
    /// The newest row comes first.
    Descending,
}

/// Last time of a series, which decides the offset in an hour that comes twice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SeriesClock {
    pub(crate) last: Option<Timestamp>,
}

/// Resolves local times, and counts those that a change of the clocks concerns.
#[derive(Debug, Clone)]
pub(crate) struct ZoneResolver {
    zone: Option<TimeZone>,
    order: RowOrder,
    /// Rows within an hour that comes twice.
    pub(crate) repeated: u64,
    /// Rows with a time that does not exist.
    pub(crate) missing: u64,
}

/// Returns the zone of a name of the IANA time zone database, or of an offset such as `+02:00`.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if name.starts_with(['+', '-']) {
        let offset = BrokenDownTime::parse("%:z", name).or_else(|_| BrokenDownTime::parse("%z", name));
        let offset = offset.ok().and_then(|fields| fields.offset());
        return offset.map(TimeZone::fixed).ok_or_else(|| format!("{name:?} is no offset such as +02:00"));
    }
    TimeZone::get(name)
        .map_err(|_| format!("there is no time zone {name:?} on this system; an example is Europe/Berlin"))
}

impl ZoneResolver {
    pub(crate) fn new(zone: Option<TimeZone>, order: RowOrder) -> Self {
        Self { zone: zone.filter(|zone| *zone != TimeZone::UTC), order, repeated: 0, missing: 0 }
    }

    /// Returns the absolute time of a row of a series.
    ///
    /// An hour that comes twice is read in the order of the rows: first with the earlier offset, then, once the times
    /// of the series would fall back, with the later one; the other way round if the newest row comes first.
    pub(crate) fn resolve(&mut self, moment: &Moment, clock: &SeriesClock, text: &str) -> Result<Timestamp, String> {
        match moment {
            Moment::At(at) => Ok(*at),
            Moment::Local(local) => match self.zone.clone() {
                None => in_utc(*local, text),
                Some(zone) => self.in_zone(*local, &zone, clock, text),
            },
            Moment::LocalIn(local, zone) => self.in_zone(*local, zone, clock, text),
        }
    }

    fn in_zone(&mut self, local: Civil, zone: &TimeZone, clock: &SeriesClock, text: &str) -> Result<Timestamp, String> {
        let date_time = local.to_date_time().ok_or_else(|| out_of_range(text))?;
        let offset = match zone.to_ambiguous_timestamp(date_time).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { .. } => {
                self.missing += 1;
                let name = zone.iana_name().unwrap_or("this zone");
                return Err(format!("{text:?} does not exist in {name}: the clocks were put forward"));
            }
            AmbiguousOffset::Fold { before, after } => {
                self.repeated += 1;
                let earlier = at_offset(local, before.seconds(), text)?;
                let later = at_offset(local, after.seconds(), text)?;
                return Ok(match (self.order, clock.last) {
                    (RowOrder::Ascending, Some(last)) if earlier <= last => later,
                    (RowOrder::Ascending, _) => earlier,
                    (RowOrder::Descending, Some(last)) if later >= last => earlier,
                    (RowOrder::Descending, _) => later,
                });
            }
        };
        at_offset(local, offset.seconds(), text)
    }
}

fn in_utc(local: Civil, text: &str) -> Result<Timestamp, String> {
    at_offset(local, 0, text)
}

/// Returns the absolute time of a local time at an offset in seconds.
pub(crate) fn at_offset(local: Civil, offset: i32, text: &str) -> Result<Timestamp, String> {
    let shifted = Civil { second: local.second - i64::from(offset), ..local };
    let at = shifted.utc_nanos().map(Timestamp::from_nanos).ok_or_else(|| out_of_range(text))?;
    if local.is_second_sixty && !civil::precedes_leap_second(at.as_secs()) {
        return Err(format!("{text:?} has a second 60, which is no leap second"));
    }
    Ok(at)
}
