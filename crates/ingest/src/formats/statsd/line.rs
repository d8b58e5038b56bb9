//! Line of statsd: name, values, type, and sections behind it.

use timestrata::Timestamp;

use crate::formats::number::{parse_decimal, parse_seconds};
use crate::formats::row_error::{RowError, shown};

/// Type of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum LineType {
    Counter,
    Gauge,
    /// Timer, histogram or distribution.
    Timer,
    Set,
}

impl LineType {
    /// Returns the type in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Counter => "a counter",
            Self::Gauge => "a gauge",
            Self::Timer => "a timer",
            Self::Set => "a set",
        }
    }
}

/// Parts of a line. The values are not parsed.
#[derive(Debug)]
pub(super) struct StatsdLine<'a> {
    pub(super) name: &'a str,
    /// One value, or several with colons between them.
    pub(super) values: &'a str,
    pub(super) ty: LineType,
    /// Sample rate, above 0 and at most 1.
    pub(super) rate: f64,
    pub(super) time: Option<Timestamp>,
    /// Tags as written, with commas between them.
    pub(super) tags_text: &'a str,
}

impl<'a> StatsdLine<'a> {
    /// Parses `name:values|type`, with sections behind it.
    pub(super) fn parse(line: &'a str) -> Result<Self, RowError> {
        let form = || RowError::refused("a row is written: name:value|type");
        let mut parts = line.split('|');
        let head = parts.next().unwrap_or_default();
        let (name, values) = head.split_once(':').ok_or_else(form)?;
        let ty = match parts.next().ok_or_else(form)? {
            "c" => LineType::Counter,
            "g" => LineType::Gauge,
            "ms" | "h" | "d" => LineType::Timer,
            "s" => LineType::Set,
            other => return Err(RowError::refused(format!("{} is not a type of statsd", shown(other.as_bytes())))),
        };
        let mut parsed = Self { name, values, ty, rate: 1.0, time: None, tags_text: "" };
        parts.try_for_each(|part| parsed.take_section(part))?;
        Ok(parsed)
    }

    fn take_section(&mut self, part: &'a str) -> Result<(), RowError> {
        let refusal = || RowError::refused(format!("{} is not a section of statsd", shown(part.as_bytes())));
        let mut chars = part.chars();
        let (mark, rest) = (chars.next(), chars.as_str());
        match mark {
            Some('@') => {
                let rate = parse_decimal(rest.as_bytes()).filter(|rate| *rate > 0.0 && *rate <= 1.0);
                self.rate = rate.ok_or_else(refusal)?;
            }
            Some('T') => {
                self.time = Some(Timestamp::from_nanos(parse_seconds(rest.as_bytes()).ok_or_else(refusal)?));
            }
            Some('#') if self.tags_text.is_empty() => self.tags_text = rest,
            // Container and origin of DogStatsD.
            Some('c' | 'e') if rest.starts_with(':') => {}
            _ => return Err(refusal()),
        }
        Ok(())
    }

    /// Returns the tags; one without a value has the value `true`.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.tags_text
            .split(',')
            .filter(|tag| !tag.is_empty())
            .map(|tag| tag.split_once(':').or_else(|| tag.split_once('=')).unwrap_or((tag, "true")))
    }
}

/// Parses a value of a line.
pub(super) fn parse_value(text: &str) -> Result<f64, RowError> {
    let number = parse_decimal(text.as_bytes());
    number.ok_or_else(|| RowError::refused(format!("the value {} is not a number", shown(text.as_bytes()))))
}
