//! Functions over the windows of a row: moving over the last windows, and cumulative from the first one.

use std::fmt;
use std::str::FromStr;

use super::aggregate::ColumnType;
use super::column::Column;
use super::kernels::{add_run_sums, canonical_nan, sum_to_f64};
use super::moments::mean_of_integers;
use super::partial::{as_integer, extreme_value, integer_in_type};
use super::plan::QueryPlan;
use super::sliding::{Append, TwoStackQueue};
use super::window_output::{WindowColumns, WindowFailure};
use crate::state::merge::RunSum;
use crate::types::error::{Error, shortened};
use crate::types::point::{Timestamp, Value, ValueType};

/// Function over the windows of a row; see [`Query::window_function`](crate::Query::window_function).
///
/// A moving function of `n` takes a window and the `n - 1` windows before it, by time: windows that were left out count,
/// and have no value. A cumulative function takes a window and all windows of the row before it. Missing values are
/// ignored; a result is missing if there is no value to take. The first windows of a row have fewer windows before them.
///
/// The mean is `f64`, the cumulative count `u64`; other results have the type of the column, the sum of booleans `u64`. A
/// sum of integers that exceeds their type is [`Error::SumOverflow`]. NaN makes a sum and a mean NaN; least and greatest
/// values ignore it. Floats are added in an order that depends on the windows of the row only.
///
/// ```
/// use timestrata::WindowFunction;
///
/// assert_eq!("moving_mean(5)".parse::<WindowFunction>()?, WindowFunction::MovingMean(5));
/// assert_eq!(WindowFunction::CumulativeSum.to_string(), "cumulative_sum");
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WindowFunction {
    /// Mean of the values of the last windows, each with the same weight.
    MovingMean(
        /// Number of windows, at least 1.
        u32,
    ),
    /// Sum of the values of the last windows.
    MovingSum(
        /// Number of windows, at least 1.
        u32,
    ),
    /// Least value of the last windows.
    MovingMin(
        /// Number of windows, at least 1.
        u32,
    ),
    /// Greatest value of the last windows.
    MovingMax(
        /// Number of windows, at least 1.
        u32,
    ),
    /// Sum of the values so far.
    CumulativeSum,
    /// Least value so far.
    CumulativeMin,
    /// Greatest value so far.
    CumulativeMax,
    /// Number of windows with a value so far.
    CumulativeCount,
}

/// Part of a function that is the same for moving and cumulative ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Mean,
    Sum,
    Min,
    Max,
    Count,
}

const CUMULATIVE_NAMES: [(&str, WindowFunction); 4] = [
    ("cumulative_sum", WindowFunction::CumulativeSum),
    ("cumulative_min", WindowFunction::CumulativeMin),
    ("cumulative_max", WindowFunction::CumulativeMax),
    ("cumulative_count", WindowFunction::CumulativeCount),
];

impl WindowFunction {
    /// Returns the measure, and the number of windows of a moving function.
    fn parts(self) -> (Measure, Option<u32>) {
        match self {
            Self::MovingMean(windows) => (Measure::Mean, Some(windows)),
            Self::MovingSum(windows) => (Measure::Sum, Some(windows)),
            Self::MovingMin(windows) => (Measure::Min, Some(windows)),
            Self::MovingMax(windows) => (Measure::Max, Some(windows)),
            Self::CumulativeSum => (Measure::Sum, None),
            Self::CumulativeMin => (Measure::Min, None),
            Self::CumulativeMax => (Measure::Max, None),
            Self::CumulativeCount => (Measure::Count, None),
        }
    }

    /// Checks that a moving function has a window.
    pub(super) fn validate(self) -> Result<(), Error> {
        match self.parts().1 {
            Some(0) => Err(Error::InvalidQuery { detail: format!("{self}: at least 1 window is needed") }),
            _ => Ok(()),
        }
    }

    /// Returns the type of the results for a column; `None` if the function does not apply to its values.
    pub(super) fn output_type(self, column: ColumnType) -> Option<ColumnType> {
        match (self.parts().0, column) {
            (Measure::Mean | Measure::Sum, ColumnType::Timestamp) => None,
            (Measure::Mean, _) => Some(ColumnType::F64),
            (Measure::Count, _) | (Measure::Sum, ColumnType::Bool) => Some(ColumnType::U64),
            (Measure::Sum | Measure::Min | Measure::Max, column) => Some(column),
        }
    }

    /// Returns the name of the column of the results, such as `moving_mean(sum, 5)`.
    #[must_use]
    pub fn name_of_column(self, column: &str) -> String {
        let text = self.to_string();
        let name = text.split('(').next().unwrap_or_default();
        self.parts().1.map_or_else(|| format!("{name}({column})"), |windows| format!("{name}({column}, {windows})"))
    }

    /// Replaces the values of all columns.
    pub(super) fn apply(self, rows: WindowColumns, plan: &QueryPlan) -> WindowColumns {
        let numbers: Vec<i128> = rows.starts.iter().map(|start| plan.grid.number_of(*start)).collect();
        let mut failure = rows.failure;
        let values = rows.values.iter().map(|column| {
            let (results, overflow) = self.apply_to_column(column, &numbers, &rows.starts);
            failure = failure.or(overflow);
            results
        });
        let values = values.collect();
        WindowColumns { starts: rows.starts, values, failure }
    }

    fn apply_to_column(
        self,
        column: &Column,
        numbers: &[i128],
        starts: &[Timestamp],
    ) -> (Column, Option<(Timestamp, WindowFailure)>) {
        let (measure, windows) = self.parts();
        let ty = self.output_type(column.column_type()).unwrap_or(ColumnType::F64);
        let mut results = Column::of_type(ty);
        let mut failure = None;
        let (mut held, mut so_far) = (TwoStackQueue::new(), None::<WindowTally>);
        for ((number, start), value) in numbers.iter().zip(starts).zip(column.iter()) {
            let tally = value.map(WindowTally::of);
            let total = if let Some(windows) = windows {
                while held.oldest().is_some_and(|oldest: i128| oldest <= number - i128::from(windows)) {
                    held.pop();
                }
                if let Some(tally) = tally {
                    held.push(*number, tally);
                }
                held.merged()
            } else {
                match (&mut so_far, tally) {
                    (Some(so_far), Some(tally)) => so_far.append(tally),
                    (so_far, tally) => *so_far = so_far.or(tally),
                }
                so_far
            };
            if !results.push(total.map(|total| total.value(measure, ty))) {
                let ty = if ty == ColumnType::U64 { ValueType::U64 } else { ValueType::I64 };
                failure.get_or_insert((*start, WindowFailure::SumOverflow(ty)));
            }
        }
        (results, failure)
    }
}

/// Sum, extremes and number of the values of some windows.
#[derive(Debug, Clone, Copy)]
struct WindowTally {
    count: u64,
    sum: RunSum,
    min: Option<Value>,
    max: Option<Value>,
}

impl WindowTally {
    fn of(value: Value) -> Self {
        let ordered = Some(value).filter(|value| !value.as_f64().is_nan());
        let sum = as_integer(value).map_or_else(|| RunSum::Float(value.as_f64()), RunSum::Integer);
        Self { count: 1, sum, min: ordered, max: ordered }
    }

    fn value(self, measure: Measure, ty: ColumnType) -> Value {
        let nan = Value::F64(f64::NAN);
        match (measure, self.sum) {
            (Measure::Count, _) => Value::U64(self.count),
            (Measure::Min, _) => self.min.unwrap_or(nan),
            (Measure::Max, _) => self.max.unwrap_or(nan),
            (Measure::Sum, RunSum::Float(sum)) => Value::F64(canonical_nan(sum)),
            (Measure::Sum, RunSum::Integer(sum)) => integer_in_type(sum, ty != ColumnType::U64),
            #[expect(clippy::cast_precision_loss, reason = "no row has 2^53 windows")]
            (Measure::Mean, RunSum::Float(_)) => Value::F64(canonical_nan(sum_to_f64(self.sum) / self.count as f64)),
            (Measure::Mean, RunSum::Integer(sum)) => Value::F64(mean_of_integers(sum, self.count)),
        }
    }
}

impl Append for WindowTally {
    fn append(&mut self, later: Self) {
        self.count += later.count;
        self.sum = add_run_sums(self.sum, later.sum);
        self.min = extreme_value(self.min, later.min, std::cmp::Ordering::Less);
        self.max = extreme_value(self.max, later.max, std::cmp::Ordering::Greater);
    }

    fn byte_len(&self) -> usize {
        size_of::<Self>()
    }
}

/// Writes a name with the number of windows, such as `moving_mean(5)`, or `cumulative_sum`.
impl fmt::Display for WindowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MovingMean(windows) => f.pad(&format!("moving_mean({windows})")),
            Self::MovingSum(windows) => f.pad(&format!("moving_sum({windows})")),
            Self::MovingMin(windows) => f.pad(&format!("moving_min({windows})")),
            Self::MovingMax(windows) => f.pad(&format!("moving_max({windows})")),
            cumulative => {
                let named = CUMULATIVE_NAMES.iter().find(|(_, function)| function == cumulative);
                f.pad(named.map_or("", |(name, _)| name))
            }
        }
    }
}

/// Parses what [`Display`](fmt::Display) writes. The error is [`Error::InvalidQuery`].
impl FromStr for WindowFunction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let moving = || {
            let (name, windows) = text.strip_suffix(')')?.split_once('(')?;
            let windows = windows.parse().ok().filter(|windows| *windows > 0)?;
            Some(match name {
                "moving_mean" => Self::MovingMean(windows),
                "moving_sum" => Self::MovingSum(windows),
                "moving_min" => Self::MovingMin(windows),
                "moving_max" => Self::MovingMax(windows),
                _ => return None,
            })
        };
        let named = CUMULATIVE_NAMES.iter().find(|(name, _)| *name == text).map(|(_, function)| *function);
        named.or_else(moving).ok_or_else(|| Error::InvalidQuery {
            detail: format!(
                "{:?} is not a window function, which are moving_mean(5), moving_sum(5), moving_min(5), moving_max(5), \
                 {}",
                shortened(text),
                CUMULATIVE_NAMES.map(|(name, _)| name).join(", ")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(function: &str, values: &[Option<Value>], numbers: &[i128]) -> Vec<Option<Value>> {
        let function: WindowFunction = function.parse().unwrap();
        assert_eq!(function.to_string().parse::<WindowFunction>().unwrap(), function);
        let starts = vec![Timestamp::UNIX_EPOCH; values.len()];
        let (column, failure) = function.apply_to_column(&values.iter().copied().collect(), numbers, &starts);
        assert_eq!(failure, None);
        column.iter().collect()
    }

    #[test]
    fn moving_functions_count_the_windows_that_were_left_out() {
        let some = |value: i64| Some(Value::I64(value));
        let values = [some(4), some(-1), None, some(7), some(2)];
        let numbers = [0, 1, 2, 3, 6];
        assert_eq!(applied("moving_sum(3)", &values, &numbers), [some(4), some(3), some(3), some(6), some(2)]);
        assert_eq!(applied("moving_min(2)", &values, &numbers), [some(4), some(-1), some(-1), some(7), some(2)]);
        assert_eq!(applied("moving_max(9)", &values, &numbers), [some(4), some(4), some(4), some(7), some(7)]);
        let means = [4.0, 1.5, -1.0, 7.0, 2.0].map(|mean| Some(Value::F64(mean)));
        assert_eq!(applied("moving_mean(2)", &values, &numbers), means);
        assert_eq!(applied("cumulative_sum", &values, &numbers), [some(4), some(3), some(3), some(10), some(12)]);
        let counts = [1, 2, 2, 3, 4].map(|count| Some(Value::U64(count)));
        assert_eq!(applied("cumulative_count", &values, &numbers), counts);
        assert_eq!(applied("cumulative_min", &[None, some(3)], &[0, 1]), [None, some(3)]);
    }

    #[test]
    fn sums_beyond_the_type_and_texts_without_a_meaning_are_refused() {
        let column: Column = [Some(Value::I64(i64::MAX)), Some(Value::I64(1))].into_iter().collect();
        let starts = [Timestamp::UNIX_EPOCH, Timestamp::from_secs(1)];
        let (_, failure) = WindowFunction::CumulativeSum.apply_to_column(&column, &[0, 1], &starts);
        assert_eq!(failure, Some((Timestamp::from_secs(1), WindowFailure::SumOverflow(ValueType::I64))));
        for bad in ["moving_mean", "moving_mean(0)", "moving_mean(-1)", "cumulative_mean", "moving_sum(5"] {
            assert!(bad.parse::<WindowFunction>().is_err(), "{bad}");
        }
        assert!(WindowFunction::MovingSum(0).validate().is_err());
        assert_eq!(WindowFunction::MovingSum(2).output_type(ColumnType::Timestamp), None);
    }
}
