//! Which single value stands for the points of a window, and its names.
//! How each is computed is `fold`'s.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Which single value stands for all points of a window.
///
/// The answer depends on the points alone, bit for bit, and never on the files they lie in. A NaN result is always
/// [`f64::NAN`], whatever payload went in, except that `First` and `Last` give a point's own value unchanged.
///
/// ```
/// use timestrata::Aggregate;
///
/// assert_eq!("mean".parse::<Aggregate>()?, Aggregate::Mean);
/// assert_eq!(Aggregate::Max.to_string(), "max");
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
    /// infinity as with any addition of doubles.
    Sum,
    /// Their [`Sum`](Self::Sum) divided by their number, as `f64`; of integers, of the exact sum.
    Mean,
    /// The least value; `false` is less than `true`, -0.0 less than 0.0. NaN is passed over unless all are NaN.
    Min,
    /// The greatest value, by the same order as [`Min`](Self::Min).
    Max,
    /// The value of the earliest point; of several at one time, of the one that arrived first.
    First,
    /// The value of the latest point; of several at one time, of the one that arrived last.
    Last,
}

const ALL: [(Aggregate, &str); 7] = [
    (Aggregate::Count, "count"),
    (Aggregate::Sum, "sum"),
    (Aggregate::Mean, "mean"),
    (Aggregate::Min, "min"),
    (Aggregate::Max, "max"),
    (Aggregate::First, "first"),
    (Aggregate::Last, "last"),
];

/// Its name in lower case.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ALL.iter().find(|(aggregate, _)| aggregate == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

/// Reads a name in lower case; anything else is [`Error::InvalidQuery`].
impl FromStr for Aggregate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = ALL.iter().find(|(_, name)| *name == text);
        named.map(|(aggregate, _)| *aggregate).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            let what = format!("{shown:?} is no aggregate: use count, sum, mean, min, max, first or last");
            Error::InvalidQuery { what }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for (aggregate, name) in ALL {
            assert_eq!(aggregate.to_string(), name);
            assert_eq!(name.parse::<Aggregate>().unwrap(), aggregate);
        }
        assert_eq!(
            "Median".parse::<Aggregate>().unwrap_err().to_string(),
            "invalid query: \"Median\" is no aggregate: use count, sum, mean, min, max, first or last"
        );
    }
}
