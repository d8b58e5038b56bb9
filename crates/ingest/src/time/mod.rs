//! Times as files write them: formats, the detection of forms, zones, elapsed times and leap seconds.
//!
//! A text becomes a [`Moment`] first: an absolute time, or a local time without a zone. A local time becomes absolute by
//! the zone of the options and by the times before it in the same series ([`SeriesClock`]), since an hour that comes
//! twice is distinguished by the order of the rows alone.

mod auto;
mod cell_zone;
mod civil;
mod clock_scanner;
mod date_scanner;
mod elapsed;
mod epoch;
mod excel;
mod format;
mod joined;
mod moment;
mod option_time;
mod pattern;
mod reader;
mod scanner;
mod zone;

pub(crate) use auto::{AutoError, DateOrder, ParsedTime, TimeForm, is_clock, parse_auto};
pub(crate) use cell_zone::{CellZone, agreed_time, offset_of_abbreviation, zone_of_abbreviations};
pub(crate) use civil::days_from_date;
pub(crate) use epoch::{is_below_nanosecond, unit_name};
pub(crate) use joined::parse_joined;
pub(crate) use moment::Moment;
pub(crate) use pattern::check as check_pattern;
pub(crate) use reader::{TimePart, TimeReader, is_period};
pub(crate) use zone::{RowOrder, SeriesClock, ZoneResolver, time_zone};

pub use format::TimeFormat;
pub use option_time::parse_option_time;
