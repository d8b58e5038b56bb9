//! The latest point of each of many series: searched by several threads, each for consecutive ids, and sorted by key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::admission::PreparedWork;
use super::builder::Query;
use super::catalog::Catalog;
use super::latest_search::LatestPoint;
use super::limits::{Deadline, QueryBudget, QueryLimits};
use super::memory::QueryMemory;
use super::offload::CancelToken;
use super::runtime::{QuerySlot, Runtime};
use crate::types::error::Result;
use crate::types::point::{Point, Value};
use crate::types::series::{SeriesInfo, sort_by_series_key};
use crate::types::time_range::TimeRange;

/// Cost of a series, in points that a query reads in the same time.
const LATEST_COST_POINTS: u64 = 100;
/// Minimum number of series of a thread: their search takes several times as long as the start of a thread.
const MIN_SERIES_PER_THREAD: usize = 16_384;

/// Memory of a search for each series in bytes: what was found, and a point of the result.
const BYTES_PER_SERIES: usize = size_of::<LatestPoint>() + size_of::<(Arc<SeriesInfo>, Point<Value>)>();

/// Latest points with the series that they are of.
pub(super) type LatestPoints = Vec<(Arc<SeriesInfo>, Point<Value>)>;

/// Search for the latest point in a range of each series that matches.
///
/// The points are sorted by series key; a series without such a point is left out.
pub(super) struct LatestEach {
    catalog: Arc<dyn Catalog>,
    /// In ascending order of ids.
    series: Vec<Arc<SeriesInfo>>,
    range: TimeRange,
    limits: QueryLimits,
    deadline: Deadline,
    memory: QueryMemory,
}

impl LatestEach {
    /// Selects the series of a query, of which only the selector, the range and the limits count.
    ///
    /// # Errors
    /// For a selector with an invalid pattern, limits that are exceeded, and in a forked child.
    pub(super) fn prepare(query: Query) -> Result<Self> {
        let Query { catalog, selector, range, limits, .. } = query;
        let deadline = Deadline::new(limits.deadline, Instant::now());
        catalog.check_readable()?;
        selector.validate()?;
        limits.check()?;
        let series = catalog.select(&selector);
        limits.check_series(series.len())?;
        let memory = QueryMemory::new(catalog.runtime(), limits.memory_bytes);
        memory.track(0, series.capacity() * size_of::<Arc<SeriesInfo>>())?;
        Ok(Self { catalog, series, range, limits, deadline, memory })
    }
}

/// Search with the budget of its query.
struct RunningSearch<'a> {
    catalog: &'a dyn Catalog,
    series: &'a [Arc<SeriesInfo>],
    range: TimeRange,
    budget: &'a QueryBudget<'a>,
}

impl RunningSearch<'_> {
    /// Searches a part of the series. The points are sorted by key.
    fn search(&self, series: &[Arc<SeriesInfo>]) -> Result<LatestPoints> {
        let found = self.catalog.latest_points(series, self.range, self.budget)?;
        let points = series.iter().zip(found).filter_map(|(info, found)| {
            let (timestamp, bits) = found?;
            Some((Arc::clone(info), Point { timestamp, value: Value::from_bits(info.value_type, bits) }))
        });
        let mut points: Vec<_> = points.collect();
        sort_by_series_key(&mut points, |(info, _)| &info.key);
        Ok(points)
    }

    /// Searches parts of the series on this thread and on others, and returns the points of each part.
    fn search_parts(&self, parts: usize) -> Result<Vec<LatestPoints>> {
        let parts: Vec<&[Arc<SeriesInfo>]> = self.series.chunks(self.series.len().div_ceil(parts)).collect();
        let next = AtomicUsize::new(0);
        let found: Vec<Mutex<Option<Result<LatestPoints>>>> = parts.iter().map(|_| Mutex::new(None)).collect();
        let work = || {
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < parts.len()) {
                let points = self.search(parts[at]);
                if points.is_err() {
                    self.budget.fail();
                }
                *found[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(points);
            }
        };
        let runtime = self.budget.runtime();
        std::thread::scope(|scope| {
            for _ in 1..parts.len() {
                // If a thread cannot be started, the other threads search its part.
                let Some(permit) = runtime.try_start_thread() else { break };
                let spawned = std::thread::Builder::new().name("timestrata-query".to_owned());
                let _ = spawned.spawn_scoped(scope, || {
                    let _permit = permit;
                    work();
                });
            }
            work();
        });
        found.into_iter().filter_map(|part| part.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

impl PreparedWork for LatestEach {
    type Output = LatestPoints;

    fn runtime(&self) -> Runtime {
        self.catalog.runtime()
    }

    fn expected_points(&self) -> u64 {
        (self.series.len() as u64).saturating_mul(LATEST_COST_POINTS)
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn execute(self, slot: QuerySlot, cancel: &CancelToken) -> Result<LatestPoints> {
        let Self { catalog, series, range, limits, deadline, memory } = self;
        memory.track(0, series.len() * BYTES_PER_SERIES)?;
        let budget = QueryBudget::new(cancel, catalog.runtime(), limits, (deadline, memory));
        let search = RunningSearch { catalog: &*catalog, series: &series, range, budget: &budget };
        let parts = budget.threads().min(series.len() / MIN_SERIES_PER_THREAD);
        let points = if parts < 2 {
            search.search(&series)?
        } else {
            let mut points: LatestPoints = search.search_parts(parts)?.into_iter().flatten().collect();
            // A stable sort merges runs that are sorted.
            points.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
            points
        };
        budget.check_continue()?;
        drop(slot);
        Ok(points)
    }
}
