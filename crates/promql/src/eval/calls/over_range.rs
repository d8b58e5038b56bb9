//! Functions of range vectors: of a selector or of a subquery.

use super::super::column::Column;
use super::super::error::QueryError;
use super::super::evaluator::Evaluator;
use super::super::functions::range::{Arguments, is_factor};
use super::super::invariant::is_constant;
use super::super::labels::METRIC_NAME;
use super::super::leaf::{Conditions, Leaf, LeafKind};
use super::super::row::{Row, merge_same_labels};
use super::super::sliding::{RangeFunction, Scratch, most_bytes};
use super::super::window::{Anchor, Extent, Samples, Steps};
use crate::ast::{Call, Expression, Function, MatrixSelector, Number, RangeExtension, Span, Subquery, ValueType};

/// Functions that accept `anchored`.
const ANCHORED: [Function; 5] =
    [Function::Changes, Function::Delta, Function::Increase, Function::Rate, Function::Resets];
/// Functions that accept `smoothed`.
const SMOOTHED: [Function; 3] = [Function::Delta, Function::Increase, Function::Rate];

/// Series of a subquery with their samples, the reference times of the windows, and the range in nanoseconds.
pub(in super::super) type SubquerySeries = (Vec<(Row, Samples)>, Anchor, i64);

/// Scalar arguments of a range function.
struct ScalarArguments {
    /// Arguments at each step.
    steps: Vec<Arguments>,
    is_constant: bool,
    /// Place of the first one.
    span: Option<Span>,
}

impl Evaluator<'_> {
    /// Evaluates a function of a range vector.
    pub(super) fn eval_over_range(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let is_range = |argument: &&Expression| argument.value_type() == ValueType::Matrix;
        let range = call.arguments.iter().find(is_range).map(Expression::without_parentheses);
        let arguments = self.scalar_arguments(call, steps)?;
        let mut rows = match range {
            Some(Expression::Matrix(matrix)) => self.over_selector(call.function, matrix, steps, &arguments)?,
            Some(Expression::Subquery(subquery)) => self.over_subquery(call.function, subquery, steps, &arguments)?,
            _ => return Err(QueryError::execution(format!("{} needs a range vector", call.function.name()))),
        };
        let Some(range) = range else { return Ok(rows) };
        self.check_arguments(call.function, &rows, &arguments)?;
        if matches!(call.function, Function::Rate | Function::Increase) {
            self.annotate_non_counters(&rows, range.span());
        }
        if call.function == Function::AbsentOverTime {
            return Ok(self.absent_row(range, &rows, steps));
        }
        if !matches!(call.function, Function::LastOverTime | Function::FirstOverTime) {
            self.drop_names(&mut rows);
        }
        let count = rows.len();
        let rows = merge_same_labels(rows, self.reader.budget)?;
        if rows.len() < count && !self.options.delayed_name_removal {
            return Err(QueryError::same_labels());
        }
        Ok(rows)
    }

    fn scalar_arguments(&mut self, call: &Call, steps: &Steps) -> Result<ScalarArguments, QueryError> {
        let mut found = ScalarArguments { steps: vec![[0.0; 2]; steps.count], is_constant: true, span: None };
        let scalars = call.arguments.iter().filter(|argument| argument.value_type() == ValueType::Scalar);
        for (place, argument) in scalars.enumerate() {
            let argument = argument.without_parentheses();
            found.is_constant &= is_constant(argument);
            found.span = found.span.or(Some(argument.span()));
            for (arguments, value) in found.steps.iter_mut().zip(self.scalar(argument, steps)?) {
                if let Some(slot) = arguments.get_mut(place) {
                    *slot = value;
                }
            }
        }
        Ok(found)
    }

    fn check_arguments(
        &mut self,
        function: Function,
        rows: &[Row],
        arguments: &ScalarArguments,
    ) -> Result<(), QueryError> {
        let is_valid = |arguments: &Arguments| match function {
            Function::QuantileOverTime => (0.0..=1.0).contains(&arguments[0]),
            Function::DoubleExponentialSmoothing => arguments.iter().all(|factor| is_factor(*factor)),
            _ => true,
        };
        if arguments.steps.iter().all(is_valid) {
            return Ok(());
        }
        let mut has_value = vec![false; arguments.steps.len()];
        for (step, _) in rows.iter().flat_map(|row| row.column.present()) {
            if let Some(has_value) = has_value.get_mut(step) {
                *has_value = true;
            }
        }
        let invalid = arguments.steps.iter().zip(has_value);
        for (values, _) in invalid.filter(|(values, has_value)| *has_value && !is_valid(values)) {
            match (function, arguments.span) {
                (Function::QuantileOverTime, Some(span)) => self.annotations.quantile_level(values[0], span),
                _ => return Err(invalid_factor(*values)),
            }
        }
        Ok(())
    }

    fn annotate_non_counters(&mut self, rows: &[Row], span: Span) {
        for row in rows {
            let labels = self.table.get(row.labels);
            let name = labels.get(METRIC_NAME);
            if name.is_empty() || !row.has_values() {
                continue;
            }
            if self.options.type_and_unit_labels {
                let metric_type = labels.get("__type__");
                if !matches!(metric_type, "counter" | "histogram") {
                    self.annotations.possible_non_counter_type(name, metric_type, span);
                }
            } else if !["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix)) {
                self.annotations.possible_non_counter(name, span);
            }
        }
    }

    fn over_selector(
        &mut self,
        function: Function,
        matrix: &MatrixSelector,
        steps: &Steps,
        arguments: &ScalarArguments,
    ) -> Result<Vec<Row>, QueryError> {
        let selector = &matrix.selector;
        check_extension(function, selector.extension)?;
        let extent = self.extent(matrix)?;
        let anchor = self.anchor(selector.at.as_ref(), selector.offset.as_ref())?;
        let [first, second] = arguments.steps.first().copied().unwrap_or_default();
        let constant = if arguments.is_constant { [first, second] } else { [0.0; 2] };
        let arguments = (!arguments.is_constant).then_some(&arguments.steps[..]);
        let kind = LeafKind::Range { function, extension: selector.extension, extent, arguments: constant.map(Number) };
        let leaf = Leaf { conditions: Conditions::of(selector), anchor, steps: *steps, kind };
        self.leaf(leaf, arguments, matrix.span)
    }

    /// Returns the extent of the windows of a range selector.
    pub(in super::super) fn extent(&self, matrix: &MatrixSelector) -> Result<Extent, QueryError> {
        let range = matrix.range.positive_nanos(&self.durations)?;
        let range = i64::try_from(range).unwrap_or(i64::MAX);
        let lookback = self.reader.lookback;
        let (before, after) = match matrix.selector.extension {
            None => (0, 0),
            Some(RangeExtension::Anchored) => (lookback, 0),
            Some(RangeExtension::Smoothed) => (lookback, lookback),
        };
        Ok(Extent { range, before, after })
    }

    fn over_subquery(
        &mut self,
        function: Function,
        subquery: &Subquery,
        steps: &Steps,
        arguments: &ScalarArguments,
    ) -> Result<Vec<Row>, QueryError> {
        let (series, anchor, range) = self.eval_subquery(subquery, steps)?;
        let extent = Extent { range, before: 0, after: 0 };
        let at = |index: usize| arguments.steps.get(index).copied().unwrap_or_default();
        let range = RangeFunction { function, extension: None, steps, anchor, extent };
        let mut scratch = Scratch::new(self.reader.budget.stop_check());
        let mut rows = Vec::with_capacity(series.len());
        for (row, samples) in series {
            // What the column does not need is taken back.
            let most = most_bytes(&samples.times, steps, anchor, extent);
            self.reader.budget.add_bytes(most)?;
            let column = range.column(&samples, at, &mut scratch);
            self.reader.budget.check()?;
            self.reader.budget.remove_bytes(most.saturating_sub(column.byte_len()));
            self.reader.budget.remove_bytes(samples.len().saturating_mul(size_of::<(i64, f64)>()));
            rows.push(Row { column, ..row });
        }
        rows.retain(Row::has_values);
        self.count_values(&rows)?;
        Ok(rows)
    }

    /// Evaluates a subquery: its series (with empty columns), the reference times of its windows, and its range.
    pub(in super::super) fn eval_subquery(
        &mut self,
        subquery: &Subquery,
        steps: &Steps,
    ) -> Result<SubquerySeries, QueryError> {
        let range = i64::try_from(subquery.range.positive_nanos(&self.durations)?).unwrap_or(i64::MAX);
        let step = match &subquery.step {
            Some(step) => step.positive_nanos(&self.durations)?,
            None => u64::try_from(self.options.subquery_step.as_nanos()).unwrap_or(u64::MAX),
        };
        let step = i64::try_from(step).unwrap_or(i64::MAX).max(1);
        let anchor = self.anchor(subquery.at.as_ref(), subquery.offset.as_ref())?;
        let (first, last) = (anchor.time(steps.start), anchor.time(steps.last()));
        // The first multiple of the step behind the start of the first window, which is open at the left.
        let start = first.saturating_sub(range);
        let aligned = start.div_euclid(step).saturating_add(1).saturating_mul(step);
        if aligned > last {
            return Ok((Vec::new(), anchor, range));
        }
        let more = (i128::from(last) - i128::from(aligned)) / i128::from(step);
        let limit = self.options.max_samples;
        if u64::try_from(more).is_ok_and(|more| more >= limit) {
            return Err(QueryError::LimitExceeded { what: "steps of a subquery", limit, option: "max_samples" });
        }
        let count = usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1);
        let inner = Steps { start: aligned, step, count };
        let rows = self.rows(&subquery.inner, &inner)?;
        let samples: usize = rows.iter().map(|row| row.column.count()).sum();
        self.reader.budget.add_bytes(samples.saturating_mul(size_of::<(i64, f64)>()))?;
        let to_series = |row: Row| {
            let mut samples = Samples::default();
            for (step, value) in row.column.present() {
                samples.push(inner.at(step), value);
            }
            (Row { column: Column::default(), ..row }, samples)
        };
        let bytes = rows.iter().map(|row| row.column.byte_len()).sum();
        let series = rows.into_iter().map(to_series).collect();
        self.reader.budget.remove_bytes(bytes);
        Ok((series, anchor, range))
    }
}

/// Returns the error of factors of `double_exponential_smoothing` of which one is invalid.
fn invalid_factor([smoothing, trend]: Arguments) -> QueryError {
    let (name, short, factor) =
        if is_factor(smoothing) { ("trend", "tf", trend) } else { ("smoothing", "sf", smoothing) };
    QueryError::execution(format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"))
}

fn check_extension(function: Function, extension: Option<RangeExtension>) -> Result<(), QueryError> {
    let (name, allowed) = match extension {
        Some(RangeExtension::Anchored) => ("anchored", &ANCHORED[..]),
        Some(RangeExtension::Smoothed) => ("smoothed", &SMOOTHED[..]),
        None => return Ok(()),
    };
    if allowed.contains(&function) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|function| function.name()).collect();
    let message = format!("{name} modifier can only be used with: {} - not with {}", names.join(", "), function.name());
    Err(QueryError::execution(message))
}

/// Returns the samples of an `anchored` or `smoothed` range, with samples at both ends of the range.
pub(in super::super) fn extended_samples(samples: &Samples, start: i64, end: i64, is_smoothed: bool) -> Samples {
    let (times, values) = (&samples.times[..], &samples.values[..]);
    let mut extended = Samples::default();
    let Some(mut last) = times.len().checked_sub(1) else { return extended };
    let first = times[..last].partition_point(|time| *time <= start).saturating_sub(1);
    if is_smoothed {
        last = times[..last].partition_point(|time| *time < end);
    }
    if times[last] <= start {
        return extended;
    }
    let line = |at: usize, time: i64| {
        let (one, other) = ((times[at], values[at]), (times[at + 1], values[at + 1]));
        super::super::window::interpolate(one, other, time, false)
    };
    let left = if is_smoothed && times[first] < start && first < last { line(first, start) } else { values[first] };
    let right = if is_smoothed && last > 0 && times[last] > end { line(last - 1, end) } else { values[last] };
    extended.push(start, left);
    for (time, value) in times.iter().zip(values).skip(first).take(last - first + 1) {
        if *time > start && *time < end {
            extended.push(*time, *value);
        }
    }
    extended.push(end, right);
    extended
}
