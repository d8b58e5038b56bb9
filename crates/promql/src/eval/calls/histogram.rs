//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction` of classic histograms.

use std::collections::HashMap;

use super::super::column::{Column, MISSING, is_present};
use super::super::error::QueryError;
use super::super::evaluator::Evaluator;
use super::super::functions::histogram::{self, Bucket};
use super::super::label_table::LabelId;
use super::super::labels::METRIC_NAME;
use super::super::number;
use super::super::row::{Row, merge_same_labels};
use super::super::window::Steps;
use crate::ast::{Call, Function, Span};

/// Label of a bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// Rows of the buckets of one histogram.
struct Histogram {
    labels: LabelId,
    drops_name: bool,
    /// Upper bound and row of each bucket.
    buckets: Vec<(f64, Row)>,
}

impl Histogram {
    /// Collects the buckets at a step. Returns `false` if there is none.
    fn at(&self, step: usize, buckets: &mut Vec<Bucket>) -> bool {
        buckets.clear();
        let present = self.buckets.iter().map(|(upper, row)| Bucket { upper: *upper, count: row.at(step) });
        buckets.extend(present.filter(|bucket| is_present(bucket.count)));
        !buckets.is_empty()
    }
}

impl Evaluator<'_> {
    pub(super) fn eval_histogram(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        match call.function {
            Function::HistogramFraction => self.eval_histogram_fraction(call, steps),
            Function::HistogramQuantiles => self.eval_histogram_quantiles(call, steps),
            _ => self.eval_histogram_quantile(call, steps),
        }
    }

    fn eval_histogram_quantile(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let levels = self.scalar_argument(call, 0, steps)?;
        let rows = self.rows_argument(call, 1, steps)?;
        self.annotate_levels(&levels, Self::argument(call, 0)?.span());
        let span = Self::argument(call, 1)?.span();
        let histograms = self.histograms(rows, span);
        let mut rows: Vec<Row> = Vec::with_capacity(histograms.len());
        for histogram in &histograms {
            self.reader.budget.check()?;
            rows.push(self.quantile_row(histogram, &levels, steps, span));
        }
        self.drop_names(&mut rows);
        merge_same_labels(rows, self.reader.budget)
    }

    fn eval_histogram_quantiles(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let rows = self.rows_argument(call, 0, steps)?;
        let label = Self::text_argument(call, 1)?;
        let histograms = self.histograms(rows, Self::argument(call, 0)?.span());
        let mut results = Vec::new();
        for index in 2..call.arguments.len() {
            let levels = self.scalar_argument(call, index, steps)?;
            self.annotate_levels(&levels, Self::argument(call, index)?.span());
            for histogram in &histograms {
                let row = self.quantile_row(histogram, &levels, steps, Self::argument(call, 0)?.span());
                self.split_by_level(&row, &label, &levels, &mut results)?;
            }
        }
        self.drop_names(&mut results);
        merge_same_labels(results, self.reader.budget)
    }

    /// Adds one row per level, with the level as a label.
    fn split_by_level(
        &mut self,
        row: &Row,
        label: &str,
        levels: &[f64],
        rows: &mut Vec<Row>,
    ) -> Result<(), QueryError> {
        let mut places: HashMap<u64, usize> = HashMap::new();
        for (step, value) in row.column.present() {
            let Some(level) = levels.get(step) else { continue };
            let place = *places.entry(level.to_bits()).or_insert_with(|| {
                let labels = self.table.get(row.labels).with(label, &level_text(*level));
                let labels = self.table.intern(labels);
                rows.push(Row { labels, column: Column::default(), ..*row });
                rows.len() - 1
            });
            if let Some(row) = rows.get_mut(place) {
                self.reader.budget.add_cells(row.column.growth(step))?;
                row.column.set(step, value);
            }
        }
        Ok(())
    }

    fn annotate_levels(&mut self, levels: &[f64], span: Span) {
        for level in levels {
            self.annotations.quantile_level(*level, span);
        }
    }

    fn quantile_row(&mut self, histogram: &Histogram, levels: &[f64], steps: &Steps, span: Span) -> Row {
        let mut buckets = Vec::new();
        let mut is_forced = false;
        let value = |(step, level): (usize, &f64)| {
            if !histogram.at(step, &mut buckets) {
                return MISSING;
            }
            let (value, forced) = histogram::quantile(*level, &mut buckets);
            is_forced |= forced.is_some();
            value
        };
        let values: Vec<f64> = levels.iter().take(steps.count).enumerate().map(value).collect();
        if is_forced {
            let name = if self.options.delayed_name_removal {
                self.table.get(histogram.labels).get(METRIC_NAME).to_owned()
            } else {
                String::new()
            };
            self.annotations.forced_monotonicity(&name, span);
        }
        Row { labels: histogram.labels, drops_name: histogram.drops_name, column: Column::dense(values) }
    }

    fn eval_histogram_fraction(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let (lower, upper) = (self.scalar_argument(call, 0, steps)?, self.scalar_argument(call, 1, steps)?);
        let rows = self.rows_argument(call, 2, steps)?;
        let histograms = self.histograms(rows, Self::argument(call, 2)?.span());
        let mut buckets = Vec::new();
        let mut rows = Vec::with_capacity(histograms.len());
        for histogram in &histograms {
            let mut value = |(step, (lower, upper)): (usize, (&f64, &f64))| {
                let is_present = histogram.at(step, &mut buckets);
                if is_present { histogram::fraction(*lower, *upper, &mut buckets) } else { MISSING }
            };
            let values = lower.iter().zip(&upper).enumerate().map(&mut value).collect();
            rows.push(Row {
                labels: histogram.labels,
                drops_name: histogram.drops_name,
                column: Column::dense(values),
            });
        }
        self.drop_names(&mut rows);
        merge_same_labels(rows, self.reader.budget)
    }

    /// Groups the rows of buckets to histograms.
    fn histograms(&mut self, rows: Vec<Row>, span: Span) -> Vec<Histogram> {
        let mut histograms: Vec<Histogram> = Vec::new();
        let mut places: HashMap<LabelId, usize> = HashMap::new();
        for row in rows {
            let labels = self.table.get(row.labels);
            let bound = labels.get(BUCKET_LABEL);
            let Some(upper) = parse_bound(bound) else {
                self.annotations.bucket_label(bound, labels.get(METRIC_NAME), span);
                continue;
            };
            let without = labels.with(BUCKET_LABEL, "");
            let labels = self.table.intern(without);
            let place = *places.entry(labels).or_insert_with(|| {
                histograms.push(Histogram { labels, drops_name: row.drops_name, buckets: Vec::new() });
                histograms.len() - 1
            });
            if let Some(histogram) = histograms.get_mut(place) {
                histogram.buckets.push((upper, row));
            }
        }
        histograms
    }
}

/// Parses the upper bound of a bucket.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|_| !text.is_empty())
}

/// Writes a level as in OpenMetrics: a whole number has the digit `.0`.
fn level_text(level: f64) -> String {
    let text = number::general(level);
    if level.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}
