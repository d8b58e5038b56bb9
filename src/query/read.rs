//! Reading the series of a query, several at once where that pays.
//! Each series is read by one thread; what becomes of them is joined in the order of their keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::catalog::Catalog;
#[cfg(feature = "planted")]
use super::catalog::{AnySources, Sources};
use super::explain::Work;
use super::group::{Group, Joined, Joining};
use super::limits::Limits;
use super::windows::{Part, Plan, part};
use crate::error::{Error, Result};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Work of one thread before it looks for help, in points: some hundred microseconds, several times what starting a
/// thread costs.
const ALONE_POINTS: u64 = 100_000;
/// What a series costs before its first point, in points.
const SERIES_POINTS: u64 = 1_000;

/// A query's series as they are read.
struct Reading<'a> {
    catalog: &'a dyn Catalog,
    groups: &'a [Group],
    /// Of each series in turn, its group and its place there.
    series: Vec<(usize, usize)>,
    plan: &'a Plan,
    limits: &'a Limits<'a>,
    work: &'a Arc<Work>,
    /// The next one to be read.
    next: AtomicU64,
    joins: Mutex<Joins>,
}

#[derive(Default)]
struct Joins {
    /// Those that came before an earlier one.
    early: BTreeMap<usize, Part>,
    /// Series that are joined.
    joined: usize,
    current: Joining,
    done: Vec<Joined>,
    /// The error of the first series that has one.
    failed: Option<(usize, Error)>,
}

/// Reads and joins the series of each group; how many threads did it.
pub(super) fn read(
    catalog: &dyn Catalog,
    groups: &[Group],
    plan: &Plan,
    limits: &Limits<'_>,
    work: &Arc<Work>,
) -> Result<(Vec<Joined>, usize)> {
    let places = groups.iter().enumerate().flat_map(|(at, group)| (0..group.members.len()).map(move |nth| (at, nth)));
    let reading = Reading {
        catalog,
        groups,
        series: places.collect(),
        plan,
        limits,
        work,
        next: AtomicU64::new(0),
        joins: Mutex::default(),
    };
    let threads = reading.run();
    let joins = reading.joins.into_inner().unwrap_or_else(PoisonError::into_inner);
    match joins.failed {
        Some((_, error)) => Err(error),
        None => Ok((joins.done, threads)),
    }
}

impl Reading<'_> {
    fn run(&self) -> usize {
        let mut alone = 0;
        // Of a few large series the first would be read alone to its end.
        let are_large = self.series.len() > 1 && self.catalog.expected_points(self.plan.range) >= ALONE_POINTS;
        while !are_large && limits_alone(alone, self.limits.points()) {
            if !self.step() {
                return 1;
            }
            alone += 1;
        }
        let left = self.series.len().saturating_sub(alone);
        let threads = if left > 1 { self.limits.threads().min(left) } else { 1 };
        if threads == 1 {
            while self.step() {}
            return 1;
        }
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // A thread that cannot be had is done without.
                let spawned = std::thread::Builder::new().name("timestrata-query".to_owned());
                let _ = spawned.spawn_scoped(scope, || while self.step() {});
            }
            while self.step() {}
        });
        threads
    }

    /// Reads the next series; false if there is none, or nobody wants it.
    fn step(&self) -> bool {
        let at = usize::try_from(self.next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
        let Some((group, nth)) = self.series.get(at).copied() else { return false };
        let info = &self.groups[group].members[nth];
        let sources = self.catalog.sources(info, self.plan.range, Some(self.work));
        #[cfg(feature = "planted")]
        let sources = sources.map(|sources| planted(sources, self.groups[group].members.len() > 1));
        let read = sources.and_then(|sources| part(sources, self.plan, self.limits));
        let kept = read.and_then(|part| self.keep(at, part));
        match kept {
            // What was read of a series is not the whole of it if reading was stopped.
            Ok(()) => self.limits.go_on().unwrap_or(true),
            Err(error) => {
                self.limits.fail();
                let mut joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
                if joins.failed.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                    joins.failed = Some((at, error));
                }
                false
            }
        }
    }

    /// Joins what became of a series, once all before it are joined.
    fn keep(&self, at: usize, part: Part) -> Result<()> {
        let mut joins = self.joins.lock().unwrap_or_else(PoisonError::into_inner);
        let joins = &mut *joins;
        joins.early.insert(at, part);
        while let Some(part) = joins.early.remove(&joins.joined) {
            let (group, nth) = self.series[joins.joined];
            joins.current.add(part, &self.plan.cut, self.limits)?;
            joins.joined += 1;
            if nth + 1 == self.groups[group].members.len() {
                joins.done.push(std::mem::take(&mut joins.current).finish(self.plan));
            }
        }
        Ok(())
    }
}

/// 18: deletes go by tags that a projection has dropped.
#[cfg(feature = "planted")]
fn planted(sources: AnySources, projected: bool) -> AnySources {
    fn undeleted<T>(mut sources: Sources<T>) -> Sources<T> {
        sources.lanes.iter_mut().for_each(|(_, hidden)| *hidden = crate::version::Hidden::new(Vec::new()));
        sources
    }
    if !projected || !crate::planted::is("projection_drops_deletes") {
        return sources;
    }
    match sources {
        AnySources::F64(sources) => AnySources::F64(undeleted(sources)),
        AnySources::I64(sources) => AnySources::I64(undeleted(sources)),
        AnySources::U64(sources) => AnySources::U64(undeleted(sources)),
        AnySources::Bool(sources) => AnySources::Bool(undeleted(sources)),
    }
}

/// Whether so little was done that another thread would not have begun yet.
fn limits_alone(series: usize, points: u64) -> bool {
    points + series as u64 * SERIES_POINTS < ALONE_POINTS
}
