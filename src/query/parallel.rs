//! Parallel reading of the series of a query.
//!
//! The series are read in units of consecutive ids. Each thread has a cursor of its own, which moves forward only, since
//! threads take units in ascending order. Each series is read by one thread; the results are merged in the order of ids.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::catalog::{Catalog, CursorOptions, SeriesCursor};
use super::explain::ReadCounters;
use super::group::{GroupMerger, GroupOutput, GroupedSeries};
use super::limits::QueryBudget;
use super::plan::QueryPlan;
use super::window_aggregator::aggregate_series;
use super::window_output::SeriesOutput;
use crate::format::sst::Columns;
use crate::types::error::{Error, Result};

/// Cost that one thread reads before other threads are started, in points.
///
/// This takes some hundred microseconds, several times the cost of starting a thread.
pub(super) const SINGLE_THREAD_POINTS: u64 = 100_000;
/// Cost of a series before its first point, in points.
pub(super) const SERIES_COST_POINTS: u64 = 300;
/// Maximum number of series of a unit: enough that taking a unit costs nothing in comparison.
const MAX_UNIT_SERIES: usize = 64;
/// Minimum number of units per thread, so that threads end at about the same time.
const MIN_UNITS_PER_THREAD: usize = 16;

/// State of the reading, shared by its threads.
struct ParallelRead<'a> {
    catalog: &'a dyn Catalog,
    grouped: &'a GroupedSeries,
    plan: &'a QueryPlan,
    budget: &'a QueryBudget<'a>,
    options: CursorOptions,
    /// Number of series of a unit.
    unit_series: usize,
    /// Index of the next unit to read.
    next: AtomicU64,
    merge_state: Mutex<MergeState>,
}

struct MergeState {
    /// Outputs of units that wait for an earlier one.
    waiting_outputs: BTreeMap<usize, Vec<SeriesOutput>>,
    /// Number of merged series.
    merged_series: usize,
    groups: Vec<GroupMerger>,
    /// Error of the first unit that failed.
    first_error: Option<(usize, Error)>,
}

/// Reads and merges the series of each group. Returns the number of threads.
pub(super) fn read(
    catalog: &dyn Catalog,
    grouped: &GroupedSeries,
    plan: &QueryPlan,
    budget: &QueryBudget<'_>,
    counters: &Arc<ReadCounters>,
) -> Result<(Vec<GroupOutput>, usize)> {
    let count = grouped.series.len();
    let options = CursorOptions { range: plan.range, columns: Columns::Both, counters: Some(Arc::clone(counters)) };
    // With a few large series, a thread would read the first unit to its end before others start.
    let are_large = count > 1 && catalog.expected_points(plan.range, 1) >= SINGLE_THREAD_POINTS;
    let unit_series = if are_large { 1 } else { (count / (MIN_UNITS_PER_THREAD * 4)).clamp(1, MAX_UNIT_SERIES) };
    let groups = std::iter::repeat_with(GroupMerger::default).take(grouped.groups.len()).collect();
    let merge_state = MergeState { waiting_outputs: BTreeMap::new(), merged_series: 0, groups, first_error: None };
    let reading = ParallelRead {
        catalog,
        grouped,
        plan,
        budget,
        options,
        unit_series,
        next: AtomicU64::new(0),
        merge_state: Mutex::new(merge_state),
    };
    let threads = reading.run(are_large);
    let merge_state = reading.merge_state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, error)) = merge_state.first_error {
        return Err(error);
    }
    let groups = merge_state.groups.into_iter().map(|group| group.finish(plan, budget));
    Ok((groups.collect::<Result<_>>()?, threads))
}

impl ParallelRead<'_> {
    fn run(&self, are_large: bool) -> usize {
        let mut cursor = self.catalog.cursor(self.options.clone());
        let mut alone = 0;
        while !are_large && stays_single_threaded(alone * self.unit_series, self.budget.points()) {
            if !self.read_next(&mut *cursor) {
                return 1;
            }
            alone += 1;
        }
        let left = self.grouped.series.len().div_ceil(self.unit_series).saturating_sub(alone);
        let threads = if left > 1 { self.budget.threads().min(left) } else { 1 };
        if threads == 1 {
            while self.read_next(&mut *cursor) {}
            return 1;
        }
        let mut started = 1;
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // If a thread cannot be started, the other threads read its series.
                let Some(permit) = self.budget.runtime().try_start_thread() else { break };
                started += 1;
                let spawned = std::thread::Builder::new().name("timestrata-query".to_owned());
                let _ = spawned.spawn_scoped(scope, move || {
                    let _permit = permit;
                    let mut cursor = self.catalog.cursor(self.options.clone());
                    while self.read_next(&mut *cursor) {}
                });
            }
            while self.read_next(&mut *cursor) {}
        });
        started
    }

    /// Reads the next unit. Returns `false` if there is none, or the query has ended.
    fn read_next(&self, cursor: &mut dyn SeriesCursor) -> bool {
        let count = self.grouped.series.len();
        let at = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        let from = at.saturating_mul(self.unit_series);
        if from >= count {
            return false;
        }
        let unit = from..(from + self.unit_series).min(count);
        match self.read_unit(cursor, unit).and_then(|parts| self.merge_in_order(at, parts)) {
            // If reading was stopped, the output of the unit is incomplete.
            Ok(()) => self.budget.check_continue().unwrap_or(true),
            Err(error) => {
                self.budget.fail();
                let mut merge_state = self.merge_state.lock().unwrap_or_else(PoisonError::into_inner);
                if merge_state.first_error.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                    merge_state.first_error = Some((at, error));
                }
                false
            }
        }
    }

    fn read_unit(&self, cursor: &mut dyn SeriesCursor, unit: Range<usize>) -> Result<Vec<SeriesOutput>> {
        let read = |info: &Arc<crate::SeriesInfo>| {
            cursor.start(info)?;
            aggregate_series(cursor, info.value_type, self.plan, self.budget)
        };
        self.grouped.series[unit].iter().map(read).collect()
    }

    /// Merges the outputs of a unit once all units before it are merged.
    fn merge_in_order(&self, unit: usize, parts: Vec<SeriesOutput>) -> Result<()> {
        let mut merge_state = self.merge_state.lock().unwrap_or_else(PoisonError::into_inner);
        let merge_state = &mut *merge_state;
        merge_state.waiting_outputs.insert(unit, parts);
        while let Some(parts) = merge_state.waiting_outputs.remove(&(merge_state.merged_series / self.unit_series)) {
            for part in parts {
                let at = merge_state.merged_series;
                let group = &mut merge_state.groups[self.grouped.group_of[at] as usize];
                group.add(&self.grouped.series[at], part, &self.plan.grid, self.budget)?;
                merge_state.merged_series += 1;
            }
        }
        Ok(())
    }
}

/// Returns `true` if the work is too little for another thread.
fn stays_single_threaded(series: usize, points: u64) -> bool {
    points + series as u64 * SERIES_COST_POINTS < SINGLE_THREAD_POINTS
}
