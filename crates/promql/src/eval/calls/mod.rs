//! Function calls.

mod histogram;
mod info;
mod labels;
mod over_range;
mod sort;

pub(super) use over_range::extended_samples;

use std::collections::{BTreeMap, HashSet};

use super::column::{Column, MISSING, is_present};
use super::error::QueryError;
use super::evaluator::{Evaluator, Value, map_values};
use super::functions::date::DatePart;
use super::functions::math;
use super::labels::Labels;
use super::leaf::LeafKind;
use super::number::seconds;
use super::row::{Row, merge_same_labels};
use super::window::Steps;
use crate::ast::{Call, Expression, Function, MatchOperator, RangeExtension, ValueType, VectorSelector};

impl Evaluator<'_> {
    /// Evaluates a function call.
    pub(super) fn eval_call(&mut self, call: &Call, steps: &Steps) -> Result<Value, QueryError> {
        use Function as F;
        if call.arguments.iter().any(|argument| argument.value_type() == ValueType::Matrix) {
            return self.eval_over_range(call, steps).map(Value::Rows);
        }
        if let Some(scalar) = self.eval_scalar_call(call, steps)? {
            return Ok(Value::Scalar(scalar));
        }
        if let Some(function) = math::of_one(call.function) {
            return self.map_argument(call, 0, steps, function).map(Value::Rows);
        }
        if let Some(part) = DatePart::of_function(call.function) {
            return self.eval_date(call, part, steps).map(Value::Rows);
        }
        let rows = match call.function {
            F::Absent => self.eval_absent(call, steps)?,
            F::Clamp | F::ClampMin | F::ClampMax => self.eval_clamp(call, steps)?,
            F::Round => self.eval_round(call, steps)?,
            F::Timestamp => self.eval_timestamp(call, steps)?,
            F::Vector => {
                let values = self.scalar_argument(call, 0, steps)?;
                vec![Row::without_labels(values)]
            }
            F::Sort | F::SortDesc | F::SortByLabel | F::SortByLabelDesc => self.eval_sort(call, steps)?,
            F::LabelReplace => self.eval_label_replace(call, steps)?,
            F::LabelJoin => self.eval_label_join(call, steps)?,
            F::HistogramQuantile | F::HistogramQuantiles | F::HistogramFraction => self.eval_histogram(call, steps)?,
            F::Info => self.eval_info(call, steps)?,
            // The others are about native histograms and start timestamps, which the store does not have.
            _ => {
                for argument in &call.arguments {
                    self.eval(argument, steps)?;
                }
                Vec::new()
            }
        };
        if makes_columns(call.function) {
            self.count_rows(&rows)?;
        } else {
            self.count_values(&rows)?;
        }
        Ok(Value::Rows(rows))
    }

    /// Returns an argument; the parser has checked the number of arguments.
    fn argument(call: &Call, index: usize) -> Result<&Expression, QueryError> {
        let argument = call.arguments.get(index).map(Expression::without_parentheses);
        argument.ok_or_else(|| QueryError::execution(format!("{} lacks an argument", call.function.name())))
    }

    fn rows_argument(&mut self, call: &Call, index: usize, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        self.rows(Self::argument(call, index)?, steps)
    }

    fn scalar_argument(&mut self, call: &Call, index: usize, steps: &Steps) -> Result<Vec<f64>, QueryError> {
        self.scalar(Self::argument(call, index)?, steps)
    }

    fn text_argument(call: &Call, index: usize) -> Result<String, QueryError> {
        match Self::argument(call, index)? {
            Expression::String(string) => Ok(string.text().into_owned()),
            _ => Err(QueryError::execution(format!("{} needs a string", call.function.name()))),
        }
    }

    fn map_argument(
        &mut self,
        call: &Call,
        index: usize,
        steps: &Steps,
        map: impl Fn(f64) -> f64,
    ) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows_argument(call, index, steps)?;
        map_values(&mut rows, map);
        self.drop_names(&mut rows);
        merge_same_labels(rows, self.reader.budget)
    }

    fn eval_scalar_call(&mut self, call: &Call, steps: &Steps) -> Result<Option<Vec<f64>>, QueryError> {
        let constant = |value: f64| vec![value; steps.count];
        Ok(Some(match call.function {
            Function::Time => steps.iter().map(seconds).collect(),
            Function::Pi => constant(std::f64::consts::PI),
            Function::Start => constant(seconds(self.query.start)),
            Function::End => constant(seconds(self.query_end)),
            Function::Step => constant(self.durations.step.as_secs_f64()),
            Function::Range => constant(self.durations.range.as_secs_f64()),
            Function::MinOf | Function::MaxOf => {
                let (one, other) = (self.scalar_argument(call, 0, steps)?, self.scalar_argument(call, 1, steps)?);
                let is_min = call.function == Function::MinOf;
                let least = |(one, other): (&f64, &f64)| {
                    let infinity = if is_min { f64::NEG_INFINITY } else { f64::INFINITY };
                    if is_min { math::clamp(*one, infinity, *other) } else { math::clamp(*one, *other, infinity) }
                };
                one.iter().zip(&other).map(least).collect()
            }
            Function::Scalar => {
                let rows = self.rows_argument(call, 0, steps)?;
                (0..steps.count).map(|step| only_value(&rows, step)).collect()
            }
            _ => return Ok(None),
        }))
    }

    fn eval_date(&mut self, call: &Call, part: DatePart, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        if !call.arguments.is_empty() {
            return self.map_argument(call, 0, steps, |value| part.of(value));
        }
        let values = steps.iter().map(|time| part.of(seconds(time))).collect();
        Ok(vec![Row::without_labels(values)])
    }

    fn eval_absent(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let argument = Self::argument(call, 0)?;
        let rows = self.rows(argument, steps)?;
        Ok(self.absent_row(argument, &rows, steps))
    }

    /// Returns the row of the steps at which no other row has a value.
    fn absent_row(&mut self, argument: &Expression, rows: &[Row], steps: &Steps) -> Vec<Row> {
        let mut values = vec![1.0; steps.count];
        for (step, _) in rows.iter().flat_map(|row| row.column.present()) {
            if let Some(value) = values.get_mut(step) {
                *value = MISSING;
            }
        }
        let labels = self.table.intern(absent_labels(argument));
        let row = Row { labels, drops_name: false, column: Column::dense(values) };
        if row.has_values() { vec![row] } else { Vec::new() }
    }

    fn eval_clamp(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows_argument(call, 0, steps)?;
        let first = self.scalar_argument(call, 1, steps)?;
        let (least, greatest) = match call.function {
            Function::Clamp => (first, self.scalar_argument(call, 2, steps)?),
            Function::ClampMin => (first, vec![f64::INFINITY; steps.count]),
            _ => (vec![f64::NEG_INFINITY; steps.count], first),
        };
        for row in &mut rows {
            for (step, value) in row.column.present_mut() {
                let (Some(least), Some(greatest)) = (least.get(step), greatest.get(step)) else { continue };
                *value = if greatest < least { MISSING } else { math::clamp(*value, *least, *greatest) };
            }
        }
        self.drop_names(&mut rows);
        merge_same_labels(rows, self.reader.budget)
    }

    fn eval_round(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let mut rows = self.rows_argument(call, 0, steps)?;
        let to = if call.arguments.len() > 1 { self.scalar_argument(call, 1, steps)? } else { vec![1.0; steps.count] };
        for row in &mut rows {
            for (step, value) in row.column.present_mut() {
                *value = math::round(*value, to.get(step).copied().unwrap_or(1.0));
            }
        }
        self.drop_names(&mut rows);
        merge_same_labels(rows, self.reader.budget)
    }

    fn eval_timestamp(&mut self, call: &Call, steps: &Steps) -> Result<Vec<Row>, QueryError> {
        let argument = Self::argument(call, 0)?;
        let mut rows = match argument {
            Expression::Vector(selector) if selector.extension != Some(RangeExtension::Smoothed) => {
                self.selector_leaf(selector, steps, LeafKind::NewestTime)?
            }
            _ => {
                let mut rows = self.rows(argument, steps)?;
                for row in &mut rows {
                    for (step, value) in row.column.present_mut() {
                        *value = seconds(steps.at(step));
                    }
                }
                rows
            }
        };
        self.drop_names(&mut rows);
        merge_same_labels(rows, self.reader.budget)
    }
}

/// Returns `true` for functions that make columns which are not counted yet. Others change columns in place, or count the
/// cells before they make them.
fn makes_columns(function: Function) -> bool {
    use Function as F;
    matches!(function, F::Absent | F::Vector | F::HistogramQuantile | F::HistogramFraction)
}

/// Returns the only value at a step; NaN if there is none or are several.
fn only_value(rows: &[Row], step: usize) -> f64 {
    let mut values = rows.iter().map(|row| row.at(step)).filter(|value| is_present(*value));
    match (values.next(), values.next()) {
        (Some(value), None) => value,
        _ => f64::NAN,
    }
}

/// Returns the labels that a missing series would have: those that a selector sets to one value.
fn absent_labels(expression: &Expression) -> Labels {
    let selector: &VectorSelector = match expression {
        Expression::Vector(selector) => selector,
        Expression::Matrix(matrix) => &matrix.selector,
        _ => return Labels::default(),
    };
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let mut known: HashSet<String> = HashSet::new();
    for matcher in selector.conditions().into_iter().filter(|matcher| matcher.label != super::labels::METRIC_NAME) {
        // Any condition after the first one that sets a label takes it back, as in the reference.
        if matcher.operator == MatchOperator::Equal && known.insert(matcher.label.clone()) {
            labels.insert(matcher.label, matcher.value);
        } else {
            labels.remove(&matcher.label);
        }
    }
    labels.into_iter().collect()
}
