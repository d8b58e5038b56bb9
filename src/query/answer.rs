//! From a query to its answer: check, select, read, rank, fill, show.

use super::blocking::Wanted;
use super::builder::Query;
use super::cut::Cut;
use super::explain::{Explain, Work};
use super::fill::{bounds, fill};
use super::group::{Group, Grouping, Joined};
use super::limits::Limits;
use super::read::read;
use super::result::{SeriesWindows, Windows};
use super::windows::{Plan, Rows};
use crate::error::{Error, Result};
use crate::point::Timestamp;
use crate::sync::Arc;

impl Query {
    /// The answer; and how it came to be, in full if `thorough`.
    pub(super) fn answer(self, wanted: &Wanted, thorough: bool) -> Result<(Windows, Explain)> {
        let plan = self.plan()?;
        let limits = Limits::new(wanted, self.limits);
        let selected = self.catalog.select(&self.select);
        let selecting = limits.elapsed();
        let work = Arc::new(if thorough { Work::thorough() } else { Work::default() });
        let ids: Vec<_> = if thorough { selected.iter().map(|info| info.id).collect() } else { Vec::new() };
        let groups = self.grouping.groups(selected);
        let (joined, threads) = read(&*self.catalog, &groups, &plan, &limits, &work)?;
        let reading = limits.elapsed().saturating_sub(selecting);
        let answer = self.finish(groups, joined, &plan, &limits)?;
        let mut explain = Explain::default();
        if thorough {
            explain = work.told(self.catalog.census(&ids, self.range));
            explain = Explain { threads, selecting, reading, total: limits.elapsed(), ..explain };
        }
        Ok((answer, explain))
    }

    fn plan(&self) -> Result<Plan> {
        self.select.check()?;
        self.limits.check()?;
        let aggregates = self.aggregates.clone();
        if aggregates.is_empty() {
            let what = "no aggregate: call `.aggregate(..)`, or `.scan()` for the points themselves".to_owned();
            return Err(Error::InvalidQuery { what });
        }
        let rank = self.rank.map(|rank| rank.by);
        aggregates.iter().chain(&rank).try_for_each(|aggregate| aggregate.check())?;
        let start = (!self.is_open.0).then(|| Timestamp::from_nanos(self.range.first()));
        let cut = match self.every {
            Some(every) => Cut::new(every, self.origin, &self.zone)?,
            None => Cut::Whole { start },
        };
        let joins = self.grouping != Grouping::Each;
        Ok(Plan { range: self.range, cut, aggregates, rank, joins, statistics: self.statistics })
    }

    fn finish(&self, groups: Vec<Group>, joined: Vec<Joined>, plan: &Plan, limits: &Limits<'_>) -> Result<Windows> {
        let met = groups.into_iter().zip(joined).filter(|(_, joined)| !joined.rows.starts.is_empty());
        let rows = met.map(|(group, Joined { rows, total })| (total, (group, rows)));
        let rows: Vec<(Group, Rows)> = match self.rank {
            Some(rank) => rank.best(rows.collect()),
            None => rows.map(|(_, row)| row).collect(),
        };
        let mut answer =
            Windows { columns: self.aggregates.iter().map(ToString::to_string).collect(), series: Vec::new() };
        let bounds = bounds(self.range, self.is_open);
        for (group, rows) in rows {
            let mut rows = fill(rows, self.fill, &plan.cut, bounds, limits)?;
            self.shown.of(&mut rows);
            if !rows.starts.is_empty() {
                let (starts, values) = (rows.starts, rows.values);
                answer.series.push(SeriesWindows { key: group.key, members: group.members.len(), starts, values });
            }
        }
        Ok(answer)
    }
}
