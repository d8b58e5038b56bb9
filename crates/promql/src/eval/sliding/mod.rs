//! Functions over the windows of one series at all steps.
//!
//! Windows overlap where the range is longer than the step. Most functions then cost about one pass over the samples, not
//! one per window:
//!
//! | function | method |
//! |---|---|
//! | count, present, first, last and their times | the ends of the window |
//! | min, max and their times | monotonic queue (Lemire 2006) |
//! | changes, resets | prefix counts |
//! | rate, increase, delta, irate, idelta | the ends of the window, and the list of resets |
//! | stdvar, stddev | four windows side by side |
//! | sum, avg | prefix sums where every sum is exact, else four windows side by side |
//! | quantile | sorted values of the window, from which values leave and which others enter |
//!
//! The others are computed window by window. The results have the same bits as if each window had been computed alone.

mod bounds;
mod extremum;
mod instant;
mod neighbours;
mod order;
mod rates;
mod sums;

use super::budget::StopCheck;
use super::column::Column;
use super::functions::range::{self, Arguments};
use super::number::{count, seconds};
use super::window::{Anchor, Extent, Samples, Steps};
use crate::ast::{Function, RangeExtension};
pub(crate) use bounds::{Bounds, most_bytes};
pub(crate) use instant::{newest, smoothed};

/// Buffers that are reused from series to series.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) bounds: Bounds,
    floats: Vec<f64>,
    counts: Vec<u32>,
    indexes: Vec<usize>,
    keys: Vec<i64>,
    stop: StopCheck,
}

impl Scratch {
    /// Creates empty buffers for the columns of a query. Columns that take long end early once the query must end.
    pub(crate) fn new(stop: StopCheck) -> Self {
        Self { stop, ..Self::default() }
    }
}

/// Range function over the windows of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeFunction<'a> {
    pub(crate) function: Function,
    pub(crate) extension: Option<RangeExtension>,
    pub(crate) steps: &'a Steps,
    pub(crate) anchor: Anchor,
    pub(crate) extent: Extent,
}

impl RangeFunction<'_> {
    /// Computes the column of a series. The samples must hold no staleness markers.
    pub(crate) fn column(
        &self,
        samples: &Samples,
        arguments: impl Fn(usize) -> Arguments,
        scratch: &mut Scratch,
    ) -> Column {
        use Function as F;
        let Scratch { bounds, floats, counts, indexes, keys, stop } = scratch;
        bounds.find(&samples.times, self.steps, self.anchor, self.extent);
        let (times, values) = (&samples.times[..], &samples.values[..]);
        let value = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
        let time = |at: usize| times.get(at).map_or(f64::NAN, |time| seconds(*time));
        match (self.function, self.extension) {
            (F::CountOverTime, None) => bounds.column(|first, behind| count(behind - first)),
            (F::PresentOverTime | F::AbsentOverTime, None) => bounds.column(|_, _| 1.0),
            (F::FirstOverTime, None) => bounds.column(|first, _| value(first)),
            (F::LastOverTime, None) => bounds.column(|_, behind| value(behind - 1)),
            (F::TsOfFirstOverTime, None) => bounds.column(|first, _| time(first)),
            (F::TsOfLastOverTime, None) => bounds.column(|_, behind| time(behind - 1)),
            (F::MinOverTime, None) => extremum::column(values, bounds, indexes, |one, other| one <= other, value),
            (F::MaxOverTime, None) => extremum::column(values, bounds, indexes, |one, other| one >= other, value),
            (F::TsOfMinOverTime, None) => extremum::column(values, bounds, indexes, |one, other| one < other, time),
            (F::TsOfMaxOverTime, None) => extremum::column(values, bounds, indexes, |one, other| one > other, time),
            (F::Changes, None) => neighbours::changes(values, bounds, counts),
            (F::Resets, None) => neighbours::resets(values, bounds, counts),
            (F::SumOverTime, None) => sums::sums(values, bounds, floats, stop),
            (F::AvgOverTime, None) => sums::means(values, bounds, floats, stop),
            (F::StdvarOverTime, None) => sums::variances(values, bounds, stop),
            (F::StddevOverTime, None) => {
                let mut column = sums::variances(values, bounds, stop);
                column.present_mut().for_each(|(_, value)| *value = value.sqrt());
                column
            }
            (F::QuantileOverTime, None) if order::is_worthwhile(bounds) => {
                order::quantiles(values, bounds, keys, |step| arguments(step)[0], stop)
            }
            (F::Rate | F::Increase | F::Delta, None) => rates::column(self, samples, bounds, indexes),
            _ => bounds.column_of_windows(samples, (self.steps, self.anchor, self.extent), |step, window| {
                if stop.is_due(window.values.len()) {
                    return None;
                }
                range::evaluate(self.function, self.extension, window, arguments(step), floats)
            }),
        }
    }
}

#[cfg(test)]
mod tests;
