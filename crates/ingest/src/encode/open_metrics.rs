//! OpenMetrics text: `temp{site="a"} 1.5 1704067200`, with `# EOF` at the end.

use timestrata::{MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::text::{is_usual_nan, put, put_f64};
use super::{OutsideReason, PointWriter};

#[derive(Debug, Default)]
pub(super) struct OpenMetricsWriter {
    /// Name and labels, with the space behind them.
    series: Vec<u8>,
}

impl PointWriter for OpenMetricsWriter {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    /// Kinds whose samples have suffixes of their own are left out, except a counter that ends in `_total`.
    fn describe(&mut self, metric: &str, metadata: &MetricMetadata, out: &mut Vec<u8>) {
        let family = match metadata.kind {
            MetricKind::Gauge | MetricKind::Unknown => Some(metric),
            MetricKind::Counter => metric.strip_suffix("_total"),
            _ => None,
        };
        let Some(family) = family.filter(|family| is_name(family, true)) else { return };
        put(out, format_args!("# TYPE {family} {}\n", metadata.kind));
        if !metadata.unit.is_empty() && family.ends_with(&format!("_{}", metadata.unit)) {
            put(out, format_args!("# UNIT {family} {}\n", metadata.unit));
        }
        if !metadata.description.is_empty() {
            put(out, format_args!("# HELP {family} "));
            put_escaped(out, &metadata.description);
            out.push(b'\n');
        }
    }

    fn begin_series(&mut self, key: &SeriesKey) -> Result<(), OutsideReason> {
        // A sample has a name.
        if key.metric().is_empty() || key.tag_value("__name__").is_some() {
            return Err(OutsideReason::Tags);
        }
        self.series.clear();
        let out = &mut self.series;
        let mut parts = 0;
        let is_plain = is_name(key.metric(), true);
        if is_plain {
            put(out, format_args!("{}", key.metric()));
        } else {
            out.push(b'{');
            put_quoted(out, key.metric());
            parts = 1;
        }
        // A tag of an earlier release may have an empty value: an empty label is no label.
        for (name, value) in key.tags().filter(|(_, value)| !value.is_empty()) {
            out.push(if parts == 0 { b'{' } else { b',' });
            parts += 1;
            if is_name(name, false) {
                put(out, format_args!("{name}"));
            } else {
                put_quoted(out, name);
            }
            out.push(b'=');
            put_quoted(out, value);
        }
        if parts > 0 {
            out.push(b'}');
        }
        out.push(b' ');
        Ok(())
    }

    fn check(&self, value: Value) -> Result<(), OutsideReason> {
        match value {
            Value::F64(number) if number.is_nan() && !is_usual_nan(number) => Err(OutsideReason::NanBits),
            Value::F64(_) => Ok(()),
            _ => Err(OutsideReason::NotFloat),
        }
    }

    fn allows_equal_times(&self) -> bool {
        false
    }

    fn write(&mut self, time: Timestamp, value: Value, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.series);
        match value.as_f64() {
            number if number.is_infinite() => put(out, format_args!("{}Inf", if number > 0.0 { '+' } else { '-' })),
            number => put_f64(out, number),
        }
        put_seconds(out, time);
        true
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"# EOF\n");
    }
}

/// Writes a space, the time in seconds, and a line break.
fn put_seconds(out: &mut Vec<u8>, time: Timestamp) {
    let nanos = time.as_nanos();
    let (seconds, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    put(out, format_args!(" {}{seconds}", if nanos < 0 { "-" } else { "" }));
    if rest > 0 {
        let decimals = format!("{rest:09}");
        put(out, format_args!(".{}", decimals.trim_end_matches('0')));
    }
    out.push(b'\n');
}

/// Returns `true` for a name that needs no quotes.
fn is_name(text: &str, allows_colon: bool) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (allows_colon && c == ':');
    !text.is_empty() && text.chars().all(is_allowed) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn put_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    put_escaped(out, text);
    out.push(b'"');
}

fn put_escaped(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            c => put(out, format_args!("{c}")),
        }
    }
}
