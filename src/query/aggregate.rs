//! Which single value stands for the points of a window, and its names.
//! How each is computed is `fold`'s and that of the modules beside it.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Which single value stands for all points of a window.
///
/// The answer depends on the points alone, and never on the files they lie in: bit for bit, but for [`Sum`](Self::Sum)
/// and [`Mean`](Self::Mean) of doubles, which may differ by rounding where the statistics of blocks answered; see
/// [`Query::statistics`](crate::Query::statistics). A NaN result is always [`f64::NAN`], whatever payload went in,
/// except that `First` and `Last` give a point's own value unchanged.
///
/// **Several series in one group** ([`Query::group_by`](crate::Query::group_by)) give one value for all their points
/// together; those of [`Increase`](Self::Increase), [`Rate`](Self::Rate), [`Delta`](Self::Delta),
/// [`Derivative`](Self::Derivative) and [`Integral`](Self::Integral) are computed for each series and added up. Series
/// of different types in one group count as doubles.
///
/// **Steps.** The last five are made of steps from one point of a series to its next. A step belongs to the window that
/// holds the *later* point, so what windows tell adds up to what the whole range tells, and no step is counted twice.
/// The first point in the range has no step before it: points before the range are not read. Points whose value is NaN are
/// passed over, as if they were not there. A window without a step has no value. Seconds are the unit of time; results are
/// `f64`, and differences of integers are taken exactly before they become one. An infinity gives what arithmetic gives:
/// an infinity, or NaN.
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
    /// How many points there are, NaN included, as `u64`.
    Count,
    /// Their sum.
    ///
    /// Integers are added exactly; the sum has the series' type if it fits, else it is the nearest `f64`. Of booleans
    /// it is the number of `true`, as `u64`. Doubles are added as eight partial sums, the n-th point of the window to
    /// sum n modulo 8, which are then added in pairs; any NaN makes it NaN. An intermediate sum may overflow to an
    /// infinity as with any addition of doubles. The sums of the series of a group are added in the order of their keys.
    Sum,
    /// Their [`Sum`](Self::Sum) divided by their number, as `f64`; of integers, of the exact sum.
    Mean,
    /// The least value; `false` is less than `true`, -0.0 less than 0.0. NaN is passed over unless all are NaN.
    Min,
    /// The greatest value, by the same order as [`Min`](Self::Min).
    Max,
    /// The value of the earliest point; of several at one time, of the one that arrived first. Of points of several
    /// series at one time, the one of the first series by key.
    First,
    /// The value of the latest point; of several at one time, of the one that arrived last. Of points of several
    /// series at one time, the one of the last series by key.
    Last,
    /// The greatest value less the least, as `f64`; of integers exact before. NaN is passed over unless all are NaN.
    Spread,
    /// The mean square of the distances from the mean, as `f64`: of the points as a whole (divided by their number), not
    /// estimated from a sample. 0 for one point. Any NaN or infinity makes it NaN. By Welford's method in eight lanes,
    /// joined by Chan's: it does not cancel out where values are large and near each other.
    Variance,
    /// The square root of the [`Variance`](Self::Variance).
    StdDev,
    /// The value below which a share of the points lies: see [`quantile`](Self::quantile).
    Quantile(
        /// The share.
        Share,
    ),
    /// How much a counter rose: the sum of its steps. A step down means that the counter began again at 0, and counts
    /// as the value after it.
    Increase,
    /// The [`Increase`](Self::Increase) divided by the seconds that its steps took. Without a value if they took none.
    Rate,
    /// The last value less the one before the first step: what the value changed by, up or down.
    Delta,
    /// The [`Delta`](Self::Delta) divided by the seconds that the steps took. Without a value if they took none.
    Derivative,
    /// The area below the values over time in value-seconds, each step a trapezoid.
    Integral,
}

/// A share of the points, 0 to 1, to a millionth; made by [`Aggregate::quantile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share(u32);

const MILLION: u32 = 1_000_000;

impl Share {
    /// The share as a number; NaN if it was none from 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        if self.0 <= MILLION { f64::from(self.0) / f64::from(MILLION) } else { f64::NAN }
    }
}

const NAMED: [(Aggregate, &str); 15] = [
    (Aggregate::Count, "count"),
    (Aggregate::Sum, "sum"),
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
    /// The value at a share `q` of the points, 0 to 1 to a millionth: 0.5 is the median, 0 the least, 1 the greatest.
    ///
    /// Of n points in ascending order it is the one at place `q * (n - 1)`, counted from 0 and rounded down, as `f64`.
    /// Up to 256 points it is that point's value. Beyond, it comes from a sketch (DDSketch, VLDB 2019) and is within 1 %
    /// of that value, whatever the distribution, and takes a few kilobytes a window instead of all points. NaN is passed over
    /// unless all are NaN; infinities are the least and greatest. A query refuses any other `q`.
    #[must_use]
    pub fn quantile(q: f64) -> Self {
        let share = (q * f64::from(MILLION)).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a million")]
        let millionths = if (0.0..=f64::from(MILLION)).contains(&share) { share as u32 } else { u32::MAX };
        Self::Quantile(Share(millionths))
    }

    /// Whether count and sum of a window are all it takes.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Count | Self::Sum | Self::Mean)
    }

    /// Holds a share to its bounds.
    pub(super) fn check(self) -> Result<(), Error> {
        match self {
            Self::Quantile(share) if share.get().is_nan() => {
                Err(Error::InvalidQuery { what: "a quantile of a share that is not from 0 to 1".to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Its name in lower case, `quantile(0.99)` with its share.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Quantile(share) = self {
            return f.pad(&format!("quantile({})", share.get()));
        }
        let name = NAMED.iter().find(|(aggregate, _)| aggregate == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

/// Reads a name in lower case, `quantile(0.99)`, or `p99` for the same; anything else is [`Error::InvalidQuery`].
impl FromStr for Aggregate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((aggregate, _)) = NAMED.iter().find(|(_, name)| *name == text) {
            return Ok(*aggregate);
        }
        let share = text.strip_prefix("quantile(").and_then(|rest| rest.strip_suffix(')')?.parse::<f64>().ok());
        let percent = || text.strip_prefix('p')?.parse::<f64>().ok().map(|percent| percent / 100.0);
        let quantile = share.or_else(percent).map(Self::quantile).filter(|quantile| quantile.check().is_ok());
        quantile.ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            let names = NAMED.map(|(_, name)| name).join(", ");
            Error::InvalidQuery { what: format!("{shown:?} is no aggregate: use {names}, or quantile(0.99) or p99") }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for (aggregate, name) in NAMED {
            assert_eq!(aggregate.to_string(), name);
            assert_eq!(name.parse::<Aggregate>().unwrap(), aggregate);
        }
        let quantile = Aggregate::quantile(0.999);
        assert_eq!(quantile.to_string().parse::<Aggregate>().unwrap(), quantile);
        assert_eq!("p99.9".parse::<Aggregate>().unwrap(), quantile);
        assert!(
            "Median"
                .parse::<Aggregate>()
                .unwrap_err()
                .to_string()
                .starts_with("invalid query: \"Median\" is no aggregate: use count, sum, mean, min, max, first, last")
        );
        for bad in ["p101", "p-1", "pnan", "quantile(2)", "quantile(0.5", "p"] {
            assert!(bad.parse::<Aggregate>().is_err(), "{bad}");
        }
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Aggregate::quantile(bad).check().is_err(), "{bad}");
        }
    }
}
