//! What the decoders of bodies append to: rows, with the limits and the table of series.

use std::fmt::Display;

use timestrata::{CachedSeries, MetricKind, MetricMetadata, SeriesKey, Timestamp, Value};

use super::{BodySummary, MAX_REFUSED_ROWS};
use crate::{IngestError, Limits, RefusalCode, RefusedRow, Rows, SeriesNumber, SeriesTable};

/// Why a series is refused: the code and the sentence.
pub(super) type Refusal = (RefusalCode, String);

/// Rows of a body while it is decoded.
pub(super) struct BodyRows<'a> {
    pub(super) rows: &'a mut Rows,
    pub(super) summary: BodySummary,
    limits: &'a Limits,
    table: &'a SeriesTable,
    /// Number of refused rows that may still be returned with a sentence.
    reports_left: usize,
    /// Series of remote write, or data points of OTLP, that were begun.
    begun: usize,
    /// Points that were not pushed, because the limit was reached.
    left_points: u64,
}

impl<'a> BodyRows<'a> {
    /// Runs a decoder; after an error, the rows are as before.
    pub(super) fn fill<E: Display>(
        rows: &'a mut Rows,
        limits: &'a Limits,
        table: &'a SeriesTable,
        protocol: &str,
        decode: impl FnOnce(&mut BodyRows<'_>) -> Result<(), E>,
    ) -> Result<BodySummary, IngestError> {
        let mark = rows.mark();
        let summary = BodySummary::default();
        let mut body = BodyRows {
            rows: &mut *rows,
            summary,
            limits,
            table,
            reports_left: MAX_REFUSED_ROWS,
            begun: 0,
            left_points: 0,
        };
        match decode(&mut body) {
            Ok(()) if body.left_points == 0 => Ok(body.summary),
            Ok(()) => {
                let points_beyond_limit = body.left_points + body.rows.values().len() as u64;
                rows.roll_back(&mark);
                table.forget_metadata();
                Ok(BodySummary { points_beyond_limit, ..BodySummary::default() })
            }
            Err(error) => {
                rows.roll_back(&mark);
                table.forget_metadata();
                Err(IngestError::new(format!("the body is not {protocol}: {error}")))
            }
        }
    }

    /// Refuses samples or data points of row `number`.
    pub(super) fn refuse(&mut self, number: u64, code: RefusalCode, count: u64, reason: impl Display) {
        self.summary.refused.add(code, count);
        let is_recorded = self.reports_left > 0;
        self.reports_left -= usize::from(is_recorded);
        let recorded = || RefusedRow { line: number, code, reason: reason.to_string(), suggestions: Vec::new() };
        self.rows.refuse_several(code, count, is_recorded.then(recorded));
    }

    /// Begins a series of remote write or a data point of OTLP.
    ///
    /// # Errors
    ///
    /// The refusal, if the body has more than the limit.
    pub(super) fn begin(&mut self) -> Result<(), Refusal> {
        if self.begun >= self.limits.series {
            let reason = format!("the body names more than {} series, the limit", self.limits.series);
            return Err((RefusalCode::SeriesLimit, reason));
        }
        self.begun += 1;
        Ok(())
    }

    /// Returns the series that `text` names in requests, which `key` reads if it is not known.
    #[inline]
    pub(super) fn series(
        &mut self,
        text: &[u8],
        key: impl FnOnce() -> Result<SeriesKey, Refusal>,
    ) -> Result<SeriesNumber, Refusal> {
        let series = self.table.get_or_insert(text, || {
            let key = key()?;
            RefusalCode::of_key(&key).map_or_else(|| Ok(CachedSeries::new(key)), Err)
        })?;
        Ok(self.rows.add_series(series))
    }

    /// Pushes a point of the row that is being built.
    pub(super) fn push_point(&mut self, series: SeriesNumber, nanos: i64, value: f64) {
        self.summary.samples += 1;
        if self.rows.values().len() < self.limits.points {
            self.rows.push(series, Timestamp::from_nanos(nanos), Value::F64(value));
        } else {
            self.left_points += 1;
        }
    }

    /// Returns the number of points of the row that is being built.
    pub(super) fn open_points(&self) -> u64 {
        (self.rows.values().len() - self.rows.row_ends().last().map_or(0, |end| end.points)) as u64
    }

    /// Returns the metadata of a metric in the rows, unless the table returned the same last.
    pub(super) fn describe(&mut self, metric: &str, kind: MetricKind, unit: &str, description: &str) {
        if (kind == MetricKind::Unknown && unit.is_empty() && description.is_empty())
            || !self.table.is_new_metadata(metric, kind, unit, description)
        {
            return;
        }
        let metadata = MetricMetadata::new(kind).with_unit(unit).with_description(description);
        if metadata.validate().is_ok() && SeriesKey::new(metric).validate().is_ok() {
            self.rows.describe(metric, metadata);
        } else {
            self.summary.metadata += 1;
        }
    }
}
