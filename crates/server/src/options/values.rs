//! Values of settings as people write them: durations, sizes, durabilities.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use timestrata::Durability;

/// Error of a value that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(String);

/// Duration as text, such as `30s`, `5m` or `2w`; `0` and `off` are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DurationText(pub Option<Duration>);

impl FromStr for DurationText {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if matches!(text.trim(), "0" | "off" | "none") {
            return Ok(Self(None));
        }
        let duration = humantime::parse_duration(text)
            .map_err(|error| ValueError(format!("{text:?} is not a duration such as 30s, 5m, 12h or 30d: {error}")))?;
        Ok(Self(Some(duration).filter(|duration| !duration.is_zero())))
    }
}

impl TryFrom<String> for DurationText {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

/// Number of bytes as text, such as `512MiB` or `10GB`; `0` and `off` are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteText(pub Option<u64>);

impl FromStr for ByteText {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if matches!(text.trim(), "0" | "off" | "none") {
            return Ok(Self(None));
        }
        let size: bytesize::ByteSize = text
            .parse()
            .map_err(|error| ValueError(format!("{text:?} is not a size such as 512MiB or 10GB: {error}")))?;
        Ok(Self(Some(size.as_u64()).filter(|bytes| *bytes > 0)))
    }
}

impl TryFrom<String> for ByteText {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

/// Durability as text: `sync`, `os`, or an interval such as `200ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DurabilityText(pub Durability);

impl FromStr for DurabilityText {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "sync" => Ok(Self(Durability::Sync)),
            "os" => Ok(Self(Durability::Os)),
            text => match text.parse::<DurationText>() {
                Ok(DurationText(Some(interval))) => Ok(Self(Durability::Interval(interval))),
                _ => Err(ValueError(format!("{text:?} is none of sync, os, or an interval such as 200ms"))),
            },
        }
    }
}

impl TryFrom<String> for DurabilityText {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        assert_eq!("5m".parse::<DurationText>().unwrap().0, Some(Duration::from_mins(5)));
        assert_eq!("off".parse::<DurationText>().unwrap().0, None);
        assert_eq!("512MiB".parse::<ByteText>().unwrap().0, Some(512 << 20));
        assert_eq!("200ms".parse::<DurabilityText>().unwrap().0, Durability::Interval(Duration::from_millis(200)));
        let error = "soon".parse::<DurationText>().unwrap_err().to_string();
        assert!(error.starts_with("\"soon\" is not a duration such as 30s"), "{error}");
        assert!("0".parse::<DurabilityText>().is_err());
    }
}
