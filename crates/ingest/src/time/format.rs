//! Formats of times that an option can name.

use std::fmt;
use std::str::FromStr;

use timestrata::Timestamp;

use super::epoch;

/// Format of the times of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// Any form that can be read in one way only.
    #[default]
    Auto,
    /// RFC 3339, with `Z` or an offset.
    Rfc3339,
    /// Seconds since 1970, or since the origin of the options.
    Seconds,
    /// Milliseconds, likewise.
    Milliseconds,
    /// Microseconds, likewise.
    Microseconds,
    /// Nanoseconds, likewise.
    Nanoseconds,
    /// Serial days of a spreadsheet: days since 1899-12-30, rounded to the millisecond.
    Excel,
    /// Two times with a slash between them, such as `2024-01-01/2024-02-01`: the first counts.
    PeriodStart,
    /// Two times with a slash between them: the second counts.
    PeriodEnd,
    /// Pattern of `strftime`, such as `%d/%m/%Y %H:%M`.
    Pattern(String),
}

impl TimeFormat {
    /// Returns the decimal power of nanoseconds per unit, for a format that counts units.
    pub(crate) fn power(&self) -> Option<i32> {
        match self {
            Self::Seconds => Some(9),
            Self::Milliseconds => Some(6),
            Self::Microseconds => Some(3),
            Self::Nanoseconds => Some(0),
            _ => None,
        }
    }

    /// Parses a decimal count of units since 1970, exact to the nanosecond; `None` for a format that does not count units,
    /// and for any other text.
    #[must_use]
    pub fn parse_count(&self, text: &str) -> Option<Timestamp> {
        self.power().and_then(|power| epoch::parse(text, power).ok()).map(Timestamp::from_nanos)
    }

    /// Returns the unit in which a number is a time between 2001 and 2100, if there is one.
    #[must_use]
    pub fn of_number(text: &str) -> Option<Self> {
        let is_recent = |format: &Self| {
            format.parse_count(text).is_some_and(|at| (1_000_000_000..4_102_444_800).contains(&at.as_secs()))
        };
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds].into_iter().find(is_recent)
    }
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "rfc3339" => Self::Rfc3339,
            "s" => Self::Seconds,
            "ms" => Self::Milliseconds,
            "us" => Self::Microseconds,
            "ns" => Self::Nanoseconds,
            "excel" => Self::Excel,
            "period-start" => Self::PeriodStart,
            "period-end" => Self::PeriodEnd,
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            other => {
                return Err(format!(
                    "{other:?} is none of auto, rfc3339, s, ms, us, ns, excel, period-start, period-end, and no pattern such as '%d/%m/%Y %H:%M'"
                ));
            }
        })
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Rfc3339 => "rfc3339",
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Excel => "excel",
            Self::PeriodStart => "period-start",
            Self::PeriodEnd => "period-end",
            Self::Pattern(pattern) => pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_format_is_read_back() {
        for text in ["auto", "rfc3339", "s", "ms", "us", "ns", "excel", "period-start", "period-end", "%d/%m/%Y"] {
            assert_eq!(text.parse::<TimeFormat>().unwrap().to_string(), text);
        }
        assert!("hours".parse::<TimeFormat>().is_err());
    }

    #[test]
    fn a_number_has_the_unit_that_makes_it_recent() {
        assert_eq!(TimeFormat::of_number("1795364193056"), Some(TimeFormat::Milliseconds));
        assert_eq!(TimeFormat::of_number("1704067200.10"), Some(TimeFormat::Seconds));
        assert_eq!(TimeFormat::of_number("45292.5"), None);
    }
}
