//! JSON lines: `{"series":"temp{site=\"a\"}","type":"f64","time":"2024-01-01T00:00:00Z","value":1.5}`.
//!
//! Infinities and NaN, which JSON has no numbers for, are strings.

use timestrata::{SeriesKey, Timestamp, Value};

use super::text::{put, put_exact, put_json_string};
use super::{OutsideReason, PointWriter};
use crate::series_text::series_text;

#[derive(Debug, Default)]
pub(super) struct JsonLinesWriter {
    /// `{"series":"..","type":"`
    series: Vec<u8>,
}

impl PointWriter for JsonLinesWriter {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn begin_series(&mut self, key: &SeriesKey) -> Result<(), OutsideReason> {
        self.series.clear();
        self.series.extend_from_slice(b"{\"series\":");
        put_json_string(&mut self.series, &series_text(key));
        self.series.extend_from_slice(b",\"type\":\"");
        Ok(())
    }

    fn check(&self, _: Value) -> Result<(), OutsideReason> {
        Ok(())
    }

    fn write(&mut self, time: Timestamp, value: Value, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.series);
        put(out, format_args!("{}\",\"time\":\"{time}\",\"value\":", value.value_type()));
        let is_text = matches!(value, Value::F64(number) if !number.is_finite());
        if is_text {
            out.push(b'"');
        }
        put_exact(out, value);
        if is_text {
            out.push(b'"');
        }
        out.extend_from_slice(b"}\n");
        true
    }
}
