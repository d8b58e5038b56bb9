//! The empty-series check: finds the series that have no visible point.
//!
//! These series leave the listings and the count that `max_series` limits.
//!
//! A delete of all time makes its series empty at its place in the order of records. A delete of part of the time, or a
//! cutoff that moves, may hide the last point of a series. The writer cannot decide this without reading files, so
//! these only make the series **candidates**. A check then works in three steps:
//!
//! ```text
//!   version.series            writer                           compactor
//!   ───────────────           ──────                           ─────────
//!   candidates ──────────────▶ start: number += 1
//!                              StartEmptySeriesCheck ────────▶ scan every candidate in the version of `seq`
//!                              records commits meanwhile:         until its first visible point
//!                                written_since, deleted_since      │
//!   candidates − checked ◀──── Finished ◀──────────────────────────┘ the candidates without a point
//!   empty + found
//!     checked = candidates of the check, except deleted_since
//!     found   = series without a point,  except written_since
//! ```
//!
//! Invariants:
//! - A series that was written since the check began does not become empty: the version of the check does not contain
//!   the new points.
//! - A series that was deleted from since the check began stays a candidate: the delete may have hidden its last point.
//! - The manifest names a series as empty only once the records up to `seq` are in SSTs: the delete that hid its points
//!   may be one of these records, and a power loss may lose it. Until then the manifest has the series as a candidate.
//! - Checks run when the compactor has nothing else to do, at least [`MIN_CHECK_INTERVAL`] apart, since each may read
//!   the index of every file. If a check is possible and has not started for [`MAX_CHECK_DELAY`], it precedes
//!   compactions, since an empty series counts under `max_series` until it is found. A compact command waits for one
//!   check, which starts without delay.
//! - When the global cutoff moves, all listed series become candidates the first time, when files were dropped, and
//!   when it has moved by the retention age divided by [`FULL_CHECKS_PER_AGE`] since the last time.

use std::time::Duration;

use super::compactor_schedule::CompactorEvent;
use super::effects::{Effect, Effects, MachineEvent};
use super::interfaces::Timer;
use crate::state::series_index::SeriesBitmap;
use crate::state::tombstone::Tombstone;
use crate::state::version::Version;
use crate::types::error::{Error, Result};
use crate::types::series::{SeriesId, SeriesSet};

/// Shortest time from the end of one check to the start of the next.
///
/// A check that a compact command waits for starts earlier.
pub(super) const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Time from the end of [`MIN_CHECK_INTERVAL`] until a check precedes compactions.
pub(super) const MAX_CHECK_DELAY: Duration = Duration::from_mins(1);
/// Number of times that all series become candidates while the global cutoff moves by the age.
const FULL_CHECKS_PER_AGE: i64 = 8;

/// Event for the empty-series check.
#[derive(Debug)]
pub(super) enum EmptySeriesEvent {
    /// The compactor finished the check of the candidates in the version of `seq`.
    Finished { seq: u64, candidates: SeriesSet, outcome: Result<SeriesSet> },
    /// A version with other cutoffs or fewer files was installed.
    CutoffsMoved { files_dropped: bool },
}

/// State of the running check, and the time of the next. The candidates are in the version.
#[derive(Debug)]
pub(super) struct EmptySeriesCheck {
    /// Global retention age.
    retention_age: Option<Duration>,
    is_running: bool,
    /// Number of checks started.
    started: u64,
    /// Series written since the running check began.
    written_since: SeriesBitmap,
    /// Series deleted from since the running check began.
    deleted_since: SeriesBitmap,
    /// Time before which a check starts only if it is needed at once.
    earliest_next: Duration,
    /// Global cutoff when all series last became candidates.
    last_full_cutoff: Option<i64>,
}

impl EmptySeriesCheck {
    pub(super) fn new(retention_age: Option<Duration>) -> Self {
        Self {
            retention_age,
            is_running: false,
            started: 0,
            written_since: SeriesBitmap::default(),
            deleted_since: SeriesBitmap::default(),
            earliest_next: Duration::ZERO,
            last_full_cutoff: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_running
    }

    /// Returns the number of the next check to start.
    pub(super) fn next_number(&self) -> u64 {
        self.started + 1
    }

    /// Returns the number of the last check that has succeeded or failed.
    pub(super) fn finished(&self) -> u64 {
        self.started - u64::from(self.is_running)
    }

    /// Records a write or delete that is about to become visible, if a check runs.
    ///
    /// Must be called for every command of a group.
    pub(super) fn record_changes(&mut self, series: &[SeriesId], delete: Option<&Tombstone>) {
        if !self.is_running {
            return;
        }
        for id in series {
            self.written_since.insert(*id);
        }
        if let Some(tombstone) = delete {
            self.deleted_since.insert_all_except(&tombstone.series, &SeriesBitmap::default());
        }
    }

    /// Returns `true` if there are candidates and their check must precede compactions.
    ///
    /// This is so if the check could have started more than [`MAX_CHECK_DELAY`] ago.
    pub(super) fn is_overdue(&self, version: &Version, now: Duration) -> bool {
        has_candidates(version) && !self.is_running && now > self.earliest_next + MAX_CHECK_DELAY
    }

    /// Starts a check if there are candidates and no check runs.
    ///
    /// Without `at_once` it arms the timer instead while the shortest interval is not over.
    pub(super) fn start(&mut self, at_once: bool, version: &Version, now: Duration) -> Effects {
        if self.is_running || !has_candidates(version) {
            return Effects::new();
        }
        let wait = self.earliest_next.saturating_sub(now);
        if !at_once && wait > Duration::ZERO {
            return vec![Effect::ArmTimerNoLater(Timer::EmptySeriesCheck, wait)];
        }
        let candidates = version.series.empty_series().candidates().to_set();
        tracing::debug!(candidates = candidates.count(), "empty-series check started");
        self.is_running = true;
        self.started += 1;
        (self.written_since, self.deleted_since) = (SeriesBitmap::default(), SeriesBitmap::default());
        vec![Effect::StartEmptySeriesCheck(candidates)]
    }

    pub(super) fn on(&mut self, event: EmptySeriesEvent, version: &Version, now: Duration) -> Effects {
        match event {
            EmptySeriesEvent::Finished { seq, candidates, outcome } => {
                self.is_running = false;
                self.earliest_next = now + MIN_CHECK_INTERVAL;
                self.on_finished(seq, &candidates, outcome, version)
            }
            EmptySeriesEvent::CutoffsMoved { files_dropped } => self.on_cutoffs_moved(files_dropped, version),
        }
    }

    fn on_finished(
        &mut self,
        seq: u64,
        candidates: &SeriesSet,
        outcome: Result<SeriesSet>,
        version: &Version,
    ) -> Effects {
        let wake = || MachineEvent::Compactor(CompactorEvent::Wake);
        match outcome {
            Ok(empty) => {
                let next = self.apply_check_result(seq, candidates, &empty, version);
                let delta = version.series.empty_series().delta_to(next.series.empty_series());
                // Without a change for the manifest no edit is needed. What must wait for a flush is in the edit of
                // that flush.
                if delta.is_empty() {
                    vec![Effect::Publish(Box::new(next)), Effect::Handle(wake())]
                } else {
                    vec![Effect::Install { next: Box::new(next), then: wake() }]
                }
            }
            Err(Error::Closed) => vec![Effect::Handle(wake())],
            Err(error) => {
                tracing::warn!(%error, "empty-series check failed, retrying");
                let failed = MachineEvent::Compactor(CompactorEvent::FailWaiters(error));
                vec![Effect::Handle(failed), Effect::Handle(wake())]
            }
        }
    }

    /// Returns the version after a check of `candidates` that found no visible point of `empty`.
    fn apply_check_result(
        &mut self,
        seq: u64,
        candidates: &SeriesSet,
        empty: &SeriesSet,
        version: &Version,
    ) -> Version {
        let (written, deleted) = (std::mem::take(&mut self.written_since), std::mem::take(&mut self.deleted_since));
        let except = |ids: &SeriesSet, others: &SeriesBitmap| SeriesBitmap::default().insert_all_except(ids, others);
        let next = version.after_empty_series_check(seq, &except(candidates, &deleted), &except(empty, &written));
        let empty = next.series.empty_series().len();
        tracing::debug!(candidates = candidates.count(), empty, "empty-series check finished");
        next
    }

    fn on_cutoffs_moved(&mut self, files_dropped: bool, version: &Version) -> Effects {
        let cutoff = version.cutoffs.global();
        // A cutoff that was taken back moves on from there.
        self.last_full_cutoff = self.last_full_cutoff.min(cutoff);
        if !self.needs_full_check(cutoff, files_dropped) {
            return Effects::new();
        }
        self.last_full_cutoff = cutoff;
        let next = with_all_candidates(version);
        if has_candidates(&next) { vec![Effect::Publish(Box::new(next))] } else { Effects::new() }
    }

    /// Returns `true` if the global cutoff has moved so far that all series become candidates.
    fn needs_full_check(&self, cutoff: Option<i64>, files_dropped: bool) -> bool {
        let Some(cutoff) = cutoff.filter(|cutoff| Some(*cutoff) > self.last_full_cutoff) else { return false };
        let age = self.retention_age.map(|age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
        let step = age.map(|age| age / FULL_CHECKS_PER_AGE);
        let is_far = |last: i64| step.is_some_and(|step| cutoff.saturating_sub(last) >= step);
        files_dropped || self.last_full_cutoff.is_none_or(is_far)
    }
}

/// Returns `true` if the version has candidates.
pub(super) fn has_candidates(version: &Version) -> bool {
    !version.series.empty_series().candidates().is_empty()
}

/// Returns the version with every series that is not empty as a candidate.
fn with_all_candidates(version: &Version) -> Version {
    let mut next = version.clone();
    next.series.add_candidates(&SeriesSet::from_sorted(next.series.iter().map(|def| def.id)));
    next
}
