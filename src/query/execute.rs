//! Execution of a query: check, select series, read and merge them, rank, fill, slice.

use super::builder::Query;
use super::explain::{ExplainReport, ReadCounters};
use super::fill::{OpenBounds, fill};
use super::group::{GroupOutput, Grouping, PresentMembers, SeriesGroup};
use super::limits::QueryBudget;
use super::offload::CancelToken;
use super::parallel::read;
use super::result::{SeriesWindows, Windows};
use super::window_aggregator::{QueryPlan, WindowColumns};
use super::window_grid::WindowGrid;
use crate::types::error::{Error, Result};
use crate::types::point::{Timestamp, ValueType};
use crate::types::series::SeriesKey;
use std::sync::Arc;

impl Query {
    /// Runs the query. Returns the result and the explain report, which is empty unless `with_report`.
    pub(super) fn execute(self, cancel: &CancelToken, with_report: bool) -> Result<(Windows, ExplainReport)> {
        let plan = self.to_plan()?;
        let budget = QueryBudget::new(cancel, self.limits);
        let selected = self.catalog.select(&self.selector);
        let selecting = budget.elapsed();
        let counters = Arc::new(if with_report { ReadCounters::with_pruning() } else { ReadCounters::default() });
        let ids: Vec<_> = if with_report { selected.iter().map(|info| info.id).collect() } else { Vec::new() };
        let groups = self.grouping.groups(selected);
        let (outputs, threads) = read(&*self.catalog, &groups, &plan, &budget, &counters)?;
        let reading = budget.elapsed().saturating_sub(selecting);
        let answer = self.assemble(groups, outputs, &plan, &budget)?;
        let mut explain = ExplainReport::default();
        if with_report {
            explain = counters.to_report(self.catalog.pruning_counts(&ids, self.range));
            explain = ExplainReport { threads, selecting, reading, total: budget.elapsed(), ..explain };
        }
        Ok((answer, explain))
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
        groups: Vec<SeriesGroup>,
        outputs: Vec<GroupOutput>,
        plan: &QueryPlan,
        budget: &QueryBudget<'_>,
    ) -> Result<Windows> {
        let with_windows = groups.into_iter().zip(outputs).filter(|(_, output)| !output.rows.starts.is_empty());
        let rows = with_windows.map(|(group, GroupOutput { rows, total, members })| (total, (group, members, rows)));
        let rows: Vec<(SeriesGroup, PresentMembers, WindowColumns)> = match self.rank {
            Some(rank) => rank.top_rows(rows.collect()),
            None => rows.map(|(_, row)| row).collect(),
        };
        let mut answer =
            Windows { columns: self.aggregates.iter().map(ToString::to_string).collect(), series: Vec::new() };
        let bounds = OpenBounds::new(self.range, self.open_start, self.open_end);
        for (group, members, rows) in rows {
            let key = if members.metric() == group.key.metric() {
                group.key
            } else {
                group.key.with_metric(members.metric())
            };
            Self::check_sums(&key, members.value_type(), &rows)?;
            let mut rows = fill(rows, self.fill, &plan.grid, bounds, budget)?;
            self.slice.apply(&mut rows);
            if !rows.starts.is_empty() {
                let (starts, values) = (rows.starts, rows.values);
                answer.series.push(SeriesWindows { key, members: members.count, starts, values });
            }
        }
        Ok(answer)
    }

    /// Checks that each sum of integers is in the range of their type.
    ///
    /// Only rows of the result are checked: the ranking of the others compares exact sums.
    fn check_sums(key: &SeriesKey, ty: Option<ValueType>, rows: &WindowColumns) -> Result<()> {
        match (ty, rows.sum_overflow) {
            (Some(value_type), Some(window)) => Err(Error::SumOverflow { series: key.to_string(), value_type, window }),
            _ => Ok(()),
        }
    }
}
