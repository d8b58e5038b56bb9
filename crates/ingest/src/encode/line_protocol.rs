//! InfluxDB line protocol: `temp,site=a value=1.5 1704067200000000000`.
//!
//! The tag `_field` becomes the name of the field; without it the field is `value`.

use timestrata::{SeriesKey, Timestamp, Value};

use super::text::{put, put_f64};
use super::{OutsideReason, PointWriter};

#[derive(Debug, Default)]
pub(super) struct LineProtocolWriter {
    /// Measurement, tags and field with the equals sign behind it.
    series: Vec<u8>,
}

impl PointWriter for LineProtocolWriter {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn begin_series(&mut self, key: &SeriesKey) -> Result<(), OutsideReason> {
        let texts = || key.tags().flat_map(|(name, value)| [name, value]).chain([key.metric()]);
        if texts().any(|text| text.contains('\\') || text.contains(char::is_control)) || key.metric().starts_with('#') {
            return Err(OutsideReason::Text);
        }
        // A field `value` has no tag `_field`.
        if key.metric().is_empty() || key.tag_value("_field") == Some("value") {
            return Err(OutsideReason::Tags);
        }
        self.series.clear();
        put_escaped(&mut self.series, key.metric(), &[' ', ',']);
        // A tag of an earlier release may have an empty value, which is no tag.
        for (name, value) in key.tags().filter(|(name, value)| *name != "_field" && !value.is_empty()) {
            self.series.push(b',');
            put_escaped(&mut self.series, name, &[' ', ',', '=']);
            self.series.push(b'=');
            put_escaped(&mut self.series, value, &[' ', ',', '=']);
        }
        self.series.push(b' ');
        put_escaped(
            &mut self.series,
            key.tag_value("_field").filter(|field| !field.is_empty()).unwrap_or("value"),
            &[' ', ',', '='],
        );
        self.series.push(b'=');
        Ok(())
    }

    fn check(&self, value: Value) -> Result<(), OutsideReason> {
        match value {
            Value::F64(number) if !number.is_finite() => Err(OutsideReason::NotFinite),
            _ => Ok(()),
        }
    }

    fn write(&mut self, time: Timestamp, value: Value, out: &mut Vec<u8>) -> bool {
        if self.check(value).is_err() {
            return false;
        }
        out.extend_from_slice(&self.series);
        match value {
            Value::F64(number) => put_f64(out, number),
            Value::I64(number) => put(out, format_args!("{number}i")),
            Value::U64(number) => put(out, format_args!("{number}u")),
            // `true`, `false`.
            other => put(out, format_args!("{other}")),
        }
        put(out, format_args!(" {}\n", time.as_nanos()));
        true
    }
}

fn put_escaped(out: &mut Vec<u8>, text: &str, special: &[char]) {
    for c in text.chars() {
        if special.contains(&c) {
            out.push(b'\\');
        }
        put(out, format_args!("{c}"));
    }
}
