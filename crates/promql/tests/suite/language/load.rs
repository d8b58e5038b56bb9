//! Loads of series.

use super::duration::parse_duration;
use super::labels::{Labels, parse_labels};
use super::values::{SequenceValue, parse_values};
use super::{Lines, SyntaxError};

/// Samples to add: of each series one at 0, one at the step, and so on.
#[derive(Debug)]
pub(crate) struct Load {
    /// Distance of the samples in nanoseconds.
    pub(crate) step_nanos: i64,
    /// `true` for `load_with_nhcb`: classic histograms are also stored as native ones.
    pub(crate) has_custom_buckets: bool,
    pub(crate) series: Vec<SeriesSpec>,
}

/// The samples of a series.
#[derive(Debug)]
pub(crate) struct SeriesSpec {
    pub(crate) labels: Labels,
    /// `true` for an `@st` line: the values are start timestamps, in seconds relative to the samples.
    pub(crate) is_start_timestamps: bool,
    pub(crate) values: Vec<SequenceValue>,
}

pub(crate) fn parse_load(head: &str, lines: &mut Lines<'_>) -> Result<Load, SyntaxError> {
    let mut words = head.split_whitespace();
    let has_custom_buckets = words.next() == Some("load_with_nhcb");
    let step = words.next().and_then(parse_duration).filter(|_| words.next().is_none());
    let Some(step_nanos) = step else {
        return Err(SyntaxError { line: 0, message: format!("a load has a step: {head}") });
    };
    let mut series = Vec::new();
    while let Some((line, text)) = lines.next_of_block() {
        series.push(parse_series(text).map_err(|message| SyntaxError { line, message })?);
    }
    Ok(Load { step_nanos, has_custom_buckets, series })
}

/// Parses labels and values.
pub(crate) fn parse_series(text: &str) -> Result<SeriesSpec, String> {
    let (labels, rest) = parse_labels(text).ok_or_else(|| format!("no label set: {text}"))?;
    let start_timestamps = rest.strip_prefix("@st");
    let values = parse_values(start_timestamps.unwrap_or(rest)).map_err(|item| format!("no value: {item}"))?;
    Ok(SeriesSpec { labels, is_start_timestamps: start_timestamps.is_some(), values })
}
