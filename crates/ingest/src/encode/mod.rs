//! Encoders: points of a database as text, in formats that this crate reads back.
//!
//! | format | exact for |
//! |---|---|
//! | CSV, JSON lines | everything: types, nanoseconds, the bits of NaN, equal times |
//! | line protocol | finite values; texts without backslash and control characters |
//! | OpenMetrics | `f64` whose NaN has the usual bits; one point per time |
//!
//! A point outside the domain of its format is left out and counted; a lossy encoder writes the nearest text instead,
//! where there is one.

mod csv;
mod json_lines;
mod line_protocol;
mod open_metrics;
mod outside;
mod text;

use timestrata::{MetricMetadata, SeriesKey, Timestamp, Value, ValueSlice};

pub use outside::{OutsidePoints, OutsideReason};

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// A row `series,type,time,value` per point, with a header.
    Csv,
    /// An object with the members `series`, `type`, `time` and `value` per point.
    JsonLines,
    /// InfluxDB line protocol with times in nanoseconds.
    LineProtocol,
    /// OpenMetrics text with times in seconds.
    OpenMetrics,
}

impl ExportFormat {
    /// Returns the usual ending of a file name, without the dot.
    #[must_use]
    pub fn file_ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::LineProtocol => "lp",
            Self::OpenMetrics => "om",
        }
    }

    /// Returns `true` if all series of a metric must come one after the other.
    #[must_use]
    pub fn groups_metrics(self) -> bool {
        self == Self::OpenMetrics
    }
}

/// Encodes points, series by series, into a buffer.
///
/// ```
/// use timestrata::{SeriesKey, Timestamp, ValueSlice};
/// use timestrata_ingest::{Encoder, ExportFormat};
///
/// let mut encoder = Encoder::new(ExportFormat::Csv, false);
/// encoder.begin();
/// let series = SeriesKey::new("temp").tag("site", "a");
/// encoder.push(&series, &[Timestamp::from_secs(1)], ValueSlice::F64(&[20.5]));
/// encoder.finish();
/// let text = String::from_utf8(encoder.take())?;
/// assert_eq!(text, "series,type,time,value\n\"temp{site=\"\"a\"\"}\",f64,1970-01-01T00:00:01Z,20.5\n");
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
pub struct Encoder {
    writer: Box<dyn PointWriter + Send>,
    is_lossy: bool,
    out: Vec<u8>,
    /// Series of the last push, prepared by the writer.
    current: Option<(SeriesKey, Result<(), OutsideReason>)>,
    last_time: Option<Timestamp>,
    points: u64,
    outside: OutsidePoints,
}

/// A point as text, for one format.
trait PointWriter {
    /// Writes what comes before all points.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// Writes kind, unit and description of a metric, if the format has a place for them.
    fn describe(&mut self, _metric: &str, _metadata: &MetricMetadata, _out: &mut Vec<u8>) {}

    /// Prepares the text of the series.
    fn begin_series(&mut self, key: &SeriesKey) -> Result<(), OutsideReason>;

    /// Returns the reason why the format cannot represent the value exactly.
    fn check(&self, value: Value) -> Result<(), OutsideReason>;

    /// Returns `true` if the format allows several points of a series at one time.
    fn allows_equal_times(&self) -> bool {
        true
    }

    /// Writes a point of the series. Returns `false` if there is no text for it.
    fn write(&mut self, time: Timestamp, value: Value, out: &mut Vec<u8>) -> bool;

    /// Writes what comes after all points.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

impl Encoder {
    /// Creates an encoder. A lossy one also writes points outside the exact domain of the format, where it has a text.
    #[must_use]
    pub fn new(format: ExportFormat, is_lossy: bool) -> Self {
        let writer: Box<dyn PointWriter + Send> = match format {
            ExportFormat::Csv => Box::new(csv::CsvWriter::default()),
            ExportFormat::JsonLines => Box::new(json_lines::JsonLinesWriter::default()),
            ExportFormat::LineProtocol => Box::new(line_protocol::LineProtocolWriter::default()),
            ExportFormat::OpenMetrics => Box::new(open_metrics::OpenMetricsWriter::default()),
        };
        let outside = OutsidePoints::default();
        Self { writer, is_lossy, out: Vec::new(), current: None, last_time: None, points: 0, outside }
    }

    /// Encodes what comes before all points.
    pub fn begin(&mut self) {
        self.writer.begin(&mut self.out);
    }

    /// Encodes kind, unit and description of a metric; must come before its points.
    pub fn describe(&mut self, metric: &str, metadata: &MetricMetadata) {
        self.writer.describe(metric, metadata, &mut self.out);
    }

    /// Encodes points of a series in time order. The points of a series must come one after the other.
    ///
    /// Of two slices of different lengths, the rest of the longer one is ignored.
    pub fn push(&mut self, series: &SeriesKey, times: &[Timestamp], values: ValueSlice<'_>) {
        if self.current.as_ref().is_none_or(|(current, _)| current != series) {
            self.current = Some((series.clone(), self.writer.begin_series(series)));
            self.last_time = None;
        }
        for (at, time) in times.iter().enumerate() {
            let Some(value) = values.get(at) else { break };
            self.point(*time, value);
        }
    }

    fn point(&mut self, time: Timestamp, value: Value) {
        let Some((series, prepared)) = &self.current else { return };
        if let Err(reason) = prepared {
            return self.outside.add(series, time, *reason);
        }
        let is_repeated = self.last_time.replace(time) == Some(time) && !self.writer.allows_equal_times();
        let exact = if is_repeated { Err(OutsideReason::EqualTimes) } else { self.writer.check(value) };
        let is_written = (exact.is_ok() || self.is_lossy) && self.writer.write(time, value, &mut self.out);
        self.points += u64::from(is_written);
        match exact {
            Err(reason) if is_written => self.outside.add_rounded(reason),
            Err(reason) => self.outside.add(series, time, reason),
            Ok(()) => {}
        }
    }

    /// Encodes what comes after all points.
    pub fn finish(&mut self) {
        self.writer.finish(&mut self.out);
    }

    /// Returns the number of bytes that were not taken yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.out.len()
    }

    /// Takes the bytes that were encoded since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Returns the bytes that were encoded since the last `take` or `clear`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Removes the encoded bytes and keeps the buffer.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// Returns the number of points that were written.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Returns the points that the format cannot represent exactly.
    #[must_use]
    pub fn outside(&self) -> &OutsidePoints {
        &self.outside
    }
}

#[cfg(test)]
mod tests;
