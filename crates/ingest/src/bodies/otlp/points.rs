//! Data points of OTLP, each as one or several series with a value.

use super::request::{Metric, RequestReader, put_text};
use crate::RefusalCode;
use crate::bodies::STALE_MARKER_BITS;
use crate::bodies::body_rows::Refusal;
use crate::bodies::wire::{WireError, WireField, WireReader, WireValue};

/// Flag of a point that says that a series has no value any more.
const NO_RECORDED_VALUE: u64 = 1;

/// Type of the data points of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PointKind {
    Number,
    Histogram,
    Summary,
}

impl PointKind {
    /// Number of the field with the attributes.
    fn attributes(self) -> u32 {
        if self == Self::Histogram { 9 } else { 7 }
    }

    /// Number of the field with the flags.
    fn flags(self) -> u32 {
        if self == Self::Histogram { 10 } else { 8 }
    }

    /// Number of the field with the exemplars; summaries have none.
    fn exemplars(self) -> Option<u32> {
        match self {
            Self::Number => Some(5),
            Self::Histogram => Some(8),
            Self::Summary => None,
        }
    }
}

/// One of the series of a data point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Value,
    /// Values up to a bound.
    Bucket(f64),
    /// All values.
    LastBucket,
    Sum,
    Count,
    Quantile(f64),
}

impl Part {
    /// Returns what is appended to the name of the metric.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Value | Self::Quantile(_) => "",
            Self::Bucket(_) | Self::LastBucket => "_bucket",
            Self::Sum => "_sum",
            Self::Count => "_count",
        }
    }

    /// Returns the tag of the series beside the attributes.
    pub(super) fn tag(self) -> Option<(String, String)> {
        match self {
            Self::Value | Self::Sum | Self::Count => None,
            Self::Bucket(bound) => Some(("le".to_owned(), bound.to_string())),
            Self::LastBucket => Some(("le".to_owned(), "+Inf".to_owned())),
            Self::Quantile(quantile) => Some(("quantile".to_owned(), quantile.to_string())),
        }
    }

    /// Appends the part to a text of the table.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        let (mark, number) = match self {
            Self::Value => (0, 0.0),
            Self::Bucket(bound) => (1, bound),
            Self::LastBucket => (2, 0.0),
            Self::Sum => (3, 0.0),
            Self::Count => (4, 0.0),
            Self::Quantile(quantile) => (5, quantile),
        };
        out.push(mark);
        out.extend_from_slice(&f64::to_bits(number).to_le_bytes());
    }
}

/// Fields of a data point, of whichever type.
#[derive(Debug, Default)]
struct PointFields {
    time: u64,
    flags: u64,
    exemplars: u64,
    /// Value of a number.
    value: Option<f64>,
    count: u64,
    sum: Option<f64>,
    bucket_counts: Vec<u64>,
    bounds: Vec<f64>,
    /// Quantiles with their values.
    quantiles: Vec<(f64, f64)>,
}

impl RequestReader<'_, '_> {
    /// Reads a data point, and pushes its series as one row.
    pub(super) fn point(&mut self, metric: &Metric<'_>, kind: PointKind, message: &[u8]) -> Result<(), WireError> {
        let metric_len = self.text.len();
        let mut point = PointFields::default();
        let mut fields = WireReader::new(message);
        while let Some(field) = fields.next()? {
            if field.number == kind.attributes() {
                put_text(&mut self.text, field.bytes()?);
            } else if !point.take_shared(kind, field)? {
                match kind {
                    PointKind::Number => point.take_number(field)?,
                    PointKind::Histogram => point.take_histogram(field)?,
                    PointKind::Summary => point.take_summary(field)?,
                }
            }
        }
        self.out.summary.exemplars += point.exemplars;
        let refusal = match point.parts(kind) {
            Ok(parts) => self.push_parts(metric, kind, message, point.time, &parts)?.err(),
            Err(refusal) => Some(refusal),
        };
        if let Some((code, reason)) = refusal {
            self.out.refuse(self.number, code, 1, format_args!("{}: {reason}", metric.raw_name));
        }
        self.text.truncate(metric_len);
        Ok(())
    }

    fn push_parts(
        &mut self,
        metric: &Metric<'_>,
        kind: PointKind,
        message: &[u8],
        time: u64,
        parts: &[(Part, f64)],
    ) -> Result<Result<(), Refusal>, WireError> {
        let nanos = match i64::try_from(time) {
            Ok(0) => return Ok(Err((RefusalCode::NoTime, "a point has no time".to_owned()))),
            Ok(nanos) => nanos,
            Err(_) => {
                return Ok(Err((RefusalCode::TimeRange, "the time of a point is after the year 2262".to_owned())));
            }
        };
        if let Err(refusal) = self.out.begin() {
            return Ok(Err(refusal));
        }
        for (part, value) in parts {
            match self.series_of_part(metric, kind.attributes(), message, part)? {
                Ok(series) => self.out.push_point(series, nanos, *value),
                Err(refusal) => {
                    // The points of the unfinished row are removed.
                    self.out.summary.samples -= self.out.open_points();
                    return Ok(Err(refusal));
                }
            }
        }
        self.latest = self.latest.max(time);
        self.out.rows.end_row(self.number);
        Ok(Ok(()))
    }
}

impl PointFields {
    /// Takes a field that all types have; returns `false` if it is another one.
    fn take_shared(&mut self, kind: PointKind, field: WireField<'_>) -> Result<bool, WireError> {
        if field.number == 3 {
            self.time = fixed64(field)?;
        } else if field.number == kind.flags() {
            self.flags = field.varint()?;
        } else if Some(field.number) == kind.exemplars() {
            self.exemplars += 1;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is the documented result")]
    fn take_number(&mut self, field: WireField<'_>) -> Result<(), WireError> {
        match field.number {
            4 => self.value = Some(field.double()?),
            6 => self.value = Some(fixed64(field)?.cast_signed() as f64),
            _ => {}
        }
        Ok(())
    }

    fn take_histogram(&mut self, field: WireField<'_>) -> Result<(), WireError> {
        match field.number {
            4 => self.count = fixed64(field)?,
            5 => self.sum = Some(field.double()?),
            6 => take_packed(field, |bits| self.bucket_counts.push(bits))?,
            7 => take_packed(field, |bits| self.bounds.push(f64::from_bits(bits)))?,
            _ => {}
        }
        Ok(())
    }

    fn take_summary(&mut self, field: WireField<'_>) -> Result<(), WireError> {
        match field.number {
            4 => self.count = fixed64(field)?,
            5 => self.sum = Some(field.double()?),
            6 => {
                let (mut quantile, mut value) = (0.0, 0.0);
                let mut fields = WireReader::new(field.bytes()?);
                while let Some(field) = fields.next()? {
                    match field.number {
                        1 => quantile = field.double()?,
                        2 => value = field.double()?,
                        _ => {}
                    }
                }
                self.quantiles.push((quantile, value));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the series of the point with their values.
    #[expect(clippy::cast_precision_loss, reason = "counts become the nearest f64, as in Prometheus")]
    fn parts(&self, kind: PointKind) -> Result<Vec<(Part, f64)>, Refusal> {
        let is_stale = self.flags & NO_RECORDED_VALUE != 0;
        let mut parts = Vec::with_capacity(self.bounds.len() + self.quantiles.len() + 3);
        let count = self.count as f64;
        match kind {
            PointKind::Number => {
                let value = if is_stale { Some(0.0) } else { self.value };
                parts.push((Part::Value, value.ok_or((RefusalCode::NoValue, "a point has no value".to_owned()))?));
            }
            PointKind::Histogram => {
                self.check_buckets()?;
                let mut cumulative = 0_u64;
                for (bound, count) in self.bounds.iter().zip(&self.bucket_counts) {
                    cumulative = cumulative.saturating_add(*count);
                    // All values are at most infinite, and have a bucket of their own.
                    if *bound < f64::INFINITY {
                        parts.push((Part::Bucket(*bound), cumulative as f64));
                    }
                }
                parts.push((Part::LastBucket, count));
                parts.extend(self.sum.map(|sum| (Part::Sum, sum)));
                parts.push((Part::Count, count));
            }
            PointKind::Summary => {
                parts.extend(self.quantiles.iter().map(|(quantile, value)| (Part::Quantile(*quantile), *value)));
                parts.push((Part::Sum, self.sum.unwrap_or(0.0)));
                parts.push((Part::Count, count));
            }
        }
        if is_stale {
            for (_, value) in &mut parts {
                *value = f64::from_bits(STALE_MARKER_BITS);
            }
        }
        Ok(parts)
    }

    fn check_buckets(&self) -> Result<(), Refusal> {
        let (bounds, buckets) = (self.bounds.len(), self.bucket_counts.len());
        let invalid = |reason| Err((RefusalCode::InvalidHistogram, reason));
        if buckets != bounds + 1 && !(buckets == 0 && bounds == 0) {
            return invalid(format!("a histogram has {bounds} bounds and {buckets} buckets: expected one more"));
        }
        if !self.bounds.is_sorted_by(|bound, next| bound < next) || self.bounds.iter().any(|bound| bound.is_nan()) {
            return invalid("the bounds of a histogram do not ascend".to_owned());
        }
        Ok(())
    }
}

fn fixed64(field: WireField<'_>) -> Result<u64, WireError> {
    match field.value {
        WireValue::Fixed64(number) => Ok(number),
        _ => Err(WireError::OtherType(field.number)),
    }
}

/// Takes numbers of 64 bits, which are packed or not.
fn take_packed(field: WireField<'_>, mut take: impl FnMut(u64)) -> Result<(), WireError> {
    match field.value {
        WireValue::Fixed64(number) => take(number),
        WireValue::Bytes(packed) => {
            let (numbers, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(WireError::CutOff);
            }
            for number in numbers {
                take(u64::from_le_bytes(*number));
            }
        }
        _ => return Err(WireError::OtherType(field.number)),
    }
    Ok(())
}
