//! States of the aggregates that need the points themselves, behind one interface.
//!
//! Each state takes slices of points, is appended to the state of earlier points of the same series, and is merged with
//! the state of another series. Count, sum, extremes, first and last are not here: they also accept the summary of a
//! run, and their loops are fused in `partial`.

use std::sync::Arc;

use super::aggregate::{Aggregate, ColumnType};
use super::distinct::DistinctValues;
use super::fold::{DynFold, NamedFold};
use super::kernels::AggregateScalar;
use super::moments::MomentState;
use super::partial::as_integer;
use super::quantile::QuantileState;
use super::rates::{StepParts, StepState};
use super::regression::Regression;
use super::series_chunk::PointSummary;
use crate::state::merge::RunSummary;
use crate::types::point::{Timestamp, ValueType};

/// What a column of a query computes.
#[derive(Debug, Clone)]
pub(super) enum Operator {
    Aggregate(Aggregate),
    Fold(NamedFold),
}

impl Operator {
    /// Returns the name of the column.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Aggregate(aggregate) => aggregate.to_string(),
            Self::Fold(fold) => fold.name.clone(),
        }
    }

    /// Returns the type of the column of a row whose series have a type, or several types.
    pub(super) fn column_type(&self, series: Option<ValueType>) -> ColumnType {
        match (self, series) {
            (Self::Aggregate(aggregate), series) => aggregate.column_type(series),
            (Self::Fold(fold), Some(series)) => fold.prototype.output_type(series).into(),
            (Self::Fold(_), None) => ColumnType::F64,
        }
    }

    /// Returns `true` if the steps between points are needed, so that the point before the range counts.
    pub(super) fn needs_steps(&self) -> bool {
        match self {
            Self::Aggregate(aggregate) => aggregate.needs_steps(),
            Self::Fold(fold) => fold.prototype.needs_steps(),
        }
    }
}

/// State of an operator over the points of a window.
#[derive(Debug, Clone)]
pub(super) enum OperatorState {
    Moments(MomentState),
    Quantiles(QuantileState),
    Steps(StepState),
    Regression(Regression),
    Distinct(DistinctValues),
    Fold(Box<dyn DynFold>),
}

impl OperatorState {
    /// Returns an empty state for each state that operators need; several aggregates may share one.
    pub(super) fn all_of(operators: &[Operator]) -> Vec<Self> {
        let mut states: Vec<Self> = Vec::new();
        for operator in operators {
            let state = match operator {
                Operator::Aggregate(aggregate) => Self::of_aggregate(*aggregate),
                // Each fold has a state of its own, in the order of the folds.
                Operator::Fold(fold) => {
                    states.push(Self::Fold(fold.prototype.fresh()));
                    continue;
                }
            };
            let Some(state) = state else { continue };
            let kind = std::mem::discriminant(&state);
            match (states.iter_mut().find(|own| std::mem::discriminant(*own) == kind), state) {
                (None, state) => states.push(state),
                (Some(Self::Steps(own)), Self::Steps(other)) => own.require_parts_of(&other),
                (Some(_), _) => {}
            }
        }
        states
    }

    fn of_aggregate(aggregate: Aggregate) -> Option<Self> {
        Some(match aggregate {
            Aggregate::Variance | Aggregate::StdDev | Aggregate::SampleVariance | Aggregate::SampleStdDev => {
                Self::Moments(MomentState::default())
            }
            Aggregate::Quantile(_) | Aggregate::QuantileLinear(_) | Aggregate::QuantileNearest(_) => {
                Self::Quantiles(QuantileState::default())
            }
            Aggregate::Slope | Aggregate::Prediction(_) => Self::Regression(Regression::default()),
            Aggregate::Mode | Aggregate::Distinct => Self::Distinct(DistinctValues::default()),
            steps if steps.needs_steps() => Self::Steps(StepState::new(StepParts::of(steps))),
            _ => return None,
        })
    }

    /// Returns `true` if the summary of a run is enough.
    pub(super) fn uses_summaries(&self) -> bool {
        matches!(self, Self::Fold(fold) if fold.uses_summaries())
    }

    /// Adds the next points of the window, in time order.
    pub(super) fn push<T: AggregateScalar>(&mut self, timestamps: &[Timestamp], values: &[T]) {
        match self {
            Self::Moments(state) if T::TYPE == ValueType::F64 => {
                state.lanes.add(values.iter().map(|value| value.to_f64()));
            }
            Self::Moments(state) => {
                state.lanes.add_integers(values.iter().filter_map(|value| as_integer((*value).into())));
            }
            Self::Quantiles(state) => state.push(values),
            Self::Steps(state) => state.push(timestamps, values),
            Self::Regression(state) => state.push(timestamps, values),
            Self::Distinct(state) => state.push(values),
            Self::Fold(fold) => fold.push_points(timestamps, T::slice(values)),
        }
    }

    /// Adds the points of a run by their summary, if the state accepts summaries.
    pub(super) fn push_summary<T: AggregateScalar>(&mut self, summary: &RunSummary<T>) {
        if let Self::Fold(fold) = self {
            fold.push_block(&PointSummary::of(summary));
        }
    }

    /// Returns `true` for a fold that needs the steps between points. The accumulator keeps that point.
    pub(super) fn is_fold_of_steps(&self) -> bool {
        matches!(self, Self::Fold(fold) if fold.needs_steps())
    }

    /// Sets the point before the first point of the range; for a fold, before that of each window.
    pub(super) fn start_after<T: AggregateScalar>(&mut self, time: Timestamp, value: T) {
        match self {
            Self::Steps(state) => state.start_after(time, value),
            Self::Fold(fold) if fold.needs_steps() => fold.begin_after(time, value.into()),
            _ => {}
        }
    }

    /// Returns the state of the window, and begins the next window as `empty`.
    pub(super) fn take(&mut self, empty: &Self) -> Self {
        match self {
            Self::Steps(state) => Self::Steps(state.take()),
            state => std::mem::replace(state, empty.clone()),
        }
    }

    /// Adds the state of later points of the same series.
    pub(super) fn append(&mut self, later: Self) {
        match (self, later) {
            (Self::Steps(own), Self::Steps(later)) => own.append(&later),
            (own, later) => own.merge_series(later),
        }
    }

    /// Adds the state of a series with a greater key.
    pub(super) fn merge_series(&mut self, other: Self) {
        match (self, other) {
            (Self::Moments(own), Self::Moments(other)) => own.merge(&other),
            (Self::Quantiles(own), Self::Quantiles(other)) => own.merge(&other),
            (Self::Steps(own), Self::Steps(other)) => own.merge_series(&other),
            (Self::Regression(own), Self::Regression(other)) => own.merge(&other),
            (Self::Distinct(own), Self::Distinct(other)) => own.merge(other),
            (Self::Fold(own), Self::Fold(other)) => own.append(other),
            // The states of a plan are in one order, so that the kinds are the same.
            _ => {}
        }
    }

    /// Makes all values count as doubles, because other windows of the row have values of another type.
    pub(super) fn set_mixed(&mut self) {
        if let Self::Distinct(state) = self {
            state.convert_to_f64();
        }
    }

    /// Returns the approximate bytes on the heap.
    pub(super) fn byte_len(&self) -> usize {
        match self {
            Self::Quantiles(state) => state.byte_len(),
            Self::Distinct(state) => state.byte_len(),
            Self::Fold(fold) => fold.byte_len(),
            Self::Moments(_) | Self::Steps(_) | Self::Regression(_) => 0,
        }
    }
}

/// Empty states of a plan, shared by all its accumulators.
pub(super) type EmptyStates = Arc<[OperatorState]>;
