//! Aggregate functions and their names.
//!
//! `kernels`, `moments`, `quantile`, `rates`, `regression` and `distinct` compute the aggregates.

mod text;

use std::time::Duration;

use crate::types::error::Error;
use crate::types::point::ValueType;

/// Function that reduces the points of a window to one value.
///
/// The result depends on the points only, not on the files that hold them. It is the same bit for bit, except for
/// [`Sum`](Self::Sum) and [`Mean`](Self::Mean) of floats: their rounding may differ where the statistics of blocks
/// answered, see [`Query::statistics`](crate::Query::statistics). A NaN result is always [`f64::NAN`], whatever the
/// payloads of the input; only `First` and `Last` return the value of a point unchanged.
///
/// [Stale markers](crate::STALE_MARKER_BITS) are no points: they are skipped, and counted in
/// [`Windows::stale_markers`](crate::Windows::stale_markers).
///
/// # Groups
/// Several series in one group ([`Query::group_by`](crate::Query::group_by)) yield one value for all their points
/// together. Series without a point in the range do not count. [`Increase`](Self::Increase), [`Rate`](Self::Rate),
/// [`Delta`](Self::Delta), [`Derivative`](Self::Derivative), [`Integral`](Self::Integral), [`Changes`](Self::Changes) and
/// [`Resets`](Self::Resets) are computed for each series and summed.
///
/// # Types
/// The aggregate and the type of the series determine the type of a column, never the values: `u64` for
/// [`Count`](Self::Count), [`Distinct`](Self::Distinct), [`Changes`](Self::Changes) and [`Resets`](Self::Resets), the type
/// of the series for [`Min`](Self::Min), [`Max`](Self::Max), [`First`](Self::First), [`Last`](Self::Last),
/// [`Mode`](Self::Mode) and [`Sum`](Self::Sum) (`u64` for the sum of booleans), times for [`FirstTime`](Self::FirstTime) and
/// [`LastTime`](Self::LastTime), and `f64` for all others. If the series of a group have different types, the type is
/// `f64` instead of theirs, in all windows.
///
/// # Steps
/// Increase, rate, delta, derivative, integral, changes and resets are computed from steps: pairs of consecutive points
/// of a series. A step belongs to the window of its *later* point, so the steps of all windows are those of the whole
/// range, each once; overlapping windows share steps as they share points. The first point in the range has no step,
/// unless [`Query::lookback`](crate::Query::lookback) finds the point before it. Points whose value is NaN are ignored. A
/// window without a step has no value. Time is in seconds; differences of integers are exact before the conversion to
/// `f64`. Infinite values follow float arithmetic, to an infinity or NaN.
///
/// # Overlapping windows
/// The points of an overlapping window ([`Query::over`](crate::Query::over)) are aggregated in parts, which are merged.
/// Sums and moments of floats may then be rounded differently than over the same points in one window.
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
    /// may overflow to an infinity. The sums of the series of a group are added in the order of their ids.
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
    /// Of several points at that time, the point that arrived first counts; of several series, the one with the least id.
    First,
    /// Value of the latest point.
    ///
    /// Of several points at that time, the point that arrived last counts; of several series, the one with the greatest
    /// id.
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
    /// Quantile interpolated between two values; see [`quantile_linear`](Self::quantile_linear).
    QuantileLinear(
        /// The fraction.
        QuantileLevel,
    ),
    /// Quantile by the nearest rank; see [`quantile_nearest`](Self::quantile_nearest).
    QuantileNearest(
        /// The fraction.
        QuantileLevel,
    ),
    /// Time of the earliest point, of the point of [`First`](Self::First).
    ///
    /// The name is `first_time`. As a [`Value`](crate::Value), a time is its nanoseconds since 1970.
    FirstTime,
    /// Time of the latest point, of the point of [`Last`](Self::Last).
    ///
    /// The name is `last_time`.
    LastTime,
    /// Most frequent value; of several, the least.
    ///
    /// -0.0 counts as 0.0, and NaN is ignored unless all values are NaN. Like [`Distinct`](Self::Distinct), it is exact
    /// for up to 65,536 distinct values of a window, and an error for more.
    Mode,
    /// Number of distinct values, as `u64`.
    ///
    /// -0.0 counts as 0.0, and all NaN together as one value. The number is exact; a window takes about 30 bytes for each
    /// distinct value. If a window of the result has more than 65,536, the query fails with
    /// [`Error::TooManyDistinctValues`].
    Distinct,
    /// Sample variance as `f64`: the [`Variance`](Self::Variance) times n / (n - 1), for n points.
    ///
    /// The name is `sample_variance`. No value for one point.
    SampleVariance,
    /// Square root of the [`SampleVariance`](Self::SampleVariance). The name is `sample_stddev`.
    SampleStdDev,
    /// Slope of the line through the points by least squares, per second.
    ///
    /// NaN is ignored; an infinity makes the result NaN. No value without points at two times. In a group the line is
    /// that of all points together. Times are relative to the first point of the window and integers to its first value,
    /// exactly, and the rounding errors of the sums are kept (Welford, Technometrics 1962; Neumaier, ZAMM 1974).
    Slope,
    /// Value of the line of [`Slope`](Self::Slope) at a time after the end of the window; see
    /// [`prediction`](Self::prediction).
    Prediction(
        /// Time after the end of the window.
        Duration,
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
    /// Number of steps to another value, as `u64`. -0.0 equals 0.0.
    Changes,
    /// Number of steps to a lesser value, which are the restarts of a counter, as `u64`.
    Resets,
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
    fn new(q: f64) -> Self {
        let level = (q * f64::from(MILLION)).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
        let millionths = if (0.0..=f64::from(MILLION)).contains(&level) { level as u32 } else { u32::MAX };
        Self(millionths)
    }

    /// Returns the level; NaN if it was given outside 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        if self.0 <= MILLION { f64::from(self.0) / f64::from(MILLION) } else { f64::NAN }
    }
}

impl Aggregate {
    /// Returns the quantile with the level `q`, from 0 to 1.
    ///
    /// Level 0 is the least value, 0.5 the median, 1 the greatest value. For n values in ascending order, the quantile
    /// is the value with the index `q * (n - 1)`, rounded down, as `f64`. It is exact for up to 256 points. For more
    /// points it comes from a sketch with narrow bins (after DDSketch, VLDB 2019): it is within 1 % of the exact value for
    /// any distribution, and takes a few kilobytes for each window. NaN is ignored unless all values are NaN; infinities
    /// are the least and the greatest values. The level is rounded to a millionth. A query rejects a level outside 0 to 1.
    #[must_use]
    pub fn quantile(q: f64) -> Self {
        Self::Quantile(QuantileLevel::new(q))
    }

    /// Returns the quantile with the level `q`, interpolated linearly between two values.
    ///
    /// For n values in ascending order, the quantile lies at the index `q * (n - 1)`: the usual definition of
    /// spreadsheets and of NumPy (R. J. Hyndman, Y. Fan, The American Statistician 1996, type 7). Otherwise as
    /// [`quantile`](Self::quantile): exact for up to 256 points, from the sketch for more. The text form is
    /// `quantile_linear(0.9)`.
    #[must_use]
    pub fn quantile_linear(q: f64) -> Self {
        Self::QuantileLinear(QuantileLevel::new(q))
    }

    /// Returns the quantile with the level `q` by the nearest rank: always the value of a point.
    ///
    /// It is the least value such that at least the fraction `q` of all values are not greater: for n values in ascending
    /// order, the one with the index `q * n`, rounded up, minus 1 (Hyndman and Fan, type 1). Otherwise as
    /// [`quantile`](Self::quantile): exact for up to 256 points, from the sketch for more. The text form is
    /// `quantile_nearest(0.9)`.
    #[must_use]
    pub fn quantile_nearest(q: f64) -> Self {
        Self::QuantileNearest(QuantileLevel::new(q))
    }

    /// Returns the value of the line of [`Slope`](Self::Slope) at a time after the end of the window.
    ///
    /// The end of a window is the start of the next one, or its start plus its length if windows overlap. Without
    /// [`Query::every`](crate::Query::every) it is the end of the range or, if the range has no end, the last point. The
    /// text form has seconds: `prediction(3600s)`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use std::time::Duration;
    /// use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for n in 0..6 {
    ///     // A disk of 1,000 GB that fills by 2 GB a second.
    ///     batch.push_key(&SeriesKey::new("free"), Timestamp::from_secs(10 * n), 1_000.0 - 20.0 * n as f64);
    /// }
    /// db.write_blocking(batch)?;
    /// let query = db.snapshot().query(Selector::metric("free")).every(Duration::from_secs(60));
    /// let answer = query.aggregate(Aggregate::prediction(Duration::from_secs(40))).run_blocking()?;
    /// assert_eq!(answer.series[0].values[0].as_f64(), Some(&[800.0][..]));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    #[must_use]
    pub fn prediction(after: Duration) -> Self {
        Self::Prediction(after)
    }

    /// Returns `true` if the aggregate is computed from steps between points.
    pub(super) fn needs_steps(self) -> bool {
        matches!(
            self,
            Self::Increase
                | Self::Rate
                | Self::Delta
                | Self::Derivative
                | Self::Integral
                | Self::Changes
                | Self::Resets
        )
    }

    /// Returns `true` if the aggregate needs only the number and the sum of the points.
    pub(super) fn needs_only_count_and_sum(self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::SumAsF64 | Self::Mean)
    }

    /// Returns the type of the column of a row whose series have a type, or several types.
    pub(super) fn column_type(self, series: Option<ValueType>) -> ColumnType {
        let series = series.unwrap_or(ValueType::F64);
        match self {
            Self::Count | Self::Distinct | Self::Changes | Self::Resets => ColumnType::U64,
            Self::FirstTime | Self::LastTime => ColumnType::Timestamp,
            Self::Sum if series == ValueType::Bool => ColumnType::U64,
            Self::Sum | Self::Min | Self::Max | Self::First | Self::Last | Self::Mode => series.into(),
            _ => ColumnType::F64,
        }
    }

    /// Checks that the level of a quantile is in its bounds.
    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            Self::Quantile(level) | Self::QuantileLinear(level) | Self::QuantileNearest(level)
                if level.as_f64().is_nan() =>
            {
                Err(Error::InvalidQuery { detail: "the level of a quantile is not from 0 to 1".to_owned() })
            }
            _ => Ok(()),
        }
    }
}
