//! OpenMetrics text: families with their metadata, samples with times in seconds, and `# EOF`.

use std::collections::HashSet;

use timestrata::{MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::Unrepresentable;

/// Encoder of OpenMetrics. All points of a metric must follow each other, and those of a series ascend in time.
#[derive(Debug, Clone, Default)]
pub struct OpenMetrics {
    metric: String,
    ended: HashSet<String>,
    /// Series of the point before, its text, and the time.
    series: Option<(SeriesKey, String, Timestamp)>,
}

impl OpenMetrics {
    /// Appends the metadata of a metric before its first point.
    pub fn metadata(&mut self, metric: &str, metadata: &MetricMetadata, out: &mut String) {
        use std::fmt::Write as _;
        let suffix = match metadata.kind {
            MetricKind::Counter => "_total",
            MetricKind::Info => "_info",
            _ => "",
        };
        // A counter is named without `_total`; one that has no such name has no kind in OpenMetrics.
        let (family, kind) = match metric.strip_suffix(suffix) {
            Some(family) if !family.is_empty() => (family, metadata.kind),
            _ => (metric, MetricKind::Unknown),
        };
        let family = name(family);
        // Writing to a string does not fail.
        let _ = writeln!(out, "# TYPE {family} {kind}");
        if !metadata.unit.is_empty() {
            let _ = writeln!(out, "# UNIT {family} {}", metadata.unit);
        }
        if !metadata.description.is_empty() {
            let _ = writeln!(out, "# HELP {family} {}", escaped(&metadata.description));
        }
    }

    /// Appends a point.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the point; then nothing is appended.
    pub fn point(
        &mut self,
        key: &SeriesKey,
        time: Timestamp,
        value: Value,
        out: &mut String,
    ) -> Result<(), Unrepresentable> {
        use std::fmt::Write as _;
        let Value::F64(number) = value else {
            return Err(Unrepresentable::ValueType);
        };
        if self.series.as_ref().is_none_or(|(last, ..)| last != key) {
            let text = series(key)?;
            if self.metric != key.metric() {
                if self.ended.contains(key.metric()) {
                    return Err(Unrepresentable::MetricOrder);
                }
                self.ended.insert(std::mem::replace(&mut self.metric, key.metric().to_owned()));
            }
            self.series = Some((key.clone(), text, Timestamp::MIN));
        } else if self.series.as_ref().is_some_and(|(_, _, last)| time <= *last) {
            return Err(Unrepresentable::TimeOrder);
        }
        let Some((_, text, last)) = &mut self.series else {
            return Err(Unrepresentable::Name);
        };
        *last = time;
        let number = if number.is_nan() {
            "NaN".to_owned()
        } else if number.is_infinite() {
            if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
        } else {
            format!("{number:?}")
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{text} {number} {}", seconds(time));
        Ok(())
    }

    /// Appends the end mark.
    pub fn finish(self, out: &mut String) {
        out.push_str("# EOF\n");
    }
}

/// Returns the time in seconds with as many decimals as it needs.
fn seconds(time: Timestamp) -> String {
    let nanos = time.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, part) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    if part == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{}", format!("{part:09}").trim_end_matches('0'))
}

fn series(key: &SeriesKey) -> Result<String, Unrepresentable> {
    let is_plain = is_plain_name(key.metric(), true);
    let mut labels = Vec::new();
    if !is_plain {
        labels.push(format!("\"{}\"", escaped(key.metric())));
    }
    for (label, value) in key.tags() {
        if value.is_empty() {
            return Err(Unrepresentable::EmptyTag);
        }
        let label = if is_plain_name(label, false) { label.to_owned() } else { format!("\"{}\"", escaped(label)) };
        labels.push(format!("{label}=\"{}\"", escaped(value)));
    }
    let metric = if is_plain { key.metric() } else { "" };
    Ok(if labels.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", labels.join(",")) })
}

fn name(text: &str) -> String {
    if is_plain_name(text, true) { text.to_owned() } else { format!("\"{}\"", escaped(text)) }
}

fn is_plain_name(text: &str, with_colons: bool) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || (with_colons && byte == b':'))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
