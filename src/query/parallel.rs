//! Parallel reading of the series of a query.
//! Each series is read by one thread; the results are merged in key order.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::catalog::Catalog;
use super::explain::ReadCounters;
use super::group::{GroupMerger, GroupOutput, SeriesGroup};
use super::limits::QueryBudget;
use super::plan::QueryPlan;
use super::window_aggregator::{SeriesOutput, aggregate_series};
use crate::types::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cost that one thread reads before other threads are started, in points.
///
/// This takes some hundred microseconds, several times the cost of starting a thread.
const SINGLE_THREAD_POINTS: u64 = 100_000;
/// Cost of a series before its first point, in points.
const SERIES_COST_POINTS: u64 = 1_000;

/// State of the reading, shared by its threads.
struct ParallelRead<'a> {
    catalog: &'a dyn Catalog,
    groups: &'a [SeriesGroup],
    /// Group and member index of each series, in reading order.
    series: Vec<(usize, usize)>,
    plan: &'a QueryPlan,
    budget: &'a QueryBudget<'a>,
    counters: &'a Arc<ReadCounters>,
    /// Index of the next series to read.
    next: AtomicU64,
    merge_state: Mutex<MergeState>,
}

#[derive(Default)]
struct MergeState {
    /// Outputs of series that wait for an earlier one.
    waiting_outputs: BTreeMap<usize, SeriesOutput>,
    /// Number of merged series.
    merged_series: usize,
    current_group: GroupMerger,
    finished_groups: Vec<GroupOutput>,
    /// Error of the first series that failed.
    first_error: Option<(usize, Error)>,
}

/// Reads and merges the series of each group. Returns the number of threads.
pub(super) fn read(
    catalog: &dyn Catalog,
    groups: &[SeriesGroup],
    plan: &QueryPlan,
    budget: &QueryBudget<'_>,
    counters: &Arc<ReadCounters>,
) -> Result<(Vec<GroupOutput>, usize)> {
    let places = groups.iter().enumerate().flat_map(|(at, group)| (0..group.members.len()).map(move |nth| (at, nth)));
    let reading = ParallelRead {
        catalog,
        groups,
        series: places.collect(),
        plan,
        budget,
        counters,
        next: AtomicU64::new(0),
        merge_state: Mutex::default(),
    };
    let threads = reading.run();
    let merge_state = reading.merge_state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match merge_state.first_error {
        Some((_, error)) => Err(error),
        None => Ok((merge_state.finished_groups, threads)),
    }
}

impl ParallelRead<'_> {
    fn run(&self) -> usize {
        let mut alone = 0;
        // With a few large series, this thread would read the first series to its end before others start.
        let are_large = self.series.len() > 1 && self.catalog.expected_points(self.plan.range) >= SINGLE_THREAD_POINTS;
        while !are_large && stays_single_threaded(alone, self.budget.points()) {
            if !self.read_next() {
                return 1;
            }
            alone += 1;
        }
        let left = self.series.len().saturating_sub(alone);
        let threads = if left > 1 { self.budget.threads().min(left) } else { 1 };
        if threads == 1 {
            while self.read_next() {}
            return 1;
        }
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // If a thread cannot be started, the other threads read its series.
                let spawned = std::thread::Builder::new().name("timestrata-query".to_owned());
                let _ = spawned.spawn_scoped(scope, || while self.read_next() {});
            }
            while self.read_next() {}
        });
        threads
    }

    /// Reads the next series. Returns `false` if there is none, or the query has ended.
    fn read_next(&self) -> bool {
        let at = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        let Some((group, nth)) = self.series.get(at).copied() else { return false };
        let info = &self.groups[group].members[nth];
        let sources = self.catalog.sources(info, self.plan.range, Some(self.counters));
        let read = sources.and_then(|sources| aggregate_series(sources, self.plan, self.budget));
        let kept = read.and_then(|part| self.merge_in_order(at, part));
        match kept {
            // If reading was stopped, the output of the series is incomplete.
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

    /// Merges the output of a series once all series before it are merged.
    fn merge_in_order(&self, at: usize, part: SeriesOutput) -> Result<()> {
        let mut merge_state = self.merge_state.lock().unwrap_or_else(PoisonError::into_inner);
        let merge_state = &mut *merge_state;
        merge_state.waiting_outputs.insert(at, part);
        while let Some(part) = merge_state.waiting_outputs.remove(&merge_state.merged_series) {
            let (group, nth) = self.series[merge_state.merged_series];
            let members = &self.groups[group].members;
            merge_state.current_group.add(&members[nth], part, &self.plan.grid, self.budget)?;
            merge_state.merged_series += 1;
            if nth + 1 == members.len() {
                merge_state.finished_groups.push(std::mem::take(&mut merge_state.current_group).finish(self.plan));
            }
        }
        Ok(())
    }
}

/// Returns `true` if the work is too little for another thread.
fn stays_single_threaded(series: usize, points: u64) -> bool {
    points + series as u64 * SERIES_COST_POINTS < SINGLE_THREAD_POINTS
}
