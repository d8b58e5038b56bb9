//! Sequences of values: `1 _ 2+3x4 stale {{count:1}}x2`.

use super::duration::parse_duration;

/// A value of a series at one step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SequenceValue {
    /// `_`: no sample.
    Omitted,
    /// `stale`: a staleness marker.
    Stale,
    /// A number; of an `@st` line a time in seconds before the sample's.
    Float(f64),
    /// A native histogram, as written: `{{count:1}}`, or `{{..}}+{{..}}x2` for the second and later of a sequence.
    Histogram(String),
}

/// Greatest number of values that one item may stand for.
const MAX_REPETITIONS: usize = 1_000_000;

/// Parses a sequence. The error is the item that is no value.
pub(crate) fn parse_values(text: &str) -> Result<Vec<SequenceValue>, String> {
    let mut values = Vec::new();
    for item in items(text) {
        values.extend(parse_item(item).ok_or_else(|| item.to_owned())?);
    }
    Ok(values)
}

/// Splits at spaces outside of histograms.
fn items(text: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth) = (Vec::new(), None, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            found.extend(start.take().map(|start: usize| &text[start..at]));
        } else if start.is_none() {
            start = Some(at);
        }
    }
    found.extend(start.map(|start| &text[start..]));
    found
}

fn parse_item(item: &str) -> Option<Vec<SequenceValue>> {
    if item.starts_with("{{") {
        return parse_histograms(item);
    }
    if item == "stale" {
        return Some(vec![SequenceValue::Stale]);
    }
    let (value, times) = split_times(item)?;
    if value == "_" {
        return Some(vec![SequenceValue::Omitted; times.unwrap_or(1)]);
    }
    let Some(times) = times else { return Some(vec![SequenceValue::Float(number(value)?)]) };
    // The sign of the step is the last one that neither begins the value nor belongs to an exponent.
    let bytes = value.as_bytes();
    let is_sign = |at: &usize| {
        let is_exponent = bytes[at - 1].eq_ignore_ascii_case(&b'e') && at + 1 < bytes.len();
        matches!(bytes[*at], b'+' | b'-') && !is_exponent
    };
    let (first, step) = match (1..bytes.len()).rev().find(is_sign) {
        Some(at) if number(&value[..at]).is_some() => (number(&value[..at])?, number(&value[at..])?),
        _ => (number(value)?, 0.0),
    };
    let sums = std::iter::successors(Some(first), |sum| Some(sum + step));
    Some(sums.take(times + 1).map(SequenceValue::Float).collect())
}

/// Splits `x5` off the end of an item.
fn split_times(item: &str) -> Option<(&str, Option<usize>)> {
    match item.rfind('x') {
        Some(at) => {
            let times = item[at + 1..].parse().ok().filter(|times| *times <= MAX_REPETITIONS)?;
            Some((&item[..at], Some(times)))
        }
        None => Some((item, None)),
    }
}

fn parse_histograms(item: &str) -> Option<Vec<SequenceValue>> {
    let (source, times) = if item.ends_with("}}") { (item, None) } else { split_times(item)? };
    if !source.ends_with("}}") {
        return None;
    }
    let Some(times) = times else { return Some(vec![SequenceValue::Histogram(source.to_owned())]) };
    let nth = |n: usize| SequenceValue::Histogram(if n == 0 { source.to_owned() } else { format!("{source}x{n}") });
    Some((0..=times).map(nth).collect())
}

/// Parses a number, or a duration in seconds.
pub(crate) fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "durations of the suite are small")]
    let seconds = || parse_duration(digits).map(|nanos| nanos as f64 / 1e9);
    let value = digits.parse().ok().or_else(seconds)?;
    Some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(text: &str) -> Vec<f64> {
        let floats = parse_values(text).unwrap().into_iter().map(|value| match value {
            SequenceValue::Float(value) => value,
            other => panic!("{other:?}"),
        });
        floats.collect()
    }

    #[test]
    fn a_sequence_has_a_value_more_than_its_count() {
        assert_eq!(floats("1+2x3"), [1.0, 3.0, 5.0, 7.0]);
        assert_eq!(floats("-1-2x1 4x1"), [-1.0, -3.0, 4.0, 4.0]);
        assert_eq!(floats("1e-3+1e+2x1"), [1e-3, 1e-3 + 1e2]);
        assert_eq!(floats("-Inf"), [f64::NEG_INFINITY]);
        assert_eq!(floats("-30s-1mx1 1ms-1mx1"), [-30.0, -90.0, 0.001, 0.001 - 60.0]);
    }

    #[test]
    fn gaps_markers_and_histograms_are_told_apart() {
        let values = parse_values("_ _x2 stale {{sum:1 count:2}} {{}}x1").unwrap();
        let gaps = values.iter().filter(|value| **value == SequenceValue::Omitted).count();
        assert_eq!((gaps, values.len()), (3, 7));
        assert_eq!(values[3], SequenceValue::Stale);
        assert_eq!(values[4], SequenceValue::Histogram("{{sum:1 count:2}}".to_owned()));
        assert_eq!(parse_values("1 y"), Err("y".to_owned()));
    }
}
