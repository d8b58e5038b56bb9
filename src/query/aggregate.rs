//! Aggregate functions and their names.
//!
//! `kernels`, `moments`, `quantile` and `rates` compute the aggregates.

use std::fmt;
use std::str::FromStr;

use crate::types::error::{Error, shortened};
use crate::types::point::ValueType;

/// Function that reduces the points of a window to one value.
///
/// The result depends on the points only, not on the files that hold them. It is the same bit for bit, except for
/// [`Sum`](Self::Sum) and [`Mean`](Self::Mean) of floats: their rounding may differ where the statistics of blocks
/// answered, see [`Query::statistics`](crate::Query::statistics). A NaN result is always [`f64::NAN`], whatever the
/// payloads of the input; only `First` and `Last` return the value of a point unchanged.
///
/// # Groups
/// Several series in one group ([`Query::group_by`](crate::Query::group_by)) yield one value for all their points
/// together. Series without a point in the range do not count. [`Increase`](Self::Increase), [`Rate`](Self::Rate),
/// [`Delta`](Self::Delta), [`Derivative`](Self::Derivative) and [`Integral`](Self::Integral) are computed for each series
/// and summed.
///
/// # Types
/// The aggregate and the type of the series determine the type of a column, never the values: `u64` for
/// [`Count`](Self::Count), the type of the series for [`Min`](Self::Min), [`Max`](Self::Max), [`First`](Self::First),
/// [`Last`](Self::Last) and [`Sum`](Self::Sum) (`u64` for the sum of booleans), and `f64` for all others. If the series of a
/// group have different types, the type is `f64` instead of theirs, in all windows.
///
/// # Steps
/// The last five aggregates are computed from steps: pairs of consecutive points of a series. A step belongs to the
/// window of its *later* point, so the steps of all windows are those of the whole range, each once. The first point in
/// the range has no step, since points before the range are not read. Points whose value is NaN are ignored. A window
/// without a step has no value. Time is in seconds, and results are `f64`; differences of integers are exact before the
/// conversion. Infinite values follow float arithmetic, to an infinity or NaN.
///
/// ```
/// use timestrata::Aggregate;
///
/// assert_eq!("mean".parse::<Aggregate>()?, Aggregate::Mean);
/// assert_eq!("p99".parse::<Aggregate>()?, Aggregate::quantile(0.99));
/// assert_eq!(Aggregate::quantile(0.5).to_string(), "quantile(0.5)");
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// Number of points, NaN included, as `u64`.
    Count,
    /// Sum of the values.
    ///
    /// The sum of integers is exact and has their type. If it exceeds the range of that type in a window, the query fails
    /// with [`Error::SumOverflow`]; [`SumAsF64`](Self::SumAsF64) has no such limit. For booleans the sum is the number of
    /// `true`, as `u64`. Floats are added in eight partial sums, the n-th point of
    /// the window to sum n modulo 8, which are then added in pairs; any NaN makes the result NaN. An intermediate sum
    /// may overflow to an infinity. The sums of the series of a group are added in the order of their keys.
    Sum,
    /// [`Sum`](Self::Sum) as `f64`: for integers, the double nearest to the exact sum, of any size.
    ///
    /// The name is `sum as f64`.
    SumAsF64,
    /// [`Sum`](Self::Sum) divided by the number of points, as `f64`.
    ///
    /// For integers the exact sum is divided, and the quotient is rounded once, to the nearest double.
    Mean,
    /// Least value.
    ///
    /// `false` is less than `true`, and -0.0 less than 0.0. NaN is ignored unless all values are NaN.
    Min,
    /// Greatest value, by the same order as [`Min`](Self::Min).
    Max,
    /// Value of the earliest point.
    ///
    /// Of several points at that time, the point that arrived first counts; of several series, the first series by key.
    First,
    /// Value of the latest point.
    ///
    /// Of several points at that time, the point that arrived last counts; of several series, the last series by key.
    Last,
    /// Greatest value minus the least, as `f64`.
    ///
    /// For integers the difference is exact before the conversion. NaN is ignored unless all values are NaN.
    Spread,
    /// Population variance as `f64`: the mean of the squared distances from the mean.
    ///
    /// The variance is 0 for one point; any NaN or infinity makes it NaN. The algorithm is Welford's in eight lanes,
    /// merged by Chan's formula, so large values that are close together do not cancel out. Integers are first reduced by
    /// the first value of their window, so those beyond 2^53 lose nothing, such as timestamps in nanoseconds.
    Variance,
    /// Square root of the [`Variance`](Self::Variance).
    StdDev,
    /// Value below which a fraction of the points lies; see [`quantile`](Self::quantile).
    Quantile(
        /// The fraction.
        QuantileLevel,
    ),
    /// Increase of a counter: the sum of its steps.
    ///
    /// A decrease means that the counter restarted at 0; such a step counts as the value after it.
    Increase,
    /// [`Increase`](Self::Increase) divided by the seconds of its steps.
    ///
    /// No value if the steps took no time.
    Rate,
    /// Last value minus the value before the first step: the change, up or down.
    Delta,
    /// [`Delta`](Self::Delta) divided by the seconds of the steps. No value if the steps took no time.
    Derivative,
    /// Area below the values over time in value-seconds, each step a trapezoid.
    Integral,
}

/// Type of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    F64,
    I64,
    U64,
    Bool,
    Timestamp,
}

impl From<ValueType> for ColumnType {
    fn from(ty: ValueType) -> Self {
        match ty {
            ValueType::F64 => Self::F64,
            ValueType::I64 => Self::I64,
            ValueType::U64 => Self::U64,
            ValueType::Bool => Self::Bool,
        }
    }
}

/// Level of a quantile: a fraction from 0 to 1, exact to a millionth; made by [`Aggregate::quantile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuantileLevel(u32);

const MILLION: u32 = 1_000_000;

impl QuantileLevel {
    /// Returns the level; NaN if it was given outside 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        if self.0 <= MILLION { f64::from(self.0) / f64::from(MILLION) } else { f64::NAN }
    }
}

const AGGREGATE_NAMES: [(Aggregate, &str); 16] = [
    (Aggregate::Count, "count"),
    (Aggregate::Sum, "sum"),
    (Aggregate::SumAsF64, "sum as f64"),
    (Aggregate::Mean, "mean"),
    (Aggregate::Min, "min"),
    (Aggregate::Max, "max"),
    (Aggregate::First, "first"),
    (Aggregate::Last, "last"),
    (Aggregate::Spread, "spread"),
    (Aggregate::Variance, "variance"),
    (Aggregate::StdDev, "stddev"),
    (Aggregate::Increase, "increase"),
    (Aggregate::Rate, "rate"),
    (Aggregate::Delta, "delta"),
    (Aggregate::Derivative, "derivative"),
    (Aggregate::Integral, "integral"),
];

impl Aggregate {
    /// Returns the quantile with the level `q`, from 0 to 1.
    ///
    /// Level 0 is the least value, 0.5 the median, 1 the greatest value. For n values in ascending order, the quantile
    /// is the value with the index `q * (n - 1)`, rounded down, as `f64`. It is exact for up to 256 points. For more
    /// points it comes from a sketch (DDSketch, VLDB 2019): it is within 1 % of the exact value for any distribution,
    /// and takes a few kilobytes for each window. NaN is ignored unless all values are NaN; infinities are the least
    /// and the greatest values. The level is rounded to a millionth. A query rejects a level outside 0 to 1.
    #[must_use]
    pub fn quantile(q: f64) -> Self {
        let level = (q * f64::from(MILLION)).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
        let millionths = if (0.0..=f64::from(MILLION)).contains(&level) { level as u32 } else { u32::MAX };
        Self::Quantile(QuantileLevel(millionths))
    }

    /// Returns `true` if the aggregate needs only the number and the sum of the points.
    pub(super) fn needs_only_count_and_sum(self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::SumAsF64 | Self::Mean)
    }

    /// Returns the type of the column of a row whose series have a type, or several types.
    pub(super) fn column_type(self, series: Option<ValueType>) -> ColumnType {
        let series = series.unwrap_or(ValueType::F64);
        match self {
            Self::Count => ColumnType::U64,
            Self::Sum if series == ValueType::Bool => ColumnType::U64,
            Self::Sum | Self::Min | Self::Max | Self::First | Self::Last => series.into(),
            _ => ColumnType::F64,
        }
    }

    /// Checks that the level of a quantile is in its bounds.
    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            Self::Quantile(level) if level.as_f64().is_nan() => {
                Err(Error::InvalidQuery { detail: "the level of a quantile is not from 0 to 1".to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Writes the name in lower case; a quantile as `quantile(0.99)`.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Quantile(level) = self {
            return f.pad(&format!("quantile({})", level.as_f64()));
        }
        let name = AGGREGATE_NAMES.iter().find(|(aggregate, _)| aggregate == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

/// Parses a name in lower case, `quantile(0.99)`, or `p99` for the same.
///
/// The error is [`Error::InvalidQuery`].
impl FromStr for Aggregate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((aggregate, _)) = AGGREGATE_NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*aggregate);
        }
        let level = text.strip_prefix("quantile(").and_then(|rest| rest.strip_suffix(')')?.parse::<f64>().ok());
        let percent = || text.strip_prefix('p')?.parse::<f64>().ok().map(|percent| percent / 100.0);
        let quantile = level.or_else(percent).map(Self::quantile).filter(|quantile| quantile.validate().is_ok());
        quantile.ok_or_else(|| {
            let shown = shortened(text);
            let names = AGGREGATE_NAMES.map(|(_, name)| name).join(", ");
            Error::InvalidQuery {
                detail: format!("{shown:?} is not an aggregate, which are {names}, quantile(0.99) and p99"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_other_texts_are_rejected() {
        for (aggregate, name) in AGGREGATE_NAMES {
            assert_eq!(aggregate.to_string(), name);
            assert_eq!(name.parse::<Aggregate>().unwrap(), aggregate);
        }
        let quantile = Aggregate::quantile(0.999);
        assert_eq!(quantile.to_string().parse::<Aggregate>().unwrap(), quantile);
        assert_eq!("p99.9".parse::<Aggregate>().unwrap(), quantile);
        assert!("Median".parse::<Aggregate>().unwrap_err().to_string().starts_with(
            "invalid query: \"Median\" is not an aggregate, which are count, sum, sum as f64, mean, min, max, first, last"
        ));
        for bad in ["p101", "p-1", "pnan", "quantile(2)", "quantile(0.5", "p"] {
            assert!(bad.parse::<Aggregate>().is_err(), "{bad}");
        }
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Aggregate::quantile(bad).validate().is_err(), "{bad}");
        }
    }
}
