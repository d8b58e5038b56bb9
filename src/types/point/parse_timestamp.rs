//! Parsing of timestamps.
//!
//! Separate from `types::timestamp`, because the error type contains timestamps.

use std::str::FromStr;

use crate::types::error::{Error, shortened};
use crate::types::timestamp::Timestamp;

/// Parses RFC 3339 with an offset or `Z`, such as `2013-01-01T00:26:40.5Z`.
///
/// Variants that the crate `jiff` accepts are accepted, too, such as a space instead of the `T`.
///
/// The error is [`Error::InvalidTimestamp`] for other texts and for times outside the range.
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |detail: String| Error::InvalidTimestamp { text: shortened(text), detail };
        let time: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| invalid(error.to_string()))?;
        let nanos = i64::try_from(time.as_nanosecond());
        nanos.map(Self::from_nanos).map_err(|_| invalid("outside the years 1677 to 2262".to_owned()))
    }
}
