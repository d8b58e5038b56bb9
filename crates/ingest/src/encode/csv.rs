//! CSV with a row per point: `series,type,time,value`.

use timestrata::{SeriesKey, Timestamp, Value};

use super::text::{put, put_exact};
use super::{OutsideReason, PointWriter};
use crate::series_text::series_text;
use crate::table::EXPORT_COLUMNS;

#[derive(Debug, Default)]
pub(super) struct CsvWriter {
    /// The series as a cell, with the comma behind it.
    series: Vec<u8>,
}

impl PointWriter for CsvWriter {
    fn begin(&mut self, out: &mut Vec<u8>) {
        put(out, format_args!("{}\n", EXPORT_COLUMNS.join(",")));
    }

    fn begin_series(&mut self, key: &SeriesKey) -> Result<(), OutsideReason> {
        self.series.clear();
        let text = series_text(key);
        if text.contains(['"', ',', '\n', '\r', ' ']) {
            put(&mut self.series, format_args!("\"{}\",", text.replace('"', "\"\"")));
        } else {
            put(&mut self.series, format_args!("{text},"));
        }
        Ok(())
    }

    fn check(&self, _: Value) -> Result<(), OutsideReason> {
        Ok(())
    }

    fn write(&mut self, time: Timestamp, value: Value, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.series);
        put(out, format_args!("{},{time},", value.value_type()));
        put_exact(out, value);
        out.push(b'\n');
        true
    }
}
