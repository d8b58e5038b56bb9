//! The latest point of each of many series: searched by several threads, each for consecutive ids, and sorted by key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::admission::PreparedWork;
use super::catalog::Catalog;
use super::latest_search::{LatestPoint, LatestSearch};
use super::offload::CancelToken;
use super::runtime::{QuerySlot, Runtime};
use super::snapshot::SnapshotState;
use crate::types::error::Result;
use crate::types::point::{Point, Timestamp, Value};
use crate::types::selector::Selector;
use crate::types::series::{SeriesInfo, sort_by_series_key};
use crate::types::time_range::TimeRange;

/// Cost of a series, in points that a query reads in the same time.
const SERIES_COST_POINTS: u64 = 100;
/// Minimum number of series of a thread: their search takes several times as long as the start of a thread.
const MIN_SERIES_PER_THREAD: usize = 16_384;

/// Latest points with the series that they are of.
pub(super) type LatestPoints = Vec<(Arc<SeriesInfo>, Point<Value>)>;

/// Search for the latest point in a range of each series that matches.
///
/// The points are sorted by series key; a series without such a point is left out.
pub(super) struct LatestEach {
    state: Arc<SnapshotState>,
    /// In ascending order of ids.
    series: Vec<Arc<SeriesInfo>>,
    range: TimeRange,
}

impl LatestEach {
    /// Selects the series.
    ///
    /// # Errors
    /// For a selector with an invalid pattern, and in a forked child.
    pub(super) fn prepare(state: Arc<SnapshotState>, selector: &Selector, range: TimeRange) -> Result<Self> {
        state.check_readable()?;
        selector.validate()?;
        let series = state.select(selector);
        Ok(Self { state, series, range })
    }

    /// Searches a part of the series. The points are sorted by key.
    fn search(&self, series: &[Arc<SeriesInfo>], cancel: &CancelToken) -> Result<LatestPoints> {
        let found = LatestSearch::new(&self.state, series, self.range).run(cancel)?;
        let points = series.iter().zip(found).filter_map(|(info, found)| {
            let LatestPoint { time, bits, .. } = found?;
            let value = Value::from_bits(info.value_type, bits);
            Some((Arc::clone(info), Point { timestamp: Timestamp::from_nanos(time), value }))
        });
        let mut points: Vec<_> = points.collect();
        sort_by_series_key(&mut points, |(info, _)| &info.key);
        Ok(points)
    }

    /// Searches parts of the series on this thread and on others, and returns the points of each part.
    fn search_parts(&self, parts: usize, cancel: &CancelToken) -> Result<Vec<LatestPoints>> {
        let parts: Vec<&[Arc<SeriesInfo>]> = self.series.chunks(self.series.len().div_ceil(parts)).collect();
        let next = AtomicUsize::new(0);
        let found: Vec<Mutex<Option<Result<LatestPoints>>>> = parts.iter().map(|_| Mutex::new(None)).collect();
        let work = || {
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < parts.len()) {
                let points = self.search(parts[at], cancel);
                *found[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(points);
            }
        };
        let runtime = self.runtime();
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
        Catalog::runtime(&*self.state)
    }

    fn expected_points(&self) -> u64 {
        (self.series.len() as u64).saturating_mul(SERIES_COST_POINTS)
    }

    fn execute(self, slot: QuerySlot, cancel: &CancelToken) -> Result<LatestPoints> {
        let parts = self.runtime().threads().min(self.series.len() / MIN_SERIES_PER_THREAD);
        let points = if parts < 2 {
            self.search(&self.series, cancel)?
        } else {
            let mut points: LatestPoints = self.search_parts(parts, cancel)?.into_iter().flatten().collect();
            // A stable sort merges runs that are sorted.
            points.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
            points
        };
        drop(slot);
        Ok(points)
    }
}
