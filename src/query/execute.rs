//! Execution of a query: check, select series, wait for a slot, read and merge the series, rank, fill, slice.

use super::aggregate::Aggregate;
use super::builder::Query;
use super::explain::{ExplainReport, ReadCounters};
use super::fill::{OpenBounds, fill};
use super::group::{GroupKey, GroupOutput, GroupedSeries, Grouping, PresentMembers};
use super::limits::QueryBudget;
use super::offload::{CancelToken, run_offloaded};
use super::parallel::read;
use super::result::{SeriesWindows, Windows};
use super::runtime::QuerySlot;
use super::window_aggregator::{QueryPlan, WindowColumns};
use super::window_grid::WindowGrid;
use crate::types::error::{Error, Result};
use crate::types::point::{Timestamp, Value, ValueType};
use crate::types::series::{SeriesId, SeriesKey};
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
    started_at: Instant,
    /// Time to select the series.
    selecting: Duration,
}

/// Result of the first step of an asynchronous query.
enum ExecutionStep {
    Finished((Windows, ExplainReport)),
    /// No slot was free.
    Queued(Box<PreparedQuery>),
}

impl PreparedQuery {
    /// Estimates the number of points that the query reads.
    fn expected_points(&self) -> u64 {
        let per_series = self.query.catalog.expected_points(self.plan.range);
        per_series.saturating_mul(self.grouped.series.len() as u64)
    }

    fn execute(self, slot: QuerySlot, cancel: &CancelToken) -> Result<(Windows, ExplainReport)> {
        let Self { query, plan, grouped, ids, with_report, started_at, selecting } = self;
        let budget = QueryBudget::new(cancel, query.catalog.runtime(), query.limits, started_at);
        let admitted = budget.elapsed();
        let counters = Arc::new(if with_report { ReadCounters::with_pruning() } else { ReadCounters::default() });
        let (outputs, threads) = read(&*query.catalog, &grouped, &plan, &budget, &counters)?;
        let reading = budget.elapsed().saturating_sub(admitted);
        let answer = query.assemble(grouped.groups, outputs, &plan, &budget)?;
        drop(slot);
        let mut explain = ExplainReport::default();
        if with_report {
            explain = counters.to_report(query.catalog.pruning_counts(&ids, query.range));
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
        let prepared = self.prepare(with_report)?;
        let slot = prepared.query.catalog.runtime().admit_blocking(prepared.expected_points())?;
        prepared.execute(slot, &CancelToken::NEVER)
    }

    /// Runs the query on tokio's blocking pool. A query that waits for a slot takes no thread.
    pub(super) async fn execute(self, with_report: bool) -> Result<(Windows, ExplainReport)> {
        let step = run_offloaded(move |cancel| {
            let prepared = self.prepare(with_report)?;
            match prepared.query.catalog.runtime().try_admit(prepared.expected_points()) {
                Some(slot) => prepared.execute(slot, cancel).map(ExecutionStep::Finished),
                None => Ok(ExecutionStep::Queued(Box::new(prepared))),
            }
        });
        match step.await? {
            ExecutionStep::Finished(answer) => Ok(answer),
            ExecutionStep::Queued(prepared) => {
                let slot = prepared.query.catalog.runtime().admit(prepared.expected_points()).await?;
                run_offloaded(move |cancel| prepared.execute(slot, cancel)).await
            }
        }
    }

    /// Checks the query and selects its series.
    fn prepare(self, with_report: bool) -> Result<PreparedQuery> {
        let started_at = Instant::now();
        let plan = self.to_plan()?;
        let selected = self.catalog.select(&self.selector);
        self.limits.check_series(selected.len())?;
        let ids: Vec<_> = if with_report { selected.iter().map(|info| info.id).collect() } else { Vec::new() };
        let grouped = self.grouping.group(selected);
        Ok(PreparedQuery { selecting: started_at.elapsed(), query: self, plan, grouped, ids, with_report, started_at })
    }

    fn to_plan(&self) -> Result<QueryPlan> {
        self.catalog.check_readable()?;
        self.selector.validate()?;
        self.limits.check()?;
        let aggregates = self.aggregates.clone();
        if aggregates.is_empty() {
            let detail = "no aggregate (`.aggregate(..)` adds one, `.points()` reads the points)".to_owned();
            return Err(Error::InvalidQuery { detail });
        }
        let rank = self.rank.map(|rank| rank.by);
        aggregates.iter().chain(&rank).try_for_each(|aggregate| aggregate.validate())?;
        let start = (!self.open_start).then(|| Timestamp::from_nanos(self.range.first()));
        let grid = match self.every {
            Some(every) => WindowGrid::new(every, self.origin, &self.zone)?,
            None => WindowGrid::Whole { start },
        };
        Ok(QueryPlan {
            range: self.range,
            grid,
            aggregates,
            rank_by: rank,
            merges_series: self.grouping != Grouping::PerSeries,
            statistics: self.use_statistics,
        })
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
            Some(rank) => rank.top_rows(rows.collect()),
            None => rows.map(|(_, row)| row).collect(),
        };
        let mut answer =
            Windows { columns: self.aggregates.iter().map(ToString::to_string).collect(), series: Vec::new() };
        let bounds = OpenBounds::new(self.range, self.open_start, self.open_end);
        for (group, members, rows) in rows {
            let key = group.with_metric(members.metric());
            self.check_sums(&key, members.value_type(), &rows)?;
            let mut rows = fill(rows, self.fill, &plan.grid, bounds, budget)?;
            self.slice.apply(&mut rows);
            if !rows.starts.is_empty() {
                let (starts, values) = (rows.starts, rows.values);
                answer.series.push(SeriesWindows { key, members: members.count, starts, values });
            }
        }
        Ok(answer)
    }

    /// Checks that each sum of integers has their type. A sum beyond its range is a double at this point.
    ///
    /// Only rows of the result are checked: the ranking of the others compares exact sums.
    fn check_sums(&self, key: &SeriesKey, ty: Option<ValueType>, rows: &WindowColumns) -> Result<()> {
        let Some(ty) = ty.filter(|ty| *ty != ValueType::F64) else { return Ok(()) };
        let columns = self.aggregates.iter().zip(&rows.values);
        for (_, column) in columns.filter(|(aggregate, _)| **aggregate == Aggregate::Sum) {
            let overflow = column.iter().position(|sum| matches!(sum, Some(Value::F64(_))));
            if let Some(start) = overflow.and_then(|at| rows.starts.get(at)) {
                return Err(Error::SumOverflow { series: key.to_string(), value_type: ty, window: *start });
            }
        }
        Ok(())
    }
}
