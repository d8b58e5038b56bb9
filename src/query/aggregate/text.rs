//! Names of aggregates: their text forms, and the parser.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Aggregate;
use crate::types::error::{Error, shortened};

const AGGREGATE_NAMES: [(Aggregate, &str); 25] = [
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
    (Aggregate::FirstTime, "first_time"),
    (Aggregate::LastTime, "last_time"),
    (Aggregate::Mode, "mode"),
    (Aggregate::Distinct, "distinct"),
    (Aggregate::SampleVariance, "sample_variance"),
    (Aggregate::SampleStdDev, "sample_stddev"),
    (Aggregate::Changes, "changes"),
    (Aggregate::Resets, "resets"),
    (Aggregate::Slope, "slope"),
];

/// Writes the name in lower case; a quantile as `quantile(0.99)`, a prediction as `prediction(3600s)`.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile(level) => f.pad(&format!("quantile({})", level.as_f64())),
            Self::QuantileLinear(level) => f.pad(&format!("quantile_linear({})", level.as_f64())),
            Self::QuantileNearest(level) => f.pad(&format!("quantile_nearest({})", level.as_f64())),
            Self::Prediction(after) => {
                let nanos = format!("{:09}", after.subsec_nanos());
                let fraction = nanos.trim_end_matches('0');
                let point = if fraction.is_empty() { "" } else { "." };
                f.pad(&format!("prediction({}{point}{fraction}s)", after.as_secs()))
            }
            named => {
                let name =
                    AGGREGATE_NAMES.iter().find(|(aggregate, _)| aggregate == named).map_or("", |(_, name)| name);
                f.pad(name)
            }
        }
    }
}

/// Parses a name in lower case, `quantile(0.99)`, `p99` for the same, `quantile_linear(0.9)`, `quantile_nearest(0.9)`, or
/// `prediction(3600s)`.
///
/// The error is [`Error::InvalidQuery`].
impl FromStr for Aggregate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some((aggregate, _)) = AGGREGATE_NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*aggregate);
        }
        let parsed = parse_with_argument(text).filter(|aggregate| aggregate.validate().is_ok());
        parsed.ok_or_else(|| {
            let shown = shortened(text);
            let names = AGGREGATE_NAMES.map(|(_, name)| name).join(", ");
            Error::InvalidQuery {
                detail: format!(
                    "{shown:?} is not an aggregate, which are {names}, quantile(0.99), p99, quantile_linear(0.9), \
                     quantile_nearest(0.9) and prediction(3600s)"
                ),
            }
        })
    }
}

/// Parses an aggregate with an argument, which may be out of its bounds.
fn parse_with_argument(text: &str) -> Option<Aggregate> {
    if let Some((name, rest)) = text.split_once('(') {
        let argument = rest.strip_suffix(')')?;
        return match name {
            "quantile" => argument.parse().ok().map(Aggregate::quantile),
            "quantile_linear" => argument.parse().ok().map(Aggregate::quantile_linear),
            "quantile_nearest" => argument.parse().ok().map(Aggregate::quantile_nearest),
            "prediction" => parse_seconds(argument).map(Aggregate::prediction),
            _ => None,
        };
    }
    text.strip_prefix('p')?.parse::<f64>().ok().map(|percent| Aggregate::quantile(percent / 100.0))
}

/// Parses seconds with up to nine decimals, such as `0.5s`.
fn parse_seconds(text: &str) -> Option<Duration> {
    let text = text.strip_suffix('s')?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    Some(Duration::new(seconds.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
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
        for text in ["quantile_linear(0.9)", "quantile_nearest(0.25)", "prediction(3600s)", "prediction(0.5s)"] {
            assert_eq!(text.parse::<Aggregate>().unwrap().to_string(), text);
        }
        assert_eq!(
            "prediction(1.25s)".parse::<Aggregate>().unwrap(),
            Aggregate::prediction(Duration::from_millis(1_250))
        );
        let bad_arguments = ["prediction(1)", "prediction(-1s)", "prediction(1e3s)", "prediction(.5s)", "slope(1)"];
        for bad in ["p101", "p-1", "pnan", "quantile(2)", "quantile(0.5", "p", "quantile_linear(2)"]
            .iter()
            .chain(&bad_arguments)
        {
            assert!(bad.parse::<Aggregate>().is_err(), "{bad}");
        }
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Aggregate::quantile(bad).validate().is_err(), "{bad}");
        }
    }
}
