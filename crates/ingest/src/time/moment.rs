//! Time of a row before the zone of the options applies.

use jiff::tz::TimeZone;
use timestrata::Timestamp;

use super::civil::Civil;

/// Absolute or local time.
#[derive(Debug, Clone)]
pub(crate) enum Moment {
    /// Absolute time.
    At(Timestamp),
    /// Local time in the zone of the options; UTC without one.
    Local(Civil),
    /// Local time in a zone that the text names in brackets.
    LocalIn(Civil, TimeZone),
}
