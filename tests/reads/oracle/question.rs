//! A query as data: its conversion to a query of the engine, and strategies for random queries.

use std::time::Duration;

use proptest::prelude::*;
use timestrata::testing::{all_aggregates, all_fills, all_window_functions};
use timestrata::{Aggregate, Edge, Fill, Query, Selector, Snapshot, WindowFunction};

use super::aggregates::OrderHash;
use crate::common::at;

/// Column of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Operator {
    Aggregate(Aggregate),
    /// A fold of this crate, see [`OrderHash`].
    OrderHash,
}

impl Operator {
    pub(crate) fn needs_steps(self) -> bool {
        use Aggregate::{Changes, Delta, Derivative, Increase, Integral, Rate, Resets};
        matches!(self, Self::Aggregate(Increase | Rate | Delta | Derivative | Integral | Changes | Resets))
    }

    fn is_time(self) -> bool {
        matches!(self, Self::Aggregate(Aggregate::FirstTime | Aggregate::LastTime))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Grouping {
    PerSeries,
    ByZone,
    All,
}

/// Rows that a query keeps: their number, by the greatest or the least values of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RankBy {
    pub(crate) count: usize,
    pub(crate) by: Aggregate,
    pub(crate) greatest_first: bool,
}

/// Windows of a row that a query returns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Slice {
    pub(crate) newest_first: bool,
    pub(crate) offset: usize,
    pub(crate) limit: Option<usize>,
}

/// Query of the metric `m`, without the options that must not change its result.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) operators: Vec<Operator>,
    pub(crate) every: Option<i64>,
    pub(crate) over: Option<i64>,
    pub(crate) origin: Option<i64>,
    pub(crate) closed: Edge,
    pub(crate) lookback: Option<i64>,
    /// First time, and the time at which the range ends.
    pub(crate) range: Option<(i64, i64)>,
    pub(crate) grouping: Grouping,
    pub(crate) rank: Option<RankBy>,
    pub(crate) function: Option<WindowFunction>,
    pub(crate) fill: Fill,
    pub(crate) slice: Slice,
}

impl Question {
    /// Returns the last start of a window up to a time.
    pub(crate) fn start_of(&self, time: i64) -> i64 {
        let (every, origin) = (self.every.unwrap(), self.origin.unwrap_or(0));
        origin + (time - origin).div_euclid(every) * every
    }

    /// Returns the query over the series with points.
    pub(crate) fn query(&self, snapshot: &Snapshot) -> Query {
        self.query_of(snapshot, Selector::metric("m").tag_matches("zone", "a|b"))
    }

    /// Returns the query over all series of the metric. Other series have no point in any range, see
    /// [`TestDatabase::new`](super::TestDatabase::new).
    pub(crate) fn query_beside_others(&self, snapshot: &Snapshot) -> Query {
        self.query_of(snapshot, Selector::metric("m"))
    }

    fn query_of(&self, snapshot: &Snapshot, select: Selector) -> Query {
        let nanos = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
        let mut query = snapshot.query(select).closed(self.closed).fill(self.fill);
        for operator in &self.operators {
            query = match operator {
                Operator::Aggregate(aggregate) => query.aggregate(*aggregate),
                Operator::OrderHash => query.fold("order", OrderHash::default()),
            };
        }
        if let Some(every) = self.every {
            query = query.every(nanos(every));
        }
        if let Some(over) = self.over {
            query = query.over(nanos(over));
        }
        if let Some(origin) = self.origin {
            query = query.origin(at(origin));
        }
        if let Some(age) = self.lookback {
            query = query.lookback(nanos(age));
        }
        if let Some((from, until)) = self.range {
            query = query.range(at(from)..at(until));
        }
        query = match self.grouping {
            Grouping::PerSeries => query,
            Grouping::ByZone => query.group_by(["zone"]),
            Grouping::All => query.group_all(),
        };
        if let Some(RankBy { count, by, greatest_first }) = self.rank {
            query = if greatest_first { query.top(count, by) } else { query.bottom(count, by) };
        }
        if let Some(function) = self.function {
            query = query.window_function(function);
        }
        if self.slice.newest_first {
            query = query.newest_first();
        }
        if let Some(limit) = self.slice.limit {
            query = query.limit(limit);
        }
        query.offset(self.slice.offset)
    }

    /// Removes the steps that the engine rejects beside the others.
    pub(crate) fn without_invalid_steps(mut self) -> Self {
        use WindowFunction::{CumulativeSum, MovingMean, MovingSum};
        self.over = self.over.filter(|_| self.every.is_some());
        let adds = |function: &WindowFunction| matches!(function, MovingMean(_) | MovingSum(_) | CumulativeSum);
        let has_times = self.operators.iter().any(|operator| operator.is_time());
        self.function = self.function.filter(|function| !(has_times && adds(function)));
        self
    }
}

/// Returns every operator; quantiles at several levels, and a prediction at the end of the window.
pub(crate) fn operators() -> Vec<Operator> {
    let more = ["p10", "p90", "quantile_linear(1)", "quantile_nearest(0)", "prediction(0s)"];
    let more = more.iter().map(|name| name.parse::<Aggregate>().unwrap());
    all_aggregates().into_iter().chain(more).map(Operator::Aggregate).chain([Operator::OrderHash]).collect()
}

/// Returns operators that the statistics of a block can answer.
pub(crate) fn operators_by_statistics() -> Vec<Operator> {
    use Aggregate::{Count, First, Last, Max, Mean, Min, Spread, Sum};
    [Sum, Min, Max, First, Last, Count, Mean, Spread].map(Operator::Aggregate).to_vec()
}

fn ranges(from: i64) -> impl Strategy<Value = (i64, i64)> {
    (-100..3_000_i64, from..3_000_i64).prop_map(|(from, length)| (from, from + length))
}

fn ranks() -> impl Strategy<Value = Option<RankBy>> {
    let rank = (0..5_usize, prop::sample::select(all_aggregates()), any::<bool>());
    let rank = rank.prop_map(|(count, by, greatest_first)| RankBy { count, by, greatest_first });
    prop::option::weighted(0.3, rank)
}

fn groupings() -> impl Strategy<Value = Grouping> {
    prop::sample::select(vec![Grouping::PerSeries, Grouping::ByZone, Grouping::All])
}

/// Returns queries of windows that tile the range: groups, rank and fill. A range may be empty or reversed.
pub(crate) fn tiled_questions() -> impl Strategy<Value = Question> {
    let operators = prop_oneof![
        prop::collection::vec(prop::sample::select(operators()), 1..4),
        prop::collection::vec(prop::sample::select(operators_by_statistics()), 1..4)
    ];
    let every = prop::option::of(prop::sample::select(vec![7_i64, 100, 450, 3_000]));
    let range = prop::option::of(ranges(-10));
    (operators, every, range, groupings(), prop::sample::select(all_fills()), ranks()).prop_map(
        |(operators, every, range, grouping, fill, rank)| Question {
            operators,
            every,
            over: None,
            origin: None,
            closed: Edge::Start,
            lookback: None,
            range,
            grouping,
            rank,
            function: None,
            fill,
            slice: Slice::default(),
        },
    )
}

/// Returns queries with every step that the builder has.
pub(crate) fn questions() -> impl Strategy<Value = Question> {
    let operators = prop::collection::vec(prop::sample::select(operators()), 1..5);
    let windows = (
        prop::option::weighted(0.9, prop::sample::select(vec![7_i64, 100, 450])),
        prop::option::of(prop::sample::select(vec![3_i64, 7, 100, 250, 900, 2_000])),
        prop::option::weighted(0.2, -500..500_i64),
        prop::sample::select(vec![Edge::Start, Edge::End]),
    );
    let lookback = prop::option::of(prop::sample::select(vec![0_i64, 40, 600, i64::MAX]));
    let range = prop::option::weighted(0.7, ranges(1));
    let function = prop::option::weighted(0.4, prop::sample::select(all_window_functions()));
    let slice = (any::<bool>(), 0..4_usize, prop::option::of(1..40_usize));
    let slice = slice.prop_map(|(newest_first, offset, limit)| Slice { newest_first, offset, limit });
    let slice = prop_oneof![3 => Just(Slice::default()), 1 => slice];
    let of_rows = (groupings(), ranks(), function, prop::sample::select(all_fills()), slice);
    (operators, windows, lookback, range, of_rows).prop_map(|(operators, windows, lookback, range, of_rows)| {
        let (every, over, origin, closed) = windows;
        let (grouping, rank, function, fill, slice) = of_rows;
        let question =
            Question { operators, every, over, origin, closed, lookback, range, grouping, rank, function, fill, slice };
        question.without_invalid_steps()
    })
}
