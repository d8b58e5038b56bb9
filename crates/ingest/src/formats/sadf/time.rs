//! Times of sadf.

use timestrata::Timestamp;

use crate::formats::number::parse_seconds;
use crate::formats::row_error::{RowError, shown};

/// Time of a row, and whether the row said that it is in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowTime {
    pub(super) time: Timestamp,
    pub(super) is_utc: bool,
}

/// Parses `2024-01-01 00:10:01 UTC`, the same without `UTC`, or seconds since the epoch.
pub(super) fn parse_time(text: &str) -> Result<RowTime, RowError> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let time = parse_seconds(text.as_bytes()).map(Timestamp::from_nanos);
        return time.map(|time| RowTime { time, is_utc: true }).ok_or_else(|| not_a_time(text));
    }
    let (plain, is_utc) = text.strip_suffix(" UTC").map_or((text, false), |plain| (plain, true));
    let (date, clock) = plain.split_once(' ').ok_or_else(|| not_a_time(text))?;
    let time = format!("{date}T{clock}Z").parse().map_err(|_| not_a_time(text))?;
    Ok(RowTime { time, is_utc })
}

fn not_a_time(text: &str) -> RowError {
    RowError::refused(format!("{} is not a time such as 2024-01-01 00:10:01 UTC", shown(text.as_bytes())))
}

/// Note on times without a zone.
pub(super) const LOCAL_TIME_NOTE: &str = "the times name no zone and are read as UTC";
