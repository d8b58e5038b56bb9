//! A date and a clock that come from two columns.

use super::auto::{AutoError, DateOrder, ParsedTime, parse_auto};

/// Clocks that a spreadsheet writes behind a date alone.
const MIDNIGHTS: [&str; 8] =
    [" 12:00:00 AM ", " 12:00 AM ", " 00:00:00.000 ", " 00:00:00 ", " 0:00:00 ", "T00:00:00 ", " 00:00 ", " 0:00 "];

/// Parses a date and a clock that are joined with one space. A midnight behind the date belongs to the date alone.
pub(crate) fn parse_joined(text: &str, order: DateOrder) -> Result<ParsedTime, AutoError> {
    parse_auto(text, order, true).or_else(|error| {
        let midnight = MIDNIGHTS.iter().find_map(|midnight| text.split_once(midnight));
        let (date, clock) = midnight.ok_or_else(|| error.clone())?;
        let parsed = parse_auto(&format!("{date} {clock}"), order, true).map_err(|_| error.clone())?;
        if parsed.form.has_clock { Ok(parsed) } else { Err(error) }
    })
}
