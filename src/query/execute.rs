//! Execution of a query: check, select series, wait for a slot, read and merge the series, rank, fill, slice.

use super::admission::{self, PreparedWork};
use super::aggregate::Aggregate;
use super::builder::{Edge, Query};
use super::distinct::MAX_DISTINCT_VALUES;
use super::explain::{ExplainReport, ReadCounters};
use super::fill::{OpenBounds, fill};
use super::group::{GroupKey, GroupOutput, GroupedSeries, Grouping, PresentMembers};
use super::limits::{Deadline, QueryBudget};
use super::memory::QueryMemory;
use super::offload::CancelToken;
use super::operator::Operator;
use super::parallel::{SERIES_COST_POINTS, read};
use super::partial::PartialAggregate;
use super::plan::QueryPlan;
use super::result::{SeriesWindows, Windows};
use super::runtime::{QuerySlot, Runtime};
use super::sliding::{Append, Overlap};
use super::window_grid::WindowGrid;
use super::window_output::{WindowColumns, WindowFailure};
use super::zone::Zone;
use crate::types::error::{Error, Result};
use crate::types::point::Timestamp;
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};
use crate::types::time_range::TimeRange;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Query whose series are selected.
struct PreparedQuery {
    query: Query,
    plan: QueryPlan,
    grouped: GroupedSeries,
    /// Selected series, for the explain report.
    ids: Vec<SeriesId>,
    with_report: bool,
    deadline: Deadline,
    /// Counts the selection.
    memory: QueryMemory,
    /// Time to select the series.
    selecting: Duration,
}

impl PreparedWork for PreparedQuery {
    type Output = (Windows, ExplainReport);

    fn runtime(&self) -> Runtime {
        self.query.catalog.runtime()
    }

    fn expected_points(&self) -> u64 {
        let series = self.grouped.series.len();
        let points = self.query.catalog.expected_points(self.plan.range, series);
        points.saturating_add((series as u64).saturating_mul(SERIES_COST_POINTS))
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn execute(self, slot: QuerySlot, cancel: &CancelToken) -> Result<(Windows, ExplainReport)> {
        let Self { query, plan, grouped, ids, with_report, deadline, memory, selecting } = self;
        let budget = QueryBudget::new(cancel, query.catalog.runtime(), query.limits, (deadline, memory));
        let admitted = budget.elapsed();
        let counters = Arc::new(if with_report { ReadCounters::with_pruning() } else { ReadCounters::default() });
        let (outputs, threads) = read(&*query.catalog, &grouped, &plan, &budget, &counters)?;
        let reading = budget.elapsed().saturating_sub(admitted);
        let answer = query.assemble(grouped.groups, outputs, &plan, &budget)?;
        drop(slot);
        let mut explain = ExplainReport::default();
        if with_report {
            explain = counters.to_report(query.catalog.pruning_counts(&ids, plan.range));
            explain = ExplainReport { threads, selecting, reading, total: budget.elapsed(), ..explain };
        }
        Ok((answer, explain))
    }
}

impl Query {
    /// Runs the query on this thread and on those that it starts, once the runtime has a slot for it.
    ///
    /// Returns the result and the explain report, which is empty unless `with_report`.
    pub(super) fn execute_blocking(self, with_report: bool) -> Result<(Windows, ExplainReport)> {
        admission::run_blocking(self.prepare(with_report)?)
    }

    /// Runs the query on tokio's blocking pool. A query that waits for a slot takes no thread.
    pub(super) async fn execute(self, with_report: bool) -> Result<(Windows, ExplainReport)> {
        admission::run(move || self.prepare(with_report)).await
    }

    /// Checks the query and selects its series.
    fn prepare(self, with_report: bool) -> Result<PreparedQuery> {
        let deadline = Deadline::new(self.limits.deadline, Instant::now());
        let memory = QueryMemory::new(self.catalog.runtime(), self.limits.memory_bytes);
        let plan = self.to_plan()?;
        let selected = self.catalog.select(&self.selector);
        self.limits.check_series(selected.len())?;
        let selected_bytes = selected.capacity() * size_of::<Arc<SeriesInfo>>();
        memory.track(0, selected_bytes)?;
        let ids: Vec<_> = if with_report { selected.iter().map(|info| info.id).collect() } else { Vec::new() };
        let grouped = self.grouping.group(selected);
        memory.track(selected_bytes, grouped.byte_len() + ids.capacity() * size_of::<SeriesId>())?;
        let selecting = deadline.elapsed();
        Ok(PreparedQuery { query: self, plan, grouped, ids, with_report, deadline, memory, selecting })
    }

    fn to_plan(&self) -> Result<QueryPlan> {
        self.catalog.check_readable()?;
        self.selector.validate()?;
        self.limits.check()?;
        if self.operators.is_empty() {
            let detail = "no aggregate (`.aggregate(..)` adds one, `.points()` reads the points)".to_owned();
            return Err(Error::InvalidQuery { detail });
        }
        let rank = self.rank.map(|rank| rank.by);
        let aggregates = self.operators.iter().filter_map(|operator| match operator {
            Operator::Aggregate(aggregate) => Some(*aggregate),
            Operator::Fold(_) => None,
        });
        aggregates.chain(rank).try_for_each(Aggregate::validate)?;
        let merges_series = self.grouping != Grouping::PerSeries;
        self.check_folds(merges_series)?;
        self.check_functions()?;
        let (grid, overlap) = self.windows()?;
        Ok(QueryPlan {
            range: self.read_range(),
            counted_from: self.range.first(),
            range_end: (!self.open_end).then(|| i128::from(self.range.last()) + 1),
            grid,
            overlap,
            operators: self.operators.clone(),
            rank_by: rank,
            merges_series,
            statistics: self.use_statistics,
        })
    }

    /// Checks that no fold has to merge series unless it may.
    fn check_folds(&self, merges_series: bool) -> Result<()> {
        let folds = self.operators.iter().filter_map(|operator| match operator {
            Operator::Fold(fold) => Some(fold),
            Operator::Aggregate(_) => None,
        });
        match folds.into_iter().find(|fold| merges_series && !fold.prototype.merges_series()) {
            None => Ok(()),
            Some(fold) => {
                let detail = format!("the fold {:?} does not merge series, but the query groups them", fold.name);
                Err(Error::InvalidQuery { detail })
            }
        }
    }

    /// Checks that no window function computes with times.
    fn check_functions(&self) -> Result<()> {
        self.functions.iter().try_for_each(|function| function.validate())?;
        for operator in &self.operators {
            let mut ty = operator.column_type(None);
            for function in &self.functions {
                ty = function.output_type(ty).ok_or_else(|| Error::InvalidQuery {
                    detail: format!("{function} of {}, whose values are times", operator.name()),
                })?;
            }
        }
        Ok(())
    }

    /// Returns the windows, or the panes of overlapping windows.
    fn windows(&self) -> Result<(WindowGrid, Option<Overlap>)> {
        let invalid = |detail: &str| Error::InvalidQuery { detail: detail.to_owned() };
        let (grid, overlap) = match (self.every, self.over) {
            (None, None) => {
                let start = (!self.open_start).then(|| Timestamp::from_nanos(self.range.first()));
                return Ok((WindowGrid::Whole { start }, None));
            }
            (None, Some(_)) => {
                return Err(invalid("`over` without `every`, which sets the time between the starts of windows"));
            }
            (Some(every), None) => (WindowGrid::new(every, self.origin, &self.zone)?, None),
            (Some(every), Some(over)) => {
                let WindowGrid::Fixed { nanos, .. } = WindowGrid::new(over.into(), None, &Zone::UTC)? else {
                    return Err(invalid("`over` needs a fixed duration"));
                };
                match WindowGrid::new(every, self.origin, &self.zone)? {
                    WindowGrid::Fixed { nanos: step, phase } => overlapping(step, phase, nanos),
                    _ => {
                        return Err(invalid(
                            "`over` with days, weeks, months or years; `every` must be a fixed duration",
                        ));
                    }
                }
            }
        };
        let is_closed_end = self.closed == Edge::End;
        Ok((if is_closed_end { WindowGrid::ClosedEnd(Box::new(grid)) } else { grid }, overlap))
    }

    /// Returns the range, extended by the lookback if it can change a value.
    fn read_range(&self) -> TimeRange {
        let operators = self.operators.iter().any(Operator::needs_steps);
        let needs_steps = operators || self.rank.is_some_and(|rank| rank.by.needs_steps());
        match self.lookback {
            Some(lookback) if needs_steps && !self.open_start && !self.range.is_empty() => {
                let age = i64::try_from(lookback.as_nanos()).unwrap_or(i64::MAX);
                TimeRange::new(self.range.first().saturating_sub(age), self.range.last())
            }
            _ => self.range,
        }
    }

    fn assemble(
        &self,
        groups: Vec<GroupKey>,
        outputs: Vec<GroupOutput>,
        plan: &QueryPlan,
        budget: &QueryBudget<'_>,
    ) -> Result<Windows> {
        let with_windows = groups.into_iter().zip(outputs).filter(|(_, output)| !output.rows.starts.is_empty());
        let rows = with_windows.map(|(group, GroupOutput { rows, total, members })| (total, (group, members, rows)));
        let rows: Vec<(GroupKey, PresentMembers, WindowColumns)> = match self.rank {
            Some(rank) => {
                let rows: Vec<_> = rows.collect();
                rows.iter().try_for_each(|(total, (group, members, rows))| {
                    check_total(total.as_ref(), || group.clone().with_metric(members.metric()), rows)
                })?;
                let all = rows
                    .iter()
                    .map(|(total, (_, _, rows))| total.as_ref().map_or(0, Append::byte_len) + rows.byte_len());
                let all: usize = all.sum();
                let first = rank.top_rows(rows, plan.range_end);
                budget.memory().track(all, first.iter().map(|(_, _, rows)| rows.byte_len()).sum())?;
                first
            }
            None => rows.map(|(_, row)| row).collect(),
        };
        let name = |operator: &Operator| {
            self.functions.iter().fold(operator.name(), |name, function| function.name_of_column(&name))
        };
        let columns = self.operators.iter().map(name).collect();
        let mut answer = Windows { columns, series: Vec::new(), stale_markers: budget.stale_markers() };
        let bounds = OpenBounds::new(self.range, self.open_start, self.open_end);
        for (group, members, rows) in rows {
            let key = group.with_metric(members.metric());
            let before = rows.byte_len();
            let rows = self.functions.iter().fold(rows, |rows, function| function.apply(rows, plan));
            budget.memory().track(before, rows.byte_len())?;
            check_values(&key, &rows)?;
            let mut rows = fill(rows, self.fill, plan, bounds, budget)?;
            self.slice.apply(&mut rows);
            if !rows.starts.is_empty() {
                let (starts, values) = (rows.starts, rows.values);
                answer.series.push(SeriesWindows { key, members: members.count, starts, values });
            }
        }
        Ok(answer)
    }
}

/// Returns the panes of windows of a length that start every `step`, and the windows.
fn overlapping(step: i64, phase: i64, length: i64) -> (WindowGrid, Option<Overlap>) {
    match length % step {
        0 if length == step => (WindowGrid::Fixed { nanos: step, phase }, None),
        0 => (WindowGrid::Fixed { nanos: step, phase }, Some(Overlap { step, length, phase })),
        rest => (WindowGrid::Panes { step, phase, rest }, Some(Overlap { step, length, phase })),
    }
}

/// Checks that the aggregate that ranks a row has a value.
fn check_total(total: Option<&PartialAggregate>, key: impl Fn() -> SeriesKey, rows: &WindowColumns) -> Result<()> {
    match (total, rows.starts.first()) {
        (Some(total), Some(window)) if total.has_too_many_values() => {
            let (series, limit) = (key().to_string(), MAX_DISTINCT_VALUES);
            Err(Error::TooManyDistinctValues { series, limit, window: *window })
        }
        _ => Ok(()),
    }
}

/// Checks that the row has all its values.
///
/// Only rows of the result are checked: the ranking of the others compares exact sums.
fn check_values(key: &SeriesKey, rows: &WindowColumns) -> Result<()> {
    let series = || key.to_string();
    match rows.failure {
        None => Ok(()),
        Some((window, WindowFailure::SumOverflow(value_type))) => {
            Err(Error::SumOverflow { series: series(), value_type, window })
        }
        Some((window, WindowFailure::TooManyValues)) => {
            Err(Error::TooManyDistinctValues { series: series(), limit: MAX_DISTINCT_VALUES, window })
        }
    }
}
