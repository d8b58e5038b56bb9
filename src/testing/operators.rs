//! Lists of the operators of a query and a scan, for tests that compare each of them with an oracle.
//!
//! Each list follows a chain: a match without a wildcard names the successor of each variant. The public enums are
//! `non_exhaustive`, so only a match in this crate fails to compile when a variant is added.

use std::time::Duration;

use crate::{Aggregate, Fill, Projection, Value, WindowFunction};

/// Returns every aggregate; one level of each kind of quantile, and one distance of a prediction.
#[must_use]
pub fn all_aggregates() -> Vec<Aggregate> {
    let next = |aggregate: &Aggregate| {
        Some(match aggregate {
            Aggregate::Count => Aggregate::Sum,
            Aggregate::Sum => Aggregate::SumAsF64,
            Aggregate::SumAsF64 => Aggregate::Mean,
            Aggregate::Mean => Aggregate::Min,
            Aggregate::Min => Aggregate::Max,
            Aggregate::Max => Aggregate::First,
            Aggregate::First => Aggregate::Last,
            Aggregate::Last => Aggregate::Spread,
            Aggregate::Spread => Aggregate::Variance,
            Aggregate::Variance => Aggregate::StdDev,
            Aggregate::StdDev => Aggregate::quantile(0.5),
            Aggregate::Quantile(_) => Aggregate::quantile_linear(0.3),
            Aggregate::QuantileLinear(_) => Aggregate::quantile_nearest(0.3),
            Aggregate::QuantileNearest(_) => Aggregate::FirstTime,
            Aggregate::FirstTime => Aggregate::LastTime,
            Aggregate::LastTime => Aggregate::Mode,
            Aggregate::Mode => Aggregate::Distinct,
            Aggregate::Distinct => Aggregate::SampleVariance,
            Aggregate::SampleVariance => Aggregate::SampleStdDev,
            Aggregate::SampleStdDev => Aggregate::Slope,
            Aggregate::Slope => Aggregate::prediction(Duration::from_nanos(500)),
            Aggregate::Prediction(_) => Aggregate::Increase,
            Aggregate::Increase => Aggregate::Rate,
            Aggregate::Rate => Aggregate::Delta,
            Aggregate::Delta => Aggregate::Derivative,
            Aggregate::Derivative => Aggregate::Integral,
            Aggregate::Integral => Aggregate::Changes,
            Aggregate::Changes => Aggregate::Resets,
            Aggregate::Resets => return None,
        })
    };
    std::iter::successors(Some(Aggregate::Count), next).collect()
}

/// Returns every window function; each moving one with another number of windows.
#[must_use]
pub fn all_window_functions() -> Vec<WindowFunction> {
    let next = |function: &WindowFunction| {
        Some(match function {
            WindowFunction::MovingMean(_) => WindowFunction::MovingSum(2),
            WindowFunction::MovingSum(_) => WindowFunction::MovingMin(4),
            WindowFunction::MovingMin(_) => WindowFunction::MovingMax(1),
            WindowFunction::MovingMax(_) => WindowFunction::CumulativeSum,
            WindowFunction::CumulativeSum => WindowFunction::CumulativeMin,
            WindowFunction::CumulativeMin => WindowFunction::CumulativeMax,
            WindowFunction::CumulativeMax => WindowFunction::CumulativeCount,
            WindowFunction::CumulativeCount => return None,
        })
    };
    std::iter::successors(Some(WindowFunction::MovingMean(3)), next).collect()
}

/// Returns every rule for windows without a value; the constant is -7.
#[must_use]
pub fn all_fills() -> Vec<Fill> {
    let next = |fill: &Fill| {
        Some(match fill {
            Fill::None => Fill::Null,
            Fill::Null => Fill::Previous,
            Fill::Previous => Fill::Linear,
            Fill::Linear => Fill::Value(Value::I64(-7)),
            Fill::Value(_) => return None,
        })
    };
    std::iter::successors(Some(Fill::None), next).collect()
}

/// Returns every projection of a scan.
#[must_use]
pub fn all_projections() -> Vec<Projection> {
    let next = |projection: &Projection| {
        Some(match projection {
            Projection::Both => Projection::Timestamps,
            Projection::Timestamps => Projection::Values,
            Projection::Values => return None,
        })
    };
    std::iter::successors(Some(Projection::Both), next).collect()
}
