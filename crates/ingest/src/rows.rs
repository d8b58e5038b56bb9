//! Output of a decoder: columns of points, the end of each row, and refused rows.

use std::collections::HashMap;

use timestrata::{CachedSeries, MetricMetadata, SeriesKey, Timestamp, Value};

use crate::{RefusalCode, RefusalCounts};

/// Index of a series in the table of [`Rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesNumber(pub u32);

/// End of a row: its points are those after the end of the row before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowEnd {
    /// Line on which the row begins; the first line is 1.
    pub line: u64,
    /// Number of points of [`Rows`] up to and with this row.
    pub points: usize,
}

/// Row that was left out whole, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Line on which the row begins; the first line is 1.
    pub line: u64,
    /// Short name of the reason, for programs.
    pub code: RefusalCode,
    /// One sentence without a full stop, such as `column x: "bad" is not a number`.
    pub reason: String,
    /// Options that would keep such rows, best first.
    pub suggestions: Vec<crate::Suggestion>,
}

/// Points that a decoder has appended since the last [`clear`](Self::clear), and the table of all series of the input.
///
/// The table stays when the points are cleared, so each series key is built and hashed once per input.
#[derive(Debug, Default)]
pub struct Rows {
    series: Vec<CachedSeries>,
    by_key: HashMap<SeriesKey, SeriesNumber>,
    point_series: Vec<SeriesNumber>,
    timestamps: Vec<Timestamp>,
    values: Vec<Value>,
    row_ends: Vec<RowEnd>,
    refused: Vec<RefusedRow>,
    refusal_counts: RefusalCounts,
    metadata: Vec<(String, MetricMetadata)>,
    /// Tags that every series of the table has, whatever the input says.
    extra_tags: Vec<(String, String)>,
    capacity: usize,
}

impl Rows {
    /// Creates rows that are full once they hold this number of points, refused rows counted as one point each.
    #[must_use]
    pub fn with_capacity(points: usize) -> Self {
        Self { capacity: points, ..Self::default() }
    }

    /// Gives every series of the input these tags; a tag of the input with the same key is replaced.
    ///
    /// The series of the table have the tags. Whether the keys are still valid is checked when they are written.
    #[must_use]
    pub fn with_extra_tags(mut self, tags: Vec<(String, String)>) -> Self {
        self.extra_tags = tags;
        self
    }

    /// Returns `true` if a decoder should stop until the rows are cleared.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let items = self.values.len() + self.refused.len() + self.row_ends.len() + self.metadata.len();
        items >= self.capacity.max(1)
    }

    /// Returns the index of the series, and adds the key to the table if it is new.
    ///
    /// # Panics
    ///
    /// If the table holds `u32::MAX` series; [`Limits::series`](crate::Limits::series) is far below.
    pub fn intern(&mut self, key: &SeriesKey) -> SeriesNumber {
        if let Some(index) = self.by_key.get(key) {
            return *index;
        }
        let index = SeriesNumber(u32::try_from(self.series.len()).expect("the limit of series is below u32::MAX"));
        self.series.push(CachedSeries::new(self.with_tags(key)));
        self.by_key.insert(key.clone(), index);
        index
    }

    fn with_tags(&self, key: &SeriesKey) -> SeriesKey {
        if self.extra_tags.is_empty() {
            return key.clone();
        }
        let is_own = |name: &str| !self.extra_tags.iter().any(|(extra, _)| extra == name);
        let extra = self.extra_tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let tags: SeriesKey = key.tags().filter(|(name, _)| is_own(name)).chain(extra).collect();
        tags.with_metric(key.metric())
    }

    /// Adds a series that the caller has looked up elsewhere, such as in a [`SeriesTable`](crate::SeriesTable).
    ///
    /// The series is not looked up here: added twice, it has two numbers, and [`intern`](Self::intern) does not find it.
    ///
    /// # Panics
    ///
    /// If the table holds `u32::MAX` series; [`Limits::series`](crate::Limits::series) is far below.
    pub fn add_series(&mut self, series: CachedSeries) -> SeriesNumber {
        let index = SeriesNumber(u32::try_from(self.series.len()).expect("the limit of series is below u32::MAX"));
        self.series.push(series);
        index
    }

    /// Returns the number of series in the table.
    #[must_use]
    pub fn series_len(&self) -> usize {
        self.series.len()
    }

    /// Returns a series of the table.
    ///
    /// # Panics
    ///
    /// If the index is of other rows.
    #[must_use]
    pub fn series(&self, index: SeriesNumber) -> &CachedSeries {
        &self.series[index.0 as usize]
    }

    /// Appends a point to the row that is being built.
    pub fn push(&mut self, series: SeriesNumber, timestamp: Timestamp, value: Value) {
        self.point_series.push(series);
        self.timestamps.push(timestamp);
        self.values.push(value);
    }

    /// Ends the row: the points since the last row belong to it.
    pub fn end_row(&mut self, line: u64) {
        self.row_ends.push(RowEnd { line, points: self.values.len() });
    }

    /// Takes the points since the last row back, and records why the row is refused.
    pub fn refuse_row(&mut self, line: u64, reason: impl Into<String>) {
        self.refuse(RefusedRow { line, code: RefusalCode::BadRow, reason: reason.into(), suggestions: Vec::new() });
    }

    /// As [`refuse_row`](Self::refuse_row), with options that would keep the row.
    pub fn refuse(&mut self, mut refused: RefusedRow) {
        self.take_back();
        // Every format of text takes another encoding.
        if refused.suggestions.is_empty() && refused.reason.ends_with("is not UTF-8") {
            refused.code = RefusalCode::InvalidUtf8;
            refused.suggestions.push(crate::Suggestion::new("encoding", "latin1"));
        }
        self.refusal_counts.add(refused.code, 1);
        self.refused.push(refused);
    }

    /// Takes the points since the last row back, counts `count` refusals, and records one of them, if any.
    pub(crate) fn refuse_several(&mut self, code: RefusalCode, count: u64, recorded: Option<RefusedRow>) {
        self.take_back();
        self.refusal_counts.add(code, count);
        self.refused.extend(recorded);
    }

    /// Takes the points since the last row back.
    pub fn take_back(&mut self) {
        let keep = self.row_ends.last().map_or(0, |end| end.points);
        self.point_series.truncate(keep);
        self.timestamps.truncate(keep);
        self.values.truncate(keep);
    }

    /// Records kind, unit or description of a metric.
    pub fn describe(&mut self, metric: impl Into<String>, metadata: MetricMetadata) {
        self.metadata.push((metric.into(), metadata));
    }

    /// Returns the series of each point.
    #[must_use]
    pub fn point_series(&self) -> &[SeriesNumber] {
        &self.point_series
    }

    /// Returns the time of each point.
    #[must_use]
    pub fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    /// Returns the value of each point.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Returns the ends of all rows, in the order of the input.
    #[must_use]
    pub fn row_ends(&self) -> &[RowEnd] {
        &self.row_ends
    }

    /// Returns the refused rows, in the order of the input.
    #[must_use]
    pub fn refused(&self) -> &[RefusedRow] {
        &self.refused
    }

    /// Returns the numbers of refused rows by code. A body counts samples or data points, and records only the first
    /// [`MAX_REFUSED_ROWS`](crate::bodies::MAX_REFUSED_ROWS) among the refused rows.
    #[must_use]
    pub fn refusal_counts(&self) -> &RefusalCounts {
        &self.refusal_counts
    }

    /// Returns the metadata that the input gave, in its order.
    #[must_use]
    pub fn metadata(&self) -> &[(String, MetricMetadata)] {
        &self.metadata
    }

    /// Removes points, rows and refused rows, and keeps the table of series and all buffers.
    pub fn clear(&mut self) {
        self.point_series.clear();
        self.timestamps.clear();
        self.values.clear();
        self.row_ends.clear();
        self.refused.clear();
        self.refusal_counts = RefusalCounts::default();
        self.metadata.clear();
    }

    /// Removes everything, the table of series too, and keeps the buffers: for a caller that decodes many inputs.
    pub fn reset(&mut self) {
        self.clear();
        self.series.clear();
        self.by_key.clear();
    }

    /// Returns the current lengths.
    pub(crate) fn mark(&self) -> RowsMark {
        RowsMark {
            points: self.values.len(),
            row_ends: self.row_ends.len(),
            refused: self.refused.len(),
            refusal_counts: self.refusal_counts,
            metadata: self.metadata.len(),
        }
    }

    /// Takes back what was appended since the mark, except series.
    pub(crate) fn roll_back(&mut self, mark: &RowsMark) {
        self.point_series.truncate(mark.points);
        self.timestamps.truncate(mark.points);
        self.values.truncate(mark.points);
        self.row_ends.truncate(mark.row_ends);
        self.refused.truncate(mark.refused);
        self.refusal_counts = mark.refusal_counts;
        self.metadata.truncate(mark.metadata);
    }
}

/// Lengths of [`Rows`] at some time.
#[derive(Debug)]
pub(crate) struct RowsMark {
    points: usize,
    row_ends: usize,
    refused: usize,
    refusal_counts: RefusalCounts,
    metadata: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_takes_back_its_points_alone() {
        let mut rows = Rows::with_capacity(10);
        let series = rows.intern(&SeriesKey::new("x"));
        rows.push(series, Timestamp::from_secs(1), Value::F64(1.0));
        rows.end_row(1);
        rows.push(series, Timestamp::from_secs(2), Value::F64(2.0));
        rows.refuse_row(2, "bad");
        assert_eq!((rows.values().len(), rows.row_ends().len(), rows.refused().len()), (1, 1, 1));
        rows.clear();
        assert_eq!((rows.intern(&SeriesKey::new("x")), rows.series_len()), (series, 1));
    }

    #[test]
    fn extra_tags_replace_those_of_the_input() {
        let mut rows = Rows::with_capacity(10).with_extra_tags(vec![("job".to_owned(), "a".to_owned())]);
        let (plain, tagged) = (SeriesKey::new("x"), SeriesKey::new("x").tag("job", "b").tag("z", "1"));
        let (first, second) = (rows.intern(&plain), rows.intern(&tagged));
        assert_eq!(rows.series(first).key(), &SeriesKey::new("x").tag("job", "a"));
        assert_eq!(rows.series(second).key(), &SeriesKey::new("x").tag("job", "a").tag("z", "1"));
        assert_eq!((rows.intern(&tagged), rows.series_len()), (second, 2));
    }
}
