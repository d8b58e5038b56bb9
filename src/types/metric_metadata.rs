//! Metadata of metrics: kind, unit and description.

use std::fmt;
use std::str::FromStr;

use crate::types::error::{Error, Result, shortened};
use crate::types::series::SeriesKey;

/// Maximum length of the unit of a metric, in bytes.
pub const MAX_METRIC_UNIT_BYTES: usize = 256;
/// Maximum length of the description of a metric, in bytes.
pub const MAX_METRIC_DESCRIPTION_BYTES: usize = 4 << 10;

/// Kind of a metric: what its values mean. The kinds and their names are those of OpenMetrics.
///
/// The engine stores the kind for programs that show or export a metric; it changes no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MetricKind {
    /// Not known. The default.
    #[default]
    Unknown,
    /// A value that goes up and down.
    Gauge,
    /// A count or sum that only rises, except for restarts at 0.
    Counter,
    /// Counts of events by size, cumulative.
    Histogram,
    /// Counts of present items by size.
    GaugeHistogram,
    /// Quantiles of events, with their count and sum.
    Summary,
    /// Texts in tags; the value is always 1.
    Info,
    /// States of which each is on or off, one series per state.
    StateSet,
}

impl MetricKind {
    /// All kinds, at the index of their number in files.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Gauge,
        Self::Counter,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// Returns the name of the kind in OpenMetrics, such as `gauge`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// Returns the number that represents the kind in files.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Gauge => 1,
            Self::Counter => 2,
            Self::Histogram => 3,
            Self::GaugeHistogram => 4,
            Self::Summary => 5,
            Self::Info => 6,
            Self::StateSet => 7,
        }
    }

    /// Returns the kind of a number in a file; `None` for an unknown number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Writes the name of the kind in OpenMetrics.
impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses a name of OpenMetrics, in lower case. The error is [`Error::InvalidName`].
impl FromStr for MetricKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::InvalidName { field: "metric kind", text: shortened(text), detail: format!("it is none of {names}") }
        })
    }
}

/// Kind, unit and description of a metric; [`Db::set_metric_metadata`](crate::Db::set_metric_metadata) stores them.
///
/// A unit has at most [`MAX_METRIC_UNIT_BYTES`] and no control character. A description has at most
/// [`MAX_METRIC_DESCRIPTION_BYTES`], and of the control characters only tabs and line feeds. The units of OpenMetrics
/// are words in the plural, such as `seconds` or `bytes`; any other text is allowed.
///
/// ```
/// use timestrata::{MetricKind, MetricMetadata};
///
/// let metadata = MetricMetadata::new(MetricKind::Gauge).with_unit("celsius").with_description("air temperature");
/// assert!(metadata.validate().is_ok());
/// assert_eq!(metadata.kind.to_string(), "gauge");
/// assert_eq!("gauge".parse::<MetricKind>()?, MetricKind::Gauge);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct MetricMetadata {
    /// Kind of the metric.
    pub kind: MetricKind,
    /// Unit of the values; empty if there is none or it is not known.
    pub unit: String,
    /// Description for people; may be empty.
    pub description: String,
}

impl MetricMetadata {
    /// Creates metadata of a kind, without unit and description.
    #[must_use]
    pub fn new(kind: MetricKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Returns the metadata with this unit.
    #[must_use]
    pub fn with_unit(self, unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// Returns the metadata with this description.
    #[must_use]
    pub fn with_description(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// Returns `true` if the metadata says nothing: unknown kind, no unit, no description.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kind == MetricKind::Unknown && self.unit.is_empty() && self.description.is_empty()
    }

    /// Checks the rules for units and descriptions; see [`MetricMetadata`].
    ///
    /// # Errors
    /// [`Error::TooLarge`] or [`Error::InvalidName`] for the first rule that is broken.
    pub fn validate(&self) -> Result<()> {
        Error::check_size("the unit of a metric, in bytes,", self.unit.len(), MAX_METRIC_UNIT_BYTES)?;
        let size = self.description.len();
        Error::check_size("the description of a metric, in bytes,", size, MAX_METRIC_DESCRIPTION_BYTES)?;
        check_controls("metric unit", &self.unit, char::is_control)?;
        check_controls("metric description", &self.description, |c| c.is_control() && !matches!(c, '\n' | '\t'))
    }

    /// Returns the length of unit and description, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.unit.len() + self.description.len()
    }
}

/// Checks a metric name by the rules for series keys.
///
/// # Errors
/// [`Error::InvalidName`] or [`Error::TooLarge`].
pub(crate) fn check_metric_name(metric: &str) -> Result<()> {
    SeriesKey::new(metric).validate()
}

fn check_controls(field: &'static str, text: &str, is_forbidden: impl Fn(char) -> bool) -> Result<()> {
    match text.chars().find(|c| is_forbidden(*c)) {
        None => Ok(()),
        Some(c) => {
            let detail = format!("it has the control character {c:?}");
            Err(Error::InvalidName { field, text: shortened(text), detail })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_one_name_and_one_number() {
        for (code, kind) in (0..).zip(MetricKind::ALL) {
            assert_eq!((kind.code(), MetricKind::from_code(code)), (code, Some(kind)));
            assert_eq!(kind.to_string().parse::<MetricKind>().unwrap(), kind);
        }
        assert_eq!(MetricKind::from_code(8), None);
        let message = "Gauge".parse::<MetricKind>().unwrap_err().to_string();
        assert!(message.contains("metric kind") && message.contains("gaugehistogram, summary"), "{message}");
    }

    #[test]
    fn each_broken_rule_is_named() {
        let unit = |text: &str| MetricMetadata::default().with_unit(text);
        let description = |text: &str| MetricMetadata::default().with_description(text);
        for good in [unit("µs"), unit(&"s".repeat(256)), description("two\n\tlines"), description(&"d".repeat(4096))] {
            assert!(good.validate().is_ok() && !good.is_empty(), "{good:?}");
        }
        let bad = [
            (unit(&"s".repeat(257)), "unit of a metric"),
            (description(&"d".repeat(4097)), "description of a metric"),
            (unit("a\nb"), "metric unit"),
            (description("a\rb"), "metric description"),
        ];
        for (metadata, expected) in bad {
            let message = metadata.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!(check_metric_name("").is_err() && check_metric_name("a\u{7}").is_ok());
        assert!(MetricMetadata::default().is_empty() && check_metric_name("indoor temp").is_ok());
    }
}
