//! Unit of whole-number timestamps.

use std::str::FromStr;

use crate::IngestError;

/// Unit of the timestamps of an input that gives them as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Nanoseconds: `ns` or `n`.
    Nanoseconds,
    /// Microseconds: `us`, `u` or `µ`.
    Microseconds,
    /// Milliseconds: `ms`.
    Milliseconds,
    /// Seconds: `s`.
    Seconds,
    /// Minutes: `m`.
    Minutes,
    /// Hours: `h`.
    Hours,
}

impl Precision {
    /// Returns the length of the unit in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60 * 1_000_000_000,
            Self::Hours => 3_600 * 1_000_000_000,
        }
    }

    /// Returns the short name, such as `ms`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
        }
    }
}

/// Parses the names that InfluxDB's interfaces use: `ns`, `n`, `us`, `u`, `µ`, `ms`, `s`, `m`, `h`.
impl FromStr for Precision {
    type Err = IngestError;

    fn from_str(text: &str) -> Result<Self, IngestError> {
        match text {
            "ns" | "n" => Ok(Self::Nanoseconds),
            "us" | "u" | "µ" | "µs" => Ok(Self::Microseconds),
            "ms" => Ok(Self::Milliseconds),
            "s" => Ok(Self::Seconds),
            "m" => Ok(Self::Minutes),
            "h" => Ok(Self::Hours),
            _ => Err(IngestError::new(format!("{text:?} is no precision: use ns, us, ms, s, m or h"))),
        }
    }
}
