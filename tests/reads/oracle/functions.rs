//! Functions over the windows of a row and rules for missing windows, by their definitions.

use std::collections::BTreeMap;

use timestrata::{Edge, Fill, Value, ValueType, WindowFunction};

use super::aggregates::Estimate;
use super::{Question, double};

/// Cells of a row of the result by the starts of their windows.
pub(crate) type Rows = BTreeMap<i64, Vec<Option<Estimate>>>;

/// Applies a window function. Windows that the row does not have count, and have no value.
pub(crate) fn apply(function: WindowFunction, every: i64, rows: &mut Rows) {
    let windows = match function {
        WindowFunction::MovingMean(windows)
        | WindowFunction::MovingSum(windows)
        | WindowFunction::MovingMin(windows)
        | WindowFunction::MovingMax(windows) => Some(i64::from(windows)),
        _ => None,
    };
    let starts: Vec<i64> = rows.keys().copied().collect();
    let columns = rows.values().next().map_or(0, Vec::len);
    for column in 0..columns {
        let given: Vec<Option<Estimate>> = rows.values().map(|row| row[column]).collect();
        let mut so_far = Tally::default();
        for (nth, row) in rows.values_mut().enumerate() {
            let tally = if let Some(windows) = windows {
                let oldest = starts.partition_point(|start| *start < starts[nth] - (windows - 1) * every);
                let mut tally = Tally::default();
                given[oldest..=nth].iter().flatten().for_each(|value| tally.add(value));
                tally
            } else {
                given[nth].iter().for_each(|value| so_far.add(value));
                so_far
            };
            row[column] = tally.value_type.map(|value_type| tally.result(function, value_type));
        }
    }
}

/// Values that a function takes.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// `None` without a value.
    value_type: Option<ValueType>,
    count: usize,
    sum: f64,
    /// Sum of the absolute values, to which rounding is relative.
    size: f64,
    has_fraction: bool,
    error: f64,
    greatest_error: f64,
    min: Option<f64>,
    max: Option<f64>,
}

impl Tally {
    fn add(&mut self, value: &Estimate) {
        self.value_type = Some(value.value_type);
        self.count += 1;
        self.sum += value.number;
        self.size += value.number.abs();
        self.has_fraction |= value.number.fract() != 0.0;
        self.error += value.error;
        self.greatest_error = self.greatest_error.max(value.error);
        let number = Some(value.number).filter(|number| !number.is_nan());
        self.min = self.min.into_iter().chain(number).min_by(f64::total_cmp);
        self.max = self.max.into_iter().chain(number).max_by(f64::total_cmp);
    }

    fn result(&self, function: WindowFunction, value_type: ValueType) -> Estimate {
        let rounding = 1e-12 * self.size;
        let extreme = |number: Option<f64>| Estimate::of(number.unwrap_or(f64::NAN), value_type, self.greatest_error);
        match function {
            WindowFunction::MovingMean(_) => {
                Estimate::of(self.sum / double(self.count), ValueType::F64, self.greatest_error + rounding)
            }
            WindowFunction::MovingSum(_) | WindowFunction::CumulativeSum => {
                // Sums of whole numbers are exact.
                let rounding = if self.has_fraction { rounding } else { 0.0 };
                Estimate::of(self.sum, value_type, self.error + rounding)
            }
            WindowFunction::MovingMin(_) | WindowFunction::CumulativeMin => extreme(self.min),
            WindowFunction::MovingMax(_) | WindowFunction::CumulativeMax => extreme(self.max),
            WindowFunction::CumulativeCount => Estimate::of(double(self.count), ValueType::U64, 0.0),
            other => panic!("the oracle has no definition of {other}"),
        }
    }
}

/// Adds the missing windows from the first to the last window of the range, or of the row, and gives them values.
pub(crate) fn fill(question: &Question, rows: &mut Rows) {
    let Some(every) = question.every.filter(|_| question.fill != Fill::None) else { return };
    let Some((own_first, own_last)) = rows.keys().next().copied().zip(rows.keys().last().copied()) else { return };
    let shift = i64::from(question.closed == Edge::End);
    let (first, last) = match question.range {
        None => (own_first, own_last),
        Some((from, until)) => {
            let length = question.over.unwrap_or(every);
            (question.start_of(from - shift - length) + every, question.start_of(until - 1 - shift))
        }
    };
    let mut start = first;
    while start <= last {
        rows.entry(start).or_insert_with(|| vec![None; question.operators.len()]);
        start += every;
    }
    for column in 0..question.operators.len() {
        fill_column(question.fill, column, rows);
    }
}

fn fill_column(fill: Fill, column: usize, rows: &mut Rows) {
    let known: Vec<(i64, Estimate)> = rows.iter().filter_map(|(start, row)| Some((*start, row[column]?))).collect();
    let value_type = known.first().map_or(ValueType::F64, |(_, value)| value.value_type);
    for (start, row) in rows.iter_mut().filter(|(_, row)| row[column].is_none()) {
        let place = known.partition_point(|(at, _)| at < start);
        let (before, after) = (known[..place].last(), known.get(place));
        row[column] = match fill {
            Fill::Previous => before.map(|(_, value)| *value),
            Fill::Linear => before.zip(after).map(|(low, high)| interpolated(*start, low, high)),
            Fill::Value(value) => Some(Estimate::of(value.as_f64(), value_type, 0.0)),
            Fill::None | Fill::Null => None,
            other => panic!("the oracle has no definition of {other:?}"),
        };
    }
    // The constant is negative, so that no column of `u64` represents it.
    let becomes_f64 = match fill {
        Fill::Linear => true,
        Fill::Value(value) => value_type == ValueType::U64 && value == Value::I64(-7),
        _ => false,
    };
    if becomes_f64 {
        let values = rows.values_mut().filter_map(|row| row[column].as_mut());
        values.for_each(|value| value.value_type = ValueType::F64);
    }
}

fn interpolated(start: i64, (from, low): &(i64, Estimate), (to, high): &(i64, Estimate)) -> Estimate {
    let length = |nanos: i64| f64::from(i32::try_from(nanos).unwrap());
    let share = length(start - from) / length(to - from);
    let rounding = 1e-12 * (low.number.abs() + high.number.abs());
    let number = low.number + (high.number - low.number) * share;
    Estimate::of(number, ValueType::F64, low.error.max(high.error) + rounding)
}
