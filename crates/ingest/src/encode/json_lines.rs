//! An object per point: `{"series":"temp{site=\"a\"}","type":"f64","time":"2024-01-01T00:00:00Z","value":20.5}`.

use std::fmt::Write as _;

use timestrata::{SeriesKey, Timestamp, Value};

use crate::export_text;

/// Encoder of JSON lines with the members of an export to CSV, which the format `json` reads back bit for bit.
///
/// A value that is no JSON number is a string: `"inf"`, `"NaN"`, or `"NaN(7ff8000000000001)"` with its bits.
#[derive(Debug, Clone, Default)]
pub struct JsonLines {
    /// Series of the point before, and its text as JSON.
    series: Option<(SeriesKey, String)>,
}

impl JsonLines {
    /// Appends a point.
    pub fn point(&mut self, key: &SeriesKey, time: Timestamp, value: Value, out: &mut String) {
        if self.series.as_ref().is_none_or(|(last, _)| last != key) {
            self.series = Some((key.clone(), json_string(&key.to_string())));
        }
        let series = self.series.as_ref().map(|(_, text)| text.as_str()).unwrap_or_default();
        let text = export_text(value);
        let is_bare = !matches!(value, Value::F64(number) if !number.is_finite());
        let value_text = if is_bare { text } else { json_string(&text) };
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{{\"series\":{series},\"type\":\"{}\",\"time\":\"{time}\",\"value\":{value_text}}}",
            value.value_type()
        );
    }
}

/// Returns a text as a string of JSON.
fn json_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
